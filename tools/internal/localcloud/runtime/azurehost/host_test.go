package azurehost

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/runtime/process"
	"polygate.example/tools/internal/localcloud/runtime/runtimetest"
)

func TestMain(m *testing.M) { runtimetest.Main(m) }

const (
	forwarding = "enableForwardingHttpRequest"
	proxying   = "enableProxyingHttpRequest"
)

var allMethods = []string{"get", "head", "post", "put", "patch", "delete", "options"}

func setup(t *testing.T, mode string, change func(*Options)) (*Host, *httptest.Server) {
	t.Helper()
	root := t.TempDir()
	for name, f := range runtimetest.AzureFiles(t, mode, allMethods...) {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Content, 0o644); err != nil { // the host makes the handler executable
			t.Fatal(err)
		}
	}
	app, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Function: plane.Function{
			ID: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/gateway", Region: "azure/eastus",
			Runtime: plane.AzureFunctions, Environment: map[string]string{runtimetest.EnvRole: runtimetest.RoleAzure, "OWN": "value"},
		},
		App: app, Supervisor: process.NewSupervisor(), Log: &process.Log{},
	}
	if change != nil {
		change(&o)
	}
	h := New(o)
	server := httptest.NewServer(h)
	runtimetest.AtEnd(t, o.Supervisor, o.Log, func() {
		server.Close()
		h.Close()
	})
	return h, server
}

func echo(t *testing.T, method, url string, header http.Header, body io.Reader) runtimetest.Echo {
	t.Helper()
	resp, text := runtimetest.Send(t, method, url, header, body)
	var e runtimetest.Echo
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatalf("%d %q: %v", resp.StatusCode, text, err)
	}
	return e
}

// Every row was observed on the Azure Functions host 4.1045.
func TestFactsOfTheTwoModes(t *testing.T) {
	for _, mode := range []string{forwarding, proxying} {
		t.Run(mode, func(t *testing.T) {
			h, server := setup(t, mode, nil)
			forward := mode == forwarding
			pick := func(f, p string) string {
				if forward {
					return f
				}
				return p
			}
			header := http.Header{
				"Host": {"api.example.test"}, "X-Forwarded-For": {"192.0.2.9"}, "X-Many": {"one", "two"},
			}
			e := echo(t, http.MethodGet, server.URL+"/echo/a%2Fb?q=1&q=2%26", header, nil)
			if want := pick("/echo/a%2Fb?q=1,2%26", "/echo/a%252Fb?q=1&q=2%26"); e.Target != want {
				t.Errorf("target %q, want %q", e.Target, want)
			}
			if want := pick("api.example.test", h.address()); e.Host != want {
				t.Errorf("Host %q, want %q", e.Host, want)
			}
			if got, want := e.Header.Get("X-Forwarded-Host"), pick("", "api.example.test"); got != want {
				t.Errorf("X-Forwarded-Host %q, want %q", got, want)
			}
			if got, want := e.Header.Get("X-Forwarded-For"), pick("192.0.2.9", "127.0.0.1"); got != want {
				t.Errorf("X-Forwarded-For %q, want %q", got, want)
			}
			if got := e.Header["X-Many"]; !slices.Equal(got, []string{"one, two"}) {
				t.Errorf("repeated header arrived as %q, want one value", got)
			}

			t.Run("chunked upload", func(t *testing.T) {
				resp, text := runtimetest.Send(t, http.MethodPost, server.URL+"/echo", nil, io.MultiReader(strings.NewReader("chunks")))
				want := http.StatusOK
				if forward {
					want = http.StatusInternalServerError
				}
				if resp.StatusCode != want {
					t.Errorf("status %d %s, want %d", resp.StatusCode, text, want)
				}
			})
			t.Run("aborted connection is replayed, POST too", func(t *testing.T) {
				resp, _ := runtimetest.Send(t, http.MethodPost, server.URL+"/abort", nil, strings.NewReader("once"))
				if resp.StatusCode < 500 {
					t.Errorf("status %d, want a server error", resp.StatusCode)
				}
				_, calls := runtimetest.Send(t, http.MethodGet, server.URL+"/calls/abort", nil, nil)
				if want := pick("4", "10"); calls != want {
					t.Errorf("the handler was called %s times, want %s", calls, want)
				}
			})
			t.Run("cookies and binary", func(t *testing.T) {
				resp, body := runtimetest.Send(t, http.MethodGet, server.URL+"/cookies", nil, nil)
				if got := resp.Header.Values("Set-Cookie"); len(got) != 2 || body != "\x00\xff\x80\n" {
					t.Errorf("cookies %q, body %q", got, body)
				}
			})
			t.Run("40 KB of headers", func(t *testing.T) {
				resp, _ := runtimetest.Send(t, http.MethodGet, server.URL+"/echo", http.Header{"X-Large": {strings.Repeat("x", 40<<10)}}, nil)
				if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
					t.Errorf("status %d, want 431", resp.StatusCode)
				}
				resp, _ = runtimetest.Send(t, http.MethodGet, server.URL+"/echo", http.Header{"X-Large": {strings.Repeat("x", 30<<10)}}, nil)
				if resp.StatusCode != http.StatusOK {
					t.Errorf("30 KB: status %d, want 200", resp.StatusCode)
				}
			})
			t.Run("unlisted method", func(t *testing.T) {
				if resp, _ := runtimetest.Send(t, "PURGE", server.URL+"/echo", nil, nil); resp.StatusCode != http.StatusNotFound {
					t.Errorf("status %d, want 404", resp.StatusCode)
				}
			})
		})
	}
}

