package cli

import (
	"strings"
	"testing"
)

// TestCompletion: what a shell is told, inside a project and outside of any.
func TestCompletion(t *testing.T) {
	root := project(t, map[string]string{"Pulumi.dev.yaml": dev, "dev.gateway.yaml": gatewayDocument, "Pulumi.prod.yaml": dev})
	kinds := []string{"down", "blackhole", "slow", "errors", "health-fail", "stale", "control-plane", "certificate-expired"}
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"verbs", []string{"-C", t.TempDir(), ""}, []string{"build", "cert", "check", "completion", "destroy", "dev", "doctor", "drain", "drill", "explain", "failback", "failover", "help", "import", "local", "lock", "preview", "routes", "schema", "status", "undrain", "up"}},
		{"environments", []string{"-C", root, "up", "-s", ""}, []string{"dev", "prod"}},
		{"environments outside a project", []string{"-C", t.TempDir(), "up", "-s", ""}, nil},
		{"targets", []string{"-C", root, "-s", "dev", "local", "fail", ""}, []string{"aws", "gcp", "aws/us-east-1", "gcp/us-central1", "route53"}},
		{"one target only", []string{"-C", root, "-s", "dev", "local", "fail", "aws", ""}, nil},
		{"targets to heal", []string{"-C", root, "-s", "dev", "local", "heal", ""}, []string{"aws", "gcp", "aws/us-east-1", "gcp/us-central1", "route53"}},
		{"kinds of fault", []string{"-C", root, "local", "fail", "aws", "--kind", ""}, kinds},
		{"kinds of fault to heal", []string{"-C", root, "local", "heal", "aws", "--kind", ""}, kinds},
		{"help", []string{"help", "local", ""}, []string{"control", "delegate", "env", "fail", "faults", "heal", "places", "secret", "serve", "start", "stop"}},
		{"what to drain", []string{"-C", root, "-s", "dev", "drain", "aws", ""}, []string{"gcp", "aws/us-east-1", "gcp/us-central1"}},
		{"from where", []string{"-C", root, "-s", "dev", "failover", "--from", ""}, []string{"aws", "gcp", "aws/us-east-1", "gcp/us-central1"}},
		{"modes", []string{"-C", root, "-s", "dev", "failover", "--mode", ""}, []string{"graceful", "ungraceful"}},
		{"no files", []string{"-C", root, "build", ""}, nil},
		{"schemas", []string{"schema", ""}, []string{"document", "stack"}},
		{"one schema only", []string{"schema", "stack", ""}, nil},
		{"orders of routes", []string{"-C", root, "routes", "--by", ""}, []string{"priority", "name"}},
		{"methods", []string{"-C", root, "explain", ""}, []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}},
		{"no URLs", []string{"-C", root, "explain", "GET", ""}, nil},
		{"no headers", []string{"-C", root, "explain", "GET", "/", "--header", ""}, nil},
		{"regions to serve as", []string{"-C", root, "-s", "dev", "dev", "--region", ""}, []string{"aws/us-east-1", "gcp/us-central1"}},
		{"what to import", []string{"import", ""}, []string{"openapi"}},
		{"one import only", []string{"import", "openapi", "a.yaml", ""}, nil},
		{"what has a route", []string{"import", "openapi", "--by", ""}, []string{"operation", "path"}},
		{"one document only", []string{"-C", root, "check", "a.yaml", ""}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := run(t, append([]string{"__completeNoDesc"}, c.args...)...)
			if want := strings.Join(append(c.want, ":4\n"), "\n"); code != 0 || stdout != want { // 4: complete no file names
				t.Errorf("exit code %d, %q, want %q\n%s", code, stdout, want, stderr)
			}
		})
	}
}

// TestCompletionOfDocuments: where a document can be named, shells complete YAML files.
func TestCompletionOfDocuments(t *testing.T) {
	for _, args := range [][]string{{"check"}, {"routes"}, {"explain", "GET", "/"}, {"dev"}} {
		code, stdout, stderr := run(t, append(append([]string{"__completeNoDesc"}, args...), "")...)
		if want := "yaml\nyml\n:8\n"; code != 0 || stdout != want { // 8: files of these kinds
			t.Errorf("%v: exit code %d, %q, want %q\n%s", args, code, stdout, want, stderr)
		}
	}
}

// TestCompletionOfOpenAPI: what can be imported is YAML or JSON.
func TestCompletionOfOpenAPI(t *testing.T) {
	code, stdout, stderr := run(t, "__completeNoDesc", "import", "openapi", "")
	if want := "yaml\nyml\njson\n:8\n"; code != 0 || stdout != want { // 8: files of these kinds
		t.Errorf("exit code %d, %q, want %q\n%s", code, stdout, want, stderr)
	}
}
