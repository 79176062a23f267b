package aws

import (
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/budgets"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// Shares of the budget, in per cent, at which it tells: of what was spent, and of what will be.
const (
	budgetActual   = 80
	budgetForecast = 100
)

// budget declares what the stack may cost on AWS in a month. It counts what bears the stack's tag, once the payer has made
// that a cost allocation tag; until then it counts nothing. It tells, and stops nothing. Source: "Using user-defined cost
// allocation tags", docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/custom-tags.html; the form of the filter:
// TagKeyValue, "user:<key>$<value>", docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Budget.html.
func (a *account) budget(ctx *pulumi.Context) error {
	dial, environment := a.args.Settings.Budget, a.args.Settings.Environment
	if dial == nil {
		return nil
	}
	tell := func(kind string, percent float64) budgets.BudgetNotificationInput {
		return budgets.BudgetNotificationArgs{
			NotificationType: pulumi.String(kind), ComparisonOperator: pulumi.String("GREATER_THAN"),
			ThresholdType: pulumi.String("PERCENTAGE"), Threshold: pulumi.Float64(percent),
			SubscriberEmailAddresses: pulumi.StringArray{pulumi.String(dial.Email)},
		}
	}
	if _, err := budgets.NewBudget(ctx, a.name+"-budget", &budgets.BudgetArgs{
		Name:        pulumi.String(provider.PhysicalName(environment, "month")),
		BudgetType:  pulumi.String("COST"),
		TimeUnit:    pulumi.String("MONTHLY"),
		LimitAmount: pulumi.String(strconv.Itoa(dial.Monthly)),
		LimitUnit:   pulumi.String("USD"),
		CostFilters: budgets.BudgetCostFilterArray{budgets.BudgetCostFilterArgs{
			Name: pulumi.String("TagKeyValue"), Values: pulumi.StringArray{pulumi.String("user:polygate-environment$" + environment)},
		}},
		Notifications: budgets.BudgetNotificationArray{tell("ACTUAL", budgetActual), tell("FORECASTED", budgetForecast)},
		Tags:          provider.Tags(a.args, nil),
	}, pulumi.Parent(a), provider.Replaceable()); err != nil {
		return fmt.Errorf("budget: %w", err)
	}
	return nil
}
