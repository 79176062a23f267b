package settings

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Pattern is how regions share traffic.
type Pattern string

// The patterns there are.
const (
	// ActivePassive sends everything to the first region that is healthy, in the order of the stack file.
	ActivePassive Pattern = "active-passive"
	// ActiveActive has every healthy region serve, by the stack's Steering.
	ActiveActive Pattern = "active-active"
	// MultiRegion makes a group of each provider's regions, which share traffic by the stack's Steering; the first group
	// with a healthy region serves, in the order in which the stack file first names the providers.
	MultiRegion Pattern = "multi-region"
)

// Patterns lists every pattern.
func Patterns() []Pattern { return []Pattern{ActivePassive, ActiveActive, MultiRegion} }

// Steering is how regions that serve at the same time share traffic.
type Steering string

// The steerings there are. Active-passive has none.
const (
	Weighted Steering = "weighted" // by fixed shares
	Latency  Steering = "latency"  // the region that answers a client soonest
	Geo      Steering = "geo"      // by where the client is
)

// Steerings lists every steering.
func Steerings() []Steering { return []Steering{Weighted, Latency, Geo} }

// Active reports whether several regions of the stack serve at the same time.
func (p Pattern) Active() bool { return p == ActiveActive || p == MultiRegion }

// Serves says which clients a region serves under geo steering. The most specific place of a client decides: subdivision
// before country before continent before default.
type Serves struct {
	Default    bool     `json:"default"`    // the clients that no rule matches; exactly one region of a group has them
	Continents []string `json:"continents"` // AF, AN, AS, EU, NA, OC, SA
	Countries  []string `json:"countries"`  // ISO 3166-1 alpha-2, with a subdivision behind a dash where wanted: DE, US-CA
}

// continents are the codes that Route 53 and others know a continent by.
var continents = []string{"AF", "AN", "AS", "EU", "NA", "OC", "SA"}

// Bounds of weights: Route 53 takes 0 to 255, Traffic Manager 1 to 1000. A region that is to have no traffic is drained.
const (
	DefaultWeight = 100
	minWeight     = 1
	maxWeight     = 255
)

// Weight is a region's share under weighted steering, relative to the other regions' of its group: 1 to 255.
func (s Settings) Weight(r Region) int {
	if w, ok := s.Weights[r.String()]; ok {
		return w
	}
	return DefaultWeight
}

// IsDrained reports whether a region is to have no traffic, whatever its health.
func (s Settings) IsDrained(r Region) bool { return slices.Contains(s.Drained, r.String()) }

// sharing reads everything about how regions share traffic. The regions have been read before.
func (r *reader) sharing(s *Settings) {
	s.Pattern = Pattern(r.oneOf(keyPattern, string(ActivePassive), texts(Patterns())...))
	r.alone(*s)
	s.Steering = r.steering(s.Pattern)
	s.Weights = r.weights(*s)
	s.Geo = r.geo(*s)
	s.Ramp = r.ramp(*s)
	s.Drained = r.drained(*s)
	if s.Pattern.Active() && len(s.Regions) == 1 {
		r.bad(keyPattern, nil, "is %q, and there is one region: want two or more, or %q", s.Pattern, ActivePassive)
	}
	if providers := s.Providers(); s.Pattern == MultiRegion && len(s.Regions) > 1 && len(providers) == 1 {
		r.bad(keyPattern, nil, "is %q, which fails over from provider to provider, and all regions are of %s: add another provider's, or use %q",
			s.Pattern, providers[0], ActiveActive)
	}
}

// alone reports dials of sharing where no two regions share anything: groups of one region each fail over, and that is all.
func (r *reader) alone(s Settings) {
	if len(s.Groups()) < 2 || s.shares() {
		return
	}
	for _, key := range []string{keySteering, keyWeights, keyGeo, keyRamp} {
		if _, set := r.lookup(key); set {
			r.bad(key, nil, "is set, and no provider has two regions that could share traffic: take it out, or add a region")
		}
	}
}

func (r *reader) steering(p Pattern) Steering {
	_, set := r.lookup(keySteering)
	if !p.Active() {
		if set && p != "" {
			r.bad(keySteering, nil, "is set, and with the pattern %q one region serves at a time: take it out, or use %q", p, ActiveActive)
		}
		return ""
	}
	return Steering(r.oneOf(keySteering, string(Weighted), texts(Steerings())...))
}

