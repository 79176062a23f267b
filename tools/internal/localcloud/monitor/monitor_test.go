package monitor

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polygate.example/tools/internal/localcloud/dns"
	"polygate.example/tools/internal/localcloud/place"
	"polygate.example/tools/internal/localcloud/plane"
)

// Detection is no later than (k+1) intervals and a timeout after the failure, and needs k+1 failures; recovery needs one good
// probe of most locations. Source: "Traffic Manager endpoint monitoring", Endpoint failover and recovery. At speed 10 the floor
// doubles the time of a probe that hangs, and the bound holds all the same.
func TestDetection(t *testing.T) {
	for _, tt := range []struct {
		name      string
		speed     float64
		hangs     bool
		interval  int
		timeout   int
		tolerated int
	}{
		{"refused", 1, false, 10, 5, 1},
		{"hanging", 1, true, 10, 5, 1},
		{"none tolerated", 1, true, 10, 9, 0},
		{"the defaults", 1, true, 30, 10, 3},
		{"refused, fast clock", 10, false, 10, 5, 1},
		{"hanging, fast clock", 10, true, 10, 5, 1},
		{"hanging, fast clock, long timeout", 10, true, 10, 9, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			within(t, tt.speed, func(b *bench) {
				p := profile("top", "Priority", external("a.test", "b.test")...)
				p.Monitor.Interval, p.Monitor.Timeout, p.Monitor.Tolerated = tt.interval, tt.timeout, tt.tolerated
				interval := time.Duration(tt.interval) * time.Second
				b.apply(p)
				b.pass(3 * interval)
				least := time.Duration(tt.tolerated) * interval
				most := time.Duration(tt.tolerated+1)*interval + time.Duration(tt.timeout)*time.Second
				for moment := range 10 { // of the interval at which it fails
					b.pass(interval / 10 * time.Duration(moment))
					if got := b.answer("top", "IAD"); got != "a.test" {
						t.Fatalf("before the failure: %s", got)
					}
					b.fail("a.test", !tt.hangs, tt.hangs)
					took := time.Duration(0)
					for ; b.answer("top", "IAD") == "a.test" && took < 2*most; took += time.Second / 4 {
						b.pass(time.Second / 4)
					}
					if took > most || tt.speed == 1 && took < least {
						t.Errorf("failing at %d tenths of an interval: detected after %s, want %s to %s", moment, took, least, most)
					}
					b.fail("a.test", false, false)
					b.pass(interval + time.Duration(tt.timeout)*time.Second)
					if got := b.answer("top", "IAD"); got != "a.test" {
						t.Errorf("an interval after it was mended: %s", got)
					}
					b.pass(2 * interval)
				}
			})
		})
	}
}

