package gcp_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/infra/internal/record"
	"polygate.example/infra/provider"
	"polygate.example/infra/provider/gcp"
	"polygate.example/infra/settings"
	"polygate.example/shared/artefact"
	"polygate.example/shared/clientcert/clientcerttest"
	"polygate.example/shared/gateway"
)

// declareFor runs the README's example for a document that needs something of the fronts.
func declareFor(t *testing.T, front artefact.Front, change func(*settings.Settings)) *record.Recorder {
	t.Helper()
	rec, err := record.Region(gcp.Provider{}, load(t, change), t.TempDir(), config, func(args *provider.AccountArgs) { args.Front = front })
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// ofClients is what a stack has that tells of clients: what the function is to believe, what the balancers write, and by what they ask.
func ofClients(t *testing.T, rec *record.Recorder) (environment map[string]any, written []any, asked []any) {
	t.Helper()
	for _, label := range []string{"usc1", "euw1"} {
		function, _ := rec.Find("gw-" + label + "-function")
		backend, _ := rec.Find("gw-" + label + "-backend")
		proxy, ok := rec.Find("gw-" + label + "-proxy")
		if !ok {
			t.Fatalf("%s is not declared", label)
		}
		config, _ := function.Inputs["serviceConfig"].(map[string]any)
		environment, _ = config["environmentVariables"].(map[string]any)
		environment = maps.Clone(environment)
		maps.DeleteFunc(environment, func(name string, _ any) bool {
			return slices.Contains([]string{"POLYGATE_REGION", "POLYGATE_RELEASE", "POLYGATE_ARTEFACT", "POLYGATE_HOSTS", "POLYGATE_FRONT_DIGEST"}, name)
		})
		written, _ = backend.Inputs["customRequestHeaders"].([]any)
		asked = append(asked, proxy.Inputs["serverTlsPolicy"])
	}
	return environment, written, asked
}

// TestClients: the balancers tell what the document goes by, and the function believes that and no more. What balancers write is always the same:
// a client's own word must never come through, whatever the function has been told, or was told before.
func TestClients(t *testing.T) {
	always := []any{"X-Client-Cert-Present:{client_cert_present};", "X-Client-Cert-Chain-Verified:{client_cert_chain_verified}", "X-Client-Cert-Error:{client_cert_error}",
		"X-Client-Cert-Leaf:{client_cert_leaf}", "X-Client-Cert-Chain:{client_cert_chain}", "X-Polygate-Client-Region:{client_region};"}
	proxied := func(s *settings.Settings) {
		s.Manager, s.Cloudflare.Proxied, s.FrontSecret = "cloudflare", true, settings.Secret(strings.Repeat("s", 64))
	}
	some := &artefact.Certificates{Anchors: []string{"a root", "another"}, Steps: []string{"a step"}}
	for _, c := range []struct {
		name        string
		front       artefact.Front
		change      func(*settings.Settings)
		environment map[string]any
		asks        bool
	}{
		{"nothing", artefact.Front{}, nil, map[string]any{}, false},
		{"countries", artefact.Front{Country: true}, nil, map[string]any{"POLYGATE_COUNTRY": "X-Polygate-Client-Region"}, false},
		{"certificates", artefact.Front{Certificates: some}, nil, map[string]any{"POLYGATE_FRONT_CERTIFICATE": "headers"}, true},
		{"both", artefact.Front{Country: true, Certificates: some}, nil, map[string]any{"POLYGATE_COUNTRY": "X-Polygate-Client-Region", "POLYGATE_FRONT_CERTIFICATE": "headers"}, true},
		{"fingerprints alone", artefact.Front{Certificates: &artefact.Certificates{}}, nil, map[string]any{}, false},
		{"nothing, behind Cloudflare", artefact.Front{}, proxied, map[string]any{}, false},
		{"behind Cloudflare", artefact.Front{Country: true, Certificates: some}, proxied,
			map[string]any{"POLYGATE_COUNTRY": "X-Polygate-Client-Region", "POLYGATE_FRONT_COUNTRY": "CF-IPCountry"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := declareFor(t, c.front, c.change)
			environment, written, asked := ofClients(t, rec)
			if diff := cmp.Diff(c.environment, environment); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(always, written); diff != "" {
				t.Errorf("written by the balancer (-want +got):\n%s", diff)
			}
			want := []any{nil, nil}
			if c.asks {
				want = []any{"gw-clients-id", "gw-clients-id"}
			}
			if diff := cmp.Diff(want, asked); diff != "" {
				t.Errorf("policy of the proxies (-want +got):\n%s", diff)
			}
			if n := len(rec.Of("gcp:networksecurity/serverTlsPolicy:ServerTlsPolicy")) + len(rec.Of("gcp:certificatemanager/trustConfig:TrustConfig")); (n == 2) != c.asks || n%2 != 0 {
				t.Errorf("%d resources for clients' certificates", n)
			}
		})
	}
}

// TestSilent: a balancer is known by what it has been given, and one of an older release writes less. That matters where the function behind it is to
// believe more than before.
func TestSilent(t *testing.T) {
	countries := artefact.Front{Country: true}
	of := func(s settings.Settings, front artefact.Front, rec *record.Recorder, written any) string {
		var held []provider.Held
		for _, r := range rec.All() {
			if inputs := maps.Clone(r.Inputs); r.Type == "gcp:compute/backendService:BackendService" && r.Name == "gw-usc1-backend" {
				inputs["customRequestHeaders"] = written
				held = append(held, provider.Held{Type: r.Type, Name: r.Name, Inputs: inputs})
				continue
			}
			held = append(held, provider.Held{Type: r.Type, Name: r.Name, Inputs: r.Inputs})
		}
		return strings.Join(gcp.Provider{}.Spec().Silent(s, front, held), " ")
	}
	s := load(t, nil)
	elsewhere := s
	elsewhere.Regions = slices.DeleteFunc(slices.Clone(s.Regions), func(r settings.Region) bool { return r.Name == "us-central1" })
	before, after := declareFor(t, artefact.Front{}, nil), declareFor(t, countries, nil)
	backend, _ := before.Find("gw-usc1-backend")
	all, _ := backend.Inputs["customRequestHeaders"].([]any)
	if got := of(s, countries, before, all); len(all) == 0 || got != "" {
		t.Errorf("it writes %v, and %q are silent", all, got)
	}
	for i := range all {
		less := slices.Delete(slices.Clone(all), i, i+1)
		if got := of(s, countries, before, less); got != "gw-usc1-backend" {
			t.Errorf("it writes %v, and %q are silent", less, got)
		}
	}
	some := artefact.Front{Country: true, Certificates: &artefact.Certificates{Anchors: []string{"a root"}}}
	for name, c := range map[string]struct {
		settings settings.Settings
		front    artefact.Front
		deployed *record.Recorder
		want     string
	}{
		"nothing is believed":        {s, artefact.Front{}, before, ""},
		"more is believed":           {s, countries, before, "gw-usc1-backend"},
		"as much was believed":       {s, countries, after, ""},
		"more than was is believed":  {s, some, after, "gw-usc1-backend"},
		"less is believed":           {s, artefact.Front{}, after, ""},
		"the region goes":            {elsewhere, countries, before, ""},
		"fingerprints are told none": {s, artefact.Front{Certificates: &artefact.Certificates{}}, before, ""},
	} {
		if got := of(c.settings, c.front, c.deployed, nil); got != c.want {
			t.Errorf("%s: %q are silent, want %q", name, got, c.want)
		}
	}
}

// TestTrust: the policy lets everybody through to the gateway, which decides, and the trust config has the document's authorities.
func TestTrust(t *testing.T) {
	labels := map[string]any{"managed-by": "pulumi", "polygate-environment": "dev"}
	rec := declareFor(t, artefact.Front{Certificates: &artefact.Certificates{Anchors: []string{"a root", "another"}, Steps: []string{"a step"}}}, func(s *settings.Settings) { s.Protect = true })
	for name, want := range map[string]map[string]any{
		"gw-clients-trust": {"name": "polygate-dev-clients", "location": "global", "labels": labels, "description": "Who issues clients' certificates for the polygate gateway of dev",
			"trustStores": []any{map[string]any{"trustAnchors": []any{map[string]any{"pemCertificate": "a root"}, map[string]any{"pemCertificate": "another"}},
				"intermediateCas": []any{map[string]any{"pemCertificate": "a step"}}}}},
		"gw-clients": {"name": "polygate-dev-clients", "location": "global", "labels": labels, "mtlsPolicy": map[string]any{
			"clientValidationMode": "ALLOW_INVALID_OR_MISSING_CLIENT_CERT", "clientValidationTrustConfig": "projects/123456789012/locations/global/trustConfigs/polygate-dev-clients"}},
	} {
		r, ok := rec.Find(name)
		if !ok {
			t.Fatalf("%s is not declared", name)
		}
		if diff := cmp.Diff(want, r.Inputs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if r.Protect {
			t.Errorf("%s is protected: it goes with the policy of the document", name)
		}
	}
	rec = declareFor(t, artefact.Front{Certificates: &artefact.Certificates{Anchors: []string{"a root"}}}, nil)
	trust, _ := rec.Find("gw-clients-trust")
	if diff := cmp.Diff([]any{map[string]any{"trustAnchors": []any{map[string]any{"pemCertificate": "a root"}}}}, trust.Inputs["trustStores"]); diff != "" {
		t.Errorf("a root alone (-want +got):\n%s", diff)
	}
}

// TestObjections: what Google's load balancers do not go by is said before a deployment, with the reason.
func TestObjections(t *testing.T) {
	root := clientcerttest.Root(t, "Root")
	key := func(k crypto.Signer, err error) crypto.Signer {
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority := func(k crypto.Signer, changes ...clientcerttest.Change) string {
		ca := func(c *x509.Certificate) {
			c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
		}
		return root.PEM(root.With(t, "Sub", k, append([]clientcerttest.Change{ca}, changes...)...))
	}
	long := func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: []int{1, 3, 6, 1, 4, 1, 55555, 1}, Value: make([]byte, 4000)})
	}
	for name, c := range map[string]struct{ ca, reason string }{
		"P-256":            {root.PEM(), ""},
		"P-384":            {authority(key(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))), ""},
		"RSA of 2048":      {authority(key(rsa.GenerateKey(rand.Reader, 2048))), ""},
		"P-521":            {authority(key(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))), `take no authority such as "CN=Sub"`},
		"Ed25519":          {authority(ed), `take no authority such as "CN=Sub"`},
		"a long one":       {authority(key(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), long), "up to 5000 bytes in PEM"},
		"SHA-1":            {authority(key(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }), "SHA-256 or stronger"},
		"fingerprints":     {"", "tell only of certificates whose authority they are told of"},
		"reported already": {"no PEM", ""},
	} {
		o := gcp.Provider{}.Spec().Certificates(settings.Settings{}, gateway.Spec{}, gateway.ClientCertificate{CA: c.ca})
		if (o == nil) != (c.reason == "") || o != nil && (!strings.Contains(o.Reason, c.reason) || o.Remedy == "") {
			t.Errorf("%s: %+v, want %q", name, o, c.reason)
		}
	}
}
