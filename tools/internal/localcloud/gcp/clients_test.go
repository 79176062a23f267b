package gcp_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/clientcert/clientcerttest"
	"polygate.example/tools/internal/localcloud/gcp"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tTrust     = "gcp:certificatemanager/trustConfig:TrustConfig"
	tServerTLS = "gcp:networksecurity/serverTlsPolicy:ServerTlsPolicy"
	trustName  = "projects/" + project + "/locations/global/trustConfigs/clients"
	docHeaders = "docs.cloud.google.com/load-balancing/docs/https/custom-headers-global"
	docTLS     = "Network Security API, projects.locations.serverTlsPolicies"
	docTrust   = "Certificate Manager API, projects.locations.trustConfigs"
)

// withHeaders creates a backend service with custom request headers.
func withHeaders(headers ...any) func(*kit) error {
	return withBackend(resource.Props{"customRequestHeaders": headers})
}

func many(n int, header func(i int) string) []any {
	var out []any
	for i := range n {
		out = append(out, header(i))
	}
	return out
}

// trustInputs are those of a trust config with an authority.
func trustInputs(anchors ...string) resource.Props {
	var list []any
	for _, text := range anchors {
		list = append(list, resource.Props{"pemCertificate": text})
	}
	return resource.Props{"name": "clients", "location": "global", "trustStores": []any{resource.Props{"trustAnchors": list}}}
}

// policyInputs are those of a policy by which clients are asked.
func policyInputs(mode string, trust any) resource.Props {
	return resource.Props{"name": "clients", "mtlsPolicy": resource.Props{"clientValidationMode": mode, "clientValidationTrustConfig": trust}}
}

// withPolicy creates a policy for a trust config with an authority.
func withPolicy(mode string, trust any) func(*kit) error {
	return func(k *kit) error {
		k.must(tTrust, trustInputs(clientcerttest.Root(k.t, "Root").PEM()))
		return made(k.create(tServerTLS, policyInputs(mode, trust)))
	}
}

// asking creates a whole load balancer that asks clients for certificates.
func (k *kit) asking(anchor string) {
	k.t.Helper()
	k.must(tTrust, trustInputs(anchor))
	policy, _ := k.must(tServerTLS, policyInputs(gcp.ModeAllow, "projects/"+gcp.Account+"/locations/global/trustConfigs/clients"))
	k.authorize(k.balancer())
	proxy := k.store.View().List(tProxy)[0]
	if _, err := k.update(tProxy, proxy.ID, proxy.Outputs(), proxy.Inputs.With(resource.Props{"serverTlsPolicy": policy})); err != nil {
		k.t.Fatal(err)
	}
}

