package gcp

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	"polygate.example/shared/gateway"
	"polygate.example/shared/handler"
	"polygate.example/shared/health"
)

func TestClient(t *testing.T) {
	for _, c := range []struct{ name, host, forwarded, want string }{
		{"load balancer", "api.example.com", "203.0.113.7, 34.120.0.1", "203.0.113.7:0"},
		{"load balancer, header made up by the client", "api.example.com", "198.51.100.9, 10.0.0.1, 203.0.113.7,34.120.0.1", "203.0.113.7:0"},
		{"load balancer, version 6", "api.example.com", "2001:db8::7, 2600:1901::1", "[2001:db8::7]:0"},
		{"default URL", "gateway-abc-uc.a.run.app", "203.0.113.7", "203.0.113.7:0"},
		{"default URL, header made up by the client", "gateway-abc-uc.a.run.app:443", "198.51.100.9, 203.0.113.7", "203.0.113.7:0"},
		{"default URL in capitals", "GATEWAY-abc-uc.a.Run.App", "198.51.100.9, 203.0.113.7", "203.0.113.7:0"},
		{"default URL with the root's dot", "gateway-abc-uc.a.run.app.:443", "198.51.100.9, 203.0.113.7", "203.0.113.7:0"},
		{"default URL of the functions API", "us-central1-p.cloudfunctions.net", "198.51.100.9,203.0.113.7", "203.0.113.7:0"},
		{"default URL's name told to the load balancer", "x.a.run.app", "203.0.113.7, 34.120.0.1", "34.120.0.1:0"},
		{"no front", "127.0.0.1:8080", "", ""},
		{"too few for a load balancer", "api.example.com", "198.51.100.9", ""},
		{"zone", "api.example.com", "fe80::1%eth0, 34.120.0.1", ""},
		{"no address", "api.example.com", "unknown, 34.120.0.1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.Host = c.host
			if c.forwarded != "" {
				r.Header.Set("X-Forwarded-For", c.forwarded)
			}
			if got := client(r); got != c.want {
				t.Errorf("client %q, want %q", got, c.want)
			}
		})
	}
	t.Run("several header lines", func(t *testing.T) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Forwarded-For"] = []string{"198.51.100.9", "203.0.113.7", "34.120.0.1"}
		if got := client(r); got != "203.0.113.7:0" {
			t.Errorf("client %q", got)
		}
	})
}

// TestCountry: the country is what the load balancer wrote, where it is said to write one, and never what came around it.
func TestCountry(t *testing.T) {
	m, err := gateway.New(gateway.Spec{Version: 1, Policies: map[string]gateway.Policy{"here": {Authorize: &gateway.Authorize{Geo: &gateway.Geo{Allow: []string{"DE"}, Unknown: gateway.UnknownDeny}}}},
		Routes: []gateway.Route{{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Policies: []string{"here"}, Respond: &gateway.Respond{Status: 200}}}})
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, header, host string
		told               []string
		want               int
	}{
		{"told", "X-Polygate-Country", "api.example.com", []string{"DE"}, 200},
		{"told with its end", "X-Polygate-Country", "api.example.com", []string{"DE;"}, 200},
		{"unknown with its end", "X-Polygate-Country", "api.example.com", []string{";"}, 403},
		{"another", "X-Polygate-Country", "api.example.com", []string{"FR"}, 403},
		{"unknown", "X-Polygate-Country", "api.example.com", []string{"ZZ"}, 403},
		{"none", "X-Polygate-Country", "api.example.com", nil, 403},
		{"the client's beside the balancer's", "X-Polygate-Country", "api.example.com", []string{"DE", "FR"}, 403},
		{"joined", "X-Polygate-Country", "api.example.com", []string{"DE,FR"}, 403},
		{"around the balancer", "X-Polygate-Country", "gateway-abc-uc.a.run.app", []string{"DE"}, 403},
		{"the balancer sets none", "", "api.example.com", []string{"DE"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			fn, err := load(encoded, func(name string) string {
				if name == health.EnvCountry {
					return c.header
				}
				return ""
			})
			if err != nil {
				t.Fatal(err)
			}
			r, w := httptest.NewRequest("GET", "/x", nil), httptest.NewRecorder()
			r.Host, r.Header["X-Polygate-Country"] = c.host, c.told
			if fn(w, r); w.Code != c.want {
				t.Errorf("status %d, want %d", w.Code, c.want)
			}
		})
	}
}

