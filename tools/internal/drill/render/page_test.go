package render

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"polygate.example/tools/internal/drill"
)

// What a page may hold: nothing that runs, loads or leads away.
var (
	elements = strings.Fields("html head meta title style body header main section p h1 h2 span figure figcaption ul li div table caption thead tbody tr th td svg defs pattern rect path circle text desc")
	attrs    = strings.Fields("lang xmlns charset http-equiv content name class id role tabindex aria-label aria-labelledby aria-hidden scope viewBox width height x y cx cy r d patternUnits")
)

// page parses a page strictly, which it is well-formed enough for, and holds it against what a page may hold.
func page(t *testing.T, src string) *node {
	t.Helper()
	root := parse(t, strings.TrimPrefix(src, "<!DOCTYPE html>\n"))
	ids, named := map[string]bool{}, []string(nil)
	for _, n := range root.all() {
		if !slices.Contains(elements, n.name) {
			t.Errorf("it holds <%s>", n.name)
		}
		for a, v := range n.attr {
			if !slices.Contains(attrs, a) {
				t.Errorf("<%s> has %s=%q", n.name, a, v)
			}
			if a == "id" {
				if ids[v] {
					t.Errorf("the id %s is there twice", v)
				}
				ids[v] = true
			}
			if a == "aria-labelledby" {
				named = append(named, strings.Fields(v)...)
			}
		}
	}
	for _, id := range named {
		if !ids[id] {
			t.Errorf("something is named by %s, which is not there", id)
		}
	}
	return root
}

// find are the elements of a name.
func (n *node) find(name string) (out []*node) {
	for _, k := range n.all() {
		if k.name == name {
			out = append(out, k)
		}
	}
	return out
}

// TestPage: every page is well-formed, holds nothing that runs or loads, and its policy admits its own style sheet and nothing else.
func TestPage(t *testing.T) {
	all := outcomes()
	all["hostile"] = everywhere(t, all["repeat"], hostile)
	all["nothing"] = drill.Outcome{Runs: make([]drill.Run, 1)}
	for name, o := range all {
		t.Run(name, func(t *testing.T) {
			src := written(t, HTML, o)
			root := page(t, src)
			styles := root.find("style")
			sum := sha256.Sum256([]byte(styles[0].text))
			want := "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
			if got := root.find("meta")[1].attr["content"]; len(styles) != 1 || got != want {
				t.Errorf("policy %s, want %s", got, want)
			}
			for _, away := range []string{"http://", "https://", "url(\"", "@import", "javascript:"} {
				if strings.Contains(strings.ReplaceAll(styles[0].text, "http://www.w3.org/1999/xhtml", ""), away) {
					t.Errorf("the style sheet holds %s", away)
				}
			}
			if n := len(root.find("svg")); n < 1+len(o.Runs) {
				t.Errorf("%d pictures for %d runs", n, len(o.Runs))
			}
			if name == "hostile" {
				if got, want := root.find("h1")[0].text, plainText(o.Title); got != want {
					t.Errorf("the title is %q, want %q", got, want)
				}
				if strings.Contains(src, "<script") || strings.Contains(src, "<img") {
					t.Error("a name has become an element")
				}
			}
		})
	}
}

