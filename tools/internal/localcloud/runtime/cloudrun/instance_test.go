package cloudrun

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

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
