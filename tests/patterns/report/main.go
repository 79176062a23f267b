// Command report stands every pattern up under every traffic manager on local clouds, asks from places all over the world who
// answers, loses a region and a provider, and prints what clients saw against the computed bound. It writes dist/patterns.json and
// dist/patterns.svg and fails when a client is led to the wrong region or a bound is missed. Managers are named as arguments; none
// means all.
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
	"polygate.example/tests/harness"
	"polygate.example/tests/patterns"
)

func main() {
	os.Exit(command.Main(run))
}

func run(ctx context.Context, managers []string, out, progress io.Writer) error {
	results, err := command.Begin(ctx, "patterns")
	if err != nil {
		return err
	}
	stacks := slices.DeleteFunc(patterns.Stacks([]string{"aws", "gcp", "azure"}, []string{"aws"}), func(s patterns.Stack) bool {
		return len(managers) > 0 && !slices.Contains(managers, s.Rows[0].Manager)
	})
	if len(stacks) == 0 {
		return fmt.Errorf("no combination of %v: want route53, trafficmanager or cloudflare", managers)
	}
	all, err := measureAll(ctx, stacks, progress)
	if err != nil {
		return err
	}
	missed := print(out, all)
	if err := results.Write(out, all, patterns.Picture(all)); err != nil {
		return err
	}
	if len(missed) > 0 {
		return fmt.Errorf("not as promised:\n  %s", strings.Join(missed, "\n  "))
	}
	return nil
}

// atOnce is how many stacks are measured at a time: most of it is waiting for checks and caches, and more would disturb each other.
const atOnce = 3

// each is about how long a combination takes to be deployed and measured: the bounds of two losses, twice over at ten times the
// speed of the clock, and an `up`.
const each = time.Minute

// measureAll measures all stacks and says on the way how far it has come.
func measureAll(ctx context.Context, stacks []patterns.Stack, progress io.Writer) ([]patterns.Measured, error) {
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		errs  []error
	)
	results := make([][]patterns.Measured, len(stacks))
	begun, done, combinations := time.Now(), 0, 0
	for _, s := range stacks {
		combinations += len(s.Rows)
	}
	fmt.Fprintf(progress, "%d combinations on %d stacks, %d at a time: about %.0f minutes\n",
		combinations, len(stacks), atOnce, (each * time.Duration(combinations) / atOnce).Minutes())
	slots := make(chan struct{}, atOnce)
	for i, s := range stacks {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found, err := measure(ctx, s, func(format string, args ...any) {
				mu.Lock()
				defer mu.Unlock()
				fmt.Fprintf(progress, s.Name+"  "+format+"\n", args...)
			}, func() {
				mu.Lock()
				defer mu.Unlock()
				done++
				fmt.Fprintf(progress, "%d of %d combinations measured after %.1f minutes\n", done, combinations, time.Since(begun).Minutes())
			})
			mu.Lock()
			defer mu.Unlock()
			results[i] = found
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", s.Name, err))
			}
		})
	}
	group.Wait()
	return slices.Concat(results...), errors.Join(errs...)
}

// measure measures the combinations of one stack, and calls measured after each.
func measure(ctx context.Context, s patterns.Stack, log func(string, ...any), measured func()) (out []patterns.Measured, err error) {
	env, err := harness.New(ctx, harness.Options{Dials: s.Rows[0].Dials(), Document: harness.EchoDocument, Log: log})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, env.Close(context.WithoutCancel(ctx))) }()
	for _, c := range s.Rows {
		if err := env.Turn(c.Dials()); err != nil {
			return out, err
		}
		if _, err := env.Must(ctx, "up"); err != nil {
			return out, err
		}
		if _, err := env.Healthy(ctx); err != nil {
			return out, err
		}
		log("measuring %s", c)
		m, err := patterns.Measure(ctx, env, c)
		if err != nil {
			return out, err
		}
		out = append(out, m)
		measured()
	}
	return out, nil
}

// print writes the table and returns what is not as it should be.
func print(out io.Writer, all []patterns.Measured) (missed []string) {
	for _, m := range all {
		fmt.Fprintf(out, "\n%s\n", m)
		for _, l := range m.Lines() {
			fmt.Fprintf(out, "  %s\n", l)
		}
		for _, p := range m.Problems() {
			missed = append(missed, m.String()+": "+p)
		}
	}
	fmt.Fprintln(out)
	return missed
}
