package gcp

import (
	"fmt"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

// nativeZone holds the names Google itself gives to services.
const (
	nativeZone   = "a.run.app"
	nativeZoneID = "google-a.run.app"
	nativeTTL    = 300 // seconds of cloud time, as the real zone's records have
)

// Project derives what the data plane must serve from the records of the local Google Cloud:
//   - each function, from the source it was last deployed with;
//   - its default URL, which answers 404 while the ingress settings keep the internet out;
//   - each load balancer whose chain is whole, under the names of its certificate map's entries. A name whose
//     certificate is not ACTIVE has none, and cannot be reached.
func Project(env *resource.Env) (plane.World, error) {
	var w plane.World
	v := env.View()
	zone := plane.Zone{ID: nativeZoneID, Name: nativeZone}
	for _, f := range v.List(tokenFunction) {
		source, ok := f.Private.Blob("source")
		if !ok {
			return plane.World{}, fmt.Errorf("the record of function %s does not hold the source it was built from", f.ID)
		}
		// The secrets are those that an instance gets which starts now: without them none does, and those that run go on.
		secrets, err := secretEnvironment(v, f.Inputs)
		fn := planeFunction(env, f.Inputs, source, secrets)
		if err != nil {
			fn.Unfetched = err.Error()
		}
		w.Functions = append(w.Functions, fn)
		site := defaultSite(env, v, f)
		w.Sites = append(w.Sites, site)
		zone.Records = append(zone.Records, plane.Record{
			Name: site.Hosts[0].Name, Type: "A", TTL: nativeTTL, Values: []string{site.Listen.Addr().String()},
		})
	}
	for _, rule := range v.List(tokenForwardingRule) {
		if site, ok := balancer(env, v, rule); ok {
			w.Sites = append(w.Sites, site)
		}
	}
	if len(zone.Records) > 0 {
		w.Zones = append(w.Zones, zone)
	}
	return w, nil
}

// defaultSite is the site of a function's default URL.
// Source: "Restrict network ingress", cloud.google.com/run/docs/securing/ingress: a request that ingress does not admit
// is answered with 404, before anyone asks who the caller is.
func defaultSite(env *resource.Env, v resource.View, f resource.Record) plane.Site {
	service := serviceOfFunction(f.Inputs)
	site := plane.Site{
		ID: "gcp/run/" + service, Region: regionOf(f.Inputs), Front: plane.RunApp, Listen: env.Addresses.Allocate("gcp/run/" + service),
		Hosts: []plane.Host{{Name: defaultHost(f.Inputs), Cert: []byte(f.Private.Str("cert")), Key: []byte(f.Private.Str("key"))}},
	}
	if f.Inputs.Object("serviceConfig").Str("ingressSettings") == IngressAll {
		site.Function, site.InvokeError = f.ID, !public(v, service)
	}
	return site
}

// balancer is the site of one forwarding rule. ok is false while a part of the chain is missing.
func balancer(env *resource.Env, v resource.View, rule resource.Record) (site plane.Site, ok bool) {
	address, ok1 := addressOf(v, rule.Inputs)
	proxy, ok2 := v.Get(tokenHTTPSProxy, relative(rule.Inputs.Str("target")))
	urls, ok3 := v.Get(tokenURLMap, relative(proxy.Inputs.Str("urlMap")))
	backend, ok4 := v.Get(tokenBackendService, relative(urls.Inputs.Str("defaultService")))
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return plane.Site{}, false
	}
	site = plane.Site{ID: "gcp/lb/" + rule.ID, Front: plane.GoogleALB, Listen: env.Addresses.Allocate(addressKey(address.ID))}
	for _, b := range backend.Inputs.Objects("backends") {
		group, ok := v.Get(tokenEndpointGroup, relative(b.Str("group")))
		if !ok {
			continue
		}
		if site.Region == "" {
			site.Region = "gcp/" + group.Inputs.Str("region")
		}
		if f, ok := behind(v, group.Inputs); ok && f.Inputs.Object("serviceConfig").Str("ingressSettings") != IngressInternal {
			site.Region = regionOf(f.Inputs)
			site.Function, site.InvokeError = f.ID, !public(v, serviceOfFunction(f.Inputs))
			break
		}
	}
	if site.Region == "" {
		return plane.Site{}, false // no backend: there is no region whose faults it could share
	}
	policy, _ := v.Get(tokenSSLPolicy, relative(proxy.Inputs.Str("sslPolicy")))
	site.TLS13 = policy.Inputs.Str("minTlsVersion") == "TLS_1_3"
	site.Headers, site.Clients = headersOf(backend), clientsOf(v, proxy)
	site.Hosts = hostsOf(env, v, relative(proxy.Inputs.Str("certificateMap")))
	return site, true
}

// hostsOf lists the names a certificate map serves. An entry for a name shows its first ACTIVE certificate; the PRIMARY
// entry's certificate is shown for the names that it holds and that have no entry of their own.
// Source: "How Certificate Manager works", certificate selection logic, cloud.google.com/certificate-manager/docs/how-it-works.
func hostsOf(env *resource.Env, v resource.View, certificateMap string) []plane.Host {
	var hosts []plane.Host
	taken := map[string]bool{}
	var primary []plane.Host
	for _, e := range entriesOf(v, certificateMap) {
		host := plane.Host{Name: e.Inputs.Str("hostname")}
		var names []string
		for _, ref := range e.Inputs.Strings("certificates") {
			c, ok := v.Get(tokenCertificate, relative(ref))
			if !ok || !issued(env, c) {
				continue
			}
			host.Cert, host.Key = []byte(c.Private.Str("cert")), []byte(c.Private.Str("key"))
			names = c.Inputs.Object("managed").Strings("domains")
			break
		}
		if host.Name != "" {
			hosts, taken[host.Name] = append(hosts, host), true
			continue
		}
		for _, n := range names {
			primary = append(primary, plane.Host{Name: n, Cert: host.Cert, Key: host.Key})
		}
	}
	for _, h := range primary {
		if !taken[h.Name] {
			hosts, taken[h.Name] = append(hosts, h), true
		}
	}
	return hosts
}
