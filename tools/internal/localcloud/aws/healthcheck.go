package aws

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenHealthCheck = "aws:route53/healthCheck:HealthCheck"
	labelHealthCheck = "Route 53 Health Check"
	serviceRoute53   = "Route 53"
)

// checkerRegions are where Route 53's health checkers are. Source: Route 53 API reference, HealthCheckConfig, Regions.
var checkerRegions = oneOf("us-east-1", "us-west-1", "us-west-2", "eu-west-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "sa-east-1")

// Types of checks that probe no endpoint.
const (
	checkCalculated      = "CALCULATED"
	checkRecoveryControl = "RECOVERY_CONTROL"
	checkAlarm           = "CLOUDWATCH_METRIC" // the local clouds have none
)

// endpointOnly are the properties of checks that probe an endpoint.
var endpointOnly = []struct{ property, name string }{
	{"fqdn", "FullyQualifiedDomainName"}, {"ipAddress", "IPAddress"}, {"port", "Port"}, {"resourcePath", "ResourcePath"}, {"searchString", "SearchString"},
	{"requestInterval", "RequestInterval"}, {"failureThreshold", "FailureThreshold"}, {"regions", "Regions"},
}

// healthCheckType is aws:route53/healthCheck:HealthCheck. Source: Route 53 API reference, HealthCheckConfig. What can be
// changed later is what UpdateHealthCheck takes: not the type, the interval and the measuring of latency.
//
// There is no Delete hook: "Amazon Route 53 does not prevent you from deleting a health check even if the health check is
// associated with one or more resource record sets" (API reference, DeleteHealthCheck).
func healthCheckType() *resource.Type {
	return &resource.Type{
		Token: tokenHealthCheck, Label: labelHealthCheck,
		Properties: []resource.Property{
			{Name: "type", Kind: resource.String, Required: true, Immutable: true,
				OneOf: oneOf("HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP", checkCalculated, checkAlarm, checkRecoveryControl)},
			{Name: "fqdn", Kind: resource.String, Max: resource.At(255), Fold: true},
			{Name: "ipAddress", Kind: resource.String},
			{Name: "port", Kind: resource.Int, Min: resource.At(1), Max: resource.At(65535)},
			{Name: "resourcePath", Kind: resource.String, Max: resource.At(255)},
			{Name: "searchString", Kind: resource.String, Max: resource.At(255)},
			{Name: "requestInterval", Kind: resource.Int, Immutable: true, OneOf: []any{10.0, 30.0}},
			{Name: "failureThreshold", Kind: resource.Int, Min: resource.At(1), Max: resource.At(10)},
			flag("invertHealthcheck", false),
			flag("disabled", false),
			{Name: "enableSni", Kind: resource.Bool},
			{Name: "measureLatency", Kind: resource.Bool, Default: false, Immutable: true},
			{Name: "regions", Kind: resource.Array, Set: true, Min: resource.At(3), Max: resource.At(64), Elem: &resource.Property{Kind: resource.String, OneOf: checkerRegions}},
			{Name: "referenceName", Kind: resource.String, Immutable: true, Max: resource.At(27), Pattern: regexp.MustCompile(`^\S+$`)},
			{Name: "childHealthThreshold", Kind: resource.Int, Min: resource.At(0), Max: resource.At(256)},
			{Name: "childHealthchecks", Kind: resource.Array, Set: true, Max: resource.At(256), Elem: &resource.Property{Kind: resource.String, Max: resource.At(64)}},
			{Name: "routingControlArn", Kind: resource.String, Immutable: true, Max: resource.At(255), Pattern: regexp.MustCompile(`^arn:aws:.+$`)},
			tagsProperty(),
		},
		Unmodelled: []string{"cloudwatchAlarmName", "cloudwatchAlarmRegion", "insufficientDataHealthStatus", "triggers"},
		Computed:   []string{"arn", "tagsAll", "enableSni", "failureThreshold"},
		Volatile:   []string{"tagsAll", "enableSni", "failureThreshold"},
		Check:      checkHealthCheck,
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			id := healthCheckID(env, in)
			return id, healthCheckOutputs(in).With(resource.Props{"arn": "arn:aws:route53:::healthcheck/" + id}),
				refuseHealthCheck(action{resource.OpCreate, labelHealthCheck, in.Str("fqdn"), serviceRoute53, "CreateHealthCheck"}, env.View(), "", in)
		},
		Update: func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
			return healthCheckOutputs(in), refuseHealthCheck(action{resource.OpUpdate, labelHealthCheck, old.ID, serviceRoute53, "UpdateHealthCheck"}, env.View(), old.ID, in)
		},
	}
}

// healthCheckID makes an id that no other check has, also when several of one endpoint are made at once.
func healthCheckID(env *resource.Env, in resource.Props) string {
	for i := 0; ; i++ {
		id := serial(env, 32, tokenHealthCheck, in.Str("fqdn"), in.Str("ipAddress"), fmt.Sprint(i))
		id = fmt.Sprintf("%s-%s-%s-%s-%s", id[:8], id[8:12], id[12:16], id[16:20], id[20:])
		if _, taken := env.View().Get(tokenHealthCheck, id); !taken {
			return id
		}
	}
}

