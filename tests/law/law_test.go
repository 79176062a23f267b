// Package law keeps the conventions of ARCHITECTURE.md: who may import whom, and what every package owes its reader.
package law

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "polygate.example"

// pkg is what `go list` tells of one package.
type pkg struct {
	ImportPath   string
	Dir          string
	Name         string
	Imports      []string
	TestImports  []string
	XTestImports []string
	GoFiles      []string
}

// packages lists every package of the module.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,Name,Imports,TestImports,XTestImports,GoFiles", module+"/...")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// rule is the import law of one folder.
type rule struct {
	folder string
	allow  []string // path prefixes beyond the standard library and the folder itself; nil is anything that is not denied
	deny   []string // prefixes refused even though allowed by a shorter one
	tests  []string // prefixes that test files may import beyond allow
}

// laws are the rows of ARCHITECTURE.md. A path is checked against the first folder it lies in. They hold for test files
// too: a test that reaches across a wall ties both sides together as much as the code would.
var laws = []rule{
	{"shared/config", []string{module + "/shared", "github.com/goccy/go-yaml"}, nil, comparing},
	{"shared/ratelimit/redis", []string{module + "/shared", "github.com/redis/go-redis/v9"}, noYAML, miniredis},
	{"shared/goldentest", comparing, nil, nil}, // linked by tests alone
	{"shared/expression", []string{module + "/shared", "github.com/expr-lang/expr"}, noYAML, comparing},
	{"shared", []string{module + "/shared", "github.com/dunglas/httpsfv", "github.com/golang-jwt/jwt", "github.com/santhosh-tekuri/jsonschema/v6", "github.com/vektah/gqlparser/v2", "golang.org/x/crypto/bcrypt"}, noYAML, append(comparing, miniredis...)},
	{"functions/aws", []string{module + "/shared", "github.com/aws/aws-lambda-go", "github.com/awslabs/aws-lambda-go-api-proxy"}, noYAML, comparing},
	{"functions/gcp", []string{module + "/shared", "github.com/GoogleCloudPlatform/functions-framework-go"}, noYAML, comparing},
	{"functions", []string{module + "/shared"}, noYAML, comparing},
	{"infra/settings", []string{"github.com/goccy/go-yaml"}, nil, comparing},
	{"infra/cost", []string{module + "/infra/settings", module + "/shared", "github.com/goccy/go-yaml"}, nil, comparing},
	{"infra", []string{module + "/shared", module + "/infra", "github.com/pulumi/", "github.com/google/uuid"}, nil, comparing},
	{"stacks", []string{module + "/infra", module + "/shared", "github.com/pulumi/pulumi/sdk/v3"}, nil, nil},
	{"tools/internal/localcloud", nil, []string{module + "/functions", module + "/infra", module + "/stacks", module + "/tests", providerSDKs}, nil},
	{"tools", nil, []string{module + "/functions", module + "/stacks", module + "/tests", providerSDKs}, nil},
	{"tests/languagehost", []string{"github.com/pulumi/pulumi/sdk/v3", "google.golang.org/grpc", "google.golang.org/protobuf"}, nil, nil},
	{"tests/ratelimit", []string{module + "/shared"}, nil, nil}, // gateways in one process
	{"tests/policies", []string{module + "/shared"}, nil, nil},
	{"tests", []string{module + "/tools/client", "github.com/goccy/go-yaml", "github.com/miekg/dns"}, nil, nil},
}

var (
	comparing = []string{"github.com/google/go-cmp"}
	miniredis = []string{"github.com/alicebob/miniredis/v2"}
	// Pulumi's SDKs of providers: pulumi-aws, pulumi-azure-native, pulumi-gcp and all others.
	providerSDKs = "github.com/pulumi/pulumi-"
	noYAML       = []string{module + "/shared/config"} // a gateway document is read at build time
)

// breaks says which law an import breaks, or ""; inTest says that it stands in a test file.
func (r rule) breaks(imported string, inTest bool) string {
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") {
		return "" // standard library
	}
	for _, d := range r.deny {
		if under(imported, d) {
			return fmt.Sprintf("%s may not import %s", r.folder, d)
		}
	}
	if r.allow == nil || under(imported, module+"/"+r.folder) {
		return ""
	}
	allowed := r.allow
	if inTest {
		allowed = slices.Concat(r.allow, r.tests)
	}
	for _, a := range allowed {
		if under(imported, a) {
			return ""
		}
	}
	return fmt.Sprintf("%s may import only the standard library and %s", r.folder, strings.Join(allowed, ", "))
}

// under reports whether path is prefix or below it; a prefix ending in "-" or "/" is taken literally.
func under(path, prefix string) bool {
	if strings.HasSuffix(prefix, "-") || strings.HasSuffix(prefix, "/") {
		return strings.HasPrefix(path, prefix)
	}
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

func lawOf(importPath string) (rule, bool) {
	for _, r := range laws {
		if under(importPath, module+"/"+r.folder) {
			return r, true
		}
	}
	return rule{}, false
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		r, ok := lawOf(p.ImportPath)
		if !ok {
			t.Errorf("%s lies in no folder that has a law: add one", p.ImportPath)
			continue
		}
		for _, why := range r.broken(p) {
			t.Error(why)
		}
	}
}

