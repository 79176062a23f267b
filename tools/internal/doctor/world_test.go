package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"polygate.example/infra/failover"
	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/localcloud/pki"
)

// world is everything the doctor asks, as a test wants it.
type world struct {
	opts    Options
	account fakeAWS
	project fakeGoogle
	sub     fakeAzure
	token   fakeCloudflare
	records []string          // what the resolver knows, as a zone file writes it
	above   map[string]string // what the servers of the zones above answer, by address
}

type fakeAWS struct {
	who, err   error // of who asks, and of every other question
	regions    []string
	limit      int
	unreserved int
	servers    []string
	zoneErr    error
	checks     [2]int // limit and usage
}

func (f *fakeAWS) HealthChecks(context.Context) (int, int, error) {
	return f.checks[0], f.checks[1], f.err
}
func (f *fakeAWS) Identity(context.Context) (string, error) {
	return "arn:aws:iam::1:user/me", f.who
}
func (f *fakeAWS) Regions(context.Context) ([]string, error) { return f.regions, f.err }
func (f *fakeAWS) Concurrency(context.Context, string) (int, int, error) {
	return f.limit, f.unreserved, f.err
}
func (f *fakeAWS) Zone(context.Context, string) ([]string, error) {
	return f.servers, errors.Join(f.err, f.zoneErr)
}

type fakeGoogle struct {
	who, err           error
	services, location []string
	quotas             []Quota
	restricted         map[string]bool // by constraint
	policyErr          map[string]error
}

func (f *fakeGoogle) Restricted(_ context.Context, _, constraint string) (bool, error) {
	return f.restricted[constraint], errors.Join(f.err, f.policyErr[constraint])
}
func (f *fakeGoogle) Identity(context.Context) (string, error) { return "me@example.com", f.who }
func (f *fakeGoogle) Locations(context.Context, string) ([]string, error) {
	return f.location, f.err
}
func (f *fakeGoogle) Services(context.Context, string) ([]string, error) { return f.services, f.err }
func (f *fakeGoogle) Quotas(context.Context, string) ([]Quota, error)    { return f.quotas, f.err }

type fakeAzure struct {
	who, err            error
	locations, provider []string
	usages              []Quota
	servers             []string
	zoneErr             error
	profiles            int
}

func (f *fakeAzure) Profiles(context.Context, string) (int, error)    { return f.profiles, f.err }
func (f *fakeAzure) Identity(context.Context, string) (string, error) { return "test", f.who }
func (f *fakeAzure) FlexLocations(context.Context, string) ([]string, error) {
	return f.locations, f.err
}
func (f *fakeAzure) Providers(context.Context, string) ([]string, error) { return f.provider, f.err }
func (f *fakeAzure) Usages(context.Context, string, string) ([]Quota, error) {
	return f.usages, f.err
}
func (f *fakeAzure) Zone(context.Context, string, string, string) ([]string, error) {
	return f.servers, errors.Join(f.err, f.zoneErr)
}

type fakeCloudflare struct {
	err     error
	zone    CloudflareZone
	zoneErr error
	pools   [2]int // and endpoints

	rulesets    []Ruleset
	rulesetsErr error
}

func (f *fakeCloudflare) Rulesets(_ context.Context, zone string) ([]Ruleset, error) {
	if zone != f.zone.ID {
		return nil, fmt.Errorf("there is no zone %q", zone)
	}
	return f.rulesets, errors.Join(f.err, f.rulesetsErr)
}