// healthCheckOutputs fills in Route 53's own defaults: threshold 3, and SNI for HTTPS.
func healthCheckOutputs(in resource.Props) resource.Props {
	out := resource.Props{"tagsAll": tagsAll(in), "failureThreshold": 3.0, "enableSni": strings.HasPrefix(in.Str("type"), "HTTPS")}
	if kind := in.Str("type"); kind == checkCalculated || kind == checkRecoveryControl {
		out["failureThreshold"] = 0.0
	}
	for _, name := range []string{"failureThreshold", "enableSni"} {
		if in.Has(name) {
			out[name] = in[name]
		}
	}
	return out
}

// checkHealthCheck refuses what the local clouds have no checker for.
func checkHealthCheck(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
	if in.Str("type") == checkAlarm {
		return []resource.Failure{unsupported("type", "health checks of type %s", checkAlarm)}
	}
	return nil
}

// refuseHealthCheck checks what Route 53 checks. id is the check's own, "" before it has one.
func refuseHealthCheck(a action, v resource.View, id string, in resource.Props) error {
	kind := in.Str("type")
	bad := func(format string, args ...any) error {
		return a.refuse(codeInvalidInput, "Invalid parameter : "+format, args...)
	}
	if kind != checkCalculated {
		for property, name := range map[string]string{"childHealthchecks": "ChildHealthChecks", "childHealthThreshold": "HealthThreshold"} {
			if in.Has(property) {
				return bad("%s must not be specified for a health check of type %s", name, kind)
			}
		}
	}
	if kind != checkRecoveryControl && in.Has("routingControlArn") {
		return bad("RoutingControlArn must not be specified for a health check of type %s", kind)
	}
	if kind != checkCalculated && kind != checkRecoveryControl {
		return refuseEndpoint(a, in)
	}
	for _, p := range endpointOnly {
		if in.Has(p.property) {
			return bad("%s must not be specified for a health check of type %s", p.name, kind)
		}
	}
	if kind == checkRecoveryControl {
		if _, ok := v.Get(tokenRoutingControl, in.Str("routingControlArn")); !ok {
			return bad("RoutingControlArn %s is not the ARN of a routing control", in.Str("routingControlArn"))
		}
		return nil
	}
	if !in.Has("childHealthThreshold") {
		return bad("HealthThreshold must be specified for a health check of type %s", kind)
	}
	for _, child := range in.Strings("childHealthchecks") {
		if _, ok := v.Get(tokenHealthCheck, child); !ok || child == id {
			return bad("ChildHealthChecks: no health check exists with the specified ID %s", child)
		}
	}
	return nil
}

// refuseEndpoint checks what Route 53 checks of an endpoint.
func refuseEndpoint(a action, in resource.Props) error {
	kind := in.Str("type")
	bad := func(format string, args ...any) error { return a.refuse(codeInvalidInput, format, args...) }
	if !in.Has("fqdn") && !in.Has("ipAddress") {
		return bad("Invalid parameter : Either IPAddress or FullyQualifiedDomainName must be specified for a health check of type %s", kind)
	}
	if kind == "TCP" && !in.Has("ipAddress") && !in.Has("port") {
		return bad("Invalid parameter : Port must be specified for a health check of type TCP")
	}
	if f := in.Str("fqdn"); f != "" {
		if _, err := netip.ParseAddr(f); err == nil || !hostPattern.MatchString(strings.TrimSuffix(f, ".")) {
			return bad("Invalid parameter : Invalid fully qualified domain name: %s", f)
		}
	}
	if ip := in.Str("ipAddress"); ip != "" {
		addr, err := netip.ParseAddr(ip)
		// "You can't check the health of endpoints for which the IP address is in local, private, nonroutable, or multicast
		// ranges" (HealthCheckConfig, IPAddress). Loopback is excepted: it is what the local clouds have for public addresses.
		if err != nil || addr.IsPrivate() || addr.IsMulticast() || addr.IsLinkLocalUnicast() || addr.IsUnspecified() {
			return bad("Invalid IP address. Address %s is not valid or is in a local, private, nonroutable, or multicast range", ip)
		}
	}
	if p := in.Str("resourcePath"); p != "" {
		if kind == "TCP" {
			return bad("Invalid parameter : ResourcePath must not be specified for a health check of type TCP")
		}
		if !strings.HasPrefix(p, "/") {
			return bad("Invalid parameter : ResourcePath must begin with a forward slash (/), got %s", p)
		}
	}
	if strings.HasSuffix(kind, "_STR_MATCH") != in.Has("searchString") {
		if in.Has("searchString") {
			return bad("Invalid parameter : SearchString must not be specified for a health check of type %s", kind)
		}
		return bad("Invalid parameter : SearchString must be specified for a health check of type %s", kind)
	}
	return nil
}