// TestAbortIsSeen: an answer that breaks off is broken at the client too, though the framework catches the panic.
func TestAbortIsSeen(t *testing.T) {
	fn := behindGoogle(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}), false, "")
	s := httptest.NewServer(asFrameworkDoes(fn))
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // a connection taken over and left open would end never
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half an answer came as %q with the error %v, want a connection that was cut", body, err)
	}
	if strings.Contains(string(body), "panic") {
		t.Errorf("the framework's sentence is in the body: %q", body)
	}
}

// TestOtherPanics stay the framework's: it answers 500.
func TestOtherPanics(t *testing.T) {
	s := httptest.NewServer(asFrameworkDoes(behindGoogle(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("x") }), false, "")))
	defer s.Close()
	res, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusInternalServerError {
		t.Errorf("status %d", res.StatusCode)
	}
}

// asFrameworkDoes recovers as funcframework v1.9.2 does (recoverPanic in framework.go): by writing into the answer.
func asFrameworkDoes(fn func(http.ResponseWriter, *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				w.WriteHeader(http.StatusInternalServerError)
				io.WriteString(w, "A panic occurred during user function execution.")
			}
		}()
		fn(w, r)
	})
}

// TestFrameworkRedirects keeps what the framework does before the function is asked, with the framework itself.
func TestFrameworkRedirects(t *testing.T) {
	t.Setenv("FUNCTION_TARGET", "Gateway")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err := errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() { failed <- funcframework.StartHostPort("127.0.0.1", port) }() // it cannot be stopped; it ends with the test process
	base := "http://127.0.0.1:" + port
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: 10 * time.Second}
	for tries := time.NewTicker(5 * time.Millisecond); ; { // the framework does not say when it listens, only when it fails to
		res, err := c.Get(base + "/health")
		if err == nil {
			res.Body.Close()
			tries.Stop()
			break
		}
		select {
		case err := <-failed:
			t.Fatal(err)
		case <-tries.C:
		}
	}
	for _, c2 := range []struct {
		path     string
		status   int
		location string
	}{
		{"/health", 200, ""},
		{"/a/b", 503, ""}, // the committed model: nothing was packed
		{"/a%2Fb", 503, ""},
		{"/a//b?x=1", 307, "/a/b?x=1"},
		{"/a/../b", 307, "/b"},
	} {
		t.Run(c2.path, func(t *testing.T) {
			res, err := c.Get(base + c2.path)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != c2.status || res.Header.Get("Location") != c2.location {
				t.Errorf("answered %d to %q, want %d to %q", res.StatusCode, res.Header.Get("Location"), c2.status, c2.location)
			}
		})
	}
}

// TestStartupFailure runs this test binary again, whose init is the function's own, in an environment that does not do.
func TestStartupFailure(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "POLYGATE_REGION=nowhere")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("the process ended with %v, want exit code 1", err)
	}
	if !strings.Contains(string(out), "cannot start") || !strings.Contains(string(out), "POLYGATE_REGION") {
		t.Errorf("it says %q, want the reason", out)
	}
	if _, err := load([]byte(`{"version":1,"routes":[],"surprise":1}`), os.Getenv); err == nil || !strings.Contains(err.Error(), "model.json") {
		t.Errorf("error %v for a bad model", err)
	}
}

// TestRequireFront: a front's digest in the environment shuts out whoever does not show its secret.
func TestRequireFront(t *testing.T) {
	fn, err := load(model, func(name string) string {
		if name == health.EnvFrontDigest {
			return fmt.Sprintf("%x", sha256.Sum256([]byte("the secret of the front")))
		}
		return ""
	})
	if err != nil {
		t.Fatal(err)
	}
	for secret, want := range map[string]int{"": http.StatusForbidden, "the secret of the front": http.StatusServiceUnavailable} {
		r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
		if secret != "" {
			r.Header.Set(handler.HeaderFront, secret)
		}
		if fn(w, r); w.Code != want {
			t.Errorf("with %q answered %d, want %d", secret, w.Code, want)
		}
	}
}
