package cli

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/goldentest"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/status"
)

// sight is a deployment of three regions, and a look at it in which all is well.
func sight(steering string) (topology.Topology, status.Report) {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	t := topology.Topology{Environment: "prod", Hostname: "api.example.com", Zone: "example.com", Manager: "route53", Pattern: "active-passive", TTL: 30,
		Release: "r0123456789ab", Model: "sha256:9f86d081884c7d65"}
	certificate := func(days int) status.Certificate { return status.Certificate{CertificateDays: &days} }
	r := status.Report{Environment: "prod", Hostname: t.Hostname, Manager: "route53", Led: "route53", Serving: "aws/us-east-1", Checked: at, Control: at.Add(-3 * time.Second),
		Certificate: certificate(80)}
	if steering != "" {
		t.Pattern, t.Steering = "active-active", steering
		r.Pattern, r.Steering = t.Pattern, steering
	}
	for i, name := range []string{"aws/us-east-1", "gcp/northamerica-northeast1", "azure/southeastasia"} {
		provider, place, _ := strings.Cut(name, "/")
		reg := topology.Region{Name: name, Provider: provider, Role: []string{"primary", "standby", "standby"}[i], Weight: 100, Hostname: place + "." + provider + ".api.example.com",
			HealthURL: "https://" + place + "." + provider + ".api.example.com/health", Digest: "sha256:60303ae22b99886" + provider}
		age := float64(2 + 3*i)
		seen := status.Region{Name: name, Provider: provider, Role: reg.Role, Healthy: true, Serving: i == 0, HealthURL: reg.HealthURL, Digest: reg.Digest, Release: t.Release, Model: t.Model,
			Votes: "16 of 16", Certificate: certificate(300 + i), Manager: &status.Managed{Healthy: true, State: "healthy", Age: &age}, Function: &status.Function{Ready: true, State: "Active"}}
		if steering == "weighted" {
			seen.Weight = 100
		}
		t.Regions, r.Regions = append(t.Regions, reg), append(r.Regions, seen)
	}
	r.Answers = []status.Answer{
		answer("ns-1.awsdns-01.com", status.Authoritative, "aws/us-east-1", 30), answer("ns-2.awsdns-02.org", status.Authoritative, "aws/us-east-1", 30),
		answer("192.0.2.53", status.Resolver, "aws/us-east-1", 21),
	}
	return t, r
}

func answer(server, kind, region string, ttl int) status.Answer {
	return status.Answer{Server: status.Server{Name: server}, Kind: kind, Region: region, TTL: &ttl}
}

