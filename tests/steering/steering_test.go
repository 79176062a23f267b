// Package steering changes how a stack that serves is steered, and watches from a client's seat that it goes on being answered.
package steering

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"polygate.example/tests/harness"
	"polygate.example/tests/harness/harnesstest"
)

const speed = 60 // nothing fails here, and what waits is certificates

// watcher asks for the shared name's address all the time.
type watcher struct {
	cancel  context.CancelFunc
	done    sync.WaitGroup
	mu      sync.Mutex
	asked   int
	refused []string
	away    int // questions while there was no server at all: the local clouds are started anew for zones at another manager
}

func watch(t *testing.T, env *harness.Environment, host string) *watcher {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &watcher{cancel: cancel}
	t.Cleanup(cancel)
	w.done.Go(func() {
		pace := time.NewTicker(5 * time.Millisecond)
		defer pace.Stop()
		gone := false
		for range pace.C {
			if ctx.Err() != nil {
				return
			}
			addresses, err := env.Resolver().LookupNetIP(ctx, "ip4", host+".")
			w.mu.Lock()
			w.asked++
			switch answered := err == nil && len(addresses) > 0; {
			case answered:
				gone = false
			case ctx.Err() != nil:
			case gone || strings.Contains(errorText(err), "connection refused"):
				gone = true // until there is an answer again: the server is there before its zones are
				w.asked, w.away = w.asked-1, w.away+1
			default:
				w.refused = append(w.refused, time.Now().Format("15:04:05.000")+" "+errorText(err))
			}
			w.mu.Unlock()
		}
	})
	return w
}

func errorText(err error) string {
	if err == nil {
		return "no address"
	}
	return err.Error()
}

// since reports what went unanswered after the last look.
func (w *watcher) since(t *testing.T, what string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.refused) > 0 || w.asked < 10 {
		t.Errorf("%s: %d of %d questions were not answered: %v", what, len(w.refused), w.asked, w.refused[:min(5, len(w.refused))])
	}
	w.asked, w.refused = 0, nil
}

// TestChangeOfPlan goes from every way that Route 53 steers to another, by `up` alone: the shared name is answered at every
// moment, a preview afterwards is clean, and nothing is left of the way before.
func TestChangeOfPlan(t *testing.T) {
	none := map[string]any{"steering": nil, "weights": nil, "geo": nil, "ramp": nil, "drained": nil, "route53": nil, "ttl": 30,
		"check": map[string]any{"interval": 10, "threshold": 2, "path": "/health"}}
	dials := func(change map[string]any) map[string]any {
		out := maps.Clone(none)
		maps.Copy(out, change)
		return out
	}
	passive := dials(map[string]any{"manager": "route53", "pattern": "active-passive", "regions": []string{"aws/us-east-1", "aws/eu-west-1", "gcp/us-central1"}})
	env := harnesstest.New(t, harness.Options{Speed: speed, Dials: passive})
	harnesstest.Must(t, env, "up")
	w := watch(t, env, harnesstest.Status(t, env).Hostname)
	for _, step := range []struct {
		name  string
		dials map[string]any
		verbs string // what the preview must not speak of
	}{
		{"weighted", map[string]any{"pattern": "active-active", "steering": "weighted", "weights": map[string]any{"aws/us-east-1": 200}}, "replace"},
		{"weighted, with another TTL", map[string]any{"pattern": "active-active", "steering": "weighted", "ttl": 45}, ""},
		{"weighted, one drained", map[string]any{"pattern": "active-active", "steering": "weighted", "ttl": 45, "drained": []string{"aws/us-east-1"}}, "replace create delete"},
		{"ramped", map[string]any{"pattern": "active-active", "steering": "weighted", "ramp": []int{5, 25, 50, 100}}, "replace"},
		{"geo", map[string]any{"pattern": "active-active", "steering": "geo", "geo": map[string]any{"aws/us-east-1": map[string]any{"default": true},
			"aws/eu-west-1": map[string]any{"continents": []string{"EU"}}, "gcp/us-central1": map[string]any{"countries": []string{"US-CA"}}}}, "replace"},
		{"groups by latency", map[string]any{"pattern": "multi-region", "steering": "latency"}, "replace"},
		{"groups by weight, ramped and switched", map[string]any{"pattern": "multi-region", "steering": "weighted", "ramp": []int{10, 100},
			"route53": map[string]any{"routingControls": true, "atLeastOn": 2}}, "replace"},
		{"active-passive", map[string]any{"pattern": "active-passive"}, "replace"},
	} {
		harnesstest.Turn(t, env, dials(step.dials))
		before := harnesstest.Must(t, env, "preview")
		for _, verb := range strings.Fields(step.verbs) {
			if harnesstest.Would(before.Stdout, verb) {
				t.Errorf("%s: the preview speaks of %s:\n%s", step.name, verb, before.Stdout)
			}
		}
		harnesstest.Must(t, env, "up")
		w.since(t, step.name)
		harnesstest.Settled(t, env, step.name)
		if step.dials["route53"] != nil {
			switches(t, env)
			w.since(t, "switching")
		}
	}
	w.cancel()
	w.done.Wait()
}

