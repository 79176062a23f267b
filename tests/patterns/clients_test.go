package patterns

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polygate.example/tests/harness"
	"polygate.example/tests/harness/harnesstest"
)

// guarded is a document whose routes each have one policy, after those that are given.
func guarded(origin string, policies ...string) string {
	var doc, routes strings.Builder
	doc.WriteString("version: 1\n")
	if len(policies) > 0 {
		doc.WriteString("policies:\n")
	}
	for _, p := range policies {
		fmt.Fprintf(&doc, "  %s\n", p)
		name, _, _ := strings.Cut(p, ":")
		fmt.Fprintf(&routes, "  - {name: %s, match: {path: /%s}, policies: [%s], upstream: origin}\n", name, name, name)
	}
	return doc.String() + "upstreams:\n  origin: {targets: [{url: " + origin + "}]}\nroutes:\n" + routes.String() + "  - {name: open, match: {path: /open}, upstream: origin}\n"
}

// writeDocument has the environment's document be another.
func writeDocument(t *testing.T, env *harness.Environment, policies ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(env.Root, "stacks", "local.gateway.yaml"), []byte(guarded("http://"+env.Origin, policies...)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// visitor is who asks: from a place, with a certificate or none, and with headers of its own.
type visitor struct {
	place  string
	shows  *tls.Certificate
	header http.Header
}

// visit asks a host for a path, over a connection of its own.
func (s *seat) visit(t *testing.T, v visitor, host, path string) (status int, body []byte) {
	t.Helper()
	from := netip.Addr{}
	for _, p := range s.places {
		if p.Code == v.place {
			from = netip.MustParseAddr(p.Source)
		}
	}
	tr := &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from.AsSlice()}}
			return d.DialContext(ctx, network, s.edge.String())
		},
	}
	if v.shows != nil {
		tr.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return v.shows, nil }
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range v.header {
		req.Header[name] = values
	}
	res, err := (&http.Client{Transport: tr, Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}

// arrived are the headers that came to the origin.
func arrived(t *testing.T, body []byte) http.Header {
	t.Helper()
	var e struct {
		Headers http.Header `json:"headers"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatalf("no echo: %v\n%.300s", err, body)
	}
	return e.Headers
}

// field is a certificate as fronts tell of it in headers (RFC 9440, 2.2).
func field(c *tls.Certificate) string {
	return ":" + base64.StdEncoding.EncodeToString(c.Certificate[0]) + ":"
}

// TestClientsOnGoogle: a document comes to go by clients' certificates and countries while the stack serves, and Google's load balancers come to ask for the
// ones and to tell the others. Nothing that clients say of themselves is believed, and nothing is replaced on the way, there and back.
func TestClientsOnGoogle(t *testing.T) {
	t.Parallel()
	c := Combination{Manager: "route53", Pattern: "active-passive", Providers: []string{"gcp"}}
	env := harnesstest.New(t, harness.Options{Speed: fast, Dials: c.Dials(), Document: func(origin string) string { return guarded(origin) }})
	must(t, env, "up")
	healthy(t, env)
	root := harnesstest.Authority(t, "Partners")
	acme, stranger := root.Client(t, "acme").TLS(), harnesstest.Authority(t, "Partners").Client(t, "acme").TLS()
	pem, err := json.Marshal(root.PEM()) // a JSON string is one of YAML
	if err != nil {
		t.Fatal(err)
	}
	writeDocument(t, env, `partners: {clientCertificate: {ca: `+string(pem)+`, forwardAs: {consumer: X-Consumer}}}`, `near: {authorize: {geo: {allow: [DE]}}}`)
	for line := range strings.Lines(must(t, env, "preview").Stdout) {
		line = strings.TrimSpace(line)
		lost := strings.HasSuffix(line, "(replace)") || strings.HasSuffix(line, "(delete)")
		if lost && !strings.Contains(line, "bucketObject:") { // each release replaces the source, and the topology in the store
			t.Errorf("a document that goes by clients is no update in place: %s", line)
		}
	}
	must(t, env, "up")
	harnesstest.Settled(t, env, "a document that goes by clients")
	healthy(t, env)
	s := sit(t, env)
	forged := http.Header{"X-Client-Cert-Present": {"true"}, "X-Client-Cert-Chain-Verified": {"true"}, "X-Client-Cert-Error": {""}, "X-Client-Cert-Leaf": {field(&acme)},
		"X-Client-Cert-Chain": {""}, "Client-Cert": {field(&acme)}, "X-Consumer": {"acme"}}
	placed := http.Header{"X-Polygate-Client-Region": {"DE;"}, "Cf-Ipcountry": {"DE"}, "X-Client-Region": {"DE"}, "X-Forwarded-For": {"127.18.7.1"}}
	for _, x := range []struct {
		name    string
		visitor visitor
		path    string
		status  int
		code    string
	}{
		{"no certificate", visitor{place: "FRA"}, "/partners", 401, "certificate_missing"},
		{"a partner's", visitor{place: "CDG", shows: &acme}, "/partners", 200, ""},
		{"a partner's, with headers", visitor{place: "CDG", shows: &acme, header: forged}, "/partners", 200, ""},
		{"another authority's", visitor{place: "FRA", shows: &stranger}, "/partners", 401, "certificate_invalid"},
		{"headers alone", visitor{place: "FRA", header: forged}, "/partners", 401, "certificate_missing"},
		{"another authority's, with headers", visitor{place: "FRA", shows: &stranger, header: forged}, "/partners", 401, "certificate_invalid"},
		{"from Germany", visitor{place: "FRA"}, "/near", 200, ""},
		{"from France", visitor{place: "CDG"}, "/near", 403, "country_not_allowed"},
		{"from France, with headers", visitor{place: "CDG", header: placed}, "/near", 403, "country_not_allowed"},
		{"no certificate where none is asked for", visitor{place: "CDG"}, "/open", 200, ""},
		{"a wrong one where none is asked for", visitor{place: "CDG", shows: &stranger}, "/open", 200, ""},
	} {
		for _, host := range []string{s.status.Hostname, s.status.Regions[1].Host()} {
			status, body := s.visit(t, x.visitor, host, x.path)
			if status != x.status || !bytes.Contains(body, []byte(x.code)) {
				t.Errorf("%s, %s: %d, want %d %s\n%.300s", x.name, host, status, x.status, x.code, body)
				continue
			}
			if status != 200 {
				continue
			}
			for name, values := range arrived(t, body) {
				if strings.HasPrefix(name, "X-Client-Cert") || name == "Client-Cert" || name == "X-Polygate-Client-Region" {
					t.Errorf("%s, %s: %s %q came to the origin", x.name, host, name, values)
				}
			}
			if got := arrived(t, body).Get("X-Consumer"); x.path == "/partners" && got != "acme" {
				t.Errorf("%s, %s: the origin is told of %q", x.name, host, got)
			}
		}
	}
	writeDocument(t, env)
	must(t, env, "up")
	harnesstest.Settled(t, env, "a document that no longer goes by clients")
	if status, body := s.visit(t, visitor{place: "CDG", shows: &acme}, s.status.Hostname, "/open"); status != 200 {
		t.Errorf("afterwards: %d\n%.300s", status, body)
	}
}

// TestCountriesBehindCloudflare: where Cloudflare stands in front it tells the country, which AWS does not; what clients say is taken off. Without it the
// document is refused before anything exists, and one that goes by certificates is refused with it.
func TestCountriesBehindCloudflare(t *testing.T) {
	t.Parallel()
	const near = `near: {authorize: {geo: {allow: [DE]}}}`
	c := Combination{Manager: "cloudflare", Pattern: "active-passive", Providers: []string{"aws"}}
	env := harnesstest.New(t, harness.Options{Speed: fast, Dials: c.Dials(), Document: func(origin string) string { return guarded(origin, near) }})
	harnesstest.Fails(t, env, 2, "fronts of aws do not tell it: nobody could call", "check")
	c.Proxied = true
	harnesstest.Turn(t, env, c.Dials())
	writeDocument(t, env, near, `partners: {clientCertificate: {fingerprints: ["`+strings.Repeat("ab", 32)+`"]}}`)
	harnesstest.Fails(t, env, 2, "Cloudflare's proxy ends clients' TLS before it comes to a region: nobody could call", "check")
	writeDocument(t, env, near)
	must(t, env, "up")
	healthy(t, env)
	harnesstest.Settled(t, env, "up")
	s := sit(t, env)
	for _, x := range []struct {
		name    string
		visitor visitor
		host    string
		status  int
	}{
		{"from Germany", visitor{place: "FRA"}, s.status.Hostname, 200},
		{"from Germany, with a header", visitor{place: "FRA", header: http.Header{"Cf-Ipcountry": {"FR"}}}, s.status.Hostname, 200},
		{"from France", visitor{place: "CDG"}, s.status.Hostname, 403},
		{"from France, with a header", visitor{place: "CDG", header: http.Header{"Cf-Ipcountry": {"DE"}}}, s.status.Hostname, 403},
		{"around Cloudflare", visitor{place: "FRA", header: http.Header{"Cf-Ipcountry": {"DE"}}}, s.status.Regions[0].Host(), 403},
	} {
		if status, body := s.visit(t, x.visitor, x.host, "/near"); status != x.status {
			t.Errorf("%s: %d, want %d\n%.300s", x.name, status, x.status, body)
		}
	}
}
