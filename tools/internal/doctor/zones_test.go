package doctor

import (
	"strings"
	"testing"

	"polygate.example/tools/internal/report"
)

// What is wrong with CAA is mended where it is: polygate:caa is offered only where it would find no set at the zone's top.
func TestCAARemedies(t *testing.T) {
	const (
		name  = "CAA of api.example.com"
		add   = "add to the CAA records of example.com: issue amazon.com, issue pki.goog"
		below = "add to the CAA records of api.example.com: issue amazon.com, issue pki.goog"
		offer = "; or set polygate:caa, which writes them all at the top of example.com, and take out those of names below"
	)
	top := func(w *world) {
		w.records = append(remove(w.records, "example.com. 60 IN CAA"), `example.com. 60 IN CAA 0 issue "letsencrypt.org"`)
	}
	lower := func(w *world) {
		w.records = append(remove(w.records, "api.example.com. 60 IN CNAME"), `api.example.com. 60 IN CAA 0 issue "letsencrypt.org"`)
	}
	for _, c := range []struct {
		name   string
		spoil  func(w *world)
		set    bool // polygate:caa
		remedy string
	}{
		{"at the top", top, false, add + "; or remove those of example.com and of names below first, and set polygate:caa, which writes a set for all of it"},
		{"at the top, with the dial", top, true, add + "; where this stack has written those of example.com (polygate:caa), polygate up writes them anew; where somebody else has, it fails until they are removed"},
		{"below, and a set at the top", lower, false, below + "; or remove those of example.com and of names below first, and set polygate:caa, which writes a set for all of it"},
		{"below alone", func(w *world) { w.records = remove(w.records, "example.com. 60 IN CAA"); lower(w) }, false, below + offer},
		{"below alone, with the dial", func(w *world) { w.records = remove(w.records, "example.com. 60 IN CAA"); lower(w) }, true,
			below + "; or take out those of names below example.com, where polygate up writes them all (polygate:caa)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := healthy(t)
			c.spoil(w)
			w.opts.Settings.CAA = c.set
			for _, got := range Run(t.Context(), w.opts).Checks {
				if got.Name != name {
					continue
				}
				if got.Result != report.Failed || got.Remedy != c.remedy {
					t.Errorf("%s: %q\nwant %q", got.Result, got.Remedy, c.remedy)
				}
				if offered := strings.Contains(got.Remedy, offer); offered != (c.remedy == below+offer) {
					t.Errorf("polygate:caa is offered %t", offered)
				}
				return
			}
			t.Errorf("there is no check %q", name)
		})
	}
}
