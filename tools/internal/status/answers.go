package status

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"polygate.example/shared/topology"
)

// Server is a name server that is asked for the shared name.
type Server struct {
	Name    string `json:"server"`  // as it is known: "ns-1.awsdns-01.com", "1.1.1.1"
	Address string `json:"address"` // host:port
}

// Kinds of servers, by what they are asked as.
const (
	Authoritative = "authoritative" // of the zone as it is delegated: what they say is so
	Resolver      = "resolver"      // remembers what it was told
	Spare         = "spare"         // of the manager that nobody is led to
)

// Verdicts on an answer.
const (
	Agrees   = "agrees"    // with the authority; where several regions serve, it leads to one of these
	Differs  = "differs"   // from the first authoritative server, and is one itself or a spare's
	Stale    = "stale"     // it remembers what is not so any more
	NoAnswer = "no answer" // or none that leads anywhere
	Untold   = "untold"    // there is nothing to hold it against
)

// Answer is what one server says of the shared name.
type Answer struct {
	Server
	Kind      string   `json:"kind"`
	Region    string   `json:"region,omitempty"`      // that it leads to; "" where it names none
	Names     []string `json:"names,omitempty"`       // targets of all CNAMEs on the way
	Addresses []string `json:"addresses,omitempty"`   // at its end, sorted
	TTL       *int     `json:"ttl_seconds,omitempty"` // left of the shortest part of it
	Verdict   string   `json:"verdict"`
	Detail    string   `json:"detail,omitempty"` // what is wrong with it
}

// hops bounds how often an authority's answer leads to a name that another one holds, as with Traffic Manager's own domain.
const hops = 4

// query asks one server for the addresses of a name.
func query(ctx context.Context, server, name string, recursive bool, timeout time.Duration) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return exchange(ctx, server, name, dns.TypeA, recursive)
}

func exchange(ctx context.Context, server, name string, kind uint16, recursive bool) (*dns.Msg, error) {
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	q.RecursionDesired = recursive
	c := &dns.Client{}
	in, _, err := c.ExchangeContext(ctx, q, server)
	if err == nil && in.Truncated {
		c.Net = "tcp"
		in, _, err = c.ExchangeContext(ctx, q, server)
	}
	if err != nil {
		return nil, fmt.Errorf("ask %s for %s: %w", server, name, err)
	}
	if in.Rcode != dns.RcodeSuccess {
		return in, fmt.Errorf("%s answered %s for %s", server, dns.RcodeToString[in.Rcode], name)
	}
	return in, nil
}

// chain are the targets of all CNAMEs of an answer.
func chain(in *dns.Msg) []string {
	var names []string
	for _, rr := range in.Answer {
		if c, ok := rr.(*dns.CNAME); ok {
			names = append(names, strings.TrimSuffix(c.Target, "."))
		}
	}
	return names
}

// take adds to an answer what a message says.
func (a *Answer) take(in *dns.Msg) {
	a.Names = append(a.Names, chain(in)...)
	for _, rr := range in.Answer {
		if left := int(rr.Header().Ttl); a.TTL == nil || left < *a.TTL {
			a.TTL = &left
		}
		if r, ok := rr.(*dns.A); ok {
			a.Addresses = append(a.Addresses, r.A.String())
		}
	}
	slices.Sort(a.Addresses)
}

// place finds the region that an answer leads to by its names.
func (a *Answer) place(t topology.Topology) {
	for _, r := range t.Regions {
		if slices.ContainsFunc(a.Names, func(n string) bool { return strings.EqualFold(n, r.Hostname) }) {
			a.Region = r.Name
		}
	}
}

// ask is one server's answer. An authority tells only what is in its zones, so that where it leads on to another's, that one is asked.
func (opts Options) ask(ctx context.Context, s Server, kind string) Answer {
	out := Answer{Server: s, Kind: kind, Verdict: Untold}
	name, at := opts.Topology.Hostname, s.Address
	for range hops {
		in, err := query(ctx, at, name, kind == Resolver, opts.Timeout)
		if err != nil {
			out.Verdict, out.Detail = NoAnswer, err.Error()
			return out
		}
		out.take(in)
		out.place(opts.Topology)
		if out.Region != "" || len(out.Addresses) > 0 || len(chain(in)) == 0 || kind == Resolver || opts.authority == nil {
			break
		}
		name = chain(in)[len(chain(in))-1]
		if at, err = opts.authority(ctx, name); err != nil {
			out.Verdict, out.Detail = NoAnswer, fmt.Sprintf("it leads on to %s: %v", name, err)
			return out
		}
	}
	if out.Region == "" && len(out.Addresses) == 0 {
		out.Verdict, out.Detail = NoAnswer, "it leads to no region: "+cmp.Or(strings.Join(out.Names, ", "), "there is no record")
	}
	return out
}

// askServers asks all servers at the same time.
func (opts Options) askServers(ctx context.Context) []Answer {
	var servers []Server
	var kinds []string
	add := func(kind string, some []Server) {
		for _, s := range some {
			servers, kinds = append(servers, s), append(kinds, kind)
		}
	}
	var out []Answer
	if opts.Authorities != nil {
		ctx, cancel := context.WithTimeout(ctx, opts.Timeout)
		found, err := opts.Authorities(ctx)
		cancel()
		if err != nil {
			out = append(out, Answer{Server: Server{Name: "servers of " + opts.Topology.Zone}, Kind: Authoritative, Verdict: NoAnswer, Detail: err.Error()})
		}
		add(Authoritative, found)
	}
	add(Resolver, opts.Resolvers)
	add(Spare, opts.Spare)
	answers := make([]Answer, len(servers))
	var wg sync.WaitGroup
	for i, s := range servers {
		wg.Go(func() { answers[i] = opts.ask(ctx, s, kinds[i]) })
	}
	wg.Wait()
	return append(out, answers...)
}

