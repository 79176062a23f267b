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
	out, err := shape(t)
	if err != nil {
		return nil, fmt.Errorf("encode topology: %w", err)
	}
	return out, nil
}

// shape gives a value the shape its JSON has.
func shape(v any) (map[string]any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	err = json.Unmarshal(b, &out)
	return out, err
}