var clientFacts = []fact{
	{"a custom header has a colon", docHeaders, withHeaders("X-A"), gcp.ReasonInvalid, "customRequestHeaders[0]': 'X-A'. The header must contain a colon"},
	{"a custom header has a name", docHeaders, withHeaders("X-A:b", "X A:b"), gcp.ReasonInvalid, "customRequestHeaders[1]"},
	{"a custom header is none of Google's", docHeaders, withHeaders("x-goog-a:b"), gcp.ReasonInvalid, "The header name 'x-goog-a' is not allowed."},
	{"a custom header is none of the connection's", docHeaders, withHeaders("TE:b"), gcp.ReasonInvalid, "The header name 'TE' is not allowed."},
	{"a custom header has a value that one carries", docHeaders, withHeaders("X-A:b\nX-B: c"), gcp.ReasonInvalid, "not a valid HTTP header field"},
	{"a custom header is there once", docHeaders, withHeaders("X-A:b", "x-a:c"), gcp.ReasonInvalid, "must not appear more than once"},
	{"a variable is one there is", docHeaders, withHeaders("X-A:{client_country}"), gcp.ReasonInvalid, "unknown variable 'client_country'"},
	{"a variable ends", docHeaders, withHeaders("X-A:{client_region"), gcp.ReasonInvalid, "unknown variable 'client_region'"},
	{"a brace begins something", docHeaders, withHeaders("X-A:client_region}"), gcp.ReasonInvalid, "closing brace"},
	{"a variable that the local front does not know", docHeaders, withHeaders("X-A:{client_city}"), resource.CodeUnsupported, "do not have the header variable {client_city}"},
	{"there are sixteen custom headers", docHeaders, withHeaders(many(17, func(i int) string { return "X-" + string(rune('a'+i)) + ":b" })...), gcp.ReasonInvalid, "at most 16 custom request headers"},
	{"custom headers are 8 KB long", docHeaders, withHeaders(many(9, func(i int) string { return "X-" + string(rune('a'+i)) + ":" + strings.Repeat("b", 1000) })...), gcp.ReasonInvalid, "must not exceed 8192 bytes"},

	{"a trust config has one trust store", "docs.cloud.google.com/load-balancing/docs/mtls", func(k *kit) error {
		in := trustInputs(clientcerttest.Root(k.t, "Root").PEM())
		return made(k.create(tTrust, in.With(resource.Props{"trustStores": append(in.List("trustStores"), in.List("trustStores")...)})))
	}, "", "trustStores"},
	{"a trust config says where it is", "provider schema, certificatemanager.TrustConfig.location", func(k *kit) error {
		return made(k.create(tTrust, resource.Props{"name": "clients"}))
	}, "", "location"},
	{"an authority is a certificate", docTrust, func(k *kit) error { return made(k.create(tTrust, trustInputs("no PEM"))) }, gcp.ReasonBad, "trust_anchors[0].pem_certificate: must be one certificate"},
	{"an authority is one certificate", docTrust, func(k *kit) error {
		root := clientcerttest.Root(k.t, "Root")
		return made(k.create(tTrust, trustInputs(root.PEM(), root.PEM(root))))
	}, gcp.ReasonBad, "trust_anchors[1].pem_certificate: must be one certificate"},
	{"an authority has 5 kB", docTrust, func(k *kit) error {
		return made(k.create(tTrust, trustInputs(clientcerttest.Root(k.t, "Root").PEM()+strings.Repeat("\n", 5000))))
	}, gcp.ReasonBad, "must be at most 5000 bytes long"},
	{"a trust config in use stays", docTrust, deleted(func(k *kit) { k.asking(clientcerttest.Root(k.t, "Root").PEM()) }, tTrust, trustName), gcp.ReasonInUse, "can't delete trust config"},

	{"a policy says what is let through", docTLS, withPolicy("CLIENT_VALIDATION_MODE_UNSPECIFIED", trustName), gcp.ReasonBad, "client_validation_mode: must be"},
	{"a policy's mode is one there is", docTLS, withPolicy("ALLOW", trustName), "", "clientValidationMode"},
	{"a policy's trust config is there", docTLS, withPolicy(gcp.ModeAllow, trustName+"2"), gcp.ReasonNotFound, "trustConfigs/clients2' was not found"},
	{"a policy's trust config is of this project", docTLS, withPolicy(gcp.ModeAllow, "projects/1/locations/global/trustConfigs/clients"), gcp.ReasonNotFound, "was not found"},
	{"a policy's trust config is named in full", docTLS, withPolicy(gcp.ModeAllow, "clients"), gcp.ReasonBad, "invalid name 'clients'"},
	{"who refuses needs to know whom", docTLS, withPolicy(gcp.ModeReject, nil), gcp.ReasonBad, "is required with REJECT_INVALID"},
	{"who refuses needs to know somebody", docTLS, func(k *kit) error {
		k.must(tTrust, resource.Props{"name": "clients", "location": "global"})
		return made(k.create(tServerTLS, policyInputs(gcp.ModeReject, trustName)))
	}, gcp.ReasonBad, "is empty"},
	{"a policy in use stays", "provider schema, compute.TargetHttpsProxy.serverTlsPolicy", deleted(func(k *kit) { k.asking(clientcerttest.Root(k.t, "Root").PEM()) }, tServerTLS,
		"projects/"+project+"/locations/global/serverTlsPolicies/clients"), gcp.ReasonInUse, "The server_tls_policy resource"},
	{"a proxy's policy is there", "Compute Engine API, 404 notFound", func(k *kit) error {
		k.proxy()
		return made(k.create(tProxy, resource.Props{"name": "gw2", "urlMap": "projects/" + project + "/global/urlMaps/gw", "certificateMap": mapFullName,
			"serverTlsPolicy": "projects/" + project + "/locations/global/serverTlsPolicies/none"}))
	}, gcp.ReasonNotFound, "serverTlsPolicies/none' was not found"},
	{"a proxy's policy is about clients", "provider schema, networksecurity.ServerTlsPolicy.mtlsPolicy", func(k *kit) error {
		policy, _ := k.must(tServerTLS, resource.Props{"name": "clients"})
		k.proxy()
		return made(k.create(tProxy, resource.Props{"name": "gw2", "urlMap": "projects/" + project + "/global/urlMaps/gw", "certificateMap": mapFullName, "serverTlsPolicy": policy}))
	}, gcp.ReasonInvalid, "it must have mtlsPolicy"},
}

