package render

import (
	"fmt"
	"strings"
)

// Measures of the lane of clients.
const (
	clientsHigh = 130.0
	most        = 400 // columns; a longer run has several seconds in each
)

// column is what clients saw in a second of the timeline, or in some of them, as shares of their requests that add up to 1.
type column struct {
	from, to float64   // seconds on the timeline
	by       []float64 // right answers, by place in the list of regions
	lost     float64
	none     bool // no request
}

// columnsOf are the columns of a run.
func (p *plot) columnsOf() []column {
	var out []column
	each := (len(p.r.Timeline) + most - 1) / most
	for i := 0; i < len(p.r.Timeline); i += each {
		part := p.r.Timeline[i:min(i+each, len(p.r.Timeline))]
		c := column{from: part[0].At, to: part[len(part)-1].At + 1, by: make([]float64, len(p.all))}
		if next := i + each; next < len(p.r.Timeline) {
			c.to = p.r.Timeline[next].At
		}
		total := 0
		for _, b := range part {
			total += b.Lost
			c.lost += float64(b.Lost)
			for n, region := range p.all {
				total += b.By[region]
				c.by[n] += float64(b.By[region])
			}
		}
		if c.none = total <= 0; !c.none {
			c.lost /= float64(total)
			for n := range c.by {
				c.by[n] /= float64(total)
			}
		}
		out = append(out, c)
	}
	return out
}

// clients is the lane of what they saw: from below the shares of their requests that each region answered, which reach up to the success rate, and
// from there to the top the share that was lost.
func (p *plot) clients() {
	cols := p.columnsOf()
	p.y += 6
	p.name(p.y+14, "clients' requests")
	for i, said := range []string{"100 %", "50 %", "0 %"} {
		y := p.y + float64(i)*clientsHigh/2
		p.text("tick", "end", leftEdge-6, y+4, said)
		p.line("grid", leftEdge, y, rightEdge, y)
	}
	base := make([]float64, len(cols))
	for n, region := range p.all {
		top := make([]float64, len(cols))
		any := false
		for i, c := range cols {
			top[i] = base[i] + c.by[n]
			any = any || c.by[n] > 0
		}
		if any {
			p.path(p.hatch(region)+" band", p.band(cols, base, top), "answered by "+named(region))
		}
		base = top
	}
	full, lost := make([]float64, len(cols)), false
	for i, c := range cols {
		full[i], lost = 1, lost || c.lost > 0
	}
	if lost {
		p.path("lost", p.band(cols, base, full), "lost")
	}
	p.rect("frame", leftEdge, p.y, rightEdge-leftEdge, clientsHigh, "")
	p.direct(cols, lost)
	p.y += clientsHigh + 14
}

// band is the path around all that lies between two shares; columns in which it has no height, or which saw no request, are left out.
func (p *plot) band(cols []column, from, to []float64) string {
	var b strings.Builder
	h := func(share float64) string { return unit(p.y + clientsHigh*(1-min(max(share, 0), 1))) }
	for i := 0; i < len(cols); {
		if cols[i].none || to[i]-from[i] < 1e-9 {
			i++
			continue
		}
		first := i
		fmt.Fprintf(&b, "M%s %s", unit(p.x(cols[i].from)), h(to[i]))
		for ; i < len(cols) && !cols[i].none && to[i]-from[i] >= 1e-9; i++ {
			if i > first && h(to[i]) != h(to[i-1]) {
				fmt.Fprintf(&b, "H%sV%s", unit(p.x(cols[i].from)), h(to[i]))
			}
		}
		fmt.Fprintf(&b, "H%sV%s", unit(p.x(cols[i-1].to)), h(from[i-1]))
		for j := i - 2; j >= first; j-- {
			if h(from[j]) != h(from[j+1]) {
				fmt.Fprintf(&b, "H%sV%s", unit(p.x(cols[j+1].from)), h(from[j]))
			}
		}
		fmt.Fprintf(&b, "H%sZ", unit(p.x(cols[first].from)))
	}
	return b.String()
}

// direct names each band in itself, where it has the most room; one without room is told by its hatching.
func (p *plot) direct(cols []column, lost bool) {
	for n := range len(p.all) + 1 {
		text := "lost"
		if n < len(p.all) {
			text = named(p.all[n])
		} else if !lost {
			return
		}
		edges := func(c column) (low, high float64) {
			for _, s := range c.by[:n] {
				low += s
			}
			if n == len(p.all) {
				return low, 1
			}
			return low, low + c.by[n]
		}
		need, bestX, bestY, room := width(text)+8, 0.0, 0.0, (lineHigh-1)/clientsHigh
		for i := range cols {
			low, high := 0.0, 1.0
			for j := i; j < len(cols) && !cols[j].none; j++ {
				l, h := edges(cols[j])
				low, high = max(low, l), min(high, h)
				if high-low <= room {
					break
				}
				if p.x(cols[j].to)-p.x(cols[i].from) >= need {
					room, bestX, bestY = high-low, p.x(cols[i].from), (low+high)/2
					break
				}
			}
		}
		if bestX > 0 {
			p.plate(bestX+4, p.y+clientsHigh*(1-bestY)+4, text)
		}
	}
}
