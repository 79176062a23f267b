// Package failover is the seam to the traffic managers: the DNS authorities that probe regions and steer clients to
// healthy ones. Each manager is a folder below this one; the catalog lists them.
package failover

import (
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

// Manager is one traffic manager.
type Manager interface {
	// Spec says what the manager can do. It is constant.
	Spec() Spec
	// Audit reports what the manager cannot do of settings that the Spec alone would let through, each with the reason
	// and with what would work. Whatever of the settings did not pass an earlier check has its zero value.
	Audit(s settings.Settings) []settings.Problem
	// Bound is the longest a client can be without answers after a region fails.
	Bound(s settings.Settings) Bound
	// Open finds the zone, which exists already: a stack neither creates nor deletes it.
	Open(ctx *pulumi.Context, name string, args ZoneArgs, opts ...pulumi.ResourceOption) (Zone, error)
}

// Counter is a manager whose accounts have only so many of something: what a stack takes of it can be held against that before
// anything is made.
type Counter interface {
	Needs(s settings.Settings) []Need
}

// Need is how many of something a stack takes of a manager's account.
type Need struct {
	Of    string // in the manager's own words: "pools", "health checks"
	Count int
	Most  int // how many an account has; 0 where it differs from account to account, and an API tells
}

// Zone is the DNS zone that holds the shared name.
type Zone interface {
	provider.Names
	// Steer declares a health check for each member of the plan, and what leads clients of the shared name to the
	// healthy ones by the plan.
	Steer(ctx *pulumi.Context, name string, plan Group, opts ...pulumi.ResourceOption) (*Steering, error)
}

// Telling is a zone whose manager has a front that tells regions of clients.
type Telling interface {
	// Tells is what has to be there before a region may believe it: until then what clients send under the same names comes through.
	Tells() []pulumi.Resource
}

// ZoneArgs is what a manager needs to know of the stack.
type ZoneArgs struct {
	Settings settings.Settings
	Config   settings.Lookup // the stack's configuration, for the keys that the Spec lists
	// Lost says that the manager's API does not answer, and that the engine leaves all that is of the Spec's Types as it is: the zone
	// is not looked up, and ids of it that only the lookup tells are empty. What its front is to tell regions is told already, or nothing is
	// deployed: whoever leaves it out sees to that, by the Spec's Tells.
	Lost bool
	// Country says that the regions go by the country of clients, which a front of the manager's own tells them.
	Country bool
}

// Bound says in parts how long a failure can keep a client without answers. All of it is cloud time.
type Bound struct {
	Detect    time.Duration // until the manager has noticed and answers otherwise
	Propagate time.Duration // until the last answer that named the region has expired; 0 behind a proxy
}

// Total is the whole of it.
func (b Bound) Total() time.Duration { return b.Detect + b.Propagate }

// Member is one region of a plan.
type Member struct {
	Region  settings.Region
	Label   string            // unique within the provider
	OwnName string            // DNS name of this region alone
	Drained bool              // it is to have no traffic, whatever its health
	Ready   []pulumi.Resource // what the region answers by, and the own name's record: before they exist nobody is sent there
}

// Key names the member among all those of a plan.
func (m Member) Key() string { return m.Region.Provider + "-" + m.Label }

// Steering is what a manager has set up.
type Steering struct {
	// Checks holds the manager's id of each member's health check, in the order of Group.Members.
	Checks []pulumi.StringOutput
	// Details are what else reaches the manager's data plane, by name: ids of the zone, of profiles, pools and switches.
	Details pulumi.StringMap
}

// Invokes are those of a zone's options that its lookup takes as well: which provider to ask.
func Invokes(opts []pulumi.ResourceOption) []pulumi.InvokeOption {
	var out []pulumi.InvokeOption
	for _, o := range opts {
		if i, ok := o.(pulumi.InvokeOption); ok {
			out = append(out, i)
		}
	}
	return out
}
