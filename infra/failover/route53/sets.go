package route53

import (
	"strconv"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/route53"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/failover"
	"polygate.example/infra/provider"
)

// target makes one target of a group: its only region, or the set of records that chooses among its regions.
func (b *builder) target(g failover.Group) (target, error) {
	if len(g.Shares) == 1 && g.Shares[0].Member != nil {
		return b.direct(*g.Shares[0].Member), nil
	}
	t := target{set: b.label(g)}
	var err error
	switch g.Method {
	case failover.Weighted:
		t.after, err = b.weighted(g)
	case failover.Latency:
		t.after, err = b.latency(g)
	case failover.Geo:
		t.after, err = b.geo(g)
	default:
		var targets []target
		if targets, err = b.ordered(g); err == nil {
			t.after, err = b.nest(t.set, targets)
		}
	}
	return t, err
}

// label is the label of a group's set below the shared name, and stem is what its resources are called by. Weighted records of
// one set must have one TTL, and records change one after the other ("cannot be created as weighted sets must contain the same
// TTL", aws/aws-sdk-go-v2 issue #518): so another TTL is another set. So is another scale of weights, which a ramp has.
func (b *builder) label(g failover.Group) string {
	if g.Method != failover.Weighted {
		return stem(g)
	}
	method := "weighted"
	if len(b.zone.settings.Ramp) > 0 {
		method = "ramped"
	}
	return prefix(g) + method + "-" + strconv.Itoa(b.zone.settings.TTL)
}

func stem(g failover.Group) string { return prefix(g) + string(g.Method) }

func prefix(g failover.Group) string {
	if g.Name == "" {
		return ""
	}
	return g.Name + "-"
}

// weighted declares a record for each region, or one for each step of the ramp.
func (b *builder) weighted(g failover.Group) ([]pulumi.Resource, error) {
	weights, _ := sliceWeights(g, b.zone.settings.Ramp) // the audit has refused what does not fit
	var out []pulumi.Resource
	for i, sh := range g.Shares {
		m := *sh.Member
		for k, weight := range weights[i] {
			id, t := m.Key(), b.direct(m)
			stem := stem(g)
			if len(weights[i]) > 1 {
				id, stem = id+"-"+strconv.Itoa(k+1), prefix(g)+"ramped"
				t.check = b.checks[m.Region.String()].slices[k]
			}
			rec, err := b.record(stem+"-"+id, b.fqdn(b.label(g)), id, t, func(args *route53.RecordArgs) {
				args.WeightedRoutingPolicies = route53.RecordWeightedRoutingPolicyArray{route53.RecordWeightedRoutingPolicyArgs{Weight: pulumi.Int(weight)}}
			}, provider.Replaceable())
			if err != nil {
				return nil, err
			}
			out = append(out, rec)
		}
	}
	return out, nil
}

// latency declares a record for each region, all of which are of AWS.
func (b *builder) latency(g failover.Group) ([]pulumi.Resource, error) {
	var out []pulumi.Resource
	for _, sh := range g.Shares {
		m := *sh.Member
		rec, err := b.record(stem(g)+"-"+m.Key(), b.fqdn(b.label(g)), m.Key(), b.direct(m), func(args *route53.RecordArgs) {
			args.LatencyRoutingPolicies = route53.RecordLatencyRoutingPolicyArray{route53.RecordLatencyRoutingPolicyArgs{Region: pulumi.String(m.Region.Name)}}
		}, provider.Replaceable())
		if err != nil {
			return nil, err
		}
		out = append(out, rec)
	}
	return out, nil
}

// geo declares a record for each place. It is called by the place and not by the region, because two records for one place are
// refused, so that a place which moves to another region must be one record that changes.
//
// Of an unhealthy record the next larger place's answers, and at last the default's: nothing is behind that, and the clients of
// the default's region would be lost with it. So the default stands for failover pairs over all regions of the group, its own
// first.
func (b *builder) geo(g failover.Group) ([]pulumi.Resource, error) {
	var out []pulumi.Resource
	add := func(id string, t target, place route53.RecordGeolocationRoutingPolicyArgs) error {
		rec, err := b.record(stem(g)+"-"+id, b.fqdn(b.label(g)), id, t, func(args *route53.RecordArgs) {
			args.GeolocationRoutingPolicies = route53.RecordGeolocationRoutingPolicyArray{place}
		}, provider.Replaceable())
		out = append(out, rec)
		return err
	}
	for i, sh := range g.Shares {
		t := b.direct(*sh.Member)
		if sh.Serves.Default {
			all, err := b.fallback(g, i)
			if err != nil {
				return nil, err
			}
			if err := add("default", all, route53.RecordGeolocationRoutingPolicyArgs{Country: pulumi.String("*")}); err != nil {
				return nil, err
			}
		}
		for _, c := range sh.Serves.Continents {
			if err := add("continent-"+c, t, route53.RecordGeolocationRoutingPolicyArgs{Continent: pulumi.String(c)}); err != nil {
				return nil, err
			}
		}
		for _, c := range sh.Serves.Countries {
			place := route53.RecordGeolocationRoutingPolicyArgs{Country: pulumi.String(c)}
			if country, subdivision, ok := strings.Cut(c, "-"); ok {
				place = route53.RecordGeolocationRoutingPolicyArgs{Country: pulumi.String(country), Subdivision: pulumi.String(subdivision)}
			}
			if err := add("country-"+c, t, place); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// fallback is the group's default: the region at first, and behind it the others in their order.
func (b *builder) fallback(g failover.Group, first int) (target, error) {
	targets := []target{b.direct(*g.Shares[first].Member)}
	for i, sh := range g.Shares {
		if i != first {
			targets = append(targets, b.direct(*sh.Member))
		}
	}
	set := stem(g) + "-default"
	after, err := b.nest(set, targets)
	return target{set: set, after: after}, err
}
