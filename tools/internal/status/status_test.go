package status

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"polygate.example/shared/health"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/localcloud/dns/dnstest"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/report"
)

const (
	sharedName = "api.polygate.test"
	awsName    = "aws-us-east-1.api.polygate.test"
	gcpName    = "gcp-us-central1.api.polygate.test"
	azureName  = "azure-eastus.api.polygate.test"
)

// environment stands up what a client meets, a name server and one door with TLS for all names: three healthy regions and
// a shared name that leads to the first. Each answer by name (server name and Host) and the resolver may be replaced.
func environment(t *testing.T, answers map[string]http.HandlerFunc, resolver dns.HandlerFunc) Options {
	t.Helper()
	top := topology.Topology{Environment: "test", Hostname: sharedName, Bound: 105, Release: "r1", Model: "sha256:m"}
	serving := map[string]http.HandlerFunc{}
	for i, name := range []string{"aws/us-east-1", "gcp/us-central1", "azure/eastus"} {
		provider, _, _ := strings.Cut(name, "/")
		host := strings.ReplaceAll(name, "/", "-") + "." + sharedName
		role := topology.RoleStandby
		if i == 0 {
			role = topology.RolePrimary
		}
		reg := topology.Region{Name: name, Provider: provider, Role: role, Hostname: host, URL: "https://" + host + "/",
			HealthURL: "https://" + host + "/health", HealthCheck: "check-" + provider, Digest: "sha256:" + provider}
		top.Regions = append(top.Regions, reg)
		serving[host] = tells(reg.Name, reg.Digest)
	}
	serving[sharedName] = serving[awsName]
	for host, h := range answers {
		serving[host] = h
	}
	ca, err := pki.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if resolver == nil {
		resolver = leadsTo(awsName)
	}
	return Options{Topology: top, DNS: dnstest.Serve(t, resolver), Edge: Edge{Address: serveTLS(t, ca, serving), CA: ca.Path()}}
}

// tells answers /health as a region does.
func tells(region, digest string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" || r.Method != http.MethodGet {
			http.NotFound(w, r)
			return
		}
		provider, _, _ := strings.Cut(region, "/")
		_ = json.NewEncoder(w).Encode(health.Report{Status: health.StatusOK,
			Instance: health.Instance{Provider: provider, Region: region, Release: "r1", Artefact: digest, Model: "sha256:m"}})
	}
}

// serveTLS answers for every name by its Host, with one certificate, and returns its address.
func serveTLS(t *testing.T, ca *pki.CA, serving map[string]http.HandlerFunc) string {
	t.Helper()
	names := []string{}
	for host := range serving {
		names = append(names, host)
	}
	certPEM, keyPEM, err := ca.Issue(names...)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, ok := serving[r.Host]
		if !ok || r.TLS.ServerName != r.Host {
			http.Error(w, "nobody has this name", http.StatusMisdirectedRequest)
			return
		}
		h(w, r)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // refused handshakes are what some tests are about
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// leadsTo answers with a chain of CNAMEs from the name asked for, and an address at its end.
func leadsTo(names ...string) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		owner := q.Question[0].Name
		if owner != dns.Fqdn(sharedName) {
			m.Rcode = dns.RcodeRefused
		} else {
			for _, n := range names {
				m.Answer = append(m.Answer, &dns.CNAME{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: 60}, Target: dns.Fqdn(n)})
				owner = dns.Fqdn(n)
			}
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.IPv4(127, 0, 0, 1)})
		}
		_ = w.WriteMsg(m)
	}
}

