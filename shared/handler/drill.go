package handler

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"polygate.example/shared/health"
)

// HeaderDrill is on every answer that a drill has changed or held up, and names the drill: proof that the fault has landed here, and a word
// to whoever looks for another cause.
const HeaderDrill = "X-Polygate-Drill"

// drillFrom reads the drill that the environment asks for; nil for none, and for one that is over. What is no drill, or would last too
// long, is told to the log and not obeyed: the gateway serves on, because a mistake in a drill must never be an outage.
func drillFrom(getenv func(string) string, started time.Time, log *slog.Logger) *health.Drill {
	text := getenv(health.EnvDrill)
	if text == "" {
		return nil
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	d, err := health.ParseDrill(text)
	if err == nil {
		err = d.Begun(started)
	}
	switch {
	case err != nil:
		log.Error("drill ignored", "error", err)
		return nil
	case d.Over(started):
		return nil
	}
	log.Warn("drill in force", "drill", d.ID, "fault", d.Fault, "until", d.Until)
	return &d
}

// drill fails on purpose until the drill is over, by the clock of each request: nobody has to come and end it. Without a drill it is no
// handler at all.
func drill(next http.Handler, d *health.Drill, self health.Instance) http.Handler {
	if d == nil {
		return next
	}
	fault := map[string]func(http.Handler) http.Handler{
		health.DrillHealthFail: func(next http.Handler) http.Handler { return failHealth(next, *d, self) },
		health.DrillErrorRate:  func(next http.Handler) http.Handler { return failShare(next, *d, rand.Float64) },
		health.DrillLatency:    func(next http.Handler) http.Handler { return delay(next, *d) },
		health.DrillRegionDown: func(http.Handler) http.Handler { return refuse(*d) },
	}[d.Fault](next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.Over(time.Now()) {
			next.ServeHTTP(w, r)
			return
		}
		fault.ServeHTTP(w, r)
	})
}

// refuse answers everything with 503.
func refuse(d health.Drill) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(HeaderDrill, d.ID)
		fail(http.StatusServiceUnavailable, "This region is down for a drill, which ends at "+d.Until.UTC().Format(time.RFC3339)+".").write(w, exchangeOf(r).id)
	})
}

// failShare answers a share of the requests with 503, health paths among them. Each is drawn anew: in an order of any kind probes, which
// come at regular times, would all be hit or all be spared.
func failShare(next http.Handler, d health.Drill, draw func() float64) http.Handler {
	down := refuse(d)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if draw() < d.Rate {
			down.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// delay lets every request wait. It ends with the request: past the time that a function has, the wait is answered with 504 while there is
// somebody to hear it.
func delay(next http.Handler, d health.Drill) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(HeaderDrill, d.ID)
		timer := time.NewTimer(time.Duration(d.DelayMS) * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
			x := exchangeOf(r)
			x.left = x.gone()
			fail(http.StatusGatewayTimeout, "A drill held this request up for longer than it may take.").write(w, x.id)
		}
	})
}

// failHealth has the health paths say 503, and serves everything else.
func failHealth(next http.Handler, d health.Drill, self health.Instance) http.Handler {
	body, err := json.Marshal(health.Report{Status: health.StatusDrill, Instance: self, Drill: &d})
	if err != nil {
		panic(fmt.Errorf("encode health report: %w", err)) // cannot happen with these types
	}
	body = append(body, '\n')
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isHealthPath(r.URL.Path) || r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set(HeaderDrill, d.ID)
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write(body) // an error here means that the prober has gone
	})
}