// broken lists what a package imports against its law, in its tests as well.
func (r rule) broken(p pkg) []string {
	var out []string
	check := func(imports []string, where string, inTest bool) {
		for _, imp := range imports {
			if why := r.breaks(imp, inTest); why != "" {
				out = append(out, fmt.Sprintf("%s imports %s%s: %s", p.ImportPath, imp, where, why))
			}
		}
	}
	check(p.Imports, "", false)
	check(p.TestImports, " in a test", true)
	check(p.XTestImports, " in an external test", true)
	return out
}

// TestEveryFileCounts: a law is held against a package's code and against both kinds of its tests.
func TestEveryFileCounts(t *testing.T) {
	bad := []string{"net/http", module + "/infra"}
	for name, p := range map[string]pkg{"code": {Imports: bad}, "tests": {TestImports: bad}, "external tests": {XTestImports: bad}} {
		p.ImportPath = module + "/functions/aws"
		r, _ := lawOf(p.ImportPath)
		if got := r.broken(p); len(got) != 1 || !strings.Contains(got[0], module+"/infra") {
			t.Errorf("%s that import infra: %q, want that to be refused", name, got)
		}
	}
}

// TestRules proves that the laws can be broken: each row is an import that must be refused, or one that must pass.
func TestRules(t *testing.T) {
	const code, test = false, true
	for _, c := range []struct {
		from, imported  string
		inTest, refused bool
	}{
		{"shared/handler", "github.com/aws/aws-sdk-go-v2", code, true},
		{"shared/handler", "github.com/aws/aws-sdk-go-v2", test, true},
		{"shared/handler", module + "/shared/config", code, true},
		{"shared/handler", module + "/shared/config", test, true},
		{"shared/handler", "github.com/goccy/go-yaml", code, true},
		{"shared/handler", "github.com/google/go-cmp/cmp", code, true},
		{"shared/handler", "github.com/google/go-cmp/cmp", test, false},
		{"shared/config", "github.com/goccy/go-yaml/ast", code, false},
		{"shared/config", module + "/shared/goldentest", test, false},
		{"shared/goldentest", "github.com/google/go-cmp/cmp", code, false},
		{"shared/goldentest", module + "/shared/config", code, true},
		{"functions/aws", "github.com/pulumi/pulumi/sdk/v3", code, true},
		{"functions/aws", module + "/infra/settings", test, true},
		{"functions/aws", module + "/tools/client", test, true},
		{"functions/azure", "github.com/aws/aws-lambda-go/lambda", code, true},
		{"functions/gcp", module + "/shared/handler", code, false},
		{"functions/gcp", "github.com/GoogleCloudPlatform/functions-framework-go/funcframework", test, false},
		{"functions/gcp", module + "/shared/goldentest", test, false},
		{"infra/provider/aws", module + "/tools/internal/pack", code, true},
		{"infra/provider/aws", module + "/tools/internal/localcloud/aws", test, true},
		{"infra/settings", "github.com/pulumi/pulumi/sdk/v3", code, true},
		{"infra/settings", "github.com/pulumi/pulumi/sdk/v3", test, true},
		{"infra/cost", "github.com/pulumi/pulumi/sdk/v3", code, true},
		{"infra/cost", module + "/infra/settings", code, false},
		{"stacks/gateway", module + "/infra", code, false},
		{"stacks/gateway", "github.com/pulumi/pulumi-aws/sdk/v7/go/aws", code, true},
		{"stacks/gateway", module + "/tools/internal/deploy", code, true},
		{"tools/internal/localcloud/dns", "github.com/pulumi/pulumi-aws/sdk/v7", code, true},
		{"tools/internal/localcloud/dns", module + "/infra/settings", test, true},
		{"tools/internal/localcloud/provider", "github.com/pulumi/pulumi/sdk/v3/proto/go", code, false},
		{"tools/internal/cli", module + "/functions/aws", code, true},
		{"tools/internal/cli", "github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp", code, true},
		{"tools/internal/deploy", "github.com/pulumi/pulumi-azure-native-sdk/web/v3", test, true},
		{"tools/internal/deploy", "github.com/pulumi/pulumi/sdk/v3/go/auto", code, false},
		{"tools/client", "github.com/pulumi/pulumi-aws/sdk/v7/go/aws", code, true},
		{"tools/internal/cli", module + "/tests/harness", test, true},
		{"tests/failover", module + "/tests/harness", code, false},
		{"tests/failover", module + "/tools/client", code, false},
		{"tests/failover", "github.com/miekg/dns", code, false},
		{"tests/harness", "github.com/goccy/go-yaml", code, false},
		{"tests/harness", module + "/tools/internal/localcloud", code, true},
		{"tests/harness", module + "/tools/internal/status", code, true},
		{"tests/conformance", module + "/tools/internal/localcloud/origin", test, true},
		{"tests/conformance", module + "/shared/health", test, true},
		{"tests/lifecycle", module + "/infra/settings", test, true},
		{"tests/lifecycle", "github.com/pulumi/pulumi/sdk/v3/go/auto", test, true},
		{"tests/lifecycle", module + "/functions/aws", test, true},
		{"tests/languagehost", "github.com/pulumi/pulumi/sdk/v3/proto/go", code, false},
		{"tests/languagehost", module + "/infra", code, true},
		{"shared/handler", "net/http", code, false},
	} {
		r, ok := lawOf(module + "/" + c.from)
		if !ok {
			t.Fatalf("no law for %s", c.from)
		}
		if got := r.breaks(c.imported, c.inTest) != ""; got != c.refused {
			t.Errorf("%s importing %s (in a test: %v): refused is %v, want %v", c.from, c.imported, c.inTest, got, c.refused)
		}
	}
}

