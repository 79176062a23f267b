package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"polygate.example/infra/settings"
	"polygate.example/shared/config"
)

// project makes a project folder with the stack files given.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	all := map[string]string{"Pulumi.yaml": "name: polygate\nruntime: go\nmain: stacks/gateway\nstackConfigDir: stacks\n"}
	for name, content := range files {
		all["stacks/"+name] = content
	}
	for name, content := range all {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const (
	dev = `config:
  polygate:hostname: api.example.com
  polygate:zone: example.com
  polygate:manager: route53
  polygate:regions: [aws/us-east-1, gcp/us-central1]
  aws:region: us-east-1
  gcp:project: my-project
`
	gatewayDocument = "version: 1\nroutes:\n  - name: hello\n    match: {path: /hello}\n    respond: {status: 200, body: hello}\n"
)

// misfit is a document that other settings than those of dev would do for, and that has a problem of its own.
const misfit = `version: 1
upstreams:
  u:
    regions:
      aws/mars-1: {targets: [{url: "https://a.example.com"}]}
    targets: [{url: "https://b.example.com"}]
routes:
  - name: z
    match: {path: /z}
    upstream: u
    timeout: 900s
  - {name: a, match: {path: /a}, upstream: u}
colour: red
`

func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// TestExitCodes: what is the caller's to mend ends with 2, says what, and shows no stack trace.
func TestExitCodes(t *testing.T) {
	root := project(t, map[string]string{"Pulumi.dev.yaml": dev, "dev.gateway.yaml": gatewayDocument,
		"Pulumi.bad.yaml": strings.Replace(dev, "manager: route53", "manager: carrier-pigeon", 1), "bad.gateway.yaml": gatewayDocument + "colour: red\n",
		"Pulumi.idle.yaml": strings.Replace(dev, "[aws/us-east-1, gcp/us-central1]", "[gcp/us-central1]", 1) + "  polygate:architecture: arm64\n", "idle.gateway.yaml": gatewayDocument,
		"Pulumi.nodoc.yaml":  dev,
		"Pulumi.warned.yaml": dev, "warned.gateway.yaml": strings.Replace(gatewayDocument, "path: /hello", "path: /quiz", 1),
		"Pulumi.misfit.yaml": strings.Replace(dev, "manager: route53", "manager: carrier-pigeon", 1), "misfit.gateway.yaml": misfit})
	for _, c := range []struct {
		name string
		args []string
		code int
		want []string // in standard output or error
	}{
		{"help", []string{"--help"}, 0, []string{"Exit codes: 0 ok", "polygate up -s local"}},
		{"version", []string{"--version"}, 0, []string{"polygate version ", ", go1."}},
		{"no verb", nil, 0, []string{"Available Commands"}},
		{"help on a verb", []string{"help", "local", "fail"}, 0, []string{"polygate local fail gcp --kind slow"}},
		{"help on a drill's limits", []string{"help", "drill", "run"}, 0, []string{
			"give up when clients that go by the TTL and connect anew lose more", "give up when clients that go by the TTL and connect anew burn more percent of the error budget"}},
		{"help on nothing there is", []string{"help", "frob"}, 2, []string{`no help on "frob"`, "build, cert", "up"}},
		{"help below a verb without verbs", []string{"help", "up", "frob"}, 2, []string{`no help on "up frob"`, "has no verbs below it"}},
		{"help on nothing there is below local", []string{"help", "local", "frob"}, 2, []string{`no help on "local frob"`, "fail, faults, heal"}},
		{"a group outside a project", []string{"-C", t.TempDir(), "local"}, 0, []string{"Available Commands"}},
		{"completion", []string{"completion", "bash"}, 0, []string{"__start_polygate"}},
		{"completion of an unknown shell", []string{"completion", "frob"}, 2, []string{`unknown verb "frob"`, "bash, fish"}},
		{"completion with a surplus argument", []string{"completion", "bash", "now"}, 2, []string{"see `polygate completion bash --help`"}},
		{"unknown verb", []string{"fly"}, 2, []string{`unknown verb "fly": want`, "build, cert"}},
		{"misspelt verb", []string{"stauts"}, 2, []string{`unknown verb "stauts" (did you mean "status"?): want one of build`}},
		{"misspelt environment", []string{"-C", root, "status", "-s", "dve"}, 2, []string{`there is no environment "dve" (did you mean "dev"?)`}},
		{"unknown local verb", []string{"-C", root, "local", "fly"}, 2, []string{`unknown verb "fly"`, "heal"}},
		{"unknown flag", []string{"-C", root, "check", "--fast"}, 2, []string{"unknown flag: --fast", "see `polygate check --help`"}},
		{"an environment that is a path", []string{"-C", root, "destroy", "--force", "-s", "../dev"}, 2, []string{"can be no environment's name", "bad, dev, idle, misfit, nodoc, warned"}},
		{"surplus argument", []string{"-C", root, "check", "now", "then"}, 2, []string{"see `polygate check --help`"}},
		{"missing argument", []string{"-C", root, "local", "fail"}, 2, []string{"accepts 1 arg", "polygate local fail --help"}},
		{"no project", []string{"-C", t.TempDir(), "check"}, 2, []string{"has no Pulumi.yaml"}},
		{"no such environment", []string{"-C", root, "check", "-s", "mars"}, 2, []string{`no environment "mars"`, "bad, dev, idle, misfit, nodoc, warned"}},
		{"check of no environment", []string{"-C", root, "check", "-s", "mars"}, 2, []string{`error: there is no environment "mars"`}},
		{"empty environment", []string{"-C", root, "up", "-s", ""}, 2, []string{"--stack is empty", "bad, dev, idle, misfit, nodoc, warned"}},
		{"fine", []string{"-C", root, "check", "-s", "dev"}, 0, []string{"dev: ok, model sha256:"}},
		{"a warning refuses nothing", []string{"-C", root, "check", "-s", "warned"}, 0, []string{"warning: ", `warned.gateway.yaml:4:19: the route "hello" may not be reached on gcp`, "warned: ok, model sha256:"}},
		{"a dial without effect refuses nothing", []string{"-C", root, "check", "-s", "idle"}, 0, []string{"warning: ", "Pulumi.idle.yaml:8:3: polygate:architecture: has no effect", "idle: ok, model sha256:"}},
		{"both files bad", []string{"-C", root, "check", "-s", "bad"}, 2, []string{"Pulumi.bad.yaml:4:3", "route53", "bad.gateway.yaml:6:1", "colour"}},
		{"a document for other settings, among all else", []string{"-C", root, "check", "-s", "misfit"}, 2, []string{"Pulumi.misfit.yaml:4:3",
			`misfit.gateway.yaml:5:7: there is no region "aws/mars-1"; aws has only`, `misfit.gateway.yaml:11:14: the route "z" may take 15m0s, but polygate:timeout ends a request after 25s`,
			`misfit.gateway.yaml:13:1`}},
		{"no document", []string{"-C", root, "check", "-s", "nodoc"}, 2, []string{"no gateway document: write ", "nodoc.gateway.yaml"}},
		{"build of a bad document", []string{"-C", root, "build", "-s", "bad"}, 2, []string{"carrier-pigeon"}},
		{"local verb on real clouds", []string{"-C", root, "local", "start", "-s", "dev"}, 2, []string{`"dev" runs on real clouds`}},
		{"destroy without yes", []string{"-C", root, "destroy", "-s", "dev"}, 2, []string{"--yes"}},
		{"force on real clouds", []string{"-C", root, "destroy", "-s", "dev", "--yes", "--force"}, 2, []string{"it is for local clouds"}},
		{"a flag of another kind of fault", []string{"-C", root, "local", "fail", "aws", "--delay", "1s"}, 2, []string{"--delay has no meaning with --kind down: it goes with --kind slow"}},
		{"what spares health checks in another kind of fault", []string{"-C", root, "local", "fail", "aws", "--spares-health"}, 2, []string{"--spares-health has no meaning with --kind down: it goes with --kind errors"}},
		{"a lease that is over", []string{"-C", root, "local", "fail", "aws", "--lease", "-1s"}, 2, []string{"--lease is -1s: want a time above 0, or leave it out"}},
		{"watch too often", []string{"-C", root, "status", "-s", "dev", "--every", "1ms"}, 2, []string{"100ms"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := run(t, c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d\n%s%s", code, c.code, stdout, stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(stdout+stderr, want) {
					t.Errorf("%q is not said:\n%s%s", want, stdout, stderr)
				}
			}
			if strings.Contains(stderr, "goroutine ") || strings.Contains(stdout+stderr, "\x1b[") {
				t.Errorf("a stack trace, or colour without a terminal:\n%s%s", stdout, stderr)
			}
		})
	}
}

func TestExitCodeOfErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, ExitOK},
		{unhealthy{}, ExitFailed},
		{errors.New("anything"), ExitFailed},
		{usageError{errors.New("x")}, ExitUsage},
		{fmt.Errorf("move: %w", blocked{errors.New("x")}), ExitBlocked},
		{fmt.Errorf("build: %w", config.Problems{{File: "x"}}), ExitUsage},
		{fmt.Errorf("load: %w", settings.Problems{{Key: "x"}}), ExitUsage},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%T %v: %d, want %d", c.err, c.err, got, c.want)
		}
	}
}

// TestEveryVerbHasAnExample walks the whole tree of commands.
func TestEveryVerbHasAnExample(t *testing.T) {
	a := &app{output: newOutput(&bytes.Buffer{}, &bytes.Buffer{}, os.Getenv)}
	var walk func(*cobra.Command)
	seen := 0
	walk = func(c *cobra.Command) {
		seen++
		if c.Example == "" || c.Short == "" || !strings.Contains(c.Example, "polygate") {
			t.Errorf("%s: short %q, example %q", c.CommandPath(), c.Short, c.Example)
		}
		if f := c.Flag("stack"); f == nil || f.Shorthand != "s" {
			t.Errorf("%s has no -s/--stack", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(a.command())
	if seen < 24 {
		t.Errorf("%d commands, want at least 24: 18 verbs and groups, help, completion and its shells", seen)
	}
}

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{
		"/plain/path-1.2": "/plain/path-1.2", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$HOME": "'$HOME'", "a;b": "'a;b'",
	} {
		if got := shellQuote(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
