package dns

import (
	"errors"
	"fmt"
	"slices"

	mdns "github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/place"
)

var (
	errAliasLoop   = errors.New("aliases lead back to themselves")
	errAliasTarget = errors.New("alias leads to no record of its type")
	errNoAnswer    = errors.New("no record of the set is for this client")
)

// walk is one query's way through the zones. Everything is decided on one view of the health checks, each asked at
// most once.
type walk struct {
	zones  *zoneSet
	health func(string) bool
	pick   func(int) int
	seen   map[string]bool
	from   place.Place // where the client is
	lost   bool        // it came to servers that do not answer
}

func (s *Server) newWalk(from place.Place) *walk {
	zones, health := s.known()
	return &walk{zones: zones, health: health, pick: s.pick, seen: map[string]bool{}, from: from}
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
	if slices.Contains(path, set) {
		return nil, fmt.Errorf("%s %s: %w", display(set.name), mdns.TypeToString[set.rtype], errAliasLoop)
	}
	r := w.choose(set)
	if r == nil {
		return nil, errNoAnswer
	}
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

// healthy is the health of one record. path is the sets whose aliases led to it.
//
//   - without a health check: always healthy (same page as for choose);
//   - an alias with evaluateTargetHealth: healthy as long as one record of its target is, and so on down the tree; a
//     health check of its own must pass as well (Developer Guide, "How health checks work in complex Amazon Route 53
//     configurations", "What happens when you associate a health check with an alias record?");
//   - an alias without: its target's health does not matter (same page, "... Evaluate Target Health to No?").
//
// An alias to a zone that is not served here stands for a service of the cloud itself, which is up. A target that has
// gone, or that leads back to the alias, has no healthy record.
func (w *walk) healthy(set *recordSet, r *record, path []*recordSet) bool {
	if r.HealthCheck != "" && !w.checkHealthy(r.HealthCheck) {
		return false
	}
	if r.Alias == nil || !r.Alias.EvaluateTargetHealth {
		return true
	}
	path = append(path, set)
	z, target := w.target(set, r)
	switch {
	case z == nil:
		return true
	case target == nil, slices.Contains(path, target):
		return false
	}
	return slices.ContainsFunc(target.records, func(t *record) bool { return w.healthy(target, t, path) })
}
