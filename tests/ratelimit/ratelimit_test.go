package ratelimit

import (
	"net/http"
	"testing"
	"time"
)

// A limit that does not come back to speak of while a test runs: what is granted does not depend on how fast the machine is.
const (
	slow      = "rateLimit: { rate: 1, per: 24h, burst: 20"
	slowBurst = 20
)

// Strict gateways grant together exactly what one would; async ones at most as many more as the page says, and pay it back.
func TestShare(t *testing.T) {
	s := startServer(t)
	for _, n := range []int{1, 2, 6} {
		for _, mode := range []string{"strict", "async"} {
			all := s.gateways(n, slow, mode, "deny")
			answers := load(all, 60, 5*time.Millisecond)
			granted, refused := count(answers, http.StatusOK), count(answers, http.StatusTooManyRequests)
			most := slowBurst
			if mode == "async" {
				most = n * slowBurst
			}
			t.Logf("%s, %d gateways, a burst of %d and no rate: %d granted, at most %d", mode, n, slowBurst, granted, most)
			if granted < slowBurst || granted > most || granted+refused != len(answers) {
				t.Errorf("%s, %d gateways: %d granted of %d, %d refused, want %d to %d granted", mode, n, granted, len(answers), refused, slowBurst, most)
			}
			waited(t, answers)
		}
	}
}

// With a rate, for a few seconds at full load: the bound holds in every span, and over time it is the rate.
func TestShareWithRate(t *testing.T) {
	s := startServer(t)
	const rate, burst = 50, 20
	for _, n := range []int{2, 6} {
		for _, mode := range []string{"strict", "async"} {
			all := s.gateways(n, "rateLimit: { rate: 50, per: 1s, burst: 20", mode, "deny")
			begin := time.Now()
			answers := load(all, 400, 10*time.Millisecond)
			took := time.Since(begin)
			got, most := excess(answers, rate, burst), 1.0
			if mode == "async" {
				most = bound(n, rate, burst)
			}
			granted := count(answers, http.StatusOK)
			t.Logf("%s, %d gateways: %.1f more than the limit, bound %.1f; %d granted in %v", mode, n, got, most, granted, took.Round(time.Millisecond))
			if got > most {
				t.Errorf("%s, %d gateways: %.1f more than the limit, and the bound is %.1f", mode, n, got, most)
			}
			if unavailable := count(answers, http.StatusServiceUnavailable); unavailable > 0 {
				t.Errorf("%s, %d gateways: the store did not answer %d times", mode, n, unavailable)
			}
			waited(t, answers)
		}
	}
}

// While the server is paused, or gone, every gateway answers by the policy; when it is back, as it was or empty, counts converge.
func TestStoreGoes(t *testing.T) {
	for name, c := range map[string]struct{ away, back func(s *server) }{
		"paused":    {(*server).pause, (*server).proceed},
		"restarted": {(*server).kill, (*server).start},
	} {
		for _, mode := range []string{"strict", "async"} {
			for _, on := range []string{"local", "allow", "deny"} {
				t.Run(name+"/"+mode+"/"+on, func(t *testing.T) {
					t.Parallel()
					s := startServer(t)
					all := s.gateways(3, slow, mode, on)
					if first := ask(all[0]); first.status != http.StatusOK {
						t.Fatalf("the first request is answered %d", first.status)
					}
					c.away(s)
					gone := time.Now()
					during := load(all, 60, 60*time.Millisecond)
					c.back(s)
					waited(t, during)
					granted, unavailable := count(during, http.StatusOK), count(during, http.StatusServiceUnavailable)
					switch on {
					case "local": // each grants the whole limit, the first of them one less
						if granted != 3*slowBurst-1 || unavailable > 0 {
							t.Errorf("%d of %d granted, %d unavailable; want %d", granted, len(during), unavailable, 3*slowBurst-1)
						}
					case "allow":
						if n := count(known(during, gone, mode), http.StatusOK); n == 0 || n != len(known(during, gone, mode)) {
							t.Errorf("%d of %d granted, once it is known that the store is gone", n, len(known(during, gone, mode)))
						}
					case "deny":
						if n := count(known(during, gone, mode), http.StatusServiceUnavailable); n == 0 || n != len(known(during, gone, mode)) || granted > slowBurst {
							t.Errorf("%d of %d refused, once it is known that the store is gone; %d granted in all", n, len(known(during, gone, mode)), granted)
						}
						for _, a := range during {
							if a.status == http.StatusServiceUnavailable && a.retry == "" {
								t.Fatal("503 without Retry-After")
							}
						}
					}
					s.converge(all, on, granted)
				})
			}
		}
	}
}

// known are the requests that came when a gateway had to know that the store is gone: those of strict ask it, and those of async do when
// their counts are too old.
func known(answers []answer, gone time.Time, mode string) (out []answer) {
	for _, a := range answers {
		if mode == "strict" || a.began.Sub(gone) > 2*period {
			out = append(out, a)
		}
	}
	return out
}

// converge asks until every gateway counts in the server again, within the promised time, and expects that together they grant no more
// than the burst from then on, and nothing if they had granted it before.
func (s *server) converge(all []http.Handler, on string, before int) {
	t := s.t
	t.Helper()
	// The limit is 3 s; a busy machine gets more, and what is granted is the same.
	end := time.Now().Add(3*time.Second + 5*time.Second)
	granted := 0
	for i, h := range all {
		for {
			a := ask(h)
			if a.status == http.StatusOK {
				granted++
			}
			if s.counted() > 0 && a.status == http.StatusTooManyRequests {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("gateway %d still answers %d", i, a.status)
			}
			time.Sleep(10 * time.Millisecond) // between two tries: a gateway comes back to a real server by the wall clock
		}
	}
	// One that counts alone yet refuses too what it has granted itself, and grants what the server has not heard of when it is back.
	for more := -1; more != 0; granted += more {
		again := load(all, 20, time.Millisecond)
		more = len(again) - count(again, http.StatusTooManyRequests)
		if more > 0 && time.Now().After(end) {
			t.Fatalf("after all should have converged %d of %d requests are not refused", more, len(again))
		}
	}
	if on == "local" && granted > slowBurst {
		t.Errorf("%d more were granted when the store was back, the burst is %d", granted, slowBurst)
	}
	if on == "local" && before >= slowBurst && granted > 0 {
		t.Errorf("%d more were granted after each had granted all", granted)
	}
	if on == "deny" && granted > 3*slowBurst {
		t.Errorf("%d were granted when the store was back, the burst is %d", granted, slowBurst)
	}
}

// A shared quota is exact with strict, and goes on where it was after the server was paused.
func TestQuota(t *testing.T) {
	s := startServer(t)
	all := s.gateways(3, "quota: { limit: 50, period: month", "strict", "deny")
	if granted := count(load(all, 10, time.Millisecond), http.StatusOK); granted != 30 {
		t.Fatalf("%d of the first 30 granted", granted)
	}
	s.pause()
	if granted := count(load(all, 6, time.Millisecond), http.StatusOK); granted != 0 {
		t.Errorf("%d granted without the store", granted)
	}
	s.proceed()
	granted := 0
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		refused := 0
		for _, h := range all {
			switch ask(h).status {
			case http.StatusOK:
				granted++
			case http.StatusTooManyRequests:
				refused++
			}
		}
		if refused == len(all) {
			break
		}
	}
	// Requests that the server took while it was paused, and did afterwards, are counted although they were refused: one for each
	// connection at most.
	if granted > 20 || granted < 20-6 {
		t.Errorf("%d more granted, want 20 or a few less", granted)
	}
}
