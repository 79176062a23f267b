package provider

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polygate.example/infra/settings"
	"polygate.example/shared/clientcert/clientcerttest"
	"polygate.example/shared/gateway"
)

// specs are two providers whose limits differ.
var specs = []Spec{
	{Name: "strict", Regions: map[string]string{"one": "one"}, Limits: Limits{
		URLBytes: 100, HeaderBytes: 150, ColdStartMS: [2]int{100, 1000}, Methods: []string{"TRACE"},
		Reserved: []Reserved{{Path: "/admin", Below: true}, {Path: "/log"}, {Path: "z", Ending: true, Some: true}},
	}},
	{Name: "free", Regions: map[string]string{"one": "one"}, Limits: Limits{Streaming: true}, Countries: true,
		Certificates: func(s settings.Settings, _ gateway.Spec, policy gateway.ClientCertificate) *Objection {
			if policy.CA == "" && s.Environment != "" {
				return &Objection{Reason: "its fronts want an authority", Remedy: "write ca"}
			}
			return nil
		}},
}

func TestDocumentRule(t *testing.T) {
	strict := settings.Settings{Timeout: 10, Regions: []settings.Region{{Provider: "strict", Name: "one"}}}
	with := func(change func(*settings.Settings)) settings.Settings {
		s := strict
		change(&s)
		return s
	}
	at := func(path string) gateway.Route { return gateway.Route{Name: "r", Match: gateway.Match{Path: path}} }
	route := func(change func(*gateway.Route)) gateway.Spec {
		r := at("/r")
		change(&r)
		return gateway.Spec{Routes: []gateway.Route{r}}
	}
	slow := func(change func(*gateway.Spec)) gateway.Spec {
		doc := gateway.Spec{Upstreams: map[string]gateway.Upstream{"u": {Timeouts: gateway.Timeouts{Response: gateway.Duration(20 * time.Second)}}},
			Routes: []gateway.Route{{Name: "r", Match: gateway.Match{Path: "/r"}, Upstream: "u"}}}
		change(&doc)
		return doc
	}
	long := strings.Repeat("x", 120)
	keyed := with(func(s *settings.Settings) { s.Secrets = map[string]map[string]string{"KEY": {}, "TOKEN": {}} })
	sends := func(url string, set map[string]string) gateway.Spec {
		return gateway.Spec{
			Upstreams: map[string]gateway.Upstream{"u": {Targets: []gateway.Target{{URL: "https://b.example"}}, Regions: map[string]gateway.Region{"strict/one": {Targets: []gateway.Target{{URL: url}}}}}},
			Routes:    []gateway.Route{{Name: "r", Match: gateway.Match{Path: "/r"}, Upstream: "u", Request: gateway.Edit{Headers: gateway.HeaderOps{Set: set}}}},
		}
	}
	free := settings.Settings{Regions: []settings.Region{{Provider: "free", Name: "one"}}}
	both := settings.Settings{Regions: append(slices.Clone(strict.Regions), free.Regions...)}
	places := gateway.Spec{Policies: map[string]gateway.Policy{
		"near": {Authorize: &gateway.Authorize{Geo: &gateway.Geo{Allow: []string{"DE"}, Unknown: gateway.UnknownDeny}}},
		"far":  {Authorize: &gateway.Authorize{Geo: &gateway.Geo{Deny: []string{"DE"}, Unknown: gateway.UnknownAllow}}},
		"when": {Authorize: &gateway.Authorize{When: `client.country == "DE"`}},
		"by":   {RateLimit: &gateway.RateLimit{By: []gateway.CountBy{{Kind: gateway.ByExpression, Name: "client.country"}}}},
		"ip":   {Authorize: &gateway.Authorize{When: `client.ip != "" and request.params.country == "DE"`}},
	}}
	for _, name := range []string{"near", "far", "when", "by", "ip"} {
		places.Routes = append(places.Routes, gateway.Route{Name: name, Match: gateway.Match{Path: "/" + name}, Policies: []string{name}})
	}
	for _, c := range []struct {
		name     string
		settings settings.Settings
		doc      gateway.Spec
		want     []string // "! " before a warning; pointer, and the beginning of what
	}{
		{"fine", strict, route(func(*gateway.Route) {}), nil},
		{"a region nobody has", strict, gateway.Spec{Upstreams: map[string]gateway.Upstream{"u": {Regions: map[string]gateway.Region{"strict/two": {}, "free/one": {}}}}},
			[]string{`/upstreams/u/regions/strict~1two: there is no region "strict/two"`}},
		{"longer than the function", strict, route(func(r *gateway.Route) { r.Timeout = gateway.Duration(11 * time.Second) }),
			[]string{`/routes/0/timeout: the route "r" may take 11s, but polygate:timeout ends a request after 10s`}},
		{"shorter than a cold start", strict, route(func(r *gateway.Route) { r.Timeout = gateway.Duration(500 * time.Millisecond) }),
			[]string{`! /routes/0/timeout: the route "r" is to answer within 500ms, but on strict the first request of a new instance waits 100ms to 1s`}},
		{"shorter than a cold start, kept warm", with(func(s *settings.Settings) { s.Warm = 1 }), route(func(r *gateway.Route) { r.Timeout = gateway.Duration(500 * time.Millisecond) }), nil},
		{"as long as a cold start", strict, route(func(r *gateway.Route) { r.Timeout = gateway.Duration(time.Second) }), nil},
		{"waiting longer than the function lives", strict, slow(func(*gateway.Spec) {}),
			[]string{`! /upstreams/u/timeouts/response: the route "r" may wait 20s for an answer, but polygate:timeout ends a request after 10s`}},
		{"waiting no longer than the route", strict, slow(func(d *gateway.Spec) { d.Routes[0].Timeout = gateway.Duration(5 * time.Second) }), nil},
		{"a timeout that is wrong and reported", with(func(s *settings.Settings) { s.Timeout = 0 }), slow(func(*gateway.Spec) {}), nil},
		{"a path that is kept", strict, gateway.Spec{Routes: []gateway.Route{at("/admin")}}, []string{`/routes/0/match/path: the route "r" is never reached on strict, which keeps /admin`}},
		{"a path that is kept, in another case", strict, gateway.Spec{Routes: []gateway.Route{at("/Admin/x"), at("/LOG")}},
			[]string{`/routes/0/match/path: the route "r" is never reached`, `/routes/1/match/path: the route "r" is never reached`}},
		{"below a path that is kept", strict, gateway.Spec{Routes: []gateway.Route{at("/admin/{rest...}")}}, []string{`/routes/0/match/path: the route "r" is never reached`}},
		{"beside a path that is kept", strict, gateway.Spec{Routes: []gateway.Route{at("/administer"), at("/logs"), at("/log/x")}}, nil},
		{"a path that may be kept", strict, gateway.Spec{Routes: []gateway.Route{at("/quiz")}}, []string{`! /routes/0/match/path: the route "r" may not be reached on strict, which keeps some paths like /quiz`}},
		{"a path that only begins so", strict, gateway.Spec{Routes: []gateway.Route{at("/quiz/{id}")}}, nil},
		{"every path", strict, gateway.Spec{Routes: []gateway.Route{at("/{rest...}")}}, nil},
		{"no path", strict, gateway.Spec{Routes: []gateway.Route{at("admin")}}, nil},
		{"a method that is refused", strict, route(func(r *gateway.Route) { r.Match.Methods = []string{"TRACE"} }), []string{`/routes/0/match/methods/0: the route "r" gets no TRACE on strict`}},
		{"a method among others", strict, route(func(r *gateway.Route) { r.Match.Methods = []string{"GET", "TRACE"} }), []string{`! /routes/0/match/methods/1: the route "r" gets no TRACE on strict`}},
		{"a URL that is too long", strict, route(func(r *gateway.Route) {
			r.Match.Query = map[string]gateway.Condition{"q": {Kind: gateway.KindExact, Value: long}}
		}), []string{`/routes/0/match: the route "r" asks for a URL of 125 bytes, and strict takes 100`}},
		{"headers that are too long", strict, route(func(r *gateway.Route) {
			r.Match.Headers = map[string]gateway.Condition{"X-Y": {Kind: gateway.KindExact, Value: long + long}}
		}), []string{`/routes/0/match: the route "r" asks for a URL and headers of 249 bytes, and strict takes 150`}},
		{"events by what clients accept", strict, route(func(r *gateway.Route) {
			r.Match.Headers = map[string]gateway.Condition{"accept": {Kind: gateway.KindExact, Value: "text/event-stream"}}
		}), []string{`! /routes/0: the route "r" streams events, and strict holds a response until it is whole`}},
		{"events by what is answered", strict, route(func(r *gateway.Route) {
			r.Response.Headers.Set = map[string]string{"Content-Type": "text/event-stream; charset=utf-8"}
		}), []string{`! /routes/0: the route "r" streams events`}},
		{"secrets that the stack has", keyed, sends("https://a.example", map[string]string{"X-Key": "${secret.KEY}", "X-Token": "Bearer ${secret.TOKEN}"}), nil},
		{"a secret that the stack does not have", strict, sends("https://a.example", map[string]string{"X-Key": "${secret.KEY}${secret.KEY}"}),
			[]string{`/routes/0/request/headers/set/X-Key: the route "r" uses the secret "KEY", which polygate:secrets does not have`}},
		{"a secret that is misspelt", keyed, sends("https://a.example", map[string]string{"X-A": "${secret.KEY}${secret.TOKEM}", "X-B": "${secret.TOKEN}"}),
			[]string{`/routes/0/request/headers/set/X-A: the route "r" uses the secret "TOKEM"`}},
		{"secrets that no route uses", keyed, sends("https://a.example", map[string]string{"X-Key": "${secret.KEY}", "X-Plain": "$${secret.TOKEN}"}),
			[]string{`! /routes: polygate:secrets has "TOKEN", which nothing in the document uses`}},
		{"secrets of policies", with(func(s *settings.Settings) { s.Secrets = map[string]map[string]string{"KEYS": {}} }), gateway.Spec{
			Policies: map[string]gateway.Policy{"a": {APIKey: &gateway.APIKey{Secret: "KEYS"}}, "b": {APIKey: &gateway.APIKey{Secret: "KEY"}}}, Routes: []gateway.Route{at("/a")},
		}, []string{`/policies/b: the policy "b" uses the secret "KEY", which polygate:secrets does not have`}},
		{"a variable that is set", with(func(s *settings.Settings) { s.Variables = map[string]string{"KEYS": "x"} }),
			gateway.Spec{Policies: map[string]gateway.Policy{"a": {APIKey: &gateway.APIKey{Variable: "KEYS"}}}, Routes: []gateway.Route{at("/a")}}, nil},
		{"variables that nobody sets", with(func(s *settings.Settings) { s.Variables = map[string]string{"KEYS": "x"} }), gateway.Spec{
			Policies: map[string]gateway.Policy{"a": {APIKey: &gateway.APIKey{Variable: "KEYZ"}}, "b": {Basic: &gateway.Basic{Variable: "USERS"}}}, Routes: []gateway.Route{at("/a")},
		}, []string{`/policies/a: the policy "a" reads the variable "KEYZ", which polygate:variables does not set`, `/policies/b: the policy "b" reads the variable "USERS"`}},
		{"a secret that everybody can read on its way", with(func(s *settings.Settings) { s.Secrets = keyed.Secrets }), sends("http://a.example", map[string]string{"X-Key": "${secret.KEY}${secret.TOKEN}"}),
			[]string{`! /routes/0/request/headers/set/X-Key: the route "r" sends the secret "KEY" to http://a.example without encryption`}},
		{"a secret that stays on one machine", with(func(s *settings.Settings) { s.Secrets, s.Environment = keyed.Secrets, settings.Local }),
			sends("http://a.example", map[string]string{"X-Key": "${secret.KEY}${secret.TOKEN}"}), nil},
		{"a value that is wrong and reported", strict, sends("https://a.example", map[string]string{"X-Key": "${secret.KEY"}), nil},
		{"certificates that no front asks for", with(func(s *settings.Settings) {
			s.Regions = append(slices.Clone(s.Regions), settings.Region{Provider: "free", Name: "one"})
		}), gateway.Spec{
			Policies:   map[string]gateway.Policy{"who": {ClientCertificate: &gateway.ClientCertificate{}}, "maybe": {ClientCertificate: &gateway.ClientCertificate{Optional: true}}, "ip": {IP: &gateway.IP{}}},
			Everywhere: []string{"ip", "maybe"},
			Routes:     []gateway.Route{at("/a"), {Name: "b", Match: gateway.Match{Path: "/b"}, Policies: []string{"ip", "who"}}},
		}, []string{`! /policies/maybe: every route goes by clients' certificates (policy "maybe"), and fronts of strict do not ask for them: everybody passes as nobody`,
			`/routes/1/policies/1: the route "b" goes by clients' certificates (policy "who"), and fronts of strict do not ask for them: nobody could call`}},
		{"certificates that the front asks for", free, gateway.Spec{
			Policies: map[string]gateway.Policy{"who": {ClientCertificate: &gateway.ClientCertificate{}}},
			Routes:   []gateway.Route{{Name: "b", Match: gateway.Match{Path: "/b"}, Policies: []string{"who"}}},
		}, nil},
		{"certificates that the provider objects to", settings.Settings{Environment: "prod", Regions: free.Regions}, gateway.Spec{
			Policies: map[string]gateway.Policy{"who": {ClientCertificate: &gateway.ClientCertificate{}}, "ca": {ClientCertificate: &gateway.ClientCertificate{CA: "x"}}, "maybe": {ClientCertificate: &gateway.ClientCertificate{Optional: true}}},
			Routes:   []gateway.Route{{Name: "b", Match: gateway.Match{Path: "/b"}, Policies: []string{"ca", "who", "maybe"}}},
		}, []string{`/routes/0/policies/1: the route "b" goes by clients' certificates (policy "who"), and its fronts want an authority: nobody could call`,
			`! /routes/0/policies/2: the route "b" goes by clients' certificates (policy "maybe"), and its fronts want an authority: everybody passes as nobody`}},
		{"certificates behind a proxy", settings.Settings{Manager: "cloudflare", Cloudflare: settings.Cloudflare{Proxied: true}, Regions: free.Regions}, gateway.Spec{
			Policies: map[string]gateway.Policy{"who": {ClientCertificate: &gateway.ClientCertificate{}}, "maybe": {ClientCertificate: &gateway.ClientCertificate{Optional: true}}},
			Routes:   []gateway.Route{{Name: "b", Match: gateway.Match{Path: "/b"}, Policies: []string{"who"}}, {Name: "c", Match: gateway.Match{Path: "/c"}, Policies: []string{"maybe"}}},
		}, []string{`/routes/0/policies/0: the route "b" goes by clients' certificates (policy "who"), and Cloudflare's proxy ends clients' TLS before it comes to a region: nobody could call`,
			`! /routes/1/policies/0: the route "c" goes by clients' certificates (policy "maybe"), and Cloudflare's proxy`}},
		{"certificates of many routes", settings.Settings{Manager: "cloudflare", Cloudflare: settings.Cloudflare{Proxied: true}, Regions: free.Regions}, gateway.Spec{
			Policies: map[string]gateway.Policy{"who": {ClientCertificate: &gateway.ClientCertificate{}}},
			Routes: []gateway.Route{{Name: "b", Match: gateway.Match{Path: "/b"}, Policies: []string{"who"}}, {Name: "c", Match: gateway.Match{Path: "/c"}, Policies: []string{"who"}},
				{Name: "d", Match: gateway.Match{Path: "/d"}, Policies: []string{"who"}}},
		}, []string{`/policies/who: the route "b" and 2 more go by clients' certificates (policy "who"), and Cloudflare's proxy`}},
		{"countries of every route", both, gateway.Spec{Policies: places.Policies, Everywhere: []string{"near"}, Routes: []gateway.Route{at("/a"), at("/b")}}, []string{
			`/policies/near: every route goes by the country of clients (policy "near"), and fronts of strict do not tell it: nobody could call`}},
		{"countries that no front tells", both, places, []string{
			`/routes/0/policies/0: the route "near" goes by the country of clients (policy "near"), and fronts of strict do not tell it: nobody could call`,
			`! /routes/1/policies/0: the route "far" goes by the country of clients (policy "far"), and fronts of strict do not tell it: clients of all countries pass`,
			`! /routes/2/policies/0: the route "when" goes by the country of clients (policy "when"), and fronts of strict do not tell it: client.country is empty there`,
			`! /routes/3/policies/0: the route "by" goes by the country of clients (policy "by"), and fronts of strict do not tell it: client.country is empty there`}},
		{"countries that the front tells", free, places, nil},
		{"countries that the proxy tells", settings.Settings{Manager: "cloudflare", Cloudflare: settings.Cloudflare{Proxied: true}, Regions: both.Regions}, places, nil},
		{"a provider that can", with(func(s *settings.Settings) { s.Regions = []settings.Region{{Provider: "free", Name: "one"}} }),
			gateway.Spec{Routes: []gateway.Route{{Name: "r", Match: gateway.Match{Path: "/admin", Methods: []string{"TRACE"},
				Headers: map[string]gateway.Condition{"Accept": {Kind: gateway.KindExact, Value: "text/event-stream" + long}}}, Timeout: gateway.Duration(10 * time.Millisecond)}}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for i, v := range DocumentRule(specs, c.settings)(c.doc) {
				line := v.Path + ": " + v.What
				if v.Warning {
					line = "! " + line
				}
				if i < len(c.want) && strings.HasPrefix(line, c.want[i]) {
					line = c.want[i]
				}
				if v.Remedy == "" {
					t.Errorf("%s has no remedy", line)
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestPoliciesAreJudgedOnce: what fronts say of a policy is asked once, and reported once, however many routes have it.
func TestPoliciesAreJudgedOnce(t *testing.T) {
	asked := map[string]int{}
	spec := func(name string) Spec {
		return Spec{Name: name, Certificates: func(_ settings.Settings, doc gateway.Spec, _ gateway.ClientCertificate) *Objection {
			asked[name]++
			return &Objection{Reason: "its fronts do not", Remedy: "leave it out"}
		}}
	}
	s := settings.Settings{Regions: []settings.Region{{Provider: "a", Name: "one"}, {Provider: "a", Name: "two"}, {Provider: "b", Name: "one"}}}
	doc := gateway.Spec{Everywhere: []string{"who"}, Policies: map[string]gateway.Policy{"who": {ClientCertificate: &gateway.ClientCertificate{}}}}
	for i := range 10 {
		doc.Routes = append(doc.Routes, gateway.Route{Name: fmt.Sprint("r", i), Match: gateway.Match{Path: fmt.Sprint("/", i)}})
	}
	if found := DocumentRule([]Spec{spec("a"), spec("b")}, s)(doc); len(found) != 2 || asked["a"] != 1 || asked["b"] != 1 {
		t.Errorf("%d found, asked %v", len(found), asked)
	}
}

// TestAnchorsThatAreNoRoots: that a policy trusts an authority without the one above it is warned of where fronts ask for certificates.
func TestAnchorsThatAreNoRoots(t *testing.T) {
	root := clientcerttest.Root(t, "Root")
	sub, other := root.Sub(t, "Sub"), clientcerttest.Root(t, "Other").Sub(t, "Other Sub")
	const warning = `! /policies/who/clientCertificate/ca: the policy "who" trusts the authority `
	for name, c := range map[string]struct {
		ca, provider string
		proxied      bool
		want         []string
	}{
		"a root":                {root.PEM(), "free", false, nil},
		"a chain up to a root":  {sub.PEM(root), "free", false, nil},
		"none":                  {"", "free", false, nil},
		"no root":               {sub.PEM(), "free", false, []string{warning + `"CN=Sub", which is no root, without the one that has issued it: the gateway does, but that fronts of free do is documented nowhere`}},
		"a root and no root":    {root.PEM(other), "free", false, []string{warning + `"CN=Other Sub"`}},
		"no roots":              {sub.PEM(other), "free", false, []string{warning + `"CN=Sub"`, warning + `"CN=Other Sub"`}},
		"no PEM":                {"x", "free", false, nil},
		"fronts that ask none":  {sub.PEM(), "strict", false, []string{`/routes/0/policies/0: the route "r" goes by clients' certificates (policy "who"), and fronts of strict do not ask for them`}},
		"a proxy before fronts": {sub.PEM(), "free", true, []string{`/routes/0/policies/0: the route "r" goes by clients' certificates (policy "who"), and Cloudflare's proxy`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings.Settings{Regions: []settings.Region{{Provider: c.provider, Name: "one"}}}
			if c.proxied {
				s.Manager, s.Cloudflare.Proxied = "cloudflare", true
			}
			doc := gateway.Spec{Policies: map[string]gateway.Policy{"who": {ClientCertificate: &gateway.ClientCertificate{CA: c.ca}}},
				Routes: []gateway.Route{{Name: "r", Match: gateway.Match{Path: "/r"}, Policies: []string{"who"}}}}
			found := DocumentRule(specs, s)(doc)
			for i, v := range found {
				line := v.Path + ": " + v.What
				if v.Warning {
					line = "! " + line
				}
				if i >= len(c.want) || !strings.HasPrefix(line, c.want[i]) || v.Remedy == "" {
					t.Errorf("%s; %s", line, v.Remedy)
				}
			}
			if len(found) != len(c.want) {
				t.Errorf("%d found, want %d", len(found), len(c.want))
			}
		})
	}
}
