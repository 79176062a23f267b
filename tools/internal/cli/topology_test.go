package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
)

// TestTopologyOfTheStack: somebody may have deployed from elsewhere, so that the stack counts and not what `up` once saved
// here; that has to do when the stack cannot be asked.
func TestTopologyOfTheStack(t *testing.T) {
	noBackend(t)
	t.Setenv("PULUMI_BACKEND_URL", "s3://states")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	bin := t.TempDir()
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	for _, c := range []struct {
		name            string
		saved           bool
		select_, output string // what the CLI does then, in shell
		want            string // hostname
		err             string
	}{
		{"deployed from elsewhere", true, "", `echo '{"topology": {"hostname": "stack.example.com"}}'`, "stack.example.com", ""},
		{"deployed from elsewhere only", false, "", `echo '{"topology": {"hostname": "stack.example.com"}}'`, "stack.example.com", ""},
		{"never deployed", false, `echo "error: no stack named 'dev' found" >&2; exit 255`, "", "", "dev is not deployed"},
		{"removed elsewhere", true, `echo "error: no stack named 'dev' found" >&2; exit 255`, "", "", "dev is not deployed"},
		{"destroyed elsewhere", true, "", "echo '{}'", "", "run `polygate up` to completion"},
		{"no answer", true, "echo error: no route to host >&2; exit 255", "", "saved.example.com", ""},
		{"no answer and nothing saved", false, "echo error: no route to host >&2; exit 255", "", "", "no route to host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := project(t, map[string]string{"Pulumi.dev.yaml": dev})
			write(t, filepath.Join(root, "tools", "pulumi", "go.mod"), "module x\n\nrequire github.com/pulumi/pulumi/pkg/v3 v3.253.0\n")
			script := filepath.Join(bin, "pulumi")
			write(t, script, "#!/bin/sh\ncase \"$*\" in\n*version) echo v3.253.0 ;;\n*'stack select'*) "+c.select_+" ;;\n*'stack output'*) "+c.output+" ;;\n"+
				"*'stack init'*) echo error: asked to create a stack >&2; exit 255 ;;\nesac\n")
			if err := os.Chmod(script, 0o755); err != nil {
				t.Fatal(err)
			}
			var said bytes.Buffer
			a := &app{output: newOutput(&bytes.Buffer{}, &said, os.Getenv), getenv: os.Getenv, root: root, stack: "dev", begun: map[string]bool{}}
			if c.saved {
				if err := a.saveTopology(topology.Topology{Hostname: "saved.example.com"}); err != nil {
					t.Fatal(err)
				}
			}
			got, err := a.loadTopology(t.Context(), settings.Settings{})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want %q", err, c.err)
				}
				return
			}
			if err != nil || got.Hostname != c.want {
				t.Errorf("%q, %v, want %q", got.Hostname, err, c.want)
			}
			if old := strings.Contains(said.String(), "the stack cannot be asked"); old != (c.want == "saved.example.com") {
				t.Errorf("it says %q", said.String())
			}
		})
	}
}

// TestTopologyOfLocalClouds: what `up` saved holds until somebody writes to the stack.
func TestTopologyOfLocalClouds(t *testing.T) {
	a := &app{output: newOutput(&bytes.Buffer{}, &bytes.Buffer{}, os.Getenv), getenv: os.Getenv, root: t.TempDir(), stack: "local"}
	s := settings.Settings{LocalClouds: &settings.LocalClouds{}}
	load := func(want string) {
		t.Helper()
		got, err := a.loadTopology(t.Context(), s)
		if err != nil {
			got.Hostname = err.Error()
		}
		if !strings.Contains(got.Hostname, want) {
			t.Errorf("%s, want %s", got.Hostname, want)
		}
	}
	load("local is not deployed")
	if err := a.saveTopology(topology.Topology{Hostname: "saved.polygate.test"}); err != nil {
		t.Fatal(err)
	}
	load("local is not deployed") // a plain `pulumi destroy` and `pulumi stack rm`
	state := filepath.Join(a.workDir(), "state", ".pulumi", "stacks", "polygate", "local.json")
	write(t, state, "{}")
	for _, c := range []struct {
		age  time.Duration
		want string
	}{{time.Minute, "saved.polygate.test"}, {-time.Minute, "not running"}} { // it would ask the stack
		at := time.Now().Add(-c.age)
		if err := os.Chtimes(state, at, at); err != nil {
			t.Fatal(err)
		}
		load(c.want)
	}
}
