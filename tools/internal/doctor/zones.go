package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"polygate.example/shared/topology"
)

// Resolver asks a name server. server is host:port, or "" for the one that resolves names on this machine, which asks others.
type Resolver func(ctx context.Context, q *dns.Msg, server string) (*dns.Msg, error)

// NewResolver asks server where a question names none, over UDP and, for answers that are too long, TCP.
func NewResolver(server string) Resolver {
	return func(ctx context.Context, q *dns.Msg, at string) (*dns.Msg, error) {
		if at == "" {
			at = server
		}
		c := &dns.Client{Timeout: 3 * time.Second}
		in, _, err := c.ExchangeContext(ctx, q, at)
		if err == nil && in.Truncated {
			c.Net = "tcp"
			in, _, err = c.ExchangeContext(ctx, q, at)
		}
		return in, err
	}
}

// SystemResolver asks the first name server of /etc/resolv.conf.
func SystemResolver() Resolver {
	conf, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err == nil && len(conf.Servers) == 0 {
		err = errors.New("/etc/resolv.conf names none")
	}
	if err != nil {
		return func(context.Context, *dns.Msg, string) (*dns.Msg, error) {
			return nil, fmt.Errorf("find the system's name server: %w", err)
		}
	}
	return NewResolver(net.JoinHostPort(conf.Servers[0], conf.Port))
}

// query asks for records of a name and type; there may be none.
func (d *doctor) query(ctx context.Context, name string, typ uint16, server string) (*dns.Msg, error) {
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), typ)
	q.RecursionDesired = server == ""
	q.SetEdns0(1232, false)
	in, err := d.Resolve(ctx, q, server)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", name, err)
	}
	if in.Rcode != dns.RcodeSuccess && in.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("ask for %s: answered %s", name, dns.RcodeToString[in.Rcode])
	}
	return in, nil
}

// zone checks that a manager has the zone and, unless it is the spare, that the zone above leads to it.
func (d *doctor) zone(ctx context.Context, manager, cloud, login string, want []string, err error) Finding {
	name := d.Settings.Zone
	switch {
	case errors.Is(err, ErrNoZone):
		return Bad(d.createZone(manager), "%s has no %s of that name, and a stack creates none", cloud, d.Zones[manager].Zone)
	case err != nil:
		return refused(login, "to read the zone "+name, err)
	}
	want = hosts(want)
	have, by, err := d.delegation(ctx)
	if err != nil {
		return Bad("see that this machine can resolve names", "it exists; where it is delegated to could not be found: %v", err)
	}
	led := slices.Equal(have, want)
	if manager == d.Settings.Spare {
		if led {
			return Warn("delegate it to "+d.Settings.Manager+", or make "+manager+" the manager", "clients are led to it, and it is the spare")
		}
		return OK("a spare: nobody is led to it until %s is delegated to %s", name, strings.Join(want, ", "))
	}
	if led {
		return OK("delegated to it by %s", by)
	}
	remedy := "have whoever holds the zone above name these: " + strings.Join(want, ", ")
	if len(have) == 0 {
		return Bad(remedy, "nobody is led to it: the zone above has no NS records for %s", name)
	}
	return Bad(remedy, "nobody is led to it: by %s it is delegated to %s", by, strings.Join(have, ", "))
}

// createZone is how a zone is made at a manager.
func (d *doctor) createZone(manager string) string {
	switch manager {
	case "route53":
		return "aws route53 create-hosted-zone --name " + d.Settings.Zone + " --caller-reference $(date +%s), and delegate it"
	case "trafficmanager":
		return "az network dns zone create --resource-group " + d.Settings.TrafficManager.ZoneGroup + " --name " + d.Settings.Zone + ", and delegate it"
	}
	return "add the zone " + d.Settings.Zone + " to the account, and delegate it"
}

