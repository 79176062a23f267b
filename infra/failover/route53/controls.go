package route53

import (
	"fmt"
	"strings"
	"time"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/route53"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/route53recoverycontrol"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/failover"
	"polygate.example/infra/provider"
)

// Details of routing controls, for whoever switches them: the data plane is reached at the cluster's endpoints, which are to be
// kept at hand ("we recommend that you keep a local copy of the endpoints", ARC developer guide, "Best practices for routing
// control"), by the controls' ARNs.
const (
	DetailEndpoints = "clusterEndpoints"   // region=url, comma separated
	DetailControl   = "routingControlArn:" // and the region
	detailCluster   = "clusterArn"
)

// WaitPeriod is the time between changes that a safety rule asks for, ARC's own default (API reference, AssertionRule, WaitPeriodMs).
const WaitPeriod = 5 * time.Second

const maxControlName = 64 // API reference, CreateCluster, ClusterName

// controls declares an Application Recovery Controller cluster with a switch for each region, and a rule that keeps some of them
// on. A region has traffic while its switch is on and its endpoint is healthy. The cluster is billed by the hour, about 1,825 USD
// a month (2.50 USD an hour, aws.amazon.com/application-recovery-controller/pricing).
//
// Records leave the switches before these go, in any order of dials; so none of it is protected.
func (b *builder) controls(members []failover.Member, details pulumi.StringMap) error {
	s := b.zone.settings
	name := "polygate-" + s.Environment
	if len(name) > maxControlName {
		return fmt.Errorf("routing controls: the cluster's name %q has %d characters, ARC takes %d", name, len(name), maxControlName)
	}
	tags := provider.Tags(provider.AccountArgs{Settings: s}, nil)
	cluster, err := route53recoverycontrol.NewCluster(b.ctx, b.name+"-cluster", &route53recoverycontrol.ClusterArgs{
		Name: pulumi.String(name), Tags: tags,
	}, b.parent, provider.Replaceable())
	if err != nil {
		return fmt.Errorf("routing control cluster: %w", err)
	}
	panel, err := route53recoverycontrol.NewControlPanel(b.ctx, b.name+"-panel", &route53recoverycontrol.ControlPanelArgs{
		Name: pulumi.String(name), ClusterArn: cluster.Arn, Tags: tags,
	}, b.parent, provider.Replaceable())
	if err != nil {
		return fmt.Errorf("control panel: %w", err)
	}
	b.switches = map[string]pulumi.StringOutput{}
	var asserted pulumi.StringArray
	for _, m := range members {
		control, err := route53recoverycontrol.NewRoutingControl(b.ctx, b.name+"-"+m.Key()+"-control", &route53recoverycontrol.RoutingControlArgs{
			Name: pulumi.String(m.Region.String()), ClusterArn: cluster.Arn, ControlPanelArn: panel.Arn,
		}, b.parent, provider.Replaceable())
		if err != nil {
			return fmt.Errorf("routing control of %s: %w", m.Region, err)
		}
		if b.switches[m.Region.String()], err = b.healthCheck(m, "switch", &route53.HealthCheckArgs{
			Type: pulumi.String("RECOVERY_CONTROL"), RoutingControlArn: control.Arn,
		}); err != nil {
			return err
		}
		asserted = append(asserted, control.Arn)
		details[DetailControl+m.Region.String()] = control.Arn
	}
	// Another set of controls or another number replaces the rule, and its name is taken while the old one is there.
	if _, err := route53recoverycontrol.NewSafetyRule(b.ctx, b.name+"-rule", &route53recoverycontrol.SafetyRuleArgs{
		Name: pulumi.String("regions-that-stay-on"), ControlPanelArn: panel.Arn, AssertedControls: asserted, WaitPeriodMs: pulumi.Int(int(WaitPeriod.Milliseconds())),
		RuleConfig: route53recoverycontrol.SafetyRuleRuleConfigArgs{
			Type: pulumi.String("ATLEAST"), Threshold: pulumi.Int(s.Route53.AtLeastOn), Inverted: pulumi.Bool(false),
		},
		Tags: tags,
	}, b.parent, provider.Replaceable(), pulumi.DeleteBeforeReplace(true)); err != nil {
		return fmt.Errorf("safety rule: %w", err)
	}
	details[detailCluster] = cluster.Arn
	details[DetailEndpoints] = cluster.ClusterEndpoints.ApplyT(func(endpoints []route53recoverycontrol.ClusterClusterEndpoint) string {
		var out []string
		for _, e := range endpoints {
			if e.Region != nil && e.Endpoint != nil {
				out = append(out, *e.Region+"="+*e.Endpoint)
			}
		}
		return strings.Join(out, ",")
	}).(pulumi.StringOutput)
	return nil
}
