package azure

import (
	"context"
	"fmt"
	"slices"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

// Tokens of the telemetry types.
const (
	tokenWorkspace = "azure-native:operationalinsights:Workspace"
	tokenComponent = "azure-native:applicationinsights:Component"
)

// workspace: Source: Microsoft.OperationalInsights/workspaces template reference (name, SKUs) and "Manage data retention
// in a Log Analytics workspace" (PerGB2018 keeps 30 to 730 days; a Free workspace 7).
func workspace() *resource.Type {
	t := arm(tokenWorkspace, "Microsoft.OperationalInsights/workspaces", "workspaceName",
		named("workspaceName", `^[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]$`), location, tags,
		resource.Property{
			Name: "sku", Kind: resource.Object, Unmodelled: []string{"capacityReservationLevel"},
			Fields: []resource.Property{{Name: "name", Kind: resource.String, Required: true, OneOf: resource.List[any]("PerGB2018", "Free", "Standalone", "PerNode")}},
		},
		resource.Property{Name: "retentionInDays", Kind: resource.Int},
	)
	t.Unmodelled = []string{
		"defaultDataCollectionRuleResourceId", "features", "forceCmkForQuery", "identity", "publicNetworkAccessForIngestion", "publicNetworkAccessForQuery", "workspaceCapping",
	}
	t.Computed = append(t.Computed, "customerId", "provisioningState", "createdDate", "modifiedDate")
	t.AutoName = autoName("workspaceName", 63)
	check := func(in resource.Props) error {
		days, sku := in.Int("retentionInDays"), in.Object("sku").Str("name")
		if !in.Has("retentionInDays") {
			return nil
		}
		if sku == "Free" && days != 7 || sku != "Free" && (days < 30 || days > 730) {
			return refuse(400, "InvalidParameter", "'RetentionInDays' property doesn't match the SKU limits: %d days with SKU '%s'. Want 30 to 730 (Free: 7).", days, sku)
		}
		return nil
	}
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		id, g, err := place(env, in, "Microsoft.OperationalInsights", "workspaces", in.Str("workspaceName"))
		if err != nil {
			return "", nil, err
		}
		if err := check(in); err != nil {
			return "", nil, err
		}
		now := env.Now().Format(time.RFC3339)
		return id.String(), made(id, "2023-09-01").With(resource.Props{
			"location": at(in, g), "customerId": derived("workspace", id.String()), "provisioningState": "Succeeded", "createdDate": now, "modifiedDate": now,
		}), nil
	}
	t.Update = func(_ context.Context, _ *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
		return nil, check(in)
	}
	return t
}

// retentions of a component. Source: Microsoft.Insights/components template reference.
var retentions = []int{30, 60, 90, 120, 180, 270, 365, 550, 730}

// component is an Application Insights component. It must be based on a workspace: classic ones are retired.
// Source: "Workspace-based Application Insights resources", learn.microsoft.com/azure/azure-monitor/app/create-workspace-resource.
func component() *resource.Type {
	t := arm(tokenComponent, "Microsoft.Insights/components", "resourceName",
		named("resourceName", `^[^%&\\?/]{1,260}$`), location, tags,
		resource.Property{Name: "kind", Kind: resource.String, Required: true},
		resource.Property{Name: "applicationType", Kind: resource.String, Default: "web", OneOf: resource.List[any]("web", "other")},
		resource.Property{Name: "flowType", Kind: resource.String, Default: "Bluefield", OneOf: resource.List[any]("Bluefield")},
		resource.Property{Name: "requestSource", Kind: resource.String, Default: "rest", OneOf: resource.List[any]("rest")},
		resource.Property{Name: "ingestionMode", Kind: resource.String, Default: "LogAnalytics", OneOf: resource.List[any]("ApplicationInsights", "ApplicationInsightsWithDiagnosticSettings", "LogAnalytics")},
		resource.Property{Name: "workspaceResourceId", Kind: resource.String, Same: func(o, n any) bool { return Equal(text(o), text(n)) }},
		resource.Property{Name: "disableLocalAuth", Kind: resource.Bool},
		resource.Property{Name: "disableIpMasking", Kind: resource.Bool},
		resource.Property{Name: "retentionInDays", Kind: resource.Int, Complain: func(v any) string {
			if !slices.Contains(retentions, int(v.(float64))) {
				return fmt.Sprintf("retentionInDays must be one of %v", retentions)
			}
			return ""
		}},
		resource.Property{Name: "samplingPercentage", Kind: resource.Number, Min: resource.At(0), Max: resource.At(100)},
	)
	t.Unmodelled = []string{"forceCustomerStorageForProfiler", "hockeyAppId", "immediatePurgeDataOn30Days", "publicNetworkAccessForIngestion", "publicNetworkAccessForQuery"}
	t.Computed = append(t.Computed, "appId", "applicationId", "connectionString", "instrumentationKey", "creationDate", "provisioningState", "tenantId")
	t.AutoName = autoName("resourceName", 260)
	check := func(v resource.View, in resource.Props) error {
		if in.Str("workspaceResourceId") == "" {
			return badRequest("Classic Application Insights components are retired: workspaceResourceId is required with ingestion mode LogAnalytics.")
		}
		_, err := must(v, tokenWorkspace, in.Str("workspaceResourceId"))
		return err
	}
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		id, g, err := place(env, in, "Microsoft.Insights", "components", in.Str("resourceName"))
		if err != nil {
			return "", nil, err
		}
		if err := check(env.View(), in); err != nil {
			return "", nil, err
		}
		key, app, where := derived("instrumentation", id.String()), derived("app", id.String()), at(in, g)
		return id.String(), made(id, "2020-02-02").With(resource.Props{
			"location": where, "instrumentationKey": key, "appId": app, "applicationId": in.Str("resourceName"), "tenantId": Tenant,
			"connectionString": fmt.Sprintf("InstrumentationKey=%s;IngestionEndpoint=https://%s-0.in.applicationinsights.azure.com/;"+
				"LiveEndpoint=https://%s.livediagnostics.monitor.azure.com/;ApplicationId=%s", key, where, where, app),
			"creationDate": env.Now().Format(time.RFC3339), "provisioningState": "Succeeded",
		}), nil
	}
	t.Update = func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
		return nil, check(env.View(), in)
	}
	return t
}
