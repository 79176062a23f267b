package handler

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/clientcert"
	"polygate.example/shared/clientcert/clientcerttest"
	"polygate.example/shared/gateway"
)

// shown is a request of a client that has shown the front certificates.
func shown(r *http.Request, all ...clientcerttest.Issued) *http.Request {
	var chain []*x509.Certificate
	for _, one := range all {
		chain = append(chain, one.Cert)
	}
	return recorded(r, clientcert.FromTLS(chain))
}

func recorded(r *http.Request, record clientcert.Record) *http.Request {
	return r.WithContext(WithFront(r.Context(), Front{Proto: "https", Certificate: record}))
}

func sumOf(one clientcerttest.Issued) string { return fmt.Sprintf("%x", sha256.Sum256(one.Cert.Raw)) }

func spiffe(path string) clientcerttest.Change {
	return func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "spiffe", Host: "example.org", Path: path}} }
}

func certificateNow() time.Time { return clientcerttest.Now }

// codeOf is a problem's code, "" for another answer.
func codeOf(t testing.TB, resp *http.Response) string {
	t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(body(t, resp)), &p); err != nil {
		return ""
	}
	return p.Code
}

func TestClientCertificate(t *testing.T) {
	t.Parallel()
	root, other := clientcerttest.Root(t, "Root"), clientcerttest.Root(t, "Root")
	partner := gateway.ClientCertificate{CA: root.PEM(), SANs: gateway.SANs{URI: []string{"spiffe://example.org/partner/*"}}, Consumer: "uri", ForwardAs: forwarded}
	acme := root.Client(t, "acme", spiffe("/partner/acme"))
	byCN := gateway.ClientCertificate{CA: root.PEM(), Subjects: []string{"partner-*", "exactly this"}, Consumer: "cn", ForwardAs: forwarded}
	optional := partner
	optional.Optional = true
	held := partner
	held.Holders = []gateway.CertificateHolder{{Name: "spiffe://example.org/partner/acme", Holder: gateway.Holder{Consumer: "acme", Plan: "gold"}},
		{Name: "spiffe://example.org/partner/old", Holder: gateway.Holder{Expires: "2026-11-30T00:00:00Z"}}}
	named := gateway.ClientCertificate{CA: root.PEM(), Consumer: "cn", ForwardAs: forwarded, Holders: []gateway.CertificateHolder{{Name: "c-17", Holder: gateway.Holder{Consumer: "acme", Plan: "gold"}}}}
	serial := gateway.ClientCertificate{CA: root.PEM(), Consumer: "serial", ForwardAs: forwarded}
	revoked := partner
	revoked.Revoked = gateway.Revoked{Serials: []string{"00" + strings.ToUpper(acme.Cert.SerialNumber.Text(16))}}
	for _, c := range []struct {
		name     string
		policy   gateway.ClientCertificate
		request  *http.Request
		status   int
		code     string
		consumer string
		plan     string
	}{
		{"right", partner, shown(get("/"), acme), 200, "", "spiffe://example.org/partner/acme", ""},
		{"right, of a holder", held, shown(get("/"), acme), 200, "", "acme", "gold"},
		{"right, of no holder", held, shown(get("/"), root.Client(t, "x", spiffe("/partner/x"))), 200, "", "spiffe://example.org/partner/x", ""},
		{"of a holder whose time is over", held, shown(get("/"), root.Client(t, "x", spiffe("/partner/old"))), 403, codeCertificateNotAllowed, "", ""},
		{"of no holder, by the name that one is given", named, shown(get("/"), root.Client(t, "acme")), 403, codeCertificateNotAllowed, "", ""},
		{"of the holder who is given the name", named, shown(get("/"), root.Client(t, "c-17")), 200, "", "acme", "gold"},
		{"by common name", byCN, shown(get("/"), root.Client(t, "partner-7")), 200, "", "partner-7", ""},
		{"by serial", serial, shown(get("/"), acme), 200, "", acme.Cert.SerialNumber.Text(16), ""},
		{"none", partner, get("/"), 401, codeCertificateMissing, "", ""},
		{"none, optional", optional, get("/"), 200, "", "", ""},
		{"wrong, optional", optional, shown(get("/"), clientcerttest.Alone(t, "acme", spiffe("/partner/acme"))), 401, codeCertificateInvalid, "", ""},
		{"not allowed, optional", optional, shown(get("/"), root.Client(t, "x")), 403, codeCertificateNotAllowed, "", ""},
		{"unreadable, optional", optional, recorded(get("/"), clientcert.Flawed("is one of several")), 401, codeCertificateInvalid, "", ""},
		{"revoked", revoked, shown(get("/"), acme), 401, codeCertificateInvalid, "", ""},
		{"of another authority of the same name", partner, shown(get("/"), other.Client(t, "acme", spiffe("/partner/acme")), other), 401, codeCertificateInvalid, "", ""},
		{"common name where a URI is asked for", partner, shown(get("/"), root.Client(t, "spiffe://example.org/partner/acme")), 403, codeCertificateNotAllowed, "", ""},
		{"URI where a common name is asked for", byCN, shown(get("/"), root.Client(t, "x", spiffe("/partner-7"))), 403, codeCertificateNotAllowed, "", ""},
		{"wildcard over two segments", partner, shown(get("/"), root.Client(t, "x", spiffe("/partner/a/b"))), 403, codeCertificateNotAllowed, "", ""},
		{"wildcard over none", partner, shown(get("/"), root.Client(t, "x", spiffe("/partner/"))), 403, codeCertificateNotAllowed, "", ""},
		{"wildcard over the way up", partner, shown(get("/"), root.Client(t, "x", spiffe("/partner/.."))), 403, codeCertificateNotAllowed, "", ""},
		{"one right URI of two", partner, shown(get("/"), root.Client(t, "x", func(c *x509.Certificate) {
			c.URIs = []*url.URL{{Scheme: "spiffe", Host: "example.org", Path: "/partner/a"}, {Scheme: "spiffe", Host: "example.org", Path: "/admin"}}
		})), 403, codeCertificateNotAllowed, "", ""},
		{"common name with a line break", byCN, shown(get("/"), root.Client(t, "partner-a\r\nX-Plan: gold")), 403, codeCertificateNotAllowed, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := &logBuffer{}
			h, got := keyed(t, gateway.Policy{ClientCertificate: &c.policy}, Options{Now: certificateNow, Logger: log.logger()})
			c.request.Header.Set("X-Consumer", "root")
			c.request.Header.Set("X_Plan", "gold")
			resp := ask(h, c.request)
			if code := codeOf(t, resp); resp.StatusCode != c.status || code != c.code {
				t.Fatalf("status %d with code %q, want %d, %q", resp.StatusCode, code, c.status, c.code)
			}
			if lines := log.lines(t, "denied"); len(lines) != map[bool]int{true: 1}[c.status != 200] {
				t.Errorf("%d lines of denials", len(lines))
			} else if c.status == 401 && (resp.Header.Get("Www-Authenticate") != `ClientCertificate realm="who"`) {
				t.Errorf("challenge %q", resp.Header.Get("Www-Authenticate"))
			}
			if c.status != 200 {
				if *got != nil {
					t.Error("it went upstream")
				}
				return
			}
			if who, plan := (*got).header.Get("X-Consumer"), (*got).header.Get("X-Plan"); who != c.consumer || plan != c.plan || (*got).header["X_plan"] != nil {
				t.Errorf("consumer %q with plan %q, want %q, %q", who, plan, c.consumer, c.plan)
			}
		})
	}
}

