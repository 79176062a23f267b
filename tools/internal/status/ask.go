package status

import (
	"context"
	"crypto/tls"
	"time"

	"polygate.example/shared/health"
)

// EnvCertificate is the variable that names what this machine shows by the shared name where clients have to show a TLS certificate: a PEM file with
// one and its private key.
const EnvCertificate = "POLYGATE_CLIENT_CERTIFICATE"

// Ask sends one request through the shared name, over the way the report names, shows what is asked for, and returns what answered.
func Ask(ctx context.Context, r Report, certificates ...tls.Certificate) (health.Report, error) {
	opts := Options{Edge: r.Edge, Timeout: 10 * time.Second, Certificates: certificates}
	client, err := newClient(opts)
	if err != nil {
		return health.Report{}, err
	}
	defer client.CloseIdleConnections()
	h, _, err := fetchHealth(ctx, client, "https://"+r.Hostname+"/health", "", opts.Timeout)
	return h, err
}

// AskRegion asks a region for its health under its own name, over the way the report names, and returns the region that answered, which is
// another one where the name leads astray. front is what the traffic manager's front shows to the regions, "" where it has none.
func AskRegion(ctx context.Context, r Report, healthURL, front string) (string, error) {
	opts := Options{Edge: r.Edge, Timeout: 10 * time.Second}
	client, err := newClient(opts)
	if err != nil {
		return "", err
	}
	defer client.CloseIdleConnections()
	h, _, err := fetchHealth(ctx, client, healthURL, front, opts.Timeout)
	return h.Region, err
}
