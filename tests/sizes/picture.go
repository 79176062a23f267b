package main

import (
	"fmt"
	"html"
	"strings"
)

// picture is an SVG: for each document a bar as long as its Lambda binary, of which the dark part is what a gateway without parts has, and
// the text beside it.
func picture(rows []Row) string {
	const left, top, width, h = 260, 50, 420, 30
	var most int64 = 1
	for _, r := range rows {
		most = max(most, r.Binary["aws"])
	}
	long := func(n int64) float64 { return float64(width) * float64(n) / float64(most) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`, left+width+300, top+h*len(rows)+20)
	b.WriteString(`<rect width="100%" height="100%" fill="white"/><text x="10" y="24" font-size="15">Lambda binary by the parts that its document needs</text>`)
	for i, r := range rows {
		y := top + h*i
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, left-10, y+17, html.EscapeString(r.name()))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="#cfe3f5" stroke="#446"/>`, left, y+3, long(r.Binary["aws"]), h-8)
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="#446"/>`, left, y+3, long(rows[0].Binary["aws"]), h-8)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d">%s, zip %s, starts in %.1f ms</text>`, left+long(r.Binary["aws"])+8, y+17,
			megabytes(r.Binary["aws"]), megabytes(r.Zip["aws"]), 1000*r.Start)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
