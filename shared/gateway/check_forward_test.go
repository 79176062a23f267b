package gateway

import (
	"fmt"
	"strings"
	"testing"
)

// TestForwardBound: a policy tells upstreams so much and no more, each in its own number of headers.
func TestForwardBound(t *testing.T) {
	headers := func(n int, value string) map[string]string {
		out := map[string]string{}
		for i := range n {
			out[fmt.Sprintf("X-Told-%d", i)] = value
		}
		return out
	}
	for name, c := range map[string]struct {
		most  int
		check func(r *report, n int)
	}{
		"claims": {maxClaims, func(r *report, n int) { (&JWT{Forward: headers(n, "sub")}).check(r, "/jwt") }},
		"of certificate": {maxCertificateTo, func(r *report, n int) {
			(&ClientCertificate{Forward: headers(n, forwardFields[0])}).check(r, "/clientCertificate")
		}},
	} {
		for n, wrong := range map[int]bool{c.most: false, c.most + 1: true} {
			var r report
			c.check(&r, n)
			var said []string
			for _, v := range r.found {
				if strings.HasSuffix(v.Path, "/forward") || strings.Contains(v.Path, "/forward/") {
					said = append(said, v.What+"; "+v.Remedy)
				}
			}
			if want := fmt.Sprintf("there are %d headers; keep to %d", n, c.most); wrong && strings.Join(said, "\n") != want || !wrong && said != nil {
				t.Errorf("%d %s: %q, want %s: %v", n, name, said, want, wrong)
			}
		}
	}
}
