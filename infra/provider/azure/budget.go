package azure

import (
	"fmt"
	"time"

	"github.com/pulumi/pulumi-azure-native-sdk/v3/utilities"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// profiles is the group of Traffic Manager's profiles, and what the manager is called.
const profiles = "trafficmanager"

// budget declares what Azure's part of the stack may cost a month: one budget over the resource groups of its store, of its regions and of
// Traffic Manager's profiles, which hold everything that the stack has in Azure, also what carries no tags. It is one at the
// subscription, filtered by group, and not one of each group: the amount is for all together. Source: "Group and filter
// options in Cost analysis and budgets", Resource group name, learn.microsoft.com/azure/cost-management-billing/costs/
// group-filter. It tells and stops nothing.
//
// A budget of months begins on the first of one, in the month in which it is made, and that day can never be changed ("Start
// date of budgets cannot be updated"). So the program names the current month, and once the budget is there the engine
// keeps the day it has. Source: "Budgets - Create Or Update", timePeriod, learn.microsoft.com/rest/api/consumption/budgets;
// Azure/azure-quickstart-templates issue #7095.
//
// Unconfirmed: that a budget is updated by a program that does not tell its eTag. The reference calls the eTag optional; an
// update without it was refused in 2019 (MicrosoftDocs/azure-docs issue #34023). Regions that come and go update it.
func (a *account) budget(ctx *pulumi.Context, now time.Time) error {
	b := a.args.Settings.Budget
	if b == nil {
		return nil
	}
	groups := pulumi.StringArray{pulumi.String(a.storeGroup())}
	for _, r := range a.args.Settings.Regions {
		if r.Provider == name {
			groups = append(groups, pulumi.String(provider.PhysicalName(a.args.Settings.Environment, regions[r.Name])))
		}
	}
	if s := a.args.Settings; s.Manager == profiles || s.Spare == profiles {
		groups = append(groups, pulumi.String(provider.PhysicalName(s.Environment, profiles)))
	}
	notify := func(threshold int, kind string) pulumi.Map {
		return pulumi.Map{
			"enabled": pulumi.Bool(true), "operator": pulumi.String("GreaterThanOrEqualTo"), "threshold": pulumi.Int(threshold),
			"thresholdType": pulumi.String(kind), "contactEmails": pulumi.StringArray{pulumi.String(b.Email)},
		}
	}
	start := time.Date(now.UTC().Year(), now.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	opts := utilities.PkgResourceDefaultOpts([]pulumi.ResourceOption{
		pulumi.Parent(a), provider.Replaceable(), pulumi.IgnoreChanges([]string{"timePeriod"}),
	})
	err := ctx.RegisterResource("azure-native:consumption:Budget", a.name+"-budget", pulumi.Map{
		"budgetName": pulumi.String("polygate-" + a.args.Settings.Environment),
		"scope":      pulumi.String("/subscriptions/" + a.subscription),
		"category":   pulumi.String("Cost"), "amount": pulumi.Int(b.Monthly), "timeGrain": pulumi.String("Monthly"),
		"timePeriod":    pulumi.Map{"startDate": pulumi.String(start.Format(time.RFC3339))},
		"filter":        pulumi.Map{"dimensions": pulumi.Map{"name": pulumi.String("ResourceGroupName"), "operator": pulumi.String("In"), "values": groups}},
		"notifications": pulumi.Map{"actual": notify(80, "Actual"), "forecast": notify(100, "Forecasted")},
	}, &pulumi.CustomResourceState{}, opts...)
	if err != nil {
		return fmt.Errorf("budget of component %s: %w", a.name, err)
	}
	return nil
}
