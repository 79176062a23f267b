package gcp

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/billing"
	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/organizations"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

// billingAccountForm is the id of a billing account. Source: Cloud Billing API, billingAccounts, name.
var billingAccountForm = regexp.MustCompile(`^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$`)

func checkBudget(s settings.Settings) []settings.Problem {
	switch {
	case s.Budget == nil:
		return nil
	case s.Budget.BillingAccount == "":
		return []settings.Problem{settings.Problemf("budget", []string{"billingAccount"},
			"is missing: Google keeps budgets in the billing account that pays for the project; `gcloud billing projects describe <project>` names it")}
	case !billingAccountForm.MatchString(s.Budget.BillingAccount):
		return []settings.Problem{settings.Problemf("budget", []string{"billingAccount"},
			"is %q: want the id of a billing account, for example 012345-6789AB-CDEF01", s.Budget.BillingAccount)}
	}
	return nil
}

// budget declares what the stack's part of the project may cost in a calendar month. It counts what bears the environment's
// label: URL maps, proxies and the like take none, and cost nothing by themselves. Beside the address given, Google writes to
// the billing account's administrators, as is its default. The amount is in US dollars and refused where the account is in another currency.
// Source: Cloud Billing Budget API v1, docs.cloud.google.com/billing/docs/reference/budget/rest/v1/billingAccounts.budgets.
func (a *account) budget(ctx *pulumi.Context, name string, parent pulumi.ResourceOrInvokeOption) error {
	b := a.args.Settings.Budget
	if b == nil {
		return nil
	}
	// The API answers with the project's number: its id would differ at every refresh.
	project, err := organizations.LookupProject(ctx, &organizations.LookupProjectArgs{ProjectId: pulumi.StringRef(a.project)}, parent)
	if err != nil {
		return fmt.Errorf("number of the project %s: %w", a.project, err)
	}
	mail, err := a.mail(ctx, name, "budget", b.Email, parent)
	if err != nil {
		return err
	}
	if _, err := billing.NewBudget(ctx, name+"-budget", &billing.BudgetArgs{
		BillingAccount: pulumi.String(b.BillingAccount),
		DisplayName:    pulumi.Sprintf("polygate %s", a.args.Settings.Environment),
		Amount: billing.BudgetAmountArgs{SpecifiedAmount: billing.BudgetAmountSpecifiedAmountArgs{
			CurrencyCode: pulumi.String("USD"), Units: pulumi.String(strconv.Itoa(b.Monthly)),
		}},
		BudgetFilter: billing.BudgetBudgetFilterArgs{
			Projects:       pulumi.StringArray{pulumi.String("projects/" + project.Number)},
			Labels:         pulumi.StringMap{"polygate-environment": pulumi.String(a.args.Settings.Environment)},
			CalendarPeriod: pulumi.String("MONTH"),
		},
		ThresholdRules: billing.BudgetThresholdRuleArray{
			billing.BudgetThresholdRuleArgs{ThresholdPercent: pulumi.Float64(0.8), SpendBasis: pulumi.String("CURRENT_SPEND")},
			billing.BudgetThresholdRuleArgs{ThresholdPercent: pulumi.Float64(1), SpendBasis: pulumi.String("FORECASTED_SPEND")},
		},
		AllUpdatesRule: billing.BudgetAllUpdatesRuleArgs{MonitoringNotificationChannels: pulumi.StringArray{mail.Name}},
	}, parent, provider.Replaceable()); err != nil {
		return fmt.Errorf("budget: %w", err)
	}
	return nil
}
