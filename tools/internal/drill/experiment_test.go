package drill

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/report"
)

// deployed is a stack of two regions of two providers.
func deployed() topology.Topology {
	return topology.Topology{
		Environment: "staging", Hostname: "api.example.test", Zone: "example.test", Manager: "route53", Pattern: "active-passive", TTL: 30,
		Check: topology.Check{Path: "/health", Interval: 10, Threshold: 2, Timeout: 4}, Detect: 32, Bound: 62,
		Regions: []topology.Region{
			{Name: one, Provider: "aws", Role: topology.RolePrimary, Hostname: "aws-one.api.example.test", URL: "https://aws-one.api.example.test/", HealthURL: "https://aws-one.api.example.test/health"},
			{Name: two, Provider: "gcp", Role: topology.RoleStandby, Hostname: "gcp-two.api.example.test", URL: "https://gcp-two.api.example.test/", HealthURL: "https://gcp-two.api.example.test/health"},
		},
	}
}

// Every fault that can be written by init is one that run takes, and says the same.
func TestNewIsValid(t *testing.T) {
	for _, kind := range Kinds() {
		target := one
		switch kind {
		case ProviderDown:
			target = "aws"
		case DNSStale, ControlPlaneDown:
			target = "route53"
		}
		e, err := New(deployed(), "staging", Step{Fault: Fault{Kind: kind, Target: target}, Lease: 2 * time.Minute})
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		b, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(b)
		if err != nil {
			t.Errorf("%s: %v\n%s", kind, err, b)
			continue
		}
		d, err := again.Prepare(deployed(), "staging")
		if err != nil {
			t.Errorf("%s: %v\n%s", kind, err, b)
			continue
		}
		if f := d.Faults[0]; f.Kind != kind || f.Target != target || d.Steps[0].Lease != 2*time.Minute {
			t.Errorf("%s: came back as %+v", kind, d.Steps)
		}
		// JSON is YAML as well, and what Chaos Toolkit is mostly given.
		j, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(j); err != nil {
			t.Errorf("%s as JSON: %v\n%s", kind, err, j)
		}
	}
}

