package front

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/runtime"
	"polygate.example/tools/internal/localcloud/runtime/runtimetest"
)

// seen keeps the last request that reached a function.
type seen struct {
	request *http.Request
}

func (s *seen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.request = r
	w.Header().Set("Server", "mine")
	_, _ = io.WriteString(w, "ok")
}

// Source: "External Application Load Balancer overview", X-Forwarded-For header; "Trace context".
func TestGoogleHeaders(t *testing.T) {
	for _, tt := range []struct {
		front       plane.Front
		sent        http.Header
		forwarded   string
		via, outVia string
	}{
		{plane.GoogleALB, nil, "127.0.0.1,127.0.0.1", "1.1 google", "1.1 google"},
		{plane.GoogleALB, http.Header{"X-Forwarded-For": {"192.0.2.9"}}, "192.0.2.9,127.0.0.1,127.0.0.1", "1.1 google", "1.1 google"},
		{plane.RunApp, nil, "127.0.0.1", "", ""},
	} {
		t.Run(string(tt.front)+tt.forwarded, func(t *testing.T) {
			var s seen
			one := siteOf(t, tt.front, freePort(t))
			serve(t, Options{Runtimes: functions{runID: {HTTP: &s}}}, one)
			resp, _ := request(t, client(t, one.Listen), http.MethodGet, "/a%2Fb?q=1&q=2%26", tt.sent, nil)
			h := s.request.Header
			if got := h.Get("X-Forwarded-For"); got != tt.forwarded {
				t.Errorf("X-Forwarded-For %q, want %q", got, tt.forwarded)
			}
			if h.Get("X-Forwarded-Proto") != "https" || h.Get("Via") != tt.via || resp.Header.Get("Via") != tt.outVia {
				t.Errorf("proto %q, via %q, %q", h.Get("X-Forwarded-Proto"), h.Get("Via"), resp.Header.Get("Via"))
			}
			if !strings.HasSuffix(h.Get("X-Cloud-Trace-Context"), ";o=0") || !strings.HasPrefix(h.Get("Traceparent"), "00-") {
				t.Errorf("trace %q, %q", h.Get("X-Cloud-Trace-Context"), h.Get("Traceparent"))
			}
			if s.request.URL.EscapedPath() != "/a%2Fb" || s.request.URL.RawQuery != "q=1&q=2%26" || s.request.Host != name {
				t.Errorf("arrived as %s?%s for %s", s.request.URL.EscapedPath(), s.request.URL.RawQuery, s.request.Host)
			}
			if got := resp.Header.Get("Server"); got != "Google Frontend" {
				t.Errorf("Server %q", got)
			}
		})
	}
}

// Source: "Troubleshoot Cloud Run issues", 403; "Troubleshoot external Application Load Balancers", 502.
func TestGoogleRefusals(t *testing.T) {
	for _, tt := range []struct {
		name   string
		front  plane.Front
		change func(*plane.Site)
		status int
	}{
		{"no permission", plane.GoogleALB, func(s *plane.Site) { s.InvokeError = true }, 403},
		{"no permission", plane.RunApp, func(s *plane.Site) { s.InvokeError = true }, 403},
		{"no backend", plane.GoogleALB, func(s *plane.Site) { s.Function = "" }, 502},
		{"no service", plane.RunApp, func(s *plane.Site) { s.Function = "gone" }, 404},
		// "Restrict network endpoint ingress for Cloud Run services": what ingress keeps out is not told what is behind it.
		{"ingress", plane.RunApp, func(s *plane.Site) { s.Function = "" }, 404},
	} {
		t.Run(string(tt.front)+" "+tt.name, func(t *testing.T) {
			one := siteOf(t, tt.front, freePort(t))
			tt.change(&one)
			serve(t, Options{Runtimes: hello}, one)
			resp, body := get(t, client(t, one.Listen), "https://"+name+"/")
			if resp.StatusCode != tt.status || !strings.Contains(body, "<html") {
				t.Errorf("%d %s, want %d as HTML", resp.StatusCode, body, tt.status)
			}
		})
	}
}

