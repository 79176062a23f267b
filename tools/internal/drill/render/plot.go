package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"polygate.example/tools/internal/drill"
)

// plot is a run on one axis: faults, proof of them, votes, DNS answers, what clients saw, and the RTO against its bound.
type plot struct {
	figure
	o      drill.Outcome
	r      drill.Run
	all    []string // regions
	length float64  // seconds of the axis
	y      float64  // where the next lane begins
}

// hatchings are how many regions can be told apart by their hatching; further ones begin anew, and have their names to be told by.
const hatchings = 8

// draw makes the figure of a run.
func draw(o drill.Outcome, i int) figure {
	r := o.Runs[i]
	p := &plot{o: o, r: r, all: regions(o), length: end(o, r)}
	p.ID = fmt.Sprintf("run%d", i+1)
	p.Title = fmt.Sprintf("Timeline of run %d of %d", i+1, len(o.Runs))
	p.describe()

	marks := p.marks()
	of, n := levels(marks)
	p.y = float64(n*lineHigh) + 14
	top := p.y
	p.faults()
	for _, l := range votes(o, r) {
		p.votes(l)
	}
	for _, l := range answers(r) {
		p.answers(l)
	}
	p.clients()
	p.limits()
	for i, m := range marks {
		y := float64((of[i] + 1) * lineHigh)
		p.line(m.class, m.x, y-10, m.x, p.y)
		p.text("mark", "start", m.x+4, y, m.text)
	}
	p.axis(top)
	p.Height = p.y + 44
	// What is written lies over what is drawn.
	slices.SortStableFunc(p.Shapes, func(a, b shape) int { return cmp.Compare(over(a), over(b)) })
	return p.figure
}

// over is 1 for what is drawn last.
func over(s shape) int {
	if s.Kind == "text" || s.Class == "plate" {
		return 1
	}
	return 0
}

// x is where a second of the timeline lies.
func (p *plot) x(at float64) float64 {
	return leftEdge + min(max(at, 0), p.length)/p.length*(rightEdge-leftEdge)
}

// describe says in words what the figure shows.
func (p *plot) describe() {
	var said []string
	for _, m := range moments(p.r, p.o.Speed) {
		if m.seen {
			said = append(said, m.name+" "+after(m.at-p.r.Fault))
		}
	}
	p.Desc = fmt.Sprintf("RTO %s; bound %s. %s.", rto(p.r), bound(p.o), cmp.Or(strings.Join(said, ", "), "No moment was seen"))
}

// marks are all moments, the bound and the objective, from left to right.
func (p *plot) marks() []mark {
	var out []mark
	for _, m := range moments(p.r, p.o.Speed) {
		if m.seen && m.at <= p.length {
			out = append(out, mark{"moment", m.name + " " + after(m.at-p.r.Fault), p.x(m.at)})
		}
	}
	for _, l := range p.against() {
		if p.r.Fault+l.of <= p.length {
			out = append(out, mark{"limit", l.name + " " + seconds(l.of), p.x(p.r.Fault + l.of)})
		}
	}
	slices.SortStableFunc(out, func(a, b mark) int { return cmp.Compare(a.x, b.x) })
	return out
}

// against are the limits that the RTO is held against; none without a fault.
func (p *plot) against() (out []struct {
	name string
	of   float64
}) {
	for _, l := range []struct {
		name string
		of   float64
		is   bool
	}{{"bound", p.o.Expected.Bound, !p.o.Expected.Unnoticed}, {"objective", p.o.Objective.RTO, p.o.Objective.RTO > 0}} {
		if l.is && p.r.Moments.Fault != nil {
			out = append(out, struct {
				name string
				of   float64
			}{l.name, l.of})
		}
	}
	return out
}

// faults is the bar from the fault until it was mended, with a line for each fault, and below it the proof that it was there and that it is gone.
func (p *plot) faults() {
	if p.r.Moments.Fault == nil {
		p.name(p.y+11, "faults")
		p.text("label", "start", leftEdge+4, p.y+11, "no fault was in force")
		p.y += 24
		return
	}
	from, to := p.x(p.r.Fault), p.x(mended(p.r, p.length))
	p.name(p.y+11, "faults")
	p.rect("fault", from, p.y+2, to-from, 11, faults(p.o))
	if !gone(p.r) {
		p.text("label", "start", to+4, p.y+11, "still in force")
	}
	p.y += 16
	for _, f := range p.o.Faults {
		text := fit(f.String(), wide-leftEdge-20)
		if from+width(text) < wide-10 {
			p.text("label", "start", from+3, p.y+11, text)
		} else {
			p.text("label", "end", wide-10, p.y+11, text)
		}
		p.y += lineHigh
	}
	p.y += 6
	p.name(p.y+11, "proof")
	for i, e := range slices.Concat(p.r.Landed, p.r.Cleanup) {
		x, y, tip := unit(p.x(e.At)), p.y, of(e.Fault)+": "+e.Text
		switch {
		case !e.OK:
			p.path("wrong", fmt.Sprintf("M%s %sm-5 -5l10 10m0 -10l-10 10", x, unit(y+7)), "not as it should be: "+tip)
		case i < len(p.r.Landed):
			p.path("proof", fmt.Sprintf("M%s %sm-5 10l5 -10l5 10z", x, unit(y+2)), "there: "+tip)
		default:
			p.path("proof", fmt.Sprintf("M%s %sm-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z", x, unit(y+7)), "gone: "+tip)
		}
	}
	p.y += 24
}