func refuses(code int) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) { _ = w.WriteMsg(new(dns.Msg).SetRcode(q, code)) }
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// never answers before the client has gone.
func never(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func collect(t *testing.T, opts Options) Report {
	t.Helper()
	r, err := Collect(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestHealthy(t *testing.T) {
	opts := environment(t, nil, nil)
	opts.Votes = func(check string) string { return "3 of 3 for " + check }
	before := time.Now()
	got := collect(t, opts)
	if got.Checked.Before(before) || got.Checked.After(time.Now()) || got.Checked.Location() != time.UTC {
		t.Errorf("checked at %s, want now, in UTC", got.Checked)
	}
	year := Certificate{CertificateExpires: got.CertificateExpires, CertificateDays: new(396)} // the local authority's 397, begun
	if left := time.Until(got.CertificateExpires); left < 396*24*time.Hour || left > 397*24*time.Hour {
		t.Errorf("the certificate of the shared name ends in %s", left)
	}
	region := func(name, provider, role, host string, serving bool) Region {
		return Region{Certificate: year, Name: name, Provider: provider, Role: role, Healthy: true, Serving: serving, URL: "https://" + host + "/",
			HealthURL: "https://" + host + "/health", Digest: "sha256:" + provider, Release: "r1", Model: "sha256:m",
			Votes: "3 of 3 for check-" + provider, reached: true}
	}
	want := Report{
		Environment: "test", Hostname: sharedName, Status: OK, DNS: opts.DNS, Edge: opts.Edge, BoundSeconds: 105, Speed: 1, Certificate: year,
		Serving: "aws/us-east-1", Checked: got.Checked,
		Regions: []Region{
			region("aws/us-east-1", "aws", "primary", awsName, true),
			region("gcp/us-central1", "gcp", "standby", gcpName, false),
			region("azure/eastus", "azure", "standby", azureName, false),
		},
	}
	checks := map[string]report.Result{}
	for _, c := range got.Checks {
		checks[c.Name] = c.Result
	}
	if diff := cmp.Diff(map[string]report.Result{
		"shared name": report.OK, "drift": report.OK, "certificate: " + sharedName: report.OK,
		"region aws/us-east-1": report.OK, "manager: aws/us-east-1": report.Skipped, "function: aws/us-east-1": report.Skipped, "certificate: aws/us-east-1": report.OK,
		"region gcp/us-central1": report.OK, "manager: gcp/us-central1": report.Skipped, "function: gcp/us-central1": report.Skipped, "certificate: gcp/us-central1": report.OK,
		"region azure/eastus": report.OK, "manager: azure/eastus": report.Skipped, "function: azure/eastus": report.Skipped, "certificate: azure/eastus": report.OK,
	}, checks); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	got.Checks = nil
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Report{}, Region{})); diff != "" {
		t.Errorf("report (+) is not what was wanted (-):\n%s", diff)
	}
}

// One region does not do what it should: what is said of it, and what becomes of the whole.
func TestRegion(t *testing.T) {
	for _, c := range []struct {
		name    string
		answer  http.HandlerFunc
		timeout time.Duration
		healthy bool
		status  string
		digest  string // reported; the deployed one of a region that does not answer
		detail  string
	}{
		{"answered by another region", tells("aws/us-east-1", "sha256:aws"), 0, false, Degraded, "sha256:gcp", "its name is answered by aws/us-east-1"},
		{"another artefact than deployed", tells("gcp/us-central1", "sha256:older"), 0, true, Warned, "sha256:older", "runs another artefact than was deployed"},
		{"503", says(503, `{"status":"degraded"}`), 0, false, Degraded, "sha256:gcp", "answered 503 Service Unavailable"},
		{"a redirect to a healthy region", http.RedirectHandler("https://"+awsName+"/health", http.StatusFound).ServeHTTP, 0, false, Degraded, "sha256:gcp", "answered 302 Found"},
		{"not JSON", says(200, "<html>It works!</html>"), 0, false, Degraded, "sha256:gcp", "answered something that is no health report"},
		{"nothing", says(200, ""), 0, false, Degraded, "sha256:gcp", "answered something that is no health report"},
		{"timeout", never, 2 * time.Second, false, Degraded, "sha256:gcp", context.DeadlineExceeded.Error()},
		{"connection cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, false, Degraded, "sha256:gcp", "EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := environment(t, map[string]http.HandlerFunc{gcpName: c.answer}, nil)
			if c.timeout != 0 {
				opts.Timeout = c.timeout
			}
			r := collect(t, opts)
			got := r.Regions[1]
			if got.Healthy != c.healthy || r.Status != c.status || got.Digest != c.digest || !strings.HasPrefix(got.Detail, c.detail) {
				t.Errorf("healthy %v, digest %s, detail %q, status %s; want %v, %s, %q, %s",
					got.Healthy, got.Digest, got.Detail, r.Status, c.healthy, c.digest, c.detail, c.status)
			}
			if strings.Contains(got.Detail, "https://") {
				t.Errorf("detail %q repeats the URL", got.Detail)
			}
			if r.Serving != "aws/us-east-1" || !r.Regions[0].Healthy || !r.Regions[2].Healthy {
				t.Errorf("the other regions are seen as %+v and %+v, serving %q", r.Regions[0], r.Regions[2], r.Serving)
			}
		})
	}
}

