package handler

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/health"
)

// drilled is a gateway that starts with a drill in its environment. It answers 201 to all but the health paths.
func drilled(t testing.TB, text string, opts Options) http.Handler {
	t.Helper()
	m := model(t, gateway.Spec{Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Respond: &gateway.Respond{Status: 201}})})
	encoded, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	h, err := Load("model.json", encoded, func(name string) string { return map[string]string{health.EnvDrill: text}[name] }, opts)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// text is the document of a drill that ends after a time.
func text(t testing.TB, d health.Drill, after time.Duration) string {
	t.Helper()
	d.Until, d.ID, d.Token = time.Now().Add(after), "d-1", 7
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var fronts = map[string]Options{"plain": {}, "buffered": {Buffered: true}, "by marker": {Truncate: TruncateByMarker}}

// Each fault does what it is for, says so, and has no effect from its time on, in the same process.
func TestDrill(t *testing.T) {
	for _, c := range []struct {
		name   string
		drill  health.Drill
		status map[string]int // while it lasts
		took   time.Duration
		proof  map[string]bool // whether the answer shows the drill
	}{
		{"health-fail", health.Drill{Fault: health.DrillHealthFail}, map[string]int{"/x": 201, "/health": 503, "/ready": 503, "/healthy": 201}, 0, map[string]bool{"/health": true, "/ready": true}},
		{"error-rate of all", health.Drill{Fault: health.DrillErrorRate, Rate: 1}, map[string]int{"/x": 503, "/health": 503, "/ready": 503}, 0, map[string]bool{"/x": true, "/health": true, "/ready": true}},
		{"latency", health.Drill{Fault: health.DrillLatency, DelayMS: 2500}, map[string]int{"/x": 201, "/health": 200, "/ready": 200}, 2500 * time.Millisecond, map[string]bool{"/x": true, "/health": true, "/ready": true}},
		{"region-down", health.Drill{Fault: health.DrillRegionDown}, map[string]int{"/x": 503, "/health": 503, "/ready": 503, "/a/%2e%2e/b": 503}, 0, map[string]bool{"/x": true, "/health": true, "/ready": true, "/a/%2e%2e/b": true}},
	} {
		for front, opts := range fronts {
			t.Run(c.name+" "+front, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					opts := opts
					var log logBuffer
					opts.Logger = log.logger()
					h := drilled(t, text(t, c.drill, time.Hour), opts)
					if got := log.lines(t, "drill in force"); len(got) != 1 || got[0]["drill"] != "d-1" || got[0]["fault"] != c.drill.Fault {
						t.Errorf("log has %v", got)
					}
					for path, want := range c.status {
						began := time.Now()
						resp := ask(h, get(path))
						if took := time.Since(began); resp.StatusCode != want || took != c.took {
							t.Errorf("%s: %d after %s, want %d after %s", path, resp.StatusCode, took, want, c.took)
						}
						if got := resp.Header.Get(HeaderDrill); (got == "d-1") != c.proof[path] {
							t.Errorf("%s: %s %q", path, HeaderDrill, got)
						}
						if c.drill.Fault != health.DrillHealthFail && want == 503 {
							wantProblem(t, resp, 503)
						}
					}
					wait(time.Hour)
					for path := range c.status {
						began := time.Now()
						resp := ask(h, get(path))
						if resp.StatusCode >= 500 || resp.Header.Get(HeaderDrill) != "" || time.Since(began) != 0 {
							t.Errorf("%s after the drill: %d, %v, after %s", path, resp.StatusCode, resp.Header, time.Since(began))
						}
					}
				})
			})
		}
	}
}

// The report says who is drilled and until when; what is no look at health is answered as ever.
func TestDrillReport(t *testing.T) {
	h := drilled(t, text(t, health.Drill{Fault: health.DrillHealthFail}, time.Minute), Options{})
	resp := ask(h, get("/health"))
	var got health.Report
	if err := json.Unmarshal([]byte(body(t, resp)), &got); err != nil {
		t.Fatal(err)
	}
	if got.Status != health.StatusDrill || got.Region != "server/local" || got.Model == "" || got.Drill == nil || got.Drill.ID != "d-1" || got.Drill.Token != 7 || time.Until(got.Drill.Until) > time.Minute ||
		resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%+v", got)
	}
	if resp := ask(h, httptest.NewRequest(http.MethodPost, "/health", nil)); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", resp.StatusCode)
	}
}

