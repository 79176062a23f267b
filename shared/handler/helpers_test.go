package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/health"
)

func model(t testing.TB, spec gateway.Spec) *gateway.Model {
	t.Helper()
	spec.Version = gateway.Version
	m, err := gateway.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func routes(r ...gateway.Route) []gateway.Route { return r }

// received is an upstream that keeps the last request.
type received struct{ last *http.Request }

func (u *received) RoundTrip(r *http.Request) (*http.Response, error) {
	u.last = r
	return canned{}.RoundTrip(r)
}

// upstream is an upstream with short timeouts.
func upstream(urls ...string) gateway.Upstream {
	u := gateway.Upstream{Timeouts: gateway.Timeouts{Connect: ms(2000), Response: ms(5000), Idle: ms(5000)}}
	for _, url := range urls {
		u.Targets = append(u.Targets, gateway.Target{URL: url})
	}
	return u
}

func ms(n int) gateway.Duration { return gateway.Duration(n * 1_000_000) }

// toAll is a model with one upstream and one route that sends everything to it.
func toAll(t testing.TB, u gateway.Upstream) *gateway.Model {
	return model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": u},
		Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Upstream: "up"})})
}

func newHandler(t testing.TB, m *gateway.Model, opts Options) http.Handler {
	t.Helper()
	h, err := New(m, opts)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// serve runs a handler on a real server.
func serve(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func serveFunc(t testing.TB, f http.HandlerFunc) *httptest.Server { return serve(t, f) }

// ask runs a request against a handler without a server, as an adapter does.
func ask(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func get(target string) *http.Request { return httptest.NewRequest(http.MethodGet, target, nil) }

func body(t testing.TB, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return string(b)
}

// patience is a client that waits ten seconds. The test fails if nothing else ends the request: what should have ended it
// is broken.
func patience(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Error("nothing but the test's patience ended the request")
		}
		cancel()
	})
	return ctx
}

// wantProblem checks an error answer of the gateway.
func wantProblem(t testing.TB, resp *http.Response, status int) {
	t.Helper()
	b := body(t, resp)
	var p problem
	if err := json.Unmarshal([]byte(b), &p); err != nil {
		t.Fatalf("status %d with body %q: %v", resp.StatusCode, b, err)
	}
	if resp.StatusCode != status || p.Status != status || p.Title != http.StatusText(status) || p.Detail == "" {
		t.Errorf("got status %d and %+v, want status %d", resp.StatusCode, p, status)
	}
	if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
	if id := resp.Header.Get("X-Request-Id"); id == "" || id != p.RequestID {
		t.Errorf("request id is %q in the header and %q in the body", id, p.RequestID)
	}
}

// deadAddress is an address on which nobody listens: TCP port 1 is reserved (tcpmux), unlike a free port it cannot be
// given to a server in the meantime.
func deadAddress(t testing.TB) string {
	t.Helper()
	const address = "127.0.0.1:1"
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Fatalf("something listens on %s", address)
	}
	return "http://" + address
}

// logBuffer is a log to look at.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// lines returns the log's entries with a given message.
func (l *logBuffer) lines(t testing.TB, message string) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []map[string]any
	for line := range strings.Lines(l.b.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		if entry["msg"] == message {
			out = append(out, entry)
		}
	}
	return out
}

func (l *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

var instance = health.Instance{Provider: "aws", Region: "aws/us-east-1", Release: "r1"}
