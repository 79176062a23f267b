package dns

import (
	"errors"
	"fmt"
	"strings"

	mdns "github.com/miekg/dns"
)

// The two slots of a failover pair.
const (
	primary   = "PRIMARY"
	secondary = "SECONDARY"
)

var (
	errAliasLoop   = errors.New("aliases lead back to themselves")
	errAliasTarget = errors.New("alias leads to no record of its type")
)

// walk is one query's way through the zones. Everything is decided on one view of the health checks, each asked at
// most once, and written down as it is decided: answer and explanation cannot differ.
type walk struct {
	zones  *zoneSet
	health func(string) bool
	seen   map[string]bool
	steps  []Step
}

func (s *Server) newWalk() *walk {
	return &walk{zones: s.zones.Load(), health: s.health, seen: map[string]bool{}}
}

// checkHealthy is the state of a health check at the time of this query.
func (w *walk) checkHealthy(id string) bool {
	healthy, ok := w.seen[id]
	if !ok {
		healthy = w.health(id)
		w.seen[id] = healthy
	}
	return healthy
}

// values answers a record set: it chooses a record and follows it, if it is an alias, to the set it stands for. The
// TTL is the one of the record at the end ("Alias to a record inherits its TTL": Route 53 Developer Guide, "Choosing
// between alias and non-alias records").
func (w *walk) values(set *recordSet, path []*recordSet) ([]mdns.RR, error) {
	for _, p := range path {
		if p == set {
			return nil, fmt.Errorf("%s %s: %w", display(set.name), mdns.TypeToString[set.rtype], errAliasLoop)
		}
	}
	r := w.choose(set)
	if r.Alias == nil {
		return r.rrs, nil
	}
	_, target := w.target(set, r)
	if target == nil {
		return nil, fmt.Errorf("%s -> %s %s: %w",
			display(set.name), r.Alias.Name, mdns.TypeToString[set.rtype], errAliasTarget)
	}
	return w.values(target, append(path, set))
}

// target finds the record set of the same type an alias points at, in the zone it names. zone is nil when that zone
// is not served here.
func (w *walk) target(set *recordSet, r *record) (*zone, *recordSet) {
	name := fqdn(r.Alias.Name)
	z := w.zones.byID[r.Alias.ZoneID]
	if r.Alias.ZoneID == "" {
		z = w.zones.find(name)
	}
	if z == nil {
		return nil, nil
	}
	node, ok := z.node(name)
	if !ok {
		return z, nil
	}
	return z, z.sets[setKey{node, set.rtype}]
}

// choose picks the record of a set that is answered now. A set is never empty.
//
// Source: Route 53 Developer Guide, "How Amazon Route 53 chooses records when health checking is configured": the
// primary while it is healthy; else the secondary if that is healthy; when both are unhealthy, the primary. "If no
// record is healthy, all records are healthy": a lone record is answered whatever its health.
func (w *walk) choose(set *recordSet) *record {
	step := Step{Name: display(set.name), Type: mdns.TypeToString[set.rtype], Policy: "simple"}
	chosen, healthy := 0, false
	for i, r := range set.records {
		h, why := w.healthy(set, r, nil)
		step.Candidates = append(step.Candidates, Candidate{
			SetIdentifier: r.SetIdentifier, Failover: r.Failover, Target: r.leadsTo(), HealthCheck: r.HealthCheck,
			Healthy: h, Why: why,
		})
		if h && !healthy {
			chosen, healthy = i, true
		}
	}
	r := set.records[chosen]
	if r.Failover != "" {
		step.Policy = "failover"
	}
	step.Chosen, step.FailOpen = chosen, !healthy
	step.Why = reason(set.records, r, healthy)
	w.steps = append(w.steps, step)
	return r
}

// reason says in words why a record of a set was chosen.
func reason(of []*record, r *record, healthy bool) string {
	switch {
	case r.Failover == "":
		return "the only record"
	case healthy && r.Failover == primary:
		return "the primary is healthy"
	case healthy && len(of) == 2:
		return "the primary is unhealthy, the secondary is healthy"
	case healthy:
		return "the secondary stands alone"
	case len(of) == 2:
		return "primary and secondary are unhealthy: fail-open to the primary"
	default:
		return "the only record of the pair, though unhealthy"
	}
}

// healthy is the health of one record, with the reason.
//
//   - without a health check: always healthy (same page as for choose);
//   - an alias with evaluateTargetHealth: healthy as long as one record of its target is, and so on down the tree; a
//     health check of its own must pass as well (Developer Guide, "How health checks work in complex Amazon Route 53
//     configurations", "What happens when you associate a health check with an alias record?");
//   - an alias without: its target's health does not matter (same page, "... Evaluate Target Health to No?").
//
// An alias to a zone that is not served here stands for a service of the cloud itself, which is up. A target that has
// gone, or that leads back to the alias, has no healthy record.
func (w *walk) healthy(set *recordSet, r *record, path []*recordSet) (bool, string) {
	why := "no health check"
	if r.HealthCheck != "" {
		if !w.checkHealthy(r.HealthCheck) {
			return false, "health check " + r.HealthCheck + " fails"
		}
		why = "health check " + r.HealthCheck + " passes"
	}
	if r.Alias == nil || !r.Alias.EvaluateTargetHealth {
		return true, why
	}
	for _, p := range path {
		if p == set {
			return false, "alias leads back to itself"
		}
	}
	z, target := w.target(set, r)
	switch {
	case z == nil:
		return true, "target belongs to the cloud itself"
	case target == nil:
		return false, "target does not exist"
	}
	for _, t := range target.records {
		if h, _ := w.healthy(target, t, append(path, set)); h {
			return true, "a record of the target is healthy"
		}
	}
	return false, "no record of the target is healthy"
}

// leadsTo is what a record answers, in words.
func (r *record) leadsTo() string {
	if r.Alias != nil {
		return "alias " + display(r.Alias.Name)
	}
	return strings.Join(r.Values, ", ")
}