// A slow region costs its own time once: the regions are asked side by side.
func TestSlowRegionsAreAskedAtOnce(t *testing.T) {
	opts := environment(t, map[string]http.HandlerFunc{awsName: never, gcpName: never, azureName: never}, nil)
	opts.Timeout = time.Second
	began := time.Now()
	r := collect(t, opts)
	if took := time.Since(began); took >= 3*opts.Timeout {
		t.Errorf("three regions that do not answer took %s, one may take %s", took, opts.Timeout)
	}
	if r.Status != Down || r.Serving != "aws/us-east-1" {
		t.Errorf("status %s, serving %q; want down, though the name still leads to the first", r.Status, r.Serving)
	}
}

func TestName(t *testing.T) {
	unhealthy := says(503, "")
	for _, c := range []struct {
		name     string
		resolver dns.HandlerFunc
		answers  map[string]http.HandlerFunc
		serving  string
		status   string
	}{
		{"leads to a standby", leadsTo(gcpName), nil, "gcp/us-central1", OK},
		{"leads to a standby, the first is ill", leadsTo(gcpName), map[string]http.HandlerFunc{awsName: unhealthy}, "gcp/us-central1", Degraded},
		{"over another name, in capitals", leadsTo("edge.polygate.test", strings.ToUpper(azureName), "site.azurewebsites.test"), nil, "azure/eastus", OK},
		{"leads to a region, none is well", leadsTo(awsName), map[string]http.HandlerFunc{awsName: unhealthy, gcpName: unhealthy, azureName: unhealthy}, "aws/us-east-1", Down},
		{"leads to somebody else", leadsTo("parked.polygate.test"), nil, "", Down},
		{"an address and no name", leadsTo(), nil, "", Down},
		{"no answer in it", refuses(dns.RcodeSuccess), nil, "", Down},
		{"NXDOMAIN", refuses(dns.RcodeNameError), nil, "", Down},
		{"leads to a region whose own name is gone", func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetRcode(q, dns.RcodeNameError) // of the last name of the chain (RFC 6604, section 3)
			m.Answer = []dns.RR{&dns.CNAME{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET}, Target: dns.Fqdn(awsName)}}
			_ = w.WriteMsg(m)
		}, nil, "", Down},
		{"SERVFAIL", refuses(dns.RcodeServerFailure), nil, "", Down},
		{"too long for UDP", func(w dns.ResponseWriter, q *dns.Msg) {
			if w.RemoteAddr().Network() == "udp" {
				m := new(dns.Msg).SetReply(q)
				m.Truncated = true
				_ = w.WriteMsg(m)
				return
			}
			leadsTo(awsName)(w, q)
		}, nil, "aws/us-east-1", OK},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := collect(t, environment(t, c.answers, c.resolver))
			if r.Serving != c.serving || r.Status != c.status {
				t.Errorf("serving %q, status %s; want %q, %s", r.Serving, r.Status, c.serving, c.status)
			}
			for _, reg := range r.Regions {
				if reg.Serving != (reg.Name == c.serving) {
					t.Errorf("%s: serving is %v", reg.Name, reg.Serving)
				}
				if reg.Healthy != (c.answers[strings.ReplaceAll(reg.Name, "/", "-")+"."+sharedName] == nil) {
					t.Errorf("%s: healthy is %v (%s)", reg.Name, reg.Healthy, reg.Detail)
				}
			}
		})
	}
}

