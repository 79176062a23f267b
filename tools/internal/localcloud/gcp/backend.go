package gcp

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

// Tokens of the back half of the load balancer.
const (
	tokenEndpointGroup  = "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup"
	tokenBackendService = "gcp:compute/backendService:BackendService"
	tokenURLMap         = "gcp:compute/uRLMap:URLMap"
)

// Load balancing schemes of external Application Load Balancers: the global one and the classic one.
const (
	SchemeManaged = "EXTERNAL_MANAGED"
	SchemeClassic = "EXTERNAL"
)

func globalName(in resource.Props, kind string) string {
	return fmt.Sprintf("projects/%s/global/%s/%s", in.Str("project"), kind, in.Str("name"))
}

// global describes a global Compute Engine resource of one collection: its conflict, id and self link.
func global(token, label, kind string, properties ...resource.Property) *resource.Type {
	return &resource.Type{
		Token: token, Label: label,
		Properties: append([]resource.Property{named(rfc1035), project, description}, properties...),
		Computed:   []string{"selfLink", "creationTimestamp"},
		Unique:     []string{"name", "project"},
		AutoName:   autoName(63),
		Conflict:   func(in resource.Props) error { return alreadyExists(globalName(in, kind)) },
	}
}

// made are the outputs every Compute Engine resource has.
func made(env *resource.Env, rel string) resource.Props {
	return resource.Props{"selfLink": selfLink(rel), "creationTimestamp": env.Now().Format(time.RFC3339)}
}

// serviceLabel is the form of a Cloud Run service's name.
var serviceLabel = regexp.MustCompile(rfc1035)

func endpointGroupID(in resource.Props) string {
	return fmt.Sprintf("projects/%s/regions/%s/networkEndpointGroups/%s", in.Str("project"), in.Str("region"), in.Str("name"))
}

// endpointGroup is a serverless network endpoint group: the one endpoint is a Cloud Run service of the same region.
//
// Source: "Serverless network endpoint groups overview", cloud.google.com/load-balancing/docs/negs/serverless-neg-concepts.
// Google does not look whether the service exists, and its load balancer then answers 404; the local cloud refuses a
// group that points at nothing, because no stack can mean it.
func endpointGroup() *resource.Type {
	return &resource.Type{
		Token: tokenEndpointGroup, Label: "RegionNetworkEndpointGroup",
		Properties: []resource.Property{
			named(rfc1035), immutable(project), immutable(description),
			{Name: "region", Kind: resource.String, Required: true, Immutable: true},
			{Name: "networkEndpointType", Kind: resource.String, Immutable: true, Default: "SERVERLESS", OneOf: resource.List[any]("SERVERLESS")},
			{
				Name: "cloudRun", Kind: resource.Object, Required: true, Immutable: true, Unmodelled: []string{"tag", "urlMask"},
				Fields: []resource.Property{{Name: "service", Kind: resource.String, Required: true}},
			},
		},
		Unmodelled: []string{"appEngine", "cloudFunction", "deletionPolicy", "network", "pscData", "pscTargetService", "serverlessDeployment", "subnetwork"},
		Computed:   []string{"selfLink"},
		Unique:     []string{"name", "region", "project"},
		AutoName:   autoName(63),
		Conflict:   func(in resource.Props) error { return alreadyExists(endpointGroupID(in)) },
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			if _, ok := regions[in.Str("region")]; !ok {
				return "", nil, invalid("Invalid value for field 'region': '%s'. Unknown region.", in.Str("region"))
			}
			service := in.Object("cloudRun").Str("service")
			if !serviceLabel.MatchString(service) {
				return "", nil, invalidField("cloudRun.service", service, "Must be a match of regex '%s'", rfc1035)
			}
			if _, ok := behind(env.View(), in); !ok {
				return "", nil, invalidField("cloudRun.service", service, "There is no Cloud Run service of that name in region %s.", in.Str("region"))
			}
			id := endpointGroupID(in)
			return id, resource.Props{"selfLink": selfLink(id)}, nil
		},
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			for _, b := range env.View().List(tokenBackendService) {
				if _, ok := backendWith(b, old.ID); ok {
					return inUse("network_endpoint_group", old.ID, b.ID)
				}
			}
			return nil
		},
	}
}

