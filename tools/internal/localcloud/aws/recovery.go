package aws

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

// Application Recovery Controller: a cluster of endpoints, control panels on it, routing controls in a panel, and safety rules
// over them. Source: Recovery Control Configuration API reference (CreateCluster, CreateControlPanel, CreateRoutingControl,
// CreateSafetyRule) and ARC developer guide, "Quotas for routing control". The states of routing controls are no configuration:
// see routingcontrol.go.
const (
	tokenCluster        = "aws:route53recoverycontrol/cluster:Cluster"
	tokenControlPanel   = "aws:route53recoverycontrol/controlPanel:ControlPanel"
	tokenRoutingControl = "aws:route53recoverycontrol/routingControl:RoutingControl"
	tokenSafetyRule     = "aws:route53recoverycontrol/safetyRule:SafetyRule"

	serviceRecovery = "Route53 Recovery Control Config"
	statusDeployed  = "DEPLOYED"

	maxClusters = 2   // per account
	maxPanels   = 50  // per cluster
	maxControls = 100 // per control panel
	maxRules    = 20  // per control panel
)

// recoveryName is 1 to 64 characters, "any non-white space character".
func recoveryName() resource.Property {
	return resource.Property{Name: "name", Kind: resource.String, Required: true, Min: resource.At(1), Max: resource.At(64), Pattern: regexp.MustCompile(`^\S+$`)}
}

func recoveryAction(op resource.Op, what, id, call string) action {
	return action{op, serviceRecovery + " " + what, id, serviceRecovery, call}
}

// clusterEndpoints are the five that every cluster has, in these regions (ARC developer guide, "AWS Region availability").
func clusterEndpoints() []any {
	var out []any
	for _, region := range []string{"ap-northeast-1", "ap-southeast-2", "eu-west-1", "us-east-1", "us-west-2"} {
		out = append(out, resource.Props{"endpoint": "https://host-" + derive(6, region) + "." + region + ".example.test/v1", "region": region})
	}
	return out
}

func clusterType() *resource.Type {
	return &resource.Type{
		Token: tokenCluster, Label: serviceRecovery + " Cluster",
		Properties: []resource.Property{
			fixed(recoveryName()),
			{Name: "networkType", Kind: resource.String, Default: "IPV4", OneOf: oneOf("IPV4", "DUALSTACK")},
			tagsProperty(),
		},
		Computed: []string{"arn", "clusterEndpoints", "status", "tagsAll"},
		Volatile: []string{"tagsAll"},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			a := recoveryAction(resource.OpCreate, "Cluster", in.Str("name"), "CreateCluster")
			clusters := env.View().List(tokenCluster)
			if slices.ContainsFunc(clusters, func(r resource.Record) bool { return r.Inputs.Str("name") == in.Str("name") }) {
				return "", nil, a.refuse(codeConflict, "Cluster with name %s already exists", in.Str("name"))
			}
			if len(clusters) >= maxClusters {
				return "", nil, a.refuse(codeServiceQuota, "You have reached the limit of %d clusters per account", maxClusters)
			}
			id := arn("route53-recovery-control", "", "cluster/"+serial(env, 32, tokenCluster, in.Str("name")))
			return id, resource.Props{"arn": id, "clusterEndpoints": clusterEndpoints(), "status": statusDeployed, "tagsAll": tagsAll(in)}, nil
		},
		Update: func(_ context.Context, _ *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return resource.Props{"tagsAll": tagsAll(in)}, nil
		},
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			if len(env.View().Where(tokenControlPanel, "clusterArn", old.ID)) > 0 {
				return recoveryAction(resource.OpDelete, "Cluster", old.ID, "DeleteCluster").refuse(codeConflict, "Cluster %s has control panels", old.ID)
			}
			return nil
		},
	}
}

func controlPanelType() *resource.Type {
	return &resource.Type{
		Token: tokenControlPanel, Label: serviceRecovery + " Control Panel",
		Properties: []resource.Property{fixed(required(text("clusterArn"))), recoveryName(), tagsProperty()},
		Computed:   []string{"arn", "defaultControlPanel", "routingControlCount", "status", "tagsAll"},
		Volatile:   []string{"tagsAll"},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			a := recoveryAction(resource.OpCreate, "Control Panel", in.Str("name"), "CreateControlPanel")
			if _, ok := env.View().Get(tokenCluster, in.Str("clusterArn")); !ok {
				return "", nil, a.refuse(codeResourceNotFound, "Cluster %s was not found", in.Str("clusterArn"))
			}
			if err := a.room(env.View().Where(tokenControlPanel, "clusterArn", in.Str("clusterArn")), in.Str("name"), maxPanels, "control panels per cluster"); err != nil {
				return "", nil, err
			}
			id := arn("route53-recovery-control", "", "controlpanel/"+serial(env, 32, tokenControlPanel, in.Str("clusterArn"), in.Str("name")))
			return id, resource.Props{"arn": id, "defaultControlPanel": false, "routingControlCount": 0.0, "status": statusDeployed, "tagsAll": tagsAll(in)}, nil
		},
		Update: func(_ context.Context, _ *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return resource.Props{"tagsAll": tagsAll(in)}, nil
		},
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			a := recoveryAction(resource.OpDelete, "Control Panel", old.ID, "DeleteControlPanel")
			if len(env.View().Where(tokenRoutingControl, "controlPanelArn", old.ID)) > 0 {
				return a.refuse(codeConflict, "Control panel %s has routing controls", old.ID)
			}
			if len(env.View().Where(tokenSafetyRule, "controlPanelArn", old.ID)) > 0 {
				return a.refuse(codeConflict, "Control panel %s has safety rules", old.ID)
			}
			return nil
		},
		Read: func(env *resource.Env, rec resource.Record) resource.Props {
			return resource.Props{"routingControlCount": float64(len(env.View().Where(tokenRoutingControl, "controlPanelArn", rec.ID)))}
		},
	}
}

