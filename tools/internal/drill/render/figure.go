package render

import (
	"fmt"
	"unicode/utf8"
)

// Measures of a figure, in SVG units, which are pixels where it is shown in its own size.
const (
	wide       = 1200
	leftEdge   = 215 // of the plot; names stand before it
	rightEdge  = 1060
	letterWide = 6.3 // of a label, on average and rather too much
	lineHigh   = 14
)

// figure is a picture as shapes: the page's template writes them, and escapes what they say.
type figure struct {
	ID          string
	Title, Desc string // what it is and what it shows, for who does not see it
	Height      float64
	Shapes      []shape
}

// shape is a rectangle, a path or a text.
type shape struct {
	Kind   string // "rect", "path" or "text"
	Class  string
	X, Y   string
	W, H   string
	D      string // of a path
	Anchor string // of a text: "start", "middle" or "end"
	Text   string
	Tip    string // shown to who points at it, and read out
}

// unit writes a coordinate.
func unit(f float64) string { return number(f, 1) }

func (f *figure) rect(class string, x, y, w, h float64, tip string) {
	f.Shapes = append(f.Shapes, shape{Kind: "rect", Class: class, X: unit(x), Y: unit(y), W: unit(max(w, 0.5)), H: unit(h), Tip: tip})
}

func (f *figure) path(class, d, tip string) {
	f.Shapes = append(f.Shapes, shape{Kind: "path", Class: class, D: d, Tip: tip})
}

func (f *figure) line(class string, x1, y1, x2, y2 float64) {
	f.path(class, fmt.Sprintf("M%s %sL%s %s", unit(x1), unit(y1), unit(x2), unit(y2)), "")
}

func (f *figure) text(class, anchor string, x, y float64, text string) {
	f.Shapes = append(f.Shapes, shape{Kind: "text", Class: class, Anchor: anchor, X: unit(x), Y: unit(y), Text: text})
}

// name writes a lane's name before it, shortened where it is too long.
func (f *figure) name(y float64, text string) {
	short := fit(text, leftEdge-16)
	f.text("name", "start", 8, y, short)
	if short != text {
		f.Shapes[len(f.Shapes)-1].Tip = text
	}
}

// plate writes a label on a ground of its own, so that it can be read over a hatching.
func (f *figure) plate(x, y float64, text string) {
	f.rect("plate", x-2, y-10, width(text)*0.9+4, 13, "")
	f.text("label", "start", x, y, text)
}

// width is about how wide a label is: letters outside of Latin are taken for twice as wide as they may be.
func width(text string) float64 {
	w := 0.0
	for _, r := range text {
		if r < 0x250 {
			w += letterWide
		} else {
			w += 2 * letterWide
		}
	}
	return w
}

// fit shortens a text to a width, and shows that it did.
func fit(text string, to float64) string {
	if width(text) <= to {
		return text
	}
	for text != "" && width(text)+letterWide*2 > to {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text + "…"
}

// mark is a vertical line with a name.
type mark struct {
	class, text string
	x           float64
}

// levels puts the labels of marks, which are ordered from left to right and stand to the right of their lines, on levels so that none covers another
// one or its line: a label goes below every earlier one that reaches over its line. It returns the level of each, and how many there are.
func levels(marks []mark) (of []int, n int) {
	of = make([]int, len(marks))
	for i, m := range marks {
		for j, e := range marks[:i] {
			if e.x+width(e.text)+8 > m.x {
				of[i] = max(of[i], of[j]+1)
			}
		}
		n = max(n, of[i]+1)
	}
	return of, n
}