// behind finds the function an endpoint group points at.
func behind(v resource.View, group resource.Props) (resource.Record, bool) {
	return functionBehind(v, serviceName(group.Str("project"), group.Str("region"), group.Object("cloudRun").Str("service")))
}

func backendWith(service resource.Record, group string) (resource.Props, bool) {
	for _, b := range service.Inputs.Objects("backends") {
		if relative(b.Str("group")) == group {
			return b, true
		}
	}
	return nil, false
}

func backendService() *resource.Type {
	t := global(tokenBackendService, "BackendService", "backendServices",
		resource.Property{Name: "loadBalancingScheme", Kind: resource.String, Default: SchemeClassic, OneOf: resource.List[any](SchemeManaged, SchemeClassic)},
		choice("protocol", "HTTP", "HTTPS", "HTTP2", "H2C"),
		resource.Property{Name: "backends", Kind: resource.Array, Set: true, Elem: &resource.Property{
			Kind: resource.Object,
			Fields: []resource.Property{
				{Name: "group", Kind: resource.String, Required: true, Same: func(o, n any) bool { return relative(text(o)) == relative(text(n)) }},
				oneOf("balancingMode", "UTILIZATION", "RATE", "CONNECTION"),
				{Name: "capacityScaler", Kind: resource.Number, Default: 1.0, Min: resource.At(0), Max: resource.At(1)},
				{Name: "maxUtilization", Kind: resource.Number},
				{Name: "maxRate", Kind: resource.Int},
				{Name: "description", Kind: resource.String},
			},
			Unmodelled: []string{
				"customMetrics", "maxConnections", "maxConnectionsPerEndpoint", "maxConnectionsPerInstance", "maxInFlightRequests",
				"maxInFlightRequestsPerEndpoint", "maxInFlightRequestsPerInstance", "maxRatePerEndpoint", "maxRatePerInstance", "preference", "trafficDuration",
			},
		}},
		resource.Property{Name: "healthChecks", Kind: resource.String},
		resource.Property{Name: "portName", Kind: resource.String},
		resource.Property{Name: "timeoutSec", Kind: resource.Int},
		resource.Property{Name: "customRequestHeaders", Kind: resource.Array, Set: true, Elem: &resource.Property{Kind: resource.String}},
		resource.Property{Name: "connectionDrainingTimeoutSec", Kind: resource.Int, Default: 300.0, Min: resource.At(0), Max: resource.At(3600)},
		resource.Property{
			Name: "logConfig", Kind: resource.Object, Unmodelled: []string{"optionalFields", "optionalMode", "requestHeaders", "responseHeaders"},
			Fields: []resource.Property{
				{Name: "enable", Kind: resource.Bool},
				{Name: "sampleRate", Kind: resource.Number, Min: resource.At(0), Max: resource.At(1)},
			},
		},
	)
	t.Unmodelled = []string{
		"affinityCookieTtlSec", "cdnPolicy", "circuitBreakers", "compressionMode", "consistentHash", "customMetrics",
		"customResponseHeaders", "deletionPolicy", "dynamicForwarding", "edgeSecurityPolicy", "enableCdn", "externalManagedMigrationState",
		"externalManagedMigrationTestingPercentage", "iap", "ipAddressSelectionPolicy", "localityLbPolicies", "localityLbPolicy", "maxStreamDuration",
		"networkPassThroughLbTrafficPolicy", "outlierDetection", "params", "securityPolicy", "securitySettings", "serviceLbPolicy", "sessionAffinity",
		"strongSessionAffinityCookie", "tlsSettings",
	}
	t.Computed = append(t.Computed, "fingerprint", "generatedId")
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		if err := checkBackends(env.View(), in); err != nil {
			return "", nil, err
		}
		id := globalName(in, "backendServices")
		return id, made(env, id).With(resource.Props{
			"fingerprint": short(11, "fingerprint", id), "generatedId": number(digits(15, "id", id)),
			"protocol": first(in.Str("protocol"), "HTTP"), "timeoutSec": 30.0, "sessionAffinity": "NONE",
		}), nil
	}
	t.Update = func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
		if err := checkBackends(env.View(), in); err != nil {
			return nil, err
		}
		if was, now := old.Inputs.Str("loadBalancingScheme"), in.Str("loadBalancingScheme"); was != now {
			return nil, invalidField("loadBalancingScheme", now, "Load balancing scheme cannot be changed from %s.", was)
		}
		return resource.Props{"protocol": first(in.Str("protocol"), "HTTP")}, nil
	}
	t.Delete = refuseWhileUsed("backend_service", tokenURLMap, "defaultService")
	return t
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// refuseWhileUsed is a Delete hook: it refuses while a record of another type refers to this one.
func refuseWhileUsed(kind, by string, properties ...string) func(context.Context, *resource.Env, resource.Record) error {
	return func(_ context.Context, env *resource.Env, old resource.Record) error {
		if r, ok := referrer(env.View(), by, old.ID, properties...); ok {
			return inUse(kind, old.ID, r.ID)
		}
		return nil
	}
}

