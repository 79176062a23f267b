package pack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"polygate.example/shared/artefact"
	"polygate.example/shared/config"
)

// TestReproducible: the same inputs give the same bytes, in another folder and once more in the same.
func TestReproducible(t *testing.T) {
	a := built(t)
	elsewhere := copied(t)
	for i, out := range []string{"once", "again"} {
		b, err := buildIn(elsewhere, filepath.Join(t.TempDir(), out))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"aws.zip", "gcp.zip", "azure.zip", artefact.ManifestFile} {
			if !bytes.Equal(get(t, a.out, name), get(t, b.out, name)) {
				t.Errorf("build %d in %s: %s differs", i+1, elsewhere, name)
			}
		}
	}
	// And what differs in its inputs differs: or equality would say nothing.
	put(t, elsewhere, "functions/azure/host.json", `{"version": "2.0", "customHandler": {"description": {"defaultExecutablePath": "handler"}}}`)
	doc := filepath.Join(elsewhere, "other.gateway.yaml")
	put(t, elsewhere, "other.gateway.yaml", "version: 1\nroutes: [{name: a, match: {path: /a}, respond: {status: 204}}]\n")
	other, err := Build(t.Context(), Options{Root: elsewhere, Environment: "test", Document: doc, Providers: []string{"gcp"}, Out: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	was, err := a.manifest.For("gcp")
	if err != nil {
		t.Fatal(err)
	}
	if other.Model == a.manifest.Model || other.Release == a.manifest.Release || other.Artefacts[0].SHA256 == was.SHA256 {
		t.Errorf("another document gives the same build: %+v", other)
	}
}

func TestManifest(t *testing.T) {
	r := built(t)
	m, err := artefact.Read(r.out)
	if err != nil {
		t.Fatal(err)
	}
	if m.Environment != "test" || !regexp.MustCompile(`^r[0-9a-f]{12}$`).MatchString(m.Release) || !strings.HasPrefix(m.Model, "sha256:") {
		t.Errorf("the manifest says %+v", m)
	}
	model, err := config.Load("testdata/test.gateway.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if m.Model != model.Digest() {
		t.Errorf("model %s, want %s", m.Model, model.Digest())
	}
	var providers []string
	for _, a := range m.Artefacts {
		providers = append(providers, a.Provider)
		z := get(t, r.out, a.File)
		if a.SHA256 != sum(z) || a.Size != int64(len(z)) {
			t.Errorf("%s: digest or size do not fit the file", a.File)
		}
		if (a.Architecture == "") != (a.Provider == "gcp") {
			t.Errorf("%s: architecture %q", a.Provider, a.Architecture)
		}
	}
	if !slices.Equal(providers, []string{"aws", "azure", "gcp"}) {
		t.Errorf("artefacts for %v", providers)
	}
	gcp, err := m.For("gcp")
	if err != nil || gcp.Runtime != "go126" {
		t.Errorf("runtime %q, %v", gcp.Runtime, err)
	}
	if all := strings.Join(r.steps, "\n"); !strings.Contains(all, "pack aws") || !strings.Contains(all, "pack gcp") || !strings.Contains(all, "pack azure") {
		t.Errorf("the steps do not name every provider: %s", all)
	}
}

func TestLayout(t *testing.T) {
	r := built(t)
	for name, want := range map[string]map[string]fs.FileMode{
		"aws.zip":   {"bootstrap": 0o755, "model.json": 0o644},
		"azure.zip": {"handler": 0o755, "model.json": 0o644, "host.json": 0o644, "gateway/function.json": 0o644},
	} {
		t.Run(name, func(t *testing.T) {
			got := entries(t, filepath.Join(r.out, name))
			for n, f := range got {
				if want[n] == 0 || f.Mode() != want[n] {
					t.Errorf("%s has mode %v, want %v", n, f.Mode(), want[n])
				}
				if !f.Modified.Equal(epoch) {
					t.Errorf("%s is from %v", n, f.Modified)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d entries, want %d", len(got), len(want))
			}
		})
	}
	var host struct {
		CustomHandler struct {
			Description struct{ DefaultExecutablePath string }
		}
	}
	azure := entries(t, filepath.Join(r.out, "azure.zip"))
	if err := json.Unmarshal(content(t, azure["host.json"]), &host); err != nil {
		t.Fatal(err)
	}
	if azure[host.CustomHandler.Description.DefaultExecutablePath] == nil {
		t.Errorf("host.json starts %q, which is not in the zip", host.CustomHandler.Description.DefaultExecutablePath)
	}
}

// TestSourceRules are the Go buildpack's (see cloudFunctionFiles).
func TestSourceRules(t *testing.T) {
	r := built(t)
	z := entries(t, filepath.Join(r.out, "gcp.zip"))
	packages := map[string]bool{}
	for name, f := range z {
		if strings.HasSuffix(name, "_test.go") || strings.Contains(name, "testdata/") || strings.HasPrefix(name, "vendor/") {
			t.Errorf("%s must not be there", name)
		}
		if dir := path.Dir(name); dir != "." && !strings.HasPrefix(dir, "shared/") {
			t.Errorf("%s: only the function's imports belong there", name)
		}
		if path.Ext(name) == ".go" && path.Dir(name) == "." {
			packages[string(regexp.MustCompile(`(?m)^package (\w+)`).FindSubmatch(content(t, f))[1])] = true
		}
	}
	if len(packages) != 1 || packages["main"] {
		t.Errorf("packages at the root: %v, want one that is not main", packages)
	}
	if z["shared/config/config.go"] != nil {
		t.Error("the document's parser is packed, though the function imports it not")
	}
	goMod := string(content(t, z["go.mod"]))
	for _, want := range []string{"module polygate.example\n", "\ngo 1.26.0\n", "github.com/GoogleCloudPlatform/functions-framework-go v1.9.2\n"} {
		if !strings.Contains(goMod, want) {
			t.Errorf("go.mod does not have %q:\n%s", want, goMod)
		}
	}
	for _, not := range []string{"pulumi", "aws", "Azure", "grpc", "toolchain", "replace"} {
		if strings.Contains(goMod, not) {
			t.Errorf("go.mod has %s:\n%s", not, goMod)
		}
	}
	model, err := config.Load("testdata/test.gateway.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want, err := model.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content(t, z["model.json"]), want) {
		t.Error("the committed model is still there")
	}
}

// TestModelMustBeReplaced: a function that does not embed its model would answer for no document at all.
func TestModelMustBeReplaced(t *testing.T) {
	root := copied(t)
	src := string(get(t, root, "functions/gcp/function.go"))
	put(t, root, "functions/gcp/function.go", strings.Replace(src, "//go:embed model.json\n", "", 1))
	_, err := Build(t.Context(), Options{Root: root, Environment: "test", Document: "testdata/test.gateway.yaml", Out: t.TempDir(), Providers: []string{"gcp"}})
	wantError(t, err, "pack gcp", "does not embed model.json")

	z, err := zipped([]file{{"model.json", modePlain, []byte("old")}})
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, carries(z, "model.json", []byte("new")), "not the one compiled")
	wantError(t, carries(z, "bootstrap", nil), "no bootstrap")
}

func TestOptions(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.gateway.yaml")
	put(t, filepath.Dir(bad), "bad.gateway.yaml", "version: 1\nroutes:\n  - name: a\n    colour: red\n")
	good := Options{Root: "../../..", Environment: "test", Document: "testdata/test.gateway.yaml"}
	for _, c := range []struct {
		name   string
		change func(o *Options)
		want   []string
	}{
		{"unknown provider", func(o *Options) { o.Providers = []string{"aws", "acme"} }, []string{`"acme"`, "[aws azure gcp]"}},
		{"unknown architecture", func(o *Options) { o.GOARCH = "riscv64" }, []string{"riscv64", "amd64 or arm64"}},
		{"no environment", func(o *Options) { o.Environment = "" }, []string{"environment name"}},
		{"environment that is a path", func(o *Options) { o.Environment = "../prod" }, []string{"../prod"}},
		{"no document", func(o *Options) { o.Document = "" }, []string{"must be named"}},
		{"missing document", func(o *Options) { o.Document = bad + "x" }, []string{bad + "x"}},
		{"bad document", func(o *Options) { o.Document = bad }, []string{bad + ":4:"}},
		{"not a module", func(o *Options) { o.Root = t.TempDir() }, []string{"module"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := good
			o.Out = filepath.Join(t.TempDir(), "out")
			c.change(&o)
			_, err := Build(t.Context(), o)
			wantError(t, err, c.want...)
			if _, err := os.Stat(o.Out); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something was written: %v", err)
			}
		})
	}
}

