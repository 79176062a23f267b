package gateway

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestUncertified: a route wants a certificate by one policy that is not optional, be it its own or one of every route.
func TestUncertified(t *testing.T) {
	t.Parallel()
	policies := map[string]Policy{"who": {ClientCertificate: &ClientCertificate{}}, "maybe": {ClientCertificate: &ClientCertificate{Optional: true}}, "ip": {IP: &IP{}}}
	for _, c := range []struct {
		name       string
		everywhere []string
		routes     [][]string
		want       []int
	}{
		{"no routes", nil, nil, nil},
		{"no policy", nil, [][]string{{"ip"}, nil}, []int{0, 1}},
		{"every route", nil, [][]string{{"ip", "who"}, {"who"}}, nil},
		{"everywhere", []string{"who"}, [][]string{nil, {"ip"}}, nil},
		{"some routes", nil, [][]string{{"who"}, {"ip"}}, []int{1}},
		{"optional", []string{"maybe"}, [][]string{nil, {"who"}}, []int{0}},
		{"a policy that is not there", nil, [][]string{{"nobody"}}, []int{0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := Spec{Policies: policies, Everywhere: c.everywhere}
			for _, names := range c.routes {
				s.Routes = append(s.Routes, Route{Policies: names})
			}
			if diff := cmp.Diff(c.want, s.Uncertified()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
