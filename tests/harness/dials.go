package harness

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
)

// Turn turns dials of the stack file: polygate: keys without the namespace; nil values are taken out. What is deployed
// follows with the next `up`.
func (e *Environment) Turn(dials map[string]any) error {
	path := filepath.Join(e.Root, "stacks", "Pulumi.local.yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var file struct {
		Salt   string         `yaml:"encryptionsalt"`
		Config map[string]any `yaml:"config"`
	}
	if err := yaml.UnmarshalWithOptions(b, &file, yaml.Strict()); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	for key, value := range dials {
		if value == nil {
			delete(file.Config, "polygate:"+key)
			continue
		}
		file.Config["polygate:"+key] = value
	}
	if b, err = yaml.Marshal(file); err != nil {
		return err
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		return err
	}
	// Once more through the file, so that numbers are of the kinds a file gives.
	if err := yaml.Unmarshal(b, &file); err != nil {
		return err
	}
	if e.Detect, e.Bound, err = bounds(file.Config); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// bounds are how long a manager may take to answer otherwise, and that with the time an answer lives. They are worked out
// here once more from the managers' documentation, so that a product which promised less would not be held to its own word
// only. In seconds of cloud time, with I the interval, n the threshold, t the time a probe may take:
//
//   - route53: n × (I + 6), and the TTL ("How Amazon Route 53 determines whether a health check is healthy");
//   - trafficmanager: n × I + t: n-1 failures are tolerated, and the n-th comes at most an interval after the one before, the
//     first at most one after the failure ("Traffic Manager endpoint monitoring"), and the TTL;
//   - cloudflare: n × I + 2t, a probe that times out being tried again once ("Monitors", "Retries"); and the TTL, of which there
//     is none when the name is proxied.
func bounds(config map[string]any) (detect, bound int, err error) {
	check, ok := config["polygate:check"].(map[string]any)
	if !ok {
		return 0, 0, errors.New("there is no polygate:check")
	}
	var dials [3]float64
	for i, v := range []any{check["threshold"], check["interval"], config["polygate:ttl"]} {
		n, err := number(v)
		if err != nil {
			return 0, 0, err
		}
		dials[i] = n
	}
	threshold, interval, ttl := dials[0], dials[1], dials[2]
	timeout := 0.0
	if v, ok := check["timeout"]; ok {
		if timeout, err = number(v); err != nil {
			return 0, 0, err
		}
	}
	var detection float64
	switch manager := config["polygate:manager"]; manager {
	case "route53":
		detection = threshold * (interval + 6)
	case "trafficmanager":
		detection = threshold*interval + cmp.Or(timeout, 9)
	case "cloudflare":
		detection = threshold*interval + 2*cmp.Or(timeout, 4)
		if options, ok := config["polygate:cloudflare"].(map[string]any); ok && options["proxied"] == true {
			ttl = 0
		}
	default:
		return 0, 0, fmt.Errorf("there is no bound for the manager %v", manager)
	}
	return int(detection), int(detection + ttl), nil
}

func number(v any) (float64, error) {
	switch v := v.(type) {
	case uint64:
		return float64(v), nil
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	}
	return 0, fmt.Errorf("%v is no number", v)
}
