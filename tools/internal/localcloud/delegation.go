package localcloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/cloudflare"
	"polygate.example/tools/internal/localcloud/fault"
	"polygate.example/tools/internal/localcloud/plane"
)

// Delegation says which manager's servers the clients of a zone are led to: what is set at whoever holds the zone above it.
type Delegation struct {
	Zone    string `json:"zone"`
	Manager string `json:"manager"` // route53, trafficmanager or cloudflare
}

// delegationNote is the key under which the store keeps a zone's manager.
func delegationNote(zone string) string { return "delegation/" + zone }

// delegate marks the zones that nobody is led to. One of the zones of a name is delegated: the one that was said, else the one
// the clouds were started with first. It does not wait for what resolvers remember of the servers before, which in production
// they do for the TTL of the NS records in the zone above, often two days.
//
// The first deployment says it: from then on the zone above names the manager that it wrote to, as it would in production, and
// another manager in the stack file changes nothing there.
func (c *Clouds) delegate(zones []plane.Zone) error {
	to := map[string]string{}
	var problems []error
	for name, managers := range managersOf(zones) {
		to[name] = c.delegated(name, managers)
		if _, said := c.store.Note(delegationNote(name)); said {
			continue
		}
		if holds(zones, name, to[name]) {
			problems = append(problems, c.store.SetNote(delegationNote(name), to[name]))
			continue
		}
		// Nothing is said by a spare's zone that a first deployment writes to before it does to the manager's.
		if i := slices.IndexFunc(managers, func(m string) bool { return holds(zones, name, m) }); i >= 0 {
			to[name] = managers[i]
		}
	}
	for i, z := range zones {
		zones[i].Undelegated = z.Manager != "" && z.Manager != to[z.Name]
	}
	return errors.Join(problems...)
}

// activationCheck is how long after a change of the delegation Cloudflare looks at it: "The first check occurs after 60 seconds".
// Source: "Zone status", developers.cloudflare.com/dns/zone-setups/reference/domain-status.
const activationCheck = 60 * time.Second

// activations are the looks at delegations that Cloudflare has yet to take.
type activations struct {
	ctx   context.Context // ends with the clouds
	under sync.WaitGroup
	mu    sync.Mutex
	looks map[string]bool // by zone
}

// followDelegation has Cloudflare look after a while at each zone whose status does not fit its delegation. A zone that has been
// led elsewhere has moved at once: after how many checks it does, no document says.
func (c *Clouds) followDelegation() {
	w := c.world.Load()
	for _, z := range w.Zones {
		if z.Manager != "cloudflare" || !cloudflare.Outdated(c.store.View(), z.Name, !z.Undelegated) {
			continue
		}
		after := activationCheck
		if z.Undelegated {
			after = 0
		}
		a := &c.activations
		a.mu.Lock()
		if a.looks == nil {
			a.looks = map[string]bool{}
		}
		if !a.looks[z.Name] {
			a.looks[z.Name] = true
			a.under.Go(func() { c.checkActivation(z.Name, after) })
		}
		a.mu.Unlock()
	}
}

func (c *Clouds) checkActivation(zone string, after time.Duration) {
	a := &c.activations
	whole := c.services.Clock.Sleep(a.ctx, after)
	a.mu.Lock()
	delete(a.looks, zone)
	a.mu.Unlock()
	if !whole {
		return
	}
	delegated := c.delegated(zone, managersOf(c.world.Load().Zones)[zone]) == "cloudflare"
	if err := cloudflare.CheckActivation(a.ctx, c.store, zone, delegated); err != nil && a.ctx.Err() == nil {
		c.opts.Log("checking the delegation of %s: %v", zone, err)
	}
	c.followDelegation() // it may have changed in the meantime
}

// zoneManagers are the managers of the zones of a name.
func zoneManagers(zones []Zone, name string) []string {
	var out []string
	for _, z := range zones {
		if strings.EqualFold(strings.TrimSuffix(z.Name, "."), strings.TrimSuffix(name, ".")) {
			out = append(out, z.Manager)
		}
	}
	return out
}

