package drills

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
	"text/tabwriter"
)

// Sort orders cells by combination and, within one, as Faults does.
func Sort(cells []Cell) {
	at := map[string]int{}
	for i, f := range Faults() {
		at[f.Name] = i
	}
	slices.SortStableFunc(cells, func(a, b Cell) int {
		return cmp.Or(cmp.Compare(a.Combination, b.Combination), cmp.Compare(at[a.Fault], at[b.Fault]))
	})
}

// rows are the combinations in their order.
func rows(cells []Cell) []string {
	var out []string
	for _, c := range cells {
		if !slices.Contains(out, c.Combination) {
			out = append(out, c.Combination)
		}
	}
	return out
}

// cell finds one; false where it was not measured.
func cell(cells []Cell, combination, fault string) (Cell, bool) {
	i := slices.IndexFunc(cells, func(c Cell) bool { return c.Combination == combination && c.Fault == fault })
	if i < 0 {
		return Cell{}, false
	}
	return cells[i], true
}

// Table is the matrix for people: a line for each combination and fault.
func Table(cells []Cell) string {
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "COMBINATION\tFAULT\tRECOVERY / BOUND\tLOST\tVERDICT\t")
	for _, c := range cells {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d of %d\t%s\t%s\n", c.Combination, c.Fault, c, c.Lost, c.Sent, c.Verdict, c.Problem)
	}
	_ = tw.Flush() // a strings.Builder takes everything
	return b.String()
}

// Picture is the matrix as an SVG: a field for each, filled as far as the measured time is of its bound.
func Picture(cells []Cell) string {
	const left, top, w, h = 330, 60, 110, 34
	all := rows(cells)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">`, left+w*len(Faults())+20, top+h*len(all)+40)
	b.WriteString(`<rect width="100%" height="100%" fill="white"/><text x="10" y="20" font-size="15">Recovery of clients, by fault, of the computed bound</text>`)
	for i, f := range Faults() {
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`, left+w*i+w/2, top-8, f.Name)
	}
	for y, row := range all {
		fmt.Fprintf(&b, `<text x="10" y="%d">%s</text>`, top+h*y+h/2+4, html.EscapeString(row))
		for x, f := range Faults() {
			c, ok := cell(cells, row, f.Name)
			if !ok {
				continue
			}
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="#888"/>`, left+w*x+2, top+h*y+2, w-4, h-4)
			took := c.RTO
			if took != nil && *took == 0 && c.Moved != nil {
				took = c.Moved
			}
			if c.Bound > 0 && took != nil {
				fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="#cfe3f5"/>`, left+w*x+3, top+h*y+3, float64(w-6)*min(1, *took/c.Bound), h-6)
			}
			weight := "normal"
			if c.Problem != "" {
				weight = "bold"
			}
			fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle" font-size="9" font-weight="%s">%s</text>`, left+w*x+w/2, top+h*y+h/2+3, weight, html.EscapeString(c.String()))
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}
