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
	allow  []string // path prefixes beyond the standard library and the folder itself
	deny   []string // prefixes refused even though allowed by a shorter one
}

// laws are the rows of ARCHITECTURE.md. A path is checked against the first folder it lies in.
var laws = []rule{
	{"shared/config", []string{module + "/shared", "github.com/goccy/go-yaml"}, nil},
	{"shared", []string{module + "/shared"}, []string{module + "/shared/config"}},
	{"functions/aws", []string{module + "/shared", "github.com/aws/aws-lambda-go", "github.com/awslabs/aws-lambda-go-api-proxy"}, []string{module + "/shared/config"}},
	{"functions/gcp", []string{module + "/shared", "github.com/GoogleCloudPlatform/functions-framework-go"}, []string{module + "/shared/config"}},
	{"functions", []string{module + "/shared"}, []string{module + "/shared/config"}},
	{"infra/settings", []string{"github.com/goccy/go-yaml"}, nil},
	{"infra", []string{module + "/shared", module + "/infra", "github.com/pulumi/", "github.com/google/uuid"}, nil},
	{"stacks", []string{module + "/infra", module + "/shared", "github.com/pulumi/pulumi/sdk/v3"}, nil},
	{"tools/internal/localcloud", nil, []string{module + "/functions", module + "/infra", module + "/stacks", module + "/tests", "github.com/pulumi/pulumi-"}},
	{"tools", nil, []string{module + "/functions", module + "/stacks", module + "/tests"}},
	{"tests", nil, []string{module + "/functions"}},
}

// breaks says which law an import breaks, or "".
func (r rule) breaks(imported string) string {
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
	for _, a := range r.allow {
		if under(imported, a) {
			return ""
		}
	}
	return fmt.Sprintf("%s may import only the standard library and %s", r.folder, strings.Join(r.allow, ", "))
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
		for _, imp := range p.Imports {
			if why := r.breaks(imp); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imp, why)
			}
		}
	}
}

// TestRules proves that the laws can be broken: each row is an import that must be refused, or one that must pass.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		from, imported string
		refused        bool
	}{
		{"shared/handler", "github.com/aws/aws-sdk-go-v2", true},
		{"shared/handler", module + "/shared/config", true},
		{"shared/handler", "github.com/goccy/go-yaml", true},
		{"shared/config", "github.com/goccy/go-yaml/ast", false},
		{"functions/aws", "github.com/pulumi/pulumi/sdk/v3", true},
		{"functions/azure", "github.com/aws/aws-lambda-go/lambda", true},
		{"functions/gcp", module + "/shared/handler", false},
		{"infra/provider/aws", module + "/tools/internal/pack", true},
		{"infra/settings", "github.com/pulumi/pulumi/sdk/v3", true},
		{"tools/internal/localcloud/dns", "github.com/pulumi/pulumi-aws/sdk/v7", true},
		{"tools/internal/localcloud/provider", "github.com/pulumi/pulumi/sdk/v3/proto/go", false},
		{"tools/internal/cli", module + "/functions/aws", true},
		{"shared/handler", "net/http", false},
	} {
		r, ok := lawOf(module + "/" + c.from)
		if !ok {
			t.Fatalf("no law for %s", c.from)
		}
		if got := r.breaks(c.imported) != ""; got != c.refused {
			t.Errorf("%s importing %s: refused is %v, want %v", c.from, c.imported, got, c.refused)
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
