// Command mutants breaks the rules of the local clouds one at a time and looks whether the fact that holds each of them fails.
// A mutant is data: a text in a source file, what takes its place, and the fact that must see it; testdata has one table per
// area. The tree stays as it is: what is built is the mutant by way of `go test -overlay`. It prints what became of each mutant and
// how many facts of each subject were seen to fail, writes dist/mutants.json, and fails when a mutant survives or cannot be judged,
// and when a fact has none.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"polygate.example/tests/command"
	"polygate.example/tests/harness"
)

func main() { os.Exit(command.Main(run)) }

func run(ctx context.Context, args []string, out, progress io.Writer) (err error) {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	area := flags.String("area", "", "only the tables whose name begins with this, as in testdata: route53")
	only := flags.String("mutant", "", "only the mutants whose rule or fact contains this text")
	facts := flags.Bool("facts", false, "count the facts, and name those that no mutant is for, which are an error; break no rule")
	jobs := flags.Int("jobs", 2, "how many mutants are built and tested at a time")
	nice := flags.Int("nice", 15, "by how much the tests stand back behind other work, 0 to 19")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *jobs < 1 || *nice < 0 || *nice > 19 {
		return errors.New("-jobs is 1 or more and -nice 0 to 19")
	}
	root, err := harness.Checkout(ctx)
	if err != nil {
		return err
	}
	tables, err := load(os.DirFS(filepath.Join(root, "tests", "mutants", "testdata")))
	if err != nil {
		return err
	}
	if *facts && (*area != "" || *only != "") {
		return errors.New("-facts counts all: it takes neither -area nor -mutant")
	}
	chosen := choose(tables, *area, *only)
	if len(chosen) == 0 {
		return fmt.Errorf("no mutant is chosen by -area %q -mutant %q; the areas are %s", *area, *only, strings.Join(names(tables), ", "))
	}
	temp, err := os.MkdirTemp("", "polygate-mutants-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	began := time.Now()
	r := &runner{root: root, temp: temp, jobs: *jobs, nice: *nice, progress: progress}
	if *facts {
		whole, err := r.whole(ctx, chosen)
		if err != nil {
			return err
		}
		return errors.Join(printFacts(out, tallies(whole, chosen, nil), false), ctx.Err())
	}
	verdicts, whole := r.all(ctx, chosen)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped before the end, nothing is written: %w", err)
	}
	var bare error
	if *area == "" && *only == "" { // else the facts of a package would lack the mutants that were not chosen
		bare = printFacts(out, tallies(whole, chosen, verdicts), true)
	}
	table(out, verdicts)
	fmt.Fprintf(out, "%d mutants in %s\n", len(verdicts), time.Since(began).Round(time.Second))
	if err := write(filepath.Join(root, "dist", "mutants.json"), verdicts); err != nil {
		return err
	}
	fmt.Fprintln(out, "wrote", filepath.Join("dist", "mutants.json"))
	if bad := len(verdicts) - count(verdicts, killed); bad > 0 {
		return errors.Join(bare, fmt.Errorf("%d of %d mutants were not killed: mend the fact of a survivor, and the row of a broken one", bad, len(verdicts)))
	}
	return bare
}

// choose keeps the mutants that the flags ask for.
func choose(tables []area, prefix, text string) []mutant {
	var out []mutant
	for _, a := range tables {
		if strings.HasPrefix(a.Name, prefix) {
			out = append(out, a.Mutants...)
		}
	}
	return slices.DeleteFunc(out, func(m mutant) bool { return !strings.Contains(m.Rule, text) && !strings.Contains(m.Fact, text) })
}

func names(tables []area) []string {
	var out []string
	for _, a := range tables {
		out = append(out, a.Name)
	}
	return out
}

// table prints what was not killed, and the counts of each area.
func table(out io.Writer, all []verdict) {
	for _, v := range all {
		if v.Result != killed {
			fmt.Fprintf(out, "\n%s  %s: %s\n  %s: %q -> %q\n  %s\n  %s\n", strings.ToUpper(v.Result), v.Area, v.Rule, v.File, v.Find, v.Put, v.Fact, v.Why)
		}
	}
	fmt.Fprintf(out, "\n%-20s %8s %8s %8s %8s\n", "AREA", "MUTANTS", "KILLED", "SURVIVED", "BROKEN")
	row := func(name string, of []verdict) {
		fmt.Fprintf(out, "%-20s %8d %8d %8d %8d\n", name, len(of), count(of, killed), count(of, survived), count(of, broken))
	}
	for start := 0; start < len(all); {
		end := start
		for end < len(all) && all[end].Area == all[start].Area {
			end++
		}
		row(all[start].Area, all[start:end])
		start = end
	}
	row("all", all)
}

func count(all []verdict, result string) (n int) {
	for _, v := range all {
		if v.Result == result {
			n++
		}
	}
	return n
}

func write(file string, all []verdict) error {
	b, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644)
}
