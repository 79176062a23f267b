package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/pki"
)

// TestPresentedToWhoShowsNone: what a name presents is seen though it answers nobody who shows no certificate.
func TestPresentedToWhoShowsNone(t *testing.T) {
	ca, err := pki.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := ca.Issue("api.example.test")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	roots, err := pki.Roots(ca.Path())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		version uint16
		asked   string
		roots   *x509.CertPool
		seen    bool
	}{
		{"TLS 1.2", tls.VersionTLS12, "api.example.test", roots, true},
		{"TLS 1.3", tls.VersionTLS13, "api.example.test", roots, true},
		{"for another name", tls.VersionTLS12, "other.example.test", roots, false},
		{"of nobody that is trusted", tls.VersionTLS12, "api.example.test", x509.NewCertPool(), false},
	} {
		dial := func(context.Context, string) (net.Conn, error) {
			ours, its := net.Pipe()
			go func() {
				defer its.Close()
				server := tls.Server(its, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, MaxVersion: c.version, ClientAuth: tls.RequireAnyClientCert})
				_ = server.HandshakeContext(t.Context()) // fails, without a certificate of the client
			}()
			return ours, nil
		}
		d := &doctor{Options{Dial: dial, Roots: c.roots, Now: time.Now}}
		leaf, err := d.presented(t.Context(), "region", c.asked)
		if seen := err == nil; seen != c.seen || seen && leaf.DNSNames[0] != "api.example.test" {
			t.Errorf("%s: %v, %v", c.name, leaf, err)
		}
	}
}
