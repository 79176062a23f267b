package cloudflare_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/failover"
	"polygate.example/infra/failover/cloudflare"
	"polygate.example/infra/internal/record"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

func TestWrite(t *testing.T) {
	for _, c := range []struct{ kind, value, want string }{
		{"CNAME", "front.test.", "front.test"},
		{"A", "192.0.2.1", "192.0.2.1"},
		{"TXT", "proof", `"proof"`},
		{"TXT", `with "quotes"`, `"with \"quotes\""`},
		{"TXT", `"proof"`, `"proof"`},
	} {
		t.Run(c.kind+" "+c.value, func(t *testing.T) {
			rec := &record.Recorder{}
			if err := rec.Run("dev", nil, func(ctx *pulumi.Context) error {
				zone, err := cloudflare.Manager{}.Open(ctx, "gw", failover.ZoneArgs{Settings: stack(nil)})
				if err == nil {
					_, err = zone.Write(ctx, "x", provider.Record{Name: pulumi.String("x.example.com."), Type: pulumi.String(c.kind), Value: pulumi.String(c.value)})
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
			r, _ := rec.Find("x")
			want := map[string]any{"zoneId": "Z1", "name": "x.example.com", "type": c.kind, "content": c.want, "ttl": 60.0, "proxied": false}
			if diff := cmp.Diff(want, r.Inputs); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
		})
	}
}

// Cloudflare has a record for each value, and takes CAA in parts.
func TestWriteSets(t *testing.T) {
	rec := &record.Recorder{}
	if err := rec.Run("dev", nil, func(ctx *pulumi.Context) error {
		zone, err := cloudflare.Manager{}.Open(ctx, "gw", failover.ZoneArgs{Settings: stack(nil)})
		if err != nil {
			return err
		}
		_, err = zone.Write(ctx, "caa", provider.Record{Name: pulumi.String("example.com"), Type: pulumi.String(string(provider.CAA)),
			Value: pulumi.String(`0 issue "pki.goog"`), More: []pulumi.StringInput{pulumi.String(`128 iodef "mailto:a@example.com"`)}})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]map[string]any{
		"caa":   {"flags": 0.0, "tag": "issue", "value": "pki.goog"},
		"caa-2": {"flags": 128.0, "tag": "iodef", "value": "mailto:a@example.com"},
	} {
		r, ok := rec.Find(name)
		if diff := cmp.Diff(want, r.Inputs["data"]); diff != "" || !ok || r.Inputs["content"] != nil || r.Inputs["type"] != "CAA" {
			t.Errorf("%s is %v (-want +got):\n%s", name, r.Inputs, diff)
		}
	}
}

func TestBound(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*settings.Settings)
		want   time.Duration
	}{
		{"DNS only", nil, (20 + 8 + 30) * time.Second},
		{"proxied", proxied, (20 + 8) * time.Second},
		{"least", func(s *settings.Settings) {
			proxied(s)
			s.Check = settings.Check{Interval: 10, Threshold: 1, Timeout: 1}
		}, 12 * time.Second},
		{"default", func(s *settings.Settings) {
			s.TTL, s.Check = 60, settings.Check{Interval: 30, Threshold: 3, Timeout: 5}
		}, (90 + 10 + 60) * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := (cloudflare.Manager{}).Bound(stack(c.change)).Total(); got != c.want {
				t.Errorf("bound is %s, want %s", got, c.want)
			}
		})
	}
}

// The README's example holds, and its bounds are those it states.
func TestExample(t *testing.T) {
	s, err := record.LoadExample(t.TempDir(), "README.md", failover.Audit([]failover.Manager{cloudflare.Manager{}}))
	if err != nil {
		t.Fatal(err)
	}
	if got := (cloudflare.Manager{}).Bound(s).Total(); got != 28*time.Second {
		t.Errorf("the example's bound is %s, the README says 28 s", got)
	}
	s.Cloudflare.Proxied = false
	if got := (cloudflare.Manager{}).Bound(s).Total(); got != 58*time.Second {
		t.Errorf("DNS only the example's bound is %s, the README says 58 s", got)
	}
}

// A zone that nobody is led to answers DNS, as a spare has to, and does not proxy; what a plan does not have is refused before
// anything is made, with what works.
func TestZonesThatFit(t *testing.T) {
	spare := func(s *settings.Settings) { s.Manager, s.Spare = "route53", "cloudflare" }
	slow := func(s *settings.Settings) { s.Check.Interval = 15 }
	many := func(s *settings.Settings) {
		slow(s)
		for i := range 18 {
			s.Regions = append(s.Regions, settings.Region{Provider: "aws", Name: fmt.Sprint("r", i)})
		}
	}
	ramped := func(s *settings.Settings) {
		slow(s)
		s.Pattern, s.Steering, s.Ramp = settings.ActiveActive, settings.Weighted, []int{10, 20, 30, 40, 100}
	}
	for _, c := range []struct {
		name                string
		setup, status, plan string
		change              func(*settings.Settings)
		want                []string // none: it fits
	}{
		{"active, proxied", "full", "active", "enterprise", proxied, nil},
		{"active", "full", "active", "enterprise", nil, nil},
		{"pending", "full", "pending", "enterprise", nil, nil},
		{"pending, proxied", "full", "pending", "enterprise", proxied, []string{"is pending in Cloudflare, which proxies for active zones only"}},
		{"moved, proxied", "full", "moved", "enterprise", proxied, []string{"is moved in Cloudflare"}},
		{"partial", "partial", "active", "enterprise", nil, []string{`has the setup "partial"`}},
		{"a spare", "full", "pending", "enterprise", spare, nil},
		{"a spare on the Free plan", "full", "pending", "free", spare, []string{"deletes such a zone when it has been pending for 28 days", "a paid plan",
			"polygate:check.interval is 10: want 30, which its other manager takes as well"}},
		{"no spare on the Free plan", "full", "active", "free", slow, nil},
		{"every 10 s", "full", "active", "pro", nil, []string{"has the plan pro, with which Cloudflare probes every 15 s at most", "want 15 or more, or an Enterprise plan"}},
		{"every 15 s", "full", "active", "business", slow, nil},
		{"a plan that nobody tells", "full", "active", "", nil, nil},
		{"21 regions", "full", "active", "pro", many, []string{"has 20 pools, and the stack takes 21", "has 20 endpoints, and the stack takes 21"}},
		{"21 regions of an enterprise", "full", "active", "enterprise", many, nil},
		{"3 regions in 5 steps", "full", "active", "pro", ramped, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := cloudflare.Fit(cloudflare.Held{Name: "example.com", Setup: c.setup, Status: c.status, Plan: c.plan}, stack(c.change, three...))
			if len(c.want) == 0 && err != nil {
				t.Errorf("refused: %v", err)
			}
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nlacks %q", err, want)
				}
			}
		})
	}
}

