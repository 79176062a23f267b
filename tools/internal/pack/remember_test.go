package pack

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"polygate.example/shared/artefact"
)

// remembered are the options of builds that remember, of a checkout of the test's own.
func remembered(t *testing.T) Options {
	root := copied(t)
	put(t, root, "test.gateway.yaml", "version: 1\nroutes: [{name: a, match: {path: /a}, respond: {status: 204}}]\n")
	return Options{
		Root: root, Environment: "test", Document: filepath.Join(root, "test.gateway.yaml"), Out: filepath.Join(t.TempDir(), "out"),
		Providers: []string{"azure", "gcp"}, Memory: filepath.Join(t.TempDir(), "build.json"), Packer: "this",
	}
}

// TestRemembered: a build of what was built already compiles nothing and is the build before; when what that left is not there
// as it was, it is built again, the same.
func TestRemembered(t *testing.T) {
	opts := remembered(t)
	var steps []string
	opts.Progress = func(s string) { steps = append(steps, s) }
	build := func(compiles bool) artefact.Manifest {
		t.Helper()
		steps = nil
		m, err := Build(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(steps, func(s string) bool { return strings.HasPrefix(s, "compile functions/") }); got != compiles {
			t.Errorf("compiled: %t, want %t: %q", got, compiles, steps)
		}
		return m
	}
	first := build(true)
	zip := get(t, opts.Out, "azure.zip")
	if again := build(false); again.Release != first.Release || again.Environment != "test" {
		t.Errorf("the build again is %+v, the first was %+v", again, first)
	}
	put(t, opts.Out, "azure.zip", "damaged")
	if again := build(true); again.Release != first.Release || string(get(t, opts.Out, "azure.zip")) != string(zip) {
		t.Errorf("the build over a damaged one is %+v, the first was %+v", again, first)
	}
	if err := os.Remove(filepath.Join(opts.Out, artefact.ManifestFile)); err != nil {
		t.Fatal(err)
	}
	build(true)
	put(t, filepath.Dir(opts.Memory), "build.json", "{")
	build(true)
	build(false)
}

// TestInputs: whatever a build reads makes it another one, and nothing else does.
func TestInputs(t *testing.T) {
	base := remembered(t)
	inputs := func(t *testing.T, change func(*testing.T, *Options)) string {
		t.Helper()
		opts := base
		if change != nil {
			change(t, &opts)
		}
		if err := opts.fill(); err != nil {
			t.Fatal(err)
		}
		b := &build{Options: opts, model: []byte(opts.Document)} // any two that differ will do
		var err error
		if b.tools, err = findGo(t.Context(), opts.Root); err != nil {
			t.Fatal(err)
		}
		digest := b.inputs(t.Context())
		if digest == "" {
			t.Fatal("no digest")
		}
		return digest
	}
	before := inputs(t, nil)
	edit := func(name, more string) func(*testing.T, *Options) {
		return func(t *testing.T, o *Options) {
			text := string(get(t, o.Root, name))
			put(t, o.Root, name, text+more)
			t.Cleanup(func() { put(t, o.Root, name, text) })
		}
	}
	for _, c := range []struct {
		name   string
		change func(*testing.T, *Options)
		same   bool
	}{
		{name: "nothing", same: true},
		{name: "a package's source", change: edit("shared/handler/handler.go", "\n// x\n")},
		{name: "a function's source", change: edit("functions/azure/main.go", "\n// x\n")},
		{name: "a function app's settings", change: edit("functions/azure/host.json", "\n")},
		{name: "go.mod", change: edit("go.mod", "\n// x\n")},
		{name: "go.sum", change: edit("go.sum", "\n")},
		{name: "a test", change: edit("shared/handler/bench_test.go", "\n// x\n"), same: true},
		{name: "a function of no provider here", change: edit("functions/aws/main.go", "\n// x\n"), same: true},
		{name: "the model", change: func(_ *testing.T, o *Options) { o.Document += "x" }},
		{name: "the providers", change: func(_ *testing.T, o *Options) { o.Providers = []string{"azure"} }},
		{name: "the architecture", change: func(_ *testing.T, o *Options) { o.GOARCH = "arm64" }},
		{name: "the system", change: func(_ *testing.T, o *Options) { o.GOOS = "darwin" }},
		{name: "the environment", change: func(_ *testing.T, o *Options) { o.Environment = "other" }},
		{name: "the program that packs", change: func(_ *testing.T, o *Options) { o.Packer = "another" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			if same := inputs(t, c.change) == before; same != c.same {
				t.Errorf("the same: %t, want %t", same, c.same)
			}
		})
	}
}