// switches turns routing controls, which are all off at first.
func switches(t *testing.T, env *harness.Environment) {
	t.Helper()
	harnesstest.Fails(t, env, 2, "ATLEAST 2 of its controls on, and 1 would be", "local", "control", "aws/us-east-1", "on")
	r := harnesstest.Must(t, env, "local", "control", "aws/us-east-1", "aws/eu-west-1", "gcp/us-central1", "on")
	if got := strings.Fields(r.Stdout); !slices.Equal(got, []string{"aws/eu-west-1", "on", "aws/us-east-1", "on", "gcp/us-central1", "on"}) {
		t.Errorf("all on: %q", r.Stdout)
	}
}

// TestChangeOfManager: another manager alone would take a stack out of the zone that clients are led to, and is refused; by way of a
// spare it is done and the shared name is answered at every moment.
func TestChangeOfManager(t *testing.T) {
	dials := map[string]any{"manager": "route53", "pattern": "active-passive", "regions": []string{"aws/us-east-1", "aws/eu-west-1"}, "ttl": 30,
		"check": map[string]any{"interval": 10, "threshold": 2, "path": "/health"}, "route53": nil}
	env := harnesstest.New(t, harness.Options{Speed: speed, Dials: dials})
	harnesstest.Must(t, env, "up")
	st := harnesstest.Status(t, env)
	w := watch(t, env, st.Hostname)
	harnesstest.Turn(t, env, map[string]any{"manager": "cloudflare"})
	const safe = "polygate:manager: route53 with polygate:spare: cloudflare"
	harnesstest.Must(t, env, "local", "fail", "aws/eu-west-1")
	if r, err := env.Polygate(t.Context(), "up"); err != nil || r.Code != 2 || !strings.Contains(r.Stdout+r.Stderr, safe) || !strings.Contains(r.Stdout+r.Stderr, "--cut-over") {
		t.Errorf("up: %d, %v\n%s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	if r := harnesstest.Must(t, env, "local", "faults"); !strings.Contains(r.Stdout, "aws/eu-west-1") {
		t.Errorf("what is refused has ended the fault in force:\n%s", r.Stdout)
	}
	harnesstest.Must(t, env, "local", "heal")
	if r := harnesstest.Must(t, env, "preview"); !strings.Contains(r.Stdout, "warning: ") || !strings.Contains(r.Stdout, safe) {
		t.Errorf("the preview does not say the safe way:\n%s", r.Stdout)
	}
	w.since(t, "a refused change")

	for _, step := range []struct {
		name     string
		dials    map[string]any
		delegate string
	}{
		{"with the new one as the spare", map[string]any{"manager": "route53", "spare": "cloudflare"}, ""},
		{"delegated to it", nil, "cloudflare"},
		{"in each other's place", map[string]any{"manager": "cloudflare", "spare": "route53"}, ""},
		{"without the old one", map[string]any{"spare": nil}, ""},
	} {
		if step.dials != nil {
			harnesstest.Turn(t, env, step.dials)
			harnesstest.Must(t, env, "up")
			if r := harnesstest.Must(t, env, "preview", "--exit-code"); !strings.Contains(r.Stdout, "no changes") || strings.Contains(r.Stdout, "warning") {
				t.Errorf("%s: preview after up says:\n%s", step.name, r.Stdout)
			}
		}
		if step.delegate != "" {
			harnesstest.Must(t, env, "local", "delegate", step.delegate)
			harnesstest.Healthy(t, env)
			harnesstest.Turn(t, env, map[string]any{"spare": nil})
			harnesstest.Fails(t, env, 2, "is delegated to "+step.delegate+", whose records go", "up")
		}
		w.since(t, step.name)
	}

	// Who says so may cut clients off, and the local clouds leave the delegation where it is, as the zone above would.
	if w.away == 0 {
		t.Error("the local clouds were never started anew, so that what is said of that is out of date")
	}
	w.cancel()
	w.done.Wait()
	harnesstest.Turn(t, env, map[string]any{"manager": "route53"})
	if r, err := env.Polygate(t.Context(), "up", "--cut-over"); err != nil || r.Code == 2 {
		t.Errorf("up --cut-over: %d, %v\n%s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	if got, err := env.Resolver().LookupHost(t.Context(), st.Hostname+"."); err == nil {
		t.Errorf("%v answer for a zone that is still delegated to the manager of before", got)
	}
	harnesstest.Must(t, env, "local", "delegate", "route53")
	if _, err := env.Healthy(t.Context()); err != nil {
		t.Error(err)
	}
}
