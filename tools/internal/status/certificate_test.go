package status

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/pki"
)

// What is shown for a name is looked at name by name: how long it lasts, and whether clients take it.
func TestCertificateOfEachName(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		host    string // whose certificate is another
		life    time.Duration
		names   []string // it is for; the host itself when empty
		status  string
		days    int
		healthy bool
		says    string
	}{
		"a region's, with time left":   {gcpName, 31*day + time.Hour, nil, OK, 31, true, ""},
		"a region's, soon over":        {gcpName, 12*day + time.Hour, nil, Warned, 12, true, "the certificate ends in 12 days: renew it"},
		"a region's, on its last day":  {gcpName, time.Hour, nil, Warned, 0, true, "the certificate ends in 0 days: renew it"},
		"a region's, expired":          {gcpName, -time.Hour, nil, Degraded, -1, false, "certificate has expired"},
		"a region's, long expired":     {gcpName, -40 * day, nil, Degraded, -41, false, "certificate has expired"},
		"a region's, for another name": {gcpName, 90*day + time.Hour, []string{"other.polygate.test"}, Degraded, 90, false, "certificate is valid for other.polygate.test, not " + gcpName},
		"the shared one, soon over":    {sharedName, 5*day + time.Hour, nil, Warned, 5, true, "the certificate ends in 5 days: renew it"},
		"the shared one, expired":      {sharedName, -time.Hour, nil, Down, -1, true, "clients refuse the certificate of " + sharedName},
		"the shared one, another name": {sharedName, 90*day + time.Hour, []string{gcpName}, Down, 90, true, "not " + sharedName},
	} {
		t.Run(name, func(t *testing.T) {
			ca, err := pki.Open(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			names := c.names
			if names == nil {
				names = []string{c.host}
			}
			now := time.Now()
			odd := issue(t, ca, now.Add(c.life-100*day), now.Add(c.life), names...)
			rest := issue(t, ca, now.Add(-day), now.Add(200*day+time.Hour), sharedName, awsName, gcpName, azureName)
			opts := environment(t, nil, nil)
			opts.Edge = Edge{Address: byName(t, map[string]tls.Certificate{c.host: odd}, rest), CA: ca.Path()}
			r := collect(t, opts)
			if r.Status != c.status {
				t.Errorf("status %s, want %s", r.Status, c.status)
			}
			seen, detail := r.Certificate, r.Detail
			if c.host == gcpName {
				seen, detail = r.Regions[1].Certificate, r.Regions[1].Detail
			}
			if seen.CertificateDays == nil || *seen.CertificateDays != c.days || !seen.CertificateExpires.Equal(now.Add(c.life).Truncate(time.Second)) {
				t.Errorf("seen %+v, want %d days", seen, c.days)
			}
			if r.Regions[1].Healthy != c.healthy || !r.Regions[0].Healthy {
				t.Errorf("healthy is %v, want %v; the first region %v", r.Regions[1].Healthy, c.healthy, r.Regions[0].Healthy)
			}
			if !strings.Contains(detail, c.says) || c.says == "" && detail != "" {
				t.Errorf("says %q, want %q", detail, c.says)
			}
			leaf, err := Shown(t.Context(), opts.Edge, c.host, 5*time.Second)
			if err != nil || !leaf.NotAfter.Equal(seen.CertificateExpires) {
				t.Errorf("shown is %v, %v; want what was seen", leaf, err)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		opts := environment(t, nil, nil)
		opts.Edge.Address = "127.0.0.1:1"
		r := collect(t, opts)
		if r.CertificateDays != nil || r.Regions[0].CertificateDays != nil {
			t.Errorf("a certificate is seen where nobody answers: %+v", r)
		}
		if leaf, err := Shown(t.Context(), opts.Edge, sharedName, time.Second); err == nil {
			t.Errorf("%v is shown where nobody answers", leaf)
		}
	})
}

func issue(t *testing.T, ca *pki.CA, from, to time.Time, names ...string) tls.Certificate {
	t.Helper()
	cert, key, err := ca.IssueBetween(from, to, names...)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// byName serves three healthy regions, with certificates by server name.
func byName(t *testing.T, certs map[string]tls.Certificate, rest tls.Certificate) string {
	t.Helper()
	regions := map[string]http.HandlerFunc{
		sharedName: tells("aws/us-east-1", "sha256:aws"), awsName: tells("aws/us-east-1", "sha256:aws"),
		gcpName: tells("gcp/us-central1", "sha256:gcp"), azureName: tells("azure/eastus", "sha256:azure"),
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { regions[r.Host](w, r) }))
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if c, ok := certs[h.ServerName]; ok {
			return &c, nil
		}
		return &rest, nil
	}}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}
