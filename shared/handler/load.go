package handler

import (
	"fmt"
	"net/http"
	"os"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/health"
	"polygate.example/shared/secret"
)

// LoadFile is Load for the model in a file, as every artefact carries one.
func LoadFile(path string, getenv func(string) string, opts Options) (http.Handler, error) {
	encoded, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the model: %w; `polygate build` packs it with the function", err)
	}
	return Load(path, encoded, getenv, opts)
}

// Load begins a process of the gateway: it is New for an encoded model, at the instance that the environment tells of.
// The name is the model's in errors; getenv is os.Getenv outside tests.
func Load(name string, encoded []byte, getenv func(string) string, opts Options) (http.Handler, error) {
	m, err := gateway.Decode(encoded)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if opts.Instance, err = health.FromEnvironment(getenv, m.Digest(), time.Now()); err != nil {
		return nil, err
	}
	if opts.Hosts, err = hostsFrom(getenv); err != nil {
		return nil, err
	}
	if opts.Admission, err = admissionOf(getenv); err != nil {
		return nil, err
	}
	if opts.Secrets, err = secret.FromEnvironment(getenv, opts.Logger); err != nil {
		return nil, err
	}
	opts.Getenv = getenv
	opts.Drill = drillFrom(getenv, opts.Instance.Started, opts.Logger)
	return New(m, opts)
}
