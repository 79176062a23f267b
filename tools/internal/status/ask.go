package status

import (
	"context"
	"time"

	"polygate.example/shared/health"
)

// Ask sends one request through the shared name, over the way the report names, and returns what answered.
func Ask(ctx context.Context, r Report) (health.Report, error) {
	opts := Options{Edge: r.Edge, Timeout: 10 * time.Second}
	client, err := newClient(opts)
	if err != nil {
		return health.Report{}, err
	}
	defer client.CloseIdleConnections()
	h, _, err := fetchHealth(ctx, client, "https://"+r.Hostname+"/health", "", opts.Timeout)
	return h, err
}
