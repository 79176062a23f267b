package route53_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/failover"
	"polygate.example/infra/failover/route53"
	"polygate.example/infra/internal/record"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

const hostname = "api.example.com"

var stack = settings.Settings{
	Environment: "dev", Hostname: hostname, Zone: "example.com", Pattern: settings.ActivePassive, TTL: 30,
	Check: settings.Check{Interval: 10, Threshold: 2, Path: "/health"},
}

// Both figures are those of the Route 53 documentation's rules: "default 30 s x 3, TTL 60" and "best 10 s x 2, TTL 30",
// each probe taking its whole 4 s + 2 s.
func TestBound(t *testing.T) {
	for _, c := range []struct {
		name                     string
		interval, threshold, ttl int
		want                     time.Duration
	}{
		{"fast", 10, 2, 30, 62 * time.Second},
		{"default", 30, 3, 60, 168 * time.Second},
		{"least", 10, 1, 1, 17 * time.Second},
		{"most", 30, 10, 60, 420 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := route53.Manager{}.Bound(settings.Settings{Check: settings.Check{Interval: c.interval, Threshold: c.threshold}, TTL: c.ttl}).Total()
			if got != c.want {
				t.Errorf("bound is %s, want %s", got, c.want)
			}
		})
	}
}

// steer declares the records of the n regions r1, r2 and so on.
func steer(t *testing.T, n int) (*record.Recorder, []failover.Member) {
	t.Helper()
	return steerFrom(t, 1, n)
}