// only reports a dial that is set without the steering that reads it.
func (r *reader) only(key string, s Settings, want Steering) bool {
	if _, set := r.lookup(key); !set {
		return false
	}
	if s.Steering != want {
		if s.Pattern != "" && (s.Steering != "" || !s.Pattern.Active()) { // else reported already
			if !s.Pattern.Active() {
				r.bad(key, nil, "is set, and with the pattern %q one region serves at a time: take it out, or use %q with the steering %q", s.Pattern, ActiveActive, want)
				return false
			}
			r.bad(key, nil, "is set, and only the steering %q reads it: take it out, or change polygate:%s", want, keySteering)
		}
		return false
	}
	return true
}

// perRegion decodes a map from regions of the stack to values and reports names that are none.
func perRegion[V any](r *reader, key string, s Settings, want string) map[string]V {
	text, ok := r.lookup(key)
	if !ok {
		return nil
	}
	var raw map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &raw) != nil || raw == nil {
		r.bad(key, nil, "is %s: want a map from regions to %s", quote(text), want)
		return nil
	}
	out := map[string]V{}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		if !r.isRegion(key, []string{name}, name, s) {
			continue
		}
		var v V
		dec := json.NewDecoder(strings.NewReader(string(raw[name])))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&v); err != nil {
			r.bad(key, []string{name}, "is %s: want %s", quote(string(raw[name])), want)
			continue
		}
		out[name] = v
	}
	return out
}

// isRegion reports a name that is no region of the stack.
func (r *reader) isRegion(key string, at []string, name string, s Settings) bool {
	known := make([]string, 0, len(s.Regions))
	for _, region := range s.Regions {
		known = append(known, region.String())
	}
	if slices.Contains(known, name) {
		return true
	}
	if len(known) > 0 { // without any, the regions are reported already
		r.bad(key, at, "%q is not among the stack's regions: want %s", name, List(known))
	}
	return false
}

func (r *reader) weights(s Settings) map[string]int {
	if !r.only(keyWeights, s, Weighted) {
		return nil
	}
	weights := perRegion[int](r, keyWeights, s, fmt.Sprintf("whole numbers from %d to %d", minWeight, maxWeight))
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		if w := weights[name]; w < minWeight || w > maxWeight {
			r.bad(keyWeights, []string{name}, "is %d: want %d to %d; a region that is to have no traffic goes into polygate:%s", w, minWeight, maxWeight, keyDrained)
			delete(weights, name)
		}
	}
	for _, group := range s.Groups() {
		if name := first(group); len(group) == 1 && s.shares() {
			if _, set := weights[name]; set {
				r.bad(keyWeights, []string{name}, "is alone in its group, and has all of the group's traffic whatever its weight: take it out")
			}
		}
	}
	return weights
}

func (r *reader) geo(s Settings) map[string]Serves {
	if s.Steering != Geo {
		r.only(keyGeo, s, Geo)
		return nil
	}
	if _, set := r.lookup(keyGeo); !set {
		r.bad(keyGeo, nil, "is missing: want for each region what it serves, for example {%s: {default: true}}", first(s.Regions))
		return nil
	}
	geo := perRegion[Serves](r, keyGeo, s, "{default: true or false, continents: [EU], countries: [DE, US-CA]}")
	taken := map[string]string{} // by group and place
	for _, region := range s.Regions {
		serves, ok := geo[region.String()]
		if !ok {
			if _, named := s.lookupGeo(r, region); !named {
				r.bad(keyGeo, nil, "does not say what %s serves: want continents, countries or default for each region", region)
			}
			continue
		}
		r.places(s, region, serves, taken)
	}
	for _, group := range s.Groups() {
		defaults := 0
		for _, region := range group {
			if geo[region.String()].Default {
				defaults++
			}
		}
		if defaults == 0 && len(geo) == len(s.Regions) {
			r.bad(keyGeo, nil, "has no default among %s: clients whom no rule matches would get no answer; give one of them default: true", listRegions(group))
		}
	}
	return geo
}

// lookupGeo reports whether the geo dial names a region at all, well or badly.
func (s Settings) lookupGeo(r *reader, region Region) (json.RawMessage, bool) {
	text, _ := r.lookup(keyGeo)
	var raw map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &raw) != nil {
		return nil, true // reported as a whole
	}
	v, ok := raw[region.String()]
	return v, ok
}

