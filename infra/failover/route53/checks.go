package route53

import (
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/route53"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/failover"
	"polygate.example/infra/provider"
)

// checks are the health checks of one region.
type checks struct {
	endpoint pulumi.StringOutput   // probes the region
	serving  pulumi.StringOutput   // decides whether it has traffic: endpoint, and its routing control where there is one
	slices   []pulumi.StringOutput // decide the same for each slice of its weight; none without a ramp
}

// check declares a member's health checks; shared says that it has a share of its group's traffic.
func (b *builder) check(m failover.Member, shared bool) (checks, error) {
	s := b.zone.settings
	endpoint, err := b.probe(m, "", s.Check.Threshold, m.Drained)
	if err != nil {
		return checks{}, err
	}
	c := checks{endpoint: endpoint, serving: endpoint}
	must := []pulumi.StringOutput{endpoint}
	if control, ok := b.switches[m.Region.String()]; ok {
		must = append(must, control)
		if c.serving, err = b.all(m, "both", must); err != nil {
			return checks{}, err
		}
	}
	if len(s.Ramp) == 0 || !shared {
		return c, nil
	}
	thresholds, err := slowThresholds(s.Check.Threshold, len(s.Ramp))
	if err != nil { // the audit has refused it
		return checks{}, fmt.Errorf("ramp of %s: %w", m.Region, err)
	}
	c.slices = append(c.slices, c.serving)
	for k, threshold := range thresholds {
		step := strconv.Itoa(k + 2)
		slow, err := b.probe(m, "slow-"+step, threshold, false)
		if err != nil {
			return checks{}, err
		}
		slice, err := b.all(m, "slice-"+step, append(must[:len(must):len(must)], slow))
		if err != nil {
			return checks{}, err
		}
		c.slices = append(c.slices, slice)
	}
	return c, nil
}

// probe declares a check of the member's own name. It does not validate the certificate (Route 53 never does), but it sends
// the own name as SNI and Host, so that a front which does not know the name fails it.
//
// It waits until all of the member is there, and the records wait for it, by its id. A region that is added or moved up
// while others serve must not be in the records before it can answer: its target is known long before its code is
// published, and a new check counts as healthy until it has probed often enough. Source: "How Amazon Route 53 determines
// whether a health check is healthy", docs.aws.amazon.com/Route53/latest/DeveloperGuide/
// dns-failover-determining-health-of-endpoints.html.
//
// That of a drained region is disabled and inverted: "after you disable a health check, Route 53 considers the status of the
// health check to always be healthy [...] If you want to stop routing traffic to a resource, change the value of Inverted" (API
// reference, HealthCheckConfig, Disabled). Both change in place.
//
// The interval cannot be changed later: a change replaces the check. The new one is there first and the records move to
// it before the old one goes, so that nothing is lost; protection would only stand in the way.
func (b *builder) probe(m failover.Member, kind string, threshold int, drained bool) (pulumi.StringOutput, error) {
	s := b.zone.settings
	args := &route53.HealthCheckArgs{
		Type:             pulumi.String("HTTPS"),
		Fqdn:             pulumi.String(m.OwnName),
		Port:             pulumi.Int(443),
		ResourcePath:     pulumi.String(s.Check.Path),
		RequestInterval:  pulumi.Int(s.Check.Interval),
		FailureThreshold: pulumi.Int(threshold),
		EnableSni:        pulumi.Bool(true),
	}
	if drained {
		args.Disabled, args.InvertHealthcheck = pulumi.Bool(true), pulumi.Bool(true)
	}
	return b.healthCheck(m, kind, args, pulumi.DependsOn(m.Ready))
}

// all declares a check that is healthy while all of others are.
func (b *builder) all(m failover.Member, kind string, others []pulumi.StringOutput) (pulumi.StringOutput, error) {
	return b.healthCheck(m, kind, &route53.HealthCheckArgs{
		Type:                 pulumi.String("CALCULATED"),
		ChildHealthchecks:    pulumi.ToStringArrayOutput(others),
		ChildHealthThreshold: pulumi.Int(len(others)),
	})
}

// healthCheck declares one check of a member; kind tells it from the member's other ones, "" is the one that probes.
func (b *builder) healthCheck(m failover.Member, kind string, args *route53.HealthCheckArgs, opts ...pulumi.ResourceOption) (pulumi.StringOutput, error) {
	name, label := b.name+"-"+m.Key(), m.OwnName
	if kind != "" {
		name, label = name+"-"+kind, label+" "+kind
	}
	tags := provider.Tags(provider.AccountArgs{Settings: b.zone.settings}, &m.Region)
	tags["Name"] = pulumi.String(label) // Route 53's console shows nothing else of it in lists
	args.Tags = tags
	hc, err := route53.NewHealthCheck(b.ctx, name, args, append(opts, b.parent, provider.Replaceable())...)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("health check of %s: %w", m.Region, err)
	}
	return hc.ID().ToStringOutput(), nil
}