// What fronts of other clouds write into headers is a client's word here: it gives nobody a name, does not make up for a certificate that is not there, and
// does not go upstream, whoever called.
func TestClientCertificateSpoofed(t *testing.T) {
	t.Parallel()
	root := clientcerttest.Root(t, "Root")
	acme := root.Client(t, "acme")
	b64, field, pem := strings.Trim(clientcert.Field(acme.Cert.Raw), ":"), clientcert.Field(acme.Cert.Raw), url.QueryEscape(acme.PEM())
	headers := []string{"Client-Cert: " + field, "Client-Cert-Chain: " + field, "Client_Cert: " + field, "X-ARR-ClientCert: " + b64, "X_ARR_ClientCert: " + b64,
		"X-Client-Cert-Present: true", "X-Client-Cert-Chain-Verified: true", "X-Client-Cert-Leaf: " + field, "X-Client-Cert-Hash: x", "X-Client-Cert-SPIFFE: spiffe://example.org/a",
		"Cf-Client-Cert-Der-Base64: " + b64, "Cf-Client-Cert-Sha256: x", "X-Forwarded-Client-Cert: Hash=x", "X-Amzn-Mtls-Clientcert: " + pem, "X-Amzn-Mtls-Clientcert-Leaf: " + pem,
		"CloudFront-Viewer-Cert-Pem: " + pem, "SSL-Client-Cert: " + pem, "X-SSL-Client-Cert: " + pem, "X-SSL-Client-Verify: SUCCESS", "X-SSL-CERT: " + pem}
	ca := gateway.ClientCertificate{CA: root.PEM(), Consumer: "cn"}
	h, _ := keyed(t, gateway.Policy{ClientCertificate: &ca}, Options{Now: certificateNow})
	if resp := ask(h, with("/", headers...)); resp.StatusCode != 401 || codeOf(t, resp) != codeCertificateMissing {
		t.Errorf("status %d by headers alone", resp.StatusCode)
	}
	optional := ca
	optional.Optional, optional.ForwardAs = true, forwarded
	for name, r := range map[string]*http.Request{"nobody": with("/", headers...), "another": shown(with("/", headers...), root.Client(t, "bob"))} {
		h, got := keyed(t, gateway.Policy{ClientCertificate: &optional}, Options{Now: certificateNow})
		if resp := ask(h, r); resp.StatusCode != 200 {
			t.Fatalf("%s: status %d", name, resp.StatusCode)
		}
		if who := (*got).header.Get("X-Consumer"); who != map[string]string{"another": "bob"}[name] {
			t.Errorf("%s is %q", name, who)
		}
		for _, line := range headers {
			sent, _, _ := strings.Cut(line, ": ")
			if v, there := (*got).header[http.CanonicalHeaderKey(sent)]; there {
				t.Errorf("%s: the upstream got %s: %.20q", name, sent, v)
			}
		}
	}
}

