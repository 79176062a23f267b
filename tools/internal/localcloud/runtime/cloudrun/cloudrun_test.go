package cloudrun

import (
	"context"
	"encoding/json"
	"errors"
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

func TestCrashIsReplaced(t *testing.T) {
	s, server := setup(t, nil)
	_, before := get(t, server.URL+"/a")
	if resp, _ := get(t, server.URL+"/exit"); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("crash answered %d, want 503", resp.StatusCode)
	}
	resp, after := get(t, server.URL+"/a")
	if resp.StatusCode != http.StatusOK || after == before {
		t.Errorf("after the crash: %d %s, want another process than before (%s)", resp.StatusCode, after, before)
	}
	if n := s.Instances(); n != 1 {
		t.Errorf("%d instances, want 1", n)
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

// waitForLine waits until the function has written a line.
func waitForLine(t *testing.T, s *Service, line string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !slices.Contains(s.o.Log.Lines(), line); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("the function never wrote %q: %q", line, s.o.Log.Lines())
			return
		}
	}
}

func TestConcurrentRequestsShareAnInstance(t *testing.T) {
	s, server := setup(t, nil)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			resp, err := http.Get(server.URL + "/sleep/200")
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
		})
	}
	wg.Wait()
	if n := s.Instances(); n != 1 {
		t.Errorf("%d instances for 20 requests at once, want 1", n)
	}
}

// Source: "Maximum concurrent requests per instance": what is above it goes to another instance.
func TestConcurrencyOfOne(t *testing.T) {
	s, server := setup(t, func(o *Options) { o.Function.Concurrency = 1 })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	held := make(chan struct{})
	go func() {
		defer close(held)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/sleep/60000", nil)
		if err != nil {
			t.Error(err)
			return
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	waitForLine(t, s, "sleeping")
	if resp, _ := get(t, server.URL+"/a"); resp.StatusCode != http.StatusOK {
		t.Errorf("beside a request in progress: %d", resp.StatusCode)
	}
	if n := s.Instances(); n != 2 {
		t.Errorf("%d instances for two requests at a concurrency of 1, want 2", n)
	}
	cancel()
	<-held
}

func TestStartFails(t *testing.T) {
	silent := filepath.Join(t.TempDir(), "silent")
	if err := os.WriteFile(silent, []byte("#!/bin/sh\nexec sleep 60\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"no function of that name", func(o *Options) { o.Function.Entry = "Other" }, "it ended: exit status 1"},
		{"never listens", func(o *Options) { o.Binary, o.StartupTimeout = silent, 200*time.Millisecond }, "within 200ms"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := setup(t, tt.change)
			if err := s.Start(t.Context()); !errors.Is(err, ErrStartup) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want ErrStartup with %q", err, tt.want)
			}
		})
	}
}

// TestNoStartWithoutItsSecrets: an instance that runs outlives a secret that is lost, no other one starts, and the first after
// it is there again does. Source: "Configure secrets", docs.cloud.google.com/run/docs/configuring/services/secrets: "if secret
// retrieval fails, the instance does not start".
func TestNoStartWithoutItsSecrets(t *testing.T) {
	s, server := setup(t, func(o *Options) {
		o.Function.Fetched = map[string]string{"OWN": "projects/p/secrets/own/versions/latest"}
	})
	answers := func(when string, status int) {
		t.Helper()
		if resp, _ := get(t, server.URL+"/a"); resp.StatusCode != status {
			t.Errorf("%s the answer is %d, want %d", when, resp.StatusCode, status)
		}
	}
	answers("at first", http.StatusOK)
	s.Fetch(nil, "Permission denied on secret: own")
	answers("while an instance runs", http.StatusOK)
	scaleIn(t, s)
	if err := s.Start(t.Context()); !errors.Is(err, ErrStartup) || !strings.Contains(err.Error(), "Permission denied on secret: own") {
		t.Errorf("a start without the secret: %v", err)
	}
	answers("without an instance", http.StatusServiceUnavailable)
	s.Fetch(map[string]string{"OWN": "value"}, "")
	answers("with the secret again", http.StatusOK)
}

// A function that is deployed again without its secret does not start either.
func TestNoDeployWithoutItsSecrets(t *testing.T) {
	s, _ := setup(t, func(o *Options) { o.Function.Unfetched = "Secret own was not found" })
	if err := s.Start(t.Context()); !errors.Is(err, ErrStartup) || !strings.Contains(err.Error(), "own was not found") {
		t.Errorf("%v", err)
	}
}

// TestSecretsAreFetchedAtTheStart: an instance that runs keeps the value that it started with, one that starts later has the new
// one. Source: "Configure secrets", docs.cloud.google.com/run/docs/configuring/services/secrets: environment variables are
// resolved at instance startup time.
func TestSecretsAreFetchedAtTheStart(t *testing.T) {
	s, server := setup(t, func(o *Options) {
		o.Function.Environment["KEY"] = "old"
		o.Function.Fetched = map[string]string{"KEY": "projects/p/secrets/key/versions/latest"}
	})
	key := func() string {
		t.Helper()
		_, body := get(t, server.URL+"/env")
		var env []string
		if err := json.Unmarshal([]byte(body), &env); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		i := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, "KEY=") })
		if i < 0 || !slices.Contains(env, "OWN=value") {
			t.Fatalf("environment %q", env)
		}
		return env[i]
	}
	if got := key(); got != "KEY=old" {
		t.Errorf("at first %s", got)
	}
	s.Fetch(map[string]string{"KEY": "new", "OWN": "value"}, "")
	if got := key(); got != "KEY=old" || s.Instances() != 1 {
		t.Errorf("an instance that runs has %s", got)
	}
	scaleIn(t, s)
	if got := key(); got != "KEY=new" {
		t.Errorf("an instance that starts afterwards has %s", got)
	}
}

// scaleIn takes all instances away, as their timers would, once they have noticed that nobody waits for them.
func scaleIn(t *testing.T, s *Service) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); s.Instances() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("an idle instance is still there")
		}
		s.mu.Lock()
		all := slices.Clone(s.all)
		s.mu.Unlock()
		for _, inst := range all {
			s.reap(inst)
		}
	}
}

func TestIdleInstanceIsReaped(t *testing.T) {
	s, server := setup(t, func(o *Options) { o.IdleTimeout = 50 * time.Millisecond })
	get(t, server.URL+"/a")
	for deadline := time.Now().Add(5 * time.Second); s.Instances() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the idle instance is still there")
		}
	}
	if resp, _ := get(t, server.URL+"/a"); resp.StatusCode != http.StatusOK {
		t.Errorf("after the reaping: %d", resp.StatusCode)
	}
}

// Instances that are kept warm are there before the first request, and stay when nobody calls; one more than that goes.
func TestWarmInstancesStay(t *testing.T) {
	s, _ := setup(t, func(o *Options) { o.Function.Warm = 2 })
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := s.Instances(); n != 2 {
		t.Fatalf("%d instances after the start, want the 2 warm ones", n)
	}
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	all := slices.Clone(s.all)
	s.mu.Unlock()
	for _, inst := range all { // as their timers would
		s.reap(inst)
	}
	if n := s.Instances(); len(all) != 3 || n != 2 {
		t.Errorf("of %d idle instances %d are left, want the 2 warm ones of 3", len(all), n)
	}
}
