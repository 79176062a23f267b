package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
	"polygate.example/tools/client"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/drill"
	"polygate.example/tools/internal/drill/lever"
	"polygate.example/tools/internal/drill/witness"
	"polygate.example/tools/internal/localcloud"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/localcloud/place"
	"polygate.example/tools/internal/lock"
	"polygate.example/tools/internal/prober"
	"polygate.example/tools/internal/status"
	"polygate.example/tools/internal/store"
)

// What breaks what a drill breaks.
const (
	byClouds   = "clouds"
	byFunction = "function"
)

// drillLease is how long a drill whose process has died keeps others out.
const drillLease = 15 * time.Second

// drillSeat is where drills of a stack are run from.
type drillSeat struct {
	settings  settings.Settings
	topology  topology.Topology
	speed     float64
	stores    []*store.Store
	lever     drill.Lever   // that drills of here pull
	function  bool          // it is the gateway's own
	levers    []drill.Lever // all that anybody may have pulled
	control   *seat
	manager   control.Manager
	look      looking
	local     *localcloud.State // nil on real clouds
	front     string
	shows     []tls.Certificate // by the shared name
	resolvers []status.Server   // that clients ask in turn; none: the system's, or the local clouds' name server
	ends      []func() error
}

// sitForDrills takes the seat of the environment.
func (a *app) sitForDrills(ctx context.Context, by string) (*drillSeat, error) {
	s, err := a.settings()
	if err != nil {
		return nil, err
	}
	t, err := a.loadTopology(ctx, s)
	if err != nil {
		return nil, err
	}
	return a.drillSeat(ctx, s, t, by)
}

// drillSeat connects to all that a drill needs.
func (a *app) drillSeat(ctx context.Context, s settings.Settings, t topology.Topology, by string) (*drillSeat, error) {
	at := &drillSeat{settings: s, topology: t, speed: 1}
	var err error
	if at.shows, err = a.asClient(t); err != nil {
		return nil, err
	}
	if s.LocalClouds != nil {
		st, err := a.cloudState(ctx)
		if err != nil {
			return nil, err
		}
		at.local, at.speed = &st, st.Speed
	}
	if at.control, err = a.seat(ctx, s, t); err != nil {
		return nil, err
	}
	if at.manager, err = at.control.manager(ctx, t.Manager); err != nil {
		return nil, err
	}
	if at.look, err = a.looker(ctx, s); err != nil {
		return nil, err
	}
	if at.front, err = a.frontSecret(ctx, s); err != nil {
		return nil, err
	}
	if at.stores, err = a.stores(ctx, s, &t); err != nil {
		return nil, err
	}
	if by == "" {
		by = map[bool]string{true: byClouds, false: byFunction}[at.local != nil]
	}
	function, err := at.leased(ctx)
	if err != nil {
		return nil, errors.Join(err, at.close())
	}
	if at.local != nil { // first, as it may be what has an API refuse the others
		at.levers = append(at.levers, lever.NewLocal(localcloud.NewClient(*at.local)))
	}
	at.levers = append(at.levers, function)
	switch {
	case by == byClouds && at.local != nil:
		at.lever = at.levers[0]
	case by == byFunction:
		at.lever, at.function = function, true
	case by == byClouds:
		return nil, usageError{errors.New("--by clouds is for local clouds: on real ones the gateway itself obeys a lease (--by function)")}
	default:
		return nil, usageError{fmt.Errorf("--by is %q: want %s or %s", by, byClouds, byFunction)}
	}
	return at, nil
}

