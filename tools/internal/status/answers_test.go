package status

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/localcloud/dns/dnstest"
	"polygate.example/tools/internal/report"
)

// remembers answers as a resolver does that keeps an answer.
func remembers(ttl uint32, names ...string) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		leadsTo(names...)(ttled{w, ttl}, q)
	}
}

// ttled writes messages with another TTL.
type ttled struct {
	dns.ResponseWriter
	ttl uint32
}

func (w ttled) WriteMsg(m *dns.Msg) error {
	for _, rr := range m.Answer {
		rr.Header().Ttl = w.ttl
	}
	return w.ResponseWriter.WriteMsg(m)
}

func check(t *testing.T, r Report, name string) report.Check {
	t.Helper()
	for _, c := range r.Checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("there is no check %q among %+v", name, r.Checks)
	return report.Check{}
}

// TestAnswers: each server is asked itself, what it says is held against the zone's own, and one that fails is a line and not the end.
func TestAnswers(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	seen := func(drained, ill string) func(context.Context) Control {
		return func(context.Context) Control {
			c := Control{Managed: map[string]control.Region{}}
			for _, name := range []string{"aws/us-east-1", "gcp/us-central1", "azure/eastus"} {
				c.Managed[name] = control.Region{Healthy: name != ill, Drained: name == drained, State: map[bool]string{true: "unhealthy"}[name == ill]}
			}
			return c
		}
	}
	for _, c := range []struct {
		name           string
		pattern        string
		steering       string
		authority      []dns.HandlerFunc
		resolver       dns.HandlerFunc
		control        func(context.Context) Control
		verdict, says  string        // of the resolver
		servers        report.Result // the check of the authoritative servers
		result, status any
	}{
		{name: "it agrees", authority: []dns.HandlerFunc{leadsTo(awsName), leadsTo(awsName)}, resolver: remembers(7, awsName), verdict: Agrees, servers: report.OK, result: report.OK, status: OK},
		{name: "it is stale", authority: []dns.HandlerFunc{leadsTo(awsName)}, resolver: remembers(12, gcpName), verdict: Stale, servers: report.OK, result: report.Warning, status: Warned,
			says: "it leads to gcp/us-central1, and the zone to aws/us-east-1; it remembers that for 12 s more"},
		{name: "it holds on past the TTL", authority: []dns.HandlerFunc{leadsTo(awsName)}, resolver: remembers(3600, gcpName), verdict: Stale, servers: report.OK, result: report.Warning, status: Warned,
			says: "it keeps that for 3600 s more, and the record lives for 60 s"},
		{name: "it does not answer", authority: []dns.HandlerFunc{leadsTo(awsName)}, resolver: refuses(dns.RcodeServerFailure), verdict: NoAnswer, servers: report.OK, result: report.Warning, status: Warned, says: "SERVFAIL"},
		{name: "it leads astray", authority: []dns.HandlerFunc{leadsTo(awsName)}, resolver: refuses(dns.RcodeSuccess), verdict: NoAnswer, servers: report.OK, result: report.Warning, status: Warned, says: "there is no record"},
		{name: "servers that differ", authority: []dns.HandlerFunc{leadsTo(awsName), leadsTo(gcpName)}, resolver: remembers(7, awsName), verdict: Agrees, servers: report.Warning, result: report.OK, status: Warned},
		{name: "a server that is lost", authority: []dns.HandlerFunc{nil, leadsTo(awsName)}, resolver: remembers(7, awsName), verdict: Agrees, servers: report.Warning, result: report.OK, status: Warned},
		{name: "no server answers", authority: []dns.HandlerFunc{nil}, resolver: remembers(7, awsName), verdict: Untold, servers: report.Warning, result: report.OK, status: Warned},
		{name: "by weight, another one of those that serve", pattern: "active-active", steering: "weighted", authority: []dns.HandlerFunc{leadsTo(awsName)}, resolver: remembers(7, gcpName), control: seen("", ""),
			verdict: Agrees, servers: report.OK, result: report.OK, status: OK},
		{name: "by weight, one that is drained", pattern: "active-active", steering: "weighted", authority: []dns.HandlerFunc{leadsTo(awsName)}, resolver: remembers(7, gcpName), control: seen("gcp/us-central1", ""),
			verdict: Stale, servers: report.OK, result: report.Warning, status: Warned, says: "it leads to gcp/us-central1, which is to have no clients; it remembers that for 7 s more"},
		{name: "by weight, one that is ill", pattern: "active-active", steering: "weighted", authority: []dns.HandlerFunc{leadsTo(awsName)}, resolver: remembers(7, gcpName), control: seen("", "gcp/us-central1"),
			verdict: Stale, servers: report.OK, result: report.Warning, status: Warned, says: "which the traffic manager calls unhealthy"},
		{name: "another group", pattern: "multi-region", steering: "weighted", authority: []dns.HandlerFunc{leadsTo(awsName)}, resolver: remembers(7, gcpName), control: seen("", ""),
			verdict: Stale, servers: report.OK, result: report.Warning, status: Warned, says: "and the zone to the regions of aws"},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := environment(t, nil, nil)
			opts.Timeout = 2 * time.Second
			opts.Topology.TTL, opts.Topology.Steering, opts.Topology.Pattern = 60, c.steering, c.pattern
			opts.Control = c.control
			var servers []Server
			for _, h := range c.authority {
				s := Server{"ns", silent.LocalAddr().String()}
				if h != nil {
					s.Address = dnstest.Serve(t, h)
				}
				servers = append(servers, s)
			}
			opts.Authorities = func(context.Context) ([]Server, error) { return servers, nil }
			opts.Resolvers = []Server{{"public", dnstest.Serve(t, c.resolver)}}
			r := collect(t, opts)
			a := r.Answers[len(r.Answers)-1]
			if len(r.Answers) != len(servers)+1 || a.Kind != Resolver || a.Verdict != c.verdict || !strings.Contains(a.Detail, c.says) {
				t.Errorf("%+v: want %s, ...%s...", a, c.verdict, c.says)
			}
			if got := check(t, r, "resolver public"); got.Result != c.result || got.Remedy == "" && got.Result != report.OK {
				t.Errorf("%+v: want %s", got, c.result)
			}
			if got := check(t, r, "name servers"); got.Result != c.servers || got.Remedy == "" && got.Result != report.OK {
				t.Errorf("%+v: want %s", got, c.servers)
			}
			if r.Status != c.status {
				t.Errorf("status %s, want %s: %+v", r.Status, c.status, r.Checks)
			}
		})
	}
	t.Run("the zone has no servers", func(t *testing.T) {
		opts := environment(t, nil, nil)
		opts.Authorities = func(context.Context) ([]Server, error) { return nil, errors.New("NXDOMAIN") }
		if r := collect(t, opts); r.Status != Warned || !strings.Contains(check(t, r, "name servers").Detail, "NXDOMAIN") {
			t.Errorf("%s: %+v", r.Status, r.Answers)
		}
	})
}

