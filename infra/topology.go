package infra

import (
	"encoding/json"
	"fmt"
	"slices"

	"polygate.example/shared/topology"
)

// fill completes a topology with the manager's details and then each region's target and health check, in turn, and gives
// it the shape its JSON has.
func fill(t topology.Topology, known []any) (map[string]any, error) {
	if len(known) != 1+2*len(t.Regions) {
		return nil, fmt.Errorf("the topology has %d regions and %d values for them: want one, and two each", len(t.Regions), len(known))
	}
	details, ok := known[0].(map[string]string)
	if !ok {
		return nil, fmt.Errorf("the details of %s are %T: want texts by name", t.Manager, known[0])
	}
	t.Details = details
	known = known[1:]
	t.Regions = slices.Clone(t.Regions)
	for i := range t.Regions {
		var ok, alsoOK bool
		t.Regions[i].Target, ok = known[2*i].(string)
		t.Regions[i].HealthCheck, alsoOK = known[2*i+1].(string)
		if !ok || !alsoOK {
			return nil, fmt.Errorf("target and health check of %s are %T and %T: want text", t.Regions[i].Name, known[2*i], known[2*i+1])
		}
	}
	b, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("encode topology: %w", err)
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("encode topology: %w", err)
	}
	return out, nil
}
