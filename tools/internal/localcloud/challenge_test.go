package localcloud

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/resource"
)

// txt asks the clouds' DNS for the TXT values at a name.
func txt(t *testing.T, server, name string) []string {
	t.Helper()
	in, _, err := new(dns.Client).ExchangeContext(t.Context(), new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeTXT), server)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, rr := range in.Answer {
		if v, ok := rr.(*dns.TXT); ok {
			out = append(out, strings.Join(v.Txt, ""))
		}
	}
	slices.Sort(out)
	return out
}

func TestChallenges(t *testing.T) {
	c, dir := start(t)
	st, err := ReadState(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	client := NewClient(st)
	const name = "_acme-challenge.a.polygate.test"
	want := func(step string, values ...string) {
		t.Helper()
		if got := txt(t, st.DNS, name); !slices.Equal(got, values) {
			t.Errorf("%s: %v, want %v", step, got, values)
		}
	}
	one, two := Challenge{Name: name, Value: "one"}, Challenge{Name: strings.ToUpper(name) + ".", Value: "two"}
	for _, ch := range []Challenge{one, two, one} {
		if err := client.PutChallenge(t.Context(), ch); err != nil {
			t.Fatal(err)
		}
	}
	want("both", "one", "two")
	// A deployment in between serves a world without them, and them beside it.
	if err := c.apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("after a deployment", "one", "two")
	for _, ch := range []Challenge{one, {Name: name, Value: "nobody's"}} {
		if err := client.DeleteChallenge(t.Context(), ch); err != nil {
			t.Fatal(err)
		}
	}
	want("one gone", "two")
	if err := client.DeleteChallenge(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	want("none")
}

// A zone keeps what was written into it: an authority that looks after a restart finds the answer, and one that was taken out is gone.
func TestChallengesAfterARestart(t *testing.T) {
	dir := t.TempDir()
	anywhere := netip.MustParseAddrPort("127.0.0.1:0")
	opts := Options{Dir: dir, Speed: 10, DNS: anywhere, Edge: anywhere, Origin: anywhere, Network: netip.MustParseAddr("127.0.0.1"),
		Zones: []Zone{{Name: "polygate.test", Manager: "route53"}}, Log: t.Logf}
	const name = "_acme-challenge.a.polygate.test"
	for run, step := range []struct {
		put, remove string
		want        []string // as the run finds them
	}{{put: "one", want: nil}, {put: "two", remove: "one", want: []string{"one"}}, {want: []string{"two"}}} {
		c, err := Start(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		st, err := ReadState(t.Context(), dir)
		if err != nil {
			t.Fatal(errors.Join(err, c.Close()))
		}
		client := NewClient(st)
		if got := txt(t, st.DNS, name); !slices.Equal(got, step.want) {
			t.Errorf("run %d finds %v, want %v", run, got, step.want)
		}
		if step.put != "" {
			err = client.PutChallenge(t.Context(), Challenge{Name: name, Value: step.put})
		}
		if step.remove != "" {
			err = errors.Join(err, client.DeleteChallenge(t.Context(), Challenge{Name: name, Value: step.remove}))
		}
		if err := errors.Join(err, c.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestChallengesRefused(t *testing.T) {
	c, dir := start(t)
	st, err := ReadState(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	// What Google's FIXED_RECORD does: its CNAME leaves ACME no room.
	zone := c.store.View().List("aws:route53/zone:Zone")[0]
	if err := c.store.Seed(resource.Record{Provider: "aws", Type: "aws:route53/record:Record", ID: "taken",
		Inputs:   resource.Props{"zoneId": zone.ID, "name": "_acme-challenge.b.polygate.test", "type": "CNAME", "ttl": 60.0, "records": resource.List("x.goog")},
		Computed: resource.Props{"fqdn": "_acme-challenge.b.polygate.test"}}); err != nil {
		t.Fatal(err)
	}
	if err := c.apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		ch    Challenge
		words string
	}{
		"another name":   {Challenge{"a.polygate.test", "v"}, "answers no challenge"},
		"no value":       {Challenge{"_acme-challenge.a.polygate.test", ""}, "answers no challenge"},
		"another zone":   {Challenge{"_acme-challenge.example.com", "v"}, "no delegated zone of the local clouds holds _acme-challenge.example.com"},
		"beside a CNAME": {Challenge{"_acme-challenge.b.polygate.test", "v"}, "is a CNAME to x.goog"},
	} {
		t.Run(name, func(t *testing.T) {
			err := NewClient(st).PutChallenge(t.Context(), tt.ch)
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tt.words) {
				t.Errorf("%v, want it refused: %s", err, tt.words)
			}
		})
	}
}