// TestSpareIsAsked: where its servers are known, and it says something else.
func TestSpareIsAsked(t *testing.T) {
	for _, c := range []struct {
		name  string
		spare dns.HandlerFunc
		led   string
		want  report.Result
		says  string
	}{
		{"it answers the same", leadsTo(awsName), "route53", report.OK, "cloudflare answers the same"},
		{"it is out of step", leadsTo(gcpName), "route53", report.Warning, "cloudflare is out of step: spare: it leads to gcp/us-central1"},
		{"it does not know the name", refuses(dns.RcodeRefused), "route53", report.Warning, "REFUSED"},
		{"its servers are not known", nil, "route53", report.Skipped, "--spare-server"},
		{"clients are led there", leadsTo(awsName), "cloudflare", report.Warning, "clients are led to cloudflare"},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := environment(t, nil, nil)
			opts.Topology.Manager, opts.Topology.Spare = "route53", "cloudflare"
			opts.Control = func(context.Context) Control { return Control{Led: c.led} }
			opts.Authorities = func(context.Context) ([]Server, error) { return []Server{{"ns", opts.DNS}}, nil }
			if c.spare != nil {
				opts.Spare = []Server{{"spare", dnstest.Serve(t, c.spare)}}
			}
			if got := check(t, collect(t, opts), "spare"); got.Result != c.want || !strings.Contains(got.Detail, c.says) || got.Remedy == "" && got.Result == report.Warning {
				t.Errorf("%+v: want %s ...%s...", got, c.want, c.says)
			}
		})
	}
}

// TestDrift names what differs.
func TestDrift(t *testing.T) {
	opts := environment(t, map[string]http.HandlerFunc{gcpName: tells("gcp/us-central1", "sha256:older")}, nil)
	opts.Topology.Release, opts.Topology.Model = "r2", "sha256:0123456789abcdef"
	got := check(t, collect(t, opts), "drift")
	for _, want := range []string{"aws/us-east-1 runs the release r1, and r2 was deployed; the model m, and 0123456789ab was deployed\n",
		"gcp/us-central1 runs the release r1, and r2 was deployed; the model m, and 0123456789ab was deployed; the artefact older, and gcp was deployed"} {
		if got.Result != report.Warning || !strings.Contains(got.Detail, want) {
			t.Errorf("%+v: want ...%s...", got, want)
		}
	}
}

