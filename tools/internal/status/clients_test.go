package status

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/clientcert/clientcerttest"
	"polygate.example/tools/internal/localcloud/pki"
)

// asks serves three healthy regions, of whom the shared name answers nobody who shows no certificate.
func asks(t *testing.T, ca *pki.CA, version uint16) string {
	t.Helper()
	day := 24 * time.Hour
	pair := issue(t, ca, time.Now().Add(-day), time.Now().Add(100*day+time.Hour), sharedName, awsName, gcpName, azureName)
	regions := map[string]http.HandlerFunc{
		sharedName: tells("aws/us-east-1", "sha256:aws"), awsName: tells("aws/us-east-1", "sha256:aws"),
		gcpName: tells("gcp/us-central1", "sha256:gcp"), azureName: tells("azure/eastus", "sha256:azure"),
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { regions[r.Host](w, r) }))
	s.TLS = &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		c := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, MaxVersion: version}
		if h.ServerName == sharedName {
			c.ClientAuth = tls.RequireAnyClientCert
		}
		return c, nil
	}}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// TestSharedNameAsksForCertificates: what it shows is seen without one, and who has one is answered.
func TestSharedNameAsksForCertificates(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			ca, err := pki.Open(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			acme := clientcerttest.Alone(t, "acme")
			shows := tls.Certificate{Certificate: [][]byte{acme.Cert.Raw}, PrivateKey: acme.Key}
			opts := environment(t, nil, nil)
			opts.Edge = Edge{Address: asks(t, ca, version), CA: ca.Path()}
			opts.Topology.Regions[0].AsksClients = true
			r := collect(t, opts)
			if r.Status != OK || r.CertificateDays == nil || *r.CertificateDays != 100 {
				t.Errorf("status %s, and the shared name's certificate is %+v: want it seen\n%+v", r.Status, r.Certificate, r.Checks)
			}
			if leaf, err := Shown(t.Context(), opts.Edge, sharedName, 5*time.Second); err != nil {
				t.Errorf("shown is %v, %v", leaf, err)
			}
			if h, err := Ask(t.Context(), r); err == nil {
				t.Errorf("answered without a certificate by %+v", h)
			}
			if h, err := Ask(t.Context(), r, shows); err != nil || h.Region != "aws/us-east-1" {
				t.Errorf("answered by %+v, %v", h, err)
			}
			addresses := environment(t, nil, addressed)
			addresses.Edge, addresses.Topology.Manager = opts.Edge, "cloudflare"
			addresses.Topology.Regions[0].AsksClients = true
			if r := collect(t, addresses); r.Serving != "" || !strings.Contains(r.Detail, EnvCertificate) {
				t.Errorf("without a certificate it is served by %q: %s", r.Serving, r.Detail)
			}
			addresses.Certificates = []tls.Certificate{shows}
			if r := collect(t, addresses); r.Serving != "aws/us-east-1" {
				t.Errorf("with a certificate it is served by %q: %s", r.Serving, r.Detail)
			}
		})
	}
}
