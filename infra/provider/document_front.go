package provider

import (
	"fmt"
	"slices"

	"polygate.example/shared/gateway"
)

// Objection is why the fronts of a provider cannot do for a policy what it is for.
type Objection struct {
	Reason string // goes on after "..., and "
	Remedy string
}

// fronts looks for routes that go by what the fronts before the regions cannot tell of clients.
func (a *documentAudit) fronts(at gateway.Pointer, r gateway.Route) {
	for i, name := range slices.Concat(a.doc.Everywhere, r.Policies) {
		at := at
		if own := i - len(a.doc.Everywhere); own >= 0 {
			at = at.Key("policies").Index(own)
		}
		policy := a.doc.Policies[name]
		if policy.ClientCertificate != nil {
			a.certificates(at, fmt.Sprintf("the route %q goes by clients' certificates (policy %q), and ", r.Name, name), *policy.ClientCertificate)
		}
		if policy.OfCountry() {
			a.countries(at, fmt.Sprintf("the route %q goes by the country of clients (policy %q), and ", r.Name, name), policy)
		}
	}
}

// certificates reports a policy whose certificates no region sees. One that is optional lets everybody pass then.
func (a *documentAudit) certificates(at gateway.Pointer, who string, policy gateway.ClientCertificate) {
	object := func(o Objection) {
		if policy.Optional {
			a.warn(at, who+o.Reason+": everybody passes as nobody", o.Remedy)
		} else {
			a.bad(at, who+o.Reason+": nobody could call", o.Remedy)
		}
	}
	const other = "find out who calls by another policy, such as signature"
	if a.settings.Fronted() {
		object(Objection{"Cloudflare's proxy ends clients' TLS before it comes to a region", "have Cloudflare answer DNS only (polygate:cloudflare: {proxied: false}), or " + other})
		return
	}
	for _, spec := range a.specs {
		if spec.Certificates == nil {
			object(Objection{"fronts of " + spec.Name + " do not ask for them", "leave regions of " + spec.Name + " out, or " + other})
		} else if o := spec.Certificates(a.settings, a.doc, policy); o != nil {
			object(*o)
		}
	}
}

// countries reports a policy whose countries no front tells.
func (a *documentAudit) countries(at gateway.Pointer, who string, policy gateway.Policy) {
	if a.settings.Fronted() {
		return // Cloudflare tells
	}
	for _, spec := range a.specs {
		if spec.Countries {
			continue
		}
		who := who + "fronts of " + spec.Name + " do not tell it: "
		remedy := fmt.Sprintf("leave regions of %s out, or have Cloudflare stand before them (polygate:manager: cloudflare with polygate:cloudflare: {proxied: true})", spec.Name)
		switch {
		case policy.Authorize == nil || policy.Authorize.Geo == nil:
			a.warn(at, who+"client.country is empty there", remedy)
		case policy.Authorize.Geo.Unknown == gateway.UnknownAllow:
			a.warn(at, who+"clients of all countries pass", remedy)
		default:
			a.bad(at, who+"nobody could call", remedy+"; unknown: allow lets everybody pass there")
		}
	}
}
