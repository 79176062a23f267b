package handler

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/health"
)

func faulty(t *testing.T) *gateway.Model {
	return model(t, gateway.Spec{Routes: routes(
		gateway.Route{Name: "panic", Match: gateway.Match{Path: "/panic"}, Fault: gateway.FaultPanic},
		gateway.Route{Name: "truncate", Match: gateway.Match{Path: "/truncate"}, Fault: gateway.FaultTruncate},
		gateway.Route{Name: "hello", Match: gateway.Match{Path: "/hello"}, Respond: &gateway.Respond{Status: 201, Body: "hello", Headers: map[string]string{"x-a": "1"}},
			Response: gateway.Edit{Headers: gateway.HeaderOps{Set: map[string]string{"x-b": "2"}}}},
		gateway.Route{Name: "none", Match: gateway.Match{Path: "/none"}, Respond: &gateway.Respond{Status: 204}},
	)})
}

func TestNewRefuses(t *testing.T) {
	m := faulty(t)
	if _, err := New(nil, Options{}); err == nil {
		t.Error("a nil model was taken")
	}
	if _, err := New(m, Options{Instance: health.Instance{Model: "sha256:other"}}); err == nil {
		t.Error("an instance with another model's digest was taken")
	}
	if _, err := New(m, Options{Instance: health.Instance{Model: m.Digest()}}); err != nil {
		t.Errorf("an instance with the model's digest was refused: %v", err)
	}
}

// Before anything is written, a panic is a 500 on every front, with the request id, and the log has the stack.
func TestPanic(t *testing.T) {
	for name, opts := range map[string]Options{"abort": {}, "marker": {Truncate: TruncateByMarker}, "buffered": {Buffered: true}} {
		t.Run(name, func(t *testing.T) {
			var log logBuffer
			opts.Logger = log.logger()
			wantProblem(t, ask(newHandler(t, faulty(t), opts), get("/panic")), http.StatusInternalServerError)
			lines := log.lines(t, "panic")
			if len(lines) != 1 || !strings.Contains(lines[0]["stack"].(string), "fault.go") || lines[0]["id"] == "" || lines[0]["route"] != "panic" {
				t.Errorf("log has %v, want one panic with its stack", lines)
			}
			if lines := log.lines(t, "request"); len(lines) != 1 || lines[0]["status"] != 500.0 {
				t.Errorf("log has %v, want one request with status 500", lines)
			}
		})
	}
}

// What a policy prepared before it panicked does not end up on the 500.
func TestPanicDropsPreparedHeaders(t *testing.T) {
	h := identify(recoverPanics(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Set-Cookie", "session=1")
		panic("on purpose")
	}), slog.New(slog.DiscardHandler), Options{}), "aws/us-east-1")
	resp := ask(h, get("/"))
	wantProblem(t, resp, http.StatusInternalServerError)
	if got := resp.Header.Get(HeaderRegion); got != "aws/us-east-1" {
		t.Errorf("the answer says it is from %q", got)
	}
	if resp.Header.Get("Content-Encoding") != "" || resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("header is %v", resp.Header)
	}
}

// In the middle of a body each front has its own way to end, and only one of them cuts the connection.
func TestTruncate(t *testing.T) {
	t.Run("abort", func(t *testing.T) {
		s := serve(t, newHandler(t, faulty(t), Options{}))
		resp, err := http.Get(s.URL + "/truncate")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if !errors.Is(err, io.ErrUnexpectedEOF) || len(b) == 0 || resp.StatusCode != 200 {
			t.Errorf("status %d, %d bytes, error %v: want a visibly broken 200", resp.StatusCode, len(b), err)
		}
	})
	t.Run("marker with declared length", func(t *testing.T) {
		wantProblem(t, ask(newHandler(t, faulty(t), Options{Truncate: TruncateByMarker}), get("/truncate")), http.StatusInternalServerError)
	})
	t.Run("buffered", func(t *testing.T) {
		wantProblem(t, ask(newHandler(t, faulty(t), Options{Buffered: true}), get("/truncate")), http.StatusInternalServerError)
	})
}

