package front

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/runtime"
	"polygate.example/tools/internal/localcloud/runtime/lambda"
	"polygate.example/tools/internal/localcloud/runtime/runtimetest"
)

func TestMain(m *testing.M) { runtimetest.Main(m) }

// functions is a Functions of fakes.
type functions map[string]runtime.Invoker

func (f functions) Serve(id string) (runtime.Invoker, bool) { v, ok := f[id]; return v, ok }

// events is an EventInvoker that is one function.
type events func(ctx context.Context, event []byte) (lambda.Result, error)

func (e events) Invoke(ctx context.Context, event []byte) (lambda.Result, error) {
	return e(ctx, event)
}

const (
	lambdaID = "arn:aws:lambda:us-east-1:123456789012:function:gateway"
	runID    = "projects/p/locations/us-central1/functions/gateway"
	appID    = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/gateway"
	name     = "use1.api.example.test"
)

// freePort is an address of the loopback range that is free now.
func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddrPort(l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return addr
}

// host makes a host with a certificate of its own.
func host(t *testing.T, name string) plane.Host {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return plane.Host{
		Name: name,
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}),
	}
}

// client connects to addr whatever the name, as a resolver that gave that address would have it.
func client(t *testing.T, addr netip.AddrPort, protocols ...string) *http.Client {
	t.Helper()
	tr := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the certificates are made for each test
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr.String())
		},
		DisableCompression: true,
	}
	tr.Protocols = new(http.Protocols)
	tr.Protocols.SetHTTP1(true)
	for _, p := range protocols {
		tr.Protocols.SetHTTP2(p == "h2")
		tr.Protocols.SetHTTP1(p != "h2")
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// serve opens fronts for the sites. When the test ends nothing may listen any more.
func serve(t *testing.T, o Options, sites ...plane.Site) *Fronts {
	t.Helper()
	f := New(o)
	t.Cleanup(func() {
		listening := f.Addresses()
		f.Close()
		for _, addr := range listening {
			if c, err := net.DialTimeout("tcp", addr.String(), time.Second); err == nil {
				_ = c.Close()
				t.Errorf("%s still listens after Close", addr)
			}
		}
	})
	if err := f.Apply(sites); err != nil {
		t.Fatal(err)
	}
	return f
}

func siteOf(t *testing.T, front plane.Front, addr netip.AddrPort) plane.Site {
	t.Helper()
	s := plane.Site{ID: string(front), Front: front, Listen: addr, Hosts: []plane.Host{host(t, name)}}
	switch front {
	case plane.APIGateway:
		s.Region, s.Function = "aws/us-east-1", lambdaID
	case plane.AzureApp:
		s.Region, s.Function = "azure/eastus", appID
	default:
		s.Region, s.Function = "gcp/us-central1", runID
	}
	return s
}

func read(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return resp, read(t, resp)
}

var everyFront = []plane.Front{plane.APIGateway, plane.GoogleALB, plane.RunApp, plane.AzureApp}

// hello is a function for every front.
var hello = functions{
	lambdaID: {Event: events(func(context.Context, []byte) (lambda.Result, error) {
		return lambda.Result{Payload: []byte(`{"statusCode":200,"body":"hello"}`)}, nil
	})},
	runID: {HTTP: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })},
	appID: {HTTP: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })},
}

func TestHandshakeAndHost(t *testing.T) {
	for _, front := range everyFront {
		t.Run(string(front), func(t *testing.T) {
			addr := freePort(t)
			serve(t, Options{Runtimes: hello}, siteOf(t, front, addr))
			c := client(t, addr)
			if resp, body := get(t, c, "https://"+name+"/"); resp.StatusCode != 200 || body != "hello" {
				t.Errorf("%d %q", resp.StatusCode, body)
			}
			// A name without a certificate does not get through the handshake.
			var alert *net.OpError
			if resp, err := c.Get("https://other.example.test/"); !errors.As(err, &alert) || alert.Op != "remote error" || !strings.Contains(alert.Error(), "unrecognized name") {
				t.Errorf("unknown server name: %v, %v, want the alert unrecognized name", resp, err)
			}
			// A known server name with another Host: 403 {"message":"Forbidden"} at API Gateway, 404 at the others.
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+name+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = "other.example.test"
			resp, err := c.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body := read(t, resp)
			if front == plane.APIGateway {
				if resp.StatusCode != 403 || body != `{"message":"Forbidden"}` {
					t.Errorf("unknown host: %d %s", resp.StatusCode, body)
				}
			} else if resp.StatusCode != 404 {
				t.Errorf("unknown host: %d %s", resp.StatusCode, body)
			}
		})
	}
}

