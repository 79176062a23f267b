// Package harness stands up a whole polygate environment of its own, in a folder of its own, by the polygate command alone:
// what it knows of the product is what a user knows.
package harness

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

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

// Environment is a project folder with an environment named local.
type Environment struct {
	Root   string // project folder
	Speed  float64
	Detect int    // seconds until DNS has to answer otherwise, by README's formula from the stack file's dials
	Bound  int    // seconds clients may be without answers: Detect and the TTL
	DNS    string // host:port
	Edge   string // host:port
	Origin string // host:port

	bin string
	log func(format string, args ...any)
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
	bin, err := command(ctx, checkout)
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
		return nil, errors.Join(err, os.RemoveAll(root))
	}
	return e, nil
}

// Checkout is the folder of the module's go.mod.
func Checkout(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}

// command builds polygate, which costs nothing when it is up to date: what is tested is always what the sources say.
func command(ctx context.Context, checkout string) (string, error) {
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
		*a.to = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port).String()
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

// Turn turns dials of the stack file: polygate: keys without the namespace; nil values are taken out. What is deployed
// follows with the next `up`.
func (e *Environment) Turn(dials map[string]any) error {
	path := filepath.Join(e.Root, "stacks", "Pulumi.local.yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var file struct {
		Salt   string         `yaml:"encryptionsalt"`
		Config map[string]any `yaml:"config"`
	}
	if err := yaml.UnmarshalWithOptions(b, &file, yaml.Strict()); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	for key, value := range dials {
		if value == nil {
			delete(file.Config, "polygate:"+key)
			continue
		}
		file.Config["polygate:"+key] = value
	}
	if b, err = yaml.Marshal(file); err != nil {
		return err
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		return err
	}
	// Once more through the file, so that numbers are of the kinds a file gives.
	if err := yaml.Unmarshal(b, &file); err != nil {
		return err
	}
	if e.Detect, e.Bound, err = bounds(file.Config); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// bounds are how long a manager may take to answer otherwise, and that with the time an answer lives. They are worked out
// here once more from the managers' documentation, so that a product which promised less would not be held to its own word
// only. In seconds of cloud time, with I the interval, n the threshold, t the time a probe may take:
//
//   - route53: n × (I + 6), and the TTL ("How Amazon Route 53 determines whether a health check is healthy");
//   - trafficmanager: n × I + t: n-1 failures are tolerated, and the n-th comes at most an interval after the one before, the
//     first at most one after the failure ("Traffic Manager endpoint monitoring"), and the TTL;
//   - cloudflare: n × I + 2t, a probe that times out being tried again once ("Monitors", "Retries"); and the TTL, of which there
//     is none when the name is proxied.
func bounds(config map[string]any) (detect, bound int, err error) {
	check, ok := config["polygate:check"].(map[string]any)
	if !ok {
		return 0, 0, errors.New("there is no polygate:check")
	}
	var dials [3]float64
	for i, v := range []any{check["threshold"], check["interval"], config["polygate:ttl"]} {
		n, err := number(v)
		if err != nil {
			return 0, 0, err
		}
		dials[i] = n
	}
	threshold, interval, ttl := dials[0], dials[1], dials[2]
	timeout := 0.0
	if v, ok := check["timeout"]; ok {
		if timeout, err = number(v); err != nil {
			return 0, 0, err
		}
	}
	var detection float64
	switch manager := config["polygate:manager"]; manager {
	case "route53":
		detection = threshold * (interval + 6)
	case "trafficmanager":
		detection = threshold*interval + cmp.Or(timeout, 9)
	case "cloudflare":
		detection = threshold*interval + 2*cmp.Or(timeout, 4)
		if options, ok := config["polygate:cloudflare"].(map[string]any); ok && options["proxied"] == true {
			ttl = 0
		}
	default:
		return 0, 0, fmt.Errorf("there is no bound for the manager %v", manager)
	}
	return int(detection), int(detection + ttl), nil
}

func number(v any) (float64, error) {
	switch v := v.(type) {
	case uint64:
		return float64(v), nil
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	}
	return 0, fmt.Errorf("%v is no number", v)
}

// Ports that no system hands out by itself: Linux gives outgoing connections those from 32768 on (ip(7),
// ip_local_port_range), macOS from 49152 on. A port that an outgoing connection has, or had until a minute ago, cannot be
// listened on, and tests make thousands of those between the choice of a port and the last time that clouds start on it.
const firstPort, endPort = 20000, 32768

// freePort finds a port that is free for TCP and UDP.
func freePort() (uint16, error) {
	for range 100 {
		ap := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(firstPort+rand.IntN(endPort-firstPort)))
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(ap))
		if err != nil {
			continue
		}
		u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(ap))
		_ = l.Close() // both were only tried
		if err == nil {
			_ = u.Close()
			return ap.Port(), nil
		}
	}
	return 0, errors.New("found no port that is free for both TCP and UDP")
}

