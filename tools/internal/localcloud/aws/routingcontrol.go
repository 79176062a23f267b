package aws

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

// What the data plane knows of a routing control, kept with its record.
const (
	privateOn      = "on"
	privateChanged = "changed" // cloud time of the last change, RFC 3339
)

// maxStates bounds one call (ARC developer guide, "Quotas for routing control": routing controls per UpdateRoutingControlStates).
const maxStates = 10

// routingControlOn is the state of a routing control. A new one is off (ARC developer guide, "Creating routing control components").
func routingControlOn(v resource.View, arn string) bool {
	control, ok := v.Get(tokenRoutingControl, arn)
	return ok && control.Private.Bool(privateOn)
}

// RoutingControls are the states of all routing controls by name.
func RoutingControls(v resource.View) map[string]bool {
	out := map[string]bool{}
	for _, c := range v.List(tokenRoutingControl) {
		out[c.Inputs.Str("name")] = c.Private.Bool(privateOn)
	}
	return out
}

// SetRoutingControls sets the states of routing controls by name, all of them or none: what UpdateRoutingControlStates does on
// the data plane. It refuses a change after which a safety rule of one of them would not hold ("Otherwise, the change to the
// routing control is not accepted", CreateSafetyRule, AssertionRule), and one within a rule's wait period after the change before
// ("during which any request against the target routing controls will fail"). now is cloud time.
func SetRoutingControls(ctx context.Context, store *resource.Store, states map[string]bool, now time.Time) error {
	a := action{resource.OpUpdate, "Route53 Recovery Cluster Routing Control States", strings.Join(slices.Sorted(maps.Keys(states)), ", "), "Route53 Recovery Cluster",
		"UpdateRoutingControlStates"}
	if len(states) == 0 || len(states) > maxStates {
		return a.refuse(codeValidation, "%d routing controls: want 1 to %d", len(states), maxStates)
	}
	return store.Amend(ctx, func(v resource.View) ([]resource.Record, error) {
		var changed []resource.Record
		on := map[string]bool{} // by ARN, after the change
		for _, c := range v.List(tokenRoutingControl) {
			on[c.ID] = c.Private.Bool(privateOn)
		}
		for _, name := range slices.Sorted(maps.Keys(states)) {
			control, ok := v.Find(tokenRoutingControl, "name", name)
			if !ok {
				return nil, a.refuse(codeResourceNotFound, "There is no routing control %s: want one of %s", name, listControls(v))
			}
			on[control.ID] = states[name]
			control.Private = control.Private.With(resource.Props{privateOn: states[name], privateChanged: now.UTC().Format(time.RFC3339Nano)})
			changed = append(changed, control)
		}
		for _, rule := range v.List(tokenSafetyRule) {
			if msg := violated(v, rule, changed, on, now); msg != "" {
				return nil, a.refuse(codeConflict, "%s", msg)
			}
		}
		return changed, nil
	})
}

func listControls(v resource.View) string {
	var names []string
	for _, c := range v.List(tokenRoutingControl) {
		names = append(names, c.Inputs.Str("name"))
	}
	if len(names) == 0 {
		return "those that a stack with polygate:route53 {routingControls: true} has, and none is deployed"
	}
	return strings.Join(names, ", ")
}

// violated is why a safety rule forbids a change, "" when it does not.
func violated(v resource.View, rule resource.Record, changed []resource.Record, on map[string]bool, now time.Time) string {
	asserted := rule.Inputs.Strings("assertedControls")
	if !slices.ContainsFunc(changed, func(c resource.Record) bool { return slices.Contains(asserted, c.ID) }) {
		return ""
	}
	n := 0
	for _, c := range asserted {
		if on[c] {
			n++
		}
		control, ok := v.Get(tokenRoutingControl, c)
		if at, err := time.Parse(time.RFC3339Nano, control.Private.Str(privateChanged)); ok && err == nil {
			wait := time.Duration(rule.Inputs.Int("waitPeriodMs")) * time.Millisecond
			if left := at.Add(wait).Sub(now); left > 0 {
				return fmt.Sprintf("The safety rule %s has a wait period of %s, %s of which are left", rule.Inputs.Str("name"), wait, left.Round(time.Millisecond))
			}
		}
	}
	config := rule.Inputs.Object("ruleConfig")
	holds := map[string]bool{"ATLEAST": n >= config.Int("threshold"), "AND": n == len(asserted), "OR": n > 0}[config.Str("type")]
	if holds != config.Bool("inverted") {
		return ""
	}
	return fmt.Sprintf("The safety rule %s would not hold: it asserts %s, and %d would be", rule.Inputs.Str("name"), describeRule(rule), n)
}