// TestProjectClients: what the backend service has set, and what the proxy asks for, reach the front of the balancer alone.
func TestProjectClients(t *testing.T) {
	k := newKit(t)
	root, sub := clientcerttest.Root(t, "Root"), clientcerttest.Root(t, "Sub")
	k.asking(root.PEM())
	backend, trust := k.store.View().List(tBackend)[0], k.store.View().List(tTrust)[0]
	for _, c := range []struct {
		token string
		rec   resource.Record
		in    resource.Props
	}{
		{tBackend, backend, backend.Inputs.With(resource.Props{"customRequestHeaders": []any{"X-Place: a{{{client_region}}};", "X-Empty:"}})},
		{tTrust, trust, trust.Inputs.With(resource.Props{"trustStores": []any{resource.Props{"trustAnchors": []any{resource.Props{"pemCertificate": root.PEM()}},
			"intermediateCas": []any{resource.Props{"pemCertificate": sub.PEM()}}}}})},
	} {
		if _, err := k.update(c.token, c.rec.ID, c.rec.Outputs(), c.in); err != nil {
			t.Fatal(err)
		}
	}
	native, balancer := sites(t, k.world())
	if native.Clients != nil || native.Headers != nil {
		t.Errorf("the default URL has them too: %+v, %+v", native.Clients, native.Headers)
	}
	if diff := cmp.Diff(&plane.Clients{Anchors: []string{root.PEM()}, Steps: []string{sub.PEM()}}, balancer.Clients); diff != "" {
		t.Errorf("clients (-want +got):\n%s", diff)
	}
	want := []plane.Header{{Name: "X-Place", Value: []plane.Text{{Literal: "a{"}, {Variable: "client_region"}, {Literal: "};"}}}, {Name: "X-Empty", Value: []plane.Text{}}}
	if diff := cmp.Diff(want, balancer.Headers); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

// TestUnchecked: a policy without a trust config asks for certificates and believes none; the other mode takes nothing else.
func TestUnchecked(t *testing.T) {
	k := newKit(t)
	k.asking(clientcerttest.Root(t, "Root").PEM())
	policy := k.store.View().List(tServerTLS)[0]
	turn := func(mode string, trust any) *plane.Clients {
		t.Helper()
		if _, err := k.update(tServerTLS, policy.ID, policy.Outputs(), policyInputs(mode, trust)); err != nil {
			t.Fatal(err)
		}
		_, balancer := sites(t, k.world())
		return balancer.Clients
	}
	if c := turn(gcp.ModeAllow, nil); c == nil || !c.Unchecked || c.Required || len(c.Anchors) > 0 {
		t.Errorf("without a trust config: %+v", c)
	}
	if c := turn(gcp.ModeReject, trustName); c == nil || c.Unchecked || !c.Required || len(c.Anchors) != 1 {
		t.Errorf("rejecting: %+v", c)
	}
}

// TestTeardownClients: what asks clients goes in the order of the engine, and nothing is refused.
func TestTeardownClients(t *testing.T) {
	k := newKit(t)
	k.asking(clientcerttest.Root(t, "Root").PEM())
	k.cloud().Teardown(k.store)
	if n := len(k.store.View().List(tTrust)) + len(k.store.View().List(tServerTLS)); n != 0 {
		t.Errorf("%d are left", n)
	}
}