// Result is how a polygate command ended.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// Polygate runs the command in the environment and waits for it.
func (e *Environment) Polygate(ctx context.Context, args ...string) (Result, error) {
	r, _, err := e.start(ctx, args...)
	if err != nil {
		return Result{}, err
	}
	return r()
}

// Begin starts the command and returns how to wait for it and how to signal it.
func (e *Environment) Begin(ctx context.Context, args ...string) (wait func() (Result, error), signal func(os.Signal) error, err error) {
	return e.start(ctx, args...)
}

func (e *Environment) start(ctx context.Context, args ...string) (func() (Result, error), func(os.Signal) error, error) {
	cmd := exec.CommandContext(ctx, e.bin, append([]string{"-C", e.Root}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 3 * time.Minute
	cmd.Dir = e.Root
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &lines{buf: &errs, log: e.log}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start polygate: %w", err)
	}
	wait := func() (Result, error) {
		err := cmd.Wait()
		r := Result{Stdout: out.String(), Stderr: errs.String(), Code: cmd.ProcessState.ExitCode()}
		if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
			return r, err
		}
		return r, nil
	}
	return wait, cmd.Process.Signal, nil
}

// lines keeps what is written and passes each whole line on.
type lines struct {
	buf  *bytes.Buffer
	rest []byte
	log  func(format string, args ...any)
}

func (l *lines) Write(p []byte) (int, error) {
	l.buf.Write(p)
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 {
			return len(p), nil
		}
		l.log("%s", l.rest[:i])
		l.rest = l.rest[i+1:]
	}
}

// Must runs the command and makes any exit code but 0 an error with all it said.
func (e *Environment) Must(ctx context.Context, args ...string) (Result, error) {
	r, err := e.Polygate(ctx, args...)
	if err != nil {
		return r, err
	}
	if r.Code != 0 {
		return r, fmt.Errorf("polygate %s ended with %d\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r, nil
}

// Region is what `status --json` says of one region.
type Region struct {
	Name      string `json:"name"`
	Provider  string `json:"provider"`
	Role      string `json:"role"`
	Healthy   bool   `json:"healthy"`
	Serving   bool   `json:"serving"`
	URL       string `json:"url"`
	HealthURL string `json:"health_url"`
	Digest    string `json:"digest"`
	Votes     string `json:"votes"`
}

// Status is `status --json`.
type Status struct {
	Environment string `json:"environment"`
	Hostname    string `json:"hostname"`
	Status      string `json:"status"`
	DNS         string `json:"dns"`
	Edge        struct {
		Address string `json:"address"`
		CA      string `json:"ca"`
	} `json:"edge"`
	BoundSeconds int      `json:"bound_seconds"`
	Speed        float64  `json:"speed"`
	Serving      string   `json:"serving"`
	Regions      []Region `json:"regions"`
}

// Status asks `polygate status --json`; an unhealthy environment is no error, but an exit code that says otherwise is.
func (e *Environment) Status(ctx context.Context) (Status, error) {
	r, err := e.Polygate(ctx, "status", "--json")
	if err != nil {
		return Status{}, err
	}
	var s Status
	if err := json.Unmarshal([]byte(r.Stdout), &s); err != nil {
		return Status{}, fmt.Errorf("status --json ended with %d: %w\n%s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	if want := map[bool]int{true: 0, false: 1}[s.Status == "ok"]; r.Code != want {
		return s, fmt.Errorf("status --json says %q and ended with %d, want %d", s.Status, r.Code, want)
	}
	return s, nil
}

// Healthy waits until status finds nothing wrong, at most two minutes.
func (e *Environment) Healthy(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		st, err := e.Status(ctx)
		if err == nil && st.Status == "ok" {
			return st, nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return st, fmt.Errorf("not healthy in time: %+v: %w", st, errors.Join(err, ctx.Err()))
		}
	}
}

// Close destroys the environment, or at least stops its clouds, and removes the folder.
func (e *Environment) Close(ctx context.Context) error {
	_, err := e.Must(ctx, "destroy")
	if err != nil {
		_, stopErr := e.Must(ctx, "local", "stop")
		err = errors.Join(err, stopErr)
	}
	return errors.Join(err, os.RemoveAll(e.Root))
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
