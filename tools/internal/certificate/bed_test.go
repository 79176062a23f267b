package certificate

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-acme/lego/v5/challenge"
	"github.com/miekg/dns"

	"polygate.example/tools/internal/certificate/certificatetest"
	"polygate.example/tools/internal/localcloud"
	"polygate.example/tools/internal/localcloud/dns/dnstest"
	"polygate.example/tools/internal/localcloud/localcloudtest"
)

const (
	zone   = "polygate.test"
	shared = "api.polygate.test"
	own    = "eastus.azure.api.polygate.test"
)

// clouds starts local clouds that hold the zone, with nothing deployed.
func clouds(t *testing.T) (localcloud.State, *localcloud.Client) {
	t.Helper()
	st := localcloudtest.Start(t, t.TempDir(), "127.98.0.0", zone)
	return st, localcloud.NewClient(st)
}

// bed is an order with all it needs.
type bed struct {
	Order
	authority *certificatetest.Authority
	state     localcloud.State

	mu    sync.Mutex
	lines []string // of progress
}

func newBed(t *testing.T) *bed {
	t.Helper()
	st, client := clouds(t)
	a := certificatetest.New(t, st.DNS)
	dir := t.TempDir()
	b := &bed{authority: a, state: st}
	b.Order = Order{
		Files: Files{PFX: filepath.Join(dir, "certificate", "gateway.pfx"), Password: filepath.Join(dir, "certificate", "password")},
		Names: []string{shared, own}, Zone: zone, Directory: a.Directory, Email: "ops@example.com", Client: a.Client,
		Solver: Local(client), DNS: DNS{Server: st.DNS}, Poll: 20 * time.Millisecond, Patience: 30 * time.Second,
		Progress: b.say(t),
	}
	return b
}

func (b *bed) say(t *testing.T) func(format string, args ...any) {
	return func(format string, args ...any) {
		t.Logf(format, args...)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.lines = append(b.lines, strings.TrimSpace(strings.Join(strings.Fields(sprintf(format, args...)), " ")))
	}
}

func (b *bed) said() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.lines, "\n")
}

// stub is a DNS server with fixed CAA records and nothing else.
func stub(t *testing.T, caa map[string]string) string {
	t.Helper()
	return dnstest.Serve(t, dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if value, ok := caa[strings.TrimSuffix(q.Question[0].Name, ".")]; ok && q.Question[0].Qtype == dns.TypeCAA {
			rr, err := dns.NewRR(q.Question[0].Name + " 60 IN CAA " + value)
			if err != nil {
				t.Error(err)
				return
			}
			m.Answer = append(m.Answer, rr)
		}
		_ = w.WriteMsg(m)
	}))
}

// solverOf makes a solver of functions.
type solverOf struct {
	present, cleanUp func(ctx context.Context, domain, keyAuth string) error
}

func (s solverOf) Present(ctx context.Context, domain, _, keyAuth string) error {
	return s.present(ctx, domain, keyAuth)
}

func (s solverOf) CleanUp(ctx context.Context, domain, _, keyAuth string) error {
	return s.cleanUp(ctx, domain, keyAuth)
}

// nowhere is a solver that writes where nobody looks.
var nowhere = solverOf{
	func(context.Context, string, string) error { return nil },
	func(context.Context, string, string) error { return nil },
}

func always(p challenge.Provider) func(context.Context) (challenge.Provider, error) {
	return func(context.Context) (challenge.Provider, error) { return p, nil }
}