// The share is of all requests, each drawn alone.
func TestDrillErrorRate(t *testing.T) {
	draws := []float64{0.25, 0, 0.2499, 0.9999}
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201) })
	n := -1
	h := identify(failShare(next, health.Drill{Fault: health.DrillErrorRate, Rate: 0.25, ID: "d"}, func() float64 { n++; return draws[n] }), "")
	var got []int
	for range draws {
		got = append(got, ask(h, get("/x")).StatusCode)
	}
	if fmt.Sprint(got) != "[201 503 503 201]" {
		t.Errorf("answers %v", got)
	}
}

// A wait ends with the request: with an answer when the function's time is over, without when the client has gone.
func TestDrillLatencyEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		h := drilled(t, text(t, health.Drill{Fault: health.DrillLatency, DelayMS: 30000}, time.Minute), Options{Logger: log.logger()})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		resp := ask(h, get("/x").WithContext(ctx))
		wantProblem(t, resp, http.StatusGatewayTimeout)
		if resp.Header.Get(HeaderDrill) != "d-1" {
			t.Error("the answer does not name the drill")
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		ask(h, get("/x").WithContext(ctx))
		if lines := log.lines(t, "request"); len(lines) != 2 || lines[1]["status"] != float64(statusClientClosed) {
			t.Errorf("log has %v", lines)
		}
	})
}

// Who comes around the front is refused as ever: a drill tells nothing to strangers.
func TestDrillBehindFront(t *testing.T) {
	h := newHandler(t, faulty(t), Options{Drill: &health.Drill{Fault: health.DrillRegionDown, Until: time.Now().Add(time.Hour), ID: "d"},
		Admission: Admission{Digests: [][]byte{digestOf(frontSecret)}}})
	if resp := ask(h, get("/hello")); resp.StatusCode != http.StatusForbidden || resp.Header.Get(HeaderDrill) != "" {
		t.Errorf("%d, %v", resp.StatusCode, resp.Header)
	}
}

// What is no drill takes nothing down; it is told once, whatever comes after.
func TestDrillIgnored(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		told bool
	}{
		"none":         {"", false},
		"over":         {text(t, health.Drill{Fault: health.DrillRegionDown}, -time.Second), false},
		"too long":     {text(t, health.Drill{Fault: health.DrillRegionDown}, time.Hour+time.Minute), true},
		"no until":     {`{"fault":"region-down","token":1,"drill":"d"}`, true},
		"no fault":     {text(t, health.Drill{}, time.Minute), true},
		"no document":  {"region-down", true},
		"a wrong rate": {text(t, health.Drill{Fault: health.DrillErrorRate, Rate: 2}, time.Minute), true},
	} {
		t.Run(name, func(t *testing.T) {
			var log logBuffer
			h := drilled(t, c.text, Options{Logger: log.logger()})
			for path, want := range map[string]int{"/x": 201, "/health": 200} {
				if resp := ask(h, get(path)); resp.StatusCode != want || resp.Header.Get(HeaderDrill) != "" {
					t.Errorf("%s: %d, %v", path, resp.StatusCode, resp.Header)
				}
			}
			lines := log.lines(t, "drill ignored")
			if len(lines) > 1 || (len(lines) == 1) != c.told || c.told && lines[0]["level"] != "ERROR" {
				t.Errorf("log has %v", lines)
			}
			if len(log.lines(t, "drill in force")) != 0 {
				t.Error("the log says that a drill is in force")
			}
		})
	}
}

// Without a drill there is no handler that could cost anything.
func TestDrillIsNothingWithout(t *testing.T) {
	next := &struct{ http.Handler }{}
	if got := drill(next, nil, health.Instance{}); got != http.Handler(next) {
		t.Errorf("got %T", got)
	}
}