// label writes the first of some texts that has room within a stretch.
func (p *plot) label(from, to, y float64, texts ...string) {
	for _, t := range texts {
		if width(t)+8 <= to-from {
			p.plate(from+4, y, t)
			return
		}
	}
}

// votes is a lane of steps: as high as the share of places that call the region well, and hatched while the manager calls it ill.
func (p *plot) votes(l lane) {
	const high = 34
	p.name(p.y+14, "votes "+l.name)
	for _, s := range l.spans {
		from, to, v := p.x(s.from), p.x(s.to), s.votes
		share := 0.0
		switch {
		case v.Of > 0:
			share = min(max(float64(v.Passing)/float64(v.Of), 0), 1)
		case v.Healthy:
			share = 1
		}
		tip := l.name + " " + health(v.Healthy) + ", " + tally(v)
		if !v.Healthy {
			p.rect("ill", from, p.y, to-from, high, tip)
		}
		if share > 0 {
			p.rect("well", from, p.y+high*(1-share), to-from, high*share, tip)
		}
		short := fmt.Sprintf("%d/%d", v.Passing, v.Of)
		if v.Of == 0 {
			short = health(v.Healthy)
		}
		p.label(from, to, p.y+high/2+4, health(v.Healthy)+", "+tally(v), health(v.Healthy)+" "+short, short)
	}
	p.rect("frame", leftEdge, p.y, rightEdge-leftEdge, high, "")
	p.y += high + 8
}

// answers is a lane of bars: the regions that a name server leads to, one above the other where they are several.
func (p *plot) answers(l lane) {
	const high = 16.0
	p.name(p.y+12, "DNS "+l.name)
	for _, s := range l.spans {
		from, to := p.x(s.from), p.x(s.to)
		for i, region := range s.regions {
			each := high / float64(len(s.regions))
			p.rect(p.hatch(region), from, p.y+float64(i)*each, to-from, each, "leads to "+list(s.regions, ""))
		}
		if len(s.regions) == 0 {
			p.rect("frame", from, p.y, to-from, high, "leads to no region")
		}
		p.label(from, to, p.y+12, list(s.regions, "no region"), count(len(s.regions), "region"), fmt.Sprint(len(s.regions)))
	}
	p.y += high + 5
}

// hatch is the class of a region's hatching.
func (p *plot) hatch(region string) string {
	return fmt.Sprintf("r%d", max(slices.Index(p.all, region), 0)%hatchings)
}

// limits are brackets from the fault on: the RTO, the bound and the objective below one another.
func (p *plot) limits() {
	if p.r.Moments.Fault == nil {
		return
	}
	from := p.x(p.r.Fault)
	bracket := func(name, class, text string, to float64, open bool) {
		y := p.y + 7
		p.name(y+4, name)
		right := unit(y-5) + "V" + unit(y+5)
		if open {
			right = unit(y) + "m-6 -5l6 5l-6 5"
		}
		p.path(class, fmt.Sprintf("M%s %sV%sM%s %sH%sM%s %s", unit(from), unit(y-5), unit(y+5), unit(from), unit(y), unit(to), unit(to), right), "")
		p.text("label", "start", to+6, y+4, text)
		p.y += 20
	}
	if p.r.Derived.RTO == nil {
		bracket("RTO", "rto", "not recovered", p.x(p.length), true)
	} else {
		bracket("RTO", "rto", "RTO "+seconds(*p.r.Derived.RTO), p.x(p.r.Fault+*p.r.Derived.RTO), p.r.Fault+*p.r.Derived.RTO > p.length)
	}
	for _, l := range p.against() {
		beyond := p.r.Fault+l.of > p.length
		bracket(l.name, "span", l.name+" "+seconds(l.of), p.x(p.r.Fault+l.of), beyond)
	}
	if p.o.Expected.Unnoticed {
		p.name(p.y+11, "bound")
		p.text("label", "start", from+4, p.y+11, "none: "+fit("the manager's checks do not look at what is broken", wide-from-60))
		p.y += 20
	}
}

// axis is the ruler below the lanes.
func (p *plot) axis(top float64) {
	zero, says := 0.0, "seconds of cloud time"
	if p.r.Moments.Fault != nil {
		zero, says = p.r.Fault, "seconds of cloud time after the fault"
	}
	p.line("axis", leftEdge, p.y, rightEdge, p.y)
	for _, t := range ticks(zero, p.length, 10) {
		p.line("axis", p.x(t), p.y, p.x(t), p.y+5)
		said := after(t - zero)
		if zero == 0 {
			said = seconds(t)
		}
		p.text("tick", "middle", p.x(t), p.y+18, said)
	}
	p.line("axis", leftEdge, top, leftEdge, p.y)
	p.text("tick", "middle", (leftEdge+rightEdge)/2, p.y+36, says)
}