// Source: headers as apps receive them; see setHeaders.
func TestAzureHeaders(t *testing.T) {
	var s seen
	one := siteOf(t, plane.AzureApp, freePort(t))
	serve(t, Options{Runtimes: functions{appID: {HTTP: &s}}}, one)
	request(t, client(t, one.Listen), http.MethodGet, "/a%2Fb?q=1", http.Header{"X-Forwarded-For": {"192.0.2.9"}}, nil)
	h := s.request.Header
	peer := s.request.RemoteAddr
	for field, want := range map[string]string{
		"X-Forwarded-For": "192.0.2.9, " + peer, "Client-Ip": peer, "Disguised-Host": name, "X-Site-Deployment-Id": "gateway",
		"Was-Default-Hostname": "gateway.azurewebsites.net", "X-Original-Url": "/a%2Fb?q=1", "X-Forwarded-Proto": "https",
	} {
		if got := h.Get(field); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
}

func TestAzureTimeout(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // a front that waits for ever fails the test, not the run
	defer cancel()
	release := make(chan struct{})
	one := siteOf(t, plane.AzureApp, freePort(t))
	serve(t, Options{
		Timeouts: Timeouts{Azure: 500 * time.Millisecond}, // within which /begun must have begun
		Runtimes: functions{appID: {HTTP: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/begun" { // an answer in progress is not idle
				_, _ = io.WriteString(w, "first ")
				_ = http.NewResponseController(w).Flush()
			}
			select {
			case <-release:
			case <-ctx.Done():
			}
			_, _ = io.WriteString(w, "second")
		})}},
	}, one)
	c := client(t, one.Listen)
	ask := func(path string) *http.Response {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+name+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	begun, silent := ask("/begun"), ask("/silent")
	if read(t, silent); silent.StatusCode != http.StatusBadGateway {
		t.Errorf("status %d, want 502", silent.StatusCode)
	}
	close(release)
	if body := read(t, begun); begun.StatusCode != 200 || body != "first second" {
		t.Errorf("answer in progress: %d %q", begun.StatusCode, body)
	}
}

func TestAzureWithoutApp(t *testing.T) {
	one := siteOf(t, plane.AzureApp, freePort(t))
	serve(t, Options{Runtimes: functions{}}, one)
	if resp, _ := get(t, client(t, one.Listen), "https://"+name+"/"); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", resp.StatusCode)
	}
}

// The whole way: a request, the front, the Functions host, a process, and back.
func TestAzureWithRealHost(t *testing.T) {
	r := runtime.New(runtime.Options{Dir: t.TempDir()})
	defer r.Close()
	path, digest := runtimetest.AzureZip(t, "enableForwardingHttpRequest", "get", "post", "head")
	if err := r.Apply(t.Context(), []plane.Function{{
		ID: appID, Region: "azure/eastus", Runtime: plane.AzureFunctions, Package: path, Digest: digest,
		Environment: map[string]string{runtimetest.EnvRole: runtimetest.RoleAzure},
	}}); err != nil {
		t.Fatal(err)
	}
	one := siteOf(t, plane.AzureApp, freePort(t))
	serve(t, Options{Runtimes: r}, one)
	c := client(t, one.Listen)
	resp, body := request(t, c, http.MethodPost, "/echo?q=1&q=2", http.Header{"X-Many": {"a", "b"}}, strings.NewReader("hello"))
	var e runtimetest.Echo
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%d %s: %v", resp.StatusCode, body, err)
	}
	if e.Target != "/echo?q=1,2" || e.Host != name || string(e.Body) != "hello" || !slices.Equal(e.Header["X-Many"], []string{"a, b"}) {
		t.Errorf("arrived as %+v", e)
	}
	if got := e.Header.Get("X-Forwarded-For"); !strings.HasPrefix(got, "127.0.0.1:") {
		t.Errorf("X-Forwarded-For %q, want the front's, with a port", got)
	}
	if resp, _ := request(t, c, "PURGE", "/echo", nil, nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("unlisted method: %d", resp.StatusCode)
	}
	if resp, body := request(t, c, http.MethodGet, "/status/204", nil, nil); resp.StatusCode != http.StatusNoContent || body != "" {
		t.Errorf("204: %d %q", resp.StatusCode, body)
	}
}

var _ http.Handler = (*seen)(nil)
