package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVerdicts judges mutants of a module of its own: one of each kind that there is.
func TestVerdicts(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":        "module rules.example\n\ngo 1.26\n",
		"a/a.go":        "package a\n\nfunc Weight(w int) bool { return w >= 0 && w <= 255 }\n",
		"a/a_test.go":   aTest,
		"bad/b.go":      "package bad\n",
		"bad/b_test.go": "package bad\n\nfunc TestB() { nothing() }\n",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	low := mutant{File: "a/a.go", Find: "w >= 0", Put: "true", Package: "a", Fact: "TestWeight/too low (a/b)"}
	change := func(set func(*mutant)) mutant {
		m := low
		set(&m)
		return m
	}
	var progress bytes.Buffer
	cases := []struct {
		mutant
		result, why string
	}{
		{low, killed, "weight -1 is accepted"},
		{change(func(m *mutant) { m.Fact = "TestWeight" }), killed, "weight -1 is accepted"},
		{change(func(m *mutant) { m.Fact = "TestWeight/too high" }), survived, "the fact passes"},
		{change(func(m *mutant) { m.Put = "nonsense" }), broken, "undefined: nonsense"},
		{change(func(m *mutant) { m.Put = "len([]int{}[w:]) == 0" }), broken, "panic: runtime error: slice bounds"},
		{change(func(m *mutant) { m.Find = "w" }), broken, "want it once"},
		{change(func(m *mutant) { m.Fact = "TestWeight/too" }), broken, "no such test: TestWeight/too"},
		{change(func(m *mutant) { m.Fact = "TestWrong" }), broken, "without a mutant the fact does not pass: fail"},
		{change(func(m *mutant) { m.Fact = "TestLeftOut" }), broken, "does not pass: skip"},
		{change(func(m *mutant) { m.Package, m.Fact = "bad", "TestB" }), broken, "it does not compile"},
	}
	var all []mutant
	for _, c := range cases {
		all = append(all, c.mutant)
	}
	r := &runner{root: root, temp: t.TempDir(), jobs: 1, progress: &progress}
	got, _ := r.all(t.Context(), all)
	for i, c := range cases {
		if got[i].Result != c.result || !strings.Contains(got[i].Why, c.why) {
			t.Errorf("%s, %q -> %q: got %s: %s\nwant %s: ...%s...", c.Fact, c.Find, c.Put, got[i].Result, got[i].Why, c.result, c.why)
		}
	}
	if n := strings.Count(progress.String(), "\n"); n != len(cases) {
		t.Errorf("%d lines of progress, want %d", n, len(cases))
	}
	var out bytes.Buffer
	table(&out, got)
	if want := "all                        10        2        1        7\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("got\n%s\nwant it to end with\n%s", out.String(), want)
	}
}

const aTest = `package a

import "testing"

func TestWeight(t *testing.T) {
	for name, w := range map[string]int{"too low (a/b)": -1, "too high": 256} {
		t.Run(name, func(t *testing.T) {
			if Weight(w) {
				t.Errorf("weight %d is accepted", w)
			}
		})
	}
}

func TestWrong(t *testing.T) { t.Error("wrong") }

func TestLeftOut(t *testing.T) { t.Skip() }
`

func TestPattern(t *testing.T) {
	for fact, want := range map[string]string{
		"TestFacts":                   `^TestFacts$`,
		"TestFacts/dns/no TTL":        `^TestFacts$/^dns$/^no_TTL$`,
		"TestFacts/A (IPv4), [a] | b": `^TestFacts$/^A_\(IPv4\),_\[a\]_\|_b$`,
	} {
		if got := pattern(fact); got != want {
			t.Errorf("%s: got %s, want %s", fact, got, want)
		}
	}
}

func TestChoose(t *testing.T) {
	m := func(rule, fact string) mutant { return mutant{Rule: rule, Fact: fact} }
	tables := []area{{Name: "azuredns", Mutants: []mutant{m("a TTL", "TestA/ttl"), m("a name", "TestA/name")}}, {Name: "dns", Mutants: []mutant{m("a weight", "TestB")}}}
	for flags, want := range map[[2]string]int{{"", ""}: 3, {"dns", ""}: 1, {"azure", ""}: 2, {"", "a TTL"}: 1, {"", "TestA/"}: 2, {"dns", "TestA"}: 0, {"gone", ""}: 0} {
		if got := choose(tables, flags[0], flags[1]); len(got) != want {
			t.Errorf("-area %q -mutant %q: %d mutants, want %d", flags[0], flags[1], len(got), want)
		}
	}
	err := run(t.Context(), []string{"-area", "gone"}, &bytes.Buffer{}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), `no mutant is chosen by -area "gone"`) || !strings.Contains(err.Error(), "route53") {
		t.Errorf("an area that is not there: %v, want that to be said, and which there are", err)
	}
}