func TestRequestID(t *testing.T) {
	h := newHandler(t, faulty(t), Options{})
	for name, c := range map[string]struct {
		sent []string
		kept bool
	}{
		"none":           {nil, false},
		"good":           {[]string{"abc-DEF_1.2"}, true},
		"too short":      {[]string{"abc"}, false},
		"too long":       {[]string{strings.Repeat("a", 129)}, false},
		"longest":        {[]string{strings.Repeat("a", 128)}, true},
		"bad characters": {[]string{"abcdefgh ijkl"}, false},
		"quotes":         {[]string{`abcdefgh"ijkl`}, false},
		"two":            {[]string{"abcdefghi", "abcdefghj"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := get("/hello")
			r.Header["X-Request-Id"] = c.sent
			got := ask(h, r).Header["X-Request-Id"]
			if len(got) != 1 || len(got[0]) < 8 || (c.kept && got[0] != c.sent[0]) || (!c.kept && c.sent != nil && got[0] == c.sent[0]) {
				t.Errorf("sent %q, got %q", c.sent, got)
			}
		})
	}
	if a, b := ask(h, get("/hello")).Header.Get("X-Request-Id"), ask(h, get("/hello")).Header.Get("X-Request-Id"); a == b {
		t.Errorf("two requests have the id %q", a)
	}
}

func TestRespond(t *testing.T) {
	for name, opts := range map[string]Options{"abort": {}, "marker": {Truncate: TruncateByMarker}, "buffered": {Buffered: true}} {
		t.Run(name, func(t *testing.T) {
			h := newHandler(t, faulty(t), opts)
			for _, method := range []string{"GET", "HEAD", "POST"} {
				resp := ask(h, httptest.NewRequest(method, "/hello", nil))
				want := "hello"
				if method == "HEAD" {
					want = ""
				}
				if b := body(t, resp); b != want || resp.StatusCode != 201 || resp.Header.Get("Content-Length") != "5" ||
					resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" || resp.Header.Get("X-A") != "1" || resp.Header.Get("X-B") != "2" {
					t.Errorf("%s: status %d, header %v, body %q", method, resp.StatusCode, resp.Header, b)
				}
			}
			resp := ask(h, get("/none"))
			if b := body(t, resp); b != "" || resp.StatusCode != 204 || resp.Header.Get("Content-Type") != "" || resp.Header.Get("Content-Length") != "" {
				t.Errorf("status %d, header %v, body %q", resp.StatusCode, resp.Header, b)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	m := faulty(t)
	h := newHandler(t, m, Options{Instance: instance})
	for _, method := range []string{"GET", "HEAD"} {
		resp := ask(h, httptest.NewRequest(method, "http://any.host/health", nil))
		b := body(t, resp)
		if resp.StatusCode != 200 || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Content-Length") == "" {
			t.Errorf("%s: status %d, header %v", method, resp.StatusCode, resp.Header)
		}
		if method == "HEAD" {
			if b != "" {
				t.Errorf("HEAD has body %q", b)
			}
			continue
		}
		var report health.Report
		if err := json.Unmarshal([]byte(b), &report); err != nil {
			t.Fatal(err)
		}
		want := instance
		want.Model = m.Digest()
		if report.Status != health.StatusOK || report.Instance != want || report.Upstreams != nil {
			t.Errorf("report is %+v", report)
		}
	}
	resp := ask(h, httptest.NewRequest("POST", "/health", nil))
	wantProblem(t, resp, http.StatusMethodNotAllowed)
	if resp.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow is %q", resp.Header.Get("Allow"))
	}
}

func TestReady(t *testing.T) {
	sick := serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/base/health" {
			w.WriteHeader(503)
		}
	})
	well := serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/base/health" {
			w.WriteHeader(500)
		}
	})
	release := make(chan struct{})
	slow := serveFunc(t, func(w http.ResponseWriter, r *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	withPath := func(urls ...string) gateway.Upstream {
		u := upstream(urls...)
		u.Ready.Path = "/health"
		return u
	}
	for name, c := range map[string]struct {
		up  gateway.Upstream
		why string // "" if it is ready
	}{
		"connect":               {upstream(sick.URL), ""},
		"dead":                  {upstream(deadAddress(t)), "connection refused"},
		"one of two":            {upstream(deadAddress(t), well.URL), ""},
		"path":                  {withPath(well.URL + "/base/"), ""},
		"path answers 503":      {withPath(sick.URL + "/base"), "answers 503 Service Unavailable"},
		"path answers too late": {withPath(slow.URL), "no answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log logBuffer
			h := newHandler(t, toAll(t, c.up), Options{Instance: instance, Logger: log.logger()})
			resp := ask(h, get("/ready"))
			var report health.Report
			if err := json.Unmarshal([]byte(body(t, resp)), &report); err != nil {
				t.Fatal(err)
			}
			status, word := 200, health.StatusOK
			if c.why != "" {
				status, word = 503, health.StatusDegraded
			}
			if resp.StatusCode != status || report.Status != word || len(report.Upstreams) != 1 || report.Upstreams[0].Reachable != (c.why == "") ||
				report.Upstreams[0].Name != "up" || report.Upstreams[0].Target == "" || report.Upstreams[0].Error != c.why {
				t.Errorf("status %d, report %+v", resp.StatusCode, report)
			}
			if l := log.lines(t, "target not ready"); c.why != "" && (len(l) != 1 || l[0]["upstream"] != "up" || l[0]["error"] == "") {
				t.Errorf("log has %v", l)
			}
		})
	}
}

