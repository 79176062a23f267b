package pack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// goTool is the go command and what the checkout's module says of itself.
type goTool struct {
	path   string
	root   string
	module string // path of the main module
	lang   string // its language version, for example "1.26"
	// what the toolchain calls itself, for example "go1.26.1"
	version string
	// what the user has told the go command about where modules and caches are, in their environment or by `go env -w`
	places []string
}

// places are the settings of the go command that say where things are, and not what comes out of a build.
var places = []string{
	"GOAUTH", "GOCACHE", "GOCACHEPROG", "GOINSECURE", "GOMODCACHE", "GONOPROXY", "GONOSUMDB", "GOPATH", "GOPRIVATE", "GOPROXY",
	"GOSUMDB", "GOTOOLCHAIN", "GOVCS",
}

// goVersion is what the go command calls its version among its settings.
const goVersion = "GOVERSION"

// findGo finds the go command and asks it about the module in root.
func findGo(ctx context.Context, root string) (goTool, error) {
	path, err := exec.LookPath("go")
	if err != nil {
		return goTool{}, fmt.Errorf("the go command builds the functions and is not on PATH: %w", err)
	}
	g := goTool{path: path, root: root}
	out, err := g.command(ctx, root, os.Environ(), slices.Concat([]string{"env", "-json", goVersion}, places)...)
	if err != nil {
		return goTool{}, err
	}
	told := map[string]string{}
	if err := json.Unmarshal(out, &told); err != nil {
		return goTool{}, fmt.Errorf("go env: %w", err)
	}
	g.version = told[goVersion]
	delete(told, goVersion) // what is set is the toolchain, not its version
	for name, value := range told {
		g.places = append(g.places, name+"="+value)
	}
	out, err = g.run(ctx, root, target{}, "list", "-m", "-json")
	if err != nil {
		return goTool{}, err
	}
	var m module
	if err := json.Unmarshal(out, &m); err != nil {
		return goTool{}, fmt.Errorf("go list -m: %w", err)
	}
	if m.Path == "" || m.Path == "command-line-arguments" {
		return goTool{}, fmt.Errorf("%s is not the root of a Go module", root)
	}
	g.module, g.lang = m.Path, language(m.GoVersion)
	return g, nil
}

// language is the language version of a go line: "1.26" of "1.26.6".
func language(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}

// target is what to build for.
type target struct {
	goos, goarch string // this machine's if empty
	tags         string
}

// environ is an environment in which only the inputs of a build decide its output: what a person has set for their own
// builds (flags, experiments, a workspace, a CPU level) does not. That may be in the environment or in the file that
// `go env -w` writes; a variable that is set to nothing does not overrule the file, so that the file is not read at all.
func (g goTool) environ(t target) []string {
	drop := map[string]bool{}
	set := append([]string{
		"GOENV=off", "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off", "GOEXPERIMENT=", "GODEBUG=", "GO111MODULE=on",
		"GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off", "GOOS=" + t.goos, "GOARCH=" + t.goarch,
	}, g.places...)
	for _, s := range set {
		name, _, _ := strings.Cut(s, "=")
		drop[name] = true
	}
	var env []string
	for _, s := range os.Environ() {
		if name, _, _ := strings.Cut(s, "="); !drop[name] {
			env = append(env, s)
		}
	}
	return append(env, set...)
}

// run runs the go command for a target in a folder and returns what it printed. The error has its complaint.
func (g goTool) run(ctx context.Context, dir string, t target, args ...string) ([]byte, error) {
	return g.command(ctx, dir, g.environ(t), args...)
}

func (g goTool) command(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, g.path, args...)
	cmd.Dir, cmd.Env = dir, env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, fmt.Errorf("go %s in %s: %w\n%s", args[0], dir, err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.Bytes(), nil
}

// compile builds the command of an import path to a file. The binary depends on the source, the toolchain and the target
// only: no paths, no version control, no build id.
func (g goTool) compile(ctx context.Context, t target, pattern, out string) error {
	_, err := g.run(ctx, g.root, t, "build", "-trimpath", "-buildvcs=false", "-tags", t.tags,
		"-ldflags", "-s -w -buildid=", "-o", out, pattern)
	return err
}

// module is a module as the go command describes it.
type module struct {
	Path      string
	Version   string
	Main      bool
	GoVersion string
	Replace   *module
}

// pkg is a package as the go command describes it.
type pkg struct {
	ImportPath string
	Dir        string
	Name       string
	Standard   bool
	DepOnly    bool // reached through imports only, not named
	Module     *module
	Imports    []string

	GoFiles, SFiles, HFiles, CgoFiles, EmbedFiles []string
}

// deps are the packages of the patterns and all they import, in the order of dependence.
func (g goTool) deps(ctx context.Context, dir string, t target, patterns ...string) ([]pkg, error) {
	args := append([]string{"list", "-deps", "-json=ImportPath,Dir,Name,Standard,DepOnly,Module,Imports,GoFiles,SFiles,HFiles,CgoFiles,EmbedFiles",
		"-tags", t.tags, "--"}, patterns...)
	out, err := g.run(ctx, dir, t, args...)
	if err != nil {
		return nil, err
	}
	var pkgs []pkg
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		pkgs = append(pkgs, p)
	}
}

// binary compiles a function, having looked at its imports, and looks at what was linked.
func (b *build) binary(ctx context.Context, folder, name string, t target) ([]byte, error) {
	pattern := "./functions/" + folder
	pkgs, err := b.tools.deps(ctx, b.Root, t, pattern)
	if err != nil {
		return nil, err
	}
	if err := checkPackages(pkgs, nil); err != nil {
		return nil, err
	}
	out := filepath.Join(b.dir, folder, name)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return nil, fmt.Errorf("make room for the binary: %w", err)
	}
	b.progress("compile functions/%s for %s/%s", folder, b.GOOS, b.GOARCH)
	if err := b.tools.compile(ctx, t, pattern, out); err != nil {
		return nil, err
	}
	if err := CheckBinary(out); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(out)
	if err != nil {
		return nil, fmt.Errorf("read the binary: %w", err)
	}
	return data, nil
}
