package runtimetest

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"polygate.example/tools/internal/localcloud/runtime/process"
)

// AtEnd closes what a test ran functions with when it ends, sees that no process is left, and shows what the functions of a test
// that failed have written.
func AtEnd(t *testing.T, s *process.Supervisor, log *process.Log, closing func()) {
	t.Helper()
	t.Cleanup(func() {
		closing()
		if n := s.Running(); n != 0 {
			t.Errorf("%d processes left after Close", n)
		}
		s.Close()
		if t.Failed() {
			t.Logf("function log:\n%s", strings.Join(log.Lines(), "\n"))
		}
	})
}

// Send does one request and reads the answer to its end; body may be nil.
func Send(t *testing.T, method, url string, header http.Header, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if host := header.Get("Host"); host != "" {
		req.Host = host
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}