// places checks the codes of one region and that no other region of its group has them.
func (r *reader) places(s Settings, region Region, serves Serves, taken map[string]string) {
	name := region.String()
	claim := func(field, place string, at ...string) {
		group := ""
		if s.Pattern == MultiRegion {
			group = region.Provider
		}
		key := group + "\x00" + field + "\x00" + place
		if other, ok := taken[key]; ok {
			r.bad(keyGeo, append([]string{name, field}, at...), "%s is served by %s already: each place has one region of a group", place, other)
			return
		}
		taken[key] = name
	}
	if !serves.Default && len(serves.Continents) == 0 && len(serves.Countries) == 0 {
		r.bad(keyGeo, []string{name}, "serves nobody: want continents, countries or default: true")
	}
	if serves.Default {
		claim("default", "the default")
	}
	for i, c := range serves.Continents {
		if !slices.Contains(continents, c) {
			r.bad(keyGeo, []string{name, "continents", strconv.Itoa(i)}, "%q is no continent: want %s", c, List(continents))
			continue
		}
		claim("continents", c, strconv.Itoa(i))
	}
	for i, c := range serves.Countries {
		if !isCountry(c) {
			r.bad(keyGeo, []string{name, "countries", strconv.Itoa(i)}, "%q is no country: want two capital letters (ISO 3166-1), with a subdivision behind a dash where wanted, for example DE or US-CA", c)
			continue
		}
		claim("countries", c, strconv.Itoa(i))
	}
}

// isCountry accepts DE and US-CA by their form; which subdivisions there are is the manager's to say.
func isCountry(s string) bool {
	country, subdivision, has := strings.Cut(s, "-")
	capitals := func(s string, most int) bool {
		return len(s) >= 2 && len(s) <= most && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
	}
	return capitals(country, 2) && (!has || capitals(subdivision, 3))
}

// ramp reads the shares, in per cent of its weight, that a region has on its way back after an outage.
func (r *reader) ramp(s Settings) []int {
	if !r.only(keyRamp, s, Weighted) {
		return nil
	}
	text, _ := r.lookup(keyRamp)
	var steps []int
	bad := func() []int {
		r.bad(keyRamp, nil, "is %s: want two to five rising percentages, the last of them 100, for example [5, 25, 50, 100]", quote(text))
		return nil
	}
	if json.Unmarshal([]byte(text), &steps) != nil || len(steps) < 2 || len(steps) > 5 || steps[len(steps)-1] != 100 {
		return bad()
	}
	for i, p := range steps {
		if p < 1 || i > 0 && p <= steps[i-1] {
			return bad()
		}
	}
	return steps
}

func (r *reader) drained(s Settings) []string {
	if _, set := r.lookup(keyDrained); !set {
		return nil
	}
	names, ok := r.strings(keyDrained)
	if !ok {
		return nil
	}
	var out []string
	for i, name := range names {
		if !r.isRegion(keyDrained, []string{strconv.Itoa(i)}, name, s) {
			continue
		}
		if slices.Contains(out, name) {
			r.bad(keyDrained, []string{strconv.Itoa(i)}, "%q is listed already: take it out", name)
			continue
		}
		out = append(out, name)
	}
	if len(s.Regions) > 0 && len(out) == len(s.Regions) {
		r.bad(keyDrained, nil, "has every region: one has to serve")
	}
	return out
}

// Groups are the regions that share traffic among themselves, in failover order: one group a provider with the pattern
// multi-region, else a single one.
func (s Settings) Groups() [][]Region {
	if s.Pattern != MultiRegion {
		return [][]Region{s.Regions}
	}
	var groups [][]Region
	for _, p := range s.Providers() {
		groups = append(groups, slices.DeleteFunc(slices.Clone(s.Regions), func(r Region) bool { return r.Provider != p }))
	}
	return groups
}

// shares reports whether any two regions share traffic.
func (s Settings) shares() bool {
	return s.Pattern.Active() && slices.ContainsFunc(s.Groups(), func(g []Region) bool { return len(g) > 1 })
}

func listRegions(regions []Region) string {
	names := make([]string, 0, len(regions))
	for _, r := range regions {
		names = append(names, r.String())
	}
	return strings.Join(names, ", ")
}

func first(regions []Region) string {
	if len(regions) == 0 {
		return "aws/us-east-1"
	}
	return regions[0].String()
}

func texts[T ~string](values []T) []string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}
