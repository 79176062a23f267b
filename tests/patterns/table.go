// Package patterns holds every combination of traffic manager, pattern, steering and providers: the ones that are allowed are
// deployed to local clouds and watched from the clients' seat, the others have to be refused before anything exists.
package patterns

import (
	"fmt"
	"maps"
	"math"
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

// All lists every combination of manager, pattern, steering and providers there is.
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
	// Groups that have several regions, and so something to steer by latency.
	groups := c.Providers
	if c.Pattern == "multi-region" {
		groups = c.Providers[:1]
	}
	switch {
	case c.Pattern == "multi-region" && len(c.Providers) == 1:
		return "which fails over from provider to provider, and all regions are of " + c.Providers[0]
	case c.Manager == "route53" && c.Steering == "latency" && !slices.Equal(groups, []string{"aws"}):
		return "Route 53 knows AWS regions only"
	case c.Manager == "cloudflare" && c.Pattern == "multi-region" && c.Steering == "latency":
		return "within a pool Cloudflare chooses by weight only"
	}
	return ""
}

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
	parts := [][]string{nil, {"EU", "AF"}, {"OC"}, {"SA"}}
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
			out[r] = map[string]any{"continents": parts[n]}
		}
		in[group]++
	}
	return out
}

// Stack is a series of combinations that follow each other on one stack.
type Stack struct {
	Name string
	Rows []Combination
}

// Stacks lists the allowed combinations of some sets of providers, all of them when none is given, one stack for each
// manager and set. A way that an earlier set allows is not repeated with a later one, unless none is given.
func Stacks(wanted ...[]string) []Stack {
	var out []Stack
	at := map[string]int{}
	have := map[string]bool{}
	if wanted == nil {
		wanted = sets
	}
	for _, set := range wanted {
		for _, c := range All() {
			if c.Refusal() != "" || !slices.Equal(c.Providers, set) {
				continue
			}
			way := c
			way.Providers = nil
			if key := way.String(); len(wanted) < len(sets) {
				if have[key] {
					continue
				}
				have[key] = true
			}
			name := c.Manager
			if c.Proxied {
				name += "-proxied"
			}
			name += "/" + strings.Join(set, "+")
			if _, ok := at[name]; !ok {
				at[name] = len(out)
				out = append(out, Stack{Name: name})
			}
			out[at[name]].Rows = append(out[at[name]].Rows, c)
		}
	}
	return out
}

// Once lists every pattern with every steering once, over all providers, and every manager with some of them: what is measured
// with each run of the tests. Stacks lists all there are.
func Once() []Stack {
	all := []string{"aws", "gcp", "azure"}
	return []Stack{
		{Name: "route53", Rows: []Combination{
			{Manager: "route53", Pattern: "active-passive", Providers: all},
			{Manager: "route53", Pattern: "multi-region", Steering: "weighted", Providers: all},
		}},
		{Name: "trafficmanager", Rows: []Combination{
			{Manager: "trafficmanager", Pattern: "active-active", Steering: "latency", Providers: all},
			{Manager: "trafficmanager", Pattern: "multi-region", Steering: "geo", Providers: all},
		}},
		{Name: "cloudflare", Rows: []Combination{
			{Manager: "cloudflare", Pattern: "active-active", Steering: "geo", Providers: all},
		}},
		{Name: "cloudflare-proxied", Rows: []Combination{
			{Manager: "cloudflare", Proxied: true, Pattern: "active-active", Steering: "weighted", Providers: all},
		}},
		{Name: "route53-latency", Rows: []Combination{
			{Manager: "route53", Pattern: "multi-region", Steering: "latency", Providers: all},
		}},
	}
}

// near tells for places that are clearly nearer to one side of the Atlantic which one; the others are as near to both as
// anybody may argue.
var near = map[string]bool{ // true: America
	"IAD": true, "SFO": true, "YUL": true, "MEX": true, "GRU": true, "DUB": false, "LHR": false, "FRA": false, "CDG": false,
	"KBP": false, "DXB": false, "BOM": false, "JNB": false, "LOS": false,
}

// Misplaced says what is wrong with who was answered by whom while everything was healthy.
func (c Combination) Misplaced(shares map[string]map[string]int, all []string) []string {
	group := all // regions that may serve
	if c.Pattern == "multi-region" {
		first, _, _ := strings.Cut(all[0], "/")
		group = slices.DeleteFunc(slices.Clone(all), func(r string) bool { return !strings.HasPrefix(r, first+"/") })
	}
	if c.Steering == "weighted" {
		return c.misweighted(shares, all, group)
	}
	serves := places(c, all)
	var problems []string
	for _, place := range slices.Sorted(maps.Keys(shares)) {
		for _, region := range slices.Sorted(maps.Keys(shares[place])) {
			if shares[place][region] == 0 {
				continue
			}
			wrong := !slices.Contains(group, region)
			switch c.Steering {
			case "":
				wrong = region != all[0]
			case "latency":
				america, clear := near[place]
				wrong = wrong || clear && america != american(region)
			case "geo":
				wrong = wrong || !matches(serves, group, place, region)
			}
			if wrong {
				problems = append(problems, fmt.Sprintf("%s is answered by %s", place, region))
			}
		}
	}
	return problems
}

// matches reports whether a region is the one that serves a place under geo.
func matches(serves map[string]any, group []string, place, region string) bool {
	continent := continents[place]
	var fallback string
	for _, r := range group {
		rule, ok := serves[r].(map[string]any)
		if !ok {
			continue
		}
		if list, ok := rule["continents"].([]string); ok && slices.Contains(list, continent) {
			return r == region
		}
		if rule["default"] == true {
			fallback = r
		}
	}
	return region == fallback
}

// continents of the places.
var continents = map[string]string{
	"IAD": "NA", "SFO": "NA", "YUL": "NA", "MEX": "NA", "GRU": "SA", "DUB": "EU", "LHR": "EU", "FRA": "EU", "CDG": "EU", "KBP": "EU",
	"DXB": "AS", "BOM": "AS", "SIN": "AS", "NRT": "AS", "SYD": "OC", "JNB": "AF", "LOS": "AF", "MCM": "AN",
}

// misweighted holds the shares of all places together against the weights: further off than five standard deviations is one
// in two million.
func (c Combination) misweighted(shares map[string]map[string]int, all, group []string) []string {
	counts := map[string]int{}
	total := 0
	for _, at := range shares {
		for region, n := range at {
			counts[region] += n
			total += n
		}
	}
	weights := map[string]float64{}
	sum := 0.0
	for _, r := range group {
		w := 100.0
		if r == all[1] {
			w = 50
		}
		weights[r] = w
		sum += w
	}
	var problems []string
	for _, r := range all {
		p := weights[r] / sum
		want, deviation := p*float64(total), math.Sqrt(float64(total)*p*(1-p))
		if got := float64(counts[r]); math.Abs(got-want) > 5*deviation {
			problems = append(problems, fmt.Sprintf("%s has %.0f of %d answers, want %.0f", r, got, total, want))
		}
	}
	return problems
}
