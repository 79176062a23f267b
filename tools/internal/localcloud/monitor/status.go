package monitor

import (
	"fmt"
	"strings"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe"
)

// Status is the monitor status of an endpoint or a profile. Source: "Traffic Manager endpoint monitoring", Endpoint and
// profile status.
type Status string

// The statuses there are. Of those of endpoints, Online, CheckingEndpoint and Unmonitored may be in an answer.
const (
	Online           Status = "Online"
	Degraded         Status = "Degraded"
	Disabled         Status = "Disabled"
	Inactive         Status = "Inactive"
	CheckingEndpoint Status = "CheckingEndpoint"
	Checking         Status = "CheckingEndpoints" // of a profile
	Stopped          Status = "Stopped"
	Unmonitored      Status = "Unmonitored" // always served
)

// serves reports whether an endpoint of the status is answered while others are, too.
func (s Status) serves() bool { return s == Online || s == CheckingEndpoint || s == Unmonitored }

// table is one set of profiles and the probing of their endpoints.
type table struct {
	order   []plane.Profile
	byID    map[string]plane.Profile // by foldID
	byName  map[string]plane.Profile
	watches map[string]*watch // by watchKey
	known   map[string]Status // by watchKey: what counts in place of the probing; nil where that does
}

// foldID makes the spellings of an ARM id one.
func foldID(id string) string { return strings.ToLower(id) }

// maxDepth is how deep profiles nest. Source: "Traffic Manager FAQ", How many layers of nesting.
const maxDepth = 10

// monitored reports whether an endpoint is probed: nested ones, disabled ones and those that always serve are not.
func monitored(p plane.Profile, e plane.Endpoint) bool {
	return !p.Disabled && !e.Disabled && !e.AlwaysServe && e.Profile == ""
}

// watching finds a probing of a target, whatever its settings.
func (t *table) watching(target string) *watch {
	for _, w := range t.watches {
		if strings.EqualFold(w.target.Dial, target) {
			return w
		}
	}
	return nil
}

// endpoint is the monitor status of an endpoint. Nested ones take theirs from the child. Source: "Traffic Manager FAQ", How does
// Traffic Manager compute the health of a nested endpoint in a parent profile.
func (t *table) endpoint(p plane.Profile, e plane.Endpoint, depth int) Status {
	switch {
	case e.Disabled:
		return Disabled
	case p.Disabled:
		return Inactive
	case e.Profile != "":
		return t.nested(e, depth)
	case e.AlwaysServe:
		return Unmonitored
	}
	key := watchKey(p, e)
	if s, ok := t.known[key]; ok {
		return s
	}
	if w := t.watches[key]; w != nil {
		return w.Status()
	}
	return CheckingEndpoint
}

// Freeze keeps the profiles as they are now, with the status of their endpoints, in place of what was kept before. Names are answered by
// it while Options.Stale says so; probing goes on, and Profiles and Checks tell what comes of it.
func (m *Monitor) Freeze() {
	t := m.served.Load()
	if t == nil {
		return
	}
	kept := *t
	kept.known = make(map[string]Status, len(t.watches))
	for key, w := range t.watches {
		kept.known[key] = w.Status()
	}
	m.frozen.Store(&kept)
}

// answering is the table that names are answered by; nil once closed.
func (m *Monitor) answering() *table {
	t := m.served.Load()
	if kept := m.frozen.Load(); t != nil && kept != nil && m.stale() {
		return kept
	}
	return t
}

func (t *table) nested(e plane.Endpoint, depth int) Status {
	child, ok := t.byID[foldID(e.Profile)]
	if !ok || depth >= maxDepth {
		return Stopped
	}
	switch t.profile(child, depth+1) {
	case Disabled, Inactive:
		return Stopped
	}
	online, checking := t.children(child, depth+1)
	switch least := max(1, e.MinChildren); {
	case online >= least:
		return Online
	case online+checking >= least:
		return CheckingEndpoint
	default:
		return Degraded
	}
}

// children counts a profile's endpoints that are online and those that are being checked.
func (t *table) children(p plane.Profile, depth int) (online, checking int) {
	for _, e := range p.Endpoints {
		switch t.endpoint(p, e, depth) {
		case Online, Unmonitored:
			online++
		case CheckingEndpoint:
			checking++
		}
	}
	return online, checking
}

// profile is the monitor status of a profile.
func (t *table) profile(p plane.Profile, depth int) Status {
	if p.Disabled {
		return Disabled
	}
	found := map[Status]bool{}
	for _, e := range p.Endpoints {
		found[t.endpoint(p, e, depth)] = true
	}
	switch {
	case found[Degraded]:
		return Degraded
	case found[Online] || found[Unmonitored]:
		return Online
	case found[CheckingEndpoint]:
		return Checking
	default:
		return Inactive
	}
}

// EndpointID is the ARM id of an endpoint, by which its status is known.
func EndpointID(p plane.Profile, e plane.Endpoint) string {
	kind := "externalEndpoints"
	if e.Profile != "" {
		kind = "nestedEndpoints"
	}
	return p.ID + "/" + kind + "/" + e.Name
}

// ProfileStatus is how a profile and its endpoints are.
type ProfileStatus struct {
	Name      string            `json:"name"` // in DNS
	Method    string            `json:"method"`
	Status    Status            `json:"status"`
	Endpoints map[string]Status `json:"endpoints"` // by name
}

// Profiles tells how the profiles are, in the order in which they were made.
func (m *Monitor) Profiles() []ProfileStatus {
	t := m.served.Load()
	if t == nil {
		return nil
	}
	var out []ProfileStatus
	for _, p := range t.order {
		st := ProfileStatus{Name: p.Name, Method: p.Method, Status: t.profile(p, 0), Endpoints: map[string]Status{}}
		for _, e := range p.Endpoints {
			st.Endpoints[e.Name] = t.endpoint(p, e, 0)
		}
		out = append(out, st)
	}
	return out
}

// Checks tells about every endpoint, by its ARM id, as a checker does about its checks.
func (m *Monitor) Checks() map[string]probe.Status {
	t := m.served.Load()
	if t == nil {
		return nil
	}
	out := map[string]probe.Status{}
	for _, p := range t.order {
		for _, e := range p.Endpoints {
			id, status := EndpointID(p, e), t.endpoint(p, e, 0)
			st := probe.Status{Healthy: status.serves(), Of: 1}
			if st.Healthy {
				st.Passing = 1
			}
			if w := t.watches[watchKey(p, e)]; w != nil && monitored(p, e) {
				st = w.detail()
			}
			st.ID, st.Why = id, fmt.Sprintf("the endpoint is %s in the profile %s", status, p.Name)
			out[id] = st
		}
	}
	return out
}
