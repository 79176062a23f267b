package infra

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/infra/catalog"
	"polygate.example/infra/settings"
	"polygate.example/shared/goldentest"
)

// Each file under testdata/bad breaks one rule, and the file beside it holds the exact message. A file's first line may
// name another environment than dev.
func TestBadStackFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 40 {
		t.Fatalf("%d bad stack files, want at least 40", len(files))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			environment := "dev"
			first, _, _ := strings.Cut(string(content), "\n")
			if e, ok := strings.CutPrefix(first, "# environment: "); ok {
				environment = e
			}
			dir := t.TempDir()
			stack := settings.Path(dir, environment)
			if err := os.MkdirAll(filepath.Dir(stack), 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, stack, content)
			_, err = Settings(dir, environment)
			var problems settings.Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("the error is %v: want problems", err)
			}
			got := strings.ReplaceAll(problems.Error(), filepath.Dir(stack)+string(filepath.Separator), "") + "\n"
			goldentest.Compare(t, strings.TrimSuffix(file, ".yaml")+".want", got)
		})
	}
}

// What a stack file says and what Pulumi passes of it come to the same settings.
func TestFileAndConfigAgree(t *testing.T) {
	fromFile, err := Settings(root, "local")
	if err != nil {
		t.Fatal(err)
	}
	regions := make([]string, 0, len(fromFile.Regions))
	for _, r := range fromFile.Regions {
		regions = append(regions, r.String())
	}
	list, err := json.Marshal(regions)
	if err != nil {
		t.Fatal(err)
	}
	// As the Pulumi engine hands the file to a program: scalars as text, the rest as JSON.
	config := map[string]string{
		"polygate:hostname": "api.polygate.test", "polygate:zone": "polygate.test", "polygate:pattern": "active-passive",
		"polygate:manager":      "route53",
		"polygate:regions":      string(list),
		"polygate:ttl":          "30",
		"polygate:check":        `{"interval":10,"path":"/health","threshold":2}`,
		"polygate:architecture": "host", "polygate:memory": "512", "polygate:timeout": "25", "polygate:logRetentionDays": "30",
		"polygate:certificate":        `{"passwordFile":".polygate/local/certificate/password","pfx":".polygate/local/certificate/gateway.pfx"}`,
		"polygate:protect":            "false",
		"polygate:localClouds":        `{"dns":"127.0.0.1:15353","edge":"127.0.0.1:18443","network":"127.77.0.0","origin":"127.0.0.1:18080","speed":10}`,
		"gcp:project":                 "polygate-local",
		"azure-native:subscriptionId": "11111111-2222-4333-8444-555555555555",
	}
	get := func(key string) (string, bool) { v, ok := config[key]; return v, ok }
	fromConfig, err := settings.FromConfig("local", get, catalog.Rules()...)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fromFile, fromConfig); diff != "" {
		t.Errorf("settings (-file +config):\n%s", diff)
	}
}
