//go:build unix

package pulumicli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// module makes a go.mod that pins a version.
func module(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module x\n\nrequire "+modulePath+" "+version+"\n", 0o644)
	return dir
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// script is a `pulumi` that knows its version and nothing else.
func script(version string) string { return "#!/bin/sh\necho " + version + "\n" }

func TestFind(t *testing.T) {
	for _, c := range []struct {
		name   string
		onPath string // version of the one on PATH, "" for none
		built  string // version of the one built before, "" for none
		want   string // "path" or "built"
		notice string
	}{
		{"newer on PATH", "v3.300.1", "v3.253.0", "path", ""},
		{"the pinned one on PATH", "v3.253.0", "", "path", ""},
		{"older on PATH", "v3.252.9", "v3.253.0", "built", "wants 3.253.0 or newer"},
		{"another major on PATH", "v4.0.0", "v3.253.0", "built", "of the same major version"},
		{"nonsense on PATH", "hello", "v3.253.0", "built", "ignoring"},
		{"none on PATH", "", "v3.253.0", "built", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			bin, cache := t.TempDir(), t.TempDir()
			t.Setenv("PATH", bin+":/usr/bin:/bin")
			if c.onPath != "" {
				write(t, filepath.Join(bin, "pulumi"), script(c.onPath), 0o755)
			}
			if c.built != "" {
				write(t, filepath.Join(cache, "3.253.0", "pulumi"), script(c.built), 0o755)
			}
			var notices strings.Builder
			cmd, err := Find(t.Context(), Options{Module: module(t, "v3.253.0"), Cache: cache,
				Progress: func(f string, a ...any) { fmt.Fprintf(&notices, f+"\n", a...) }})
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"path": filepath.Join(bin, "pulumi"), "built": filepath.Join(cache, "3.253.0", "pulumi")}[c.want]
			if cmd.Path() != want {
				t.Errorf("found %s, want %s", cmd.Path(), want)
			}
			if !strings.Contains(notices.String(), c.notice) || c.notice == "" && notices.Len() > 0 {
				t.Errorf("said %q, want %q", notices.String(), c.notice)
			}
		})
	}
}

// Present finds what Find does, and builds nothing.
func TestPresent(t *testing.T) {
	bin, cache := t.TempDir(), t.TempDir()
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	opts := Options{Module: module(t, "v3.253.0"), Cache: cache}
	if _, err := Present(t.Context(), opts); !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "3.253.0") {
		t.Errorf("none: %v", err)
	}
	write(t, filepath.Join(cache, "3.253.0", "pulumi"), script("v3.253.0"), 0o755)
	if c, err := Present(t.Context(), opts); err != nil || !strings.HasPrefix(c.Path(), cache) {
		t.Errorf("built before: %v, %v", c, err)
	}
	write(t, filepath.Join(bin, "pulumi"), script("v3.254.0"), 0o755)
	if c, err := Present(t.Context(), opts); err != nil || !strings.HasPrefix(c.Path(), bin) {
		t.Errorf("on PATH: %v, %v", c, err)
	}
}

func TestFindWithoutAPin(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module x\n", 0o644)
	if _, err := Find(t.Context(), Options{Module: dir, Cache: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "does not require "+modulePath) {
		t.Errorf("error %v", err)
	}
}

// TestBuildFails: a build that cannot work says so, how to do without, and leaves nothing that looks built.
func TestBuildFails(t *testing.T) {
	bin, cache := t.TempDir(), t.TempDir()
	write(t, filepath.Join(bin, "go"), "#!/bin/sh\necho no such module >&2\nexit 1\n", 0o755)
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	_, err := Find(t.Context(), Options{Module: module(t, "v3.253.0"), Cache: cache})
	if err == nil || !strings.Contains(err.Error(), "no such module") || !strings.Contains(err.Error(), "put it on PATH") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(cache, "3.253.0", "pulumi")); !os.IsNotExist(err) {
		t.Errorf("something was left: %v", err)
	}
}

// TestBuild: what a killed build left is cleared, and the user's own settings decide nothing. The go command here writes a CLI
// that answers with its version, and refuses to overwrite, as the real one does with a file that is no program.
func TestBuild(t *testing.T) {
	bin, cache := t.TempDir(), t.TempDir()
	write(t, filepath.Join(bin, "go"), `#!/bin/sh
while [ "$1" != -o ]; do shift; done
[ -e "$2" ] && echo "$2 already exists and is not an object file" >&2 && exit 1
[ "$GOOS/$GOARCH/$GOFLAGS/$GOWORK" = "`+runtime.GOOS+"/"+runtime.GOARCH+`/-mod=readonly/off" ] || exit 1
printf '#!/bin/sh\necho v3.253.0\n' > "$2"
chmod +x "$2"
`, 0o755)
	write(t, filepath.Join(cache, "3.253.0", "pulumi.part"), "half a program", 0o644)
	for name, value := range map[string]string{"PATH": bin + ":/usr/bin:/bin", "GOOS": "plan9", "GOARCH": "386", "GOFLAGS": "-mod=vendor", "GOWORK": "/go.work"} {
		t.Setenv(name, value)
	}
	cmd, err := Find(t.Context(), Options{Module: module(t, "v3.253.0"), Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(cache, "3.253.0", "*"))
	if err != nil || len(left) != 2 || cmd.Path() != left[0] || filepath.Base(left[1]) != "pulumi.lock" {
		t.Errorf("found %s among %q, %v", cmd.Path(), left, err)
	}
}

// TestInterruptOnce: the end of the context interrupts the CLI once, and what it says while it winds down is kept.
func TestInterruptOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pulumi")
	write(t, path, "#!/bin/sh\ntrap 'echo saved; exit 255' INT\necho started\nwhile :; do sleep 0.05; done\n", 0o755)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	started := &signalWriter{want: "started", seen: make(chan struct{})}
	type result struct {
		out  string
		code int
		err  error
	}
	done := make(chan result, 1)
	go func() {
		out, _, code, err := (&Command{path: path}).Run(ctx, t.TempDir(), nil, []io.Writer{started}, nil, nil, "up")
		done <- result{out, code, err}
	}()
	select {
	case <-started.seen:
	case <-time.After(20 * time.Second):
		t.Fatal("the CLI never started")
	}
	cancel()
	select {
	case r := <-done:
		if r.code != 255 || r.err == nil || !strings.Contains(r.out, "saved") {
			t.Errorf("%+v, want exit code 255 after what it had to do", r)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the CLI was never interrupted")
	}
}

// signalWriter tells when it has seen a text.
type signalWriter struct {
	want string
	got  strings.Builder
	seen chan struct{}
	done bool
}

func (w *signalWriter) Write(p []byte) (int, error) {
	w.got.Write(p)
	if !w.done && strings.Contains(w.got.String(), w.want) {
		w.done = true
		close(w.seen)
	}
	return len(p), nil
}
