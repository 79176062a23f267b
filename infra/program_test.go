package infra

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polygate.example/infra/internal/record"
	"polygate.example/infra/settings"
	"polygate.example/shared/gateway"
	"polygate.example/shared/topology"
)

func TestProgram(t *testing.T) {
	dir := project(t, "dev")
	rec := &record.Recorder{}
	if err := rec.Run("dev", dials("aws/us-east-1", "gcp/us-central1"), Program(dir)); err != nil {
		t.Fatal(err)
	}
	fn, ok := rec.Find("gateway-aws-use1-function")
	if !ok {
		t.Fatal("there is no function")
	}
	if want := filepath.Join(dir, "dist", "dev", "aws.zip"); fn.Inputs["code"] != want {
		t.Errorf("the code is at %v, want the absolute path %s", fn.Inputs["code"], want)
	}
}

// Whatever is wrong is found before the first resource: a deployment that fails half-way for a typing error is worse
// than none.
func TestProgramRefusesFirst(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, dir string, config map[string]string)
		want   string
	}{
		{"settings", func(_ *testing.T, _ string, config map[string]string) {
			config["polygate:hostname"], config["polygate:ttl"] = "example.com", "300"
		}, "polygate:ttl: is 300: route53 takes 1 to 60 seconds"},
		{"misspelt dial in the stack file", func(t *testing.T, dir string, _ map[string]string) {
			path := settings.Path(dir, "dev")
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, path, []byte("config:\n  polygate:protct: true\n"))
		}, "Pulumi.dev.yaml:2:3: polygate:protct: is unknown"},
		{"no manifest", func(t *testing.T, dir string, _ map[string]string) {
			if err := os.RemoveAll(filepath.Join(dir, "dist")); err != nil {
				t.Fatal(err)
			}
		}, "run `polygate build -s dev` first"},
		{"artefact changed", func(t *testing.T, dir string, _ map[string]string) {
			write(t, filepath.Join(dir, "dist", "dev", "aws.zip"), []byte("something else"))
		}, "and not "},
		{"artefact gone", func(t *testing.T, dir string, _ map[string]string) {
			if err := os.Remove(filepath.Join(dir, "dist", "dev", "gcp.zip")); err != nil {
				t.Fatal(err)
			}
		}, "no such file or directory: run `polygate build -s dev`"},
		{"built for another architecture", func(_ *testing.T, _ string, config map[string]string) {
			config["polygate:architecture"] = "arm64"
		}, "aws.zip was built for amd64, and polygate:architecture is arm64: run `polygate build -s dev`"},
		{"built for another environment", func(t *testing.T, dir string, _ map[string]string) {
			path := filepath.Join(dir, "dist", "dev", "manifest.json")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, path, []byte(strings.Replace(string(b), `"environment": "dev"`, `"environment": "prod"`, 1)))
		}, `was built for "prod"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, config := project(t, "dev"), dials("aws/us-east-1", "gcp/us-central1")
			c.change(t, dir, config)
			rec := &record.Recorder{}
			err := rec.Run("dev", config, Program(dir))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v: want %q in it", err, c.want)
			}
			for _, r := range rec.All() {
				if r.Type != "pulumi:pulumi:Stack" {
					t.Errorf("%s %s is declared all the same", r.Type, r.Name)
				}
			}
		})
	}
}

func TestProjectRoot(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, given, pulumi, want string }{
		{"given", "/a", "/b", "/a"},
		{"from Pulumi", "", "/b", "/b"},
		{"relative", "sub", "", filepath.Join(here, "sub")},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := projectRoot(c.given, c.pulumi)
			if err != nil || got != c.want {
				t.Errorf("root is %q, %v: want %q", got, err, c.want)
			}
		})
	}
	if _, err := projectRoot("", ""); err == nil {
		t.Error("an unknown root is no error")
	}
}

func TestDocumentRule(t *testing.T) {
	regions := map[string]gateway.Region{"aws/us-east-1": {}, "aws/us-east-9": {}, "ibm/us-south": {}}
	doc := gateway.Spec{Upstreams: map[string]gateway.Upstream{"u": {Regions: regions}}, Routes: []gateway.Route{
		{Name: "quick", Timeout: 25 * second}, {Name: "slow", Timeout: 40 * second},
	}}
	want := []string{
		`/upstreams/u/regions/aws~1us-east-9: there is no region "aws/us-east-9"; aws has only `,
		`/upstreams/u/regions/ibm~1us-south: there is no region "ibm/us-south"; want aws, gcp or azure`,
		`/routes/1/timeout: the route "slow" may take 40s, but polygate:timeout ends a request after 25s; `,
	}
	got := strings.Split(DocumentRule(settings.Settings{Timeout: 25})(doc).Error(), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d problems, want %d:\n%q", len(got), len(want), got)
	}
	for i, w := range want {
		if !strings.HasPrefix(got[i], w) {
			t.Errorf("problem %d is %q, want %q", i, got[i], w)
		}
	}
	if got := DocumentRule(settings.Settings{})(doc); len(got) != 2 {
		t.Errorf("without a timeout, which is reported already: %v", got)
	}
}

const second = gateway.Duration(1e9)

// What the clouds answer is not what the program takes for granted.
func TestFill(t *testing.T) {
	if _, err := fill(twoRegions, []any{"a", "b"}); err == nil {
		t.Error("too few values are no error")
	}
	if _, err := fill(twoRegions, []any{"details", "a", "b", "x", "c", "d", "y"}); err == nil {
		t.Error("details that are text are no error")
	}
	if _, err := fill(twoRegions, []any{map[string]string{}, "a", "b", "x", 3, "d", "y"}); err == nil {
		t.Error("a target that is a number is no error")
	}
	got, err := fill(twoRegions, []any{map[string]string{"zone": "Z1"}, "a", "b", "x", "c", "d", "y"})
	if err != nil {
		t.Fatal(err)
	}
	second := got["regions"].([]any)[1].(map[string]any)
	if second["target"] != "c" || second["health_check"] != "d" || second["function"] != "y" {
		t.Errorf("the second region is %v", second)
	}
	if twoRegions.Regions[1].Target != "" {
		t.Error("the topology that was given has been changed")
	}
}

var twoRegions = topology.Topology{Regions: []topology.Region{{Name: "aws/us-east-1"}, {Name: "gcp/us-central1"}}}
