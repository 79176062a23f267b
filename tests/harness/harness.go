// Package harness stands up a whole polygate environment of its own, in a folder of its own, by the polygate command alone:
// what it knows of the product is what a user knows.
package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
)

// Options says how an environment differs from the checkout's own `local`.
type Options struct {
	Regions  []string                         // nil keeps those of the stack file
	Single   bool                             // one loopback address for all fronts, a port each, as on macOS
	Speed    float64                          // cloud seconds per second; 0 keeps the stack file's
	Dials    map[string]any                   // polygate: keys to set, without the namespace; nil values are taken out
	Document func(origin string) string       // gateway document for an origin's URL; nil keeps the checkout's
	Log      func(format string, args ...any) // progress; nil is silent
}

// LogTo writes progress line by line.
func LogTo(w io.Writer) func(format string, args ...any) {
	return func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
}

// Environment is a project folder with an environment named local.
type Environment struct {
	Root   string // project folder
	Speed  float64
	Detect int    // seconds until DNS has to answer otherwise, by README's formula from the stack file's dials
	Bound  int    // seconds clients may be without answers: Detect and the TTL
	DNS    string // host:port
	Edge   string // host:port
	Origin string // host:port

	bin     string
	ports   []port
	orphans *orphanage
	log     func(format string, args ...any)
}

// sources is what a project needs of the checkout to be built and deployed.
var sources = []string{"go.mod", "go.sum", "Pulumi.yaml", "functions", "infra", "shared", "stacks", "tools/pulumi"}

// New copies the project into a folder of its own and gives it free loopback addresses. Close removes it.
func New(ctx context.Context, opts Options) (*Environment, error) {
	checkout, err := Checkout(ctx)
	if err != nil {
		return nil, err
	}
	if opts.Log == nil {
		opts.Log = func(string, ...any) {}
	}
	bin, err := Command(ctx, checkout)
	if err != nil {
		return nil, err
	}
	root, err := os.MkdirTemp("", "polygate-e2e-")
	if err != nil {
		return nil, fmt.Errorf("make the project folder: %w", err)
	}
	e := &Environment{Root: root, bin: bin, log: opts.Log}
	for _, s := range sources {
		if err := copyTree(filepath.Join(checkout, s), filepath.Join(root, s)); err != nil {
			return nil, errors.Join(err, os.RemoveAll(root))
		}
	}
	if err := e.configure(opts); err != nil {
		return nil, errors.Join(err, e.remove())
	}
	if e.orphans, err = newOrphanage(bin, root); err != nil {
		return nil, errors.Join(err, e.remove())
	}
	return e, nil
}

// Checkout is the folder of the module's go.mod.
func Checkout(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if filepath.Base(mod) != "go.mod" {
		return "", errors.New("find the checkout: this folder is in no module; run it inside the checkout")
	}
	return filepath.Dir(mod), nil
}

// Command builds polygate and returns its path, which costs nothing when it is up to date: what is tested is always what the sources say.
func Command(ctx context.Context, checkout string) (string, error) {
	cmd := exec.CommandContext(ctx, "make", "--no-print-directory", "bin/polygate")
	cmd.Dir = checkout
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build polygate: %w\n%s", err, out)
	}
	return filepath.Join(checkout, "bin", "polygate"), nil
}

// configure rewrites the stack file's addresses, and whatever else the options ask for.
func (e *Environment) configure(opts Options) error {
	path := filepath.Join(e.Root, "stacks", "Pulumi.local.yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var file map[string]any
	if err := yaml.Unmarshal(b, &file); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	config, ok := file["config"].(map[string]any)
	if !ok {
		return fmt.Errorf("%s has no config", path)
	}
	local, ok := config["polygate:localClouds"].(map[string]any)
	if !ok {
		return fmt.Errorf("%s has no polygate:localClouds", path)
	}
	for _, a := range []struct {
		key string
		to  *string
	}{{"dns", &e.DNS}, {"edge", &e.Edge}, {"origin", &e.Origin}} {
		port, err := freePort()
		if err != nil {
			return err
		}
		e.ports = append(e.ports, port)
		*a.to = port.addr.String()
		local[a.key] = *a.to
	}
	// A network of the environment's own, so that environments side by side do not share a region's address.
	local["network"] = fmt.Sprintf("127.%d.%d.0", 100+rand.IntN(100), rand.IntN(256))
	if opts.Single {
		local["network"] = "127.0.0.1"
	}
	if opts.Speed > 0 {
		local["speed"] = opts.Speed
	}
	e.Speed, err = number(local["speed"])
	if err != nil {
		return fmt.Errorf("%s: speed: %w", path, err)
	}
	if opts.Regions != nil {
		config["polygate:regions"] = opts.Regions
	}
	if b, err = yaml.Marshal(file); err != nil {
		return err
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		return err
	}
	if err := e.Turn(opts.Dials); err != nil {
		return err
	}
	doc := filepath.Join(e.Root, "stacks", "local.gateway.yaml")
	if opts.Document != nil {
		return os.WriteFile(doc, []byte(opts.Document("http://"+e.Origin)), 0o644)
	}
	text, err := os.ReadFile(doc)
	if err != nil {
		return err
	}
	return os.WriteFile(doc, bytes.ReplaceAll(text, []byte("127.0.0.1:18080"), []byte(e.Origin)), 0o644)
}

// Destroy has Pulumi remove everything, and fails when anything of it is left in the local clouds: these go either way.
func (e *Environment) Destroy(ctx context.Context) error {
	r, err := e.Must(ctx, "destroy")
	if err == nil && strings.Contains(r.Stderr, "removing the local clouds with all that is left in them") {
		err = fmt.Errorf("destroy left something behind:\n%s", r.Stderr)
	}
	return err
}

// Close destroys the environment, or at least stops its clouds, and removes the folder.
func (e *Environment) Close(ctx context.Context) error {
	err := e.Destroy(ctx)
	if err != nil {
		_, stopErr := e.Must(ctx, "local", "stop")
		err = errors.Join(err, stopErr)
	}
	return errors.Join(err, e.remove())
}

// remove gives back what New took.
func (e *Environment) remove() error {
	err := os.RemoveAll(e.Root)
	for _, p := range e.ports {
		err = errors.Join(err, p.Close())
	}
	if e.orphans != nil {
		err = errors.Join(err, e.orphans.Close())
	}
	return err
}

// copyTree copies a file or folder, without anything that is made and not written.
func copyTree(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.CopyFS(to, os.DirFS(from))
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

// EchoDocument passes everything to the origin, which answers with what it was asked.
func EchoDocument(origin string) string {
	return `version: 1
upstreams:
  origin:
    targets:
      - url: ` + origin + `
routes:
  - name: everything
    match: {path: "/{rest...}"}
    upstream: origin
`
}
