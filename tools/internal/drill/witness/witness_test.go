package witness

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"polygate.example/shared/handler"
	"polygate.example/shared/topology"
	"polygate.example/tools/client"
	"polygate.example/tools/internal/drill"
	"polygate.example/tools/internal/localcloud/dns/dnstest"
)

// names lead to one address.
type names struct{}

func (names) ServeDNS(w mdns.ResponseWriter, q *mdns.Msg) {
	m := new(mdns.Msg).SetReply(q)
	if rr, err := mdns.NewRR(q.Question[0].Name + " 60 IN A 127.0.0.1"); err == nil {
		m.Answer = []mdns.RR{rr}
	}
	_ = w.WriteMsg(m) // the client has gone
}

// watching is a witness of one region, which a handler is; its certificate is for example.com.
func watching(t *testing.T, h http.HandlerFunc) Witness {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	server := dnstest.Serve(t, names{})
	at := netip.MustParseAddrPort(srv.Listener.Addr().String())
	return Witness{
		Topology: topology.Topology{Manager: "route53", Regions: []topology.Region{{Name: "aws/a", Provider: "aws", Hostname: "example.com", URL: "https://example.com/", HealthURL: "https://example.com/health"}}},
		Front:    "secret", Speed: 10,
		Client: func(timeout time.Duration) (*client.Client, error) {
			r, err := client.NewResolver(client.ResolverOptions{Server: server})
			if err != nil {
				return nil, err
			}
			return client.New(client.Options{Resolver: r, RootCAs: roots, Timeout: timeout, Address: func([]string, netip.Addr, int) (netip.AddrPort, error) { return at, nil }})
		},
	}
}

// A fault is seen where it is, and its absence where it is not.
func TestLook(t *testing.T) {
	ok := func(http.ResponseWriter, *http.Request) {}
	ill := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	slow := func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(time.Second):
		case <-r.Context().Done():
		}
	}
	var n atomic.Int64
	half := func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1)%2 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
	healthy := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	region := func(kind drill.Kind) drill.Fault { return drill.Fault{Kind: kind, Target: "aws/a"} }
	for name, c := range map[string]struct {
		fault  drill.Fault
		region http.HandlerFunc
		there  bool
		gone   bool
		says   string
	}{
		"down":                             {region(drill.RegionDown), ill, true, false, "answers 503"},
		"not down":                         {region(drill.RegionDown), ok, false, true, "answers 200"},
		"a provider":                       {drill.Fault{Kind: drill.ProviderDown, Target: "aws"}, ill, true, false, "answers 503"},
		"a blackhole":                      {region(drill.Blackhole), silent, true, false, "does not answer"},
		"no blackhole":                     {region(drill.Blackhole), ok, false, true, "answers 200"},
		"the health endpoint":              {region(drill.HealthFail), ill, true, false, "answers 503"},
		"late":                             {drill.Fault{Kind: drill.Latency, Target: "aws/a", Delay: 10 * time.Second}, slow, true, false, "answers after 1"},
		"not late":                         {drill.Fault{Kind: drill.Latency, Target: "aws/a", Delay: 100 * time.Second}, ok, false, true, "answers 200"},
		"errors":                           {drill.Fault{Kind: drill.ErrorRate, Target: "aws/a", Rate: 1}, ill, true, false, "20 of 20"},
		"some errors":                      {drill.Fault{Kind: drill.ErrorRate, Target: "aws/a", Rate: 0.5}, half, true, false, "10 of 20"},
		"no errors":                        {drill.Fault{Kind: drill.ErrorRate, Target: "aws/a", Rate: 0.5}, ok, false, true, "0 of 20"},
		"errors, but not of the health":    {drill.Fault{Kind: drill.ErrorRate, Target: "aws/a", Rate: 1, SparesHealth: true}, healthy, true, false, "20 of 20"},
		"a certificate that has not ended": {region(drill.CertificateExpired), ok, false, true, "answers 200"},
		"nothing of that name":             {drill.Fault{Kind: drill.RegionDown, Target: "gcp/z"}, ok, false, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			there, gone, text := watching(t, c.region).Look(t.Context(), c.fault)
			if there != c.there || gone != c.gone || !strings.Contains(text, c.says) {
				t.Errorf("there %t, gone %t: %s; want %t, %t: …%s…", there, gone, text, c.there, c.gone, c.says)
			}
		})
	}
}

// Where a gateway fails by order of a drill it says so: another outage is no proof of it.
func TestByOrder(t *testing.T) {
	for by, want := range map[string]bool{"d-1": true, "d-0": false, "": false} {
		w := watching(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(handler.HeaderDrill, by)
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		w.Drill = "d-1"
		for _, f := range []drill.Fault{{Kind: drill.RegionDown, Target: "aws/a"}, {Kind: drill.ErrorRate, Target: "aws/a", Rate: 1}} {
			if there, gone, text := w.Look(t.Context(), f); there != want || gone {
				t.Errorf("%s by %q: there %t, gone %t: %s", f, by, there, gone, text)
			}
		}
	}
}

// A front's secret is shown to a region, which answers nobody else.
func TestFront(t *testing.T) {
	w := watching(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(handler.HeaderFront) != "secret" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	if _, gone, text := w.Look(t.Context(), drill.Fault{Kind: drill.RegionDown, Target: "aws/a"}); !gone {
		t.Error(text)
	}
}

func TestLookAtAPIs(t *testing.T) {
	var err error
	w := Witness{API: func(context.Context, string) error { return err }, InForce: func(context.Context) ([]drill.InForce, error) {
		return []drill.InForce{{Fault: drill.Fault{Kind: drill.DNSStale, Target: "route53"}}}, nil
	}}
	f := drill.Fault{Kind: drill.ControlPlaneDown, Target: "aws"}
	if there, gone, text := w.Look(t.Context(), f); there || !gone {
		t.Error(text)
	}
	err = errors.New("unavailable\nand more")
	if there, gone, text := w.Look(t.Context(), f); !there || gone || !strings.HasSuffix(text, "unavailable") {
		t.Error(text)
	}
	if there, gone, text := w.Look(t.Context(), drill.Fault{Kind: drill.DNSStale, Target: "route53"}); !there || gone {
		t.Error(text)
	}
	if there, gone, text := w.Look(t.Context(), drill.Fault{Kind: drill.DNSStale, Target: "cloudflare"}); there || !gone {
		t.Error(text)
	}
}
