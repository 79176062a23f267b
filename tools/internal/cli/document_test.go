package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"polygate.example/tools/internal/findings"
	"polygate.example/tools/internal/routing"
)

// writeDocument writes a document into a folder that is no project.
func writeDocument(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "shop.gateway.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestDocumentVerbs: what the verbs that take a document say, and how they end.
func TestDocumentVerbs(t *testing.T) {
	root := project(t, map[string]string{"Pulumi.dev.yaml": dev, "dev.gateway.yaml": gatewayDocument,
		"Pulumi.misfit.yaml": strings.Replace(dev, "manager: route53", "manager: carrier-pigeon", 1), "misfit.gateway.yaml": misfit})
	good, bad := writeDocument(t, gatewayDocument), writeDocument(t, gatewayDocument+"colour: red\n")
	mars := writeDocument(t, strings.Replace(misfit, "colour: red\n", "", 1))
	t.Chdir(t.TempDir()) // where there is no project
	for _, c := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"check", []string{"check", good}, 0, []string{good + ": ok, model sha256:"}},
		{"check of a bad one", []string{"check", bad}, 2, []string{"error: " + bad + `:6:1: unknown key "colour"; known here are`}},
		{"check of none", []string{"check", "nothing.yaml"}, 2, []string{`there is no gateway document "nothing.yaml"`}},
		{"check of a folder", []string{"check", "."}, 1, []string{"read gateway document"}},
		{"check in two forms", []string{"check", good, "--json", "--sarif"}, 2, []string{"--json and --sarif are two forms"}},
		{"check without anything", []string{"check"}, 2, []string{"no Pulumi.yaml here"}},
		{"check without an environment's rules", []string{"check", mars}, 0, []string{"ok, model"}},
		{"check by an environment's rules", []string{"-C", root, "check", mars, "-s", "dev"}, 2, []string{mars + `:5:7: there is no region "aws/mars-1"`}},
		{"check of an environment taken for a file", []string{"-C", root, "check", "dev"}, 2, []string{`there is no gateway document "dev"`}},
		{"schema", []string{"schema"}, 0, []string{`"$schema": "http://json-schema.org/draft-07/schema#"`, "polygate gateway document"}},
		{"schema of stacks", []string{"schema", "stack"}, 0, []string{"polygate:hostname"}},
		{"schema of nothing", []string{"schema", "stak"}, 2, []string{`no schema of "stak" (did you mean "stack"?): want document or stack`}},
		{"routes", []string{"routes", good}, 0, []string{"ROUTE", "hello  any      any   /hello"}},
		{"routes of an environment", []string{"-C", root, "routes", "-s", "dev"}, 0, []string{"hello  any      any   /hello"}},
		{"routes by nothing", []string{"routes", good, "--by", "size"}, 2, []string{`--by is "size": want priority or name`}},
		{"routes of a bad one", []string{"routes", bad}, 2, []string{bad + ":6:1: unknown key"}},
		{"routes of none", []string{"routes", "nothing.yaml"}, 2, []string{`there is no gateway document "nothing.yaml"`}},
		{"explain", []string{"explain", "GET", "/hello", good}, 0, []string{"GET localhost/hello", "hello takes it"}},
		{"explain by an environment", []string{"-C", root, "explain", "GET", "/hello", "-s", "dev"}, 0, []string{"GET api.example.com/hello", "hello takes it"}},
		{"explain by a region's name", []string{"-C", root, "explain", "GET", "https://use1.aws.api.example.com/hello", "-s", "dev"}, 0, []string{"GET use1.aws.api.example.com/hello", "hello takes it"}},
		{"explain of a foreign host", []string{"-C", root, "explain", "GET", "https://other.example.com/hello", "-s", "dev"}, 0, []string{"421 Misdirected Request"}},
		{"explain nonsense", []string{"explain", "GET", "hello", good}, 2, []string{`URL "hello" has neither a host nor a path`}},
		{"explain a bad header", []string{"explain", "GET", "/hello", good, "-H", "X"}, 2, []string{`header "X" cannot be read`}},
		{"explain without a URL", []string{"explain", "GET"}, 2, []string{"see `polygate explain --help`"}},
		{"dev of a bad one", []string{"dev", bad}, 2, []string{bad + ":6:1: unknown key"}},
		{"dev on no port", []string{"dev", good, "--port", "70000"}, 2, []string{"--port is 70000: want 1 to 65535"}},
		{"dev without its variables", []string{"dev", good, "--port", "0", "--env-file", "none.env"}, 2, []string{"read the variables: open none.env"}},
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
		})
	}
}

