package cloudflare

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"polygate.example/infra/failover"
	"polygate.example/infra/settings"
)

// Steering policies. Source: "Traffic steering policies",
// developers.cloudflare.com/load-balancing/understand-basics/traffic-steering/steering-policies.
const (
	steerOff       = "off"       // the first healthy pool in order
	steerRandom    = "random"    // any healthy pool, by weight
	steerProximity = "proximity" // the healthy pool nearest to the client
	steerGeo       = "geo"       // the pools of the client's country, else of its region, else the default ones, in order
)

// layout is a plan in Cloudflare's terms, without any resource in it.
type layout struct {
	steering  string
	pools     []pool // in the default order, which is the failover order
	fallback  int    // index of the pool that is answered when none is healthy
	regions   map[string][]int
	countries map[string][]int
}

// pool is a set of origins that are probed together. Mostly it is one region.
type pool struct {
	key     string // unique within the layout
	origins []origin
	up      int     // probes in a row that bring an origin back
	weight  float64 // under random steering: above 0 and up to 1
	at      *place  // under proximity steering
	enabled bool
}

// origin is one region in a pool.
type origin struct {
	member  failover.Member
	weight  float64 // above 0 and up to 1
	enabled bool
}

// arrange puts a plan into Cloudflare's terms:
//
//	ordered            a pool for each region, in order
//	weighted           a pool for each region with its weight, or for each step of the ramp
//	latency            a pool for each region with its coordinates
//	geo                a pool for each region, in an order of its own for each place
//	groups, weighted   a pool for each group in order, in which each region is an origin with its weight
//	groups, geo        a pool for each region, in an order of its own for each place: first the whole first group
//
// A pool with one origin keeps what a region can be told apart by, and its health is the region's. Groups that share by
// latency have no equivalent; Audit refuses them.
func arrange(s settings.Settings, plan failover.Group) layout {
	groups := groupsOf(plan)
	switch {
	case groups[0].Method == failover.Weighted && len(groups) > 1:
		return byGroup(s, groups)
	case groups[0].Method == failover.Weighted:
		return byWeight(s, groups[0])
	case groups[0].Method == failover.Geo:
		return byPlace(s, groups)
	}
	l := layout{steering: steerOff}
	for _, sh := range groups[0].Shares {
		l.pools = append(l.pools, single(s, *sh.Member))
	}
	if groups[0].Method == failover.Latency {
		l.steering = steerProximity
		for i, sh := range groups[0].Shares {
			at := places[sh.Member.Region.String()]
			l.pools[i].at = &at
		}
	}
	l.fallback = l.lastResort()
	return l
}

// groupsOf are the groups whose shares are members.
func groupsOf(plan failover.Group) []failover.Group {
	if plan.Shares[0].Group == nil {
		return []failover.Group{plan}
	}
	var out []failover.Group
	for _, sh := range plan.Shares {
		out = append(out, *sh.Group)
	}
	return out
}

func single(s settings.Settings, m failover.Member) pool {
	return pool{key: m.Key(), origins: []origin{{member: m, weight: 1, enabled: true}}, up: s.Check.Threshold, weight: 1, enabled: !m.Drained}
}

func byGroup(s settings.Settings, groups []failover.Group) layout {
	l := layout{steering: steerOff}
	for _, g := range groups {
		p := pool{key: g.Name, up: s.Check.Threshold, weight: 1, enabled: true}
		weights := shares(s, g)
		for i, sh := range g.Shares {
			p.origins = append(p.origins, origin{member: *sh.Member, weight: weights[i][0], enabled: !sh.Member.Drained})
		}
		p.enabled = slices.ContainsFunc(p.origins, func(o origin) bool { return o.enabled })
		l.pools = append(l.pools, p)
	}
	l.fallback = l.lastResort()
	return l
}

// byWeight makes a pool for each step of the ramp: they have the same origin, whose probes must have passed longer for
// each further one to take its part of the region's weight. All of them lose it at once. The first step comes back as
// soon as a region without a ramp would, and each later one rampStep times as many probes after the one before.
func byWeight(s settings.Settings, g failover.Group) layout {
	l := layout{steering: steerRandom}
	for i, sh := range g.Shares {
		for step, w := range shares(s, g)[i] {
			p := single(s, *sh.Member)
			if step > 0 {
				p.key += "-ramp" + strconv.Itoa(step+1)
			}
			p.weight, p.up = w, s.Check.Threshold*(1+rampStep*step)
			l.pools = append(l.pools, p)
		}
	}
	l.fallback = l.lastResort()
	return l
}

