package cloudrun

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/runtime/process"
	"polygate.example/tools/internal/localcloud/runtime/runtimetest"
)

// write puts files into a folder.
func write(t *testing.T, dir string, files map[string]runtimetest.File) {
	t.Helper()
	for name, f := range files {
		if err := os.WriteFile(filepath.Join(dir, name), f.Content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func supervisor(t *testing.T) *process.Supervisor {
	t.Helper()
	s := process.NewSupervisor()
	t.Cleanup(s.Close)
	return s
}

// built is the one build of the function under test.
var built = sync.OnceValues(func() (string, error) {
	src, err := os.MkdirTemp("", "polygate-cloudrun-test-*")
	if err != nil {
		return "", err
	}
	return src, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := built(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// build builds the function under test, once for all tests.
func build(t *testing.T) (binary, root string) {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	root = filepath.Join(dir, "src")
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, root, runtimetest.FunctionFiles(t))
	binary, err = Build(t.Context(), supervisor(t), root, filepath.Join(dir, "builds"), "digest", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return binary, root
}

func setup(t *testing.T, change func(*Options)) (*Service, *httptest.Server) {
	t.Helper()
	binary, root := build(t)
	o := Options{
		Function: plane.Function{
			ID: "projects/p/locations/us-central1/functions/gateway", Region: "gcp/us-central1", Digest: "abcdef",
			Runtime: plane.CloudFunction, Entry: "Gateway", Timeout: 10 * time.Second, Instances: 2,
			Environment: map[string]string{"OWN": "value"},
		},
		Binary: binary, Root: root, Supervisor: process.NewSupervisor(), Log: &process.Log{},
	}
	if change != nil {
		change(&o)
	}
	s := New(o)
	server := httptest.NewServer(s)
	runtimetest.AtEnd(t, o.Supervisor, o.Log, func() {
		server.Close()
		s.Close()
	})
	return s, server
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	return runtimetest.Send(t, http.MethodGet, url, nil, nil)
}

// Source: "Container runtime contract"; the variables of functions are from "Configure environment variables".
func TestEnvironment(t *testing.T) {
	t.Setenv("POLYGATE_SECRET_OF_THE_PARENT", "hush")
	_, server := setup(t, nil)
	_, body := get(t, server.URL+"/env")
	var env []string
	if err := json.Unmarshal([]byte(body), &env); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"K_SERVICE=gateway", "K_CONFIGURATION=gateway", "K_REVISION=gateway-00001-abc", "FUNCTION_TARGET=Gateway",
		"FUNCTION_SIGNATURE_TYPE=http", "OWN=value",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing from %q", want, env)
		}
	}
	if slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "POLYGATE_SECRET") }) {
		t.Error("the parent's environment leaked")
	}
}

func TestRequestArrivesUnchanged(t *testing.T) {
	_, server := setup(t, nil)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+"/a%2Fb/c%20d?q=1&q=2%26&p=a+b;c&x=%zz", strings.NewReader("12345"))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "api.example.test"
	req.Header.Add("X-Many", "one, two")
	req.Header.Add("X-Many", "three")
	req.Header.Set("X-Forwarded-For", "192.0.2.1,192.0.2.2")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var got struct {
		Method, Target, Host string
		Header               http.Header
		Length               int64
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Target != "/a%2Fb/c%20d?q=1&q=2%26&p=a+b;c&x=%zz" || got.Host != "api.example.test" || got.Method != "PUT" || got.Length != 5 {
		t.Errorf("arrived as %+v", got)
	}
	if v := got.Header["X-Many"]; !slices.Equal(v, []string{"one, two", "three"}) {
		t.Errorf("repeated header arrived as %q", v)
	}
	if v := got.Header["X-Forwarded-For"]; !slices.Equal(v, []string{"192.0.2.1,192.0.2.2"}) {
		t.Errorf("X-Forwarded-For arrived as %q, want what the front set", v)
	}
}

func TestAnswers(t *testing.T) {
	_, server := setup(t, nil)
	for _, tt := range []struct {
		name, path string
		status     int
		body       string
	}{
		// Observed with functions-framework-go v1.9.2, which is in every function: it answers a panic itself.
		{"panic", "/panic", 500, "A panic occurred during user function execution."},
		// Observed with the same: its mux redirects an unclean path before our code.
		{"unclean path", "/a//b", 307, ""},
		// Source: "Troubleshoot Cloud Run issues".
		{"end of the process", "/exit", 503, "Service Unavailable"},
		{"no content", "/status/204", 204, ""},
		// Source: "Known issues in Cloud Run", reserved URL paths.
		{"reserved path", "/healthz", 404, "Not Found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			resp, err := client.Get(server.URL + tt.path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			b, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != tt.status || !strings.Contains(string(b), tt.body) {
				t.Errorf("%d %q (%v), want %d with %q", resp.StatusCode, b, err, tt.status, tt.body)
			}
			if tt.name == "panic" && resp.Header.Get("X-Google-Status") != "crash" {
				t.Error("X-Google-Status: crash is missing")
			}
		})
	}
}

