package aws

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

// machineConcurrency is how many instances of a function run at once at most, whatever more is reserved or, where nothing is, an
// account has ("Lambda quotas": 1000). One machine has fewer; requests above it are throttled (429) as they would be there.
const machineConcurrency = 40

// nativeTTL is the TTL of API Gateway's own names, in seconds.
const nativeTTL = 60

// architectures are Go's names for Lambda's.
var architectures = map[string]string{"x86_64": "amd64", "arm64": "arm64"}

// Project derives what the data plane serves from the records: functions, one site per API, the hosted zones, zones with
// the native names of API Gateway, and health checks. The result is in a stable order.
func Project(env *resource.Env) (plane.World, error) {
	v := env.View()
	w := plane.World{Functions: functions(env), Checks: checks(v)}
	for _, api := range v.List(tokenAPI) {
		w.Sites = append(w.Sites, site(env, api))
	}
	for _, z := range v.List(tokenZone) {
		w.Zones = append(w.Zones, hostedZone(v, z))
	}
	w.Zones = append(w.Zones, nativeZones(env)...)
	for _, s := range w.Sites {
		for _, h := range s.Hosts {
			if len(h.Cert) == 0 {
				return w, fmt.Errorf("site %s: there is no certificate for %s", s.ID, h.Name)
			}
		}
	}
	return w, nil
}

// functions are what can be invoked: each function, and each of its aliases under the alias's own ARN, so that a request ends on
// the version it began on when the alias moves.
func functions(env *resource.Env) []plane.Function {
	v := env.View()
	var out []plane.Function
	for _, f := range v.List(tokenFunction) {
		out = append(out, function(env, f, f.Computed.Str("arn"), latest))
		for _, a := range of(v, tokenAlias, "functionName", f) {
			out = append(out, function(env, f, a.ID, a.Inputs.Str("functionVersion")))
		}
	}
	return out
}

// function is one version of a function, as what is invoked by the ARN.
func function(env *resource.Env, f resource.Record, arn, version string) plane.Function {
	in, ok := versionOf(env.View(), f, version)
	if !ok {
		in = f.Inputs
	}
	blob, _ := in.Blob("code")
	warm := warmOf(env.View(), f, arn)
	instances := f.Inputs.Int("reservedConcurrentExecutions") // of the function, whatever the version
	switch {
	case instances < 0:
		instances = machineConcurrency
	case instances == 0: // "To throttle a function, set the reserved concurrency to zero" (Lambda developer guide)
		instances = -1
	default:
		instances = min(instances, max(machineConcurrency, warm))
	}
	var arch string
	for _, a := range in.Strings("architectures") {
		arch = architectures[a]
	}
	out := plane.Function{
		ID: arn, Region: "aws/" + f.Inputs.Str("region"), Runtime: plane.Lambda,
		Package: env.BlobFile(blob), Digest: blob.SHA256, Entry: in.Str("handler"), Architecture: arch,
		Environment: in.Object("environment").StringMap("variables"),
		Memory:      in.Int("memorySize"), Timeout: functionTimeout(in), Instances: instances, Warm: warm,
	}
	if version != latest {
		out.Version = version
	}
	if len(in.Strings("layers")) > 0 { // there is but one layer, see checkLayers
		out.Secrets = secretsOf(env.View(), in.Str("role"))
	}
	return out
}

// site is an API with the names that lead to it. Its default endpoint is a name unless it is disabled; then API Gateway
// answers it like a name it does not know.
func site(env *resource.Env, api resource.Record) plane.Site {
	v, region := env.View(), api.Inputs.Str("region")
	s := plane.Site{ID: api.Computed.Str("arn"), Region: "aws/" + region, Front: plane.APIGateway, Listen: env.Addresses.Allocate("aws/" + region)}
	stages := v.Where(tokenStage, "apiId", api.ID)
	if !api.Inputs.Bool("disableExecuteApiEndpoint") {
		s.Hosts = append(s.Hosts, privateHost(executeHost(api.ID, region), api))
	}
	for _, m := range v.Where(tokenAPIMapping, "apiId", api.ID) {
		d, ok := v.GetIn(tokenDomainName, region, m.Inputs.Str("domainName"))
		if !ok {
			continue
		}
		cert, _ := v.Find(tokenCertificate, "arn", d.Inputs.Object("domainNameConfiguration").Str("certificateArn"))
		h := privateHost(strings.ToLower(d.ID), cert)
		if trust := d.Private.Str(privateTrust); trust != "" {
			h.Clients = []byte(trust)
		}
		s.Hosts = append(s.Hosts, h)
	}
	// Without a deployment a stage serves nothing; autoDeploy makes one after each change.
	i := slices.IndexFunc(stages, func(st resource.Record) bool { return st.Inputs.Bool("autoDeploy") })
	if i < 0 {
		return s
	}
	integration, ok := defaultIntegration(v, region, api.ID)
	if !ok {
		return s
	}
	uri := invocationURI.FindStringSubmatch(integration.Inputs.Str("integrationUri"))
	if uri == nil {
		return s
	}
	fn, ok := v.Find(tokenFunction, "arn", uri[1])
	if !ok {
		s.InvokeError = true
		return s
	}
	qualifier := strings.TrimPrefix(uri[3], latest)
	if s.Function = uri[1]; qualifier != "" {
		s.Function += ":" + qualifier
		if _, ok := v.Get(tokenAlias, s.Function); !ok {
			s.Function, s.InvokeError = "", true
			return s
		}
	}
	s.Timeout = time.Duration(integration.Inputs.Int("timeoutMilliseconds")) * time.Millisecond
	s.InvokeError = !mayInvoke(v, fn, qualifier, api.Computed.Str("executionArn")+"/"+stages[i].ID+"/$default")
	return s
}

