package certificate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// DNS is what can be seen of the zone from here.
type DNS struct {
	// Server is host:port of the name server that is asked for everything; "" asks those that the zone is delegated to,
	// found by the system's resolver.
	Server string
}

// authoritative lists the servers that an authority will ask for names of the zone.
func (d DNS) authoritative(ctx context.Context, zone string) ([]string, error) {
	if d.Server != "" {
		return []string{d.Server}, nil
	}
	found, err := net.DefaultResolver.LookupNS(ctx, zone)
	if err != nil {
		return nil, fmt.Errorf("find the name servers of %s: %w", zone, err)
	}
	var servers []string
	for _, ns := range found {
		addresses, err := net.DefaultResolver.LookupHost(ctx, ns.Host)
		if err != nil || len(addresses) == 0 {
			return nil, fmt.Errorf("find the address of %s, a name server of %s: %w", ns.Host, zone, err)
		}
		servers = append(servers, net.JoinHostPort(addresses[0], "53"))
	}
	return servers, nil
}

// recursive is a server that follows aliases and delegations.
func (d DNS) recursive() (string, error) {
	if d.Server != "" {
		return d.Server, nil
	}
	conf, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil || len(conf.Servers) == 0 {
		return "", fmt.Errorf("find the system's name server: %w", cmp.Or(err, errors.New("none is configured")))
	}
	return net.JoinHostPort(conf.Servers[0], conf.Port), nil
}

// ask puts one question. That there is no such name is no error.
func ask(ctx context.Context, server, name string, kind uint16) ([]dns.RR, error) {
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	c := &dns.Client{}
	in, _, err := c.ExchangeContext(ctx, q, server)
	if err == nil && in.Truncated {
		c.Net = "tcp"
		in, _, err = c.ExchangeContext(ctx, q, server)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("ask %s for %s of %s: %w", server, dns.TypeToString[kind], name, err)
	case in.Rcode != dns.RcodeSuccess && in.Rcode != dns.RcodeNameError:
		return nil, fmt.Errorf("%s answered %s for %s of %s", server, dns.RcodeToString[in.Rcode], dns.TypeToString[kind], name)
	}
	return in.Answer, nil
}

// shows reports whether a server has a TXT value at a name.
func shows(ctx context.Context, server, name, value string) (bool, error) {
	answer, err := ask(ctx, server, name, dns.TypeTXT)
	return slices.ContainsFunc(answer, func(rr dns.RR) bool {
		txt, ok := rr.(*dns.TXT)
		return ok && strings.Join(txt.Txt, "") == value
	}), err
}

// caa finds the CAA records that bind whoever issues for a name, and where they are: at the name, else at the nearest one
// above it that has any (RFC 8659, section 3). The server follows aliases.
func (d DNS) caa(ctx context.Context, name string) (at string, records []*dns.CAA, err error) {
	server, err := d.recursive()
	if err != nil {
		return "", nil, err
	}
	for at = name; at != ""; _, at, _ = strings.Cut(at, ".") {
		answer, err := ask(ctx, server, at, dns.TypeCAA)
		if err != nil {
			return "", nil, err
		}
		for _, rr := range answer {
			if c, ok := rr.(*dns.CAA); ok {
				records = append(records, c)
			}
		}
		if len(records) > 0 {
			return at, records, nil
		}
	}
	return "", nil, nil
}

// admitted reports whether records let one of an authority's names issue for a name that is no wildcard (RFC 8659, 4.2).
func admitted(records []*dns.CAA, identities []string) bool {
	bound := false
	for _, r := range records {
		if !strings.EqualFold(r.Tag, "issue") {
			continue
		}
		bound = true
		issuer, _, _ := strings.Cut(r.Value, ";")
		if slices.Contains(identities, strings.ToLower(strings.TrimSpace(issuer))) {
			return true
		}
	}
	return !bound
}
