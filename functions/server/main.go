// Command server is the gateway's entry point without a cloud: a plain HTTP server.
//
//	unzip -p dist/local/aws.zip model.json > model.json
//	go run ./functions/server -model model.json -listen 127.0.0.1:8080
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"polygate.example/shared/handler"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Getenv, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "polygate:", err)
		os.Exit(1)
	}
}

// errUsage is a command line that was refused; the flag package has said why.
var errUsage = errors.New("usage")

// run serves until ctx ends.
func run(ctx context.Context, args []string, getenv func(string) string, log *slog.Logger) error {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	model := flags.String("model", "model.json", "compiled gateway model, as every artefact carries it")
	listen := flags.String("listen", "127.0.0.1:8080", "address to listen on; port 0 picks a free one")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return err
	} else if err != nil {
		return errUsage
	}
	h, err := load(*model, getenv, log)
	if err != nil {
		return fmt.Errorf("cannot start: %w", err)
	}
	return serve(ctx, *listen, h, log)
}

// load makes the gateway of a model. Clients connect to it themselves: no front before it waits for their bodies.
func load(model string, getenv func(string) string, log *slog.Logger) (http.Handler, error) {
	return handler.LoadFile(model, getenv, handler.Options{Logger: log, BodyTimeout: handler.BodyTimeout})
}
