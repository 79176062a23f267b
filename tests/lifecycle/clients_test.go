package lifecycle

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"polygate.example/tests/harness"
	"polygate.example/tests/harness/harnesstest"
)

// certified is the echo document that goes by clients' certificates; more are further routes.
func certified(origin, ca, more string) string {
	return `version: 1
policies:
  partners:
    clientCertificate: {ca: ` + strconv.Quote(ca) + `, forwardAs: {consumer: X-Consumer}, forward: {X-Client-Subject: subject}}
upstreams: {origin: {targets: [{url: "` + origin + `"}]}}
routes:
  - {name: everything, match: {path: "/{rest...}"}, policies: [partners], upstream: origin}
` + more
}

// asker asks a region, or with via "" whom the shared name leads to.
type asker struct {
	env   *harness.Environment
	roots *x509.CertPool
	edge  string
}

func (a asker) ask(ctx context.Context, via, host, path string, who *harnesstest.Issued) (int, []byte, error) {
	config := &tls.Config{RootCAs: a.roots, MinVersion: tls.VersionTLS12}
	if who != nil {
		config.Certificates = []tls.Certificate{who.TLS()}
	}
	tr := &http.Transport{TLSClientConfig: config, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		address := a.edge
		if via != "" {
			ips, err := a.env.Resolver().LookupIP(ctx, "ip4", via)
			if err != nil {
				return nil, err
			}
			_, port, err := net.SplitHostPort(a.edge)
			if err != nil {
				return nil, err
			}
			address = net.JoinHostPort(ips[0].String(), port)
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+path, nil)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("X-Consumer", "somebody else")
	res, err := (&http.Client{Transport: tr, Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, b, err
}

// TestClientCertificates: on AWS, a document begins to go by clients' certificates and ceases to. Who has one of the authority's is answered all the
// while, and by another region when one is lost; others are refused by the front; and health checks go on.
func TestClientCertificates(t *testing.T) {
	ca, other := harnesstest.Authority(t, "Partners"), harnesstest.Authority(t, "Partners")
	acme, foreign := ca.Client(t, "acme"), other.Client(t, "acme")
	env := harnesstest.New(t, harness.Options{Regions: []string{"aws/us-east-1", "aws/eu-west-1"}})
	doc := filepath.Join(env.Root, "stacks", "local.gateway.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(doc, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	origin := "http://" + env.Origin
	asking := certified(origin, ca.PEM(), "")

	t.Log("what AWS cannot do is refused before anything exists")
	write(certified(origin, ca.PEM(), "  - {name: open, match: {path: /open}, upstream: origin}\n"))
	harnesstest.Fails(t, env, 2, `API Gateway asks everybody who calls api.polygate.test for one, or nobody, and here nobody, as the route "open" may be called without`, "check")
	write(asking)
	harnesstest.Turn(t, env, map[string]any{"regions": []string{"aws/us-east-1", "azure/eastus"}})
	harnesstest.Fails(t, env, 2, "X-ARR-ClientCert", "check")
	harnesstest.Turn(t, env, map[string]any{"regions": []string{"aws/us-east-1", "aws/eu-west-1"}})

	write(harness.EchoDocument(origin))
	harnesstest.Must(t, env, "up")
	st := harnesstest.Healthy(t, env)
	roots, err := st.Roots()
	if err != nil {
		t.Fatal(err)
	}
	a := asker{env, roots, st.Edge.Address}
	calls := begin(t, a, st.Hostname, acme)

	t.Log("the document begins to go by certificates")
	write(asking)
	if r := harnesstest.Must(t, env, "up"); !strings.Contains(r.Stdout, "every region answers: clients of the shared name have to show a TLS certificate") {
		t.Errorf("up without a certificate says:\n%s", r.Stdout)
	}
	harnesstest.Settled(t, env, "up")
	calls.none(t, "the document began to go by certificates")
	for _, r := range harnesstest.Healthy(t, env).Regions {
		t.Run(r.Name, func(t *testing.T) {
			status, body, err := a.ask(t.Context(), r.Host(), st.Hostname, "/orders", &acme)
			if err != nil || status != 200 {
				t.Fatalf("the authority's client: %d, %v: %s", status, err, body)
			}
			var echo struct{ Headers http.Header }
			if err := json.Unmarshal(body, &echo); err != nil || echo.Headers.Get("X-Consumer") != "acme" || echo.Headers.Get("X-Client-Subject") != "CN=acme" {
				t.Errorf("the upstream is told %v, %v", echo.Headers, err)
			}
			if status, body, err := a.ask(t.Context(), r.Host(), st.Hostname, "/orders", nil); err == nil {
				t.Errorf("who has no certificate is answered %d: %s", status, body)
			}
			for _, path := range []string{"/orders", "/health"} {
				if status, body, err := a.ask(t.Context(), r.Host(), st.Hostname, path, &foreign); err != nil || status != 403 || string(body) != `{"message":"Forbidden"}` {
					t.Errorf("another authority's client of the same name asks for %s: %d, %v: %s", path, status, err, body)
				}
			}
			// The region's own name asks nobody: health checks come by it, and the gateway refuses there.
			if status, body, err := a.ask(t.Context(), "", r.Host(), "/health", nil); err != nil || status != 200 {
				t.Errorf("health by its own name: %d, %v: %s", status, err, body)
			}
			for _, who := range []*harnesstest.Issued{nil, &acme} {
				if status, body, err := a.ask(t.Context(), "", r.Host(), "/orders", who); err != nil || status != 401 || !bytes.Contains(body, []byte("certificate_missing")) {
					t.Errorf("past the shared name: %d, %v: %s", status, err, body)
				}
			}
		})
	}

	t.Log("a region is lost")
	harnesstest.Must(t, env, "local", "fail", st.Regions[0].Name)
	calls.from(t, st.Regions[1].Name, time.Duration(float64(env.Bound)/env.Speed*float64(time.Second)))
	harnesstest.Must(t, env, "local", "heal")
	calls.from(t, st.Regions[0].Name, time.Minute)
	harnesstest.Healthy(t, env)
	calls.forget()

	t.Log("traffic is moved, with and without a certificate to ask by")
	harnesstest.Fails(t, env, 1, "it was ordered and not seen to the end: clients of the shared name have to show a TLS certificate", "failover", "--from", st.Regions[0].Name, "--yes")
	t.Setenv("POLYGATE_CLIENT_CERTIFICATE", acme.File(t))
	harnesstest.Must(t, env, "failback", "--yes")
	if r := harnesstest.Must(t, env, "up"); !strings.Contains(r.Stdout, "/health answered: ") || !strings.Contains(r.Stdout, " --cert ") {
		t.Errorf("up with a certificate says:\n%s", r.Stdout)
	}

	t.Log("another authority comes, and the document ceases to go by certificates")
	write(certified(origin, ca.PEM()+other.PEM(), ""))
	harnesstest.Must(t, env, "up")
	if status, body, err := a.ask(t.Context(), "", st.Hostname, "/orders", &foreign); err != nil || status != 200 {
		t.Errorf("the new authority's client: %d, %v: %s", status, err, body)
	}
	write(harness.EchoDocument(origin))
	harnesstest.Must(t, env, "up")
	harnesstest.Settled(t, env, "up")
	if status, body, err := a.ask(t.Context(), "", st.Hostname, "/orders", nil); err != nil || status != 200 {
		t.Errorf("who has no certificate afterwards: %d, %v: %s", status, err, body)
	}
	calls.none(t, "traffic moved and the document changed")
}

// caller asks the shared name all the while, by a certificate, and keeps what was not answered well and who answered last.
type caller struct {
	mu     sync.Mutex
	failed []string
	region string
	asked  int
}

func begin(t *testing.T, a asker, host string, who harnesstest.Issued) *caller {
	ctx, stop := context.WithCancel(t.Context())
	c, done := &caller{}, make(chan struct{})
	t.Cleanup(func() { stop(); <-done })
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			status, body, err := a.ask(ctx, "", host, "/orders", &who)
			_, health, _ := a.ask(ctx, "", host, "/health", &who)
			if ctx.Err() != nil {
				return
			}
			var h struct{ Region string }
			_ = json.Unmarshal(health, &h) // none: whoever waits for a region goes on waiting
			c.mu.Lock()
			c.region = h.Region
			if c.asked++; err != nil || status != 200 {
				c.failed = append(c.failed, fmt.Sprintf("%d, %v: %.200s", status, err, body))
			}
			c.mu.Unlock()
		}
	}()
	return c
}

// none sees that every request was answered since the beginning, or since forget.
func (c *caller) none(t *testing.T, when string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	t.Logf("%d requests while %s", c.asked, when)
	if len(c.failed) > 0 || c.asked == 0 {
		t.Errorf("%d of %d requests failed while %s:\n%s", len(c.failed), c.asked, when, strings.Join(c.failed[:min(3, len(c.failed))], "\n"))
	}
}

func (c *caller) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed, c.asked = nil, 0
}

// from waits until a region answers.
func (c *caller) from(t *testing.T, region string, within time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(50 * time.Millisecond) {
		c.mu.Lock()
		now := c.region
		c.mu.Unlock()
		if now == region {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("answered by %q after %s, want %s", now, within, region)
		}
	}
}
