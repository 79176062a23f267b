package front

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/clientcert"
	"polygate.example/shared/clientcert/clientcerttest"
	"polygate.example/tools/internal/localcloud/place"
	"polygate.example/tools/internal/localcloud/plane"
)

// now has a certificate be valid today: those of the test package are of a day of their own.
func now(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
}

// told are the headers that the stacks have a balancer write.
func told() []plane.Header {
	var out []plane.Header
	for name, variable := range map[string]string{
		"X-Client-Cert-Present": "client_cert_present", "X-Client-Cert-Chain-Verified": "client_cert_chain_verified", "X-Client-Cert-Error": "client_cert_error",
		"X-Client-Cert-Leaf": "client_cert_leaf", "X-Client-Cert-Chain": "client_cert_chain", "X-Hash": "client_cert_sha256_fingerprint",
	} {
		out = append(out, plane.Header{Name: name, Value: []plane.Text{{Variable: variable}}})
	}
	return append(out, plane.Header{Name: "x-place", Value: []plane.Text{{Literal: "from "}, {Variable: "client_region"}, {Literal: ";"}}})
}

// shows is a client at a place that shows certificates, whatever the front names.
func shows(t *testing.T, s plane.Site, from place.Place, key crypto.Signer, chain ...clientcerttest.Issued) *http.Client {
	t.Helper()
	c := client(t, s.Listen)
	tr, _ := c.Transport.(*http.Transport)
	tr.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from.Source().AsSlice()}}
		return d.DialContext(ctx, network, s.Listen.String())
	}
	if len(chain) > 0 {
		pair := tls.Certificate{PrivateKey: key}
		for _, i := range chain {
			pair.Certificate = append(pair.Certificate, i.Cert.Raw)
		}
		tr.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return c
}

// TestClientCertificates: the balancer tells of a certificate what it has found out, over what the client says, and of none but a valid one what is in it.
// Sources: "Create custom headers in backend services", Mutual TLS custom headers; "External Application Load Balancer logging", statusDetails.
func TestClientCertificates(t *testing.T) {
	root := clientcerttest.Root(t, "Root", now)
	sub, other := root.Sub(t, "Sub", now), clientcerttest.Root(t, "Root", now)
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
	eku := func(uses ...x509.ExtKeyUsage) clientcerttest.Change {
		return func(c *x509.Certificate) { c.ExtKeyUsage = uses }
	}
	long := func(size int) clientcerttest.Change {
		return func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: []int{1, 3, 6, 1, 4, 1, 55555, 1}, Value: make([]byte, size)})
		}
	}
	of := func(c ...clientcerttest.Issued) []clientcerttest.Issued { return c }
	longSub := root.Sub(t, "Long", now, long(16<<10))
	frankfurt, _ := place.Client("FRA")
	for _, c := range []struct {
		name      string
		shown     []clientcerttest.Issued
		unchecked bool
		failure   string
		steps     string
	}{
		{"none", nil, false, "client_cert_not_provided", ""},
		{"the root's", of(root.Client(t, "acme", now)), false, "", ""},
		{"with its chain", of(sub.Client(t, "acme", now), sub), false, "", ""},
		{"without its chain", of(sub.Client(t, "acme", now)), false, "client_cert_validation_failed", ""},
		{"without its chain, which the trust config has", of(sub.Client(t, "acme", now)), false, "", sub.PEM()},
		{"of another root of the name", of(other.Client(t, "acme", now)), false, "client_cert_validation_failed", ""},
		{"of before", of(root.Client(t, "acme", func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
		})), false, "client_cert_validation_failed", ""},
		{"for servers", of(root.Client(t, "acme", now, eku(x509.ExtKeyUsageServerAuth))), false, "client_cert_chain_invalid_eku", ""},
		{"for nothing in particular", of(root.Client(t, "acme", now, eku())), false, "client_cert_chain_invalid_eku", ""},
		{"by an authority for servers", of(root.Sub(t, "S", now, eku(x509.ExtKeyUsageServerAuth)).Client(t, "acme", now)), false, "client_cert_validation_failed", ""},
		{"on P-521", of(root.With(t, "acme", key(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)), now)), false, "client_cert_unsupported_elliptic_curve_key", ""},
		{"by Ed25519", of(root.With(t, "acme", ed, now)), false, "client_cert_unsupported_key_algorithm", ""},
		{"of a short RSA key", of(root.With(t, "acme", key(rsa.GenerateKey(rand.Reader, 1024)), now)), false, "client_cert_invalid_rsa_key_size", ""},
		{"of an RSA key", of(root.With(t, "acme", key(rsa.GenerateKey(rand.Reader, 2048)), now)), false, "", ""},
		{"with a long chain", append(of(root.Client(t, "acme", now)), slices.Repeat(of(sub), 11)...), false, "client_cert_chain_exceeded_limit", ""},
		{"that is large", of(root.Client(t, "acme", now, long(17<<10))), false, "client_cert_validated_leaf_exceeded_size_limit", ""},
		{"whose chain is large", of(longSub.Client(t, "acme", now), longSub), false, "client_cert_validated_chain_exceeded_size_limit", ""},
		{"that nobody is asked about", of(root.Client(t, "acme", now)), true, "client_cert_validation_not_performed", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s seen
			one := siteOf(t, plane.GoogleALB, freePort(t))
			one.Headers, one.Clients = told(), &plane.Clients{Anchors: []string{root.PEM()}, Unchecked: c.unchecked}
			if c.steps != "" {
				one.Clients.Steps = []string{c.steps}
			}
			serve(t, Options{Runtimes: functions{runID: {HTTP: &s}}}, one)
			var k crypto.Signer
			if len(c.shown) > 0 {
				k = c.shown[0].Key
			}
			forged := http.Header{"X-Client-Cert-Present": {"true"}, "X-Client-Cert-Chain-Verified": {"true"}, "X-Client-Cert-Error": {""}, "X-Client-Cert-Leaf": {"forged", "twice"}, "X-Client-Cert-Chain": {"forged"}, "X-Place": {"from US;"}}
			request(t, shows(t, one, frankfurt, k, c.shown...), http.MethodGet, "/", forged, nil)
			valid := c.failure == "" || strings.HasPrefix(c.failure, "client_cert_validated_")
			want := map[string]string{"X-Client-Cert-Present": yes(len(c.shown) > 0), "X-Client-Cert-Chain-Verified": "false", "X-Client-Cert-Error": c.failure, "X-Client-Cert-Leaf": "", "X-Client-Cert-Chain": "", "X-Place": "from DE;"}
			if valid && c.failure != "client_cert_validated_leaf_exceeded_size_limit" {
				want["X-Client-Cert-Leaf"] = clientcert.Field(c.shown[0].Cert.Raw)
			}
			if c.failure == "" && len(c.shown) > 1 {
				want["X-Client-Cert-Chain"] = clientcert.Field(c.shown[1].Cert.Raw)
			}
			// What was too large was valid all the same; that is told by the word alone.
			want["X-Client-Cert-Chain-Verified"] = yes(valid)
			for field, value := range want {
				if got := s.request.Header.Values(field); len(got) != 1 || got[0] != value {
					t.Errorf("%s is %q, want %q", field, got, value)
				}
			}
			if got := s.request.Header.Get("X-Hash"); (got == "") == (len(c.shown) > 0) {
				t.Errorf("the fingerprint is %q", got)
			}
		})
	}
}

