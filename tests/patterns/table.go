// Package patterns holds every combination of traffic manager, pattern, steering and providers: the ones that are allowed are
// deployed to local clouds and watched from the clients' seat, the others have to be refused before anything exists.
package patterns

import (
	"slices"
	"strings"
)

// Combination is one way to stand a gateway up.
type Combination struct {
	Manager   string
	Pattern   string
	Steering  string // "" with active-passive
	Proxied   bool   // cloudflare only
	Providers []string
}

// String names a combination as a subtest.
func (c Combination) String() string {
	parts := []string{c.Manager, c.Pattern}
	if c.Proxied {
		parts[0] += "-proxied"
	}
	if c.Steering != "" {
		parts = append(parts, c.Steering)
	}
	return strings.Join(append(parts, strings.Join(c.Providers, "+")), "/")
}

var (
	managers = []string{"route53", "trafficmanager", "cloudflare"}
	// sets are all sets of providers.
	sets = [][]string{
		{"aws"}, {"gcp"}, {"azure"}, {"aws", "gcp"}, {"aws", "azure"}, {"gcp", "azure"}, {"aws", "gcp", "azure"},
	}
	// ways are all patterns with all their steerings. Each differs from its neighbours, so that going through them in order
	// changes a live stack from every pattern to another.
	ways = [][2]string{
		{"active-passive", ""},
		{"active-active", "weighted"}, {"active-active", "latency"}, {"active-active", "geo"},
		{"multi-region", "weighted"}, {"multi-region", "latency"}, {"multi-region", "geo"},
	}
)

// All lists every combination there is.
func All() []Combination {
	var out []Combination
	for _, m := range managers {
		for _, proxied := range []bool{false, true} {
			if proxied && m != "cloudflare" {
				continue
			}
			for _, set := range sets {
				for _, w := range ways {
					out = append(out, Combination{Manager: m, Pattern: w[0], Steering: w[1], Proxied: proxied, Providers: set})
				}
			}
		}
	}
	return out
}

// Refusal is what the refusal of a combination has to say, by what the clouds' documentation rules out; "" for one that is
// allowed.
func (c Combination) Refusal() string {
	switch {
	case c.Pattern == "multi-region" && len(c.Providers) == 1:
		return "which fails over from provider to provider, and all regions are of " + c.Providers[0]
	case c.Manager == "route53" && c.Steering == "latency" && !onlyAWS(c.Providers):
		return "knows AWS regions only"
	case c.Manager == "cloudflare" && c.Pattern == "multi-region" && c.Steering != "weighted":
		return "cloudflare"
	}
	return ""
}

func onlyAWS(providers []string) bool { return slices.Equal(providers, []string{"aws"}) }

// regions of a stack over these providers: two of the first, so that there is a group, and one of each other; of a single
// provider two.
func regions(providers []string) []string {
	two := map[string][]string{
		"aws": {"aws/us-east-1", "aws/eu-west-1"}, "gcp": {"gcp/us-central1", "gcp/europe-west1"}, "azure": {"azure/eastus", "azure/westeurope"},
	}
	out := slices.Clone(two[providers[0]])
	for _, p := range providers[1:] {
		out = append(out, two[p][0])
	}
	return out
}

// american tells the regions above by where they are.
func american(region string) bool {
	_, name, _ := strings.Cut(region, "/")
	return !strings.Contains(name, "eu-") && !strings.Contains(name, "europe")
}

// Dials are the stack file's dials of a combination; nil values are taken out of it.
func (c Combination) Dials() map[string]any {
	all := regions(c.Providers)
	dials := map[string]any{
		"manager": c.Manager, "pattern": c.Pattern, "regions": all, "ttl": 30,
		"steering": nil, "weights": nil, "geo": nil, "trafficmanager": nil, "cloudflare": nil, "frontSecret": nil,
		"check": map[string]any{"interval": 10, "threshold": 2, "path": "/health"},
	}
	if c.Steering != "" {
		dials["steering"] = c.Steering
	}
	switch c.Steering {
	case "weighted":
		dials["weights"] = map[string]any{all[0]: 100, all[1]: 50}
	case "geo":
		dials["geo"] = places(c, all)
	}
	switch c.Manager {
	case "trafficmanager":
		dials["trafficmanager"] = map[string]any{"zoneGroup": "dns"}
	case "cloudflare":
		dials["cloudflare"] = map[string]any{"proxied": c.Proxied}
		if c.Proxied {
			dials["frontSecret"] = "0123456789abcdef0123456789abcdef"
		}
	}
	return dials
}

// places gives each region of a group what it serves: the first everybody whom nobody else does, the second Europe and
// Africa, the third Oceania, and so on.
func places(c Combination, all []string) map[string]any {
	continents := [][]string{nil, {"EU", "AF"}, {"OC"}, {"SA"}}
	out := map[string]any{}
	in := map[string]int{} // regions so far, by group
	for _, r := range all {
		group := ""
		if c.Pattern == "multi-region" {
			group, _, _ = strings.Cut(r, "/")
		}
		if n := in[group]; n == 0 {
			out[r] = map[string]any{"default": true}
		} else {
			out[r] = map[string]any{"continents": continents[n]}
		}
		in[group]++
	}
	return out
}
