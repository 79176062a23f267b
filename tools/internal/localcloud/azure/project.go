package azure

import (
	"runtime"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

// nativeZone holds the names Microsoft itself gives to apps.
const (
	nativeZone   = "azurewebsites.net"
	nativeZoneID = "azure-azurewebsites.net"
	nativeTTL    = 30 // seconds of cloud time
)

// frontTimeout is how long the front end waits for an answer. Source: "Function app timeout duration",
// learn.microsoft.com/azure/azure-functions/functions-scale (230 s, the idle timeout of Azure Load Balancer).
const frontTimeout = 230 * time.Second

// siteKey is under which an app's front gets its loopback address.
func siteKey(app string) string { return "azure" + strings.ToLower(app) }

// Project derives what the data plane must serve from the records of the local Azure: each app's front under its default
// host name and the names bound to it, its function once a package was published, the DNS zones, the Traffic Manager
// profiles and the web tests. A name whose certificate is missing has none, and cannot be reached over TLS.
func Project(env *resource.Env) (plane.World, error) {
	var w plane.World
	v := env.View()
	zone := plane.Zone{ID: nativeZoneID, Name: nativeZone}
	for _, app := range v.List(tokenApp) {
		site := plane.Site{
			ID: siteKey(app.ID), Region: regionOf(app), Front: plane.AzureApp, Listen: env.Addresses.Allocate(siteKey(app.ID)),
			Hosts: []plane.Host{{Name: defaultHost(app.Inputs), Cert: []byte(app.Private.Str("cert")), Key: []byte(app.Private.Str("key"))}},
			HTTP2: app.Inputs.Object("siteConfig").Bool("http20Enabled"), TLS13: app.Inputs.Object("siteConfig").Str("minTlsVersion") == "1.3",
		}
		for _, b := range bindingsOf(v, app) {
			site.Hosts = append(site.Hosts, bound(v, app, b))
		}
		if pkg, ok := app.Private.Blob("package"); ok {
			w.Functions = append(w.Functions, function(env, app, pkg))
			site.Function = app.ID
		}
		w.Sites = append(w.Sites, site)
		zone.Records = append(zone.Records, plane.Record{
			Name: defaultHost(app.Inputs), Type: "A", TTL: nativeTTL, Values: []string{site.Listen.Addr().String()},
		})
	}
	if len(zone.Records) > 0 {
		w.Zones = append(w.Zones, zone)
	}
	w.Zones = append(w.Zones, hostedZones(v)...)
	if w.Profiles = profiles(v); len(w.Profiles) > 0 {
		w.Zones = append(w.Zones, plane.Zone{ID: "azure-" + profileZone, Name: profileZone, Manager: managerName}) // its names are made up by the data plane
	}
	w.Tests = webTests(v)
	return w, nil
}

func regionOf(app resource.Record) string { return "azure/" + app.Computed.Str("location") }

func bound(v resource.View, app, binding resource.Record) plane.Host {
	h := plane.Host{Name: strings.ToLower(binding.Inputs.Str("hostName"))}
	if binding.Inputs.Str("sslState") != "SniEnabled" {
		return h
	}
	if c, ok := certificateOf(v, app, binding.Inputs.Str("thumbprint")); ok {
		h.Cert, h.Key = []byte(c.Private.Str("cert")), []byte(c.Private.Str("key"))
	}
	return h
}

func function(env *resource.Env, app resource.Record, pkg resource.Blob) plane.Function {
	scale := app.Inputs.Object("functionAppConfig").Object("scaleAndConcurrency")
	f := plane.Function{
		ID: app.ID, Region: regionOf(app), Runtime: plane.AzureFunctions, Package: env.BlobFile(pkg), Digest: pkg.SHA256,
		Architecture: runtime.GOARCH, // the local Azure runs the package on this machine
		Environment:  map[string]string{}, Memory: defaultMemory, Timeout: frontTimeout, Instances: defaultInstances,
	}
	secrets := secretsOf(env, app)
	for _, s := range app.Inputs.Object("siteConfig").Objects("appSettings") {
		f.Environment[s.Str("name")] = s.Str("value")
		if secrets.Has(s.Str("name")) {
			f.Environment[s.Str("name")] = secrets.Str(s.Str("name"))
		}
	}
	if n := scale.Int("instanceMemoryMB"); n > 0 {
		f.Memory = n
	}
	f.Concurrency = perInstance[f.Memory]
	if n := scale.Object("triggers").Object("http").Int("perInstanceConcurrency"); n > 0 {
		f.Concurrency = n
	}
	f.Warm = ready(env.View(), app)
	if n := scale.Int("maximumInstanceCount"); n > 0 {
		f.Instances = n
	}
	return f
}

// ready is how many instances of an app are up though nobody calls: as many as are configured for functions with an HTTP
// trigger, and in a zone-redundant plan two at the least, whatever is configured.
func ready(v resource.View, app resource.Record) int {
	n := 0
	for _, r := range app.Inputs.Object("functionAppConfig").Object("scaleAndConcurrency").Objects("alwaysReady") {
		if r.Str("name") == "http" {
			n = r.Int("instanceCount")
		}
	}
	if farm, ok := find(v, tokenPlan, app.Inputs.Str("serverFarmId")); ok && farm.Inputs.Bool("zoneRedundant") {
		n = max(n, zoneInstances)
	}
	return n
}
