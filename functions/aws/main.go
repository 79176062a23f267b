package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"polygate.example/shared/gateway"
	"polygate.example/shared/handler"
	"polygate.example/shared/health"
)

func main() {
	a, err := start(time.Now())
	if err != nil {
		// Lambda shows this in the log and fails the deployment's first invocation with Runtime.ExitError.
		fmt.Fprintln(os.Stderr, "polygate: cannot start:", err)
		os.Exit(1)
	}
	lambda.Start(a)
}

// start builds the gateway from the model that lies beside the executable.
func start(started time.Time) (*adapter, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the executable: %w", err)
	}
	model, err := os.ReadFile(filepath.Join(filepath.Dir(exe), "model.json"))
	if err != nil {
		return nil, fmt.Errorf("read the model: %w; pack the function with `polygate build`", err)
	}
	m, err := gateway.Decode(model)
	if err != nil {
		return nil, fmt.Errorf("model.json: %w", err)
	}
	instance, err := health.FromEnvironment(os.Getenv, m.Digest(), started)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	h, err := handler.New(m, handler.Options{Instance: instance, Logger: log, Buffered: true})
	if err != nil {
		return nil, err
	}
	return &adapter{next: h, log: log}, nil
}