// hold answers against what the first authoritative server says, and where several regions serve, against which of them do.
func (r *Report) hold(t topology.Topology) {
	i := slices.IndexFunc(r.Answers, func(a Answer) bool { return a.Kind == Authoritative && a.Verdict != NoAnswer })
	if i < 0 {
		return
	}
	truth := r.Answers[i]
	for i := range r.Answers {
		a := &r.Answers[i]
		if a.Verdict == NoAnswer {
			continue
		}
		why := r.against(t, *a, truth)
		switch {
		case why == "":
			a.Verdict = Agrees
		case a.Kind == Resolver:
			a.Verdict, a.Detail = Stale, why+remembered(t, a.TTL)
		default:
			a.Verdict, a.Detail = Differs, why
		}
	}
}

// against says how an answer does not fit the authority's, "" where it does.
func (r *Report) against(t topology.Topology, a, truth Answer) string {
	leads := cmp.Or(a.Region, strings.Join(a.Addresses, ", "))
	instead := cmp.Or(truth.Region, strings.Join(truth.Addresses, ", "))
	other := fmt.Sprintf("it leads to %s, and the zone to %s", leads, instead)
	switch named := a.Region != "" && truth.Region != ""; {
	case !named && t.Steering == "" && len(a.Addresses) > 0 && len(truth.Addresses) > 0:
		if !slices.ContainsFunc(a.Addresses, func(ip string) bool { return slices.Contains(truth.Addresses, ip) }) {
			return other
		}
		return ""
	case !named: // by addresses alone nobody can tell one of several regions that serve from what is stale
		return ""
	case t.Steering == "" && a.Region != truth.Region:
		return other
	case t.Steering == "":
		return ""
	}
	for _, reg := range r.Regions {
		switch {
		case reg.Name != a.Region:
		case reg.out():
			return fmt.Sprintf("it leads to %s, which is to have no clients", leads)
		case reg.Manager != nil && !reg.Manager.Healthy && r.anyHealthy():
			return fmt.Sprintf("it leads to %s, which the traffic manager calls %s", leads, cmp.Or(reg.Manager.State, "unhealthy"))
		}
	}
	if group, _, _ := strings.Cut(truth.Region, "/"); t.Pattern == "multi-region" && truth.Region != "" && !strings.HasPrefix(a.Region, group+"/") {
		return fmt.Sprintf("it leads to %s, and the zone to the regions of %s", leads, group)
	}
	return ""
}

// out reports whether a region is to have no traffic, whatever its health.
func (r Region) out() bool { return r.Drained || r.Off || r.Manager != nil && r.Manager.Drained }

// anyHealthy reports whether the manager calls any region healthy that may have traffic: else it answers as if all were.
func (r *Report) anyHealthy() bool {
	return slices.ContainsFunc(r.Regions, func(reg Region) bool { return reg.Manager != nil && reg.Manager.Healthy && !reg.out() })
}

// remembered says how long an answer is kept on.
func remembered(t topology.Topology, left *int) string {
	switch {
	case left == nil:
		return ""
	case t.TTL > 0 && *left > t.TTL:
		return fmt.Sprintf("; it keeps that for %d s more, and the record lives for %d s", *left, t.TTL)
	}
	return fmt.Sprintf("; it remembers that for %d s more", *left)
}

// FindServers finds the servers of a zone, or of the zone that a name is in, as the zone above names them, and their addresses, by a resolver.
func FindServers(ctx context.Context, resolver, zone string) ([]Server, error) {
	for name := strings.TrimSuffix(zone, "."); name != ""; _, name, _ = strings.Cut(name, ".") {
		in, err := exchange(ctx, resolver, name, dns.TypeNS, true)
		if err != nil && in == nil {
			return nil, err
		}
		var names []string
		if err == nil {
			for _, rr := range in.Answer {
				if ns, ok := rr.(*dns.NS); ok && strings.EqualFold(strings.TrimSuffix(ns.Hdr.Name, "."), name) {
					names = append(names, strings.TrimSuffix(strings.ToLower(ns.Ns), "."))
				}
			}
		}
		if len(names) == 0 {
			continue
		}
		slices.Sort(names)
		var out []Server
		var errs []error
		for _, n := range names {
			in, err := exchange(ctx, resolver, n, dns.TypeA, true)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			for _, rr := range in.Answer {
				if a, ok := rr.(*dns.A); ok {
					out = append(out, Server{n, net.JoinHostPort(a.A.String(), "53")})
					break
				}
			}
		}
		if len(out) == 0 {
			return nil, fmt.Errorf("no server of %s has an address: %w", name, cmp.Or(errors.Join(errs...), errors.New("there are no records")))
		}
		return out, nil
	}
	return nil, fmt.Errorf("%s tells of no server of %s or of a zone above it", resolver, zone)
}

// ParseServer reads a server as a user names it: a name or an IP address, with a port or without, which is 53.
func ParseServer(text string) (Server, error) {
	if ip, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return Server{text, net.JoinHostPort(ip.String(), "53")}, nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = text, "53"
	}
	if n, err := net.LookupPort("udp", port); host == "" || err != nil || n == 0 || strings.ContainsAny(host, " /") {
		return Server{}, fmt.Errorf("%q is no name server: want host[:port], for example 1.1.1.1 or 127.0.0.1:15353", text)
	}
	return Server{text, net.JoinHostPort(host, port)}, nil
}