func TestProtocols(t *testing.T) {
	for _, tt := range []struct {
		front     plane.Front
		on, http2 bool
	}{
		{plane.APIGateway, false, true}, {plane.GoogleALB, false, true}, {plane.RunApp, false, true},
		{plane.AzureApp, false, false}, {plane.AzureApp, true, true},
	} {
		t.Run(fmt.Sprintf("%s, switched on %t", tt.front, tt.on), func(t *testing.T) {
			addr := freePort(t)
			s := siteOf(t, tt.front, addr)
			s.HTTP2 = tt.on
			serve(t, Options{Runtimes: hello}, s)
			conn, err := tls.Dial("tcp", addr.String(), &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if got := conn.ConnectionState().NegotiatedProtocol; (got == "h2") != tt.http2 {
				t.Errorf("negotiated %q", got)
			}
			if tt.http2 {
				if resp, body := get(t, client(t, addr, "h2"), "https://"+name+"/"); resp.ProtoMajor != 2 || body != "hello" {
					t.Errorf("%s %q", resp.Proto, body)
				}
			}
		})
	}
}

func TestLeastTLS(t *testing.T) {
	for _, least := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(least), func(t *testing.T) {
			s := siteOf(t, plane.GoogleALB, freePort(t))
			s.TLS13 = least == tls.VersionTLS13
			serve(t, Options{Runtimes: hello}, s)
			for offered, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: least == tls.VersionTLS12, tls.VersionTLS13: true} {
				conn, err := tls.Dial("tcp", s.Listen.String(), &tls.Config{ServerName: name, InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: offered})
				if (err == nil) != want {
					t.Errorf("offered %s: %v, want it taken: %t", tls.VersionName(offered), err, want)
				}
				if err == nil {
					_ = conn.Close()
				}
			}
		})
	}
}

func TestSitesShareAnAddress(t *testing.T) {
	addr := freePort(t)
	aws, gcp := siteOf(t, plane.APIGateway, addr), siteOf(t, plane.GoogleALB, addr)
	gcp.Hosts = []plane.Host{host(t, "gcp.example.test"), {Name: "bare.example.test"}}
	f := serve(t, Options{Runtimes: hello}, aws, gcp)
	c := client(t, addr)
	if resp, _ := get(t, c, "https://"+name+"/"); resp.Header.Get("Apigw-Requestid") == "" {
		t.Error("not API Gateway")
	}
	if resp, _ := get(t, c, "https://gcp.example.test/"); resp.Header.Get("Via") != "1.1 google" {
		t.Error("not the load balancer")
	}
	if _, err := c.Get("https://bare.example.test/"); err == nil {
		t.Error("a host without a certificate was reached")
	}
	// Taking one away leaves the other and the listener.
	if err := f.Apply([]plane.Site{gcp}); err != nil {
		t.Fatal(err)
	}
	if _, err := client(t, addr).Get("https://" + name + "/"); err == nil {
		t.Error("the site that went away still answers")
	}
	if resp, _ := get(t, c, "https://gcp.example.test/"); resp.StatusCode != 200 {
		t.Errorf("the site that stayed: %d", resp.StatusCode)
	}
	if err := f.Apply(nil); err != nil {
		t.Fatal(err)
	}
	if got := f.Addresses(); len(got) != 0 {
		t.Errorf("listening on %v, want nothing", got)
	}
	if c, err := net.Dial("tcp", addr.String()); err == nil {
		_ = c.Close()
		t.Error("the listener is still there")
	}
}

func TestApplyReportsConflicts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	busy := siteOf(t, plane.APIGateway, netip.MustParseAddrPort(taken.Addr().String()))
	shared := freePort(t)
	one, two := siteOf(t, plane.APIGateway, shared), siteOf(t, plane.GoogleALB, shared)
	public := siteOf(t, plane.APIGateway, netip.MustParseAddrPort("192.0.2.1:443"))
	badCert := siteOf(t, plane.APIGateway, freePort(t))
	badCert.Hosts[0].Cert = []byte("not PEM")
	odd := siteOf(t, "varnish", freePort(t))
	for _, tt := range []struct {
		name  string
		sites []plane.Site
		want  error
		text  string
	}{
		{"address in use", []plane.Site{busy}, syscall.EADDRINUSE, busy.Listen.String()},
		{"same host twice", []plane.Site{one, two}, ErrHostTwice, name},
		{"not loopback", []plane.Site{public}, ErrNotLoopback, "192.0.2.1:443"},
		{"certificate", []plane.Site{badCert}, ErrCertificate, name},
		{"unknown front", []plane.Site{odd}, nil, `unknown front "varnish"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := New(Options{Runtimes: hello})
			defer f.Close()
			good := siteOf(t, plane.AzureApp, freePort(t))
			err := f.Apply(append(tt.sites, good))
			var conflict *ConflictError
			if !errors.As(err, &conflict) || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want %v with %q", err, tt.want, tt.text)
			}
			if resp, _ := get(t, client(t, good.Listen), "https://"+name+"/"); resp.StatusCode != 200 {
				t.Errorf("the other site: %d", resp.StatusCode)
			}
		})
	}
	f := New(Options{Runtimes: hello})
	f.Close()
	f.Close() // a second time is allowed
	if err := f.Apply(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Apply after Close: %v, want ErrClosed", err)
	}
}