// A certificate on the connection of a front that has shown its secret is that front's, and not the client's.
func TestClientCertificateOfTheFront(t *testing.T) {
	t.Parallel()
	root := clientcerttest.Root(t, "Root")
	sum := sha256.Sum256([]byte("the secret of the front"))
	h, _ := keyed(t, gateway.Policy{ClientCertificate: &gateway.ClientCertificate{CA: root.PEM(), Consumer: "cn"}},
		Options{Now: certificateNow, Admission: Admission{Digests: [][]byte{sum[:]}, Open: true}})
	own := root.Client(t, "cdn")
	if resp := ask(h, shown(get("/"), own)); resp.StatusCode != 200 {
		t.Errorf("a client that comes by itself: %d", resp.StatusCode)
	}
	if resp := ask(h, shown(with("/", HeaderFront+": the secret of the front"), own)); resp.StatusCode != 401 || codeOf(t, resp) != codeCertificateMissing {
		t.Errorf("through the front: %d", resp.StatusCode)
	}
}

// The log has the fingerprint and the subject, cut, and no certificate; the answer has neither.
func TestClientCertificateAudit(t *testing.T) {
	t.Parallel()
	root := clientcerttest.Root(t, "Root")
	long := strings.Repeat("s", 500)
	for _, one := range []clientcerttest.Issued{clientcerttest.Alone(t, "mallory\n"+long), root.Client(t, "mallory\n"+long)} {
		log := &logBuffer{}
		h, _ := keyed(t, gateway.Policy{ClientCertificate: &gateway.ClientCertificate{CA: root.PEM(), Subjects: []string{"bob"}, Consumer: "cn"}}, Options{Now: certificateNow, Logger: log.logger()})
		resp := ask(h, shown(get("/"), one))
		lines := log.lines(t, "denied")
		if len(lines) != 1 {
			t.Fatalf("%d lines", len(lines))
		}
		why := lines[0]["why"].(string)
		if !strings.Contains(why, sumOf(one)) || !strings.Contains(why, "mallory") || len(why) > 350 || strings.Contains(log.b.String(), "BEGIN") {
			t.Errorf("the log says %s", why)
		}
		if text := body(t, resp); strings.Contains(text, "mallory") || strings.Contains(text, sumOf(one)) {
			t.Errorf("the answer is %s", text)
		}
	}
}