// room refuses a name that is taken and one more than the quota.
func (a action) room(there []resource.Record, name string, quota int, what string) error {
	if slices.ContainsFunc(there, func(r resource.Record) bool { return r.Inputs.Str("name") == name }) {
		return a.refuse(codeConflict, "The name %s is in use already", name)
	}
	if len(there) >= quota {
		return a.refuse(codeServiceQuota, "You have reached the limit of %d %s", quota, what)
	}
	return nil
}

// routingControlType is a switch. The provider would put one without a panel into the cluster's default panel, which is not
// modelled.
func routingControlType() *resource.Type {
	return &resource.Type{
		Token: tokenRoutingControl, Label: serviceRecovery + " Routing Control",
		Properties: []resource.Property{fixed(required(text("clusterArn"))), fixed(text("controlPanelArn")), recoveryName()},
		Computed:   []string{"arn", "status"},
		Check: func(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
			if in["controlPanelArn"] == nil {
				return []resource.Failure{unsupported("controlPanelArn", "%s control panels", "default")}
			}
			return nil
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			a := recoveryAction(resource.OpCreate, "Routing Control", in.Str("name"), "CreateRoutingControl")
			panel, ok := env.View().Get(tokenControlPanel, in.Str("controlPanelArn"))
			if !ok || panel.Inputs.Str("clusterArn") != in.Str("clusterArn") {
				return "", nil, a.refuse(codeResourceNotFound, "Control panel %s was not found in the cluster", in.Str("controlPanelArn"))
			}
			if err := a.room(env.View().Where(tokenRoutingControl, "controlPanelArn", panel.ID), in.Str("name"), maxControls, "routing controls per control panel"); err != nil {
				return "", nil, err
			}
			id := panel.ID + "/routingcontrol/" + serial(env, 16, tokenRoutingControl, panel.ID, in.Str("name"))
			return id, resource.Props{"arn": id, "status": statusDeployed}, nil
		},
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			for _, rule := range env.View().List(tokenSafetyRule) {
				if slices.Contains(rule.Inputs.Strings("assertedControls"), old.ID) {
					return recoveryAction(resource.OpDelete, "Routing Control", old.ID, "DeleteRoutingControl").
						refuse(codeConflict, "Routing control %s is used by the safety rule %s", old.ID, rule.Inputs.Str("name"))
				}
			}
			return nil
		},
	}
}

// safetyRuleType is an assertion rule. What replaces it and what updates it: terraform-provider-aws, schema of the resource.
func safetyRuleType() *resource.Type {
	return &resource.Type{
		Token: tokenSafetyRule, Label: serviceRecovery + " Safety Rule",
		Properties: []resource.Property{
			fixed(required(text("controlPanelArn"))), recoveryName(),
			{Name: "assertedControls", Kind: resource.Array, Required: true, Immutable: true, Min: resource.At(1), Elem: &resource.Property{Kind: resource.String}},
			{Name: "waitPeriodMs", Kind: resource.Int, Required: true, Min: resource.At(0)},
			{Name: "ruleConfig", Kind: resource.Object, Required: true, Immutable: true, Fields: []resource.Property{
				{Name: "inverted", Kind: resource.Bool, Required: true}, {Name: "threshold", Kind: resource.Int, Required: true, Min: resource.At(0)},
				{Name: "type", Kind: resource.String, Required: true, OneOf: oneOf("ATLEAST", "AND", "OR")}}},
			tagsProperty(),
		},
		Unmodelled: []string{"gatingControls", "targetControls"},
		Computed:   []string{"arn", "status", "tagsAll"},
		Volatile:   []string{"tagsAll"},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			a := recoveryAction(resource.OpCreate, "Assertion Rule", in.Str("name"), "CreateSafetyRule")
			panel, ok := env.View().Get(tokenControlPanel, in.Str("controlPanelArn"))
			if !ok {
				return "", nil, a.refuse(codeResourceNotFound, "Control panel %s was not found", in.Str("controlPanelArn"))
			}
			for _, c := range in.Strings("assertedControls") {
				if control, ok := env.View().Get(tokenRoutingControl, c); !ok || control.Inputs.Str("controlPanelArn") != panel.ID {
					return "", nil, a.refuse(codeValidation, "Asserted control %s is not in the control panel", c)
				}
			}
			if err := a.room(env.View().Where(tokenSafetyRule, "controlPanelArn", panel.ID), in.Str("name"), maxRules, "safety rules per control panel"); err != nil {
				return "", nil, err
			}
			id := panel.ID + "/safetyrule/" + serial(env, 16, tokenSafetyRule, panel.ID, in.Str("name"))
			return id, resource.Props{"arn": id, "status": statusDeployed, "tagsAll": tagsAll(in)}, nil
		},
		Update: func(_ context.Context, _ *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return resource.Props{"tagsAll": tagsAll(in)}, nil
		},
	}
}

// describeRule says what a safety rule asserts.
func describeRule(rule resource.Record) string {
	config := rule.Inputs.Object("ruleConfig")
	what := fmt.Sprintf("%s %d", config.Str("type"), config.Int("threshold"))
	if config.Str("type") != "ATLEAST" {
		what = config.Str("type")
	}
	if config.Bool("inverted") {
		what = "not " + what
	}
	return strings.TrimSpace(what) + " of its controls on"
}
