package wire

import (
	"slices"
	"time"

	"polygate.example/tools/internal/localcloud/probe"
	"polygate.example/tools/internal/localcloud/resource"
)

// cfNoFailures is the reason where there is none. Source: "List Pools", failure_reason; the example of "Pool Health Details".
const cfNoFailures = "No failures"

// cfPool is a pool as the API shows it, as far as the local clouds have it. healthy and failure_reason are in no schema: cloudflare/
// cloudflare-go issue 767.
type cfPool struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Description string      `json:"description"`
	Enabled     bool        `json:"enabled"`
	DisabledAt  string      `json:"disabled_at,omitempty"` // "This field shows up only if the pool is disabled"
	Minimum     int         `json:"minimum_origins"`
	Monitor     string      `json:"monitor"`
	Regions     []string    `json:"check_regions"` // "Null means every Cloudflare data center"
	Latitude    *float64    `json:"latitude,omitempty"`
	Longitude   *float64    `json:"longitude,omitempty"`
	Steering    *cfSteering `json:"origin_steering,omitempty"`
	Origins     []cfOrigin  `json:"origins"`
	Healthy     *bool       `json:"healthy,omitempty"`
	Created     string      `json:"created_on"`
	Modified    string      `json:"modified_on"`
}

type cfSteering struct {
	Policy string `json:"policy"`
}

type cfOrigin struct {
	Name    string    `json:"name"`
	Address string    `json:"address"`
	Enabled bool      `json:"enabled"`
	Weight  float64   `json:"weight"`
	Header  *cfHeader `json:"header,omitempty"`
	Healthy *bool     `json:"healthy,omitempty"`
	Reason  string    `json:"failure_reason,omitempty"`
}

type cfHeader struct {
	Host []string `json:"Host"`
}

// cfChange is what a change names. An origin has only what it is given with: "overwriting the supplied properties", and the whole list is
// one.
type cfChange struct {
	Enabled *bool           `json:"enabled"`
	Origins []cfGivenOrigin `json:"origins"`
}

type cfGivenOrigin struct {
	Name    string    `json:"name"`
	Address string    `json:"address"`
	Enabled *bool     `json:"enabled"`
	Weight  *float64  `json:"weight"`
	Header  *cfHeader `json:"header"`
}

// props are the inputs that differ by it.
func (c cfChange) props() resource.Props {
	out := resource.Props{}
	if c.Enabled != nil {
		out["enabled"] = *c.Enabled
	}
	if c.Origins == nil {
		return out
	}
	origins := make([]any, len(c.Origins))
	for i, given := range c.Origins {
		o := resource.Props{"name": given.Name, "address": given.Address, "enabled": given.Enabled == nil || *given.Enabled, "weight": 1.0}
		if given.Weight != nil {
			o["weight"] = *given.Weight
		}
		if given.Header != nil {
			o["header"] = resource.Props{"hosts": resource.List(given.Header.Host...)}
		}
		origins[i] = o
	}
	out["origins"] = origins
	return out
}

// probed finds what probing says of an origin. Disabled ones "are excluded from health checks", whatever was said of them before, and of
// those that no data centre has looked at yet nothing is known.
func (c cfAPI) probed(p resource.Record, o resource.Props) (probe.Status, bool) {
	if !p.Inputs.Bool("enabled") || !o.Bool("enabled") || p.Inputs.Str("monitor") == "" {
		return probe.Status{}, false
	}
	st, ok := c.status(p.ID + "/" + o.Str("name"))
	return st, ok && slices.ContainsFunc(st.Votes, looked)
}

func looked(v probe.Vote) bool { return !v.At.IsZero() }

func (c cfAPI) pool(p resource.Record) cfPool {
	in, all := p.Inputs, p.Outputs()
	out := cfPool{
		ID: p.ID, Name: in.Str("name"), Description: in.Str("description"), Enabled: in.Bool("enabled"), Minimum: in.Int("minimumOrigins"),
		Monitor: in.Str("monitor"), Regions: in.Strings("checkRegions"), Latitude: cfNumber(in, "latitude"), Longitude: cfNumber(in, "longitude"),
		DisabledAt: all.Str("disabledAt"), Created: all.Str("createdOn"), Modified: all.Str("modifiedOn"), Origins: []cfOrigin{},
	}
	if policy := in.Object("originSteering").Str("policy"); policy != "" {
		out.Steering = &cfSteering{policy}
	}
	known, healthy := false, 0
	for _, o := range in.Objects("origins") {
		shown := cfOrigin{Name: o.Str("name"), Address: o.Str("address"), Enabled: o.Bool("enabled")}
		if w := cfNumber(o, "weight"); w != nil {
			shown.Weight = *w
		}
		if hosts := o.Object("header").Strings("hosts"); len(hosts) > 0 {
			shown.Header = &cfHeader{hosts}
		}
		if st, ok := c.probed(p, o); ok {
			known = true
			shown.Healthy, shown.Reason = &st.Healthy, cfNoFailures
			if st.Healthy {
				healthy++
			} else if i := slices.IndexFunc(st.Votes, func(v probe.Vote) bool { return looked(v) && !v.Last.OK }); i >= 0 {
				shown.Reason = st.Votes[i].Last.Reason
			}
		}
		out.Origins = append(out.Origins, shown)
	}
	if known { // "The minimum number of origins that must be healthy for this pool to serve traffic"
		enough := healthy >= out.Minimum
		out.Healthy = &enough
	}
	return out
}

func cfNumber(in resource.Props, name string) *float64 {
	if n, ok := in[name].(float64); ok {
		return &n
	}
	return nil
}

// cfPlace is what one data centre found of a pool's origins.
type cfPlace struct {
	Healthy bool                   `json:"healthy"`
	Origins []map[string]cfFinding `json:"origins"` // by "the origin ipv4/ipv6 address or domain name" (load-balancing_origin_health_data of the API's schema)
}

// cfFinding has no response_code: what a local probe found is told in words.
type cfFinding struct {
	Healthy bool   `json:"healthy"`
	RTT     string `json:"rtt,omitempty"`
	Reason  string `json:"failure_reason"`
}

// places are the data centres that have looked at a pool, by name.
func (c cfAPI) places(p resource.Record) map[string]*cfPlace {
	out, healthy := map[string]*cfPlace{}, map[string]int{}
	for _, o := range p.Inputs.Objects("origins") {
		st, _ := c.probed(p, o)
		for _, v := range slices.DeleteFunc(slices.Clone(st.Votes), func(v probe.Vote) bool { return !looked(v) }) {
			f := cfFinding{Healthy: v.Healthy, RTT: v.Last.Took.Round(100 * time.Microsecond).String(), Reason: cfNoFailures}
			if !v.Last.OK {
				f.Reason = v.Last.Reason
			}
			if out[v.Location] == nil {
				out[v.Location] = &cfPlace{}
			}
			out[v.Location].Origins = append(out[v.Location].Origins, map[string]cfFinding{o.Str("address"): f})
			if v.Healthy {
				healthy[v.Location]++
			}
		}
	}
	for at, place := range out {
		place.Healthy = healthy[at] >= p.Inputs.Int("minimumOrigins")
	}
	return out
}
