package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestRetries(t *testing.T) {
	var failing atomic.Int64 // how many more requests fail
	var bodies atomic.Value
	srv, pool := site(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies.Store(string(b))
		if failing.Add(-1) < 0 {
			_, _ = io.WriteString(w, "well")
			return
		}
		switch r.URL.Path {
		case "/503":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/500":
			w.WriteHeader(http.StatusInternalServerError)
		case "/cut":
			panic(http.ErrAbortHandler)
		case "/hang":
			<-r.Context().Done()
		}
	})
	s := newScript(t)
	for _, n := range []string{"example.com.", "other.test."} {
		s.say(n, n+" 60 IN A 127.0.0.1")
	}
	s.say("gone.test.", "gone.test. 60 IN SOA ns. admin. 1 7200 900 1209600 60")
	tests := []struct {
		name, method, url string
		retries, failing  int
		attempts, status  int
		fails             bool
	}{
		{"off", http.MethodGet, "https://example.com/503", 0, 1, 1, 503, false},
		{"503 once", http.MethodGet, "https://example.com/503", 2, 1, 2, 200, false},
		{"503 for ever", http.MethodGet, "https://example.com/503", 2, 9, 3, 503, false},
		{"500 is the service's own answer", http.MethodGet, "https://example.com/500", 2, 1, 1, 500, false},
		{"cut off", http.MethodGet, "https://example.com/cut", 2, 2, 3, 200, false},
		{"too slow", http.MethodGet, "https://example.com/hang", 1, 1, 2, 200, false},
		{"a body is sent again", http.MethodPut, "https://example.com/503", 1, 1, 2, 200, false},
		{"POST is not repeated", http.MethodPost, "https://example.com/503", 2, 1, 1, 503, false},
		{"a wrong certificate stays wrong", http.MethodGet, "https://other.test/", 2, 0, 1, 0, true},
		{"a name without addresses stays so", http.MethodGet, "https://gone.test/", 2, 0, 1, 0, true},
		{"a name that nobody knows about", http.MethodGet, "https://unknown.test/", 2, 0, 3, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			failing.Store(int64(tt.failing))
			c := newClient(t, Options{
				Resolver: resolver(t, ResolverOptions{Server: s.addr}), RootCAs: pool, Retries: tt.retries, Backoff: time.Millisecond,
				Timeout: time.Second,
				Address: func(_ []string, ip netip.Addr, _ int) (netip.AddrPort, error) {
					return netip.AddrPortFrom(ip, port(t, srv)), nil
				},
			})
			var body io.Reader
			if tt.method != http.MethodGet {
				body = strings.NewReader("sent")
			}
			req, err := http.NewRequestWithContext(t.Context(), tt.method, tt.url, body)
			if err != nil {
				t.Fatal(err)
			}
			r, err := c.Do(req)
			if (err != nil) != tt.fails || r.Attempts != tt.attempts || r.Status != tt.status {
				t.Errorf("%d attempts, %d, %v: want %d, %d", r.Attempts, r.Status, err, tt.attempts, tt.status)
			}
			if body != nil && bodies.Load() != "sent" {
				t.Errorf("the last attempt sent %q", bodies.Load())
			}
			if tt.status == 200 && (r.Phase != Complete || string(r.Body) != "well") {
				t.Errorf("%s with %q", r.Phase, r.Body)
			}
		})
	}
}

// A pause is cut short by whoever has no more time.
func TestBackoff(t *testing.T) {
	s := newScript(t)
	c := newClient(t, Options{Resolver: resolver(t, ResolverOptions{Server: s.addr}), Retries: 1000, Backoff: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	r, err := c.Get(ctx, "https://unknown.test/")
	if !errors.Is(err, ErrServer) || r.Attempts != 1 || time.Since(began) > 10*time.Second {
		t.Errorf("%d attempts in %s: %v", r.Attempts, time.Since(began), err)
	}
}

// The longest pause doubles up to 32 times the first, and pauses are spread evenly below it.
func TestPause(t *testing.T) {
	s := newScript(t)
	c := newClient(t, Options{Resolver: resolver(t, ResolverOptions{Server: s.addr}), Backoff: time.Second})
	for n, longest := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 60: 32 * time.Second} {
		const draws = 4000
		var most, sum time.Duration
		for range draws {
			d := c.pause(n)
			if d < 0 || d > longest {
				t.Fatalf("after attempt %d a pause of %s, want 0 to %s", n, d, longest)
			}
			most, sum = max(most, d), sum+d
		}
		if mean := sum / draws; most < longest*9/10 || mean < longest*4/10 || mean > longest*6/10 {
			t.Errorf("after attempt %d at most %s and %s in the mean, want up to %s", n, most, mean, longest)
		}
	}
}
