package ratelimit

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// At once, of one test: many times as many as there are connections.
const together = 400

// crowd has so many clients ask one after the other of the gateways, from before there is a connection on, and counts the answers. Each
// request has a key of its own, for limits that go by it.
func crowd(all []http.Handler, clients, requests int) map[int]int {
	var mu sync.Mutex
	var wg sync.WaitGroup
	answers := map[int]int{}
	start := make(chan struct{})
	for i := range clients {
		wg.Go(func() {
			<-start
			for j := range requests / clients {
				w := httptest.NewRecorder()
				r := httptest.NewRequest(http.MethodGet, "/calls", nil)
				r.Header.Set("X-Key", fmt.Sprint(i, "-", j))
				all[i%len(all)].ServeHTTP(w, r)
				mu.Lock()
				answers[w.Code]++
				mu.Unlock()
			}
		})
	}
	close(start)
	wg.Wait()
	return answers
}

// Hundreds of requests at once are hundreds of answers of the store, whether it is near or some milliseconds away: a strict limit is kept
// exactly, each of ever new keys has its own, and no gateway takes the store for one that does not answer.
func TestCrowd(t *testing.T) {
	s := startServer(t)
	for _, delay := range []time.Duration{0, 8 * time.Millisecond} {
		port := s.port
		if delay > 0 {
			port = distance(t, s.port, delay)
		}
		for _, c := range []struct {
			what, policy, mode string
			gateways, granted  int
		}{
			{"strict", slow, "strict", 1, slowBurst},
			{"strict, two gateways", slow, "strict", 2, slowBurst},
			{"a strict quota", "quota: { limit: 50, period: month", "strict", 2, 50},
			{"strict, ever new keys", slow, "strict", 1, 10 * together},
			{"async, ever new keys", slow, "async", 2, 10 * together},
		} {
			by := "everyone"
			if c.granted > 50 {
				by = "{ header: X-Key }"
			}
			var log told
			all := s.gatewaysAt(port, c.gateways, c.policy, by, c.mode, "deny", &log)
			got := crowd(all, together, 10*together)
			t.Logf("%s, %v away, %d at once: %v", c.what, delay, together, got)
			if got[http.StatusOK] != c.granted || got[http.StatusTooManyRequests] != 10*together-c.granted {
				t.Errorf("%s, %v away: %v, want %d granted and the others refused", c.what, delay, got, c.granted)
			}
			if text := log.String(); text != "" {
				t.Errorf("%s, %v away: the log tells of the store: %s", c.what, delay, text)
			}
		}
	}
}

// A server that is paused under such a load answers no more, and the requests by the policy; afterwards it counts as before.
func TestCrowdAndPause(t *testing.T) {
	s := startServer(t)
	all := s.gatewaysAt(distance(t, s.port, 2*time.Millisecond), 2, slow, "everyone", "strict", "local", &told{})
	if got := crowd(all, 10, 10); got[http.StatusOK] != 10 {
		t.Fatalf("the first are answered %v", got)
	}
	s.pause()
	got := crowd(all, together, 10*together)
	s.proceed()
	// Each goes on from what it knows: from 5 that it granted itself to 10 that it heard of.
	if n := got[http.StatusOK]; n < 2*(slowBurst-10) || n > 2*(slowBurst-5) || n+got[http.StatusTooManyRequests] != 10*together {
		t.Errorf("while it is paused: %v, want 20 to 30 granted by the gateways alone and the others refused", got)
	}
	s.converge(all, "local", 0)
}
