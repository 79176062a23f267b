// Package cloudrun builds a Cloud Functions source zip as Google's Go buildpack does and runs it as Cloud Run does:
// instances that listen on PORT and take many requests at once.
//
// Not modelled: CPU and memory limits, CPU throttling between requests, event functions, and the buildpack's network
// access: every module must be in the module cache already.
package cloudrun

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/runtime/process"
)

// BuildError is a source that does not build: the reason, as the buildpack words it, and what the tools printed.
type BuildError struct {
	Reason string
	Output string // of the go command, "" if it was not reached
}

// Error is the reason with the output after it.
func (e *BuildError) Error() string {
	if e.Output == "" {
		return "Build failed: " + e.Reason
	}
	return "Build failed: " + e.Reason + "\n" + e.Output
}

// framework is the module whose server the generated main starts.
const framework = "github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

// mainDir holds the generated main inside the staged module. The buildpack makes a module of its own around the
// user's; here main lives inside it, so that the user's go.sum serves for both and nothing needs the network.
const mainDir = "polygate_function_main"

// Build stages the unpacked source and compiles it to dir/<name>/function, which it returns. A binary that is there
// already is used as it is, so name must change with the source; the digest of the zip does. A *BuildError says what
// is wrong with the source; other errors are about this machine.
func Build(ctx context.Context, sup *process.Supervisor, source, dir, name string, logger *slog.Logger) (string, error) {
	binary := filepath.Join(dir, name, "function")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		return "", fmt.Errorf("cloud functions are built with the go command, which is not on PATH: %w", err)
	}
	module, err := check(source)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return "", fmt.Errorf("make room for builds: %w", err)
	}
	stage, err := os.MkdirTemp(filepath.Dir(binary), "stage-*")
	if err != nil {
		return "", fmt.Errorf("make room for builds: %w", err)
	}
	defer func() { _ = os.RemoveAll(stage) }()
	if err := os.CopyFS(filepath.Join(stage, "src"), os.DirFS(source)); err != nil {
		return "", fmt.Errorf("stage source: %w", err)
	}
	if err := writeMain(filepath.Join(stage, "src", mainDir), module); err != nil {
		return "", fmt.Errorf("stage source: %w", err)
	}
	logger.Info("building cloud function", "module", module, "digest", name)
	started := time.Now()
	out := filepath.Join(stage, "function")
	if err := compile(ctx, sup, goTool, filepath.Join(stage, "src"), out); err != nil {
		return "", err
	}
	if err := os.Rename(out, binary); err != nil {
		return "", fmt.Errorf("keep build: %w", err)
	}
	logger.Info("built cloud function", "module", module, "digest", name, "took", time.Since(started).Round(time.Millisecond))
	return binary, nil
}

// check applies the buildpack's rules to the source and returns its module path. Source of the rules and their wording:
// GoogleCloudPlatform/buildpacks, cmd/go/functions_framework (main.go, converter/get_package/main.go) and its
// acceptance tests.
func check(source string) (module string, err error) {
	goMod, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", &BuildError{Reason: "function build requires go.mod file"}
	}
	if err != nil {
		return "", fmt.Errorf("read go.mod: %w", err)
	}
	module = modulePath(goMod)
	if module == "" {
		return "", &BuildError{Reason: "go.mod has no module line"}
	}
	if first, _, _ := strings.Cut(module, "/"); !strings.Contains(first, ".") {
		return "", &BuildError{Reason: "the module path in the function's go.mod must contain a dot in the first path" +
			" element before a slash, e.g. example.com/module, found: " + module}
	}
	name, err := onlyPackage(source)
	if err != nil {
		return "", err
	}
	if name == "main" {
		return "", &BuildError{Reason: fmt.Sprintf("import %q is a program, not an importable package:"+
			" the package at the root of the source must not be main", module)}
	}
	return module, nil
}

// modulePath reads the module line of a go.mod, which may be quoted.
func modulePath(goMod []byte) string {
	for line := range bytes.Lines(goMod) {
		fields := strings.Fields(string(line))
		if len(fields) >= 2 && fields[0] == "module" {
			return strings.Trim(fields[1], "\"`")
		}
	}
	return ""
}

// onlyPackage returns the name of the one package at the root. Test files count, as they do for the buildpack: their
// "_test" package makes a second one.
func onlyPackage(source string) (string, error) {
	files, err := filepath.Glob(filepath.Join(source, "*.go"))
	if err != nil {
		return "", fmt.Errorf("list source: %w", err)
	}
	found := ""
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly)
		if err != nil {
			return "", &BuildError{Reason: "failed to parse source: " + err.Error()}
		}
		switch name := parsed.Name.Name; {
		case strings.HasSuffix(file, "_test.go"):
			return "", &BuildError{Reason: fmt.Sprintf("multiple packages in user code directory: %s is a test file;"+
				" leave test files out of the source", filepath.Base(file))}
		case found == "":
			found = name
		case found != name:
			return "", &BuildError{Reason: fmt.Sprintf("multiple packages in user code directory: %s != %s", found, name)}
		}
	}
	if found == "" {
		return "", &BuildError{Reason: "unable to find Go package at the root of the source"}
	}
	return found, nil
}

// writeMain generates the program around the function. The buildpack's own main calls funcframework.Start, which binds
// every interface; the local clouds bind loopback only, so this one calls StartHostPort. Nothing else differs.
func writeMain(dir, module string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	code := fmt.Sprintf(`// Package main serves the function. It is generated.
package main

import (
	"log"
	"os"

	"%s"
	_ "%s"
)

func main() {
	port := "8080"
	if p := os.Getenv("PORT"); p != "" {
		port = p
	}
	if err := funcframework.StartHostPort("127.0.0.1", port); err != nil {
		log.Fatalf("Function failed to start: %%v\n", err)
	}
}
`, framework, module)
	return os.WriteFile(filepath.Join(dir, "main.go"), []byte(code), 0o644)
}

// compile runs the go command on the staged source, off line and with this machine's toolchain. It and what it starts end
// with ctx and with the supervisor.
func compile(ctx context.Context, sup *process.Supervisor, goTool, source, out string) error {
	mode := "-mod=mod" // go.sum may lack what only the generated main needs; the module cache has it
	if _, err := os.Stat(filepath.Join(source, "vendor")); err == nil {
		mode = "-mod=vendor"
	}
	var log process.Log
	p, err := sup.Start(process.Spec{
		Path: goTool, Args: []string{"build", mode, "-trimpath", "-buildvcs=false", "-o", out, "./" + mainDir}, Dir: source, Log: &log,
		Env: append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOPROXY=off", "GOSUMDB=off", "GOTOOLCHAIN=local",
			"CGO_ENABLED=0", "GOOS=", "GOARCH="),
	})
	if err != nil {
		return fmt.Errorf("run the go command: %w", err)
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Kill()
		<-p.Done()
		return fmt.Errorf("build cloud function: %w", context.Cause(ctx))
	}
	switch status := p.Status(); {
	case status == "":
		return nil
	case strings.HasPrefix(status, "signal: "): // killed: by the supervisor's end, or by a machine out of memory
		return fmt.Errorf("run the go command: %s", status)
	default:
		return &BuildError{
			Reason: "go build, off line (modules that are not in the module cache: run `go mod download`): " + status,
			Output: strings.TrimSpace(strings.Join(log.Lines(), "\n")),
		}
	}
}

var _ error = (*BuildError)(nil)
