package devserver

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"polygate.example/shared/clientcert/clientcerttest"
	"polygate.example/tools/internal/localcloud/pki"
)

// Clients are shown a certificate of the name by which they come, and are asked for theirs while the version that serves goes by it: those with
// connections from before connect anew.
func TestCertificates(t *testing.T) {
	authority, err := pki.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	own := clientcerttest.Root(t, "Root").Client(t, "c")
	for proto, h2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		t.Run(proto, func(t *testing.T) {
			b := startWith(t, "plain", authority)
			transport := &http.Transport{ForceAttemptHTTP2: h2, TLSClientConfig: &tls.Config{RootCAs: authority.Pool(), ServerName: "Api.Example.com",
				Certificates: []tls.Certificate{{Certificate: [][]byte{own.Cert.Raw}, PrivateKey: own.Key}}, ClientSessionCache: tls.NewLRUClientSessionCache(9)}}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport}
			shown := func() string {
				t.Helper()
				resp, err := client.Get(strings.Replace(b.url, "http:", "https:", 1))
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.Proto != proto {
					t.Fatalf("%s, %v", resp.Proto, err)
				}
				return resp.Header.Get("X-Shown")
			}
			if got := shown(); got != "0" {
				t.Errorf("%s certificates are shown where nothing goes by them", got)
			}
			b.write(t, "asks")
			expect(t, b.swapped, "asks")
			if got := shown(); got != "0" {
				t.Errorf("%s certificates by the connection from before", got)
			}
			for range 2 {
				if got := shown(); got != "1" {
					t.Errorf("%s certificates after that, want 1", got)
				}
			}
			client.CloseIdleConnections()
			transport.TLSClientConfig.ServerName = "" // the address
			if got := shown(); got != "1" {
				t.Errorf("%s certificates by the address, want 1", got)
			}
			client.CloseIdleConnections()
			transport.TLSClientConfig.Certificates = nil // who has none is told by the gateway, and not by a handshake that fails
			if got := shown(); got != "0" {
				t.Errorf("%s certificates of a client without one", got)
			}
		})
	}
}

// Names are the clients' word: certificates are not kept of as many as they like.
func TestNamesAreBounded(t *testing.T) {
	authority, err := pki.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &secured{authority: authority}
	for i := range 2*maxNames + 1 {
		name := strings.Repeat("a", i%60+1) + strings.Repeat(".b", i/60) + ".example"
		if _, err := s.certificate(&tls.ClientHelloInfo{ServerName: name}); err != nil || len(s.known) > maxNames {
			t.Fatalf("%s: %d are kept, %v", name, len(s.known), err)
		}
	}
}

// broken is an authority that issues nothing.
type broken struct{}

func (broken) Issue(...string) (cert, key []byte, err error) { return nil, nil, errors.New("no key") }

// listener notes that it is closed.
type listener struct {
	net.Listener
	closed bool
}

func (l *listener) Close() error { l.closed = true; return nil }

// What no client could ever connect to is not served.
func TestBrokenAuthority(t *testing.T) {
	b := start(t, "text")
	first, err := b.load()
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{}
	if err := Run(t.Context(), first, Options{Listener: l, Authority: broken{}}); err == nil || err.Error() != "serve: no key" || !l.closed {
		t.Errorf("%v, closed %v", err, l.closed)
	}
	expect(t, b.closed, "text")
}
