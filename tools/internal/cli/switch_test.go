package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polygate.example/tools/internal/localcloud"
)

// answering stands in for running local clouds of an environment: it takes each request and answers by its path.
func answering(t *testing.T, dir string, answers map[string]string) (asked map[string]string) {
	t.Helper()
	asked = map[string]string{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/pid" {
			_ = json.NewEncoder(w).Encode(os.Getpid())
			return
		}
		body, _ := io.ReadAll(r.Body)
		call := r.Method + " " + r.URL.Path
		asked[call] = strings.TrimSpace(string(body))
		if text, refused := strings.CutPrefix(answers[call], "refuse "); refused {
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": text})
			return
		}
		_, _ = io.WriteString(w, answers[call])
	}))
	t.Cleanup(srv.Close)
	state, err := json.Marshal(localcloud.State{PID: os.Getpid(), API: srv.Listener.Addr().String(), Token: "it"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "clouds.json"), state, 0o600); err != nil {
		t.Fatal(err)
	}
	return asked
}

// What is typed reaches the clouds, and what they say reaches who typed it.
func TestControlAndDelegate(t *testing.T) {
	local := strings.Replace(dev, "gcp:project: my-project\n", "gcp:project: my-project\n"+
		"  polygate:localClouds: {speed: 10, dns: \"127.0.0.1:15353\", edge: \"127.0.0.1:18443\", origin: \"127.0.0.1:18080\", network: 127.77.0.0}\n", 1)
	for _, c := range []struct {
		name   string
		args   []string
		call   string
		answer string
		body   string
		code   int
		out    string // part of either output
	}{
		{"one on", []string{"control", "aws/us-east-1", "on"}, "PUT /v1/routing-controls", `{"gcp/us-central1":false,"aws/us-east-1":true}`, `{"aws/us-east-1":true}`, ExitOK,
			"aws/us-east-1            on\ngcp/us-central1          off\n"},
		{"two off", []string{"control", "aws/us-east-1", "gcp/us-central1", "off"}, "PUT /v1/routing-controls", `{}`, `{"aws/us-east-1":false,"gcp/us-central1":false}`, ExitOK, ""},
		{"refused by the rule", []string{"control", "aws/us-east-1", "off"}, "PUT /v1/routing-controls", `refuse the rule would not hold`, `{"aws/us-east-1":false}`, ExitUsage, "the rule would not hold"},
		{"no state", []string{"control", "aws/us-east-1", "gcp/us-central1"}, "", "", "", ExitUsage, "want regions, and then on or off"},
		{"no region", []string{"control", "on"}, "", "", "", ExitUsage, "2 arg"},
		{"delegate", []string{"delegate", "cloudflare"}, "PUT /v1/delegation", `{}`, `{"zone":"example.com","manager":"cloudflare"}`, ExitOK, "example.com is delegated to cloudflare"},
		{"delegate to nobody", []string{"delegate", "bind"}, "PUT /v1/delegation", `refuse bind does not hold the zone`, `{"zone":"example.com","manager":"bind"}`, ExitUsage, "bind does not hold the zone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := project(t, map[string]string{"Pulumi.local.yaml": local, "local.gateway.yaml": gatewayDocument})
			asked := answering(t, filepath.Join(root, ".polygate", "local", "clouds"), map[string]string{c.call: c.answer})
			code, stdout, stderr := run(t, append([]string{"-C", root, "-s", "local", "local"}, c.args...)...)
			if code != c.code || !strings.Contains(stdout+stderr, c.out) {
				t.Errorf("exit code %d, %q, %q: want %d and %q", code, stdout, stderr, c.code, c.out)
			}
			if asked[c.call] != c.body || c.call == "" && len(asked) > 0 {
				t.Errorf("the clouds were asked %v, want %s %s", asked, c.call, c.body)
			}
		})
	}
}

// What a shell is offered depends on what is there already.
func TestCompleteControl(t *testing.T) {
	root := project(t, map[string]string{"Pulumi.dev.yaml": dev, "dev.gateway.yaml": gatewayDocument})
	for _, c := range []struct{ args, want []string }{
		{[]string{"control", ""}, []string{"aws/us-east-1", "gcp/us-central1"}},
		{[]string{"control", "aws/us-east-1", ""}, []string{"gcp/us-central1", "on", "off"}},
		{[]string{"control", "aws/us-east-1", "on", ""}, nil},
		{[]string{"delegate", ""}, []string{"route53"}},
		{[]string{"delegate", "route53", ""}, nil},
	} {
		_, stdout, stderr := run(t, append([]string{"__completeNoDesc", "-C", root, "-s", "dev", "local"}, c.args...)...)
		if want := strings.Join(append(c.want, ":4\n"), "\n"); stdout != want {
			t.Errorf("%v: %q, want %q\n%s", c.args, stdout, want, stderr)
		}
	}
}