// leased connects to the levers of all providers.
func (at *drillSeat) leased(ctx context.Context) (drill.Lever, error) {
	levers := map[string]control.Lever{}
	for _, name := range at.control.providers() {
		p, done, err := at.control.provider(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		at.ends = append(at.ends, done)
		l, ok := p.(control.Lever)
		if !ok {
			return nil, fmt.Errorf("%s has no lever for its functions", name)
		}
		levers[name] = l
	}
	return lever.NewLeased(at.topology, levers, at.speed), nil
}

// inForce is what all levers have broken. What is known of some comes with the error about others.
func (at *drillSeat) inForce(ctx context.Context) ([]drill.InForce, error) {
	var out []drill.InForce
	var errs []error
	for _, l := range at.levers {
		some, err := l.InForce(ctx)
		out, errs = append(out, some...), append(errs, err)
	}
	return out, errors.Join(errs...)
}

// close ends the connections.
func (at *drillSeat) close() error {
	var errs []error
	for _, end := range at.ends {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}

// client makes a client that remembers nothing and is nowhere in particular.
func (at *drillSeat) client(timeout time.Duration) (*client.Client, error) {
	o, err := at.clients()
	if err != nil {
		return nil, err
	}
	resolver, err := client.NewResolver(client.ResolverOptions{Server: o.Server, Speed: at.speed})
	if err != nil {
		return nil, err
	}
	return client.New(client.Options{Resolver: resolver, RootCAs: o.RootCAs, Certificates: o.Certificates, Timeout: timeout, Address: o.Address})
}

// realPatience is how long a real cloud may take to mend: Google builds a function anew (see control/cloudfunctions).
const realPatience = 20 * time.Minute

// clientTimeout is how long a client waits for an answer, wall time.
const clientTimeout = 3 * time.Second

// clients are how clients reach the stack, and which there are: on local clouds one at each place, on real ones some on this machine. Beside
// those that the bound is for there are some that hold on to answers and connections, or try again.
func (at *drillSeat) clients() (prober.Options, error) {
	o := prober.Options{Timeout: clientTimeout, Certificates: at.shows}
	others := []prober.Client{
		{Name: "keeps connections", Reuse: true},
		{Name: "tries again", Retries: 2},
		{Name: "holds answers", Resolver: prober.Hold, Hold: 5 * time.Minute},
		{Name: "serves stale", Resolver: prober.ServeStale},
	}
	resolvers := at.resolvers
	if at.local == nil {
		if len(resolvers) == 0 {
			var err error
			if resolvers, err = status.SystemResolvers(); err != nil {
				return o, err
			}
		}
		o.Server = resolvers[0].Address
		for i := range max(8, 2*len(resolvers)) {
			o.Clients = append(o.Clients, prober.Client{Name: fmt.Sprintf("client %d", i+1)})
		}
		o.Clients = append(o.Clients, others...)
		for i := range o.Clients { // as most real clients: both families, and each by the resolver that it happens to have
			c := &o.Clients[i]
			by := resolvers[i%len(resolvers)]
			c.IPv6, c.Server, c.Name = true, by.Address, c.Name+" by "+by.Name
		}
		return o, nil
	}
	edge, err := netip.ParseAddrPort(at.local.Edge)
	if err != nil {
		return o, fmt.Errorf("the local clouds' edge: %w", err)
	}
	if o.RootCAs, err = pki.Roots(at.local.CA); err != nil {
		return o, err
	}
	o.Server = at.local.DNS
	o.Address = func(_ []string, ip netip.Addr, _ int) (netip.AddrPort, error) {
		return netip.AddrPortFrom(ip, edge.Port()), nil
	}
	places := place.Clients()
	for _, p := range places {
		o.Clients = append(o.Clients, prober.Client{Name: p.Code, Source: p.Source(), Subnet: p.Subnet()})
	}
	for i, c := range others {
		p := places[i%len(places)]
		c.Source, c.Subnet = p.Source(), p.Subnet()
		o.Clients = append(o.Clients, c)
	}
	for i, by := range resolvers {
		p := places[i%len(places)]
		o.Clients = append(o.Clients, prober.Client{Name: p.Code + " by " + by.Name, Server: by.Address, Source: p.Source(), Subnet: p.Subnet()})
	}
	return o, nil
}

// servers are the name servers that are asked for the shared name past all resolvers: on local clouds by a client of each place.
func (at *drillSeat) servers(ctx context.Context, resolver string) ([]prober.Server, error) {
	var out []prober.Server
	if at.local != nil {
		for _, p := range place.Clients() {
			out = append(out, prober.Server{Name: p.Code, Address: at.local.DNS, Subnet: p.Subnet()})
		}
		return out, nil
	}
	found, err := status.FindServers(ctx, resolver, at.topology.Zone)
	if err != nil {
		return nil, fmt.Errorf("find the name servers of %s: %w", at.topology.Zone, err)
	}
	for _, s := range found {
		out = append(out, prober.Server{Name: s.Name, Address: s.Address})
	}
	return out, nil
}

// addresses are the regions that an address stands for.
func (at *drillSeat) addresses(ctx context.Context, server string) map[string][]string {
	out := map[string][]string{}
	resolver, err := client.NewResolver(client.ResolverOptions{Server: server, Speed: at.speed})
	if err != nil {
		return out
	}
	for _, r := range at.topology.Regions {
		answer, err := resolver.Lookup(ctx, r.Hostname)
		if err != nil {
			continue // it is not well, and the prechecks say so
		}
		for _, ip := range answer.Addrs {
			out[ip.String()] = append(out[ip.String()], r.Name)
		}
	}
	return out
}

// world is the stack as the drill of an id sees it.
func (at *drillSeat) world(ctx context.Context, a *app, held *lock.Lock, id string) (drill.World, error) {
	w := drill.World{
		Environment: a.stack, Topology: at.topology, Speed: at.speed, Lever: at.lever, Manager: at.manager.Regions, Every: 5 * time.Second,
		Lost: held.Lost(), LostWhy: held.Err, Token: held.Token(), Tell: a.step, Look: at.see,
	}
	var err error
	if w.Clients, err = at.clients(); err != nil {
		return w, err
	}
	if w.DNS.Servers, err = at.servers(ctx, w.Clients.Server); err != nil {
		return w, err
	}
	w.DNS.Every, w.Addresses = 2*time.Second, at.addresses(ctx, w.Clients.Server)
	w.Patience = realPatience
	if at.local != nil {
		w.Patience = 0
		w.Every, w.DNS.Every = 100*time.Millisecond, 100*time.Millisecond
	}
	witness := at.witness()
	if at.function {
		witness.Drill = id
	}
	w.Evidence = witness.Look
	return w, nil
}

// witness looks past the traffic manager.
func (at *drillSeat) witness() witness.Witness {
	return witness.Witness{Topology: at.topology, Client: at.client, Front: at.front, Speed: at.speed, InForce: at.lever.InForce, API: func(ctx context.Context, target string) error {
		if target == at.topology.Manager {
			_, err := at.manager.Regions(ctx)
			return err
		}
		p, done, err := at.control.provider(ctx, target)
		if err != nil {
			return err
		}
		_, err = p.Functions(ctx)
		return errors.Join(err, done())
	}}
}

// see is one look at the stack as prechecks want it.
func (at *drillSeat) see(ctx context.Context) (drill.Look, error) {
	r, err := at.look(ctx)
	if err != nil {
		return drill.Look{}, err
	}
	out := drill.Look{Well: map[string]bool{}, Drained: map[string]bool{}, Releases: map[string]string{}, Models: map[string]string{}, Artefacts: map[string]string{}, Checks: r.Checks}
	for _, reg := range r.Regions {
		m := reg.Manager
		out.Drained[reg.Name] = reg.Drained || reg.Off || m != nil && m.Drained
		out.Well[reg.Name] = reg.Healthy && (m == nil || m.Healthy || m.Drained) && (reg.Function == nil || reg.Function.Ready)
		if reg.Healthy {
			out.Releases[reg.Name], out.Models[reg.Name], out.Artefacts[reg.Name] = reg.Release, reg.Model, reg.Digest
		}
	}
	return out, nil
}

// now is what goes on.
func (at *drillSeat) now(ctx context.Context, a *app) (drillStatus, error) {
	st := drillStatus{Environment: a.stack, Faults: []faultStatus{}}
	if held := lock.Show(ctx, at.stores, time.Now()); held.Holder != nil {
		h := held.Holder
		st.Operation = fmt.Sprintf("%s by %s since %s (token %d)", h.Purpose, h.Owner, h.Since.Format(time.RFC3339), h.Token)
		if held.Ended {
			st.Operation += ", which has died: its lease is over"
		}
	}
	f, stores, err := at.leverNow(ctx)
	if err != nil {
		return st, fmt.Errorf("see whether the emergency lever is engaged: %w", err)
	}
	if f.Engaged {
		st.Lever = "engaged: " + f.String()
	}
	inForce, unseen := at.inForce(ctx)
	if unread := stores.unread(); unread != nil {
		st.LeverUnread = oneLine(unread)
	}
	if unseen != nil {
		st.Unseen = oneLine(unseen)
	}
	for _, f := range inForce {
		st.Faults = append(st.Faults, faultStatus{f.Fault.String(), f.Drill, f.Left.Seconds()})
	}
	all, err := drill.History(a.drillDir())
	if err != nil || len(all) == 0 {
		return st, err
	}
	last := all[len(all)-1]
	st.Last = last.ID
	switch {
	case last.Ended != nil:
		st.LastVerdict = last.Ended.Verdict
	case died(last):
		st.LastVerdict = "died"
	}
	if events, err := drill.Events(last.Dir); err == nil && len(events) > 0 {
		st.LastEvent = strings.TrimSpace(events[len(events)-1].Name)
	}
	return st, nil
}
