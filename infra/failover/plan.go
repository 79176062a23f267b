package failover

import (
	"slices"

	"polygate.example/infra/settings"
)

// Method is how a group chooses among its shares.
type Method string

// The methods there are. All of them leave out what is unhealthy.
const (
	Ordered  Method = "ordered"  // the first
	Weighted Method = "weighted" // any, in proportion to the weights
	Latency  Method = "latency"  // the one nearest to the client by latency
	Geo      Method = "geo"      // the one that serves the client's place
)

// Group is a set of regions, or of groups of regions, that share traffic by one method. It is never empty.
type Group struct {
	Name   string // "" at the top, else the provider whose regions it holds
	Method Method
	Shares []Share
}

// Share is one part of a group: a member or a group.
type Share struct {
	Member *Member
	Group  *Group
	Weight int             // under Weighted, 1 to 255
	Serves settings.Serves // under Geo
}

// Plan arranges members, which are in the order of the settings' regions, by the settings' pattern. There is at least one.
func Plan(s settings.Settings, members []Member) Group {
	switch s.Pattern {
	case settings.ActiveActive:
		return share(s, "", members)
	case settings.MultiRegion:
		top := Group{Method: Ordered}
		for _, p := range s.Providers() {
			g := share(s, p, slices.DeleteFunc(slices.Clone(members), func(m Member) bool { return m.Region.Provider != p }))
			top.Shares = append(top.Shares, Share{Group: &g})
		}
		return top
	default:
		g := Group{Method: Ordered}
		for _, m := range members {
			g.Shares = append(g.Shares, Share{Member: &m})
		}
		return g
	}
}

func share(s settings.Settings, name string, members []Member) Group {
	g := Group{Name: name, Method: Method(s.Steering)}
	for _, m := range members {
		sh := Share{Member: &m}
		switch s.Steering {
		case settings.Weighted:
			sh.Weight = s.Weight(m.Region)
		case settings.Geo:
			sh.Serves = s.Geo[m.Region.String()]
		}
		g.Shares = append(g.Shares, sh)
	}
	return g
}

// Members lists the regions of a group in failover order.
func (g Group) Members() []Member {
	var out []Member
	for _, sh := range g.Shares {
		if sh.Group != nil {
			out = append(out, sh.Group.Members()...)
			continue
		}
		out = append(out, *sh.Member)
	}
	return out
}