// TestCheckForPrograms: of both files everything is in one result, and nothing else is on standard output.
func TestCheckForPrograms(t *testing.T) {
	root := project(t, map[string]string{"Pulumi.dev.yaml": dev, "dev.gateway.yaml": strings.Replace(gatewayDocument, "path: /hello", "path: /quiz", 1),
		"Pulumi.misfit.yaml": strings.Replace(dev, "manager: route53", "manager: carrier-pigeon", 1), "misfit.gateway.yaml": misfit,
		"Pulumi.nodoc.yaml": dev})
	for env, want := range map[string]struct {
		code             int
		errors, warnings int
		rules            []string
	}{
		"dev":    {0, 0, 2, []string{"routes.match.path", "stack.polygate:zone"}},
		"misfit": {2, 4, 1, []string{"stack.polygate:manager", "upstreams.regions", "routes.match.path", "routes.timeout", "key"}},
		"nodoc":  {2, 1, 0, []string{"unreadable"}},
	} {
		t.Run(env, func(t *testing.T) {
			code, stdout, stderr := run(t, "-C", root, "check", "-s", env, "--json")
			var r findings.Report
			if err := json.Unmarshal([]byte(stdout), &r); err != nil {
				t.Fatalf("%v\n%s%s", err, stdout, stderr)
			}
			var rules []string
			for _, f := range r.Problems {
				rules = append(rules, f.Rule)
				if !filepath.IsAbs(f.File) || f.Line < 1 || f.Column < 1 || f.What == "" {
					t.Errorf("%+v", f)
				}
			}
			if code != want.code || r.Valid != (code == 0) || r.Errors != want.errors || r.Warnings != want.warnings || fmt.Sprint(rules) != fmt.Sprint(want.rules) || (r.Model != "") != r.Valid {
				t.Errorf("exit code %d, %+v; rules %v, want %+v", code, r, rules, want)
			}
			code, stdout, _ = run(t, "-C", root, "check", "-s", env, "--sarif")
			var log struct {
				Version string
				Runs    []struct{ Results []any }
			}
			if err := json.Unmarshal([]byte(stdout), &log); err != nil || log.Version != "2.1.0" || len(log.Runs) != 1 || len(log.Runs[0].Results) != len(rules) || code != want.code {
				t.Errorf("exit code %d, %v: %s", code, err, stdout)
			}
			if strings.Contains(stderr, "error:") {
				t.Errorf("the problems are told twice: %s", stderr)
			}
		})
	}
}

func TestRoutesForPrograms(t *testing.T) {
	file := writeDocument(t, gatewayDocument)
	_, stdout, _ := run(t, "routes", file, "--json")
	var routes []routing.Route
	if err := json.Unmarshal([]byte(stdout), &routes); err != nil || len(routes) != 1 || routes[0].Path != "/hello" {
		t.Errorf("%v: %s", err, stdout)
	}
	_, stdout, _ = run(t, "explain", "GET", "/hello", file, "--json")
	var answer routing.Answer
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil || answer.Outcome != "route" || answer.Route.Name != "hello" {
		t.Errorf("%v: %s", err, stdout)
	}
}

// heard is what a verb says while it runs.
type heard struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (h *heard) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(b)
}

// waitFor waits for a line and returns what of it is in brackets.
func (h *heard) waitFor(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		h.mu.Lock()
		text := h.text.String()
		h.mu.Unlock()
		if m := re.FindStringSubmatch(text); m != nil {
			return m[len(m)-1]
		}
		if time.Now().After(end) {
			t.Fatalf("%s is not said:\n%s", pattern, text)
		}
	}
}

