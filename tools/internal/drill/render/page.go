package render

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"

	"polygate.example/tools/internal/drill"
)

//go:embed page.gohtml
var markup string

//go:embed page.css
var style string

// sheet is what every page has: no script, nothing from elsewhere, and a policy that lets the browser take nothing else than this one style sheet.
type sheet struct {
	Title  string
	Policy string       // https://www.w3.org/TR/CSP3/#meta-element
	Style  template.CSS // this package's own
}

// newSheet makes the policy of the style sheet.
func newSheet(title string) sheet {
	sum := sha256.Sum256([]byte(style))
	return sheet{Title: title, Style: template.CSS(style),
		Policy: "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"}
}

// HTML writes an outcome as a page that needs nothing else: no script, no file, no network. Its timelines are SVG, told apart by hatching and names,
// so that they read the same in grey and in print; it follows the reader's choice of light or dark.
func HTML(w io.Writer, o drill.Outcome) error {
	o, err := plain(o)
	if err != nil {
		return err
	}
	type run struct {
		Title    string
		Figure   figure
		Sections []section
	}
	type region struct{ Class, Name string }
	p := struct {
		sheet
		Kind, Sign, Verdict, Because string
		Key                          section
		Regions                      []region
		Runs                         []run
		Rest                         []section
	}{sheet: newSheet(cmp.Or(o.Title, "drill")), Verdict: string(o.Verdict), Because: o.Because, Key: key(o), Rest: []section{about(o), checks(o.Report), digests(o.Digests)}}
	p.Kind, p.Sign = "other", "!"
	switch o.Verdict {
	case drill.Pass:
		p.Kind, p.Sign = "pass", "✓"
	case drill.Fail:
		p.Kind, p.Sign = "fail", "✗"
	}
	for i, name := range regions(o) {
		p.Regions = append(p.Regions, region{fmt.Sprintf("r%d", i%hatchings), named(name)})
	}
	for i, r := range o.Runs {
		p.Runs = append(p.Runs, run{fmt.Sprintf("Run %d of %d: %s", i+1, len(o.Runs), told(o, r)), draw(o, i), ofRun(o, r)})
	}
	if o.Spread.Runs > 1 {
		p.Rest = slices.Insert(p.Rest, 0, spread(o))
	}
	return write(w, "drill", p)
}

// write fills in a page as a whole, so that a page that cannot be made is not begun.
func write(w io.Writer, name string, data any) error {
	t, err := template.New("").Parse(markup)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, name, data); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}
