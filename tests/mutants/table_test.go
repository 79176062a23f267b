package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"polygate.example/tests/harness"
)

// TestTable keeps the tables from rotting: the text of every mutant is there, once, and so is the fact that must see it.
func TestTable(t *testing.T) {
	root, err := harness.Checkout(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tables, err := load(os.DirFS("testdata"))
	if err != nil {
		t.Fatal(err)
	}
	if len(tables) == 0 {
		t.Fatal("there are no tables")
	}
	known := map[string]sources{}
	for _, a := range tables {
		t.Run(a.Name, func(t *testing.T) {
			seen := map[string]bool{}
			for _, m := range a.Mutants {
				if key := m.File + "\n" + m.Find + "\n" + m.Put + "\n" + m.Fact; seen[key] {
					t.Errorf("%s: the same mutant stands twice", m.Rule)
				} else {
					seen[key] = true
				}
				b, err := os.ReadFile(filepath.Join(root, m.File))
				if err != nil {
					t.Errorf("%s: %v", m.Rule, err)
					continue
				}
				if _, err := m.apply(string(b)); err != nil {
					t.Errorf("%s: %v", m.Rule, err)
				}
				if _, ok := known[m.Package]; !ok {
					known[m.Package] = testSources(t, filepath.Join(root, m.Package))
				}
				if err := known[m.Package].has(m.Fact); err != nil {
					t.Errorf("%s: %s: %v", m.Rule, m.Package, err)
				}
			}
		})
	}
}

// sources is what the test files of a package name: their tests, and every text in them.
type sources struct {
	tests, texts map[string]bool
}

func testSources(t *testing.T, dir string) sources {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	s := sources{map[string]bool{}, map[string]bool{}}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil {
					s.tests[n.Name.Name] = true
				}
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					s.texts[text] = true
				}
			}
			return true
		})
	}
	return s
}

// has finds the test of a fact and the texts that name its rows.
func (s sources) has(fact string) error {
	test, rows, _ := strings.Cut(fact, "/")
	if !s.tests[test] {
		return fmt.Errorf("there is no %s", test)
	}
	if rows != "" && !s.named(rows) {
		return fmt.Errorf("%s has no row %q", test, rows)
	}
	return nil
}

// named reports whether the rows are texts of the source, one below the other; a text may have slashes of its own.
func (s sources) named(rows string) bool {
	if s.texts[rows] {
		return true
	}
	for i, c := range rows {
		if c == '/' && s.texts[rows[:i]] && s.named(rows[i+1:]) {
			return true
		}
	}
	return false
}

func TestRowsAreNamed(t *testing.T) {
	s := sources{map[string]bool{"TestFacts": true}, map[string]bool{"dns": true, "no TTL": true, "GET /a": true}}
	for fact, want := range map[string]bool{
		"TestFacts": true, "TestFacts/dns": true, "TestFacts/dns/no TTL": true, "TestFacts/dns/GET /a": true,
		"TestOthers": false, "TestFacts/dns/no ttl": false, "TestFacts/dns/": false, "TestFacts/no": false,
	} {
		if got := s.has(fact) == nil; got != want {
			t.Errorf("%s: found is %v, want %v", fact, got, want)
		}
	}
}

func TestTablesThatCannotBe(t *testing.T) {
	const fine = "under: a\nmutants:\n  - {rule: r, file: f.go, find: x, put: y, fact: TestA}\n"
	if a, err := parse("area", []byte(fine)); err != nil || a.Mutants[0].File != "a/f.go" || a.Mutants[0].Package != "a" || a.Mutants[0].Area != "area" {
		t.Fatalf("got %+v, %v", a, err)
	}
	for name, c := range map[string]struct{ old, new, words string }{
		"an unknown key":       {"put:", "with:", "unknown field"},
		"a rule without words": {"rule: r", "rule: ''", "rule is missing"},
		"nothing to find":      {"find: x", "find: ''", "find is missing"},
		"nothing that changes": {"put: y", "put: x", "find and put are the same"},
		"a fact that is none":  {"fact: TestA", "fact: BenchmarkA", "want the name of a test"},
		"no folder":            {"under: a", "under: ''", "want `under`"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parse("area", []byte(strings.Replace(fine, c.old, c.new, 1))); err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("got %v, want an error with %q", err, c.words)
			}
		})
	}
}
