// Package failover is the seam to the traffic managers: the DNS authorities that probe regions and steer clients to
// healthy ones. Each manager is a folder below this one; the catalog lists them.
package failover

import (
	"slices"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

// Manager is one traffic manager.
type Manager interface {
	// Spec says what the manager can do. It is constant.
	Spec() Spec
	// Bound is the longest a client can be without answers after a region fails: until the manager has noticed, and
	// until the last answer that named the region has expired. ttl is in seconds.
	Bound(check settings.Check, ttl int) time.Duration
	// Open finds the zone, which exists already: a stack neither creates nor deletes it.
	Open(ctx *pulumi.Context, name string, args ZoneArgs, opts ...pulumi.ResourceOption) (Zone, error)
}

// Zone is the DNS zone that holds the shared name.
type Zone interface {
	provider.Names
	// Steer declares a health check for each member and the set of records that leads clients of the shared name to
	// the first healthy one. There is at least one member; one alone always answers.
	Steer(ctx *pulumi.Context, name string, members []Member, opts ...pulumi.ResourceOption) (*Steering, error)
}

// ZoneArgs is what a manager needs to know of the stack.
type ZoneArgs struct {
	Settings settings.Settings
}

// Member is one region in failover order.
type Member struct {
	Region  settings.Region
	Label   string            // unique within the provider
	OwnName string            // DNS name of this region alone
	Ready   []pulumi.Resource // what the region answers by, and the own name's record: before they exist nobody is sent there
}

// Steering is what a manager has set up.
type Steering struct {
	// Checks holds the manager's id of each member's health check, in the order of the members.
	Checks []pulumi.StringOutput
}

// Spec says what a manager can do.
type Spec struct {
	Name         string
	Patterns     []settings.Pattern
	Interval     provider.Allowed // seconds between probes
	Threshold    provider.Allowed // probes
	TTL          provider.Allowed // seconds
	ProbeTimeout int              // seconds after which a probe has failed
}

// Audit is the rule that compares settings with what the known managers can do.
func Audit(specs []Spec) settings.Rule {
	return func(s settings.Settings, _ settings.Lookup) []settings.Problem {
		var known []string
		for _, spec := range specs {
			known = append(known, spec.Name)
		}
		i := slices.Index(known, s.Manager)
		switch {
		case s.Manager == "":
			return nil // missing, and reported so
		case i < 0:
			return []settings.Problem{settings.Problemf("manager", nil, "%q is unknown: want %s", s.Manager, settings.List(known))}
		}
		return auditDials(specs[i], s)
	}
}

func auditDials(spec Spec, s settings.Settings) []settings.Problem {
	var problems []settings.Problem
	bad := func(key string, path []string, format string, args ...any) {
		problems = append(problems, settings.Problemf(key, path, format, args...))
	}
	if s.Pattern != "" && !slices.Contains(spec.Patterns, s.Pattern) {
		bad("pattern", nil, "is %q, which %s cannot do: want %s", s.Pattern, spec.Name, settings.List(text(spec.Patterns)))
	}
	// Zero did not pass the form check and is reported already.
	if s.TTL != 0 && !spec.TTL.Has(s.TTL) {
		bad("ttl", nil, "is %d: %s takes %s seconds", s.TTL, spec.Name, spec.TTL)
	}
	if s.Check.Interval != 0 && !spec.Interval.Has(s.Check.Interval) {
		bad("check", []string{"interval"}, "is %d: %s probes every %s seconds", s.Check.Interval, spec.Name, spec.Interval)
	}
	if s.Check.Threshold != 0 && !spec.Threshold.Has(s.Check.Threshold) {
		bad("check", []string{"threshold"}, "is %d: %s takes %s probes", s.Check.Threshold, spec.Name, spec.Threshold)
	}
	return problems
}

func text[T ~string](values []T) []string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}
