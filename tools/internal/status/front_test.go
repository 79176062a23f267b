package status

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// addressed answers every name with an address of its own, as a manager does that resolves the regions' names itself, or that
// stands before them.
func addressed(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 30}, A: net.IPv4(127, 0, 0, 9)}}
	_ = w.WriteMsg(m)
}

// Where DNS names no region, whoever answers the shared name is asked which one it is.
func TestWhoAnswersIsAsked(t *testing.T) {
	for _, c := range []struct {
		name             string
		answers          map[string]http.HandlerFunc
		serving, details string
		asSpare          bool
	}{
		{"a region", map[string]http.HandlerFunc{sharedName: tells("gcp/us-central1", "sha256:gcp")}, "gcp/us-central1", "", false},
		{"a region, by the spare", map[string]http.HandlerFunc{sharedName: tells("gcp/us-central1", "sha256:gcp")}, "gcp/us-central1", "", true},
		{"a stranger", map[string]http.HandlerFunc{sharedName: tells("aws/eu-west-1", "sha256:aws")}, "", "answered by aws/eu-west-1, which is no region", false},
		{"nobody", map[string]http.HandlerFunc{sharedName: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(521) }}, "", "521", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := environment(t, c.answers, addressed)
			opts.Topology.Manager = "cloudflare"
			if c.asSpare { // to which the zone is delegated
				opts.Topology.Manager, opts.Topology.Spare = "route53", "cloudflare"
			}
			r, err := Collect(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			if r.Serving != c.serving || !strings.Contains(r.Detail, c.details) || (r.Status == OK) != (c.serving != "") {
				t.Errorf("%s, served by %q: %s", r.Status, r.Serving, r.Detail)
			}
			for _, reg := range r.Regions {
				if reg.Serving != (reg.Name == c.serving) {
					t.Errorf("%s serves: %v", reg.Name, reg.Serving)
				}
			}
		})
	}
}

// Regions that answer the front of their manager only are shown what it shows. The shared name is not: it is not theirs.
func TestFrontSecretIsShown(t *testing.T) {
	answers := map[string]http.HandlerFunc{sharedName: func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Polygate-Front") != "" {
			t.Error("the shared name is shown the secret")
		}
		tells("aws/us-east-1", "sha256:aws")(w, r)
	}}
	for name, region := range map[string]string{awsName: "aws/us-east-1", gcpName: "gcp/us-central1", azureName: "azure/eastus"} {
		answers[name] = func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Polygate-Front") != "secret" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			provider, _, _ := strings.Cut(region, "/")
			tells(region, "sha256:"+provider)(w, r)
		}
	}
	opts := environment(t, answers, addressed)
	opts.Topology.Manager = "cloudflare"
	for front, want := range map[string]string{"secret": OK, "": Down} {
		opts.Front = front
		r, err := Collect(t.Context(), opts)
		if err != nil || r.Status != want {
			t.Errorf("shown %q: %s, %v, want %s", front, r.Status, err, want)
		}
	}
}
