package azure

import (
	"context"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const tokenPlan = "azure-native:web:AppServicePlan"

// plan is a Flex Consumption plan, the only one the local Azure has. It holds one app and runs Linux.
// Source: "Azure Functions Flex Consumption plan hosting", learn.microsoft.com/azure/azure-functions/flex-consumption-plan.
func plan() *resource.Type {
	name := named("name", `^[A-Za-z0-9-]{1,60}$`)
	t := arm(tokenPlan, "Microsoft.Web/serverfarms", "name", append([]resource.Property{
		name, location, tags,
		{Name: "kind", Kind: resource.String},
		{Name: "reserved", Kind: resource.Bool},
		{Name: "zoneRedundant", Kind: resource.Bool},
		{Name: "sku", Kind: resource.Object, Required: true, Computed: []string{"family", "size"}, Unmodelled: []string{"capabilities", "capacity", "family", "locations", "size", "skuCapacity"}, Fields: []resource.Property{
			{Name: "name", Kind: resource.String, Required: true, Immutable: true},
			{Name: "tier", Kind: resource.String, Immutable: true},
		}},
	}, off("hyperV", "isXenon", "perSiteScaling")...)...)
	t.Unmodelled = []string{
		"asyncScalingEnabled", "elasticScaleEnabled", "extendedLocation", "freeOfferExpirationTime", "hostingEnvironmentProfile", "isSpot", "kubeEnvironmentProfile",
		"maximumElasticWorkerCount", "spotExpirationTime", "targetWorkerCount", "targetWorkerSizeId", "workerTierName",
	}
	t.Computed = append(t.Computed, "geoRegion", "maximumNumberOfWorkers", "numberOfSites", "numberOfWorkers", "provisioningState", "resourceGroup", "status", "subscription")
	t.AutoName = autoName("name", 40)
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		id, g, err := place(env, in, "Microsoft.Web", "serverfarms", in.Str("name"))
		if err != nil {
			return "", nil, err
		}
		sku := in.Object("sku")
		switch {
		case sku.Str("name") != "FC1" || sku.Str("tier") != "" && sku.Str("tier") != "FlexConsumption":
			return "", nil, badRequest("The SKU '%s' (tier '%s') is not available: the local Azure has the Flex Consumption plan only, SKU 'FC1', tier 'FlexConsumption'.", sku.Str("name"), sku.Str("tier"))
		case !in.Bool("reserved"):
			return "", nil, badRequest("Flex Consumption plans run on Linux: reserved must be true.")
		}
		if err := checkZones(in, at(in, g)); err != nil {
			return "", nil, err
		}
		return id.String(), made(id, "2024-11-01").With(resource.Props{
			"location": at(in, g), "geoRegion": at(in, g), "resourceGroup": id.Group, "subscription": id.Subscription, "status": "Ready", "provisioningState": "Succeeded",
			"maximumNumberOfWorkers": 1000.0, "numberOfSites": 0.0, "numberOfWorkers": 0.0, "sku": sku.With(resource.Props{"tier": "FlexConsumption", "family": "FC", "size": "FC1"}),
		}), nil
	}
	t.Update = func(_ context.Context, _ *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
		return nil, checkZones(in, old.Computed.Str("location"))
	}
	t.Read = func(env *resource.Env, rec resource.Record) resource.Props {
		return resource.Props{"numberOfSites": float64(len(appsOf(env.View(), rec.ID)))}
	}
	t.Delete = func(_ context.Context, env *resource.Env, old resource.Record) error {
		var names []string
		for _, a := range appsOf(env.View(), old.ID) {
			names = append(names, a.Inputs.Str("name"))
		}
		if len(names) > 0 {
			return conflict("Server farm '%s' cannot be deleted because it has web app(s) %s assigned to it.", old.Inputs.Str("name"), strings.Join(names, ", "))
		}
		return nil
	}
	return t
}

// zoneless are the locations without availability zones. Source: "Azure regions list", learn.microsoft.com/azure/reliability/
// regions-list, read 2026-11.
var zoneless = []string{"northcentralus", "westcentralus"}

// zoneInstances is how many instances of a zone-redundant plan are always ready at the least. Source: "Reliability in Azure
// Functions", learn.microsoft.com/azure/reliability/reliability-functions.
const zoneInstances = 2

// checkZones: zone redundancy may be switched on and off on a plan there is (the same source, "Update a Flex Consumption
// plan to be zone-redundant"), where there are zones.
func checkZones(in resource.Props, where string) error {
	if in.Bool("zoneRedundant") && slices.Contains(zoneless, where) {
		return badRequest("Zone redundancy is not available for Flex Consumption plans in the location '%s'.", where)
	}
	return nil
}

func appsOf(v resource.View, plan string) []resource.Record {
	var out []resource.Record
	for _, a := range v.List(tokenApp) {
		if Equal(a.Inputs.Str("serverFarmId"), plan) {
			out = append(out, a)
		}
	}
	return out
}