func (f *fakeCloudflare) Identity(context.Context) (string, error) {
	return "an active API token", f.err
}
func (f *fakeCloudflare) Zone(context.Context, string) (CloudflareZone, error) {
	return f.zone, errors.Join(f.err, f.zoneErr)
}
func (f *fakeCloudflare) Pools(context.Context, string) (int, int, error) {
	return f.pools[0], f.pools[1], f.err
}

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// healthy is a world in which nothing is wrong: a stack on all three clouds, deployed, by Route 53 with a spare at Cloudflare.
func healthy(t *testing.T) *world {
	t.Helper()
	ca, err := pki.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	region := func(name, target string) topology.Region {
		provider, label, _ := strings.Cut(name, "/")
		return topology.Region{Name: name, Provider: provider, Hostname: label + "." + provider + ".api.example.com", Target: target}
	}
	deployed := &topology.Topology{Hostname: "api.example.com", Manager: "route53", Spare: "cloudflare", Regions: []topology.Region{
		region("aws/use1", "d-1.execute-api.test"), region("gcp/usc1", "192.0.2.1"), region("azure/eastus", "app.azurewebsites.test"),
	}}
	w := &world{
		account: fakeAWS{regions: []string{"use1", "euw1"}, limit: 1000, unreserved: 900, servers: []string{"NS-2.awsdns.test.", "ns-1.awsdns.test"}, checks: [2]int{200, 10}},
		project: fakeGoogle{services: []string{"run.googleapis.com", "compute.googleapis.com"}, location: []string{"usc1"}, quotas: []Quota{{"URL_MAPS", 10, 9}, {"SNAPSHOTS", 1, 1}}},
		sub:     fakeAzure{locations: []string{"eastus"}, provider: []string{"microsoft.web", "Microsoft.Storage"}, usages: []Quota{{"FlexConsumptionCores", 250, 3}}, servers: []string{"ns1.azure-dns.test"}},
		token:   fakeCloudflare{zone: CloudflareZone{Servers: []string{"ada.ns.cloudflare.test"}, ID: "Z1", Account: "A1", Setup: "full", Status: "pending", Plan: "pro"}, pools: [2]int{3, 3}},
		records: []string{
			"com. 60 IN NS a.gtld.test.", "a.gtld.test. 60 IN A 192.0.2.53",
			"example.com. 60 IN NS ns-1.awsdns.test.", "example.com. 60 IN NS ns-2.awsdns.test.",
			`example.com. 60 IN CAA 0 issue "amazon.com"`, `example.com. 60 IN CAA 0 issue "pki.goog; cansignhttpexchanges=yes"`,
			"api.example.com. 60 IN CNAME usc1.gcp.api.example.com.",
			"use1.aws.api.example.com. 60 IN CNAME d-1.execute-api.test.", "d-1.execute-api.test. 60 IN A 192.0.2.2",
			"usc1.gcp.api.example.com. 60 IN A 192.0.2.1", "eastus.azure.api.example.com. 60 IN CNAME app.azurewebsites.test.",
		},
		above: map[string]string{"192.0.2.53:53": "example.com. 172800 IN NS ns-1.awsdns.test.\nexample.com. 172800 IN NS ns-2.awsdns.test."},
	}
	config := map[string]string{"gcp:project": "p", "azure-native:subscriptionId": "s"}
	w.opts = Options{
		Settings: settings.Settings{Environment: "dev", Hostname: "api.example.com", Zone: "example.com", Manager: "route53", Spare: "cloudflare", Concurrency: 100,
			Regions: []settings.Region{{Provider: "aws", Name: "use1"}, {Provider: "gcp", Name: "usc1"}, {Provider: "azure", Name: "eastus"}}},
		Config:   func(key string) (string, bool) { v, ok := config[key]; return v, ok },
		Deployed: deployed,
		Clouds: Clouds{
			AWS:        func(context.Context) (AWS, error) { return &w.account, nil },
			Google:     func(context.Context) (Google, error) { return &w.project, nil },
			Azure:      func(context.Context) (Azure, error) { return &w.sub, nil },
			Cloudflare: func(context.Context) (Cloudflare, error) { return &w.token, nil },
		},
		Zones: map[string]Authority{"route53": {Zone: "Route 53 hosted zone"}, "cloudflare": {Zone: "Cloudflare zone", Issuers: []string{"pki.goog"}}, "trafficmanager": {Zone: "Azure DNS zone"}},
		Needs: map[string][]failover.Need{"route53": {{Of: "health checks", Count: 3}}, "trafficmanager": {{Of: "profiles", Count: 3, Most: 200}},
			"cloudflare": {{Of: "pools", Count: 3, Most: 20}, {Of: "endpoints", Count: 3, Most: 20}}},
		Fit: func(CloudflareZone) error { return nil },
		Issuers: []Issuer{{"aws", []string{"amazon.com", "amazontrust.com"}, []string{"use1.aws.api.example.com"}},
			{"gcp", []string{"pki.goog", "letsencrypt.org"}, []string{"usc1.gcp.api.example.com"}}, {"azure", nil, []string{"eastus.azure.api.example.com"}}},
		APIs:    []string{"compute.googleapis.com", "run.googleapis.com"},
		ARM:     []string{"Microsoft.Storage", "Microsoft.Web"},
		Roots:   ca.Pool(),
		Now:     func() time.Time { return time.Now() },
		Resolve: w.resolve,
	}
	w.opts.Dial = present(t, ca, "*.aws.api.example.com", "*.gcp.api.example.com", "*.azure.api.example.com", "api.example.com")
	return w
}

