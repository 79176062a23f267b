// Command polygate builds, deploys, watches and breaks a multi-cloud gateway. See `polygate --help`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"polygate.example/tools/internal/cli"
)

func main() {
	// The first signal asks the verb to end in order; a second one ends the process as usual.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Main(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
