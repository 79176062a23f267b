package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/aws/aws-lambda-go/lambda"

	"polygate.example/shared/handler"
)

func main() {
	a, err := start()
	if err != nil {
		// Lambda shows this in the log and fails the deployment's first invocation with Runtime.ExitError.
		fmt.Fprintln(os.Stderr, "polygate: cannot start:", err)
		os.Exit(1)
	}
	lambda.Start(a)
}

// start builds the gateway from the model that lies beside the executable.
func start() (*adapter, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the executable: %w", err)
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	h, err := handler.LoadFile(filepath.Join(filepath.Dir(exe), "model.json"), os.Getenv, handler.Options{Logger: log, Buffered: true})
	if err != nil {
		return nil, err
	}
	return &adapter{next: h, log: log}, nil
}
