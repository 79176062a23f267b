package route53_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/failover"
	"polygate.example/infra/failover/route53"
	"polygate.example/infra/internal/record"
	"polygate.example/infra/settings"
)

// Whatever the plan was and will be, the shared name keeps its PRIMARY, which changes in place; all that is under another policy
// is under another name, and no name ever has two policies, nor weighted records of two TTLs.
func TestChangeOfPlan(t *testing.T) {
	type set struct{ policy, ttl string }
	sets := map[string]map[set]bool{} // by name, over all plans
	var primary *record.Resource
	for _, s := range []settings.Settings{
		with(func(*settings.Settings) {}, fourOfAWS...),
		with(func(s *settings.Settings) { s.TTL = 60 }, fourOfAWS...),
		with(func(s *settings.Settings) { s.Pattern, s.Steering = settings.ActiveActive, settings.Weighted }, fourOfAWS...),
		with(func(s *settings.Settings) {
			s.Pattern, s.Steering, s.TTL = settings.ActiveActive, settings.Weighted, 60
		}, fourOfAWS...),
		with(func(s *settings.Settings) {
			s.Pattern, s.Steering, s.Ramp = settings.ActiveActive, settings.Weighted, []int{10, 100}
		}, fourOfAWS...),
		with(func(s *settings.Settings) { s.Pattern, s.Steering = settings.ActiveActive, settings.Latency }, fourOfAWS...),
		with(func(s *settings.Settings) {
			s.Pattern, s.Steering, s.Geo = settings.ActiveActive, settings.Geo, defaultIs(fourOfAWS[0])
		}, fourOfAWS...),
		with(func(s *settings.Settings) { s.Pattern, s.Steering = settings.MultiRegion, settings.Weighted }, mixed...),
		with(func(s *settings.Settings) {
			s.Pattern, s.Steering, s.Geo = settings.MultiRegion, settings.Geo, defaultIs(mixed[0])
		}, mixed...),
	} {
		rec := &record.Recorder{}
		if err := rec.Run("dev", nil, func(ctx *pulumi.Context) error {
			parent := &struct{ pulumi.ResourceState }{}
			if err := ctx.RegisterComponentResource("test:index:Parent", "parent", parent, pulumi.Protect(true)); err != nil {
				return err
			}
			zone, err := route53.Manager{}.Open(ctx, "gw", failover.ZoneArgs{Settings: s})
			if err != nil {
				return err
			}
			var members []failover.Member
			for _, r := range s.Regions {
				members = append(members, failover.Member{Region: r, Label: r.Name, OwnName: own(r.String())})
			}
			_, err = zone.Steer(ctx, "gw", failover.Plan(s, members), pulumi.Parent(parent))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for _, r := range rec.Of("aws:route53/record:Record") {
			name := r.Inputs["name"].(string)
			key := set{}
			for p := range r.Inputs {
				if strings.HasSuffix(p, "RoutingPolicies") {
					key.policy = p
				}
			}
			if key.policy == "weightedRoutingPolicies" {
				key.ttl = fmt.Sprint(r.Inputs["ttl"])
			}
			if sets[name] == nil {
				sets[name] = map[set]bool{}
			}
			sets[name][key] = true
			if strings.Count(strings.TrimSuffix(name, hostname), ".") > 1 {
				t.Errorf("%s could be a region's own name", name)
			}
			if r.Protect != (r.Name == "gw-1-primary") {
				t.Errorf("%s is protected: %t", r.Name, r.Protect)
			}
		}
		now, ok := rec.Find("gw-1-primary")
		if !ok || primary != nil && fmt.Sprint(now.Inputs["name"], now.Inputs["type"], now.Inputs["setIdentifier"], now.Inputs["failoverRoutingPolicies"]) !=
			fmt.Sprint(primary.Inputs["name"], primary.Inputs["type"], primary.Inputs["setIdentifier"], primary.Inputs["failoverRoutingPolicies"]) {
			t.Errorf("the shared name's record was %v and is %v: it would be replaced", primary, now)
		}
		primary = &now
		for _, alias := range rec.Of("aws:route53/record:Record") {
			a, ok := alias.Inputs["aliases"].([]any)
			if !ok {
				continue
			}
			for _, r := range rec.Of("aws:route53/record:Record") {
				if r.Inputs["name"] == a[0].(map[string]any)["name"] && !waitsFor(alias, r.Name) {
					t.Errorf("%s does not wait for %s, which it leads to", alias.Name, r.Name)
				}
			}
		}
	}
	for name, policies := range sets {
		if len(policies) != 1 {
			t.Errorf("%s has records of %v over time", name, policies)
		}
	}
}

func defaultIs(region string) map[string]settings.Serves {
	return map[string]settings.Serves{region: {Default: true}, "aws/us-east-1": {Default: true}, "azure/eastus": {Default: true}, "aws/eu-west-1": {Continents: []string{"EU"}}}
}