// What each method answers while all is well, and when endpoints fail.
func TestMethods(t *testing.T) {
	ny := func(name, location string) plane.Endpoint {
		return plane.Endpoint{Name: name, Target: name, Location: location}
	}
	geo := func(name string, codes ...string) plane.Endpoint {
		return plane.Endpoint{Name: name, Target: name, Geo: codes}
	}
	for _, tt := range []struct {
		name   string
		at     []plane.Profile
		broken []string
		want   map[string]string // by client
	}{
		{"priority", []plane.Profile{profile("top", "Priority", external("a", "b", "c")...)}, nil, map[string]string{"IAD": "a"}},
		{"priority, the first down", []plane.Profile{profile("top", "Priority", external("a", "b", "c")...)}, []string{"a"}, map[string]string{"IAD": "b"}},
		{"priority, all down: as if all were online", []plane.Profile{profile("top", "Priority", external("a", "b")...)}, []string{"a", "b"}, map[string]string{"IAD": "a"}},
		{"weighted, one down", []plane.Profile{profile("top", "Weighted", external("a", "b")...)}, []string{"a"}, map[string]string{"IAD": "b"}},
		{"performance", []plane.Profile{profile("top", "Performance", ny("us", "eastus"), ny("eu", "westeurope"), ny("as", "southeastasia"))}, nil,
			map[string]string{"IAD": "us", "FRA": "eu", "SIN": "as", "DUB": "eu"}},
		{"performance, the nearest down", []plane.Profile{profile("top", "Performance", ny("us", "eastus"), ny("eu", "westeurope"), ny("as", "southeastasia"))}, []string{"eu"},
			map[string]string{"DUB": "us", "SIN": "as"}},
		{"geographic, the most specific", []plane.Profile{profile("top", "Geographic", geo("w", "WORLD"), geo("eu", "GEO-EU"), geo("de", "DE"), geo("ca", "US-CA"), geo("me", "GEO-ME"), geo("as", "GEO-AS"))}, nil,
			map[string]string{"FRA": "de", "CDG": "eu", "SFO": "ca", "IAD": "w", "DXB": "me", "NRT": "as", "SYD": "w"}},
		{"geographic, no mapping", []plane.Profile{profile("top", "Geographic", geo("eu", "GEO-EU"))}, nil, map[string]string{"IAD": "NODATA", "FRA": "eu"}},
		{"geographic does not fail over", []plane.Profile{profile("top", "Geographic", geo("w", "WORLD"), geo("eu", "GEO-EU"))}, []string{"eu"}, map[string]string{"FRA": "eu"}},
		{"geographic over nested ones does", []plane.Profile{
			profile("eu", "Priority", external("a", "b")...),
			profile("top", "Geographic", plane.Endpoint{Name: "eu", Profile: "/profiles/eu", MinChildren: 1, Geo: []string{"WORLD"}}),
		}, []string{"a"}, map[string]string{"FRA": "b"}},
		{"nested, one of the first group down", []plane.Profile{
			profile("g1", "Weighted", external("a", "b")...), profile("g2", "Weighted", external("c", "d")...), profile("top", "Priority", nested("g1", 1), nested("g2", 2)),
		}, []string{"a"}, map[string]string{"IAD": "b"}},
		{"nested, the first group down", []plane.Profile{
			profile("g1", "Weighted", external("a", "b")...), profile("g2", "Weighted", external("c", "d")...), profile("top", "Priority", nested("g1", 1), nested("g2", 2)),
		}, []string{"a", "b"}, map[string]string{"IAD": "c"}},
		{"nested, all down", []plane.Profile{
			profile("g1", "Priority", external("a", "b")...), profile("g2", "Priority", external("c", "d")...), profile("top", "Priority", nested("g1", 1), nested("g2", 2)),
		}, []string{"a", "b", "c", "d"}, map[string]string{"IAD": "a"}},
		{"an address is answered as one", []plane.Profile{profile("top", "Priority", external("192.0.2.7")...)}, nil, map[string]string{"IAD": "192.0.2.7"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			within(t, 1, func(b *bench) {
				b.set(true, tt.broken...)
				b.apply(tt.at...)
				b.pass(time.Minute)
				got := map[string]string{}
				for from := range tt.want {
					got[from] = b.answer("top", from)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// A weight is a share of the choice.
func TestWeights(t *testing.T) {
	m := &Monitor{}
	counts := map[string]int{}
	for n := range 100 {
		m.pick = func(total int) int {
			if total != 100 {
				t.Errorf("chosen among %d, want 100", total)
			}
			return n
		}
		counts[m.weighted([]plane.Endpoint{{Name: "a", Weight: 70}, {Name: "b", Weight: 29}, {Name: "c"}}).Name]++
	}
	if diff := cmp.Diff(map[string]int{"a": 70, "b": 29, "c": 1}, counts); diff != "" {
		t.Error(diff)
	}
}

// The table of "Traffic Manager endpoint monitoring", Endpoint and profile status, and that of the FAQ for nested endpoints.
func TestStatuses(t *testing.T) {
	edit := func(p plane.Profile, f func(*plane.Profile)) plane.Profile { f(&p); return p }
	off := func(e plane.Endpoint) plane.Endpoint { e.Disabled = true; return e }
	two := func(e plane.Endpoint) plane.Endpoint { e.MinChildren = 2; return e }
	a, c := external("a", "b"), external("c", "d")
	for _, tt := range []struct {
		name      string
		at        []plane.Profile // the last one is looked at
		broken    []string
		wait      time.Duration
		status    Status
		endpoints map[string]Status
		answer    string
	}{
		{"all online", []plane.Profile{profile("top", "Priority", a...)}, nil, time.Minute, Online, map[string]Status{"a": Online, "b": Online}, "a"},
		{"one degraded", []plane.Profile{profile("top", "Priority", a...)}, []string{"b"}, time.Minute, Degraded, map[string]Status{"a": Online, "b": Degraded}, "a"},
		{"before the first probe", []plane.Profile{profile("top", "Priority", a...)}, nil, 0, Checking, map[string]Status{"a": CheckingEndpoint, "b": CheckingEndpoint}, "a"},
		{"a disabled endpoint is never answered", []plane.Profile{profile("top", "Priority", off(a[0]), a[1])}, []string{"b"}, time.Minute, Degraded, map[string]Status{"a": Disabled, "b": Degraded}, "b"},
		{"all disabled", []plane.Profile{profile("top", "Priority", off(a[0]), off(a[1]))}, nil, time.Minute, Inactive, map[string]Status{"a": Disabled, "b": Disabled}, "NXDOMAIN"},
		{"the profile disabled", []plane.Profile{edit(profile("top", "Priority", a...), func(p *plane.Profile) { p.Disabled = true })}, nil, time.Minute, Disabled, map[string]Status{"a": Inactive, "b": Inactive}, "NXDOMAIN"},
		{"always served", []plane.Profile{edit(profile("top", "Priority", external("a", "b")...), func(p *plane.Profile) { p.Endpoints[0].AlwaysServe = true })}, []string{"a"}, time.Minute,
			Online, map[string]Status{"a": Unmonitored, "b": Online}, "a"},
		{"nested: enough children online", []plane.Profile{profile("g1", "Priority", a...), profile("top", "Priority", nested("g1", 1))}, []string{"a"}, time.Minute, Online, map[string]Status{"g1": Online}, "b"},
		{"nested: too few children online", []plane.Profile{profile("g1", "Priority", a...), profile("g2", "Priority", c...), profile("top", "Priority", two(nested("g1", 1)), nested("g2", 2))}, []string{"a"}, time.Minute,
			Degraded, map[string]Status{"g1": Degraded, "g2": Online}, "c"},
		{"nested: being checked", []plane.Profile{profile("g1", "Priority", a...), profile("top", "Priority", nested("g1", 1))}, nil, 0, Checking, map[string]Status{"g1": CheckingEndpoint}, "a"},
		{"nested: the child disabled", []plane.Profile{edit(profile("g1", "Priority", a...), func(p *plane.Profile) { p.Disabled = true }), profile("g2", "Priority", c...), profile("top", "Priority", nested("g1", 1), nested("g2", 2))}, nil, time.Minute,
			Online, map[string]Status{"g1": Stopped, "g2": Online}, "c"},
		{"nested: the child without an enabled endpoint", []plane.Profile{profile("g1", "Priority", off(a[0]), off(a[1])), profile("g2", "Priority", c...), profile("top", "Priority", nested("g1", 1), nested("g2", 2))}, []string{"c", "d"}, time.Minute,
			Degraded, map[string]Status{"g1": Stopped, "g2": Degraded}, "c"},
		{"geographic: a stopped endpoint has no answer, and none above it is looked for", []plane.Profile{profile("g1", "Priority", off(a[0]), off(a[1])),
			profile("top", "Geographic", plane.Endpoint{Name: "g1", Profile: "/profiles/g1", Geo: []string{"US"}}, plane.Endpoint{Name: "c", Target: "c", Geo: []string{"WORLD"}})}, nil, time.Minute,
			Online, map[string]Status{"g1": Stopped, "c": Online}, "NODATA"},
		{"geographic: a disabled endpoint is as if it were not there", []plane.Profile{profile("top", "Geographic",
			plane.Endpoint{Name: "a", Target: "a", Disabled: true, Geo: []string{"US"}}, plane.Endpoint{Name: "c", Target: "c", Geo: []string{"WORLD"}})}, nil, time.Minute,
			Online, map[string]Status{"a": Disabled, "c": Online}, "c"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			within(t, 1, func(b *bench) {
				b.set(true, tt.broken...)
				b.apply(tt.at...)
				b.pass(tt.wait)
				got := b.Profiles()[len(tt.at)-1]
				if got.Status != tt.status {
					t.Errorf("the profile is %s, want %s", got.Status, tt.status)
				}
				if diff := cmp.Diff(tt.endpoints, got.Endpoints); diff != "" {
					t.Error(diff)
				}
				if a := b.answer("top", "IAD"); a != tt.answer {
					t.Errorf("answered %s, want %s", a, tt.answer)
				}
			})
		})
	}
}

// A probe asks as the profile says, by the endpoint's header before the profile's, and without any by the target's name.
func TestTarget(t *testing.T) {
	m := plane.Monitor{Protocol: "HTTPS", Port: 443, Path: "/health", Timeout: 9, Headers: map[string]string{"host": "profile.test", "X-Probe": "p"}}
	e := plane.Endpoint{Target: "own.test"}
	for _, tt := range []struct {
		name    string
		headers map[string]string
		profile map[string]string
		host, x string
	}{
		{"the target's name", nil, nil, "own.test", ""},
		{"the profile's header", nil, m.Headers, "profile.test", "p"},
		{"the endpoint's header", map[string]string{"Host": "endpoint.test", "X-Probe": "e"}, m.Headers, "endpoint.test", "e"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, e := m, e
			m.Headers, e.ProbeHeaders = tt.profile, tt.headers
			got := target(m, e)
			x := ""
			if v := got.Headers["X-Probe"]; len(v) > 0 {
				x = v[0]
			}
			if got.Dial != "own.test" || got.Host != tt.host || got.SNI != tt.host || x != tt.x || got.Roots != nil {
				t.Errorf("%+v", got)
			}
		})
	}
	for status, want := range map[int]bool{200: true, 201: false, 204: false, 301: false, 503: false} {
		if got := target(plane.Monitor{}, e).Expect(status); got != want {
			t.Errorf("%d is good: %t, want %t", status, got, want)
		}
	}
	ranges := target(plane.Monitor{Expected: [][2]int{{200, 299}, {301, 301}}}, e).Expect
	for status, want := range map[int]bool{204: true, 299: true, 300: false, 301: true, 302: false} {
		if got := ranges(status); got != want {
			t.Errorf("with ranges %d is good: %t, want %t", status, got, want)
		}
	}
}

// Profiles that watch the same endpoint alike share the probing, and an update keeps what is known.
func TestApply(t *testing.T) {
	within(t, 1, func(b *bench) {
		b.set(true, "a")
		one := profile("one", "Priority", external("a", "b")...)
		b.apply(one, profile("two", "Weighted", external("a", "b")...))
		b.pass(time.Minute)
		b.mu.Lock()
		dials := b.dials["b"]
		b.mu.Unlock()
		if most := 7 * len(Locations); dials > most {
			t.Errorf("%d probes of one endpoint of two profiles in a minute, want at most %d", dials, most)
		}
		one.Monitor.Tolerated = 9
		b.apply(one)
		if got := b.answer("one", "IAD"); got != "b" {
			t.Errorf("after an update: %s", got)
		}
		if got := b.answer("two", "IAD"); got != "not ours" {
			t.Errorf("a profile that has gone answers %s", got)
		}
		check := b.Checks()["/profiles/one/externalEndpoints/a"]
		if check.Healthy || check.Passing != 0 || check.Of != len(Locations) {
			t.Errorf("check is %+v", check)
		}
	})
}

// One location that cannot reach an endpoint does not degrade it; more than half do.
func TestQuorum(t *testing.T) {
	for downs, want := range []Status{Online, Online, Degraded, Degraded} {
		w := &watch{locations: make([]location, len(Locations))}
		for i := range w.locations {
			w.locations[i].vote = up
			if i < downs {
				w.locations[i].vote = down
			}
		}
		if got := w.Status(); got != want {
			t.Errorf("%d of %d locations fail: %s, want %s", downs, len(Locations), got, want)
		}
	}
}

// The whole answer has the profile's TTL.
func TestAnswerTTL(t *testing.T) {
	within(t, 1, func(b *bench) {
		b.apply(profile("top", "Priority", external("A.test.")...))
		got, ok := b.Answer("TOP.trafficmanager.net.", place.Place{})
		if diff := cmp.Diff(dns.Steered{Manager: "trafficmanager", CNAME: "a.test", TTL: 30}, got); !ok || diff != "" {
			t.Errorf("%t %s", ok, diff)
		}
	})
}