// holds reports whether a manager's zone has records of somebody's own.
func holds(zones []plane.Zone, name, manager string) bool {
	return slices.ContainsFunc(zones, func(z plane.Zone) bool {
		return z.Name == name && z.Manager == manager && slices.ContainsFunc(z.Records, func(r plane.Record) bool { return r.Type != "NS" && r.Type != "SOA" })
	})
}

// managersOf lists the managers of each zone, in the order of the zones.
func managersOf(zones []plane.Zone) map[string][]string {
	out := map[string][]string{}
	for _, z := range zones {
		if z.Manager != "" {
			out[z.Name] = append(out[z.Name], z.Manager)
		}
	}
	return out
}

// named is the manager that the zone above names for a zone, whether or not the clouds were started with a zone there: these are
// the managers of those they were.
func (c *Clouds) named(zone string, managers []string) string {
	zone = strings.ToLower(strings.TrimSuffix(zone, "."))
	if m, ok := c.store.Note(delegationNote(zone)); ok {
		return m
	}
	return c.delegated(zone, managers)
}

// delegated is the manager that a zone of these managers is delegated to.
func (c *Clouds) delegated(zone string, managers []string) string {
	if m, ok := c.store.Note(delegationNote(zone)); ok && slices.Contains(managers, m) {
		return m
	}
	for _, z := range c.opts.Zones {
		if strings.EqualFold(strings.TrimSuffix(z.Name, "."), zone) && slices.Contains(managers, z.Manager) {
			return z.Manager
		}
	}
	return managers[0]
}

// serveDelegation adds the call that changes a delegation.
func (c *Clouds) serveDelegation(mux *http.ServeMux) {
	mux.HandleFunc("PUT /v1/delegation", func(w http.ResponseWriter, r *http.Request) {
		var d Delegation
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&d); err != nil {
			refuse(w, fmt.Errorf("decode the delegation: %w", err))
			return
		}
		d.Zone = strings.ToLower(strings.TrimSuffix(d.Zone, "."))
		managers := managersOf(c.world.Load().Zones)[d.Zone]
		switch {
		case len(managers) == 0:
			refuse(w, fmt.Errorf("there is no zone %q", d.Zone))
			return
		case !slices.Contains(managers, d.Manager):
			refuse(w, fmt.Errorf("%s does not hold the zone %s: want %s; a stack names a second one in polygate:spare", d.Manager, d.Zone, strings.Join(managers, " or ")))
			return
		}
		if err := c.store.SetNote(delegationNote(d.Zone), d.Manager); err != nil {
			refuse(w, err)
			return
		}
		c.store.Announce()
		c.followDelegation()
		reply(w, d)
	})
}

// Delegate leads the clients of a zone to a manager's servers.
func (c *Client) Delegate(ctx context.Context, d Delegation) error {
	return c.call(ctx, http.MethodPut, "/v1/delegation", d, nil)
}

// managerFault reports whether a fault is put on a manager: on its servers, which can be lost altogether or hear of nothing new, or on
// its API.
func (c *Clouds) managerFault(f fault.Fault) (bool, error) {
	if !c.isManager(f.Target) {
		if f.Kind == fault.Stale {
			return false, fmt.Errorf("fault %q is one of a traffic manager's DNS servers, and %q is no manager that holds a zone here", f.Kind, f.Target)
		}
		return false, nil
	}
	switch f.Kind {
	case fault.Down, fault.Stale, fault.ControlPlane:
		return true, nil
	}
	return true, fmt.Errorf("%s is a manager of DNS zones, whose servers can only be %s or %s and its API %s, not %s", f.Target, fault.Down, fault.Stale, fault.ControlPlane, f.Kind)
}

// isManager reports whether a manager holds a zone here.
func (c *Clouds) isManager(name string) bool {
	return slices.ContainsFunc(c.world.Load().Zones, func(z plane.Zone) bool { return z.Manager == name && name != "" })
}
