package render

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"polygate.example/tools/internal/drill"
)

// moment is something of a run that has a name and a place on its timeline.
type moment struct {
	name string
	at   float64 // seconds on the timeline
	wall time.Time
	took string // the derived time that ends with it: "detect 12.1 s"
	seen bool
}

// moments are those of a run in the order of drill.Moments, with the mending before the failing back. The places of those that have a time of the
// wall clock follow from how long after the fault they were.
func moments(r drill.Run, speed float64) []moment {
	m, d := r.Moments, r.Derived
	took := func(name string, s *float64) string {
		if s == nil {
			return ""
		}
		return name + " " + seconds(*s)
	}
	out := []moment{{name: "fault"}, {name: "first error"}, {name: "detected", took: took("detect", d.Detect)}, {name: "decided", took: took("decide", d.Decide)},
		{name: "DNS changed", took: took("publish", d.Publish)}, {name: "first shifted"}, {name: "95 % shifted", took: took("propagate", d.Propagate)},
		{name: "recovered", took: took("recover", d.Recover)}, {name: "failed back", took: took("fail back", d.FailBack)}}
	for i, t := range []*time.Time{m.Fault, m.FirstError, m.Detected, m.Decided, m.DNSChanged, m.FirstShifted, m.Shifted95, m.Recovered, m.FailedBack} {
		if t != nil && m.Fault != nil {
			out[i].wall, out[i].seen, out[i].at = *t, true, r.Fault+t.Sub(*m.Fault).Seconds()*max(speed, 0)
		}
	}
	if m.Fault != nil && r.Mended > r.Fault {
		mended := moment{name: "mended", at: r.Mended, seen: true}
		if !gone(r) {
			mended.name = "not mended"
		}
		if speed > 0 {
			mended.wall = m.Fault.Add(time.Duration((r.Mended - r.Fault) / speed * float64(time.Second)))
		}
		out = slices.Insert(out, len(out)-1, mended)
	}
	return out
}

// gone reports whether a run's faults were mended, by what was seen and not by what was ordered.
func gone(r drill.Run) bool {
	return r.Mended > r.Fault && !slices.ContainsFunc(r.Cleanup, func(e drill.Evidence) bool { return !e.OK })
}

// span is a stretch of a lane in which nothing changes.
type span struct {
	from, to float64 // seconds on the timeline
	votes    drill.Votes
	regions  []string // that a name server leads to
}

// lane is what one region's votes or one name server's answers were, from left to right.
type lane struct {
	name   string
	spans  []span
	others int // name servers that answer alike
}

// votes are the lanes of what the manager says, a lane for each region: those that are affected first.
func votes(o drill.Outcome, r drill.Run) []lane {
	names := slices.Clone(o.Affected)
	for _, v := range r.Votes {
		names = append(names, v.Region)
	}
	var out []lane
	for _, name := range unique(names) {
		l := lane{name: name}
		for _, v := range r.Votes {
			if v.Region == name {
				l.add(span{from: v.At, to: r.Length, votes: v})
			}
		}
		if len(l.spans) > 0 {
			out = append(out, l)
		}
	}
	return out
}

// alike is how far apart two name servers may change their answers, in seconds, and share a lane: they are asked one after the other.
const alike = 2.0

// answers are the lanes of what the name servers answer. Those that answer alike share one.
func answers(r drill.Run) []lane {
	var names []string
	for _, c := range r.DNS {
		names = append(names, c.Server)
	}
	var out []lane
	for _, name := range unique(names) {
		l := lane{name: name}
		for _, c := range r.DNS {
			if c.Server == name {
				l.add(span{from: c.At, to: r.Length, regions: c.Regions})
			}
		}
		if i := slices.IndexFunc(out, l.alike); i >= 0 {
			out[i].others++
			continue
		}
		out = append(out, l)
	}
	for i := range out {
		if n := out[i].others; n > 0 {
			out[i].name = fmt.Sprintf("+%d %s", n, out[i].name) // what is cut off of a long name is its end
		}
	}
	return out
}

// alike reports whether two lanes show the same at about the same times.
func (l lane) alike(other lane) bool {
	return slices.EqualFunc(l.spans, other.spans, func(a, b span) bool {
		return math.Abs(a.from-b.from) <= alike && slices.Equal(a.regions, b.regions)
	})
}

// add ends the last span where another one begins.
func (l *lane) add(s span) {
	if n := len(l.spans); n > 0 {
		l.spans[n-1].to = max(l.spans[n-1].from, s.from)
	}
	s.to = max(s.from, s.to)
	l.spans = append(l.spans, s)
}

// at is the span that holds at a second; ok is false before the first.
func (l lane) at(second float64) (s span, ok bool) {
	for _, c := range l.spans {
		if c.from <= second {
			s, ok = c, true
		}
	}
	return s, ok
}

// regions are all that an outcome tells of: those that are affected, then the others by name. A region has the same letter and the same hatching
// wherever it is shown.
func regions(o drill.Outcome) []string {
	var others []string
	for _, r := range o.Runs {
		for _, v := range r.Votes {
			others = append(others, v.Region)
		}
		for _, c := range r.DNS {
			others = append(others, c.Regions...)
		}
		for _, b := range r.Timeline {
			for region := range b.By {
				others = append(others, region)
			}
		}
	}
	slices.Sort(others)
	return unique(append(slices.Clone(o.Affected), others...))
}

// unique keeps the first of each.
func unique(in []string) []string {
	var out []string
	for _, s := range in {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// letters of regions, by their place in regions.
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// letter is a region's, or '?' where there are too many.
func letter(all []string, region string) byte {
	if i := slices.Index(all, region); i >= 0 && i < len(letters) {
		return letters[i]
	}
	return '?'
}

// named is a region's name, and words for answers that name none.
func named(region string) string { return cmp.Or(region, "no region named") }

// list joins names, and says so where there are none.
func list(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = named(n)
	}
	return strings.Join(out, ", ")
}
