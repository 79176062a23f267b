package azure

import (
	"net/http"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

// ReleasedPackage is the one blob name a Flex Consumption app loads its code from.
// Source: learn.microsoft.com/azure/azure-functions/functions-deployment-technologies (one deploy);
// hashicorp/terraform-provider-azurerm issue #29630.
const ReleasedPackage = "released-package.zip"

// oneDeploy is the only template resource there is a model of.
const oneDeploy = "Microsoft.Web/sites/extensions"

// publication is what a OneDeploy template asks for.
type publication struct {
	App        string // name of the site
	PackageURI string // https URL of the blob
}

// readTemplate reads an ARM template that holds one OneDeploy and nothing else. Whatever else a template may hold is
// refused by name: a deployment that silently did less than its template says would be a lie.
func readTemplate(template resource.Props) (publication, error) {
	invalid := func(format string, a ...any) (publication, error) {
		return publication{}, refuse(http.StatusBadRequest, CodeTemplate, "Deployment template validation failed: '"+format+"'.", a...)
	}
	schema, _ := template["$schema"].(string)
	if !strings.Contains(schema, "deploymentTemplate.json") {
		return invalid("The template '$schema' is %q: want https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", schema)
	}
	if v, _ := template["contentVersion"].(string); v == "" {
		return invalid("Required property 'contentVersion' not found in JSON")
	}
	for _, key := range template.Keys() {
		if !slices.Contains([]string{"$schema", "contentVersion", "resources", "parameters", "variables", "outputs"}, key) {
			return invalid("The template property '%s' is not supported here", key)
		}
		if key == "parameters" || key == "variables" || key == "outputs" {
			if m, ok := template[key].(resource.Props); !ok || len(m) > 0 {
				return invalid("The local Azure does not evaluate template %s", key)
			}
		}
	}
	list, _ := template["resources"].([]any)
	if len(list) != 1 {
		return invalid("The local Azure deploys templates with exactly one resource, %s; this one has %d", oneDeploy, len(list))
	}
	r, ok := list[0].(resource.Props)
	if !ok {
		return invalid("The template resource at line 1 is not an object")
	}
	return readOneDeploy(r)
}

func readOneDeploy(r resource.Props) (publication, error) {
	invalid := func(format string, a ...any) (publication, error) {
		return publication{}, refuse(http.StatusBadRequest, CodeTemplate, "Deployment template validation failed: '"+format+"'.", a...)
	}
	kind, _ := r["type"].(string)
	if !strings.EqualFold(kind, oneDeploy) {
		return invalid("The template resource type '%s' is not supported by the local Azure: only %s is", kind, oneDeploy)
	}
	if v, _ := r["apiVersion"].(string); v == "" {
		return invalid("The template resource of type '%s' is missing required property 'apiVersion'", kind)
	}
	name, _ := r["name"].(string)
	app, extension, ok := strings.Cut(name, "/")
	if !ok || app == "" || !strings.EqualFold(extension, "onedeploy") {
		return invalid("The template resource '%s' of type '%s' must be named <app>/onedeploy", name, kind)
	}
	for _, key := range r.Keys() {
		if !slices.Contains([]string{"type", "apiVersion", "name", "properties", "dependsOn", "location"}, key) {
			return invalid("The template resource property '%s' of '%s' is not supported here", key, name)
		}
	}
	properties, _ := r["properties"].(resource.Props)
	for _, key := range properties.Keys() {
		if key != "packageUri" && key != "remoteBuild" {
			return invalid("The property '%s' of '%s' is not supported here", key, name)
		}
	}
	if b, _ := properties["remoteBuild"].(bool); b {
		return invalid("'%s' asks for a remote build: a custom handler has none", name)
	}
	uri, _ := properties["packageUri"].(string)
	if uri == "" {
		return publication{}, badRequest("PackageUri is required for a OneDeploy of '%s'.", app)
	}
	return publication{App: app, PackageURI: uri}, nil
}