// privateHost is a name with the certificate that a record keeps.
func privateHost(name string, rec resource.Record) plane.Host {
	return plane.Host{Name: name, Cert: []byte(rec.Private.Str(privateCert)), Key: []byte(rec.Private.Str(privateKey))}
}

// nativeZones give the native names of each region an address: the domain of API Gateway's regional endpoints.
func nativeZones(env *resource.Env) []plane.Zone {
	v := env.View()
	byRegion := map[string][]string{}
	for _, d := range v.List(tokenDomainName) {
		byRegion[d.Scope] = append(byRegion[d.Scope], d.Computed.Object("domainNameConfiguration").Str("targetDomainName"))
	}
	for _, a := range v.List(tokenAPI) {
		if !a.Inputs.Bool("disableExecuteApiEndpoint") {
			byRegion[a.Scope] = append(byRegion[a.Scope], executeHost(a.ID, a.Scope))
		}
	}
	var out []plane.Zone
	for region, names := range byRegion {
		z := plane.Zone{ID: regionalZoneID(region), Name: executeZone(region)}
		address := env.Addresses.Allocate("aws/" + region).Addr().String()
		for _, n := range names {
			z.Records = append(z.Records, plane.Record{Name: n, Type: "A", TTL: nativeTTL, Values: []string{address}})
		}
		out = append(out, z)
	}
	slices.SortFunc(out, func(a, b plane.Zone) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func hostedZone(v resource.View, z resource.Record) plane.Zone {
	out := plane.Zone{ID: z.ID, Name: z.Inputs.Str("name"), Manager: "route53"}
	for _, r := range recordsOf(v, z.ID) {
		in := r.Inputs
		rec := plane.Record{
			Name: r.Computed.Str("fqdn"), Type: in.Str("type"), TTL: in.Int("ttl"), Values: in.Strings("records"),
			SetIdentifier: in.Str("setIdentifier"), Failover: failoverOf(in), HealthCheck: in.Str("healthCheckId"),
		}
		for _, p := range in.Objects(weightedPolicy) {
			weight := p.Int("weight")
			rec.Weight = &weight
		}
		for _, p := range in.Objects(latencyPolicy) {
			rec.Latency = p.Str("region")
		}
		for _, p := range in.Objects(geolocationPolicy) {
			rec.Geo = &plane.Geo{Continent: p.Str("continent"), Country: p.Str("country"), Subdivision: p.Str("subdivision")}
		}
		for _, a := range in.Objects("aliases") {
			rec.Alias = &plane.Alias{
				Name: strings.ToLower(strings.TrimSuffix(a.Str("name"), ".")), ZoneID: strings.TrimPrefix(a.Str("zoneId"), "/hostedzone/"),
				EvaluateTargetHealth: a.Bool("evaluateTargetHealth"),
			}
		}
		out.Records = append(out.Records, rec)
	}
	return out
}

// checks are the health checks, with Route 53's defaults: interval 30 s, threshold 3, port 80 or 443.
func checks(v resource.View) []plane.HealthCheck {
	var out []plane.HealthCheck
	for _, h := range v.List(tokenHealthCheck) {
		in, all := h.Inputs, h.Outputs()
		c := plane.HealthCheck{
			ID: h.ID, Type: in.Str("type"), FQDN: strings.TrimSuffix(in.Str("fqdn"), "."), IP: in.Str("ipAddress"), Port: in.Int("port"),
			Path: in.Str("resourcePath"), SearchString: in.Str("searchString"), Interval: in.Int("requestInterval"),
			Threshold: all.Int("failureThreshold"), Inverted: in.Bool("invertHealthcheck"), Disabled: in.Bool("disabled"),
			SNI: all.Bool("enableSni"), Locations: in.Strings("regions"),
		}
		switch c.Type {
		case checkCalculated, checkRecoveryControl:
			c.Threshold, c.Children, c.Healthy = 0, in.Strings("childHealthchecks"), in.Int("childHealthThreshold")
			c.On = routingControlOn(v, in.Str("routingControlArn"))
			out = append(out, c)
			continue
		}
		if c.Interval == 0 {
			c.Interval = 30
		}
		if c.Port == 0 {
			c.Port = 80
			if strings.HasPrefix(c.Type, "HTTPS") {
				c.Port = 443
			}
		}
		if c.Path == "" && c.Type != "TCP" {
			c.Path = "/"
		}
		out = append(out, c)
	}
	return out
}