// TestTable shows what people read, as one page for each thing that can be the matter. Every line fits 120 columns.
func TestTable(t *testing.T) {
	for name, c := range map[string]struct {
		steering string
		change   func(t *topology.Topology, r *status.Report)
		status   string
	}{
		"all-well":  {"", func(*topology.Topology, *status.Report) {}, status.OK},
		"by-weight": {"weighted", func(*topology.Topology, *status.Report) {}, status.OK},
		"region-down": {"", func(_ *topology.Topology, r *status.Report) {
			r.Regions[0].Healthy, r.Regions[0].Detail, r.Regions[0].Votes = false, "answered 503 Service Unavailable", "0 of 16"
			r.Regions[0].Manager.Healthy, r.Regions[0].Manager.State, r.Regions[0].Manager.Why = false, "unhealthy", "Failure: HTTP Status Code 503, Service Unavailable"
			r.Regions[0].Serving, r.Regions[1].Serving, r.Serving = false, true, "gcp/northamerica-northeast1"
			for i := range r.Answers {
				r.Answers[i].Region = r.Serving
			}
		}, status.Degraded},
		"nobody-serves": {"", func(_ *topology.Topology, r *status.Report) {
			r.Serving, r.Detail, r.Answers = "", "192.0.2.53:53 answered SERVFAIL for api.example.com", nil
			r.Regions[0].Serving = false
		}, status.Down},
		"drained-by-hand": {"weighted", func(_ *topology.Topology, r *status.Report) {
			r.Regions[0].Manager.Drained, r.Regions[0].Manager.State = true, "drained"
			r.Regions[1].Manager.Held = 75
			r.Regions[0].Serving, r.Regions[1].Serving, r.Serving = false, true, "gcp/northamerica-northeast1"
			for i := range r.Answers {
				r.Answers[i].Region = r.Serving
			}
		}, status.Warned},
		"drained-by-the-stack": {"", func(t *topology.Topology, r *status.Report) {
			t.Regions[2].Drained, r.Regions[2].Drained, r.Regions[2].Manager.Drained = true, true, true
		}, status.OK},
		"switched-off": {"", func(_ *topology.Topology, r *status.Report) {
			for i := range r.Regions {
				r.Regions[i].Off, r.Regions[i].Manager.Drained = true, true
			}
		}, status.Warned},
		"control-plane-lost": {"", func(_ *topology.Topology, r *status.Report) {
			r.Unasked = []string{"gcp: rpc error: code = Unavailable desc = The service is currently unavailable.", "route53: ServiceUnavailable"}
			for i := range r.Regions {
				r.Regions[i].Manager, r.Regions[i].Votes = nil, ""
			}
			r.Regions[1].Function = nil
		}, status.Warned},
		"drift": {"", func(_ *topology.Topology, r *status.Report) {
			r.Regions[1].Release, r.Regions[1].Model, r.Regions[1].Digest = "rfedcba987654", "sha256:0123456789abcdef", "sha256:fd61a03af4f77d87"
		}, status.Warned},
		"stale-resolver": {"", func(_ *topology.Topology, r *status.Report) {
			r.Answers = append(r.Answers, answer("1.1.1.1", status.Resolver, "azure/southeastasia", 17), answer("198.51.100.1", status.Resolver, "azure/southeastasia", 3600),
				status.Answer{Server: status.Server{Name: "8.8.8.8"}, Kind: status.Resolver, Verdict: status.NoAnswer, Detail: "ask 8.8.8.8:53 for api.example.com: i/o timeout"})
		}, status.Warned},
		"certificate-near-its-end": {"", func(_ *topology.Topology, r *status.Report) {
			days := 12
			r.Regions[2].CertificateDays, r.Regions[2].Detail = &days, "the certificate ends in 12 days: renew it"
		}, status.Warned},
		"spare-out-of-step": {"", func(t *topology.Topology, r *status.Report) {
			t.Spare, r.Spare = "cloudflare", "cloudflare"
			r.Answers = append(r.Answers, answer("ada.ns.cloudflare.com", status.Spare, "gcp/northamerica-northeast1", 30))
		}, status.Warned},
		"led-to-the-spare": {"", func(t *topology.Topology, r *status.Report) {
			t.Spare, r.Spare, r.Led = "cloudflare", "cloudflare", "cloudflare"
		}, status.Warned},
		"watched-before-the-first-look": {"", func(_ *topology.Topology, r *status.Report) {
			r.Control = time.Time{}
			for i := range r.Regions {
				r.Regions[i].Manager, r.Regions[i].Function, r.Regions[i].Votes = nil, nil, ""
			}
		}, status.OK},
	} {
		t.Run(name, func(t *testing.T) {
			top, r := sight(c.steering)
			c.change(&top, &r)
			r.Judge(top)
			if r.Status != c.status {
				t.Errorf("status %s, want %s", r.Status, c.status)
			}
			var out strings.Builder
			if err := table(&out, r); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 120 || strings.HasSuffix(line, " \n") {
					t.Errorf("%d columns, or blanks at its end: %q", n, line)
				}
			}
			goldentest.Compare(t, filepath.Join("testdata", "status", name+".txt"), out.String())
		})
	}
}