// proxied is the stack behind Cloudflare's proxy before it is deployed, in a zone that has rules by hand.
func (w *world) proxied() {
	w.opts.Settings.Manager, w.opts.Settings.Spare, w.opts.Settings.Cloudflare.Proxied, w.opts.Deployed = "cloudflare", "", true, nil
	w.opts.Phases = []string{"http_request_late_transform", "http_config_settings"}
	w.token.rulesets = []Ruleset{{"r0", "waf", "http_request_firewall_custom"}, {"r1", "default", "http_config_settings"}, {"r2", "headers", "http_request_late_transform"}}
}

// present dials a server that presents a certificate for the names.
func present(t *testing.T, ca *pki.CA, names ...string) func(context.Context, string) (net.Conn, error) {
	t.Helper()
	certificate, key, err := ca.Issue(names...)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = c.(*tls.Conn).Handshake() // the other side says why
			}()
		}
	}()
	return func(ctx context.Context, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.Addr().String())
	}
}

// resolve answers from the world's records, following aliases as a resolver does.
func (w *world) resolve(_ context.Context, q *dns.Msg, server string) (*dns.Msg, error) {
	in := new(dns.Msg).SetReply(q)
	zone := w.records
	if server != "" {
		text, known := w.above[server]
		if !known {
			return nil, errors.New("no answer from " + server)
		}
		for line := range strings.SplitSeq(text, "\n") {
			if rr, err := dns.NewRR(line); err == nil && rr != nil {
				in.Ns = append(in.Ns, rr)
			}
		}
		in.Authoritative = text == ""
		return in, nil
	}
	name := q.Question[0].Name
	in.Rcode = dns.RcodeNameError
	for range 4 {
		next := ""
		for _, line := range zone {
			rr, err := dns.NewRR(line)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", line, err)
			}
			if rr.Header().Name != name {
				continue
			}
			in.Rcode = dns.RcodeSuccess
			if c, alias := rr.(*dns.CNAME); alias {
				next = c.Target
				in.Answer = append(in.Answer, rr)
			} else if rr.Header().Rrtype == q.Question[0].Qtype {
				in.Answer = append(in.Answer, rr)
			}
		}
		if next == "" {
			break
		}
		name = next
	}
	return in, nil
}

// without takes the records of a name out.
func (w *world) without(name string) {
	var kept []string
	for _, r := range w.records {
		if !strings.HasPrefix(r, name+". ") {
			kept = append(kept, r)
		}
	}
	w.records = kept
}

func remove(records []string, prefix string) []string {
	var kept []string
	for _, r := range records {
		if !strings.HasPrefix(r, prefix) {
			kept = append(kept, r)
		}
	}
	return kept
}
