package azure

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

const tokenBudget = "azure-native:consumption:Budget"

// budget tells when a subscription's or a group's costs pass a share of an amount. The local Azure keeps it, but nothing
// costs anything here. Source: "Budgets - Create Or Update", learn.microsoft.com/rest/api/consumption/budgets.
func budget() *resource.Type {
	comparison := []resource.Property{
		{Name: "name", Kind: resource.String, Required: true}, {Name: "operator", Kind: resource.String, Required: true, OneOf: resource.List[any]("In")},
		{Name: "values", Kind: resource.Array, Required: true, Set: true, Min: resource.At(1), Elem: &resource.Property{Kind: resource.String}},
	}
	notification := &resource.Property{Kind: resource.Object, Unmodelled: []string{"contactGroups", "contactRoles"}, Fields: []resource.Property{
		{Name: "enabled", Kind: resource.Bool, Required: true},
		{Name: "operator", Kind: resource.String, Required: true, OneOf: resource.List[any]("EqualTo", "GreaterThan", "GreaterThanOrEqualTo")},
		{Name: "threshold", Kind: resource.Number, Required: true, Min: resource.At(0), Max: resource.At(1000)},
		choice("thresholdType", "Actual", "Forecasted"), {Name: "locale", Kind: resource.String},
		{Name: "contactEmails", Kind: resource.Array, Required: true, Min: resource.At(1), Max: resource.At(50), Elem: &resource.Property{Kind: resource.String, Pattern: mailAddress}},
	}}
	grain := choice("timeGrain", "Monthly", "Quarterly", "Annually")
	grain.Required, grain.Immutable = true, true
	category := choice("category", "Cost")
	category.Required = true
	return &resource.Type{
		Token: tokenBudget, Label: "Microsoft.Consumption/budgets",
		Properties: []resource.Property{
			{Name: "budgetName", Kind: resource.String, Immutable: true, Pattern: regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}$`)},
			{Name: "scope", Kind: resource.String, Required: true, Immutable: true, Same: func(o, n any) bool { return Equal(text(o), text(n)) }},
			{Name: "amount", Kind: resource.Number, Required: true}, grain, category,
			{Name: "timePeriod", Kind: resource.Object, Required: true, Computed: []string{"endDate"}, Fields: []resource.Property{
				{Name: "startDate", Kind: resource.String, Required: true}, {Name: "endDate", Kind: resource.String},
			}},
			{Name: "filter", Kind: resource.Object, Unmodelled: []string{"and"}, Fields: []resource.Property{
				{Name: "dimensions", Kind: resource.Object, Fields: comparison}, {Name: "tags", Kind: resource.Object, Fields: comparison},
			}},
			{Name: "notifications", Kind: resource.Map, Max: resource.At(5), Elem: notification},
		},
		Unmodelled: []string{"eTag"},
		Computed:   []string{"azureApiVersion", "name", "type", "currentSpend", "forecastSpend"},
		Unique:     []string{"scope", "budgetName"},
		AutoName:   autoName("budgetName", 63),
		Conflict: func(in resource.Props) error {
			return exists(in.Str("scope") + "/providers/Microsoft.Consumption/budgets/" + in.Str("budgetName"))
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			start, err := checkBudget(env.View(), in)
			if err != nil {
				return "", nil, err
			}
			if err := checkStart(start, env.Now(), time.Now()); err != nil {
				return "", nil, err
			}
			scope := "/" + strings.Trim(in.Str("scope"), "/")
			return scope + "/providers/Microsoft.Consumption/budgets/" + in.Str("budgetName"), resource.Props{
				"azureApiVersion": "2024-08-01", "name": in.Str("budgetName"), "type": "Microsoft.Consumption/budgets",
				"timePeriod": period(in, start), "currentSpend": resource.Props{"amount": 0.0, "unit": "USD"},
			}, nil
		},
		Update: func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
			start, err := checkBudget(env.View(), in)
			if err != nil {
				return nil, err
			}
			if before, err := time.Parse(time.RFC3339, old.Inputs.Object("timePeriod").Str("startDate")); err != nil || !before.Equal(start) {
				return nil, badRequest("Start date of budgets cannot be updated. Please delete and create a new budget.")
			}
			return resource.Props{"timePeriod": period(in, start)}, nil
		},
	}
}

// period fills in the end, ten years after the start where none is given. Source: the same page, BudgetTimePeriod.
func period(in resource.Props, start time.Time) resource.Props {
	p := in.Object("timePeriod")
	if p.Str("endDate") != "" {
		return p
	}
	return p.With(resource.Props{"endDate": start.AddDate(10, 0, 0).Format(time.RFC3339)})
}

// dimensions are those that costs can be filtered by. Source: azurerm_consumption_budget_subscription, dimension, name.
var dimensions = []string{
	"ChargeType", "Frequency", "InvoiceId", "Meter", "MeterCategory", "MeterSubCategory", "PartNumber", "PricingModel", "Product", "ProductOrderId", "ProductOrderName",
	"PublisherType", "ReservationId", "ReservationName", "ResourceGroupName", "ResourceGuid", "ResourceId", "ResourceLocation", "ResourceType", "ServiceFamily", "ServiceName",
	"SubscriptionID", "SubscriptionName", "UnitOfMeasure",
}

// checkBudget checks everything but the day it begins, which it returns.
func checkBudget(v resource.View, in resource.Props) (time.Time, error) {
	if scope := in.Str("scope"); !subscriptionScope.MatchString(scope) {
		if err := checkScope(v, "/"+strings.Trim(scope, "/")); err != nil {
			return time.Time{}, err
		}
	}
	if amount, _ := in["amount"].(float64); amount <= 0 {
		return time.Time{}, badRequest("Amount must be greater than 0.")
	}
	if d := in.Object("filter").Object("dimensions"); d.Has("name") && !slices.Contains(dimensions, d.Str("name")) {
		return time.Time{}, badRequest("Filter dimension '%s' is not supported for budgets.", d.Str("name"))
	}
	start, err := time.Parse(time.RFC3339, in.Object("timePeriod").Str("startDate"))
	if err != nil {
		return start, badRequest("Start date '%s' is no time: want 2026-11-01T00:00:00Z.", in.Object("timePeriod").Str("startDate"))
	}
	if start.Day() != 1 || start.Hour() != 0 || start.Minute() != 0 || start.Second() != 0 {
		return start, badRequest("Start date must be first of the month.")
	}
	return start, nil
}

var subscriptionScope = regexp.MustCompile(`^(?i)/?subscriptions/[0-9a-f-]{36}/?$`)

// checkStart: a budget begins in the month it is made in, or within a year from it. Cloud time runs ahead of the time by
// which a program names the month, so that the month it is by either is this one. The first refusal is Azure's, as public
// repositories quote it; the second has the words of azurerm_consumption_budget_subscription, start_date.
func checkStart(start time.Time, now ...time.Time) error {
	early := true
	for _, n := range now {
		first := time.Date(n.UTC().Year(), n.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
		if !start.Before(first) && !start.After(first.AddDate(1, 0, 0)) {
			return nil
		}
		early = early && start.Before(first)
	}
	if early {
		return badRequest("Start date for monthly time grain should not be prior to current month.")
	}
	return badRequest("Future start date should not be more than twelve months.")
}
