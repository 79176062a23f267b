package azure

import (
	"github.com/pulumi/pulumi-azure-native-sdk/web/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// httpGroup is the scale group of all functions with an HTTP trigger: the gateway's one function. Source: "Set always ready
// instance counts", learn.microsoft.com/azure/azure-functions/flex-consumption-how-to.
const httpGroup = "http"

// zoneInstances is the least number of always-ready instances of a zone-redundant plan: one in each of two zones. "No less
// than two always-ready instances can be configured per function or function group while zone redundancy is enabled";
// with none configured the platform keeps and bills two all the same. Source: "Always ready instances",
// learn.microsoft.com/azure/azure-functions/flex-consumption-plan; "Reliability in Azure Functions".
const zoneInstances = 2

// perInstance is how many requests one instance takes at a time: the platform's default for each size, put down so that
// another size of instance brings its own ("after you specifically set an HTTP concurrency value, that value is maintained
// despite any changes in your app's instance size"). Source: "HTTP trigger concurrency", learn.microsoft.com/azure/
// azure-functions/functions-concurrency; "Set HTTP concurrency limits", flex-consumption-how-to.
var perInstance = map[int]int{512: 4, 2048: 16, 4096: 32}

// plan declares the plan, which holds one app. Zone redundancy is switched in place; the app restarts then ("Update a Flex
// Consumption plan to be zone-redundant", learn.microsoft.com/azure/reliability/reliability-functions).
func (r *region) plan() (*web.AppServicePlan, error) {
	plan, err := web.NewAppServicePlan(r.ctx, r.name+"-plan", &web.AppServicePlanArgs{
		ResourceGroupName: r.group.Name,
		Name:              pulumi.String(r.stem),
		Location:          r.in,
		Kind:              pulumi.String("functionapp"),
		Reserved:          pulumi.Bool(true), // Linux
		Sku:               web.SkuDescriptionArgs{Name: pulumi.String("FC1"), Tier: pulumi.String("FlexConsumption")},
		ZoneRedundant:     pulumi.Bool(r.account.args.Settings.ZoneRedundant),
		Tags:              r.tags,
	}, r.parent)
	if err != nil {
		return nil, r.failed("plan", err)
	}
	return plan, nil
}

// ready is how many instances are there before anybody calls.
func (r *region) ready() int {
	s := r.account.args.Settings
	if s.ZoneRedundant {
		return max(s.Warm, zoneInstances)
	}
	return s.Warm
}

// scale says how far the app scales out, and what of it is there before anybody calls. The maximum "applies to the on-demand
// instances in each function group ... and it doesn't include always ready instances". Source: "Azure Functions scale and
// hosting", Scale, learn.microsoft.com/azure/azure-functions/functions-scale.
func (r *region) scale() web.FunctionsScaleAndConcurrencyArgs {
	s := r.account.args.Settings
	args := web.FunctionsScaleAndConcurrencyArgs{
		InstanceMemoryMB:     pulumi.Int(s.Memory),
		MaximumInstanceCount: pulumi.Int(s.Concurrency),
		Triggers: web.FunctionsScaleAndConcurrencyTriggersArgs{
			Http: web.FunctionsScaleAndConcurrencyHttpArgs{PerInstanceConcurrency: pulumi.Int(perInstance[s.Memory])},
		},
	}
	if ready := r.ready(); ready > 0 {
		args.AlwaysReady = web.FunctionsAlwaysReadyConfigArray{
			web.FunctionsAlwaysReadyConfigArgs{Name: pulumi.String(httpGroup), InstanceCount: pulumi.Int(ready)},
		}
	}
	return args
}