func TestClientCertificateForward(t *testing.T) {
	t.Parallel()
	root := clientcerttest.Root(t, "Root")
	one := root.Client(t, "müller, 100%", func(c *x509.Certificate) {
		c.DNSNames, c.URIs = []string{"a.example", "b.example"}, []*url.URL{{Scheme: "urn", Opaque: "a,b"}}
	})
	policy := gateway.ClientCertificate{CA: root.PEM(), Consumer: "fingerprint", Optional: true, Forward: map[string]string{"client-cert": "certificate", "X-Subject": "cn", "X-Names": "dns",
		"X-Uri": "uri", "X-Mail": "email", "X-Issuer": "issuer", "X-Serial": "serial", "X-Fp": "fingerprint"}}
	h, got := keyed(t, gateway.Policy{ClientCertificate: &policy}, Options{Now: certificateNow})
	spoof := func() *http.Request {
		r := with("/", "Client-Cert: :AAAA:", "X-Mail: root@example.com", "X_Subject: root", "Connection: client-cert, x-subject")
		r.Trailer = http.Header{"X-Subject": {"root"}}
		return r
	}
	if resp := ask(h, shown(spoof(), one)); resp.StatusCode != 200 {
		t.Fatalf("status %d", resp.StatusCode)
	}
	for name, want := range map[string]string{"Client-Cert": clientcert.Field(one.Cert.Raw), "X-Subject": "m%C3%BCller, 100%25", "X-Names": "a.example, b.example", "X-Uri": "urn:a,b", "X-Mail": "",
		"X-Issuer": "CN=Root", "X-Serial": one.Cert.SerialNumber.Text(16), "X-Fp": sumOf(one)} {
		if v := strings.Join((*got).header[name], "|"); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	if (*got).header["X_subject"] != nil || (*got).trailer != nil {
		t.Errorf("a client's own went upstream: %v, %v", (*got).header, (*got).trailer)
	}
	if resp := ask(h, spoof()); resp.StatusCode != 200 || (*got).header["Client-Cert"] != nil || (*got).header["X-Mail"] != nil || (*got).header["X_subject"] != nil || (*got).trailer != nil {
		t.Errorf("of nobody, the upstream was told %v", (*got).header)
	}
}

func TestHeaderOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []string
		want   string
	}{{nil, ""}, {[]string{"a b"}, "a b"}, {[]string{" a "}, "%20a%20"}, {[]string{"a,b"}, "a,b"}, {[]string{"a,b", "c"}, "a%2Cb, c"}, {[]string{"a\r\nb"}, "a%0D%0Ab"}, {[]string{"ä%"}, "%C3%A4%25"}} {
		if got := headerOf(c.values); got != c.want || !gateway.IsFieldValue(got) {
			t.Errorf("%q is %q, want %q", c.values, got, c.want)
		}
	}
}

// A server that ends TLS itself needs no front: what counts is the connection.
func TestClientCertificateOfAConnection(t *testing.T) {
	t.Parallel()
	root := clientcerttest.Root(t, "Root", func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(50, 0, 0) })
	sub := root.Sub(t, "Sub")
	one := sub.Client(t, "ada")
	for name, c := range map[string]struct {
		chain  [][]byte
		key    clientcerttest.Issued
		status int
	}{"with its chain": {[][]byte{one.Cert.Raw, sub.Cert.Raw}, one, 200}, "without": {[][]byte{one.Cert.Raw}, one, 401}, "none": {nil, one, 401}} {
		policy := gateway.ClientCertificate{CA: root.PEM(), Consumer: "cn"}
		h := newHandler(t, withPolicies(t, map[string]gateway.Policy{"who": {ClientCertificate: &policy}}, "who"), Options{Now: certificateNow})
		s := httptest.NewUnstartedServer(h)
		s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
		s.StartTLS()
		t.Cleanup(s.Close)
		transport := s.Client().Transport.(*http.Transport).Clone()
		if c.chain != nil {
			transport.TLSClientConfig.Certificates = []tls.Certificate{{Certificate: c.chain, PrivateKey: c.key.Key}}
		}
		t.Cleanup(transport.CloseIdleConnections)
		req, err := http.NewRequestWithContext(patience(t), http.MethodGet, s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: transport}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", name, resp.StatusCode, c.status)
		}
	}
}

func TestFrontWritesCertificate(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"": "false <nil>", "headers": "true <nil>", "true": `false POLYGATE_FRONT_CERTIFICATE is "true": want headers, or nothing where the front asks clients for no certificate`} {
		got, err := FrontWritesCertificate(func(name string) string { return map[string]string{"POLYGATE_FRONT_CERTIFICATE": value}[name] })
		if text := fmt.Sprint(got, " ", err); text != want {
			t.Errorf("%q: %s", value, text)
		}
	}
}
