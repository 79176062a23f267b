package failover

import (
	"slices"

	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

// Spec says what a manager can do.
type Spec struct {
	Name         string
	Zone         string // what holds the zone: "Route 53 hosted zone"
	Patterns     []settings.Pattern
	Steerings    []settings.Steering
	Interval     provider.Allowed // seconds between probes
	Threshold    provider.Allowed // probes
	TTL          provider.Allowed // seconds
	Timeout      provider.Allowed // seconds a probe may take; where one value is allowed, it cannot be set
	ProbeTimeout int              // seconds after which a probe has failed, where the stack says nothing
	Config       []provider.ConfigKey
	// Types are how the Pulumi types begin that the manager's API makes, and that nothing else of a stack is of: "aws:route53".
	Types []string
	// Tells is the type of what has the manager's own front tell regions where clients are, "" where none does. It is one of the Types.
	Tells string
	// Authorities are the CAA names of all authorities that may issue certificates to the manager's own front, where it is one.
	Authorities []string
	SLA         float64 // per cent of a month in which it is promised to answer: a refund promise
}

// unfit are services that look like traffic managers and cannot be one over several clouds, each with the reason.
var unfit = map[string]string{
	// Source: Cloud DNS API v1, RRSetRoutingPolicyHealthCheckTargets, externalEndpoints: "The Internet IP addresses to be
	// health checked", cloud.google.com/dns/docs/reference/rest/v1/resourceRecordSets.
	"clouddns": "checks the health of endpoints outside of Google by IP address only, and the fronts of AWS and Azure have names and no addresses of their own",
	// Source: "What is Azure Front Door?", learn.microsoft.com/azure/frontdoor/front-door-overview; "Amazon CloudFront origin failover",
	// docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/high_availability_origin_failover.html.
	"frontdoor":  "is itself part of one cloud that all traffic would pass through: losing that cloud would lose every region",
	"cloudfront": "is itself part of one cloud that all traffic would pass through, and fails over for safe methods only",
}

// Audit is the rule that compares settings with what the known managers can do.
func Audit(managers []Manager) settings.Rule {
	return func(s settings.Settings, get settings.Lookup) []settings.Problem {
		known := make([]string, 0, len(managers))
		for _, m := range managers {
			known = append(known, m.Spec().Name)
		}
		var problems []settings.Problem
		for _, named := range []struct{ key, name string }{{"manager", s.Manager}, {"spare", s.Spare}} {
			if named.name == "" {
				continue // missing, and reported so where it is wanted
			}
			i := slices.Index(known, named.name)
			if why, ok := unfit[named.name]; ok && i < 0 {
				problems = append(problems, settings.Problemf(named.key, nil, "is %q, which %s: want %s", named.name, why, settings.List(known)))
				continue
			}
			if i < 0 {
				problems = append(problems, settings.Problemf(named.key, nil, "%q is unknown: want %s", named.name, settings.List(known)))
				continue
			}
			problems = append(problems, auditDials(managers[i], s, get)...)
			problems = append(problems, managers[i].Audit(s)...)
		}
		return slices.CompactFunc(problems, func(a, b settings.Problem) bool { return a.String() == b.String() })
	}
}

// Idle finds dials that are valid and have no effect with the stack's manager.
func Idle(s settings.Settings, get settings.Lookup) []settings.Problem {
	if _, set := get(settings.Namespace + ":ttl"); set && s.Fronted() {
		return []settings.Problem{settings.Problemf("ttl", nil, "has no effect: clients ask for the addresses of %s, which stay the same, and it keeps no answers about the regions", s.Manager)}
	}
	return nil
}

func auditDials(m Manager, s settings.Settings, get settings.Lookup) []settings.Problem {
	spec := m.Spec()
	var problems []settings.Problem
	bad := func(key string, path []string, format string, args ...any) {
		problems = append(problems, settings.Problemf(key, path, format, args...))
	}
	if s.Pattern != "" && !slices.Contains(spec.Patterns, s.Pattern) {
		bad("pattern", nil, "is %q, which %s cannot do: want %s", s.Pattern, spec.Name, settings.List(text(spec.Patterns)))
	}
	if s.Steering != "" && !slices.Contains(spec.Steerings, s.Steering) {
		bad("steering", nil, "is %q, which %s cannot do: want %s", s.Steering, spec.Name, settings.List(text(spec.Steerings)))
	}
	// Zero did not pass the form check and is reported already. Behind a proxy no answer of the manager's has this TTL.
	if s.TTL != 0 && m.Bound(s).Propagate != 0 && !spec.TTL.Has(s.TTL) {
		bad("ttl", nil, "is %d: %s takes %s seconds", s.TTL, spec.Name, spec.TTL)
	}
	if s.Check.Interval != 0 && !spec.Interval.Has(s.Check.Interval) {
		bad("check", []string{"interval"}, "is %d: %s probes every %s seconds", s.Check.Interval, spec.Name, spec.Interval)
	}
	if s.Check.Threshold != 0 && !spec.Threshold.Has(s.Check.Threshold) {
		bad("check", []string{"threshold"}, "is %d: %s takes %s probes", s.Check.Threshold, spec.Name, spec.Threshold)
	}
	if s.Check.Timeout != 0 && !spec.Timeout.Has(s.Check.Timeout) {
		bad("check", []string{"timeout"}, "is %d: %s gives a probe %s seconds", s.Check.Timeout, spec.Name, spec.Timeout)
	}
	problems = append(problems, provider.AuditConfig(spec.Config, get)...)
	return problems
}

func text[T ~string](values []T) []string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}
