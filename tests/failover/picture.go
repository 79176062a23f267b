package failover

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
)

// Measures of the picture, in SVG units.
const (
	left, right, top = 190, 1180, 46
	row              = 26
)

// Picture draws a run as SVG: time runs to the right in cloud seconds, one row for each region with the spans in which
// DNS named it, one row for each client with every request it sent. A lost request is a tall mark and a right one a short
// one, so that the picture can be read without colour.
func Picture(r Report) string {
	regions, end := regionsOf(r), endOf(r)
	x := func(at float64) float64 { return left + at/end*(right-left) }
	height := top + row*(len(regions)+r.Clients) + 70
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 %d" font-family="sans-serif" font-size="12">`+"\n", height)
	fmt.Fprintf(&b, `<rect width="1200" height="%d" fill="#fff"/><text x="10" y="20" font-size="15">%s: who was named by DNS, and what the clients saw</text>`+"\n", height, html.EscapeString(r.Hostname))
	y := top
	for _, region := range regions {
		fmt.Fprintf(&b, `<text x="10" y="%d">%s</text>`, y+16, html.EscapeString(region))
		for i, a := range r.DNS {
			if a.Region != region {
				continue
			}
			until := end
			if i+1 < len(r.DNS) {
				until = r.DNS[i+1].At
			}
			fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="%.1f" height="14" fill="#4a7ebb"/>`, x(a.At), y+4, max(1, x(until)-x(a.At)))
		}
		b.WriteByte('\n')
		y += row
	}
	for client := range r.Clients {
		fmt.Fprintf(&b, `<text x="10" y="%d">client %d</text>`, y+16, client+1)
		for _, q := range r.Requests {
			if q.Client != client {
				continue
			}
			mark, colour := 4, "#999"
			if q.Verdict != Right {
				mark, colour = 18, "#c0392b"
			}
			fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="1" height="%d" fill="%s"/>`, x(q.At), y+20-mark, mark, colour)
		}
		b.WriteByte('\n')
		y += row
	}
	for i, s := range r.Steps {
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#333" stroke-dasharray="3 3"/><text x="%.1f" y="%d">%d</text>`+"\n", x(s.At), top-8, x(s.At), y, x(s.At)+3, top-6, i+1)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d">0 s</text><text x="%d" y="%d" text-anchor="end">%.0f s of cloud time</text>`+"\n", left, y+18, right, y+18, end)
	var legend []string
	for i, s := range r.Steps {
		legend = append(legend, fmt.Sprintf("%d %s", i+1, s.Step))
	}
	for i, part := range []string{strings.Join(legend[:len(legend)/2], " · "), strings.Join(legend[len(legend)/2:], " · ")} {
		fmt.Fprintf(&b, `<text x="10" y="%d" font-size="11">%s</text>`+"\n", y+38+14*i, html.EscapeString(part))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// regionsOf lists the regions that DNS ever named, in the order it came to them.
func regionsOf(r Report) []string {
	var out []string
	for _, a := range r.DNS {
		if !slices.Contains(out, a.Region) {
			out = append(out, a.Region)
		}
	}
	return out
}

func endOf(r Report) float64 {
	if len(r.Requests) == 0 {
		return 1
	}
	last := slices.MaxFunc(r.Requests, func(a, b Request) int { return cmp.Compare(a.At, b.At) })
	return max(1, last.At)
}