// TestDev: a document is served with its secrets, what is saved is served, what is wrong is told as check tells it, and no secret is.
func TestDev(t *testing.T) {
	upstream := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("Authorization"))
	})}
	l := listenAnywhere(t)
	go func() { _ = upstream.Serve(l) }()
	t.Cleanup(func() { upstream.Close() })
	document := func(path string) string {
		return "version: 1\nupstreams: {up: {targets: [{url: \"http://" + l.Addr().String() + "\"}]}}\nroutes:\n- name: one\n  match: {path: " + path +
			"}\n  upstream: up\n  request: {headers: {set: {Authorization: \"Bearer ${secret.TOKEN}\"}}}\n"
	}
	file := writeDocument(t, document("/one"))
	env := filepath.Join(filepath.Dir(file), ".env")
	save := func(file, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	save(env, "TOKEN=s3cr3t-of-the-file\n")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out, errs heard
	ended := make(chan int, 1)
	go func() { ended <- Main(ctx, []string{"dev", file, "--port", "0", "--env-file", env}, &out, &errs) }()
	out.waitFor(t, `one +any +any +/one .*-> up`)
	url := errs.waitFor(t, `at (http://127\.0\.0\.1:\d+)/`)
	get := func(path string) string {
		resp, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(resp.StatusCode, " ", string(b))
	}
	if got := get("/one"); got != "200 Bearer s3cr3t-of-the-file" {
		t.Errorf("got %s", got)
	}
	errs.waitFor(t, `200 GET 127\.0\.0\.1:\d+/one by one -> 127\.0\.0\.1:\d+ in `)
	save(file, document("/two")+"colour: red\n")
	errs.waitFor(t, regexp.QuoteMeta(file)+`:8:1: unknown key "colour"; known here are`)
	if got := get("/one"); !strings.HasPrefix(got, "200") {
		t.Errorf("after a bad edit: %s", got)
	}
	save(file, document("/two"))
	errs.waitFor(t, `serving what was saved: model sha256:[0-9a-f]{64}\n`)
	if got := get("/two"); !strings.HasPrefix(got, "200") {
		t.Errorf("after a good edit: %s", got)
	}
	save(env, "TOKEN=an0ther\n")
	errs.waitFor(t, `(?s)serving what was saved.*serving what was saved`)
	if got := get("/two"); got != "200 Bearer an0ther" {
		t.Errorf("after another secret: %s", got)
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d", code)
	}
	errs.waitFor(t, `ended\n`)
	if all := out.text.String() + errs.text.String(); strings.Contains(all, "s3cr3t") || strings.Contains(all, "an0ther") {
		t.Errorf("a secret was said:\n%s", all)
	}
}

// TestDevFiles: an OpenAPI document in a folder of its own is read again when it is saved.
func TestDevFiles(t *testing.T) {
	file := writeDocument(t, "version: 1\npolicies: {api: {validate: {openapi: api/orders.yaml}}}\nroutes:\n- {name: one, match: {path: /one}, policies: [api], respond: {status: 200}}\n")
	api := filepath.Join(filepath.Dir(file), "api", "orders.yaml")
	if err := os.Mkdir(filepath.Dir(api), 0o700); err != nil {
		t.Fatal(err)
	}
	save := func(of string) {
		text := "openapi: 3.1.0\npaths: {/one: {get: {parameters: [{name: q, in: query, schema: {type: " + of + "}}]}}}\n"
		if err := os.WriteFile(api, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	save("integer")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out, errs heard
	ended := make(chan int, 1)
	go func() { ended <- Main(ctx, []string{"dev", file, "--port", "0"}, &out, &errs) }()
	url := errs.waitFor(t, `at (http://127\.0\.0\.1:\d+)/`)
	for _, c := range []struct {
		of     string
		status int
	}{{"integer", 400}, {"string", 200}} {
		if c.of != "integer" {
			save(c.of)
			errs.waitFor(t, `serving what was saved`)
		}
		resp, err := http.Get(url + "/one?q=x")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s: %s", c.of, resp.Status)
		}
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func listenAnywhere(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestDevWarnsOnce: what a document is warned of is told once, however often its folder changes.
func TestDevWarnsOnce(t *testing.T) {
	root := project(t, map[string]string{"Pulumi.dev.yaml": dev, "dev.gateway.yaml": strings.Replace(gatewayDocument, "path: /hello", "path: /quiz", 1)})
	var out, errs heard
	a := &app{output: newOutput(&out, &errs, os.Getenv), getenv: os.Getenv, root: root, stack: "dev"}
	s, err := a.source(a.devCommand(), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	d := &devRun{app: a, source: s}
	for range 3 {
		if _, _, err := d.read(); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(errs.text.String(), "may not be reached on gcp"); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, errs.text.String())
	}
}