// delegation lists the name servers that the zone above leads to, sorted, and says who was asked. The zone's own servers
// name them too, but a resolver that was led elsewhere never asks those.
func (d *doctor) delegation(ctx context.Context) (servers []string, at string, err error) {
	zone := d.Settings.Zone
	for _, parent := range d.parents(ctx, zone) {
		in, err := d.query(ctx, zone, dns.TypeNS, parent.address)
		if err != nil {
			continue
		}
		if found := nameServers(in, zone); len(found) > 0 || in.Authoritative {
			return found, parent.name, nil
		}
	}
	in, err := d.query(ctx, zone, dns.TypeNS, "") // those above do not answer this machine
	if err != nil {
		return nil, "", err
	}
	return nameServers(in, zone), "this machine's resolver", nil
}

type server struct{ name, address string }

// parents are a few name servers of the closest zone above, with their addresses.
func (d *doctor) parents(ctx context.Context, zone string) []server {
	for _, above, more := strings.Cut(zone, "."); more; _, above, more = strings.Cut(above, ".") {
		in, err := d.query(ctx, above, dns.TypeNS, "")
		if err != nil {
			return nil
		}
		var out []server
		for _, name := range nameServers(in, above) {
			a, err := d.query(ctx, name, dns.TypeA, "")
			if err != nil {
				continue
			}
			for _, rr := range a.Answer {
				if a, isA := rr.(*dns.A); isA && len(out) < 3 {
					out = append(out, server{name, a.A.String() + ":53"})
				}
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// nameServers are the NS records of a name in an answer or a referral, sorted.
func nameServers(in *dns.Msg, name string) []string {
	var out []string
	for _, rr := range slices.Concat(in.Answer, in.Ns) {
		if ns, isNS := rr.(*dns.NS); isNS && dns.CanonicalName(ns.Hdr.Name) == dns.CanonicalName(name) {
			out = append(out, ns.Ns)
		}
	}
	return hosts(out)
}

// hosts are names in lower case without a dot at the end, sorted, each once.
func hosts(names []string) []string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		out = append(out, strings.ToLower(strings.TrimSuffix(n, ".")))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// zones are the checks of DNS that need no account.
func (d *doctor) zones() []Own {
	if d.Resolve == nil {
		return []Own{{Name: "zone " + d.Settings.Zone, Run: func(context.Context) Finding { return Skip("the local clouds are not running") }}}
	}
	out := []Own{{Name: "CAA of " + d.Settings.Hostname, Run: d.caa}}
	if d.Local {
		out = append(out, Own{Name: "zone " + d.Settings.Zone, Run: func(ctx context.Context) Finding {
			in, err := d.query(ctx, d.Settings.Zone, dns.TypeNS, "")
			if err != nil {
				return Bad("polygate local start -s "+d.Settings.Environment, "%v", err)
			}
			if found := nameServers(in, d.Settings.Zone); len(found) > 0 {
				return OK("answered, by %s", strings.Join(found, ", "))
			}
			return Bad("polygate local stop -s "+d.Settings.Environment+", and start again", "the local DNS has no such zone")
		}})
	}
	return out
}

// caa looks whether every authority that the stack's certificates come from may issue for its names: all of them for the shared
// one, and for a region's own name those of its provider. The closest name at or above that has CAA records decides, and without any
// every authority may (RFC 8659, section 3).
func (d *doctor) caa(ctx context.Context) Finding {
	asked := map[string][]string{}
	at, issuers, err := d.relevant(ctx, d.Settings.Hostname, asked)
	if err != nil {
		return Bad("see that this machine can resolve names", "%v", err)
	}
	var said, remedies []string
	look := func(at string, issuers []string, who []Issuer) {
		var lacking, wanted []string
		for _, i := range who {
			if len(i.Names) > 0 && !slices.ContainsFunc(i.Names, func(n string) bool { return slices.Contains(issuers, n) }) {
				lacking, wanted = append(lacking, i.Provider), append(wanted, i.Names[0])
			}
		}
		if len(lacking) > 0 {
			said = append(said, fmt.Sprintf("that of %s admits %s, and not the authorities of %s", at, listed(issuers), strings.Join(lacking, ", ")))
			remedies = append(remedies, fmt.Sprintf("add to the CAA records of %s: issue %s", at, strings.Join(wanted, ", issue ")))
		}
	}
	decided := map[string]bool{}
	if at != "" {
		everybody := slices.Clone(d.Issuers)
		for _, m := range []string{d.Settings.Manager, d.Settings.Spare} {
			everybody = append(everybody, Issuer{Provider: m, Names: d.Zones[m].Issuers})
		}
		look(at, issuers, everybody)
		decided[at] = true
	}
	for _, i := range d.Issuers {
		for _, host := range i.Hosts {
			own, admitted, err := d.relevant(ctx, host, asked)
			if err != nil {
				return Bad("see that this machine can resolve names", "%v", err)
			}
			if own != "" && !decided[own] {
				look(own, admitted, []Issuer{i})
				decided[own] = true
			}
		}
	}
	switch {
	case len(said) > 0:
		top, _, err := d.relevant(ctx, d.Settings.Zone, asked)
		if err != nil {
			return Bad("see that this machine can resolve names", "%v", err)
		}
		return Bad(strings.Join(remedies, "; ")+d.written(top == d.Settings.Zone), "%s", strings.Join(said, "; "))
	case len(decided) == 0:
		return OK("there is none: every authority may issue")
	}
	return OK("that of %s admits the authorities in use: %s", strings.Join(slices.Sorted(maps.Keys(decided)), ", "), strings.Join(issuers, ", "))
}

// written is how polygate:caa would mend what is said of CAA. It writes a set of its own at the zone's top, which no manager overwrites:
// one that is there has to go first, unless the stack itself has written it.
func (d *doctor) written(there bool) string {
	zone := d.Settings.Zone
	switch {
	case there && d.Settings.CAA:
		return "; where this stack has written those of " + zone + " (polygate:caa), polygate up writes them anew; where somebody else has, it fails until they are removed"
	case there:
		return "; or remove those of " + zone + " and of names below first, and set polygate:caa, which writes a set for all of it"
	case d.Settings.CAA:
		return "; or take out those of names below " + zone + ", where polygate up writes them all (polygate:caa)"
	}
	return "; or set polygate:caa, which writes them all at the top of " + zone + ", and take out those of names below"
}

// listed are names for a message, nobody where there are none.
func listed(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}

// relevant is the name at or above one whose CAA records decide, and the authorities these admit; "" is no name. asked is what was
// found before, nil at names without any.
func (d *doctor) relevant(ctx context.Context, host string, asked map[string][]string) (at string, issuers []string, err error) {
	for name, more := host, true; more; _, name, more = strings.Cut(name, ".") {
		if d.Local && !dns.IsSubDomain(d.Settings.Zone, name) {
			return "", nil, nil // the local DNS knows nothing of the zones above
		}
		admitted, known := asked[name]
		if !known {
			in, err := d.query(ctx, name, dns.TypeCAA, "")
			if err == nil && in.Rcode == dns.RcodeNameError && !strings.Contains(name, ".") && !d.Local { // a resolver that sees the world has it
				err = fmt.Errorf("ask for %s: there is no such name, says a resolver that does not know the internet's", name)
			}
			if err != nil {
				return "", nil, err
			}
			for _, rr := range in.Answer {
				if c, isCAA := rr.(*dns.CAA); isCAA {
					if admitted == nil {
						admitted = []string{}
					}
					if issuer, _, _ := strings.Cut(c.Value, ";"); strings.EqualFold(c.Tag, "issue") && strings.TrimSpace(issuer) != "" {
						admitted = append(admitted, strings.ToLower(strings.TrimSpace(issuer)))
					}
				}
			}
			if admitted != nil {
				admitted = hosts(admitted)
			}
			asked[name] = admitted
		}
		if admitted != nil {
			return name, admitted, nil
		}
	}
	return "", nil, nil
}

// deployedAs finds a region by its name.
func deployedAs(name string) func(topology.Region) bool {
	return func(r topology.Region) bool { return r.Name == name }
}
