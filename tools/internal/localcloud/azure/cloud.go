package azure

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

// Account is the subscription of the local Azure when the provider has no setting "subscriptionId".
const Account = "5ca1ab1e-0000-4000-a000-00000000a2e5"

// Tenant is the directory of the local Azure.
const Tenant = "7e4a47d0-0000-4000-a000-00000000a2e5"

// Version is the azure-native SDK the models follow.
const Version = "3.16.0"

// Cloud describes the local Azure.
func Cloud() *resource.Cloud {
	return &resource.Cloud{
		Package: "azure-native", Provider: "azure", Version: Version, Account: Account,
		Types: []*resource.Type{
			resourceGroup(), workspace(), component(), identity(), roleAssignment(),
			storageAccount(), blobContainer(), blob(),
			plan(), webApp(), scmAllowed(), ftpAllowed(), deployment(), siteCertificate(), hostNameBinding(),
			webTest(), actionGroup(), metricAlert(), queryRule(), budget(),
			trafficManagerProfile(), recordSet(),
		},
		Invokes:    []*resource.Invoke{clientConfig(), getZone()},
		Configure:  configure,
		SecretName: secretName,
		Managers:   map[string]string{"azure-native:dns:": "trafficmanager", "azure-native:trafficmanager:": "trafficmanager"},
		Outage: func(op resource.Op, label, id string) error {
			return fmt.Errorf("%s %s %q: %w", op, label, id,
				refuse(http.StatusServiceUnavailable, CodeUnavailable, "The service is unavailable."))
		},
	}
}

