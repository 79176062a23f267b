package infra

import (
	"encoding/json"
	"fmt"
	"slices"

	"polygate.example/shared/topology"
)

// fill completes a topology with the manager's details and then each region's target, health check and function, in turn, and
// gives it the shape its JSON has.
func fill(t topology.Topology, known []any) (map[string]any, error) {
	if len(known) != 1+3*len(t.Regions) {
		return nil, fmt.Errorf("the topology has %d regions and %d values for them: want one, and three each", len(t.Regions), len(known))
	}
	details, ok := known[0].(map[string]string)
	if !ok {
		return nil, fmt.Errorf("the details of %s are %T: want texts by name", t.Manager, known[0])
	}
	t.Details = details
	known = known[1:]
	t.Regions = slices.Clone(t.Regions)
	for i := range t.Regions {
		r := &t.Regions[i]
		for j, to := range []*string{&r.Target, &r.HealthCheck, &r.Function} {
			text, ok := known[3*i+j].(string)
			if !ok {
				return nil, fmt.Errorf("target, health check and function of %s are %T, %T and %T: want text", r.Name, known[3*i], known[3*i+1], known[3*i+2])
			}
			*to = text
		}
	}
	out, err := shape(t)
	if err != nil {
		return nil, fmt.Errorf("encode topology: %w", err)
	}
	return out, nil
}

// document is a topology as it is written into stores: as `up` saves it.
func document(shaped map[string]any) (string, error) {
	b, err := json.Marshal(shaped)
	if err != nil {
		return "", fmt.Errorf("encode topology: %w", err)
	}
	t, err := topology.Decode(b)
	if err != nil {
		return "", err
	}
	if b, err = json.MarshalIndent(t, "", "  "); err != nil {
		return "", fmt.Errorf("encode topology: %w", err)
	}
	return string(b) + "\n", nil
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
