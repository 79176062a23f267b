package localcloud

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"polygate.example/tools/internal/localcloud/aws"
)

// Switches are states of routing controls by their names, which are those of the regions.
type Switches map[string]bool

// serveSwitches adds the data plane of routing controls: the calls that a cluster's endpoints answer.
func (c *Clouds) serveSwitches(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/routing-controls", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, Switches(aws.RoutingControls(c.store.View())))
	})
	mux.HandleFunc("PUT /v1/routing-controls", func(w http.ResponseWriter, r *http.Request) {
		var s Switches
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&s); err != nil {
			refuse(w, fmt.Errorf("decode the states of routing controls: %w", err))
			return
		}
		if err := aws.SetRoutingControls(r.Context(), c.store, s, c.services.Clock.Now()); err != nil {
			refuse(w, err)
			return
		}
		reply(w, Switches(aws.RoutingControls(c.store.View())))
	})
}

// Switch sets states of routing controls, all or none of them, and returns those of all there are. A change that a safety rule
// forbids is refused.
func (c *Client) Switch(ctx context.Context, s Switches) (Switches, error) {
	var all Switches
	return all, c.call(ctx, http.MethodPut, "/v1/routing-controls", s, &all)
}
