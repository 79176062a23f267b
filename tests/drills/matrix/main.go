// Command matrix drills every fault against every pattern under every traffic manager on local clouds, and prints what clients saw against the
// computed bound. It writes dist/drill-matrix.json and dist/drill-matrix.svg, and fails on a miss. A drill that proves nothing is repeated, which
// is told. Managers, or combinations as the table has them (route53/active-active/geo/aws+gcp), are named as arguments; none means all.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"polygate.example/tests/command"
	"polygate.example/tests/drills"
	"polygate.example/tests/harness"
	"polygate.example/tests/patterns"
)

func main() {
	os.Exit(command.Main(run))
}

// atOnce is how many stacks are drilled at a time: most of it is waiting.
const atOnce = 3

// each is about how long a drill takes.
const each = 25 * time.Second

func run(ctx context.Context, chosen []string, out, progress io.Writer) error {
	results, err := command.Begin(ctx, "drill-matrix")
	if err != nil {
		return err
	}
	stacks, err := choose(every(), chosen)
	if err != nil {
		return err
	}
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		errs  []error
		all   []drills.Cell
	)
	total, begun := 0, time.Now()
	for _, s := range stacks {
		total += len(s.Rows) * len(drills.Faults())
	}
	fmt.Fprintf(progress, "%d drills on %d stacks, %d at a time: about %.0f minutes\n", total, len(stacks), atOnce, (each * time.Duration(total) / atOnce).Minutes())
	slots := make(chan struct{}, atOnce)
	for _, s := range stacks {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			err := measure(ctx, s, func(c drills.Cell) {
				mu.Lock()
				defer mu.Unlock()
				all = append(all, c)
				fmt.Fprintf(progress, "%d of %d after %.1f minutes: %s, %s: %s %s\n", len(all), total, time.Since(begun).Minutes(), c.Combination, c.Fault, c, c.Problem)
			})
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("%s: %w", s.Name, err))
			}
		})
	}
	group.Wait()
	drills.Sort(all)
	fmt.Fprint(out, drills.Table(all))
	if err := results.Write(out, all, drills.Picture(all)); err != nil {
		return err
	}
	for _, c := range all {
		for _, why := range c.Before {
			fmt.Fprintf(out, "repeated: %s, %s: %s\n", c.Combination, c.Fault, why)
		}
		if c.Problem != "" {
			errs = append(errs, fmt.Errorf("%s, %s: %s", c.Combination, c.Fault, c.Problem))
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("not as computed:\n%w", errors.Join(errs...))
	}
	fmt.Fprintln(out, strings.TrimSpace(fmt.Sprintf("%d drills, every one as computed", len(all))))
	return nil
}

// every lists every pattern with every steering under every manager over two providers, and each manager with six regions.
func every() []patterns.Stack {
	out := patterns.Stacks([]string{"aws", "gcp"}, []string{"aws", "azure"})
	for _, s := range patterns.Once() {
		s.Rows = s.Rows[len(s.Rows)-1:]
		out = append(out, s)
	}
	return out
}

// choose keeps the combinations that are named, or whose manager is; all when nothing is named.
func choose(stacks []patterns.Stack, names []string) ([]patterns.Stack, error) {
	found := map[string]bool{}
	wanted := func(c patterns.Combination) bool {
		is := len(names) == 0
		for _, name := range names {
			if name == c.Manager || name == c.String() {
				found[name], is = true, true
			}
		}
		return is
	}
	var out []patterns.Stack
	for _, s := range stacks {
		s.Rows = slices.DeleteFunc(slices.Clone(s.Rows), func(c patterns.Combination) bool { return !wanted(c) })
		if len(s.Rows) > 0 {
			out = append(out, s)
		}
	}
	for _, name := range names {
		if !found[name] {
			return nil, fmt.Errorf("%q is neither a manager nor a combination: want route53, trafficmanager, cloudflare, or one such as %s", name, stacks[0].Rows[0])
		}
	}
	return out, nil
}

// measure drills the combinations of one stack.
func measure(ctx context.Context, s patterns.Stack, told func(drills.Cell)) (err error) {
	env, err := harness.New(ctx, harness.Options{Dials: s.Rows[0].Dials(), Document: harness.EchoDocument})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close(context.WithoutCancel(ctx))) }()
	for _, c := range s.Rows {
		if err := env.Turn(c.Dials()); err != nil {
			return err
		}
		if _, err := env.Must(ctx, "up"); err != nil {
			return err
		}
		for _, f := range drills.Faults() {
			cell, err := conclusive(ctx, env, c, f)
			if err != nil {
				return err
			}
			told(cell)
		}
	}
	return nil
}

// tries is how often a drill is run at most.
const tries = 3

// conclusive drills until a drill proves something. One that was refused before anything was broken, or whose prober could not keep up, proves
// nothing about the gateway: the machine was busy with something else. That it was repeated, and why, is part of the result.
func conclusive(ctx context.Context, env *harness.Environment, c patterns.Combination, f drills.Fault) (drills.Cell, error) {
	var before []string
	for {
		if _, err := env.Healthy(ctx); err != nil {
			return drills.Cell{}, fmt.Errorf("%s, before %s: %w", c, f.Name, err)
		}
		cell, err := drills.Measure(ctx, env, c, f)
		if err != nil {
			return cell, fmt.Errorf("%s, %s: %w", c, f.Name, err)
		}
		cell.Before = before
		if cell.Verdict != "inconclusive" && cell.Verdict != "blocked" || len(before) == tries-1 {
			return cell, nil
		}
		before = append(before, cell.Problem)
	}
}