// TestUnknown: where this machine reaches nothing at all, nobody is said to be down.
func TestUnknown(t *testing.T) {
	dead, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dead.Close() })
	opts := environment(t, map[string]http.HandlerFunc{sharedName: never, awsName: never, gcpName: never, azureName: never}, nil)
	stuck, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections, and no handshake comes of them
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stuck.Close() })
	opts.DNS, opts.Edge.Address, opts.Timeout = dead.LocalAddr().String(), stuck.Addr().String(), time.Second
	if r := collect(t, opts); r.Status != Unknown {
		t.Errorf("status %s, want unknown: %+v", r.Status, r)
	}
	opts.Control = func(context.Context) Control { return Control{Managed: map[string]control.Region{"aws/us-east-1": {}}} }
	if r := collect(t, opts); r.Status != Down {
		t.Errorf("with a manager that answers: status %s, want down", r.Status)
	}
}

// TestVotesAndAges: what a manager tells is told with its places, and how old it is by the manager's own time.
func TestVotesAndAges(t *testing.T) {
	at := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	opts := environment(t, nil, nil)
	opts.Now = func() time.Time { return at.Add(42 * time.Second) }
	opts.Control = func(context.Context) Control {
		return Control{At: at, Managed: map[string]control.Region{
			"aws/us-east-1":   {State: "unhealthy", Passing: 1, Of: 2, Why: "503", At: at, Votes: []control.Vote{{From: "us-east-1", Healthy: true, At: at}, {From: "eu-west-1", Why: "503"}}},
			"gcp/us-central1": {Healthy: true, Held: 75, State: "healthy"},
			"azure/eastus":    {Healthy: true, Drained: true, State: "disabled"},
		}, Functions: map[string]control.Function{"azure/eastus": {State: "Stopped", Why: "by hand"}}}
	}
	r := collect(t, opts)
	m := r.Regions[0].Manager
	if m.Age == nil || *m.Age != 42 || len(m.Votes) != 2 || m.Votes[1] != (Vote{From: "eu-west-1", Why: "503"}) || r.Regions[1].Manager.Age != nil || !r.Control.Equal(at) {
		t.Errorf("%+v, %+v", m, r.Regions[1].Manager)
	}
	for name, want := range map[string]string{
		"manager: aws/us-east-1": "calls it unhealthy (503), by 1 of 2", "manager: gcp/us-central1": "it has 25 % of its share", "manager: azure/eastus": "drained by hand",
		"function: azure/eastus": "its function is Stopped (by hand)",
	} {
		if got := check(t, r, name); got.Result != report.Warning || got.Detail != want && !strings.HasPrefix(got.Detail, want+":") || got.Remedy == "" {
			t.Errorf("%s: %+v, want ...%s", name, got, want)
		}
	}
}

// TestFindServers asks who has a zone, and for the zone that a name is in.
func TestFindServers(t *testing.T) {
	server := dnstest.Serve(t, dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		switch q := q.Question[0]; {
		case q.Qtype == dns.TypeNS && q.Name == "polygate.test.":
			for _, ns := range []string{"b.ns.test.", "a.ns.test.", "gone.ns.test."} {
				m.Answer = append(m.Answer, &dns.NS{Hdr: dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET}, Ns: ns})
			}
		case q.Qtype == dns.TypeA && q.Name != "gone.ns.test.":
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET}, A: net.IPv4(192, 0, 2, q.Name[0])})
		default:
			m.Rcode = dns.RcodeNameError
		}
		_ = w.WriteMsg(m)
	}))
	for _, zone := range []string{"polygate.test", "api.polygate.test."} {
		got, err := FindServers(t.Context(), server, zone)
		if err != nil || len(got) != 2 || got[0] != (Server{"a.ns.test", "192.0.2.97:53"}) || got[1] != (Server{"b.ns.test", "192.0.2.98:53"}) {
			t.Errorf("%s: %v, %v", zone, got, err)
		}
	}
	if got, err := FindServers(t.Context(), server, "example.test"); err == nil {
		t.Errorf("nobody's zone has the servers %v", got)
	}
}

func TestParseServer(t *testing.T) {
	for text, want := range map[string]string{"1.1.1.1": "1.1.1.1:53", "127.0.0.1:15353": "127.0.0.1:15353", "2606:4700:4700::1111": "[2606:4700:4700::1111]:53", "[::1]:5353": "[::1]:5353",
		"dns.example.com": "dns.example.com:53", "": "", "1.1.1.1:x": "", ":53": "", "https://dns": ""} {
		got, err := ParseServer(text)
		if (err != nil) != (want == "") || err == nil && got.Address != want {
			t.Errorf("%q: %v, %v; want %q", text, got, err, want)
		}
	}
}
