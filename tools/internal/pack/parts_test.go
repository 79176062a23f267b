package pack

import (
	"bytes"
	"debug/buildinfo"
	"go/build/constraint"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"polygate.example/shared/artefact"
	"polygate.example/shared/config"
	"polygate.example/shared/gateway"
)

const tokenLibrary = "github.com/golang-jwt/jwt/v5"

// linked are the modules of a packed binary, and its build tags.
func linked(t *testing.T, zip, name string) (modules []string, tags string) {
	t.Helper()
	dir := t.TempDir()
	unpack(t, zip, dir)
	info, err := buildinfo.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range info.Deps {
		modules = append(modules, d.Path)
	}
	for _, s := range info.Settings {
		if s.Key == "-tags" {
			tags = s.Value
		}
	}
	return modules, tags
}

// sourceOf are the parts of a source archive that a part shows in: go.mod, go.sum, and the names of its files.
func sourceOf(t *testing.T, zip string) string {
	t.Helper()
	z := entries(t, zip)
	text := string(content(t, z["go.mod"])) + string(content(t, z["go.sum"]))
	return text + strings.Join(slices.Sorted(maps.Keys(z)), "\n")
}

// TestPartsLeftOut: what a document has no use for is in none of its artefacts.
func TestPartsLeftOut(t *testing.T) {
	r := built(t)
	for _, c := range []struct{ zip, name string }{{"aws.zip", "bootstrap"}, {"azure.zip", "handler"}} {
		modules, tags := linked(t, filepath.Join(r.out, c.zip), c.name)
		if slices.Contains(modules, tokenLibrary) {
			t.Errorf("%s links %s", c.zip, tokenLibrary)
		}
		for _, part := range gateway.Parts() {
			if !slices.Contains(strings.Split(tags, ","), "without_"+string(part)) {
				t.Errorf("%s has the tags %q, not without_%s", c.zip, tags, part)
			}
		}
	}
	source := sourceOf(t, filepath.Join(r.out, "gcp.zip"))
	for _, not := range []string{"golang-jwt", "shared/token", "shared/handler/policy_jwt.go"} {
		if strings.Contains(source, not) {
			t.Errorf("the source has %s:\n%s", not, source)
		}
	}
}

// TestPartsPacked: what a document needs is in all of its artefacts, and the source builds to a function that has it.
func TestPartsPacked(t *testing.T) {
	root, err := original()
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	opts := Options{Root: root, Environment: "test", Document: filepath.Join("testdata", "jwt.gateway.yaml"), Out: out, GOOS: runtime.GOOS, GOARCH: runtime.GOARCH}
	first, err := Build(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if packed, err := artefact.Read(out); err != nil || !packed.Front.Country || packed.Front.Certificates != nil {
		t.Errorf("the manifest says of the fronts %+v, %v", packed.Front, err)
	}
	for _, c := range []struct{ zip, name string }{{"aws.zip", "bootstrap"}, {"azure.zip", "handler"}} {
		modules, tags := linked(t, filepath.Join(out, c.zip), c.name)
		if !slices.Contains(modules, tokenLibrary) || strings.Contains(tags, "without_jwt") || !strings.Contains(tags, "without_redis") {
			t.Errorf("%s links %v with the tags %q", c.zip, modules, tags)
		}
	}
	source := sourceOf(t, filepath.Join(out, "gcp.zip"))
	for _, want := range []string{tokenLibrary + " v", "shared/token/token.go", "shared/handler/policy_jwt.go"} {
		if !strings.Contains(source, want) {
			t.Errorf("the source lacks %s:\n%s", want, source)
		}
	}
	dir := t.TempDir()
	unpack(t, filepath.Join(out, "gcp.zip"), dir)
	goCommand(t, dir, "vet", ".", "./shared/handler")
	opts.Root, opts.Out = copied(t), t.TempDir()
	again, err := Build(t.Context(), opts)
	if err != nil || again.Release != first.Release {
		t.Errorf("built again in another folder it is %s, not %s: %v", again.Release, first.Release, err)
	}
}

// TestWithoutPart: a binary that was built for another document says so when it starts.
func TestWithoutPart(t *testing.T) {
	dir := t.TempDir()
	unpack(t, filepath.Join(built(t).out, "aws.zip"), dir)
	m, err := config.Load(filepath.Join("testdata", "jwt.gateway.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, modelFile), encoded, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "bootstrap"))
	cmd.Env = append(os.Environ(), "POLYGATE_REGION=aws/us-east-1", "POLYGATE_RELEASE=r1", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:1")
	said, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(said), `policy user: this binary was built without the part "jwt"`) || !strings.Contains(string(said), "without_jwt") {
		t.Errorf("it ends with %v and says\n%s", err, said)
	}
}

// TestSettled: a file chosen by the tags of parts is chosen without them, and no other is touched.
func TestSettled(t *testing.T) {
	for name, c := range map[string]struct{ in, want, err string }{
		"with":            {"//go:build !without_a\n\npackage p\n", "\n\npackage p\n", ""},
		"without":         {"// Copyright\n\n//go:build without_a && !without_b\npackage p\n", "// Copyright\n\n\npackage p\n", ""},
		"system":          {"//go:build linux\n\npackage p\n", "//go:build linux\n\npackage p\n", ""},
		"none":            {"// Package p.\npackage p\n\n//go:build without_a\n", "// Package p.\npackage p\n\n//go:build without_a\n", ""},
		"carriage return": {"//go:build without_a\r\n\r\npackage p\r\n", "\n\r\npackage p\r\n", ""},
		"both":            {"//go:build without_a && linux\n\npackage p\n", "", "a file of its own"},
		"either":          {"//go:build linux || !without_a\n\npackage p\n", "", "a file of its own"},
		"broken":          {"//go:build (without_a\n\npackage p\n", "", "paren"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := settled([]byte(c.in))
			if c.err != "" {
				wantError(t, err, c.err)
			} else if err != nil || string(got) != c.want {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestPartsPaired: in the packages of a gateway a file that a tag leaves out has one in its place, or the tag would not compile.
func TestPartsPaired(t *testing.T) {
	root, err := original()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "shared", "handler", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	sides := map[string][2]int{}
	for _, file := range files {
		line, _, _ := bytes.Cut(get(t, filepath.Dir(file), filepath.Base(file)), []byte("\n"))
		if strings.HasSuffix(file, "_test.go") || !constraint.IsGoBuild(string(line)) || !strings.Contains(string(line), withoutPrefix) {
			continue
		}
		expr := strings.TrimPrefix(string(line), "//go:build ")
		if strings.Contains(expr, " ") {
			continue // for several of them
		}
		tag, side := strings.TrimPrefix(expr, "!"), 0
		if tag != expr {
			side = 1
		}
		if !slices.Contains(gateway.Parts(), gateway.Part(strings.TrimPrefix(tag, withoutPrefix))) {
			t.Errorf("%s: %s is the tag of no part", filepath.Base(file), tag)
		}
		n := sides[tag]
		n[side]++
		sides[tag] = n
	}
	if len(sides) == 0 {
		t.Error("no part is left out by anything")
	}
	for tag, n := range sides {
		if n[0] == 0 || n[1] == 0 {
			t.Errorf("%s: %d files with it and %d without", tag, n[0], n[1])
		}
	}
}
