package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"polygate.example/shared/handler"
	"polygate.example/shared/health"
)

const model = `{
  "version": 1,
  "routes": [
    {
      "name": "all",
      "match": {
        "path": "/{rest...}"
      },
      "respond": {
        "status": 200,
        "body": "hello"
      }
    }
  ]
}
`

// TestServe runs the server as the command does: it says where it listens, answers, and stops when told.
func TestServe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.json")
	if err := os.WriteFile(path, []byte(model), 0o644); err != nil {
		t.Fatal(err)
	}
	logs, w := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-model", path, "-listen", "127.0.0.1:0"}, func(string) string { return "" }, slog.New(slog.NewTextHandler(w, nil)))
		w.Close()
		done <- err
	}()
	lines := bufio.NewScanner(logs)
	if !lines.Scan() {
		t.Fatal(<-done)
	}
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+/`).FindString(lines.Text())
	if url == "" {
		t.Fatalf("the first line does not say where it listens: %s", lines.Text())
	}
	go func() { // the log must be read, or the server waits for it
		for lines.Scan() {
		}
	}()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != "hello" {
		t.Errorf("answered %q, %v", body, err)
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
}

// A front's digest in the environment shuts out whoever does not show its secret.
func TestFront(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.json")
	if err := os.WriteFile(path, []byte(model), 0o644); err != nil {
		t.Fatal(err)
	}
	logs, w := io.Pipe()
	go run(t.Context(), []string{"-model", path, "-listen", "127.0.0.1:0"}, func(name string) string {
		if name == health.EnvFrontDigest {
			return fmt.Sprintf("%x", sha256.Sum256([]byte("the secret of the front")))
		}
		return ""
	}, slog.New(slog.NewTextHandler(w, nil)))
	lines := bufio.NewScanner(logs)
	lines.Scan()
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+/`).FindString(lines.Text())
	go io.Copy(io.Discard, logs)
	for secret, want := range map[string]int{"": http.StatusForbidden, "the secret of the front": http.StatusOK} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if secret != "" {
			req.Header.Set(handler.HeaderFront, secret)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("with %q answered %d, want %d", secret, res.StatusCode, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "model.json")
	if err := os.WriteFile(bad, []byte(`{}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"unknown flag", []string{"-what"}, "usage"},
		{"help", []string{"-h"}, flag.ErrHelp.Error()},
		{"no model", []string{"-model", bad + ".missing"}, "read the model"},
		{"bad model", []string{"-model", bad}, bad},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := run(t.Context(), c.args, func(string) string { return "" }, slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	err := serve(t.Context(), "256.0.0.1:1", http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	if err == nil || errors.Is(err, errUsage) || !strings.Contains(fmt.Sprint(err), "listen") {
		t.Errorf("error %v for an address that is none", err)
	}
}
