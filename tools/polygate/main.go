// Command polygate builds, deploys, watches and breaks a multi-cloud gateway. See `polygate --help`.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"polygate.example/tools/internal/cli"
	"polygate.example/tools/polygate/quiet"
)

func main() {
	if err := quiet.End(); err != nil {
		fmt.Fprintln(os.Stderr, "error: set TERM:", err)
		os.Exit(cli.ExitFailed)
	}
	// The first signal asks the verb to end in order; a second one ends the process as usual. A terminal that is closed is
	// such a signal, unless nohup has it ignored.
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Main(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
