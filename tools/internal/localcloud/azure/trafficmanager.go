package azure

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenProfile   = "azure-native:trafficmanager:Profile"
	profileVersion = "2022-04-01"
	// profileZone holds the names of all profiles there are.
	profileZone = "trafficmanager.net"
)

// Bounds of profiles. Sources: "Traffic Manager endpoint monitoring", Configure endpoint monitoring; "Traffic Manager FAQ", How
// high or low can I set the TTL, and How many layers of nesting; "Azure subscription and service limits", Traffic Manager limits.
const (
	maxEndpoints     = 200
	maxDepth         = 10
	maxProfileTTL    = 2147483647
	maxCustomHeaders = 8
	maxStatusRanges  = 8
)

// Endpoint kinds, as the last part of their type says them.
const (
	externalEndpoints = "externalendpoints"
	nestedEndpoints   = "nestedendpoints"
)

// trafficManagerProfile is azure-native:trafficmanager:Profile with its inline endpoints. Sources: the REST reference of
// Microsoft.Network/trafficManagerProfiles, API 2022-04-01, and the pages named beside each rule.
func trafficManagerProfile() *resource.Type {
	text := resource.Property{Kind: resource.String}
	header := resource.Property{Kind: resource.Object, Fields: []resource.Property{
		{Name: "name", Kind: resource.String, Required: true}, {Name: "value", Kind: resource.String, Required: true}}}
	headers := resource.Property{Name: "customHeaders", Kind: resource.Array, Max: resource.At(maxCustomHeaders), Elem: &header}
	method := choice("trafficRoutingMethod", "Performance", "Priority", "Weighted", "Geographic", "MultiValue", "Subnet")
	method.Required = true
	global := resource.Property{Name: "location", Kind: resource.String, Required: true, Immutable: true, Fold: true, Complain: func(v any) string {
		if !strings.EqualFold(v.(string), "global") {
			return refuse(400, "LocationNotAvailableForResourceType", "The provided location '%s' is not available for resource type "+
				"'Microsoft.Network/trafficManagerProfiles'. List of available regions for the resource type is 'global'.", v).Error()
		}
		return ""
	}}
	t := arm(tokenProfile, "Microsoft.Network/trafficManagerProfiles", "profileName",
		named("profileName", `^[A-Za-z0-9]([-A-Za-z0-9.]{0,61}[A-Za-z0-9])?$`), // resource-name-rules
		global, tags, method, choice("profileStatus", "Enabled", "Disabled"),
		resource.Property{Name: "dnsConfig", Kind: resource.Object, Required: true, Computed: []string{"fqdn"}, Fields: []resource.Property{
			{Name: "relativeName", Kind: resource.String, Required: true, Fold: true},
			{Name: "ttl", Kind: resource.Int, Required: true, Min: resource.At(0), Max: resource.At(maxProfileTTL)}}},
		resource.Property{Name: "monitorConfig", Kind: resource.Object, Required: true, Fields: []resource.Property{
			{Name: "protocol", Kind: resource.String, Required: true, OneOf: resource.List("HTTP", "HTTPS", "TCP")},
			{Name: "port", Kind: resource.Int, Required: true, Min: resource.At(1), Max: resource.At(65535)},
			{Name: "path", Kind: resource.String},
			{Name: "intervalInSeconds", Kind: resource.Int, OneOf: []any{10.0, 30.0}},
			{Name: "timeoutInSeconds", Kind: resource.Int, Min: resource.At(5), Max: resource.At(10)},
			{Name: "toleratedNumberOfFailures", Kind: resource.Int, Min: resource.At(0), Max: resource.At(9)},
			headers,
			{Name: "expectedStatusCodeRanges", Kind: resource.Array, Max: resource.At(maxStatusRanges), Elem: &resource.Property{Kind: resource.Object, Fields: []resource.Property{
				{Name: "min", Kind: resource.Int, Required: true, Min: resource.At(100), Max: resource.At(999)},
				{Name: "max", Kind: resource.Int, Required: true, Min: resource.At(100), Max: resource.At(999)}}}},
		}},
		resource.Property{Name: "endpoints", Kind: resource.Array, Elem: &resource.Property{Kind: resource.Object, Fields: []resource.Property{
			{Name: "name", Kind: resource.String, Required: true, Pattern: regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]{0,258}[A-Za-z0-9_])?$`)},
			{Name: "type", Kind: resource.String, Required: true},
			{Name: "target", Kind: resource.String}, {Name: "targetResourceId", Kind: resource.String},
			{Name: "endpointStatus", Kind: resource.String, OneOf: resource.List("Enabled", "Disabled")},
			{Name: "alwaysServe", Kind: resource.String, OneOf: resource.List("Enabled", "Disabled")},
			{Name: "weight", Kind: resource.Int}, {Name: "priority", Kind: resource.Int}, {Name: "endpointLocation", Kind: resource.String},
			{Name: "minChildEndpoints", Kind: resource.Int},
			{Name: "geoMapping", Kind: resource.Array, Set: true, Elem: &text},
			headers,
		}, Unmodelled: []string{"id", "endpointMonitorStatus", "minChildEndpointsIPv4", "minChildEndpointsIPv6", "subnets"}}},
	)
	t.Unmodelled = []string{"allowedEndpointRecordTypes", "id", "maxReturn", "name", "trafficViewEnrollmentStatus", "type"}
	t.AutoName = autoName("profileName", 63)
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		id, _, err := place(env, in, "Microsoft.Network", "trafficManagerProfiles", in.Str("profileName"))
		if err != nil {
			return "", nil, err
		}
		if err := refuseProfile(env.View(), id.String(), in); err != nil {
			return "", nil, err
		}
		return id.String(), made(id, profileVersion).With(profileOutputs(in)), nil
	}
	t.Update = func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
		if was := old.Inputs.Object("dnsConfig").Str("relativeName"); !strings.EqualFold(was, in.Object("dnsConfig").Str("relativeName")) {
			return nil, badRequest("The relative DNS name of profile '%s' cannot be changed.", old.Inputs.Str("profileName"))
		}
		if err := refuseOtherTypes(old.Inputs.Objects("endpoints"), in.Objects("endpoints")); err != nil {
			return nil, err
		}
		return profileOutputs(in), refuseProfile(env.View(), old.ID, in)
	}
	t.Delete = func(_ context.Context, env *resource.Env, old resource.Record) error {
		for _, p := range env.View().List(tokenProfile) {
			for _, e := range p.Inputs.Objects("endpoints") {
				if e.Has("targetResourceId") && Equal(e.Str("targetResourceId"), old.ID) {
					return conflict("The profile '%s' cannot be deleted because it is the target of the nested endpoint '%s' of profile '%s'.",
						old.Inputs.Str("profileName"), e.Str("name"), p.Inputs.Str("profileName"))
				}
			}
		}
		return nil
	}
	return t
}

// refuseOtherTypes keeps an endpoint from becoming one of another type under its name. It is the local Azure's own caution: an
// endpoint's id has its type in it, and what the service makes of such an update is written nowhere.
func refuseOtherTypes(before, after []resource.Props) error {
	for _, b := range before {
		for _, a := range after {
			if strings.EqualFold(a.Str("name"), b.Str("name")) && kindOf(a) != kindOf(b) {
				return badRequest("The endpoint '%s' is of the type '%s' and would be of the type '%s': another type wants another name.", b.Str("name"), b.Str("type"), a.Str("type"))
			}
		}
	}
	return nil
}

// profileOutputs are what Traffic Manager fills in. Defaults: "Traffic Manager endpoint monitoring".
func profileOutputs(in resource.Props) resource.Props {
	return resource.Props{"dnsConfig": in.Object("dnsConfig").With(resource.Props{"fqdn": profileHost(in)})}
}

// profileHost is a profile's name in DNS, lower case.
func profileHost(in resource.Props) string {
	return strings.ToLower(in.Object("dnsConfig").Str("relativeName")) + "." + profileZone
}

// relativeForm is a relative name: labels, of which there may be several (Azure/azure-sdk-for-python issue #8446).
var relativeForm = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?)*$`)

// refuseProfile checks a profile among the others, as the service does with the whole of it at each write.
func refuseProfile(v resource.View, id string, in resource.Props) error {
	relative := in.Object("dnsConfig").Str("relativeName")
	if !relativeForm.MatchString(relative) || len(profileHost(in)) > 253 {
		return badRequest("The relative DNS name '%s' is not valid.", relative)
	}
	for _, p := range v.List(tokenProfile) {
		if !Equal(p.ID, id) && profileHost(p.Inputs) == profileHost(in) {
			// The words: microsoft/unreal-cloud-ddc-on-azure issue #42.
			return conflict("Domain name %s is not available. Please choose a different DNS prefix.", profileHost(in))
		}
	}
	switch m := in.Str("trafficRoutingMethod"); m {
	case "MultiValue", "Subnet":
		return &resource.Error{Code: resource.CodeUnsupported, Message: fmt.Sprintf("the local clouds do not have the traffic routing method %s", m)}
	}
	if err := refuseMonitor(in.Object("monitorConfig")); err != nil {
		return err
	}
	endpoints := in.Objects("endpoints")
	if len(endpoints) > maxEndpoints {
		return badRequest("The profile has %d endpoints: at most %d are allowed.", len(endpoints), maxEndpoints)
	}
	for i, e := range endpoints {
		if err := refuseEndpoint(v, id, in.Str("trafficRoutingMethod"), e); err != nil {
			return err
		}
		for _, other := range endpoints[:i] {
			if err := refusePair(in.Str("trafficRoutingMethod"), other, e); err != nil {
				return err
			}
		}
	}
	return refuseNesting(v, id, endpoints)
}

// refuseMonitor checks how endpoints are probed. Source: "Traffic Manager endpoint monitoring", Configure endpoint monitoring.
func refuseMonitor(m resource.Props) error {
	interval, timeout := monitorTimes(m)
	if interval == 10 && timeout > 9 {
		return badRequest("The timeout of %d seconds is not valid with an interval of 10 seconds: it must be between 5 and 9.", timeout)
	}
	if m.Str("protocol") == "TCP" {
		if m.Str("path") != "" {
			return badRequest("The monitor path must not be set with the protocol TCP.")
		}
		if len(m.List("expectedStatusCodeRanges")) > 0 {
			return badRequest("Expected status code ranges must not be set with the protocol TCP.")
		}
	} else if !strings.HasPrefix(m.Str("path"), "/") {
		return badRequest("The monitor path '%s' is not valid: with the protocol %s it must begin with '/'.", m.Str("path"), m.Str("protocol"))
	}
	for _, r := range m.Objects("expectedStatusCodeRanges") {
		if r.Int("min") > r.Int("max") {
			return badRequest("The expected status code range %d-%d is not valid.", r.Int("min"), r.Int("max"))
		}
	}
	return nil
}

// monitorTimes are interval and timeout with their defaults: 30 s, and 10 s or with fast probing 9 s.
func monitorTimes(m resource.Props) (interval, timeout int) {
	interval, timeout = 30, 10
	if m.Has("intervalInSeconds") {
		interval = m.Int("intervalInSeconds")
	}
	if interval == 10 {
		timeout = 9
	}
	if m.Has("timeoutInSeconds") {
		timeout = m.Int("timeoutInSeconds")
	}
	return interval, timeout
}

// kindOf is an endpoint's kind in lower case, "" for a type that is none.
func kindOf(e resource.Props) string {
	kind, ok := strings.CutPrefix(strings.ToLower(e.Str("type")), "microsoft.network/trafficmanagerprofiles/")
	if !ok {
		return ""
	}
	return kind
}

// refuseEndpoint checks one endpoint. Sources: "Traffic Manager routing methods" for each method's wants; "Traffic Manager
// endpoints"; "Traffic Manager endpoint monitoring", Always Serve.
func refuseEndpoint(v resource.View, profile, method string, e resource.Props) error {
	name := e.Str("name")
	bad := func(format string, a ...any) error {
		return badRequest("Endpoint '%s': "+format, append([]any{name}, a...)...)
	}
	switch kindOf(e) {
	case externalEndpoints:
		target := strings.TrimSuffix(e.Str("target"), ".")
		if e.Has("targetResourceId") || e.Has("minChildEndpoints") {
			return bad("an external endpoint has a target and neither targetResourceId nor minChildEndpoints.")
		}
		if _, err := netip.ParseAddr(target); err != nil && !hostName.MatchString(target) {
			return bad("the target '%s' is not a valid DNS name or IP address.", e.Str("target"))
		}
	case nestedEndpoints:
		if e.Has("target") {
			return bad("a nested endpoint has a targetResourceId and no target.")
		}
		if _, err := must(v, tokenProfile, e.Str("targetResourceId")); err != nil && !Equal(e.Str("targetResourceId"), profile) {
			return err
		}
		if e.Has("minChildEndpoints") && e.Int("minChildEndpoints") < 1 {
			return bad("minChildEndpoints is %d: it must be at least 1.", e.Int("minChildEndpoints"))
		}
		if e.Str("alwaysServe") == "Enabled" {
			return bad("health checks cannot be disabled on nested endpoints.")
		}
	case "azureendpoints":
		return &resource.Error{Code: resource.CodeUnsupported, Message: fmt.Sprintf("endpoint %s: the local clouds do not have Azure endpoints, only external and nested ones", name)}
	default:
		return bad("the type '%s' is not valid.", e.Str("type"))
	}
	for property, n := range map[string]int{"weight": e.Int("weight"), "priority": e.Int("priority")} {
		if e.Has(property) && (n < 1 || n > 1000) {
			return bad("the %s %d is not valid: it must be between 1 and 1000.", property, n)
		}
	}
	if l := e.Str("endpointLocation"); l != "" && !slices.Contains(latencyLocations, normal(l)) {
		return bad("the location '%s' is not valid.", l)
	}
	if method == "Performance" && e.Str("endpointLocation") == "" {
		// The words are those of the classic API: MSOpenTech/azure-xplat-cli issue #353.
		return bad("the location must be specified for external and nested endpoints in a profile of the method 'Performance'.")
	}
	if method != "Geographic" {
		return nil // mappings are kept and not looked at (Traffic Manager FAQ)
	}
	if len(e.List("geoMapping")) == 0 {
		return bad("at least one geographic region must be mapped to it in a profile of the method 'Geographic'.")
	}
	for _, code := range e.Strings("geoMapping") {
		if !isGeoCode(code) {
			return bad("the geographic region '%s' is not valid.", code)
		}
	}
	return nil
}

// refusePair checks two endpoints of one profile against each other. Sources: "Traffic Manager FAQ", What types of IP addresses,
// Can I use different endpoint addressing types; "Traffic Manager routing methods", Priority and Geographic.
func refusePair(method string, a, b resource.Props) error {
	isIP := func(e resource.Props) bool { _, err := netip.ParseAddr(e.Str("target")); return err == nil }
	target := func(e resource.Props) string {
		return strings.ToLower(strings.TrimSuffix(e.Str("target")+e.Str("targetResourceId"), "."))
	}
	switch {
	case strings.EqualFold(a.Str("name"), b.Str("name")):
		return badRequest("There are duplicates in the list of endpoints. The following endpoint(s) appear more than once: %s.", b.Str("name")) // the words: Azure/azure-cli issue #4734
	case target(a) == target(b):
		return badRequest("The endpoints '%s' and '%s' have the same target '%s'.", a.Str("name"), b.Str("name"), b.Str("target")+b.Str("targetResourceId"))
	case kindOf(a) == externalEndpoints && kindOf(b) == externalEndpoints && isIP(a) != isIP(b):
		return badRequest("The endpoints '%s' and '%s' are of different addressing types: a profile cannot mix DNS names and IP addresses.", a.Str("name"), b.Str("name"))
	case a.Has("priority") && a.Int("priority") == b.Int("priority"):
		return badRequest("The endpoints '%s' and '%s' have the same priority %d.", a.Str("name"), b.Str("name"), b.Int("priority"))
	case a.Has("priority") != b.Has("priority"):
		return badRequest("The priority must be set on all endpoints or on none.")
	}
	if method != "Geographic" {
		return nil
	}
	for _, code := range a.Strings("geoMapping") {
		if slices.Contains(b.Strings("geoMapping"), code) {
			return badRequest("The geographic region '%s' is mapped to the endpoints '%s' and '%s': it can be mapped to one.", code, a.Str("name"), b.Str("name"))
		}
	}
	return nil
}

// refuseNesting keeps profiles from nesting in themselves, and from nesting deeper than ten levels, above and below this one.
func refuseNesting(v resource.View, id string, endpoints []resource.Props) error {
	children := func(p string) []resource.Props {
		if Equal(p, id) {
			return endpoints
		}
		if r, ok := find(v, tokenProfile, p); ok {
			return r.Inputs.Objects("endpoints")
		}
		return nil
	}
	var below func(p string, path []string) (int, error)
	below = func(p string, path []string) (int, error) {
		if slices.ContainsFunc(path, func(s string) bool { return Equal(s, p) }) {
			return 0, badRequest("The profile '%s' is nested in itself: loops are not permitted.", nameOf(p))
		}
		deepest := 0
		for _, e := range children(p) {
			if kindOf(e) != nestedEndpoints {
				continue
			}
			n, err := below(e.Str("targetResourceId"), append(path, p))
			if err != nil {
				return 0, err
			}
			deepest = max(deepest, n)
		}
		return deepest + 1, nil
	}
	roots := []string{id}
	for _, p := range v.List(tokenProfile) {
		roots = append(roots, p.ID)
	}
	for _, root := range roots {
		levels, err := below(root, nil)
		if err != nil {
			return err
		}
		if levels > maxDepth {
			return badRequest("The profile '%s' has %d levels of nested profiles: at most %d are allowed.", nameOf(root), levels, maxDepth)
		}
	}
	return nil
}

func nameOf(id string) string {
	parsed, err := ParseID(id)
	if err != nil {
		return id
	}
	return parsed.Name()
}

// profiles are what the data plane serves of Traffic Manager.
func profiles(v resource.View) []plane.Profile {
	var out []plane.Profile
	for _, r := range v.List(tokenProfile) {
		in := r.Inputs
		m := in.Object("monitorConfig")
		p := plane.Profile{
			ID: r.ID, Name: profileHost(in), Method: in.Str("trafficRoutingMethod"), TTL: in.Object("dnsConfig").Int("ttl"), Disabled: in.Str("profileStatus") == "Disabled",
			Monitor: plane.Monitor{Protocol: m.Str("protocol"), Port: m.Int("port"), Path: m.Str("path"), Tolerated: 3, Headers: customHeaders(m)},
		}
		p.Monitor.Interval, p.Monitor.Timeout = monitorTimes(m)
		if m.Has("toleratedNumberOfFailures") {
			p.Monitor.Tolerated = m.Int("toleratedNumberOfFailures")
		}
		for _, s := range m.Objects("expectedStatusCodeRanges") {
			p.Monitor.Expected = append(p.Monitor.Expected, [2]int{s.Int("min"), s.Int("max")})
		}
		for i, e := range in.Objects("endpoints") {
			pe := plane.Endpoint{
				Name: e.Str("name"), Target: strings.ToLower(strings.TrimSuffix(e.Str("target"), ".")), Profile: e.Str("targetResourceId"), MinChildren: max(1, e.Int("minChildEndpoints")),
				Weight: max(1, e.Int("weight")), Priority: i + 1, Location: normal(e.Str("endpointLocation")), Geo: e.Strings("geoMapping"),
				Disabled: e.Str("endpointStatus") == "Disabled", AlwaysServe: e.Str("alwaysServe") == "Enabled", ProbeHeaders: customHeaders(e),
			}
			if e.Has("priority") {
				pe.Priority = e.Int("priority")
			}
			p.Endpoints = append(p.Endpoints, pe)
		}
		out = append(out, p)
	}
	return out
}

func customHeaders(of resource.Props) map[string]string {
	var out map[string]string
	for _, h := range of.Objects("customHeaders") {
		if out == nil {
			out = map[string]string{}
		}
		out[h.Str("name")] = h.Str("value")
	}
	return out
}
