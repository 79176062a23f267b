package conformance

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestOverTheLimit sends a body one byte over what each front takes. The fronts answer each in its own way:
//
//   - AWS: API Gateway takes 10 MB ("Payload size", docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html).
//   - Google: Cloud Run takes 32 MiB over HTTP/1 (cloud.google.com/run/quotas, "Maximum HTTP/1 request size").
//   - Azure: the Functions host takes 210,000,000 bytes
//     (learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger, "Limits").
func TestOverTheLimit(t *testing.T) {
	env := deployed(t)
	limits := map[string]int64{"aws": 10 << 20, "gcp": 32 << 20, "azure": 210_000_000}
	for _, p := range env.providers() {
		t.Run(p.name, func(t *testing.T) {
			body := &zeros{left: limits[p.name] + 1}
			req := p.request(t, t.Context(), "POST", "/echo", http.Header{"Content-Type": {"application/octet-stream"}, "Expect": {"100-continue"}}, body)
			req.ContentLength = limits[p.name] + 1
			res, err := p.client(t).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			b, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != http.StatusRequestEntityTooLarge {
				t.Fatalf("status %d, want 413\n%.300s", res.StatusCode, b)
			}
			if p.name == "aws" && strings.TrimSpace(string(b)) != `{"message":"Request Entity Too Large"}` {
				t.Errorf("body %s, want API Gateway's own", b)
			}
			if a := p.ask(t, "GET", "/echo", nil, nil); a.status != 200 {
				t.Errorf("the next request got %d", a.status)
			}
		})
	}
}

// zeros is a body that costs no memory.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	clear(p[:n])
	z.left -= n
	return int(n), nil
}

// TestUnknownMethod: a method that is no standard one never reaches the gateway on Azure, whose functions list their
// methods, and is answered 404 there; elsewhere it is passed on like any other.
func TestUnknownMethod(t *testing.T) {
	env := deployed(t)
	for _, p := range env.providers() {
		t.Run(p.name, func(t *testing.T) {
			a := p.ask(t, "BREW", "/echo", nil, nil)
			if p.name == "azure" {
				if a.status != http.StatusNotFound {
					t.Errorf("status %d, want 404", a.status)
				}
				return
			}
			if a.status != http.StatusOK || a.echo(t).Method != "BREW" {
				t.Errorf("status %d, want 200 and the method passed on\n%.300s", a.status, a.body)
			}
		})
	}
}

// TestClientGone: a client that leaves in the middle does no harm, and where the front tells the function of it, the
// upstream is told as well. Lambda is never told: the invocation runs to its end (the event is handed over whole).
func TestClientGone(t *testing.T) {
	env := deployed(t)
	for _, p := range env.providers() {
		t.Run(p.name, func(t *testing.T) {
			before := originStats(t, env).Cancelled
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			res, err := p.client(t).Do(p.request(t, ctx, "GET", "/slow/3000", nil, nil))
			if err == nil {
				res.Body.Close()
				t.Fatalf("answered %d before the client left", res.StatusCode)
			}
			if a := p.ask(t, "GET", "/echo", nil, nil); a.status != 200 {
				t.Errorf("the next request got %d", a.status)
			}
			if p.name == "aws" {
				return
			}
			deadline := time.Now().Add(10 * time.Second)
			for originStats(t, env).Cancelled == before {
				if time.Now().After(deadline) {
					t.Fatal("the upstream was never told that the client is gone")
				}
				select {
				case <-t.Context().Done():
					t.Fatal(t.Context().Err())
				case <-time.After(50 * time.Millisecond):
				}
			}
		})
	}
}

// stats is what the origin counts.
type stats struct {
	Requests  int `json:"requests"`
	Cancelled int `json:"cancelled"`
}

func originStats(t *testing.T, env *environment) stats {
	t.Helper()
	res, err := http.Get("http://" + env.Origin + "/stats")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var s stats
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestUpstreamDies: an upstream that breaks off in the middle of its answer. The client must be able to tell (an error
// status, or a body that visibly ends early), and the request must have reached the upstream once: a custom handler on
// Azure that let its connection be cut would see the POST again, up to ten times.
func TestUpstreamDies(t *testing.T) {
	env := deployed(t)
	for _, p := range env.providers() {
		t.Run(p.name, func(t *testing.T) {
			before := originStats(t, env).Requests
			res, err := p.client(t).Do(p.request(t, t.Context(), "POST", "/abort", nil, strings.NewReader("once")))
			if err == nil {
				defer res.Body.Close()
				_, err = io.Copy(io.Discard, res.Body)
			}
			if err == nil && res.StatusCode < 500 && res.Trailer.Get("X-Polygate-Truncated") == "" {
				t.Errorf("status %d and a whole body: nobody can tell that it broke off", res.StatusCode)
			}
			if got := originStats(t, env).Requests - before; got != 1 {
				t.Errorf("the upstream saw the request %d times, want once", got)
			}
			if a := p.ask(t, "GET", "/echo", nil, nil); a.status != 200 {
				t.Errorf("the next request got %d", a.status)
			}
		})
	}
}
