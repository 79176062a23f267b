package handler

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"polygate.example/shared/gateway"
)

// When another target is asked, and when it must not be.
func TestFailover(t *testing.T) {
	large := bytes.Repeat([]byte("x"), 1<<20)
	for name, c := range map[string]struct {
		method string
		body   []byte
		broken bool // the first target takes the request and closes; otherwise it refuses the connection
		want   int
	}{
		"GET refused":            {"GET", nil, false, 200},
		"POST refused":           {"POST", []byte("x"), false, 200},
		"large POST refused":     {"POST", large, false, 200},
		"GET broken":             {"GET", nil, true, 200},
		"DELETE broken":          {"DELETE", nil, true, 200},
		"POST broken":            {"POST", nil, true, 502},
		"PUT with a body broken": {"PUT", []byte("x"), true, 502},
	} {
		t.Run(name, func(t *testing.T) {
			var first, second atomic.Int32
			bad := deadAddress(t)
			if c.broken {
				bad = serveFunc(t, func(w http.ResponseWriter, r *http.Request) { first.Add(1); panic(http.ErrAbortHandler) }).URL
			}
			good := serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
				second.Add(1)
				b, _ := io.ReadAll(r.Body)
				if !bytes.Equal(b, c.body) {
					w.WriteHeader(400)
				}
			})
			// Regions in the way they are used: the first tier is this region's, the second the fallback's.
			u := gateway.Upstream{Timeouts: upstream().Timeouts, Fallback: []string{"aws/us-east-1"}, Regions: map[string]gateway.Region{
				"aws/us-east-1":   {Targets: []gateway.Target{{URL: bad}}, Fallback: []string{"gcp/us-central1"}},
				"gcp/us-central1": {Targets: []gateway.Target{{URL: good.URL}}}}}
			s := serve(t, newHandler(t, toAll(t, u), Options{Instance: instance}))
			req, err := http.NewRequestWithContext(t.Context(), c.method, s.URL, bytes.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != c.want {
				t.Errorf("status %d, want %d", resp.StatusCode, c.want)
			}
			if c.broken && first.Load() != 1 {
				t.Errorf("the first target was called %d times", first.Load())
			}
			if want := map[int]int32{200: 1, 502: 0}[c.want]; second.Load() != want {
				t.Errorf("the second target was called %d times, want %d", second.Load(), want)
			}
		})
	}
}

// A region uses its own targets; another region of the same model uses its own.
func TestRegionsChooseTargets(t *testing.T) {
	named := func(name string) string {
		return serveFunc(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, name) }).URL
	}
	u := upstream(named("general"))
	u.Regions = map[string]gateway.Region{
		"aws/us-east-1": {Targets: []gateway.Target{{URL: named("use1")}}},
		"azure/eastus":  {Fallback: []string{"aws/us-east-1"}},
	}
	m := toAll(t, u)
	for region, want := range map[string]string{"aws/us-east-1": "use1", "azure/eastus": "use1", "gcp/us-central1": "general", "": "general"} {
		opts := Options{}
		opts.Instance.Region = region
		if got := body(t, ask(newHandler(t, m, opts), get("/"))); got != want {
			t.Errorf("region %q asks %q, want %q", region, got, want)
		}
	}
}

// countingTransport counts the attempts per host.
type countingTransport struct {
	http.RoundTripper
	attempts map[string]int // one request at a time: no lock
}

func (c *countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	c.attempts[r.URL.Host]++
	return c.RoundTripper.RoundTrip(r)
}

// A target that refused a connection is left alone while another one answers.
func TestDeadTargetIsAvoided(t *testing.T) {
	dead, good := deadAddress(t), serveFunc(t, func(http.ResponseWriter, *http.Request) {}).URL
	c := &countingTransport{&http.Transport{}, map[string]int{}}
	h := newHandler(t, toAll(t, upstream(dead, good)), Options{Transport: c})
	for range 10 {
		if resp := ask(h, get("/")); resp.StatusCode != 200 {
			t.Fatalf("status %d", resp.StatusCode)
		}
	}
	if n := c.attempts[strings.TrimPrefix(dead, "http://")]; n != 1 {
		t.Errorf("the dead target was tried %d times in 10 requests, want once", n)
	}
}

// A list of dead targets does not keep a request for ever.
func TestAttemptsAreBounded(t *testing.T) {
	var dead []string
	for range maxAttempts + 3 {
		dead = append(dead, deadAddress(t)+"/"+string(rune('a'+len(dead))))
	}
	c := &countingTransport{&http.Transport{}, map[string]int{}}
	wantProblem(t, ask(newHandler(t, toAll(t, upstream(dead...)), Options{Transport: c}), get("/")), http.StatusBadGateway)
	total := 0
	for _, n := range c.attempts {
		total += n
	}
	if total != maxAttempts {
		t.Errorf("%d attempts, want %d", total, maxAttempts)
	}
}

func TestRoundRobin(t *testing.T) {
	var a, b atomic.Int32
	count := func(n *atomic.Int32) string {
		return serveFunc(t, func(w http.ResponseWriter, r *http.Request) { n.Add(1) }).URL
	}
	h := newHandler(t, toAll(t, upstream(count(&a), count(&b))), Options{})
	for range 10 {
		ask(h, get("/"))
	}
	if a.Load() != 5 || b.Load() != 5 {
		t.Errorf("targets got %d and %d of 10 requests", a.Load(), b.Load())
	}
}
