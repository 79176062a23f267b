// Package permission says what whoever deploys a stack has to be allowed, by the types of the resources that the program
// declares: IAM actions on AWS, roles and APIs on Google Cloud, operations and resource providers on Azure, and permission
// groups of an API token on Cloudflare. A test declares every kind of stack and fails for a type that is missing here.
package permission

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"polygate.example/infra/settings"
	"polygate.example/shared/artefact"
)

// Need is what the deployer of a resource type has to be allowed. Which fields are set depends on the cloud.
type Need struct {
	Actions   []string // AWS: IAM actions; Azure: operations of Resource Manager
	Resources []string // AWS: what the actions are on, as a policy writes it
	Roles     []string // Google: roles on the project, or on what Scope says
	Scope     string   // Google: what else the roles are on, in words
	API       string   // Google: the API that has to be enabled
	Groups    []string // Cloudflare: permission groups of the API token
	Dial      string   // the dial without which a stack has no such resource; "" for none
	Policy    string   // what the gateway document goes by, without which a stack has no such resource; "" for none
}

// What a document goes by that only fronts can tell of clients, see artefact.Front.
const (
	ByCertificates = "clientCertificate"
	ByCountries    = "geo"
)

// Clouds that permissions are of, as in the first part of a resource type's token.
const (
	AWS        = "aws"
	Google     = "gcp"
	Azure      = "azure-native"
	Cloudflare = "cloudflare"
)

// Cloud is the cloud of a resource type's token: aws:lambda/function:Function is of aws.
func Cloud(token string) string {
	cloud, _, _ := strings.Cut(token, ":")
	return cloud
}

// Of finds what a resource type needs.
func Of(token string) (Need, bool) {
	n, ok := table(Cloud(token))[token]
	return n, ok
}

// Types lists the resource types of a cloud, in alphabetical order.
func Types(cloud string) []string { return slices.Sorted(maps.Keys(table(cloud))) }

func table(cloud string) map[string]Need {
	switch cloud {
	case AWS:
		return aws
	case Google:
		return google
	case Azure:
		return azure
	case Cloudflare:
		return cloudflare
	}
	return nil
}

// dialled reports whether a stack has what a dial asks for.
func dialled(s settings.Settings, dial string) bool {
	switch dial {
	case "alarms":
		return s.Alarms != nil
	case "budget":
		return s.Budget != nil
	case "alarms or budget":
		return s.Alarms != nil || s.Budget != nil
	case "secrets":
		return len(s.Secrets) > 0
	}
	return true
}

// needed reports whether a stack has what its document asks for.
func needed(front artefact.Front, policy string) bool {
	switch policy {
	case ByCertificates:
		return front.Certificates != nil
	case ByCountries:
		return front.Country
	}
	return true
}

// APIs lists the APIs of Google Cloud that a stack needs enabled for a document, in alphabetical order; none without a region there. Two
// are not of a resource type: builds run on Cloud Build, and functions run on Cloud Run.
func APIs(s settings.Settings, front artefact.Front) []string {
	if !slices.Contains(s.Providers(), "gcp") {
		return nil
	}
	found := map[string]bool{"cloudbuild.googleapis.com": true, "run.googleapis.com": true}
	for _, n := range google {
		if dialled(s, n.Dial) && needed(front, n.Policy) {
			found[n.API] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// ResourceProviders lists the resource providers that an Azure subscription needs registered for a stack, in alphabetical
// order: those whose operations the deployer performs.
func ResourceProviders(s settings.Settings) []string {
	regions := slices.Contains(s.Providers(), "azure")
	manager := s.Manager == "trafficmanager" || s.Spare == "trafficmanager"
	found := map[string]bool{}
	for token, n := range azure {
		steers := strings.HasPrefix(token, "azure-native:trafficmanager:") || strings.HasPrefix(token, "azure-native:dns:")
		if steers && !manager || !steers && !regions || !dialled(s, n.Dial) {
			continue
		}
		for _, a := range n.Actions {
			namespace, _, _ := strings.Cut(a, "/")
			if namespace != "Microsoft.Authorization" && namespace != "Microsoft.Resources" { // every subscription has these
				found[namespace] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// text is a document as JSON. The places to put an account or a subscription in are to be read, and found.
func text(document any) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(document)
	return strings.TrimSpace(b.String()), err
}

// union is what the resource types of a cloud need together, in alphabetical order, each once.
func union(needs map[string]Need, of func(Need) []string) []string {
	found := map[string]bool{}
	for _, n := range needs {
		for _, v := range of(n) {
			found[v] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}