// steerFrom declares the records of n regions, the first of which bears the number first.
func steerFrom(t *testing.T, first, n int) (*record.Recorder, []failover.Member) {
	t.Helper()
	var members []failover.Member
	rec := &record.Recorder{}
	err := rec.Run("dev", nil, func(ctx *pulumi.Context) error {
		zone, err := route53.Manager{}.Open(ctx, "gw", failover.ZoneArgs{Settings: stack})
		if err != nil {
			return err
		}
		for i := range n {
			label := fmt.Sprintf("r%d", first+i)
			own := provider.OwnName(label, "aws", hostname)
			w, err := zone.Write(ctx, label+"-name", provider.Record{
				Name: pulumi.String(own + "."), Type: pulumi.String("A"), Value: pulumi.String("192.0.2.1"),
			})
			if err != nil {
				return err
			}
			members = append(members, failover.Member{
				Region: settings.Region{Provider: "aws", Name: label}, Label: label, OwnName: own, Ready: []pulumi.Resource{w.Resource},
			})
		}
		got, err := zone.Steer(ctx, "gw", failover.Plan(stack, members))
		if err == nil && len(got.Checks) != n {
			err = fmt.Errorf("%d checks for %d regions", len(got.Checks), n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return rec, members
}

// slot is one failover record, as Route 53 reads it.
type slot struct{ direct, alias, check string }

// answer resolves the name as Route 53 does: PRIMARY if healthy, else SECONDARY if healthy, else PRIMARY. A slot with
// a check is as healthy as that; an alias is as healthy as its target; anything else is healthy.
func answer(t *testing.T, pairs map[string]map[string]slot, name string, up map[string]bool) (string, bool) {
	t.Helper()
	pair := pairs[name]
	resolve := func(s slot) (string, bool) {
		if s.alias != "" {
			return answer(t, pairs, s.alias, up)
		}
		return s.direct, s.check == "" || up[s.check]
	}
	first, ok := pair["PRIMARY"]
	if !ok {
		t.Fatalf("%s has no PRIMARY", name)
	}
	target, healthy := resolve(first)
	if second, ok := pair["SECONDARY"]; ok && !healthy {
		if other, otherHealthy := resolve(second); otherHealthy {
			return other, true
		}
	}
	return target, healthy
}

// For every combination of healthy regions the shared name answers the first healthy one; with none, the first.
func TestNestedFailover(t *testing.T) {
	for _, n := range []int{1, 2, 3, 6} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			rec, members := steer(t, n)
			pairs := map[string]map[string]slot{}
			for _, r := range rec.Of("aws:route53/record:Record") {
				in := r.Inputs
				routing, ok := in["failoverRoutingPolicies"].([]any)
				if !ok {
					continue // an own name
				}
				if in["type"] != "CNAME" {
					t.Errorf("%s is of type %v: want CNAME", r.Name, in["type"])
				}
				name, which := in["name"].(string), routing[0].(map[string]any)["type"].(string)
				if pairs[name] == nil {
					pairs[name] = map[string]slot{}
				}
				if _, dup := pairs[name][which]; dup {
					t.Errorf("%s has a second %s", name, which)
				}
				pairs[name][which] = read(t, r)
			}
			if want := max(1, n-1); len(pairs) != want {
				t.Errorf("%d pairs, want %d", len(pairs), want)
			}
			if checks := rec.Of("aws:route53/healthCheck:HealthCheck"); len(checks) != n {
				t.Errorf("%d health checks for %d regions", len(checks), n)
			}
			for healthy := range 1 << n {
				up := map[string]bool{}
				want := members[0].OwnName
				for i := n - 1; i >= 0; i-- {
					up["gw-aws-"+members[i].Label+"-id"] = healthy&(1<<i) != 0
					if healthy&(1<<i) != 0 {
						want = members[i].OwnName
					}
				}
				if got, _ := answer(t, pairs, hostname, up); got != want {
					t.Errorf("with %0*b up the answer is %s, want %s", n, healthy, got, want)
				}
			}
		})
	}
}

func read(t *testing.T, r record.Resource) slot {
	t.Helper()
	var s slot
	s.check, _ = r.Inputs["healthCheckId"].(string)
	if aliases, ok := r.Inputs["aliases"].([]any); ok {
		a := aliases[0].(map[string]any)
		if a["evaluateTargetHealth"] != true || a["zoneId"] != "Z1" || r.Inputs["ttl"] != nil {
			t.Errorf("%s is the alias %v with TTL %v: want target health evaluated, the same zone and no TTL", r.Name, a, r.Inputs["ttl"])
		}
		s.alias = a["name"].(string)
		return s
	}
	if r.Inputs["ttl"] != 30.0 {
		t.Errorf("%s has the TTL %v: want the dial's 30", r.Name, r.Inputs["ttl"])
	}
	s.direct = r.Inputs["records"].([]any)[0].(string)
	return s
}

// A probe must look like a client's request: TLS to the own name, on its health path.
func TestHealthCheck(t *testing.T) {
	rec, members := steer(t, 2)
	want := map[string]any{
		"type": "HTTPS", "fqdn": members[0].OwnName, "port": 443.0, "resourcePath": "/health",
		"requestInterval": 10.0, "failureThreshold": 2.0, "enableSni": true,
		"tags": map[string]any{
			"Name": members[0].OwnName, "managed-by": "pulumi", "polygate-environment": "dev", "polygate-region": "r1",
		},
	}
	check, ok := rec.Find("gw-aws-r1")
	if !ok {
		t.Fatal("not declared")
	}
	if diff := cmp.Diff(want, check.Inputs); diff != "" {
		t.Errorf("health check (-want +got):\n%s", diff)
	}
	if !waitsFor(check, "r1-name") {
		t.Errorf("the check waits for %v: want its member", check.DependsOn)
	}
}

func waitsFor(r record.Resource, name string) bool {
	return slices.ContainsFunc(r.DependsOn, func(urn string) bool { return strings.HasSuffix(urn, "::"+name) })
}

// Every record that names a member has its check, without which Route 53 refuses a PRIMARY, and so waits for the member.
func TestRecordsHaveChecks(t *testing.T) {
	for _, n := range []int{1, 2, 3} {
		rec, members := steer(t, n)
		for _, r := range rec.Of("aws:route53/record:Record") {
			for _, m := range members {
				if to, ok := r.Inputs["records"].([]any); !ok || to[0] != m.OwnName {
					continue
				}
				if r.Inputs["healthCheckId"] != "gw-aws-"+m.Label+"-id" || !waitsFor(r, "gw-aws-"+m.Label) {
					t.Errorf("of %d: %s names %s with the check %v", n, r.Name, m.OwnName, r.Inputs["healthCheckId"])
				}
			}
		}
	}
}

// Route 53 refuses an alias whose target is not there: each waits for all of the pair it stands for.
func TestAliasWaitsForItsTarget(t *testing.T) {
	rec, _ := steer(t, 4)
	for alias, targets := range map[string][]string{
		"gw-1-secondary": {"gw-2-primary", "gw-2-secondary"},
		"gw-2-secondary": {"gw-3-primary", "gw-3-secondary"},
	} {
		r, ok := rec.Find(alias)
		if !ok || r.Inputs["aliases"] == nil {
			t.Fatalf("%s is not an alias: %v", alias, r.Inputs)
		}
		for _, target := range targets {
			if !waitsFor(r, target) {
				t.Errorf("%s waits for %v: want %s", alias, r.DependsOn, target)
			}
		}
	}
}

// Another order of regions, or one more, must be an update in place: Route 53 replaces a record when its name, type or
// set identifier changes, and refuses two records for one slot.
func TestRecordsKeepTheirIdentity(t *testing.T) {
	identity := func(first, n int) map[string]string {
		rec, _ := steerFrom(t, first, n)
		out := map[string]string{}
		for _, r := range rec.Of("aws:route53/record:Record") {
			if r.Inputs["failoverRoutingPolicies"] != nil {
				out[r.Name] = fmt.Sprint(r.Inputs["name"], r.Inputs["type"], r.Inputs["setIdentifier"])
			}
		}
		return out
	}
	four := identity(1, 4)
	for _, c := range []struct{ first, n int }{{1, 1}, {1, 2}, {1, 3}, {2, 4}, {5, 2}} {
		for name, id := range identity(c.first, c.n) {
			if four[name] != id {
				t.Errorf("with %d regions from r%d %s is %s, with four from r1 it is %s: it would be replaced", c.n, c.first, name, id, four[name])
			}
		}
	}
}

func TestWriteTrimsTheDot(t *testing.T) {
	rec, members := steer(t, 1)
	r, ok := rec.Find("r1-name")
	if !ok || r.Inputs["name"] != members[0].OwnName {
		t.Errorf("the record's name is %v, want %s without a trailing dot", r.Inputs["name"], members[0].OwnName)
	}
}

// The README's example holds, and its bound is the one it states.
func TestExample(t *testing.T) {
	s, err := record.LoadExample(t.TempDir(), "README.md", failover.Audit([]failover.Manager{route53.Manager{}}))
	if err != nil {
		t.Fatal(err)
	}
	if got := (route53.Manager{}).Bound(s).Total(); got != 62*time.Second {
		t.Errorf("the example's bound is %s, the README says 62 s", got)
	}
}