var guid = regexp.MustCompile(`^(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// configure fills in the subscription and checks that it is a GUID.
func configure(config resource.Props) (resource.Props, []resource.Failure) {
	if !config.Has("subscriptionId") && !config.Unknown("subscriptionId") {
		config = config.With(resource.Props{"subscriptionId": Account})
	}
	if s := config.Str("subscriptionId"); s != "" && !guid.MatchString(s) {
		return config, []resource.Failure{{Property: "subscriptionId", Reason: fmt.Sprintf("The provided subscription identifier '%s' is malformed or invalid.", s)}}
	}
	return config, nil
}

func subscription(env *resource.Env) string {
	if s := env.Config.Str("subscriptionId"); s != "" {
		return s
	}
	return env.Account
}

// clientConfig is who the program is for Azure.
func clientConfig() *resource.Invoke {
	return &resource.Invoke{
		Token: "azure-native:authorization:getClientConfig",
		Call: func(_ context.Context, env *resource.Env, _ resource.Props) (resource.Props, error) {
			return resource.Props{
				"subscriptionId": subscription(env), "tenantId": Tenant,
				"clientId": derived("client", subscription(env)), "objectId": derived("object", subscription(env)),
			}, nil
		},
	}
}

// locations are those where Flex Consumption is sold. Source: az functionapp list-flexconsumption-locations, named in
// "Create and manage function apps in a Flex Consumption plan", learn.microsoft.com/azure/azure-functions/flex-consumption-how-to.
var locations = []string{
	"australiaeast", "brazilsouth", "canadacentral", "centralindia", "centralus", "eastasia", "eastus", "eastus2", "francecentral",
	"germanywestcentral", "italynorth", "japaneast", "koreacentral", "northcentralus", "northeurope", "norwayeast", "southafricanorth",
	"southcentralus", "southeastasia", "spaincentral", "swedencentral", "switzerlandnorth", "uaenorth", "uksouth", "westcentralus",
	"westeurope", "westus2", "westus3",
}

// normal is the one spelling of a location: "East US" and "eastus" are the same.
func normal(location string) string { return strings.ReplaceAll(strings.ToLower(location), " ", "") }

var location = resource.Property{
	Name: "location", Kind: resource.String, Immutable: true, FromConfig: "location",
	Same: func(o, n any) bool { return normal(text(o)) == normal(text(n)) },
	Complain: func(v any) string {
		if !slices.Contains(locations, normal(v.(string))) {
			return refuse(http.StatusBadRequest, "LocationNotAvailableForResourceType",
				"The provided location '%s' is not available here. List of available regions is '%s'.", v, strings.Join(locations, ",")).Error()
		}
		return ""
	},
}

// Properties many types share.
var (
	group = resource.Property{Name: "resourceGroupName", Kind: resource.String, Required: true, Immutable: true, Fold: true}
	// tags: Source: "Use tags to organize your Azure resources", at most 50, names up to 512 and values up to 256 characters.
	tags = resource.Property{Name: "tags", Kind: resource.Map, Max: resource.At(50), Elem: &resource.Property{Kind: resource.String, Max: resource.At(256)}}
)

// named is the immutable, case-insensitive name of a resource, in a form.
func named(property, form string) resource.Property {
	return resource.Property{Name: property, Kind: resource.String, Immutable: true, Fold: true, Pattern: regexp.MustCompile(form)}
}

func autoName(property string, n int) *resource.AutoName {
	return &resource.AutoName{Property: property, Separator: "", Max: n}
}

// arm describes a type that lives in a resource group: what it is called there, and the outputs that all have.
func arm(token, kind, nameProperty string, properties ...resource.Property) *resource.Type {
	return &resource.Type{
		Token: token, Label: kind,
		Properties: append([]resource.Property{group}, properties...),
		Computed:   []string{"azureApiVersion", "name", "type"},
		Unique:     []string{"resourceGroupName", nameProperty},
		Conflict: func(in resource.Props) error {
			return exists("/resourceGroups/" + in.Str("resourceGroupName") + "/providers/" + kind + "/" + in.Str(nameProperty))
		},
	}
}

// made are the outputs that every resource has.
func made(id ID, version string) resource.Props {
	return resource.Props{"azureApiVersion": version, "name": id.Name(), "type": id.Type()}
}

// place makes the id of something in a resource group, spelled with the name the group was made with. It refuses a group
// that does not exist.
func place(env *resource.Env, props resource.Props, namespace string, path ...string) (ID, resource.Record, error) {
	g, ok := groupOf(env.View(), props.Str("resourceGroupName"))
	if !ok {
		return ID{}, resource.Record{}, groupNotFound(props.Str("resourceGroupName"))
	}
	return ID{Subscription: subscription(env), Group: g.Inputs.Str("resourceGroupName"), Namespace: namespace, Path: path}, g, nil
}

// at is a resource's location: its own, else its group's.
func at(props resource.Props, g resource.Record) string {
	if l := props.Str("location"); l != "" {
		return normal(l)
	}
	return normal(g.Inputs.Str("location"))
}

func groupOf(v resource.View, name string) (resource.Record, bool) {
	for _, g := range v.List(tokenGroup) {
		if strings.EqualFold(g.Inputs.Str("resourceGroupName"), name) {
			return g, true
		}
	}
	return resource.Record{}, false
}

// find finds a record by its id, in any spelling.
func find(v resource.View, token, id string) (resource.Record, bool) {
	for _, r := range v.List(token) {
		if Equal(r.ID, id) {
			return r, true
		}
	}
	return resource.Record{}, false
}

// must finds a record by id, or refuses as Resource Manager does.
func must(v resource.View, token, id string) (resource.Record, error) {
	parsed, err := ParseID(id)
	if err != nil {
		return resource.Record{}, err
	}
	r, ok := find(v, token, id)
	if !ok {
		return resource.Record{}, notFound(parsed)
	}
	return r, nil
}

// children lists the records whose id lies below another.
func children(v resource.View, parent string) []resource.Record {
	return slices.DeleteFunc(v.All(), func(r resource.Record) bool {
		return r.Provider != "azure" || Equal(r.ID, parent) || !Covers(parent, r.ID)
	})
}

// removeChildren is a Delete hook: what lies below a resource goes with it.
func removeChildren(_ context.Context, env *resource.Env, old resource.Record) error {
	for _, c := range children(env.View(), old.ID) {
		if err := env.Remove(c); err != nil {
			return err
		}
	}
	return nil
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func choice(name string, values ...string) resource.Property {
	p := resource.Property{Name: name, Kind: resource.String}
	for _, v := range values {
		p.OneOf = append(p.OneOf, v)
	}
	return p
}

// off is a boolean of which only one value is modelled: the SDK fills it in whether the program names it or not.
func off(names ...string) []resource.Property {
	out := make([]resource.Property, len(names))
	for i, n := range names {
		out[i] = resource.Property{Name: n, Kind: resource.Bool, OneOf: []any{false}}
	}
	return out
}
