package dns

import (
	"maps"
	"slices"
)

// frozen is what the servers of a manager knew at one moment.
type frozen struct {
	zones  []*zone
	health map[string]bool // of the health checks that their records have
}

// Freeze keeps what the servers of a manager know now, zones and health, in place of what was kept before. They answer by it while
// Options.Stale says so: then neither changes of records nor of health reach them. Which manager's servers clients are led to is the zone
// above's to say, and goes on changing.
func (s *Server) Freeze(manager string) {
	f := &frozen{health: map[string]bool{}}
	for _, z := range s.zones.Load().zones {
		if z.manager != manager {
			continue
		}
		f.zones = append(f.zones, z)
		for _, set := range z.sets {
			for _, r := range set.records {
				if id := r.HealthCheck; id != "" {
					f.health[id] = s.health(id)
				}
			}
		}
	}
	s.frozen.Store(manager, f)
}

// known is what the servers go by now: all there is, but for managers that are stale what those knew.
func (s *Server) known() (*zoneSet, func(checkID string) bool) {
	now := s.zones.Load()
	stale := map[string]*frozen{}
	s.frozen.Range(func(manager, f any) bool {
		if s.stale(manager.(string)) {
			stale[manager.(string)] = f.(*frozen)
		}
		return true
	})
	if len(stale) == 0 {
		return now, s.health
	}
	zones := slices.DeleteFunc(slices.Clone(now.zones), func(z *zone) bool { return stale[z.manager] != nil })
	health := map[string]bool{}
	for _, f := range stale {
		maps.Copy(health, f.health)
		for _, z := range f.zones {
			was := *z
			if live := now.byID[z.id]; live != nil {
				was.away = live.away
			}
			zones = append(zones, &was)
		}
	}
	return inOrder(zones), func(id string) bool {
		if healthy, ok := health[id]; ok {
			return healthy
		}
		return s.health(id)
	}
}