// Source: "Troubleshoot Cloud Run issues", 504.
func TestTimeout(t *testing.T) {
	_, server := setup(t, func(o *Options) { o.Function.Timeout = 300 * time.Millisecond })
	if resp, body := get(t, server.URL+"/sleep/60000"); resp.StatusCode != http.StatusGatewayTimeout || body != "upstream request timeout" {
		t.Errorf("%d %q, want 504", resp.StatusCode, body)
	}
}

func TestCookiesAndBinary(t *testing.T) {
	_, server := setup(t, nil)
	resp, body := get(t, server.URL+"/cookies")
	if got := resp.Header.Values("Set-Cookie"); len(got) != 2 || !strings.HasPrefix(got[0], "a=1; Expires=Wed, 21") {
		t.Errorf("cookies %q", got)
	}
	if body != "\x00\xff\x80\n" {
		t.Errorf("body %q", body)
	}
}

// Source: "Cloud Run quotas and limits": 32 MiB for an HTTP/1 request.
func TestRequestLimit(t *testing.T) {
	_, server := setup(t, nil)
	for _, tt := range []struct {
		name   string
		size   int64
		length int64 // announced; -1 for chunked
		status int
	}{
		{"at the limit", MaxRequest, MaxRequest, 200},
		{"one over, announced", MaxRequest + 1, MaxRequest + 1, 413},
		{"one over, chunked", MaxRequest + 1, -1, 413},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/upload", io.LimitReader(zeros{}, tt.size))
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = tt.length
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if resp.StatusCode != tt.status {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.status)
			}
		})
	}
}

// Source: "Cloud Run quotas and limits": 32 MiB for an HTTP/1 response "if not using Transfer-Encoding: chunked or streaming
// mechanisms"; PolicyEngine/policyengine-api pull request 3798 has what a client gets, and that HEAD is answered.
func TestResponseLimit(t *testing.T) {
	_, server := setup(t, nil)
	for _, tt := range []struct {
		name, method, path string
		status             int
		length             int // of the body
	}{
		{"at the limit", http.MethodGet, "/bytes/" + strconv.Itoa(MaxResponse), 200, MaxResponse},
		{"one over", http.MethodGet, "/bytes/" + strconv.Itoa(MaxResponse+1), 500, 0},
		{"one over, streamed", http.MethodGet, "/bytes/" + strconv.Itoa(MaxResponse+1) + "?stream", 200, MaxResponse + 1},
		{"one over, HEAD", http.MethodHead, "/bytes/" + strconv.Itoa(MaxResponse+1), 200, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, server.URL+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			b, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != tt.status || len(b) != tt.length {
				t.Errorf("%d with %d bytes (%v), want %d with %d", resp.StatusCode, len(b), err, tt.status, tt.length)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// The first piece must arrive while the function still waits for the caller to go.
func TestResponseStreams(t *testing.T) {
	_, server := setup(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	piece := make([]byte, 6)
	if _, err := io.ReadFull(resp.Body, piece); err != nil || string(piece) != "first " {
		t.Fatalf("first piece %q, %v", piece, err)
	}
}

func TestClientGoneCancelsTheRequest(t *testing.T) {
	s, server := setup(t, func(o *Options) { o.Function.Timeout = time.Minute })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		waitForLine(t, s, "sleeping")
		cancel()
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/sleep/30000", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Fatalf("answered %d", resp.StatusCode)
	}
	waitForLine(t, s, "cancelled")
}