// What is wrong is told with its place, all of it at once.
func TestBadExperiments(t *testing.T) {
	good, err := New(deployed(), "staging", Step{Fault: Fault{Kind: RegionDown, Target: one}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := good.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"a key that is not known":      {"title: region-down", "titel: x\ntitle: region-down", "titel"},
		"a version":                    {"version: 1.0.0", "version: 9.9.9", `version: it is "9.9.9"`},
		"a fault that there is not":    {"- inject\n        - region-down", "- inject\n        - meteor", `there is no fault "meteor": want one of health-fail`},
		"a region that there is not":   {"- aws/one", "- aws/mars", `region-down has the target "aws/mars": want one of aws/one, gcp/two`},
		"another environment":          {"        - staging\n    pauses", "        - prod\n    pauses", `it is for "prod", and this is "staging"`},
		"a step of another tool":       {"path: polygate\n      arguments:\n        - drill\n        - inject", "path: rm\n      arguments:\n        - drill\n        - inject", "carries out its own steps only"},
		"an extension without a name":  {"- name: polygate", "- approval: required", `extensions[0]: it has no name`},
		"a limit that is no number":    {"load: 1.0", "load: .nan", "limits.load: want 1 or more"},
		"a time that is none":          {"rto: 1m2s", "rto: soon", `"soon": want a time such as 90s`},
		"a rate out of range":          {"rate: 50", "rate: 999999", "clients.rate: want requests a second from 1 to 20000"},
		"an availability out of range": {"availability: 99.9", "availability: 100", "objective.availability: want a percentage"},
		"a window that never opens":    {"repeat: 1", "repeat: 1\n    window: {days: [mon], from: '17:00', to: '09:00'}", "window: from"},
		"a day that is none":           {"repeat: 1", "repeat: 1\n    window: {days: [someday], from: '09:00', to: '17:00'}", "someday"},
		"a zone that is none":          {"repeat: 1", "repeat: 1\n    window: {days: [mon], from: '09:00', to: '17:00', zone: Europe/Atlantis}", "Europe/Atlantis"},
		"a lease that ends too soon":   {"- 2m12s", "- 15s", "its lease of 15s ends before the pause of 1m42s after it"},
		"an approval that is none":     {"repeat: 1", "repeat: 1\n    approval: maybe", "approval: want required"},
		"too many repetitions":         {"repeat: 1", "repeat: 1000", "repeat: want 1 to 100"},
		"a tolerance that is not zero": {"tolerance: 0", "tolerance: 1", "want 0, the exit code"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(string(b), c.old, c.new, 1)
			if text == string(b) {
				t.Fatalf("%q is not in\n%s", c.old, b)
			}
			e, err := Decode([]byte(text))
			if err == nil {
				_, err = e.Prepare(deployed(), "staging")
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if _, err := Decode(nil); err == nil || !strings.Contains(err.Error(), "drill init") {
		t.Errorf("an empty file: %v", err)
	}
}

func TestWindow(t *testing.T) {
	w := Window{Days: []string{"mon", "tue"}, From: "09:00", To: "16:30", Zone: "Europe/Berlin"}
	for at, want := range map[string]bool{
		"2026-11-30T08:00:00Z": true, "2026-11-30T07:59:59Z": false, "2026-11-30T15:29:59Z": true, "2026-11-30T15:30:00Z": false, "2026-12-02T10:00:00Z": false,
	} {
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if open, err := w.open(moment); err != nil || open != want {
			t.Errorf("%s: open %t, %v, want %t", at, open, err, want)
		}
	}
}

// What is to be expected follows from who looks at what.
func TestExpect(t *testing.T) {
	step := func(kind Kind, change func(*Step)) []Step {
		s := Step{Fault: Fault{Kind: kind, Target: one, Rate: 1}}
		if change != nil {
			change(&s)
		}
		return []Step{s}
	}
	for name, c := range map[string]struct {
		steps   []Step
		manager string
		want    Expected
	}{
		"a region is lost":                        {step(RegionDown, nil), "route53", Expected{Bound: 62}},
		"the health endpoint fails":               {step(HealthFail, nil), "route53", Expected{Bound: 62, Lossless: true}},
		"an API is lost":                          {step(ControlPlaneDown, nil), "route53", Expected{Bound: 62, Lossless: true}},
		"a certificate, for Route 53":             {step(CertificateExpired, nil), "route53", Expected{Unnoticed: true}},
		"a certificate, for Traffic Manager":      {step(CertificateExpired, nil), "trafficmanager", Expected{Unnoticed: true}},
		"a certificate, for Cloudflare":           {step(CertificateExpired, nil), "cloudflare", Expected{Bound: 62}},
		"errors, but not of the health endpoint":  {step(ErrorRate, func(s *Step) { s.Fault.SparesHealth = true }), "route53", Expected{Unnoticed: true}},
		"a share of errors":                       {step(ErrorRate, func(s *Step) { s.Fault.Rate = 0.5 }), "route53", Expected{Unnoticed: true}},
		"a delay that probes do not wait for":     {step(Latency, func(s *Step) { s.Fault.Delay = 9 * time.Second }), "route53", Expected{Bound: 62}},
		"a delay that probes do wait for":         {step(Latency, func(s *Step) { s.Fault.Delay = 3 * time.Second }), "route53", Expected{Unnoticed: true, Lossless: true}},
		"a region is lost, and DNS is stuck":      {append(step(DNSStale, func(s *Step) { s.Lease = 40 * time.Second }), step(RegionDown, nil)...), "route53", Expected{Bound: 102}},
		"a region is lost together with its APIs": {append(step(ControlPlaneDown, nil), step(RegionDown, nil)...), "route53", Expected{Bound: 62}},
	} {
		top := deployed()
		top.Manager = c.manager
		got := expect(top, c.steps, false)
		if got.Why == "" {
			t.Errorf("%s: it is not said why", name)
		}
		if got.Why = ""; got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// What is other tools' alone is carried along, to polygate's own journal as well.
func TestForeign(t *testing.T) {
	const text = `{"version": "1.0.0", "title": "t", "description": "d", "controls": [{"name": "trace"}], "configuration": {"a": 1}, "secrets": {}, "runtime": {"rollbacks": {"strategy": "always"}},
"method": [{"type": "action", "name": "break", "background": true, "controls": [], "provider": {"type": "process", "path": "polygate", "arguments": ["drill", "inject", "region-down", "aws/one"]}}],
"extensions": [{"name": "other", "deep": {"er": [1]}}, {"name": "polygate", "repeat": 3}]}`
	e, err := Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.Prepare(deployed(), "staging")
	if err != nil || d.Extension.Repeat != 3 {
		t.Fatalf("%+v, %v", d.Extension, err)
	}
	var want, got any
	written, err := json.Marshal(e)
	if err := errors.Join(err, json.Unmarshal(written, &got), json.Unmarshal([]byte(text), &want)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("written:\n%s\nread:\n%s", written, text)
	}
}

// What is allowed unless the experiment says is what comes of it, however many regions there are: shares are no whole numbers.
func TestCapacityAsDesigned(t *testing.T) {
	for n := 2; n <= 60; n++ {
		top := deployed()
		top.Pattern, top.Regions = "active-active", nil
		look := Look{Well: map[string]bool{}, Drained: map[string]bool{}}
		for i := range n {
			name := fmt.Sprintf("aws/%d", i)
			top.Regions = append(top.Regions, topology.Region{Name: name, Provider: "aws", Weight: 100})
			look.Well[name] = true
		}
		e, err := New(top, "staging", Step{Fault: Fault{Kind: RegionDown, Target: "aws/0"}})
		if err != nil {
			t.Fatal(err)
		}
		d, err := e.Prepare(top, "staging")
		if err != nil {
			t.Fatal(err)
		}
		p := premise{world: World{Topology: top}, drill: d, look: look, load: load(top, look, d.Affected)}
		if c := p.capacity(); c.Result == report.Failed {
			t.Errorf("%d regions: %s", n, c.Detail)
		}
	}
}

// A group that takes over can carry what another one does that is as large; one that has lost a region cannot.
func TestCapacityOfAGroup(t *testing.T) {
	top := deployed()
	top.Pattern = "multi-region"
	for _, name := range []string{"aws/three", "gcp/four"} {
		r := top.Regions[0]
		r.Name, r.Provider = name, name[:3]
		top.Regions = append(top.Regions, r)
	}
	e, err := New(top, "staging", Step{Fault: Fault{Kind: ProviderDown, Target: "aws"}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.Prepare(top, "staging")
	if err != nil || d.Extension.Limits.Load != 1 {
		t.Fatalf("limits.load is %g, %v: want 1", d.Extension.Limits.Load, err)
	}
	look := Look{Well: map[string]bool{one: true, two: true, "aws/three": true, "gcp/four": true}, Drained: map[string]bool{"gcp/four": true}}
	if l := load(top, look, d.Affected); l != 2 {
		t.Errorf("half of the group carries %g times what a region of the other one does, want 2", l)
	}
}

// A survivor may get as much as when all regions are well, unless the experiment says otherwise: with another one out of traffic that is less than it
// would get.
func TestCapacity(t *testing.T) {
	top := deployed()
	top.Pattern = "active-active"
	three := top.Regions[1]
	three.Name = "gcp/three"
	top.Regions = append(top.Regions, three)
	e, err := New(top, "staging", Step{Fault: Fault{Kind: RegionDown, Target: one}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.Prepare(top, "staging")
	if err != nil || d.Extension.Limits.Load != 1.5 {
		t.Fatalf("limits.load is %g, %v: want 1.5", d.Extension.Limits.Load, err)
	}
	look := Look{Well: map[string]bool{one: true, two: true, "gcp/three": true}, Drained: map[string]bool{}}
	if l := load(top, look, d.Affected); l != 1.5 {
		t.Errorf("with all of them the load is %g, want 1.5", l)
	}
	look.Drained["gcp/three"] = true
	if l := load(top, look, d.Affected); l != 2 {
		t.Errorf("without one the load is %g, want 2", l)
	}
}