// checkBackends holds the rules of a backend service whose backends are serverless groups.
// Source: "Serverless network endpoint groups overview", limitations (no health check, no port name, no timeout, one
// group per region); the words are those in terraform-google-lb-http issues #149, #355, #448 and
// terraform-provider-google issue #7167.
func checkBackends(v resource.View, in resource.Props) error {
	seen := map[string]bool{}
	for i, b := range in.Objects("backends") {
		field := fmt.Sprintf("backends[%d]", i)
		rel := relative(b.Str("group"))
		if !strings.HasPrefix(rel, "projects/") {
			return invalidField(field+".group", b.Str("group"), "The URL is malformed.")
		}
		group, ok := v.Get(tokenEndpointGroup, rel)
		if !ok {
			return notFound(rel)
		}
		switch {
		case b.Has("maxUtilization"):
			return invalidField(field+".maxUtilization", b["maxUtilization"], "Max utilization is not supported for Serverless network endpoint groups.")
		case b.Has("maxRate"):
			return invalidField(field+".maxRate", b["maxRate"], "Max rate is not supported for Serverless network endpoint groups.")
		case seen[group.Inputs.Str("region")]:
			return invalidField("backends", rel, "A backend service can have only one Serverless network endpoint group per region.")
		}
		seen[group.Inputs.Str("region")] = true
	}
	if err := checkHeaders(in); err != nil || len(seen) == 0 {
		return err
	}
	switch {
	case in.Has("healthChecks") && in.Str("healthChecks") != "":
		return invalidField("healthChecks", "", "A backend service cannot have a healthcheck with Serverless network endpoint group backends.")
	case in.Str("portName") != "":
		return invalidField("portName", in.Str("portName"), "Port name is not supported for a backend service with Serverless network endpoint groups.")
	case in.Has("timeoutSec"):
		return invalidField("timeoutSec", in["timeoutSec"], "Timeout sec is not supported for a backend service with Serverless network endpoint groups.")
	}
	return nil
}

// urlMap sends everything to one backend service. Host and path rules are not modelled: the gateway routes.
func urlMap() *resource.Type {
	t := global(tokenURLMap, "UrlMap", "urlMaps", resource.Property{
		Name: "defaultService", Kind: resource.String, Required: true, Same: func(o, n any) bool { return relative(text(o)) == relative(text(n)) },
	})
	t.Unmodelled = []string{
		"defaultCustomErrorResponsePolicy", "defaultRouteAction", "defaultUrlRedirect", "deletionPolicy", "headerAction", "hostRules", "pathMatchers", "tests",
	}
	t.Computed = append(t.Computed, "fingerprint", "mapId")
	check := func(v resource.View, in resource.Props) error {
		return mustExist(v, tokenBackendService, "defaultService", in.Str("defaultService"))
	}
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		if err := check(env.View(), in); err != nil {
			return "", nil, err
		}
		id := globalName(in, "urlMaps")
		return id, made(env, id).With(resource.Props{"fingerprint": short(11, "fingerprint", id), "mapId": number(digits(15, "id", id))}), nil
	}
	t.Update = func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
		return nil, check(env.View(), in)
	}
	t.Delete = refuseWhileUsed("url_map", tokenHTTPSProxy, "urlMap")
	return t
}

// mustExist refuses a reference that is malformed or leads nowhere.
func mustExist(v resource.View, token, field, ref string) error {
	rel := relative(ref)
	if !strings.HasPrefix(rel, "projects/") {
		return invalidField(field, ref, "The URL is malformed.")
	}
	if _, ok := v.Get(token, rel); !ok {
		return notFound(rel)
	}
	return nil
}