// TestCancelled: a build that is cancelled leaves what was there.
func TestCancelled(t *testing.T) {
	out := t.TempDir()
	put(t, out, artefact.ManifestFile, "old")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Build(ctx, Options{
		Root: "../../..", Environment: "test", Document: "testdata/test.gateway.yaml", Out: out,
		Progress: func(step string) {
			if strings.HasPrefix(step, "pack") {
				cancel()
			}
		},
	})
	cancel()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it was cancelled", err)
	}
	left, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 || string(get(t, out, artefact.ManifestFile)) != "old" {
		t.Errorf("the folder has %v", left)
	}
}

// TestWrite: the folder holds what the manifest names, whatever a build before left there, half a file of a killed one included.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"aws.zip", "azure.zip", ".gcp.zip.new", "notes.txt"} {
		put(t, dir, name, "old, and longer than what is new")
	}
	m := artefact.Manifest{Environment: "test", Release: "r000000000000", Model: "sha256:" + sum(nil)}
	var all []packed
	for _, provider := range []string{"aws", "gcp"} {
		z := []byte("new " + provider)
		a := artefact.Artefact{Provider: provider, File: fileOf(provider), SHA256: sum(z), Size: int64(len(z)), Runtime: "x"}
		m.Artefacts, all = append(m.Artefacts, a), append(all, packed{a, z})
	}
	if err := write(dir, m, all); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	if want := []string{"aws.zip", "gcp.zip", artefact.ManifestFile, "notes.txt"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if string(get(t, dir, "aws.zip")) != "new aws" || string(get(t, dir, "gcp.zip")) != "new gcp" {
		t.Error("an artefact is not the new one")
	}
}

// TestModules: what a builder elsewhere could not build is refused here.
func TestModules(t *testing.T) {
	for _, c := range []struct {
		name string
		mod  module
		want string
	}{
		{"newer patch release", module{Path: "x.example/y", Version: "v1.0.0", GoVersion: "1.26.3"}, "wants go 1.26.3"},
		{"newer language", module{Path: "x.example/y", Version: "v1.0.0", GoVersion: "1.27"}, "wants go 1.27"},
		{"replaced", module{Path: "x.example/y", Version: "v1.0.0", Replace: &module{Path: "../y"}}, "replaced"},
		{"fits", module{Path: "x.example/y", Version: "v1.0.0", GoVersion: "1.26.0"}, ""},
		{"old", module{Path: "x.example/y", Version: "v1.0.0"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := modules([]pkg{{ImportPath: c.mod.Path, Module: &c.mod}, {ImportPath: "std"}, {Module: &module{Path: "m", Main: true}}}, "1.26")
			if c.want != "" {
				wantError(t, err, c.mod.Path, c.want)
			} else if err != nil || len(got) != 1 {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

// get reads a file of a folder.
func get(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
