// Command demo stands up an environment of its own, takes it through the loss of a region, a provider and everything, prints
// what it cost the clients against the computed bound, and removes it again. It writes dist/demo.json and dist/demo.svg
// and fails when a bound is missed.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"polygate.example/tests/command"
	"polygate.example/tests/failover"
	"polygate.example/tests/harness"
)

func main() {
	os.Exit(command.Main(run))
}

func run(ctx context.Context, _ []string, out, progress io.Writer) (err error) {
	results, err := command.Begin(ctx, "demo")
	if err != nil {
		return err
	}
	env, err := harness.New(ctx, harness.Options{
		Document: harness.EchoDocument,
		Log:      harness.LogTo(progress),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close(context.WithoutCancel(ctx))) }()
	if _, err := env.Must(ctx, "up"); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%-32s %-20s %-16s %10s %7s %10s %7s %6s %6s  %s\n", "STEP", "ACTION", "SERVED BY", "DETECTED", "BOUND", "RECOVERED", "BOUND", "SENT", "LOST", "VERDICT")
	report, err := failover.Run(ctx, env, failover.Steps(), func(o failover.Outcome) {
		verdict := "ok"
		if o.Problem != "" {
			verdict = "MISSED: " + o.Problem
		}
		recovered := fmt.Sprintf("%.1f s", o.Recovered)
		if o.Lost > 0 && o.Recovered == 0 {
			recovered = "-" // everything was down
		}
		fmt.Fprintf(out, "%-32s %-20s %-16s %8.1f s %5d s %10s %5d s %6d %6d  %s\n", o.Step, o.Action, o.After, o.Detected, o.Detect, recovered, o.Bound, o.Sent, o.Lost, verdict)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nSeconds are cloud time, at %g a second. Detected: DNS named the region, threshold × (interval + 6 s)\nat the latest. Recovered: the last of %d clients, each with a TTL cache of its own, had a\nright answer again, a TTL later at the latest.\n", report.Speed, report.Clients)
	if err := results.Write(out, report, failover.Picture(report)); err != nil {
		return err
	}
	if missed := report.Failed(); len(missed) > 0 {
		return fmt.Errorf("the bound does not hold:\n  %s", strings.Join(missed, "\n  "))
	}
	return nil
}