// Until the zone is active the shared name leads to the first region that is not drained, by a record that the load balancer comes
// after; nothing leads around a proxy.
func TestWaitingRecord(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*settings.Settings)
		want   any
	}{
		{"DNS only", nil, "useast1.aws.api.example.com"},
		{"a spare", func(s *settings.Settings) { s.Manager, s.Spare = "route53", "cloudflare" }, "useast1.aws.api.example.com"},
		{"the first is drained", func(s *settings.Settings) { s.Drained = []string{"aws/us-east-1"} }, "europewest1.gcp.api.example.com"},
		{"proxied", proxied, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := steer(t, stack(c.change, three...))
			r, _ := rec.Find("gw-waiting")
			if r.Inputs["content"] != c.want || c.want != nil && (r.Inputs["name"] != hostname || r.Inputs["type"] != "CNAME" || r.Inputs["proxied"] != false) {
				t.Errorf("the record is %v, want one to %v", r.Inputs, c.want)
			}
			after := slices.ContainsFunc(rec.Of(tBalancer)[0].DependsOn, func(urn string) bool { return strings.HasSuffix(urn, "::gw-waiting") })
			if after != (c.want != nil) {
				t.Errorf("the load balancer waits for %v", rec.Of(tBalancer)[0].DependsOn)
			}
		})
	}
}

// What doctor holds against an account is what a stack makes.
func TestNeeds(t *testing.T) {
	for name, change := range map[string]func(*settings.Settings){
		"active-passive": nil,
		"ramp": func(s *settings.Settings) {
			s.Pattern, s.Steering, s.Ramp = settings.ActiveActive, settings.Weighted, []int{10, 30, 100}
		},
		"groups": func(s *settings.Settings) { s.Pattern, s.Steering = settings.MultiRegion, settings.Weighted },
	} {
		s := stack(change, append(three, "aws/eu-west-1")...)
		rec := steer(t, s)
		endpoints := 0
		for _, p := range rec.Of(tPool) {
			endpoints += len(origins(p))
		}
		want := []failover.Need{{Of: "pools", Count: len(rec.Of(tPool)), Most: 20}, {Of: "endpoints", Count: endpoints, Most: 20}}
		if diff := cmp.Diff(want, cloudflare.Manager{}.Needs(s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
