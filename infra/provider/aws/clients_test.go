package aws_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"polygate.example/infra/internal/record"
	"polygate.example/infra/provider"
	"polygate.example/infra/provider/aws"
	"polygate.example/infra/settings"
	"polygate.example/shared/artefact"
	"polygate.example/shared/clientcert/clientcerttest"
	"polygate.example/shared/gateway"
)

// declareFor runs the README's example for clients with certificates.
func declareFor(t *testing.T, clients *artefact.Certificates, change func(*settings.Settings)) *record.Recorder {
	t.Helper()
	dir := t.TempDir()
	s := example(t, dir)
	change(&s)
	rec, err := record.Region(aws.Provider{}, s, dir, nil, func(a *provider.AccountArgs) { a.Front.Certificates = clients })
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

var asking = &artefact.Certificates{Anchors: []string{"one\n", "two\n"}, Steps: []string{"three\n"}, Required: true}

// TestTrust: the shared name of each region asks for certificates of the authorities that its own bucket has, and nothing else does.
func TestTrust(t *testing.T) {
	tags := map[string]any{"managed-by": "pulumi", "polygate-environment": "dev", "polygate-region": "us-east-1"}
	const bucket = "polygate-dev-trust-use1-37e6a88e"
	rec := declareFor(t, asking, func(*settings.Settings) {})
	domain := map[string]any{"certificateArn": "arn:test:gw-use1-certificate", "endpointType": "REGIONAL", "securityPolicy": "TLS_1_2"}
	for name, want := range map[string]map[string]any{
		"gw-use1-shared-domain": {
			"domainName": "api.example.com", "region": "us-east-1", "tags": tags, "domainNameConfiguration": domain,
			"mutualTlsAuthentication": map[string]any{"truststoreUri": "s3://" + bucket + "/clients.pem", "truststoreVersion": "version of gw-use1-trust-clients"},
		},
		"gw-use1-own-domain": {"domainName": "use1.aws.api.example.com", "region": "us-east-1", "tags": tags, "domainNameConfiguration": domain},
		"gw-use1-trust":      {"bucket": bucket, "forceDestroy": true, "region": "us-east-1", "tags": tags},
		"gw-use1-trust-private": {
			"bucket": bucket, "region": "us-east-1", "blockPublicAcls": true, "blockPublicPolicy": true, "ignorePublicAcls": true, "restrictPublicBuckets": true,
		},
		"gw-use1-trust-versions": {"bucket": bucket, "region": "us-east-1", "versioningConfiguration": map[string]any{"status": "Enabled"}},
		"gw-use1-trust-clients": {
			"bucket": bucket, "key": "clients.pem", "region": "us-east-1", "content": "one\ntwo\nthree\n", "contentType": "application/x-pem-file", "tags": tags,
		},
	} {
		r, ok := rec.Find(name)
		if !ok {
			t.Errorf("%s is not declared", name)
			continue
		}
		if diff := cmp.Diff(want, r.Inputs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if strings.Contains(name, "-trust") && r.Protect {
			t.Errorf("%s is protected, and goes with the policy", name)
		}
	}
	policy, _ := rec.Find("gw-use1-trust-policy")
	if text, _ := policy.Inputs["policy"].(string); !strings.Contains(text, `"aws:SecureTransport":"false"`) || !strings.Contains(text, "arn:aws:s3:::"+bucket+"/*") {
		t.Errorf("the policy of the bucket is %v", policy.Inputs["policy"])
	}
	object, _ := rec.Find("gw-use1-trust-clients")
	if !after(object, "gw-use1-trust-versions") {
		t.Errorf("the object waits for %v: want versioning, or it has no version", object.DependsOn)
	}
	for _, r := range rec.Of("aws:apigatewayv2/domainName:DomainName") {
		if asks := r.Inputs["mutualTlsAuthentication"] != nil; asks != strings.HasSuffix(r.Name, "-shared-domain") {
			t.Errorf("%s asks for certificates: %t", r.Name, asks)
		}
	}
}

func after(r record.Resource, name string) bool {
	return slices.ContainsFunc(r.DependsOn, func(urn string) bool { return strings.HasSuffix(urn, "::"+name) })
}

// TestTrustOnlyWhereAsked: without certificates of clients nothing is as it would be with them.
func TestTrustOnlyWhereAsked(t *testing.T) {
	plain := declare(t).All()
	for name, c := range map[string]struct {
		clients *artefact.Certificates
		change  func(*settings.Settings)
	}{
		"on some routes":    {&artefact.Certificates{Anchors: asking.Anchors}, func(*settings.Settings) {}},
		"of no authority":   {&artefact.Certificates{Required: true}, func(*settings.Settings) {}},
		"behind Cloudflare": {asking, func(s *settings.Settings) { s.Manager, s.Cloudflare.Proxied = "cloudflare", true }},
	} {
		if diff := cmp.Diff(plain, declareFor(t, c.clients, c.change).All(), cmpopts.IgnoreUnexported(record.Resource{})); diff != "" {
			t.Errorf("%s (-plain +got):\n%s", name, diff)
		}
	}
}

// TestClientsAreAskedWhileTheirCertificatesCount: who has a certificate is refused at no moment, when they begin to count and when they cease to.
func TestClientsAreAskedWhileTheirCertificatesCount(t *testing.T) {
	order := func(rec *record.Recorder) (aliasAfter, nameAfter bool) {
		alias, _ := rec.Find("gw-use1-alias")
		name, _ := rec.Find("gw-use1-shared-domain")
		return after(alias, "gw-use1-shared-domain"), after(name, "gw-use1-alias")
	}
	if a, n := order(declareFor(t, asking, func(*settings.Settings) {})); !a || n {
		t.Errorf("with certificates the function is after the name: %t, and the name after the function: %t", a, n)
	}
	if a, n := order(declare(t)); a || !n {
		t.Errorf("without certificates the function is after the name: %t, and the name after the function: %t", a, n)
	}
}

// TestCertificates: API Gateway asks everybody or nobody, and for certificates of authorities that it takes.
func TestCertificates(t *testing.T) {
	root := clientcerttest.Root(t, "Root")
	chain := []clientcerttest.Issued{root}
	for range 4 {
		chain = append(chain, chain[len(chain)-1].Sub(t, "Sub"))
	}
	who := func(ca string) gateway.Policy {
		return gateway.Policy{ClientCertificate: &gateway.ClientCertificate{CA: ca}}
	}
	policies := map[string]gateway.Policy{
		"who": who(root.PEM()), "maybe": {ClientCertificate: &gateway.ClientCertificate{CA: root.PEM(), Optional: true}},
		"pinned": {ClientCertificate: &gateway.ClientCertificate{Fingerprints: []string{strings.Repeat("ab", 32)}}},
		"four":   who(chain[3].PEM(chain[:3]...)), "five": who(chain[4].PEM(chain[:4]...)), "alone": who(chain[1].PEM()),
		"ed25519": who(weird(t, func() (crypto.Signer, error) { return edKey(t), nil })),
		"p224":    who(weird(t, func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P224(), rand.Reader) })),
		"crossed": who(root.PEM(root.With(t, "Crossed", edKey(t), func(c *x509.Certificate) {
			c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
		}))),
		"garbage": who("x"), "ip": {IP: &gateway.IP{}},
	}
	for _, c := range []struct {
		policy string
		routes [][]string
		want   string // the beginning of the reason
	}{
		{"who", [][]string{{"ip", "who"}, {"four"}, {"maybe", "who"}}, ""},
		{"who", [][]string{{"who"}, nil}, `API Gateway asks everybody who calls api.example.com for one, or nobody, and here nobody, as the route "r1" may be called without`},
		{"who", [][]string{{"who"}, {"maybe"}}, `API Gateway asks everybody who calls api.example.com for one, or nobody, and here nobody, as the route "r1" may be called without`},
		{"maybe", [][]string{{"maybe"}}, `API Gateway asks everybody who calls api.example.com for one, or nobody, and here nobody, as the route "r0" may be called without`},
		{"maybe", [][]string{{"maybe", "who"}}, ""},
		{"pinned", [][]string{{"pinned"}}, "API Gateway takes certificates of those authorities alone that it is told, and the policy names none"},
		{"four", [][]string{{"four"}}, ""},
		{"alone", [][]string{{"alone"}}, ""},
		{"five", [][]string{{"five"}}, `API Gateway takes chains of 4 authorities, and the one of "CN=Sub" has 5`},
		{"ed25519", [][]string{{"ed25519"}}, `API Gateway does not take the authority "CN=Weird", signed by Ed25519`},
		{"crossed", [][]string{{"crossed"}}, `API Gateway does not take the authority "CN=Crossed", signed by ECDSA-SHA256 and with a key of Ed25519`},
		{"p224", [][]string{{"p224"}}, `API Gateway does not take the authority "CN=Weird", signed by ECDSA-SHA256`},
		{"garbage", [][]string{{"garbage"}}, ""}, // reported already
	} {
		doc := gateway.Spec{Policies: policies}
		for i, names := range c.routes {
			doc.Routes = append(doc.Routes, gateway.Route{Name: fmt.Sprintf("r%d", i), Policies: names})
		}
		got := (aws.Provider{}).Spec().Certificates(settings.Settings{Hostname: "api.example.com"}, doc, *policies[c.policy].ClientCertificate)
		switch {
		case got == nil && c.want == "":
		case got == nil:
			t.Errorf("%s of %v: nothing, want %q", c.policy, c.routes, c.want)
		case c.want == "" || !strings.HasPrefix(got.Reason, c.want) || got.Remedy == "":
			t.Errorf("%s of %v: %+v, want %q", c.policy, c.routes, got, c.want)
		}
	}
}

func edKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// weird is an authority with a key of a kind that clientcerttest does not have.
func weird(t *testing.T, generate func() (crypto.Signer, error)) string {
	t.Helper()
	key, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Weird"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: clientcerttest.Now, NotAfter: clientcerttest.Now.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// BenchmarkDocumentRule holds a document against the provider whose every route goes by certificates. What it takes is not to grow with the square of
// the routes.
func BenchmarkDocumentRule(b *testing.B) {
	root := clientcerttest.Root(b, "Root")
	for _, n := range []int{100, 1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			doc := gateway.Spec{Everywhere: []string{"who"}, Policies: map[string]gateway.Policy{"who": {ClientCertificate: &gateway.ClientCertificate{CA: root.Sub(b, "Sub").PEM(root)}}}}
			for i := range n {
				doc.Routes = append(doc.Routes, gateway.Route{Name: fmt.Sprint("r", i), Match: gateway.Match{Path: fmt.Sprint("/", i)}})
			}
			rule := provider.DocumentRule([]provider.Spec{(aws.Provider{}).Spec()}, settings.Settings{Regions: []settings.Region{{Provider: "aws", Name: "us-east-1"}}})
			b.ReportAllocs()
			for b.Loop() {
				if found := rule(doc); len(found) > 0 {
					b.Fatal(found)
				}
			}
		})
	}
}
