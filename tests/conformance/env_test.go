package conformance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"polygate.example/tests/harness"
)

// environment is the one deployment that all tests of the package share.
type environment struct {
	*harness.Environment
	status harness.Status
	roots  *x509.CertPool
}

var shared struct {
	env *environment
	err error
}

func TestMain(m *testing.M) {
	ctx := context.Background()
	shared.env, shared.err = deploy(ctx)
	code := m.Run()
	if shared.env != nil {
		if err := shared.env.Close(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func deploy(ctx context.Context) (*environment, error) {
	h, err := harness.New(ctx, harness.Options{
		Regions: []string{"aws/us-east-1", "gcp/us-central1", "azure/eastus"}, Document: document, Dials: map[string]any{"secrets": secrets},
		Log: harness.LogTo(os.Stderr),
	})
	if err != nil {
		return nil, err
	}
	e := &environment{Environment: h}
	// The vendors' own hosts take the place of the local ones where they are installed: `make conformance` says which.
	start := []string{"local", "start"}
	if os.Getenv("CONFORMANCE_VENDOR_HOSTS") != "" {
		start = append(start, "--vendor-hosts")
	}
	if _, err := h.Must(ctx, start...); err != nil {
		return e, err
	}
	if err := store(ctx, h, firstSuffix); err != nil {
		return e, err
	}
	if _, err := h.Must(ctx, "up"); err != nil {
		return e, err
	}
	if e.status, err = h.Status(ctx); err != nil {
		return e, err
	}
	e.roots, err = e.status.Roots()
	return e, err
}

func deployed(t *testing.T) *environment {
	t.Helper()
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.env
}

// provider is one provider's region, seen through its front.
type provider struct {
	name      string
	region    harness.Region
	host      string // name asked for
	sharedVia string // own name of the region to connect to, when host is another
	plain     string // address of a plain server, which has no front
	env       *environment
}

func (e *environment) providers() []provider {
	var out []provider
	for _, r := range e.status.Regions {
		out = append(out, provider{name: r.Provider, region: r, host: r.Host(), env: e})
	}
	return out
}

// client connects through the edge for its own name. For the shared name it asks the edge for the way to the region by the
// region's own name, and then speaks to its front of the shared one.
func (p provider) client(t *testing.T) *http.Client {
	t.Helper()
	tr := &http.Transport{
		TLSClientConfig:    &tls.Config{RootCAs: p.env.roots, MinVersion: tls.VersionTLS12},
		DisableCompression: true,
		// A front may refuse a body by its announced length, and close: whoever has sent it by then sees a reset instead.
		ExpectContinueTimeout: 5 * time.Second,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			address := p.env.status.Edge.Address
			if p.plain != "" {
				address = p.plain
			}
			if p.sharedVia != "" {
				ip, err := p.env.lookup(ctx, p.sharedVia)
				if err != nil {
					return nil, err
				}
				_, port, err := net.SplitHostPort(address)
				if err != nil {
					return nil, err
				}
				address = net.JoinHostPort(ip, port)
			}
			var d net.Dialer
			return d.DialContext(ctx, network, address)
		},
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{
		Transport:     tr,
		Timeout:       60 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// lookup asks the local DNS for an address.
func (e *environment) lookup(ctx context.Context, name string) (string, error) {
	ips, err := e.Resolver().LookupIP(ctx, "ip4", name)
	if err != nil {
		return "", err
	}
	return ips[0].String(), nil
}

// canonical asks the local DNS where a name ends, without the last dot.
func (e *environment) canonical(ctx context.Context, name string) (string, error) {
	end, err := e.Resolver().LookupCNAME(ctx, name)
	return strings.TrimSuffix(end, "."), err
}

func (p provider) request(t *testing.T, ctx context.Context, method, target string, header http.Header, body io.Reader) *http.Request {
	t.Helper()
	if method == "" {
		method = http.MethodGet
	}
	if b, ok := body.(*bytes.Reader); ok && b.Len() == 0 {
		body = nil
	}
	scheme := "https://"
	if p.plain != "" {
		scheme = "http://"
	}
	req, err := http.NewRequestWithContext(ctx, method, scheme+p.host+target, body)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	return req
}

func (p provider) ask(t *testing.T, method, target string, header http.Header, body io.Reader) answer {
	t.Helper()
	res, err := p.client(t).Do(p.request(t, t.Context(), method, target, header, body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	return answer{p.name, res.StatusCode, res.Header, b}
}

// raw asks over a connection of its own and takes all that comes on it after the header for the body.
func (p provider) raw(t *testing.T, method, target string, header http.Header, body io.Reader) answer {
	t.Helper()
	req := p.request(t, t.Context(), method, target, header, body)
	req.Close = true // so that the answer ends with the connection
	d := tls.Dialer{Config: &tls.Config{RootCAs: p.env.roots, MinVersion: tls.VersionTLS12, ServerName: p.host}}
	c, err := d.DialContext(t.Context(), "tcp", p.env.status.Edge.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := errors.Join(c.SetDeadline(time.Now().Add(time.Minute)), req.Write(c)); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("read the answer: %v\n%.300s", err, all)
	}
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(all)), req)
	if err != nil {
		t.Fatalf("%v\n%.300s", err, all)
	}
	res.Body.Close()
	_, rest, _ := bytes.Cut(all, []byte("\r\n\r\n"))
	return answer{p.name, res.StatusCode, res.Header, rest}
}
