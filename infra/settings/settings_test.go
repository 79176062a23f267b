package settings

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// stackFile writes a stack file of the dev environment.
func stackFile(t *testing.T, content string) string {
	t.Helper()
	return stackFileOf(t, "dev", content)
}

// stackFileOf is the one of an environment.
func stackFileOf(t *testing.T, environment, content string) string {
	t.Helper()
	path := Path(t.TempDir(), environment)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const least = `config:
  polygate:hostname: api.example.com
  polygate:zone: example.com
  polygate:manager: route53
  polygate:regions: [aws/us-east-1, gcp/us-central1, aws/eu-west-1]
`

func TestDefaults(t *testing.T) {
	got, err := Load(stackFile(t, least))
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Environment: "dev", Hostname: "api.example.com", Zone: "example.com", Pattern: ActivePassive, Manager: "route53",
		Regions: []Region{{"aws", "us-east-1", 0}, {"gcp", "us-central1", 1}, {"aws", "eu-west-1", 2}},
		TTL:     60, Check: Check{Interval: 30, Threshold: 3, Path: "/health"}, Architecture: "amd64",
		Memory: 512, Timeout: 25, LogRetentionDays: 30, Concurrency: 100,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"aws", "gcp"}, got.Providers()); diff != "" {
		t.Errorf("providers (-want +got):\n%s", diff)
	}
}

// A dial of a map may be given in part: the rest keeps its default.
func TestCheckInPart(t *testing.T) {
	got, err := Load(stackFile(t, least+"  polygate:check: {interval: 10}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Check{Interval: 10, Threshold: 3, Path: "/health"}); got.Check != want {
		t.Errorf("check is %+v, want %+v", got.Check, want)
	}
}

// TestVariables: what the functions' environment may have of a stack's own.
func TestVariables(t *testing.T) {
	got, err := Load(stackFile(t, least+"  polygate:variables: {PARTNERS: \"a\\nb\", GODEBUG: x=1}\n"))
	if err != nil || got.Variables["PARTNERS"] != "a\nb" || got.Variables["GODEBUG"] != "x=1" {
		t.Errorf("the variables are %q, %v", got.Variables, err)
	}
	for text, want := range map[string]string{
		"{A: x}":               "polygate:variables.A: is no name of a variable",
		"{ab: x}":              "polygate:variables.ab: is no name of a variable",
		"{POLYGATE_REGION: x}": "polygate:variables.POLYGATE_REGION: is a variable of polygate's own",
		"{AWS_REGION: x}":      "polygate:variables.AWS_REGION: is a variable of Lambda's own",
		"{K_SERVICE: x}":       "polygate:variables.K_SERVICE: is a variable of Google's own",
		"{WEBSITE_NAME: x}":    "polygate:variables.WEBSITE_NAME: is a variable of Azure's own",
		`{KEYS: ""}`:           "polygate:variables.KEYS: is empty",
		"{KEYS: 1}":            "polygate:variables: is not a map of text",
		"[KEYS]":               "polygate:variables: is not a map of text",
		"{KEYS: " + strings.Repeat("x", MaxVariables) + "}":                                                                        "polygate:variables: has 3076 bytes, and 3072 are free",
		"{TOKEN: x}\n  polygate:secrets: {TOKEN: {aws: 'arn:aws:ssm:{region}:1:parameter/t', gcp: projects/my-project/secrets/t}}": "polygate:variables.TOKEN: is in polygate:secrets as well",
	} {
		if _, err := Load(stackFile(t, least+"  polygate:variables: "+text+"\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", text, err, want)
		}
	}
}

// Each field of a map is looked at: one that is wrong does not hide the others, and is reported once.
func TestEveryFieldIsReported(t *testing.T) {
	_, err := Load(stackFile(t, least+"  polygate:check: {interval: soon, treshold: 3, threshold: 0, pth: /health}\n"+
		"  polygate:certificate: {pfx: 1, passwrd: x}\n"))
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("the error is %v: want problems", err)
	}
	var got []string
	for _, p := range problems {
		_, after, _ := strings.Cut(p.String(), "polygate:")
		where, _, _ := strings.Cut(after, ": ")
		got = append(got, where)
	}
	want := []string{
		"check.interval", "check.pth", "check.treshold", "check.threshold",
		"certificate.passwrd", "certificate.pfx", "certificate.passwordFile",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestWall(t *testing.T) {
	if got := (Settings{}).Wall(time.Minute); got != time.Minute {
		t.Errorf("a minute of a real cloud lasts %s here", got)
	}
	if got := (Settings{LocalClouds: &LocalClouds{Speed: 10}}).Wall(time.Minute); got != 6*time.Second {
		t.Errorf("a minute of a local cloud at speed 10 lasts %s here, want 6s", got)
	}
}

// A rule's problems get a place and stand beside those of the form.
func TestRules(t *testing.T) {
	seen := ""
	rule := func(s Settings, get Lookup) []Problem {
		seen, _ = get("gcp:project")
		return []Problem{Problemf("regions", []string{"1"}, "is closed on %s", "Sundays"), Problemf("check", []string{"interval"}, "is odd")}
	}
	_, err := Load(stackFile(t, least+"  gcp:project: p1\n  polygate:ttl: soon\n"), rule)
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 3 {
		t.Fatalf("the error is %v: want three problems", err)
	}
	if seen != "p1" {
		t.Errorf("the rule saw the project %q, want p1", seen)
	}
	want := []string{"7:3", "5:37", "1:1"}
	for i, p := range problems {
		if !strings.HasSuffix(p.At, ":"+want[i]) {
			t.Errorf("problem %d is at %s, want %s", i, p.At, want[i])
		}
	}
}

func TestCheckKeys(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"good", least, ""},
		{"misspelt", least + "  polygate:protct: true\n", "6:3: polygate:protct: is unknown"},
		{"other namespaces", least + "  aws:whatever: 1\n", ""},
		{"empty", "", ""},
		{"no config", "encryptionsalt: v1:9dyVahuCZFs=:v1:SbVO0jDu7FBSavZ+:mGOt9/U9DSVfh84iPrY1XD/eon5xHw==\n", ""},
		{"config empty", "config:\n", ""},
		{"config a list", "config: [a]\n", "1:9: config: is not a map"},
		{"a list", "- a\n", "1:1: file: is not a map"},
		{"two documents", least + "---\na: b\n", "1:1: file: has several YAML documents"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckKeys(stackFile(t, c.content))
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v: want %q in it", err, c.want)
			}
		})
	}
	if err := CheckKeys(Path(t.TempDir(), "dev")); err != nil {
		t.Errorf("a stack without a file: %v", err)
	}
}

