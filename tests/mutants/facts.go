package main

import (
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// tally is how many facts there are of a subject, how many of them a mutant is for, and how many were seen to fail.
type tally struct {
	facts, aimed, seen int
	bare               []string // the facts that no mutant is for
}

// tallies counts the facts of packages, subject by subject: the rows of their tests of facts, as the tests themselves report them.
func tallies(whole map[string]outcome, mutants []mutant, verdicts []verdict) map[string]*tally {
	out := map[string]*tally{}
	for pkg, o := range whole {
		for _, fact := range o.facts() {
			name := subject(pkg, fact)
			if out[name] == nil {
				out[name] = &tally{}
			}
			t := out[name]
			t.facts++
			sees := func(m mutant) bool {
				by := reported(m.Fact)
				return m.Package == pkg && (by == fact || strings.HasPrefix(fact, by+"/"))
			}
			if slices.ContainsFunc(mutants, sees) {
				t.aimed++
			} else {
				t.bare = append(t.bare, fact)
			}
			if slices.ContainsFunc(verdicts, func(v verdict) bool { return v.Result == killed && sees(v.mutant) }) {
				t.seen++
			}
		}
	}
	return out
}

// facts are the rows of the tests of facts that have no rows of their own.
func (o outcome) facts() []string {
	var out []string
	names := slices.Sorted(maps.Keys(o.tests))
	for i, n := range names {
		test, _, _ := strings.Cut(n, "/")
		if !strings.Contains(test, "Facts") || slices.ContainsFunc(names[i+1:], func(other string) bool { return strings.HasPrefix(other, n+"/") }) {
			continue
		}
		out = append(out, n)
	}
	return out
}

// subject is the package and the table of a fact: `aws dns` for a row of TestFacts/dns, else the test.
func subject(pkg, fact string) string {
	parts := strings.Split(fact, "/")
	if parts[0] == "TestFacts" && len(parts) > 2 {
		return path.Base(pkg) + " " + parts[1]
	}
	return path.Base(pkg) + " " + strings.ToLower(strings.TrimPrefix(parts[0], "Test"))
}

// printFacts prints the counts of every subject, and the facts that no mutant is for, which are an error; judged is whether the
// mutants were.
func printFacts(out io.Writer, all map[string]*tally, judged bool) error {
	fmt.Fprintf(out, "\n%-30s %8s %12s %12s %12s\n", "SUBJECT", "FACTS", "HAVE MUTANT", "HAVE NONE", "SEEN TO FAIL")
	row := func(name string, t tally) {
		seen := "-"
		if judged {
			seen = strconv.Itoa(t.seen)
		}
		fmt.Fprintf(out, "%-30s %8d %12d %12d %12s\n", name, t.facts, t.aimed, t.facts-t.aimed, seen)
	}
	var sum tally
	subjects := slices.Sorted(maps.Keys(all))
	for _, name := range subjects {
		t := all[name]
		row(name, *t)
		sum.facts, sum.aimed, sum.seen = sum.facts+t.facts, sum.aimed+t.aimed, sum.seen+t.seen
	}
	row("all", sum)
	for _, name := range subjects {
		for _, fact := range all[name].bare {
			fmt.Fprintf(out, "no mutant  %-28s %s\n", name, fact)
		}
	}
	if bare := sum.facts - sum.aimed; bare > 0 {
		return fmt.Errorf("%d of %d facts have no mutant: break the rule of each in a table of tests/mutants/testdata", bare, sum.facts)
	}
	return nil
}
