package gcp

import (
	"context"
	"fmt"
	"regexp"

	"polygate.example/tools/internal/localcloud/resource"
)

const tokenBudget = "gcp:billing/budget:Budget"

var (
	// billingAccount: Source: Cloud Billing API, billingAccounts, name.
	billingAccount = regexp.MustCompile(`^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$`)
	currency       = regexp.MustCompile(`^[A-Z]{3}$`)
	wholeUnits     = regexp.MustCompile(`^[1-9][0-9]*$`)
	projectNumber  = regexp.MustCompile(`^projects/[0-9]+$`)
)

// budget tells when money runs out; nothing costs anything here. Source: Cloud Billing Budget API v1,
// billingAccounts.budgets, and the provider's schema.
func budget() *resource.Type {
	text := &resource.Property{Kind: resource.String}
	return &resource.Type{
		Token: tokenBudget, Label: "Budget",
		Properties: []resource.Property{
			{Name: "billingAccount", Kind: resource.String, Required: true, Immutable: true, Pattern: billingAccount},
			displayName(60),
			choice("ownershipScope", "OWNERSHIP_SCOPE_UNSPECIFIED", "ALL_USERS", "BILLING_ACCOUNT"),
			{
				Name: "amount", Kind: resource.Object, Required: true, Unmodelled: []string{"lastPeriodAmount"}, Fields: []resource.Property{
					{Name: "specifiedAmount", Kind: resource.Object, Required: true, Unmodelled: []string{"nanos"}, Fields: []resource.Property{
						{Name: "currencyCode", Kind: resource.String, Pattern: currency}, {Name: "units", Kind: resource.String, Required: true, Pattern: wholeUnits},
					}},
				},
			},
			{Name: "thresholdRules", Kind: resource.Array, Elem: &resource.Property{Kind: resource.Object, Fields: []resource.Property{
				{Name: "thresholdPercent", Kind: resource.Number, Required: true, Min: resource.At(0)}, oneOf("spendBasis", "CURRENT_SPEND", "FORECASTED_SPEND"),
			}}},
			{
				Name: "budgetFilter", Kind: resource.Object, Unmodelled: []string{"creditTypes", "customPeriod", "resourceAncestors", "services", "subaccounts"},
				Fields: []resource.Property{
					oneOf("calendarPeriod", "MONTH", "QUARTER", "YEAR"),
					oneOf("creditTypesTreatment", "INCLUDE_ALL_CREDITS", "EXCLUDE_ALL_CREDITS"),
					// The API answers with numbers: a project by its id would differ at each refresh.
					{Name: "projects", Kind: resource.Array, Set: true, Elem: &resource.Property{Kind: resource.String, Pattern: projectNumber}},
					{Name: "labels", Kind: resource.Map, Max: resource.At(1), Elem: text}, // "A single label and value pair"
				},
			},
			{
				Name: "allUpdatesRule", Kind: resource.Object, Unmodelled: []string{"enableProjectLevelRecipients", "pubsubTopic"}, Fields: []resource.Property{
					{Name: "monitoringNotificationChannels", Kind: resource.Array, Max: resource.At(5), Elem: text},
					{Name: "disableDefaultIamRecipients", Kind: resource.Bool, Default: false}, oneOf("schemaVersion", "1.0"),
				},
			},
		},
		Unmodelled: []string{"deletionPolicy"},
		Computed:   []string{"name"},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			if err := checkBudget(env.View(), in); err != nil {
				return "", nil, err
			}
			// Two budgets of one display name are two budgets.
			name := uuid("budget", in.Str("billingAccount"), in.Str("displayName"), fmt.Sprint(len(env.View().List(tokenBudget))))
			return fmt.Sprintf("billingAccounts/%s/budgets/%s", in.Str("billingAccount"), name), resource.Props{"name": name}, nil
		},
		Update: func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return nil, checkBudget(env.View(), in)
		},
	}
}

func checkBudget(v resource.View, in resource.Props) error {
	return checkChannels(v, in.Object("allUpdatesRule").Strings("monitoringNotificationChannels"))
}

// getProject tells a project's number, which some APIs want in the place of its id.
func getProject() *resource.Invoke {
	return &resource.Invoke{
		Token: "gcp:organizations/getProject:getProject",
		Args:  []resource.Property{{Name: "projectId", Kind: resource.String, FromConfig: "project"}},
		Call: func(_ context.Context, _ *resource.Env, args resource.Props) (resource.Props, error) {
			id := args.Str("projectId")
			if !projectPattern.MatchString(id) {
				return nil, apiError(404, ReasonNotFound, "project not found: %s", id)
			}
			return resource.Props{
				"id": "projects/" + id, "projectId": id, "number": Account, "name": id, "autoCreateNetwork": false, "billingAccount": "", "deletionPolicy": "",
				"effectiveLabels": resource.Props{}, "folderId": "", "labels": resource.Props{}, "orgId": "", "pulumiLabels": resource.Props{}, "tags": resource.Props{},
			}, nil
		},
	}
}