func TestBodiesOfEveryMethod(t *testing.T) {
	for _, mode := range []string{forwarding, proxying} {
		_, server := setup(t, mode, nil)
		for _, tt := range []struct {
			method, body string
		}{
			{"GET", ""}, {"DELETE", ""}, {"OPTIONS", ""}, {"POST", ""}, {"PUT", ""}, {"PATCH", "x"}, {"POST", "hello"}, {"DELETE", "why"},
		} {
			t.Run(mode+"/"+tt.method+"/"+tt.body, func(t *testing.T) {
				var body io.Reader
				if tt.body != "" || tt.method == "POST" || tt.method == "PUT" {
					body = strings.NewReader(tt.body)
				}
				e := echo(t, tt.method, server.URL+"/echo", nil, body)
				if e.Method != tt.method || string(e.Body) != tt.body || e.Length != int64(len(tt.body)) {
					t.Errorf("arrived as %s with %q, length %d", e.Method, e.Body, e.Length)
				}
			})
		}
		t.Run(mode+"/HEAD", func(t *testing.T) {
			resp, body := runtimetest.Send(t, http.MethodHead, server.URL+"/status/200", nil, nil)
			if resp.StatusCode != http.StatusOK || body != "" {
				t.Errorf("%d %q", resp.StatusCode, body)
			}
		})
		for _, status := range []int{204, 304, 404, 500} {
			t.Run(mode+"/status "+strconv.Itoa(status), func(t *testing.T) {
				if resp, _ := runtimetest.Send(t, http.MethodGet, fmt.Sprintf("%s/status/%d", server.URL, status), nil, nil); resp.StatusCode != status {
					t.Errorf("status %d, want %d", resp.StatusCode, status)
				}
			})
		}
	}
}

// Observed on the Azure Functions host 4.1045: streaming is real when proxying; forwarding waits for the whole answer.
func TestStreaming(t *testing.T) {
	t.Run("proxying", func(t *testing.T) {
		_, server := setup(t, proxying, nil)
		resp, err := http.Get(server.URL + "/stream")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		first := make([]byte, 6)
		if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "first " {
			t.Fatalf("%q, %v", first, err)
		}
		runtimetest.Send(t, http.MethodPost, server.URL+"/continue", nil, nil) // only now is the rest written
		if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != "second" {
			t.Errorf("%q, %v", rest, err)
		}
	})
	t.Run("forwarding", func(t *testing.T) {
		_, server := setup(t, forwarding, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			t.Errorf("a header came (%d) before the answer was whole", resp.StatusCode)
		}
		runtimetest.Send(t, http.MethodPost, server.URL+"/continue", nil, strings.NewReader("x"))
	})
}

