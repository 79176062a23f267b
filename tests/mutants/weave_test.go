package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWeave has one build of functions of every form, each with a mutant, judge all of them: it sees each break its own rule alone.
func TestWeave(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module rules.example\n\ngo 1.26\n", "a/a.go": weaveSource, "a/a_test.go": weaveTest} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var all []mutant
	for fact, change := range map[string][2]string{
		"TestForms/plain":        {"return n * 2", "return n * 3"},
		"TestForms/plain, twice": {"return n * 2", "return 4"},
		"TestForms/method":       {"b.n += n", "b.n -= n"},
		"TestForms/generic":      {"return all[0]", "return all[1]"},
		"TestForms/variadic":     {"sum += n", "sum -= n"},
		"TestForms/named":        {"ok = true", "ok = false"},
		"TestForms/of a type":    {"return b.all[len(b.all)-1]", "return b.all[0]"},
		"TestForms/table":        {"most = 3", "most = 4"}, // no function: built alone
	} {
		all = append(all, mutant{File: "a/a.go", Find: change[0], Put: change[1], Package: "a", Fact: fact})
	}
	r := &runner{root: root, temp: t.TempDir(), jobs: 2, progress: &bytes.Buffer{}}
	together, alone := r.builds(t.Context(), "a", all, []int{0, 1, 2, 3, 4, 5, 6, 7})
	if len(together) != 1 || together[0].err != nil || len(together[0].mutants) != 7 || len(alone) != 1 {
		t.Fatalf("%d builds of many and %d of one, want one of seven, and one: %+v", len(together), len(alone), together)
	}
	got, _ := r.all(t.Context(), all)
	for _, v := range got {
		if v.Result != killed || !strings.Contains(v.Why, "got") {
			t.Errorf("%s: %s: %s", v.Fact, v.Result, v.Why)
		}
	}
}

const weaveSource = `package a

const most = 3

func plain(n int) int { return n * 2 }

type box struct{ n int }

func (b *box) add(n, _ int) { b.n += n }

func first[T any, L ~[]T](all L) T { return all[0] }

func total(more ...int) (sum int) {
	for _, n := range more {
		sum += n
	}
	return sum
}

func named(string, int) (ok bool, err error) {
	ok = true
	return ok, err
}

type stack[T any] struct{ all []T }

func (b stack[T]) top() T { return b.all[len(b.all)-1] }
`

const weaveTest = `package a

import "testing"

func TestForms(t *testing.T) {
	for name, c := range map[string]struct {
		got  func() any
		want any
	}{
		"plain":        {func() any { return plain(2) }, 4},
		"plain, twice": {func() any { return plain(3) }, 6},
		"method":       {func() any { b := &box{}; b.add(1, 2); return b.n }, 1},
		"generic":      {func() any { return first([]string{"a", "b"}) }, "a"},
		"variadic":     {func() any { return total(2, 3) }, 5},
		"named":        {func() any { ok, _ := named("", 0); return ok }, true},
		"of a type":    {func() any { return stack[int]{[]int{1, 2}}.top() }, 2},
		"table":        {func() any { return most }, 3},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.got(); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
`

// TestTallies counts facts by subject, with what was seen of them.
func TestTallies(t *testing.T) {
	pass := map[string]string{}
	for _, test := range []string{"TestFacts", "TestFacts/dns", "TestFacts/dns/no_TTL", "TestFacts/dns/a_name", "TestFacts/edge/x", "TestMoreFacts/a/b", "TestMoreFacts/a/c", "TestOther/x"} {
		pass[test] = "pass"
	}
	m := func(fact string) mutant { return mutant{Package: "clouds/aws", Fact: fact} }
	mutants := []mutant{m("TestFacts/dns/no TTL"), m("TestMoreFacts/a"), m("TestFacts/edge/x"), {Package: "clouds/gcp", Fact: "TestFacts/dns/a name"}}
	verdicts := []verdict{{mutant: mutants[0], Result: killed}, {mutant: mutants[1], Result: survived}, {mutant: mutants[2], Result: killed}}
	var out bytes.Buffer
	err := printFacts(&out, tallies(map[string]outcome{"clouds/aws": {tests: pass}}, mutants, verdicts), true)
	if err == nil || !strings.Contains(err.Error(), "1 of 5 facts have no mutant") {
		t.Errorf("a fact without a mutant: %v, want that to be an error", err)
	}
	for _, line := range []string{
		"aws dns                               2            1            1            1",
		"aws edge                              1            1            0            1",
		"aws morefacts                         2            2            0            0",
		"all                                   5            4            1            2",
		"no mutant  aws dns                      TestFacts/dns/a_name",
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("got\n%s\nwant a line\n%s", out.String(), line)
		}
	}
	if err = run(t.Context(), []string{"-facts", "-area", "dns"}, &out, &out); err == nil || !strings.Contains(err.Error(), "-facts counts all") {
		t.Errorf("-facts of an area: %v", err)
	}
}