// Whoever stops looking has seen nothing: least of all that everything is down.
func TestCancelledLook(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	opts := environment(t, map[string]http.HandlerFunc{gcpName: func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}}, nil)
	if r, err := Collect(ctx, opts); !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v; want that it was cancelled", r, err)
	}
}

func TestNameServerIsGone(t *testing.T) {
	opts := environment(t, nil, nil)
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	opts.DNS = pc.LocalAddr().String()
	opts.Timeout = 2 * time.Second
	for _, state := range []string{"silent", "gone"} {
		t.Run(state, func(t *testing.T) {
			if state == "gone" {
				pc.Close()
			}
			r := collect(t, opts)
			if r.Status != Down || r.Serving != "" {
				t.Errorf("status %s, serving %q; want down and nobody", r.Status, r.Serving)
			}
			if r.Detail == "" {
				t.Error("it does not say why")
			}
			for _, reg := range r.Regions {
				if !reg.Healthy {
					t.Errorf("%s answers under its own name, and is seen as not healthy: %s", reg.Name, reg.Detail)
				}
			}
		})
	}
}

func TestCertificates(t *testing.T) {
	other, err := pki.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, authority := range map[string]string{"another authority": other.Path(), "the system's": ""} {
		t.Run(name, func(t *testing.T) {
			opts := environment(t, nil, nil)
			opts.Edge.CA = authority
			r := collect(t, opts)
			if r.Status != Down {
				t.Errorf("status %s, want down", r.Status)
			}
			for _, reg := range r.Regions {
				if reg.Healthy || !strings.Contains(reg.Detail, "certificate") {
					t.Errorf("%s: healthy %v, detail %q; want the certificate refused", reg.Name, reg.Healthy, reg.Detail)
				}
			}
			if _, err := Ask(t.Context(), r); err == nil || !strings.Contains(err.Error(), "certificate") {
				t.Errorf("Ask: error %v, want the certificate refused", err)
			}
		})
	}
	t.Run("no such file", func(t *testing.T) {
		opts := environment(t, nil, nil)
		opts.Edge.CA = filepath.Join(t.TempDir(), "ca.pem")
		if _, err := Collect(t.Context(), opts); err == nil || !strings.Contains(err.Error(), opts.Edge.CA) {
			t.Errorf("error %v, want one that names the file", err)
		}
		if err := os.WriteFile(opts.Edge.CA, []byte("no certificate"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Collect(t.Context(), opts); err == nil || !strings.Contains(err.Error(), "holds no certificate") {
			t.Errorf("error %v, want that there is no certificate in the file", err)
		}
	})
}

func TestAsk(t *testing.T) {
	opts := environment(t, nil, nil)
	h, err := Ask(t.Context(), collect(t, opts))
	if err != nil {
		t.Fatal(err)
	}
	if h.Region != "aws/us-east-1" || h.Artefact != "sha256:aws" || h.Status != health.StatusOK {
		t.Errorf("answered by %+v, want aws/us-east-1", h)
	}
	opts = environment(t, map[string]http.HandlerFunc{sharedName: says(502, "")}, nil)
	if h, err := Ask(t.Context(), collect(t, opts)); err == nil || err.Error() != "answered 502 Bad Gateway" {
		t.Errorf("%+v, %v; want the answer's status", h, err)
	}
}

// TestJSON keeps the shape that tools outside read: a name that goes or changes its type breaks them.
func TestJSON(t *testing.T) {
	b, err := json.Marshal(Report{Regions: []Region{{}}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"environment":"","hostname":"","status":"","dns":"","edge":{"address":"","ca":""},"bound_seconds":0,"speed":0,"serving":"",` +
		`"regions":[{"name":"","provider":"","role":"","healthy":false,"serving":false,"url":"","health_url":"","digest":"","release":""}],"checked":"0001-01-01T00:00:00Z"}`
	if string(b) != want {
		t.Errorf("a report is\n%s\nwant\n%s", b, want)
	}
	opts := environment(t, nil, nil)
	opts.Topology.Regions = nil
	if b, err := json.Marshal(collect(t, opts)); err != nil || !strings.Contains(string(b), `"regions":[]`) {
		t.Errorf("without regions: %s, %v; want an empty list", b, err)
	}
}
