package provider

import (
	"fmt"
	"slices"
	"strings"

	"polygate.example/shared/clientcert"
	"polygate.example/shared/gateway"
)

// Objection is why the fronts of a provider cannot do for a policy what it is for.
type Objection struct {
	Reason string // goes on after "..., and "
	Remedy string
}

// judgement is what fronts tell of what a policy goes by. It is the same on all routes, of which there may be thousands, and to find it can take all
// that the document has: so it is asked once.
type judgement struct {
	countries bool        // it goes by those of clients
	objected  []Objection // to certificates
	asking    []string    // providers whose fronts ask for certificates, and hand them on
}

// judge is the judgement of a policy.
func (a *documentAudit) judge(name string) *judgement {
	if j := a.judged[name]; j != nil {
		return j
	}
	policy := a.doc.Policies[name]
	j := &judgement{countries: policy.OfCountry()}
	if policy.ClientCertificate != nil {
		j.certificates(a, *policy.ClientCertificate)
	}
	a.judged[name] = j
	return j
}

// certificates asks the fronts of all providers whether they tell of certificates.
func (j *judgement) certificates(a *documentAudit, policy gateway.ClientCertificate) {
	const other = "find out who calls by another policy, such as signature"
	if a.settings.Fronted() {
		j.objected = []Objection{{"Cloudflare's proxy ends clients' TLS before it comes to a region", "have Cloudflare answer DNS only (polygate:cloudflare: {proxied: false}), or " + other}}
		return
	}
	for _, spec := range a.specs {
		if spec.Certificates == nil {
			j.objected = append(j.objected, Objection{"fronts of " + spec.Name + " do not ask for them", "leave regions of " + spec.Name + " out, or " + other})
		} else if o := spec.Certificates(a.settings, a.doc, policy); o != nil {
			j.objected = append(j.objected, *o)
		} else {
			j.asking = append(j.asking, spec.Name)
		}
	}
}

// fronts looks for policies that go by what the fronts before the regions cannot tell of clients. Each is reported once, however many routes have it.
func (a *documentAudit) fronts() {
	users, names := a.users()
	for _, name := range names {
		policy, j := a.doc.Policies[name], a.judge(name)
		at, who := a.usedBy(name, users[name])
		if policy.ClientCertificate != nil {
			a.certificates(at, fmt.Sprintf("%s by clients' certificates (policy %q), and ", who, name), j, policy.ClientCertificate.Optional)
		}
		if j.countries {
			a.countries(at, fmt.Sprintf("%s by the country of clients (policy %q), and ", who, name), policy)
		}
	}
}

// user is a route that has a policy, and where it says so.
type user struct {
	route string
	at    gateway.Pointer
}

// users are the routes that have each policy, and the policies in the order in which routes name them first.
func (a *documentAudit) users() (of map[string][]user, names []string) {
	of = map[string][]user{}
	add := func(name string, u user) {
		if of[name] == nil {
			names = append(names, name)
		}
		of[name] = append(of[name], u)
	}
	for i, r := range a.doc.Routes {
		at := gateway.Pointer("/routes").Index(i)
		for _, name := range a.doc.Everywhere {
			add(name, user{r.Name, at})
		}
		for own, name := range r.Policies {
			add(name, user{r.Name, at.Key("policies").Index(own)})
		}
	}
	return of, names
}

// usedBy says who goes by a policy, and where that is best said: where its only route names it, or else at the policy itself.
func (a *documentAudit) usedBy(name string, users []user) (gateway.Pointer, string) {
	at := gateway.Pointer("/policies").Key(name)
	switch {
	case slices.Contains(a.doc.Everywhere, name):
		return at, "every route goes"
	case len(users) == 1:
		return users[0].at, fmt.Sprintf("the route %q goes", users[0].route)
	}
	return at, fmt.Sprintf("the route %q and %d more go", users[0].route, len(users)-1)
}

// certificates reports a policy whose certificates no region sees. One that is optional lets everybody pass then.
func (a *documentAudit) certificates(at gateway.Pointer, who string, j *judgement, optional bool) {
	for _, o := range j.objected {
		if optional {
			a.warn(at, who+o.Reason+": everybody passes as nobody", o.Remedy)
		} else {
			a.bad(at, who+o.Reason+": nobody could call", o.Remedy)
		}
	}
}

// anchors looks for a policy that trusts an authority which is no root, without what is above it. The gateway does; of fronts it is not known. Google
// speaks of "an uploaded PKI anchor (root certificate)" and of nothing else ("Mutual TLS overview", docs.cloud.google.com/load-balancing/docs/mtls);
// AWS wants that names "form an unbroken chain", and does not say where it may end ("How to turn on mutual TLS authentication for your HTTP APIs in
// API Gateway", docs.aws.amazon.com/apigateway/latest/developerguide/http-api-mutual-tls.html). API Gateway's local front wants a root.
func (a *documentAudit) anchors(name string) {
	policy := a.doc.Policies[name].ClientCertificate
	if policy == nil || policy.CA == "" {
		return
	}
	asking := a.judge(name).asking
	bundle, bad := clientcert.ParseBundle(policy.CA)
	if len(asking) == 0 || len(bad) > 0 { // reported already
		return
	}
	for _, c := range bundle.Unrooted() {
		a.warn(gateway.Pointer("/policies").Key(name).Key("clientCertificate").Key("ca"),
			fmt.Sprintf("the policy %q trusts the authority %q, which is no root, without the one that has issued it: the gateway does, but that fronts of %s do is documented nowhere, and those that do not refuse whoever it has certified",
				name, c.Subject, strings.Join(asking, " and ")),
			"add what is above it, up to the root, and say with subjects or sans which of the root's clients are meant, as all are trusted then; or try it out on a stack of that cloud")
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
