package gateway

import (
	"bytes"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// sample is a valid spec to change one thing of.
func sample() Spec {
	return Spec{
		Version: 1,
		Upstreams: map[string]Upstream{"orders": {
			Targets:  []Target{{URL: "https://orders.internal.example"}},
			Regions:  map[string]Region{"aws/us-east-1": {Targets: []Target{{URL: "https://use1.orders.internal.example"}}}},
			Timeouts: Timeouts{Connect: Duration(time.Second), Response: Duration(time.Second), Idle: Duration(time.Second)},
		}},
		Routes: []Route{
			{Name: "orders", Match: Match{Path: "/orders/{id}", Methods: []string{"GET"}, Headers: map[string]Condition{"X-A": {Kind: KindExact, Value: "1"}}}, Upstream: "orders",
				Request: Edit{HeaderOps{Set: map[string]string{"X-B": "2"}, Remove: []string{"Cookie"}}}},
			{Name: "hello", Match: Match{Path: "/hello"}, Respond: &Respond{Status: 200, Headers: map[string]string{"X-C": "3"}}},
		},
	}
}

func mustNew(t *testing.T, s Spec) *Model {
	t.Helper()
	m, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestDigest(t *testing.T) {
	m := mustNew(t, sample())
	if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(m.Digest()) {
		t.Errorf("digest is %q", m.Digest())
	}
	reordered := sample()
	slices.Reverse(reordered.Routes)
	if got := mustNew(t, reordered).Digest(); got != m.Digest() {
		t.Errorf("the order of routes changed the digest")
	}
	changed := sample()
	changed.Routes[1].Respond.Body = "x"
	if got := mustNew(t, changed).Digest(); got == m.Digest() {
		t.Errorf("a changed body left the digest as it was")
	}
}

// Nothing that goes into a model or comes out of it can change it.
func TestModelIsImmutable(t *testing.T) {
	spec := sample()
	m := mustNew(t, spec)
	before, _ := m.Encode()

	spoil := func(routes []Route, u Upstream) {
		for _, r := range routes {
			if r.Name == "orders" {
				r.Match.Methods[0], r.Match.Headers["X-A"] = "POST", Condition{}
				r.Request.Headers.Set["X-B"], r.Request.Headers.Remove[0] = "spoilt", "spoilt"
			} else {
				r.Respond.Status, r.Respond.Headers["X-C"] = 500, "spoilt"
			}
		}
		u.Targets[0].URL = "spoilt"
		u.Regions["aws/us-east-1"].Targets[0].URL = "spoilt"
		delete(u.Regions, "aws/us-east-1")
	}
	u, _ := m.Upstream("orders")
	spoil(m.Routes(), u)
	spoil(spec.Routes, spec.Upstreams["orders"])
	encoded, _ := m.Encode()
	encoded[0] = 'x'

	if after, _ := m.Encode(); !bytes.Equal(before, after) {
		t.Error("Encode changed")
	}
	if got := m.Routes()[1]; !reflect.DeepEqual(got, sample().Routes[0]) {
		t.Errorf("route became %+v", got)
	}
	if got, _ := m.Upstream("orders"); !reflect.DeepEqual(got, sample().Upstreams["orders"]) {
		t.Errorf("upstream became %+v", got)
	}
}

func TestDecode(t *testing.T) {
	good, _ := mustNew(t, sample()).Encode()
	if m, err := Decode(good); err != nil || m.Digest() != mustNew(t, sample()).Digest() {
		t.Fatalf("Decode of Encode: %v", err)
	}
	for name, c := range map[string]struct {
		change       func(string) string
		notCanonical bool
	}{
		"empty":              {func(string) string { return "" }, false},
		"cut":                {func(s string) string { return s[:len(s)/2] }, false},
		"unknown field":      {func(s string) string { return strings.Replace(s, `"version"`, `"verse": 1, "version"`, 1) }, false},
		"unknown version":    {func(s string) string { return strings.Replace(s, `"version": 1`, `"version": 2`, 1) }, false},
		"broken rule":        {func(s string) string { return strings.Replace(s, `"/hello"`, `"/health"`, 1) }, false},
		"number as duration": {func(s string) string { return strings.Replace(s, `"1s"`, `1`, 1) }, false},
		"no timeouts":        {func(s string) string { return strings.Replace(s, `"connect": "1s"`, `"connect": "0s"`, 1) }, false},
		"something after":    {func(s string) string { return s + "{}" }, true},
		"no final newline":   {func(s string) string { return strings.TrimSuffix(s, "\n") }, true},
		"another spelling":   {func(s string) string { return strings.Replace(s, `"1s"`, `"1000ms"`, 1) }, true},
		"miscased field":     {func(s string) string { return strings.Replace(s, `"version"`, `"Version"`, 1) }, true},
		"repeated field": {func(s string) string {
			return strings.Replace(s, `"version": 1`, "\"version\": 1,\n  \"version\": 1", 1)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			bad := c.change(string(good))
			if bad == string(good) {
				t.Fatal("the case changes nothing")
			}
			m, err := Decode([]byte(bad))
			if err == nil || m != nil {
				t.Fatal("decoded")
			}
			if errors.Is(err, ErrNotCanonical) != c.notCanonical {
				t.Errorf("ErrNotCanonical: want %v, got error %v", c.notCanonical, err)
			}
		})
	}
}

func TestViolationsNameThePlace(t *testing.T) {
	s := sample()
	s.Routes[0].Match.Headers["X/A~"] = Condition{Kind: KindRegexp, Value: "("}
	_, err := New(s)
	var v Violations
	if !errors.As(err, &v) || len(v) != 2 {
		t.Fatalf("got %v, want two violations", err)
	}
	if v[0].Path != "/routes/0/match/headers/X~1A~0" || !v[0].Key || v[1].Path != v[0].Path || v[1].Key {
		t.Errorf("violations point to %q (key %v) and %q (key %v)", v[0].Path, v[0].Key, v[1].Path, v[1].Key)
	}
}

func TestTiers(t *testing.T) {
	target := func(names ...string) []Target {
		var out []Target
		for _, n := range names {
			out = append(out, Target{URL: "http://" + n + ".example"})
		}
		return out
	}
	s := sample()
	u := s.Upstreams["orders"]
	u.Targets, u.Fallback = target("general"), []string{"aws/a"}
	u.Regions = map[string]Region{
		"aws/a":   {Targets: target("a1", "a2"), Fallback: []string{"gcp/b"}},
		"gcp/b":   {Targets: target("b"), Fallback: []string{"aws/a"}},      // a and b back each other up
		"azure/c": {Fallback: []string{"azure/d", "gcp/b"}},                 // none of its own
		"azure/d": {Fallback: []string{"aws/a"}},                            // stands for a
		"gcp/e":   {Targets: target("b", "e"), Fallback: []string{"gcp/b"}}, // b is in its first tier already
		"aws/f":   {Targets: target("f")},                                   // alone
	}
	s.Upstreams["orders"] = u
	m := mustNew(t, s)
	for region, want := range map[string][][]Target{
		"aws/a":          {target("a1", "a2"), target("b")},
		"gcp/b":          {target("b"), target("a1", "a2")},
		"azure/c":        {target("a1", "a2"), target("b")},
		"azure/d":        {target("a1", "a2")},
		"gcp/e":          {target("b", "e")},
		"aws/f":          {target("f")},
		"somewhere/else": {target("general"), target("a1", "a2")},
		"":               {target("general"), target("a1", "a2")},
	} {
		t.Run(region, func(t *testing.T) {
			if got := m.Tiers("orders", region); !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
	if m.Tiers("none", "aws/a") != nil {
		t.Error("an unknown upstream has tiers")
	}
}

// A wide fallback graph without targets must not make the check walk every way through it.
func TestFallbackCheckIsLinear(t *testing.T) {
	s := sample()
	u := s.Upstreams["orders"]
	u.Regions = map[string]Region{"aws/z": {Targets: []Target{{URL: "http://z.example"}}}}
	name := func(layer, n int) string { return "aws/l" + string(rune('a'+layer)) + string(rune('0'+n)) }
	for layer := range 25 {
		for n := range 2 {
			next := []string{name(layer+1, 0), name(layer+1, 1)}
			if layer == 24 {
				next = []string{"aws/z"}
			}
			u.Regions[name(layer, n)] = Region{Fallback: next}
		}
	}
	s.Upstreams["orders"] = u
	started := time.Now()
	mustNew(t, s)
	if d := time.Since(started); d > 2*time.Second {
		t.Errorf("took %s", d)
	}
}
