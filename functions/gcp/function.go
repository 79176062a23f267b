// Package gcp is the gateway's entry point on Google Cloud Functions (2nd gen, that is Cloud Run functions).
//
// Google builds it from source: the buildpack moves this package and generates a main that imports it and starts the
// functions framework, which calls the function named Gateway for every request. That is why the package is no main,
// why it registers itself in init, and why the model is embedded: nothing but Go files and what they embed survives.
//
// The model.json that is committed here only makes the package compile and answers 503; packing replaces it.
//
// The framework's own http.ServeMux stands before the function and answers "/a//b" and "/a/../b" with a redirect to the
// cleaned path (307, "http.ServeMux, Request sanitizing"). It is built inside funcframework.Start and cannot be replaced
// from a function, so a gateway on Google never sees an empty path segment; TestFrameworkRedirects keeps the fact.
package gcp

import (
	_ "embed"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"polygate.example/shared/handler"
	"polygate.example/shared/health"
)

//go:embed model.json
var model []byte

// The framework demands registration in init. A model or an environment that does not do ends the process here, with
// the reason as its last words: the revision then never becomes ready, and the deployment fails with this in its log.
func init() {
	fn, err := load(model, os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "polygate: cannot start:", err)
		os.Exit(1)
	}
	functions.HTTP("Gateway", fn)
}

// load builds the function from an encoded model and the environment.
func load(encoded []byte, getenv func(string) string) (func(http.ResponseWriter, *http.Request), error) {
	h, err := handler.Load("model.json", encoded, getenv, handler.Options{Logger: slog.New(slog.NewJSONHandler(os.Stderr, nil))})
	if err != nil {
		return nil, err
	}
	certificates, err := handler.FrontWritesCertificate(getenv)
	if err != nil {
		return nil, err
	}
	return behindGoogle(h, certificates, getenv(health.EnvCountry)), nil
}