// What /ready tells anybody holds no address of the target's or the resolver's.
func TestReason(t *testing.T) {
	dial := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 443}, Err: err}
	}
	for want, err := range map[string]error{
		"connection refused":              dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)),
		"no answer in time":               dial(os.ErrDeadlineExceeded),
		"its name cannot be resolved":     dial(&net.DNSError{Err: "no such host", Name: "orders.internal", Server: "10.0.0.2:53", IsNotFound: true}),
		"answers 503 Service Unavailable": answersError(503),
		"the connection failed":           dial(errors.New("something about 10.1.2.3")),
	} {
		if got := reason(err); got != want {
			t.Errorf("%v is told as %q, want %q", err, got, want)
		}
	}
}

// byHost is a transport that counts requests per host; those of the hosts in dead fail.
type byHost struct {
	mu    sync.Mutex
	dead  map[string]bool
	asked map[string]int
}

func (b *byHost) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked[r.URL.Host]++
	if b.dead[r.URL.Host] {
		return nil, syscall.ECONNREFUSED
	}
	return canned{}.RoundTrip(r)
}

// However many ask /ready, targets are asked once a second.
func TestReadyIsKeptForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := upstream("http://a.example")
		u.Ready.Path = "/health"
		b := &byHost{asked: map[string]int{}}
		h := newHandler(t, toAll(t, u), Options{Transport: b})
		for _, c := range []struct {
			after time.Duration
			want  int
		}{{0, 1}, {0, 1}, {readyFresh - 1, 1}, {1, 2}, {0, 2}} {
			wait(c.after)
			if resp := ask(h, get("/ready")); resp.StatusCode != 200 || b.asked["a.example"] != c.want {
				t.Errorf("status %d, and the target was asked %d times, want %d", resp.StatusCode, b.asked["a.example"], c.want)
			}
		}
	})
}

// What /ready finds out about a target, requests know: one that is down is not asked first, one that is up again is.
func TestReadyTellsTheRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := upstream("http://a.example", "http://b.example")
		u.Ready.Path = "/health"
		b := &byHost{dead: map[string]bool{"a.example": true}}
		h := newHandler(t, toAll(t, u), Options{Transport: b})
		for _, dead := range []bool{true, false} {
			b.dead["a.example"], b.asked = dead, map[string]int{}
			ask(h, get("/ready"))
			b.asked = map[string]int{}
			for range 4 {
				if resp := ask(h, get("/")); resp.StatusCode != 200 {
					t.Errorf("status %d", resp.StatusCode)
				}
			}
			if want := map[bool]int{true: 0, false: 2}[dead]; b.asked["a.example"] != want {
				t.Errorf("dead: %v; of 4 requests %d went to the target, want %d", dead, b.asked["a.example"], want)
			}
			wait(readyFresh)
		}
	})
}

// A client that leaves must not spoil the result for those who ask after it.
func TestReadyOutlivesItsClient(t *testing.T) {
	up := serveFunc(t, func(http.ResponseWriter, *http.Request) {})
	h := newHandler(t, toAll(t, upstream(up.URL)), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ask(h, get("/ready").WithContext(ctx))
	if resp := ask(h, get("/ready")); resp.StatusCode != 200 {
		t.Errorf("status %d: %s", resp.StatusCode, body(t, resp))
	}
}

func TestAccessLog(t *testing.T) {
	var log logBuffer
	h := newHandler(t, faulty(t), Options{Logger: log.logger()})
	r := get("/hello?secret=1")
	r.RemoteAddr = "192.0.2.9:1234"
	ask(h, r)
	ask(h, get("/health"))
	lines := log.lines(t, "request")
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	l := lines[0]
	if l["level"] != "INFO" || l["method"] != "GET" || l["path"] != "/hello" || l["route"] != "hello" || l["status"] != 201.0 || l["bytes"] != 5.0 || l["client"] != "192.0.2.9:1234" || l["id"] == "" {
		t.Errorf("line is %v", l)
	}
	if lines[1]["level"] != "DEBUG" {
		t.Errorf("a probe was logged as %v", lines[1]["level"])
	}
}