// Source: azure-functions-host pull request 9471; app setting FUNCTIONS_REQUEST_BODY_SIZE_LIMIT.
func TestRequestLimit(t *testing.T) {
	if MaxRequest != 210_000_000 {
		t.Errorf("the limit is %d, want 210,000,000", MaxRequest)
	}
	for _, mode := range []string{forwarding, proxying} {
		t.Run(mode, func(t *testing.T) {
			_, server := setup(t, mode, func(o *Options) { o.Function.Environment["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"] = "1000" })
			if e := echo(t, http.MethodPost, server.URL+"/echo", nil, strings.NewReader(strings.Repeat("x", 1000))); e.Length != 1000 {
				t.Errorf("1000 bytes arrived as %d", e.Length)
			}
			if resp, _ := runtimetest.Send(t, http.MethodPost, server.URL+"/echo", nil, strings.NewReader(strings.Repeat("x", 1001))); resp.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("1001 bytes: status %d, want 413", resp.StatusCode)
			}
			if mode == proxying { // chunked, found out on the way
				if resp, _ := runtimetest.Send(t, http.MethodPost, server.URL+"/echo", nil, io.MultiReader(strings.NewReader(strings.Repeat("x", 5000)))); resp.StatusCode != http.StatusRequestEntityTooLarge {
					t.Errorf("5000 bytes chunked: status %d, want 413", resp.StatusCode)
				}
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("POLYGATE_SECRET_OF_THE_PARENT", "hush")
	h, server := setup(t, forwarding, nil)
	_, text := runtimetest.Send(t, http.MethodGet, server.URL+"/env", nil, nil)
	var env []string
	if err := json.Unmarshal([]byte(text), &env); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"OWN=value", "WEBSITE_SITE_NAME=gateway", "WEBSITE_HOSTNAME=gateway.azurewebsites.net", "REGION_NAME=eastus",
		"FUNCTIONS_CUSTOMHANDLER_PORT=" + strconv.Itoa(h.port),
	} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing from %q", want, env)
		}
	}
	if slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "POLYGATE_SECRET") }) {
		t.Error("the parent's environment leaked")
	}
}

// Source: DefaultHttpWorkerService passes no cancellation token; the proxy passes the request's.
func TestClientGone(t *testing.T) {
	for _, tt := range []struct{ mode, sleep, want string }{{forwarding, "1000", "slept"}, {proxying, "60000", "cancelled"}} {
		t.Run(tt.mode, func(t *testing.T) {
			_, server := setup(t, tt.mode, nil)
			// called waits until the handler has counted one of the names.
			called := func(names ...string) string {
				for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
					for _, name := range names {
						if _, n := runtimetest.Send(t, http.MethodGet, server.URL+"/calls/"+name, nil, nil); n != "0" {
							return name
						}
					}
				}
				return "nothing"
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/sleep/"+tt.sleep, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if resp, err := http.DefaultClient.Do(req); err == nil {
					_ = resp.Body.Close()
				}
			}()
			called("sleep")
			cancel()
			<-gone
			if got := called("slept", "cancelled"); got != tt.want {
				t.Errorf("the handler has %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAppThatDoesNotLoadAnswers503(t *testing.T) {
	_, server := setup(t, forwarding, func(o *Options) {
		o.App, o.LoadError = nil, &ConfigError{File: "host.json", Problem: "missing from the package"}
	})
	if resp, body := runtimetest.Send(t, http.MethodGet, server.URL+"/", nil, nil); resp.StatusCode != http.StatusServiceUnavailable || body != "Function host is not running." {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
}

// Source: github.com/Azure/azure-functions-host/wiki/Configuration-Settings, AzureWebJobsDisableHomepage: the landing page
// stands at the root unless the setting is "true".
func TestHomepageTakesTheRoot(t *testing.T) {
	for setting, page := range map[string]bool{"": true, "false": true, "true": false, "True": false} {
		t.Run("setting "+setting, func(t *testing.T) {
			_, server := setup(t, proxying, func(o *Options) { o.Function.Environment["AzureWebJobsDisableHomepage"] = setting })
			_, text := runtimetest.Send(t, http.MethodGet, server.URL+"/", nil, nil)
			if got := strings.Contains(text, "up and running"); got != page {
				t.Errorf("landing page: %v, want %v\n%s", got, page, text)
			}
		})
	}
}
