package schema

import (
	"strings"
	"testing"
)

func TestPlaces(t *testing.T) {
	p, err := NewPlaces()
	if err != nil {
		t.Fatal(err)
	}
	for pointer, want := range map[string]string{
		"":                                   "document: ",
		"/version":                           "version: `1`",
		"/routes":                            "routes: list of routes",
		"/routes/3":                          "routes: list of routes",
		"/routes/3/match/path":               "routes.match.path: pattern: literals",
		"/routes/0/match/headers/X-A":        "routes.match.headers: name: ",
		"/routes/0/match/headers/X-A/regexp": "routes.match.headers.regexp: name: ",
		"/upstreams/orders/regions/aws~1eu-west-1/targets/0/url": "upstreams.regions.targets.url: list of `url`",
		"/policies/office/ip/allow/17":                           "policies.ip.allow: list of CIDR",
		"/policies/ip/ip/allow":                                  "policies.ip.allow: list of CIDR", // named as its kind
		"/policies/a/jwt/from/header":                            "policies.jwt.from.header: where the token is",
		"/nothing/there":                                         "document: ",
		"/routes/0/nothing":                                      "routes: list of routes",
		"/routes/x":                                              "routes: list of routes",
		"/version/0/1/2":                                         "version: `1`",
	} {
		name, text := p.Of(pointer)
		if got := name + ": " + text; !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q...", pointer, got, want)
		}
	}
}
