package localcloud

import (
	"strings"
	"testing"

	"polygate.example/tools/internal/localcloud/resource"
)

// held is a manager's zones: one value of each kind, at any name.
type held string

func (h held) TXT(resource.View, string) []string { return []string{string(h)} }
func (h held) CNAME(resource.View, string) string { return string(h) + ".test" }
func (h held) CAA(resource.View, string) []string { return []string{string(h)} }

// Of two zones of one name only the delegated one is asked, and for a name in neither everybody is.
func TestWorld(t *testing.T) {
	for _, tt := range []struct{ name, delegate, want string }{
		{"a.test", "trafficmanager", "t"},
		{"a.test", "route53", "r"},
		{"_acme-challenge.API.a.test.", "trafficmanager", "t"},
		{"x.sub.a.test", "trafficmanager", "r"}, // the closest zone is at one manager only
		{"nota.test", "trafficmanager", "rt"},
	} {
		w := world{
			zones:   []Zone{{Name: "a.test", Manager: "route53"}, {Name: "a.test.", Manager: "trafficmanager"}, {Name: "sub.a.test", Manager: "route53"}},
			holders: map[string]resource.DNS{"route53": held("r"), "trafficmanager": held("t")},
			delegated: func(_ string, managers []string) string {
				for _, m := range managers {
					if m == tt.delegate {
						return m
					}
				}
				return managers[0]
			},
		}
		v := resource.View{}
		for kind, got := range map[string]string{"TXT": strings.Join(w.TXT(v, tt.name), ""), "CAA": strings.Join(w.CAA(v, tt.name), "")} {
			if got != tt.want {
				t.Errorf("%s of %s delegated to %s: %q, want %q", kind, tt.name, tt.delegate, got, tt.want)
			}
		}
		if got := w.CNAME(v, tt.name); got != tt.want[:1]+".test" {
			t.Errorf("CNAME of %s delegated to %s: %q", tt.name, tt.delegate, got)
		}
	}
}