// rampStep is how many thresholds lie between two steps of a ramp.
const rampStep = 3

// shares are the weights of a group's members, those of each in the steps of the ramp, in Cloudflare's terms: at most 1,
// in hundredths. Source: "Weights", developers.cloudflare.com/load-balancing/understand-basics/traffic-steering/
// origin-level-steering.
func shares(s settings.Settings, g failover.Group) [][]float64 {
	steps := s.Ramp
	if len(steps) == 0 {
		steps = []int{100}
	}
	out := make([][]float64, len(g.Shares))
	most := 0.0
	for i, sh := range g.Shares {
		before := 0
		for _, step := range steps {
			w := float64(sh.Weight * (step - before))
			out[i], most, before = append(out[i], w), max(most, w), step
		}
	}
	for _, ws := range out {
		for i := range ws {
			ws[i] = math.Round(100*ws[i]/most) / 100
		}
	}
	return out
}

// byPlace orders the pools for each place that a group has a rule for, and by default for all others. Within a group the
// region of the country comes first, then that of the continent, the default one and the rest: Cloudflare goes down the
// list, and a client is served as long as one region is healthy.
func byPlace(s settings.Settings, groups []failover.Group) layout {
	l := layout{steering: steerGeo, regions: map[string][]int{}, countries: map[string][]int{}}
	var order []failover.Share
	for _, g := range groups {
		order = append(order, g.Shares...)
	}
	for _, i := range ranked(groups, "", "") {
		l.pools = append(l.pools, single(s, *order[i].Member))
	}
	index := map[string]int{}
	for i, p := range l.pools {
		index[p.key] = i
	}
	list := func(continent, country string) []int {
		var out []int
		for _, i := range ranked(groups, continent, country) {
			out = append(out, index[order[i].Member.Key()])
		}
		return out
	}
	for _, sh := range order {
		for _, c := range sh.Serves.Continents {
			for _, r := range continents[c].regions {
				l.regions[r] = list(c, "")
			}
			for _, x := range continents[c].countries {
				l.countries[x] = list(c, x)
			}
			for _, x := range continents[c].strangers {
				l.countries[x] = list(continentOf(x), x)
			}
		}
		for _, x := range sh.Serves.Countries {
			l.countries[x] = list(continentOf(x), x)
		}
	}
	l.fallback = l.lastResort()
	return l
}

// ranked are the indices of all members, group by group, in the order in which they serve a place.
func ranked(groups []failover.Group, continent, country string) []int {
	var out []int
	first := 0
	for _, g := range groups {
		rank := func(i int) int {
			serves := g.Shares[i-first].Serves
			switch {
			case country != "" && slices.Contains(serves.Countries, country):
				return 0
			case continent != "" && slices.Contains(serves.Continents, continent):
				return 1
			case serves.Default:
				return 2
			}
			return 3
		}
		group := make([]int, len(g.Shares))
		for i := range group {
			group[i] = first + i
		}
		slices.SortStableFunc(group, func(a, b int) int { return rank(a) - rank(b) })
		out, first = append(out, group...), first+len(g.Shares)
	}
	return out
}

// lastResort is the pool that is answered, whatever its health, when no pool is healthy: the first that is not drained. A
// disabled one would be no answer at all. Source: "How endpoints and pools become unhealthy", Fallback pools and "How a load
// balancer becomes unhealthy", developers.cloudflare.com/load-balancing/understand-basics/health-details.
func (l layout) lastResort() int {
	return max(0, slices.IndexFunc(l.pools, func(p pool) bool { return p.enabled }))
}

// physicalName makes a name that is unique in the account: of letters, digits, hyphens and underscores. Source: "Create
// Pool", name, developers.cloudflare.com/api/resources/load_balancers/subresources/pools.
func physicalName(hostname, key string) string {
	return strings.ReplaceAll(hostname, ".", "-") + "-" + key
}
