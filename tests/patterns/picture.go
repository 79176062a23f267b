package patterns

import (
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
)

// Problems lists what is not as it should be.
func (m Measured) Problems() []string {
	out := m.Misplaced(m.Shares, m.Regions)
	for _, l := range m.Losses {
		if l.Problem != "" {
			out = append(out, "lose "+l.What+": "+l.Problem)
		}
	}
	return out
}

// Lines is the measurement for people: who answers whom, and what each loss cost.
func (m Measured) Lines() []string {
	byAnswer := map[string][]string{}
	for _, place := range slices.Sorted(maps.Keys(m.Shares)) {
		byAnswer[answered(m.Shares[place], m.Regions)] = append(byAnswer[answered(m.Shares[place], m.Regions)], place)
	}
	var out []string
	if m.Steering == "weighted" {
		whole := map[string]int{}
		for _, at := range m.Shares {
			for r, n := range at {
				whole[r] += n
			}
		}
		out = append(out, "from everywhere: "+answered(whole, m.Regions))
	} else {
		for _, a := range slices.Sorted(maps.Keys(byAnswer)) {
			out = append(out, fmt.Sprintf("from %s: %s", strings.Join(byAnswer[a], " "), a))
		}
	}
	for _, l := range m.Losses {
		verdict := "ok"
		if l.Problem != "" {
			verdict = "MISSED: " + l.Problem
		}
		out = append(out, fmt.Sprintf("lose %-16s last client served again after %5.1f s of %d s, %d of %d requests lost; then by %s; back after %.1f s, %d lost  %s",
			l.What, l.Failover, m.Bound, l.Lost, l.Sent, strings.Join(l.Serving, " "), l.Back, l.BackLost, verdict))
	}
	return out
}

// answered lists the regions that answered, with their shares where there are several.
func answered(at map[string]int, regions []string) string {
	total := 0
	for _, n := range at {
		total += n
	}
	var parts []string
	for _, r := range regions {
		switch n := at[r]; {
		case n == total && n > 0:
			return r
		case n > 0:
			parts = append(parts, fmt.Sprintf("%s %.0f %%", r, 100*float64(n)/float64(total)))
		}
	}
	return strings.Join(parts, ", ")
}

// Measures of the picture, in SVG units.
const (
	labels, cell, line = 330, 34, 30
	bars               = 260
)

// fills tell the regions apart, with a letter of each beside them, so that the picture can be read without colour.
var fills = []string{"#1f4e8c", "#7fa8d9", "#c9b458", "#8c4a1f"}

// Picture draws, for each combination, who answered clients at each place, and how long each loss kept the last client without
// an answer, against the bound.
func Picture(all []Measured) string {
	places := map[string]bool{}
	most := 1.0
	for _, m := range all {
		for p := range m.Shares {
			places[p] = true
		}
		most = max(most, float64(m.Bound)*1.1)
		for _, l := range m.Losses {
			most = max(most, l.Failover)
		}
	}
	columns := slices.Sorted(maps.Keys(places))
	width := labels + cell*len(columns) + 30 + bars + 60
	height := 80 + line*len(all) + 50
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12"><rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height, width, height)
	fmt.Fprintf(&b, `<text x="10" y="24" font-size="15">Who answers whom, and what a loss costs</text><text x="10" y="44">A to D are the regions in failover order</text>`+"\n")
	for i, c := range columns {
		fmt.Fprintf(&b, `<text x="%d" y="66" text-anchor="middle">%s</text>`, labels+cell*i+cell/2, html.EscapeString(c))
	}
	at := labels + cell*len(columns) + 30
	fmt.Fprintf(&b, `<text x="%d" y="66">seconds until the last client was served again; the mark is the bound</text>`+"\n", at)
	for row, m := range all {
		y := 76 + line*row
		fmt.Fprintf(&b, `<text x="10" y="%d">%s</text>`, y+18, html.EscapeString(m.String()))
		for i, c := range columns {
			share(&b, labels+cell*i+2, y+2, m.Shares[c], m.Regions)
		}
		for i, l := range m.Losses {
			w := l.Failover / most * bars
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="10" fill="%s"/><text x="%.1f" y="%d" font-size="9">%s %.0f s</text>`,
				at, y+3+13*i, max(1, w), fills[i%2], float64(at)+w+4, y+12+13*i, html.EscapeString(l.What), l.Failover)
		}
		x := float64(at) + float64(m.Bound)/most*bars
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#c0392b" stroke-width="2"/>`+"\n", x, y, x, y+line-3)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// share draws one cell: a bar for each region that answered, as wide as its share, with the letter of the region.
func share(b *strings.Builder, x, y int, at map[string]int, regions []string) {
	total := 0
	for _, n := range at {
		total += n
	}
	left := float64(x)
	for i, r := range regions {
		if at[r] == 0 {
			continue
		}
		w := float64(at[r]) / float64(total) * (cell - 4)
		fmt.Fprintf(b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>`, left, y, w, line-6, fills[i%len(fills)])
		if w > 8 {
			fmt.Fprintf(b, `<text x="%.1f" y="%d" fill="#fff" text-anchor="middle" font-size="10">%c</text>`, left+w/2, y+16, 'A'+i)
		}
		left += w
	}
}