// TestRemedy: what is not ok says on the page what to do, and what is not as it should be is said in words.
func TestRemedy(t *testing.T) {
	src := written(t, HTML, outcomes()["cleanup-failed"])
	for _, want := range []string{"CLEAN-UP FAILED", "-&gt; polygate drill lever release region-down aws/us-east-1, or wait until 12:10:00 UTC", "NOT AS IT SHOULD BE", "not mended &#43;75 s", "still in force</text>"} {
		if !strings.Contains(strings.ToUpper(src), strings.ToUpper(want)) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestLevels: no label of a mark lies over another one, nor over another one's line.
func TestLevels(t *testing.T) {
	for _, c := range []struct {
		name  string
		marks []mark
		most  int
	}{
		{"apart", []mark{{text: "fault 0 s", x: 200}, {text: "mended +75 s", x: 500}}, 1},
		{"together", []mark{{text: "decided +1.2 s", x: 300}, {text: "DNS changed +1.3 s", x: 300}, {text: "recovered +1.4 s", x: 301}}, 3},
		{"one long one over two", []mark{{text: strings.Repeat("long ", 30), x: 200}, {text: "a", x: 300}, {text: "b", x: 600}}, 2},
		{"stairs", []mark{{text: strings.Repeat("x", 20), x: 200}, {text: strings.Repeat("x", 20), x: 260}, {text: strings.Repeat("x", 20), x: 340}, {text: "x", x: 420}}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			of, n := levels(c.marks)
			if n != c.most {
				t.Errorf("%d levels, want %d", n, c.most)
			}
			for i, a := range c.marks {
				for j, b := range c.marks {
					covered := a.x+4 < b.x+4+width(b.text) && b.x+4 < a.x+4+width(a.text)
					if i != j && of[i] == of[j] && covered {
						t.Errorf("%q lies over %q", a.text, b.text)
					}
					// The line of b goes down from its own level, and must not go through a label below that.
					if of[i] > of[j] && b.x > a.x && b.x < a.x+4+width(a.text) {
						t.Errorf("the line of %q goes through %q", b.text, a.text)
					}
				}
			}
		})
	}
}

// TestLabels: no two labels of a figure lie over each other, whatever the names and the moments are, and none leaves the picture.
func TestLabels(t *testing.T) {
	all := outcomes()
	all["long names"] = everywhere(t, all["repeat"], "-a-name-that-goes-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on")
	quick := anOutcome(drill.Pass, "", aRun(shift{detected: 1, decided: 1.1, dns: 1.2, shifted: 1.3, recovered: 1.4, back: 107, began: began}))
	quick.Objective.RTO = 108
	all["all at once"] = quick
	late := all["long names"]
	late.Runs = slices.Clone(late.Runs[:1])
	late.Runs[0].Fault, late.Runs[0].Mended = 110, 115
	all["a late fault with a long name"] = late
	for name, o := range all {
		t.Run(name, func(t *testing.T) {
			for i := range o.Runs {
				type box struct {
					x1, x2, y float64
					text      string
				}
				var boxes []box
				for _, s := range draw(o, i).Shapes {
					if s.Kind != "text" {
						continue
					}
					x, _ := strconv.ParseFloat(s.X, 64)
					y, _ := strconv.ParseFloat(s.Y, 64)
					b := box{x, x + width(s.Text)*0.9, y, s.Text} // the estimate is on the wide side
					switch s.Anchor {
					case "end":
						b.x1, b.x2 = x-width(s.Text)*0.9, x
					case "middle":
						b.x1, b.x2 = x-width(s.Text)*0.45, x+width(s.Text)*0.45
					}
					if b.x1 < 0 || b.x2 > wide {
						t.Errorf("%q leaves the picture: %g to %g", b.text, b.x1, b.x2)
					}
					for _, other := range boxes {
						if b.x1 < other.x2 && other.x1 < b.x2 && max(b.y-other.y, other.y-b.y) < 10 {
							t.Errorf("%q lies over %q", b.text, other.text)
						}
					}
					boxes = append(boxes, b)
				}
			}
		})
	}
}

// TestShares: the lane of clients adds up: what each region answered and what was lost fill every second that saw a request.
func TestShares(t *testing.T) {
	o := outcomes()["pass"]
	long := o
	long.Runs = slices.Clone(o.Runs)
	long.Runs[0].Timeline = nil
	for i := range 1000 {
		long.Runs[0].Timeline = append(long.Runs[0].Timeline, drill.Bucket{At: float64(i), By: map[string]int{first: i % 7}, Lost: i % 3})
	}
	long.Runs[0].Length = 1000
	for name, o := range map[string]drill.Outcome{"pass": o, "more seconds than columns": long} {
		t.Run(name, func(t *testing.T) {
			p := &plot{o: o, r: o.Runs[0], all: regions(o), length: o.Runs[0].Length}
			cols := p.columnsOf()
			if len(cols) > most || cols[len(cols)-1].to != o.Runs[0].Length {
				t.Errorf("%d columns, up to %g s", len(cols), cols[len(cols)-1].to)
			}
			for _, c := range cols {
				sum := c.lost
				for _, share := range c.by {
					sum += share
				}
				if !c.none && (sum < 0.999999 || sum > 1.000001) {
					t.Fatalf("the shares of second %g add up to %g", c.from, sum)
				}
			}
		})
	}
}

// TestHistory: past drills as a table and as a page.
func TestHistory(t *testing.T) {
	var past []Summary
	for i, name := range []string{"pass", "repeat", "never", "inconclusive", "aborted", "cleanup-failed", "blocked", "unnoticed"} {
		o := outcomes()[name]
		o.Started, o.ID = began.AddDate(0, 0, -7*i), fmt.Sprintf("%s-%d", o.ID[:8], i) // the latest first
		past = append(past, SummaryOf(o))
	}
	for ending, form := range map[string]func(io.Writer, []Summary) error{"txt": History, "html": HistoryHTML} {
		t.Run(ending, func(t *testing.T) {
			before := slices.Clone(past)
			var b bytes.Buffer
			if err := form(&b, past); err != nil {
				t.Fatal(err)
			}
			golden(t, "history."+ending, b.String())
			if past[0].ID != before[0].ID {
				t.Error("the drills that were handed in are in another order now")
			}
			if ending == "html" {
				page(t, b.String())
			}
		})
		t.Run("hostile "+ending, func(t *testing.T) {
			var b bytes.Buffer
			if err := form(&b, []Summary{SummaryOf(everywhere(t, outcomes()["pass"], hostile))}); err != nil {
				t.Fatal(err)
			}
			if ending == "html" {
				page(t, b.String())
			}
			if strings.ContainsAny(b.String(), "\x1b\x00\u202e") {
				t.Error("it holds what is not to be seen")
			}
		})
		t.Run("none "+ending, func(t *testing.T) {
			var b bytes.Buffer
			if err := form(&b, nil); err != nil || !strings.Contains(b.String(), "no drill has been run") {
				t.Errorf("%v: %s", err, b.String())
			}
		})
	}
}
