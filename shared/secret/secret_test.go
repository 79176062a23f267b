package secret

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// source is a Source whose answer changes, and that counts.
type source struct {
	mu    sync.Mutex
	text  string
	err   error
	asked int
}

func (s *source) Read(context.Context, string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return s.text, s.err
}

func (s *source) is(text string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text, s.err = text, err
}

// bench is a store with a clock of its own.
func bench(text string, err error) (*Store, *source, *time.Time, *bytes.Buffer) {
	src, now, log := &source{text: text, err: err}, time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC), &bytes.Buffer{}
	s := New(src, slog.New(slog.NewTextHandler(log, nil)))
	s.now = func() time.Time { return now }
	return s, src, &now, log
}

func TestValue(t *testing.T) {
	for _, c := range []struct{ name, stored, want string }{
		{"as it is", "hush", "hush"},
		{"a line break at the end", "hush\n", "hush"},
		{"Windows' line break", "hush\r\n", "hush"},
		{"one line break, no more", "hush\n\n", "hush\n"},
		{"spaces", " hush ", " hush "},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _, _, _ := bench(c.stored, nil)
			if got, err := s.Value(t.Context(), "KEY"); got != c.want || err != nil {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
	for _, stored := range []string{"", "\n"} {
		s, _, _, _ := bench(stored, nil)
		if _, err := s.Value(t.Context(), "KEY"); ReasonOf(err) != Unusable {
			t.Errorf("%q: %v, want that it cannot be used", stored, err)
		}
	}
}

// A new value is there after a few seconds, and not asked for before.
func TestValueIsKeptForAWhile(t *testing.T) {
	s, src, now, _ := bench("old", nil)
	read := func(want string) {
		t.Helper()
		if got, err := s.Value(t.Context(), "KEY"); got != want || err != nil {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	read("old")
	src.is("new", nil)
	*now = now.Add(fresh - time.Millisecond)
	read("old")
	if src.asked != 1 {
		t.Errorf("asked %d times for a value that is fresh", src.asked)
	}
	*now = now.Add(time.Millisecond)
	read("new")
	*now = now.Add(-time.Hour) // the clock was put back: nobody knows how old the value is
	src.is("newest", nil)
	read("newest")
}

// A value that was read outlives its store; one that never was is refused, and asked for again by the next request.
func TestValueOutlivesItsStore(t *testing.T) {
	s, src, now, log := bench("", &Error{Name: "KEY", Reason: Denied, Detail: "see its policy"})
	if _, err := s.Value(t.Context(), "KEY"); ReasonOf(err) != Denied {
		t.Errorf("%v, want that it is denied", err)
	}
	src.is("hush", nil)
	if got, err := s.Value(t.Context(), "KEY"); got != "hush" || err != nil {
		t.Errorf("%q, %v; want the value as soon as it is there", got, err)
	}
	src.is("", errors.New("down"))
	*now = now.Add(fresh)
	for range 3 {
		if got, err := s.Value(t.Context(), "KEY"); got != "hush" || err != nil {
			t.Errorf("%q, %v; want the value from before", got, err)
		}
	}
	if src.asked != 3 {
		t.Errorf("asked %d times, want 3: a store that is down is not asked for every request", src.asked)
	}
	if text := log.String(); !strings.Contains(text, "secret=KEY") || !strings.Contains(text, "down") || strings.Contains(text, "hush") {
		t.Errorf("the log says %q", text)
	}
}

// Who asks at the same time waits for one answer, and a client that leaves does not end the question.
func TestValueIsAskedForOnce(t *testing.T) {
	s, src, _, _ := bench("hush", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got, err := s.Value(ctx, "KEY"); got != "hush" || err != nil {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	wg.Wait()
	if src.asked != 1 {
		t.Errorf("asked %d times", src.asked)
	}
}

func TestEnvironment(t *testing.T) {
	env := map[string]string{"KEY": "hush", "LOST": "@Microsoft.KeyVault(SecretUri=https://our-vault.vault.azure.net/secrets/key)"}
	s, err := FromEnvironment(func(k string) string { return env[k] }, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Value(t.Context(), "KEY"); got != "hush" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for name, want := range map[string]Reason{"LOST": Unresolved, "NONE": Missing} {
		_, err := s.Value(t.Context(), name)
		if ReasonOf(err) != want || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	for _, bad := range []string{"x", "[]", `{"KEY":1}`} {
		env[EnvReferences] = bad
		if _, err := FromEnvironment(func(k string) string { return env[k] }, nil); err == nil || !strings.Contains(err.Error(), EnvReferences) {
			t.Errorf("references %s: %v", bad, err)
		}
	}
}
