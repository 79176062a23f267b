package gateway

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// maxNetworks is the most that one list may have: they are looked at one by one.
const maxNetworks = 1_000

// IP lets requests pass by the address of the client, as the front recorded it: never by a header that a client can write. An
// address that is denied does not pass; where Allow has any, one that is in none of them does not either.
type IP struct {
	Allow []string `json:"allow,omitempty"` // CIDR prefixes or single addresses
	Deny  []string `json:"deny,omitempty"`
}

func (p *IP) check(r *report, at Pointer) {
	if len(p.Allow) == 0 && len(p.Deny) == 0 {
		r.value(at, "neither allow nor deny has a network", "list some under one of them")
	}
	for _, list := range []struct {
		key   string
		given []string
	}{{"allow", p.Allow}, {"deny", p.Deny}} {
		at := at.Key(list.key)
		if len(list.given) > maxNetworks {
			r.value(at, fmt.Sprintf("there are %d networks", len(list.given)), fmt.Sprintf("keep to %d", maxNetworks))
			continue
		}
		for i, text := range list.given {
			if _, err := ParseNetwork(text); err != nil {
				r.value(at.Index(i), fmt.Sprintf("network %s %v", quote(text), err), `write an address or a prefix, such as "192.0.2.0/24" or "2001:db8::/32"`)
			}
		}
	}
}

func (*IP) secrets() []string { return nil }
func (*IP) parts() []Part     { return nil }
func (*IP) caller() callerUse { return callerUnused }

// ParseNetwork reads a CIDR prefix, or an address as the prefix of it alone. The bits after a prefix have to be zero: otherwise
// it is not clear what is meant.
func ParseNetwork(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		switch {
		case err != nil:
			return netip.Prefix{}, errors.New("cannot be read")
		case a.Zone() != "":
			return netip.Prefix{}, errors.New("has a zone, which no client's address has here")
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, errors.New("cannot be read")
	case p.Addr().Is4In6():
		return netip.Prefix{}, errors.New("is IPv4 in the form of IPv6")
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("has bits after its prefix: %s, or the address alone, is meant", p.Masked())
	}
	return p, nil
}

var _ kind = (*IP)(nil)