func yes(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// TestRejectInvalid: in the other mode who shows none, or a wrong one, gets no connection.
func TestRejectInvalid(t *testing.T) {
	root := clientcerttest.Root(t, "Root", now)
	one := siteOf(t, plane.GoogleALB, freePort(t))
	one.Clients = &plane.Clients{Required: true, Anchors: []string{root.PEM()}}
	var s seen
	serve(t, Options{Runtimes: functions{runID: {HTTP: &s}}}, one)
	frankfurt, _ := place.Client("FRA")
	good, wrong := root.Client(t, "acme", now), clientcerttest.Root(t, "Root", now).Client(t, "acme", now)
	for name, c := range map[string]*http.Client{"none": shows(t, one, frankfurt, nil), "wrong": shows(t, one, frankfurt, wrong.Key, wrong)} {
		if resp, err := c.Get("https://" + one.Hosts[0].Name + "/"); err == nil {
			resp.Body.Close()
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
	if resp, _ := request(t, shows(t, one, frankfurt, good.Key, good), http.MethodGet, "/", nil, nil); resp.StatusCode != http.StatusOK {
		t.Errorf("a good one: %s", resp.Status)
	}
}

// TestWithoutPolicy: a balancer without a policy asks for none and knows none, and writes over what the client says all the same. What leads around
// the balancer passes it on as it is.
func TestWithoutPolicy(t *testing.T) {
	frankfurt, _ := place.Client("FRA")
	root := clientcerttest.Root(t, "Root", now)
	acme := root.Client(t, "acme", now)
	for _, front := range []plane.Front{plane.GoogleALB, plane.RunApp} {
		var s seen
		one := siteOf(t, front, freePort(t))
		if front == plane.GoogleALB {
			one.Headers = told()
		}
		serve(t, Options{Runtimes: functions{runID: {HTTP: &s}}}, one)
		request(t, shows(t, one, frankfurt, acme.Key, acme), http.MethodGet, "/", http.Header{"X-Client-Cert-Present": {"true"}, "X-Place": {"from US;"}}, nil)
		present, from := "", "from DE;"
		if front == plane.RunApp {
			present, from = "true", "from US;"
		}
		if got := s.request.Header; got.Get("X-Client-Cert-Present") != present || got.Get("X-Place") != from {
			t.Errorf("%s: %q, %q, want %q, %q", front, got.Get("X-Client-Cert-Present"), got.Get("X-Place"), present, from)
		}
	}
}

// TestBadAuthority: what is no certificate leaves the site out, and says so.
func TestBadAuthority(t *testing.T) {
	one := siteOf(t, plane.GoogleALB, freePort(t))
	one.Clients = &plane.Clients{Anchors: []string{"no PEM"}}
	f := New(Options{Runtimes: hello})
	defer f.Close()
	if err := f.Apply([]plane.Site{one}); err == nil || !strings.Contains(err.Error(), "an authority of clients' certificates") {
		t.Errorf("%v", err)
	}
}
