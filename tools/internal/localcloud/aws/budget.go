package aws

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenBudget = "aws:budgets/budget:Budget"
	labelBudget = "Budget"
)

// amount compares two amounts as numbers: AWS gives 100 back as 100.0.
func amount(old, new any) bool {
	o, oldErr := strconv.ParseFloat(fmt.Sprint(old), 64)
	n, newErr := strconv.ParseFloat(fmt.Sprint(new), 64)
	return oldErr == nil && newErr == nil && o == n
}

// budgetType is aws:budgets/budget:Budget. Source: AWS Budgets API reference, Budget (name 1 to 100 characters without : and \),
// CreateBudget (at most ten notifications) and Notification. Nothing costs here: a budget is checked and kept, and tells nobody.
func budgetType() *resource.Type {
	address := &resource.Property{Kind: resource.String, Min: resource.At(1), Pattern: emailAddress}
	return &resource.Type{
		Token: tokenBudget, Label: labelBudget,
		Properties: []resource.Property{
			{Name: "name", Kind: resource.String, Immutable: true, Min: resource.At(1), Max: resource.At(100), Pattern: regexp.MustCompile(`^[^:\\]+$`)},
			{Name: "accountId", Kind: resource.String, Immutable: true, OneOf: oneOf(Account)},
			{Name: "budgetType", Kind: resource.String, Required: true, OneOf: oneOf("COST", "USAGE", "RI_UTILIZATION", "RI_COVERAGE", "SAVINGS_PLANS_UTILIZATION", "SAVINGS_PLANS_COVERAGE")},
			{Name: "timeUnit", Kind: resource.String, Required: true, OneOf: oneOf("DAILY", "MONTHLY", "QUARTERLY", "ANNUALLY", "CUSTOM")},
			{Name: "limitAmount", Kind: resource.String, Pattern: regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`), Same: amount},
			text("limitUnit"),
			{Name: "timePeriodStart", Kind: resource.String, Pattern: regexp.MustCompile(`^\d{4}-\d\d-\d\d_\d\d:\d\d$`)},
			{Name: "timePeriodEnd", Kind: resource.String, Pattern: regexp.MustCompile(`^\d{4}-\d\d-\d\d_\d\d:\d\d$`)},
			{Name: "costFilters", Kind: resource.Array, Set: true, Elem: &resource.Property{Kind: resource.Object, Fields: []resource.Property{
				{Name: "name", Kind: resource.String, Required: true},
				{Name: "values", Kind: resource.Array, Required: true, Min: resource.At(1), Elem: &resource.Property{Kind: resource.String, Max: resource.At(2147)}},
			}}},
			{Name: "notifications", Kind: resource.Array, Set: true, Max: resource.At(10), Elem: &resource.Property{Kind: resource.Object, Fields: []resource.Property{
				{Name: "comparisonOperator", Kind: resource.String, Required: true, OneOf: oneOf("GREATER_THAN", "LESS_THAN", "EQUAL_TO")},
				{Name: "notificationType", Kind: resource.String, Required: true, OneOf: oneOf("ACTUAL", "FORECASTED")},
				{Name: "threshold", Kind: resource.Number, Required: true, Min: resource.At(0), Max: resource.At(15e12)},
				{Name: "thresholdType", Kind: resource.String, Required: true, OneOf: oneOf("PERCENTAGE", "ABSOLUTE_VALUE")},
				{Name: "subscriberEmailAddresses", Kind: resource.Array, Set: true, Max: resource.At(10), Elem: address},
			}, Unmodelled: []string{"subscriberSnsTopicArns"}}},
			tagsProperty(),
		},
		Unmodelled: []string{"autoAdjustData", "billingViewArn", "costTypes", "filterExpression", "metrics", "namePrefix", "plannedLimits"},
		Computed:   []string{"arn", "accountId", "timePeriodStart", "timePeriodEnd", "tagsAll"},
		Volatile:   []string{"tagsAll"},
		AutoName:   &resource.AutoName{Property: "name", Max: 100},
		Unique:     []string{"name"},
		Conflict: func(in resource.Props) error {
			return budgetAction(resource.OpCreate, in).refuse(codeDuplicateRecord, "Error creating budget: %s - the budget already exists.", in.Str("name"))
		},
		Check: func(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
			var out []resource.Failure
			if t := in.Str("budgetType"); in.Has("budgetType") && t != "COST" {
				out = append(out, unsupported("budgetType", "budgets of type %s", t))
			}
			if t := in.Str("timeUnit"); t == "CUSTOM" {
				out = append(out, unsupported("timeUnit", "budgets of a span of your own"))
			}
			return out
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			now := env.Now()
			out := resource.Props{
				"arn": "arn:aws:budgets::" + Account + ":budget/" + in.Str("name"), "accountId": Account, "tagsAll": tagsAll(in),
				"timePeriodStart": now.Format("2006-01") + "-01_00:00", "timePeriodEnd": "2087-06-15_00:00",
			}
			for _, given := range []string{"timePeriodStart", "timePeriodEnd"} {
				if in.Has(given) {
					out[given] = in.Str(given)
				}
			}
			return Account + ":" + in.Str("name"), out, checkBudget(resource.OpCreate, in)
		},
		Update: func(_ context.Context, _ *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return resource.Props{"tagsAll": tagsAll(in)}, checkBudget(resource.OpUpdate, in)
		},
	}
}

func budgetAction(op resource.Op, in resource.Props) action {
	call := "CreateBudget"
	if op == resource.OpUpdate {
		call = "UpdateBudget"
	}
	return action{op, labelBudget, in.Str("name"), "Budgets", call}
}

// costFilters are the keys a budget of costs is filtered by. Source: Budget, CostFilters, "Valid keys".
var costFilters = []string{
	"AZ", "LinkedAccount", "Operation", "PurchaseType", "Region", "Service", "UsageType", "UsageTypeGroup", "TagKeyValue", "BillingEntity",
	"CostCategory", "InstanceType", "InvoicingEntity", "LegalEntityName", "RecordType",
}

func checkBudget(op resource.Op, in resource.Props) error {
	a := budgetAction(op, in)
	refuse := func(format string, args ...any) error { return a.refuse(codeInvalidBudget, format, args...) }
	if limit, err := strconv.ParseFloat(in.Str("limitAmount"), 64); err != nil || limit <= 0 {
		return refuse("Budget limit must be greater than 0, got %q", in.Str("limitAmount"))
	}
	if unit := in.Str("limitUnit"); unit != "USD" { // awslabs/landing-zone-accelerator-on-aws issue 682
		return refuse("Unable to create/update budget - %s is not in the supported unit set: [USD]", unit)
	}
	for _, f := range in.Objects("costFilters") {
		name := f.Str("name")
		if !slices.Contains(costFilters, name) {
			return refuse("Invalid cost filter key: %s", name)
		}
		for _, v := range f.Strings("values") {
			key, _, tagged := strings.Cut(v, "$")
			if name == "TagKeyValue" && (!tagged || !strings.HasPrefix(key, "user:") && !strings.HasPrefix(key, "aws:")) {
				return refuse("Invalid TagKeyValue %s: want user:<key>$<value>", v)
			}
		}
	}
	seen := map[string]bool{}
	for _, n := range in.Objects("notifications") {
		key := fmt.Sprint(n.Str("notificationType"), n.Str("comparisonOperator"), n["threshold"], n.Str("thresholdType"))
		switch {
		case len(n.List("subscriberEmailAddresses")) == 0:
			return refuse("Notification must have at least one subscriber")
		case seen[key]:
			return a.refuse(codeDuplicateRecord, "Duplicate notifications are not allowed: %s %s %v", n.Str("notificationType"), n.Str("comparisonOperator"), n["threshold"])
		}
		seen[key] = true
	}
	return nil
}