func TestLoadNotAStackFile(t *testing.T) {
	for name, want := range map[string]string{
		"dev.yaml":          "is not a stack file",
		"Pulumi..yaml":      "is not a stack file",
		"Pulumi.dev.json":   "is not a stack file",
		"Pulumi.there.yaml": "read stack file",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(filepath.Join(t.TempDir(), name))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("the error is %v: want %q in it", err, want)
			}
		})
	}
}

// Whatever a stack file holds, loading it ends in settings or in problems with a place, never in a panic.
func FuzzLoad(f *testing.F) {
	f.Add(least)
	f.Add("config: {polygate:check: {interval: [1]}, polygate:regions: {a: b}}")
	f.Add("config:\n  polygate:ttl: &a 1\n  polygate:memory: *a\n")
	f.Add("config:\n  polygate:localClouds: !!map {}\n")
	f.Add("? [a]\n: b")
	f.Fuzz(func(t *testing.T, content string) {
		path := stackFile(t, content)
		_, err := Load(path)
		var problems Problems
		if !errors.As(err, &problems) {
			return
		}
		for _, p := range problems {
			if !strings.HasPrefix(p.At, path+":") || p.Message == "" {
				t.Errorf("a problem without a place or words: %+v", p)
			}
		}
	})
}

func TestFileLookup(t *testing.T) {
	get, err := FileLookup(stackFile(t, least+"  gcp:project: p1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := get("gcp:project"); v != "p1" || !ok {
		t.Errorf("gcp:project is %q, %t", v, ok)
	}
	if v, ok := get("gcp:region"); ok {
		t.Errorf("gcp:region, which is not there, is %q", v)
	}
	if _, err := FileLookup(Path(t.TempDir(), "dev")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 days", 1: "1 day", 2: "2 days"} {
		if got := Count(n, "day"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
