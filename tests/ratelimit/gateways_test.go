package ratelimit

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"polygate.example/shared/config"
	"polygate.example/shared/handler"
	"polygate.example/shared/secret"
)

const password = "not-to-be-logged"

// Those of every limit here, where a test does not say otherwise.
const (
	period  = 200 * time.Millisecond
	timeout = 250 * time.Millisecond // a busy machine may stop any process for longer than the default
)

// told is what gateways log of their store.
type told struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *told) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if strings.Contains(string(b), "limits are") {
		l.b.Write(b)
	}
	return len(b), nil
}

func (l *told) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// gateways are handlers with a state of their own, as in as many processes.
func (s *server) gateways(n int, policy, mode, onError string) []http.Handler {
	s.t.Helper()
	return s.gatewaysAt(s.port, n, policy, "everyone", mode, onError, &told{})
}

// gatewaysAt are those that reach the server by another port, count by something else, and log.
func (s *server) gatewaysAt(port string, n int, policy, by, mode, onError string, log *told) []http.Handler {
	s.t.Helper()
	s.policies++
	name := fmt.Sprintf("calls-%d", s.policies)
	sync := ""
	if mode == "async" {
		sync = ", sync: " + period.String()
	}
	document := fmt.Sprintf(`version: 1
policies:
  %s: { %s, by: %s, shared: { redis: "${secret.REDIS_URL}", mode: %s%s, timeout: %s, onStoreError: %s } } }
everywhere: [%s]
routes: [{ name: all, match: { path: /calls }, respond: { status: 200 } }]
`, name, policy, by, mode, sync, timeout, onError, name)
	m, err := config.Parse("calls", []byte(document))
	if err != nil {
		s.t.Fatalf("%s\n%v", document, err)
	}
	out := make([]http.Handler, n)
	for i := range out {
		secrets, err := secret.FromEnvironment(func(name string) string {
			if name == "REDIS_URL" {
				return "redis://:" + password + "@127.0.0.1:" + port
			}
			return ""
		}, nil)
		if err != nil {
			s.t.Fatal(err)
		}
		if out[i], err = handler.New(m, handler.Options{Secrets: secrets, Logger: slog.New(slog.NewTextHandler(log, nil))}); err != nil {
			s.t.Fatal(err)
		}
	}
	return out
}

// answer is what became of a request.
type answer struct {
	began, ended time.Time
	status       int
	retry        string
}

func ask(h http.Handler) answer {
	w := httptest.NewRecorder()
	a := answer{began: time.Now()}
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/calls", nil))
	a.ended, a.status, a.retry = time.Now(), w.Code, w.Header().Get("Retry-After")
	return a
}

// load asks every gateway a number of times, with two clients for each, pause after pause.
func load(all []http.Handler, times int, pause time.Duration) []answer {
	var mu sync.Mutex
	var out []answer
	var wg sync.WaitGroup
	for range 2 {
		for _, h := range all {
			wg.Go(func() {
				var own []answer
				for range times / 2 {
					own = append(own, ask(h))
					time.Sleep(pause) // the load is as many requests in a time, on a real server
				}
				mu.Lock()
				out = append(out, own...)
				mu.Unlock()
			})
		}
	}
	wg.Wait()
	return out
}

func count(answers []answer, status int) (n int) {
	for _, a := range answers {
		if a.status == status {
			n++
		}
	}
	return n
}

// excess is how many more than burst + rate*t were granted, in the span of requests that had the most of them. A request was granted at
// some time between its beginning and its end, so that a span is as long as it can have been: only what is surely too much counts.
func excess(answers []answer, rate float64, burst int) (most float64) {
	var granted []answer
	for _, a := range answers {
		if a.status == http.StatusOK {
			granted = append(granted, a)
		}
	}
	slices.SortFunc(granted, func(a, b answer) int { return a.ended.Compare(b.ended) })
	for i := range granted {
		from := granted[i].began
		for j := i; j < len(granted); j++ {
			if granted[j].began.Before(from) {
				from = granted[j].began
			}
			most = max(most, float64(j-i+1)-float64(burst)-rate*granted[j].ended.Sub(from).Seconds())
		}
	}
	return most
}

// bound is what the page of rateLimit says of async: how many more than burst + rate*t n gateways may grant.
func bound(n int, rate float64, burst int) float64 {
	return float64(n-1)*float64(burst) + float64(n)*rate*3*(period+2*timeout).Seconds()
}

// waited tests that no request took longer than is promised, with room for a busy machine.
func waited(t *testing.T, answers []answer) {
	t.Helper()
	for _, a := range answers {
		if took := a.ended.Sub(a.began); took > 2*timeout+2*time.Second {
			t.Fatalf("a request took %v", took)
		}
	}
}