func TestFunctionsAreLeaves(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if under(imp, module+"/functions") {
				t.Errorf("%s imports %s: an entry point is known by its path only", p.ImportPath, imp)
			}
		}
	}
}

// forTests says that a package is for tests, by the only thing that all such packages need.
func (p pkg) forTests() bool { return slices.Contains(p.Imports, "testing") }

// misplaced lists what has packages for tests in a program, and those that are not named as such.
func misplaced(all []pkg) []string {
	tests := map[string]bool{}
	var out []string
	for _, p := range all {
		tests[p.ImportPath] = p.forTests()
		if p.forTests() && !strings.HasSuffix(p.ImportPath, "test") {
			out = append(out, p.ImportPath+" imports testing: a package for tests has a name that ends in test")
		}
	}
	for _, p := range all {
		for _, imp := range p.Imports {
			if tests[imp] && !p.forTests() {
				out = append(out, fmt.Sprintf("%s imports %s: that is for tests", p.ImportPath, imp))
			}
		}
	}
	return out
}

// TestPackagesForTests: what packages share for their tests is in no program, and so in no function. It registers flags.
func TestPackagesForTests(t *testing.T) {
	for _, why := range misplaced(packages(t)) {
		t.Error(why)
	}
	golden := pkg{ImportPath: module + "/shared/goldentest", Imports: []string{"flag", "testing"}}
	for name, c := range map[string]struct {
		p     pkg
		wrong bool
	}{
		"a function":              {pkg{ImportPath: module + "/functions/aws", Imports: []string{golden.ImportPath}}, true},
		"its tests":               {pkg{ImportPath: module + "/functions/aws", TestImports: []string{golden.ImportPath}, XTestImports: []string{golden.ImportPath}}, false},
		"another for tests":       {pkg{ImportPath: module + "/tools/client/clienttest", Imports: []string{golden.ImportPath, "testing"}}, false},
		"one with a name of code": {pkg{ImportPath: module + "/shared/handler", Imports: []string{"testing"}}, true},
		"a name alone":            {pkg{ImportPath: module + "/tools/internal/localcloud/webtest", Imports: []string{"net/http"}}, false},
	} {
		if got := misplaced([]pkg{c.p, golden}); (len(got) == 1) != c.wrong {
			t.Errorf("%s: %q, want that to be refused: %v", name, got, c.wrong)
		}
	}
}

func TestMainIsShort(t *testing.T) {
	for _, p := range packages(t) {
		if !under(p.ImportPath, module+"/functions") && !under(p.ImportPath, module+"/stacks") {
			continue
		}
		for _, f := range p.GoFiles {
			if f != "main.go" {
				continue
			}
			b, err := os.ReadFile(filepath.Join(p.Dir, f))
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(b), "\n"); n >= 60 {
				t.Errorf("%s/main.go has %d lines: want fewer than 60", p.ImportPath, n)
			}
		}
	}
}

func TestEveryPackageIsDocumented(t *testing.T) {
	for _, p := range packages(t) {
		documented := len(p.GoFiles) == 0 // a package of tests only
		for _, f := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, f), nil, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Fatal(err)
			}
			documented = documented || file.Doc != nil
		}
		if !documented {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

func TestNoVagueNames(t *testing.T) {
	vague := []string{"util", "utils", "common", "helper", "helpers", "misc", "base"}
	for _, p := range packages(t) {
		if slices.Contains(vague, filepath.Base(p.ImportPath)) || slices.Contains(vague, p.Name) {
			t.Errorf("%s says nothing of what is in it", p.ImportPath)
		}
	}
}

var replaceLine = regexp.MustCompile(`(?m)^replace[ (]`)

// TestNoReplace: the staged Cloud Functions source carries the module's requirements; a replace would not travel along.
func TestNoReplace(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	if replaceLine.Match(b) {
		t.Error("go.mod has a replace line")
	}
}
