package cli

import (
	"crypto/tls"
	"errors"
	"fmt"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/status"
)

// errNoCertificate is that clients of the shared name have to show a TLS certificate, and this machine has none to show.
var errNoCertificate = errors.New("clients of the shared name have to show a TLS certificate: name a PEM file with one and its private key in " + status.EnvCertificate)

// shown is the certificate that this machine shows by the shared name, nil if it is to show none.
func (a *app) shown() ([]tls.Certificate, error) {
	path := a.getenv(status.EnvCertificate)
	if path == "" {
		return nil, nil
	}
	c, err := tls.LoadX509KeyPair(path, path)
	if err != nil {
		return nil, fmt.Errorf("%s: want a PEM file with a certificate and its private key: %w", status.EnvCertificate, err)
	}
	return []tls.Certificate{c}, nil
}

// asClient is the certificate that this machine shows as a client of a stack. Without one where there has to be one it is errNoCertificate: whoever
// asked would learn of that refusal alone.
func (a *app) asClient(t topology.Topology) ([]tls.Certificate, error) {
	c, err := a.shown()
	if err == nil && c == nil && t.AsksClients() {
		err = errNoCertificate
	}
	return c, err
}
