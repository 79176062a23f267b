package dns

import (
	"errors"
	"net"
	"net/netip"

	mdns "github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/place"
)

const (
	// maxUDP is the most one UDP answer carries to a client that allows it by EDNS0. Source: Route 53 Developer Guide,
	// "DNS constraints and behaviors", "Maximum response size"; 512 bytes without EDNS0.
	maxUDP = 4096
	// maxChain ends CNAME loops; resolvers give up at about as many.
	maxChain = 16
)

// ServeDNS implements the miekg server's handler.
func (s *Server) ServeDNS(rw mdns.ResponseWriter, q *mdns.Msg) {
	var from netip.Addr
	if ap, err := netip.ParseAddrPort(rw.RemoteAddr().String()); err == nil {
		from = ap.Addr()
	}
	m, ok := s.answer(q, from)
	if !ok {
		return // nobody is there to answer: the client waits in vain
	}
	if _, udp := rw.RemoteAddr().(*net.UDPAddr); udp {
		fit(m, udpSize(q))
	}
	if err := rw.WriteMsg(m); err != nil {
		s.log.Debug("dns answer not sent", "to", rw.RemoteAddr(), "err", err)
	}
}

// udpSize is how large an answer over UDP the client takes.
func udpSize(q *mdns.Msg) int {
	if opt := q.IsEdns0(); opt != nil {
		return min(max(int(opt.UDPSize()), mdns.MinMsgSize), maxUDP)
	}
	return mdns.MinMsgSize
}

// fit makes an answer no larger than size. The name servers in the authority section are a courtesy and go first,
// without a trace; only then is the answer itself cut and marked truncated (RFC 2181, 9).
func fit(m *mdns.Msg, size int) {
	m.Compress = true
	if m.Len() > size && len(m.Answer) > 0 {
		m.Ns = nil
	}
	m.Truncate(size)
}

// answer builds the whole answer to a query. It takes any message a client can send. ok is false when the servers that should
// answer are lost.
func (s *Server) answer(q *mdns.Msg, resolver netip.Addr) (m *mdns.Msg, ok bool) {
	subnet := clientSubnet(q)
	if subnet != nil {
		if a, ok := netip.AddrFromSlice(subnet.Address); ok {
			resolver = a.Unmap()
		}
	}
	w := s.newWalk(place.Of(resolver))
	m = new(mdns.Msg)
	m.SetReply(q)
	m.Compress = true
	if opt := q.IsEdns0(); opt != nil {
		m.SetEdns0(maxUDP, opt.Do()) // the DO bit is copied even by those who sign nothing (RFC 3225, 3)
		if subnet != nil {           // the answer holds for the subnet that was asked for (RFC 7871, 7.2.1)
			own := *subnet
			own.SourceScope = own.SourceNetmask
			m.IsEdns0().Option = append(m.IsEdns0().Option, &own)
		}
		if opt.Version() != 0 {
			m.Rcode = mdns.RcodeBadVers
			return m, true
		}
	}
	switch {
	case q.Opcode != mdns.OpcodeQuery:
		m.Rcode = mdns.RcodeNotImplemented
		return m, true
	case len(q.Question) != 1:
		m.Rcode = mdns.RcodeFormatError
		return m, true
	}
	// Zone transfers and meta queries other than ANY are none of a hosted zone's business.
	t := q.Question[0].Qtype
	meta := t != mdns.TypeANY && (t == mdns.TypeOPT || t >= mdns.TypeTKEY && t <= mdns.TypeMAILA)
	name := fqdn(q.Question[0].Name)
	_, made := s.steered(w, name)
	if meta || q.Question[0].Qclass != mdns.ClassINET || w.zones.find(name) == nil && !made {
		m.Rcode = mdns.RcodeRefused
		return m, true
	}
	m.Authoritative = true
	s.follow(w, m, q.Question[0])
	if w.lost {
		m.Rcode, m.Answer, m.Ns = mdns.RcodeServerFailure, nil, nil
	}
	return m, !w.lost
}

// clientSubnet is what a resolver says of the client it asks for (RFC 7871), or nil. Route 53, Traffic Manager and
// Cloudflare go by it where it is there, and else by the resolver's own address.
func clientSubnet(q *mdns.Msg) *mdns.EDNS0_SUBNET {
	opt := q.IsEdns0()
	if opt == nil {
		return nil
	}
	for _, o := range opt.Option {
		if s, ok := o.(*mdns.EDNS0_SUBNET); ok {
			return s
		}
	}
	return nil
}

// steered asks the traffic managers for a name. What one of them makes up for a name of a zone counts only while the zone is
// delegated to its servers.
func (s *Server) steered(w *walk, name string) (Steered, bool) {
	z := w.zones.find(name)
	for _, steer := range s.steer {
		if a, ok := steer(display(name), w.from); ok && (a.Manager == "" || z == nil || z.manager == a.Manager) {
			return a, true
		}
	}
	return Steered{}, false
}

// records are a steered answer under the name that was asked for.
func (a Steered) records(owner string, qtype uint16) []mdns.RR {
	header := func(rtype uint16) mdns.RR_Header {
		return mdns.RR_Header{Name: owner, Rrtype: rtype, Class: mdns.ClassINET, Ttl: uint32(a.TTL)}
	}
	if a.CNAME != "" {
		return []mdns.RR{&mdns.CNAME{Hdr: header(mdns.TypeCNAME), Target: mdns.Fqdn(a.CNAME)}}
	}
	var out []mdns.RR
	for _, ip := range a.Addrs {
		if qtype == mdns.TypeA && ip.Is4() {
			out = append(out, &mdns.A{Hdr: header(mdns.TypeA), A: ip.AsSlice()})
		}
	}
	return out
}

// follow fills in the answer, from CNAME to CNAME until the name owns what was asked for or leaves our zones.
func (s *Server) follow(w *walk, m *mdns.Msg, q mdns.Question) {
	owner := q.Name // as the client wrote it, mixed case and all, which resolvers use against forgery (0x20)
	for range maxChain {
		name := fqdn(owner)
		if a, ok := s.steered(w, name); ok {
			if w.lost = s.down(a.Manager); w.lost {
				return
			}
			rrs := a.records(owner, q.Qtype)
			m.Answer = append(m.Answer, rrs...)
			if a.Missing {
				m.Rcode = mdns.RcodeNameError
			}
			if z := w.zones.find(name); z != nil && len(rrs) == 0 {
				m.Ns = z.negative()
			}
			if a.CNAME == "" || q.Qtype == mdns.TypeCNAME {
				return
			}
			owner = mdns.Fqdn(a.CNAME)
			continue
		}
		z := w.zones.find(name)
		if z == nil {
			return // the rest is for others to answer
		}
		if w.lost = s.down(z.manager); w.lost {
			return
		}
		if ns := z.cut(name); ns != nil {
			m.Authoritative = len(m.Answer) > 0 // the bit is about the first owner (RFC 1035, 4.1.1)
			m.Ns = owned(ns.name, ns.records[0].rrs)
			return
		}
		node, ok := z.node(name)
		if !ok {
			m.Rcode = mdns.RcodeNameError // of the last name in the chain (RFC 6604, 3)
			m.Ns = z.negative()
			return
		}
		if q.Qtype == mdns.TypeANY {
			m.Answer = append(m.Answer, minimalANY(owner))
			return
		}
		set, cname := z.sets[setKey{node, q.Qtype}], z.sets[setKey{node, mdns.TypeCNAME}]
		if set == nil && cname == nil {
			m.Ns = z.negative()
			return
		}
		found := set
		if found == nil {
			found = cname
		}
		rrs, err := w.values(found, nil)
		if errors.Is(err, errNoAnswer) { // "Route 53 returns a 'no answer' response" (Developer Guide, "Geolocation routing")
			m.Ns = z.negative()
			return
		}
		if err != nil {
			s.log.Warn("no answer", "name", name, "err", err)
			m.Rcode, m.Answer = mdns.RcodeServerFailure, nil
			return
		}
		m.Answer = append(m.Answer, owned(owner, rrs)...)
		if set != nil {
			m.Ns = z.nameServers()
			return
		}
		next, ok := rrs[0].(*mdns.CNAME) // parseValues lets exactly one through
		if !ok {
			m.Rcode, m.Answer = mdns.RcodeServerFailure, nil
			return
		}
		owner = next.Target
	}
	s.log.Warn("no answer: more CNAMEs than anyone follows", "name", q.Name, "limit", maxChain)
	m.Rcode, m.Answer = mdns.RcodeServerFailure, nil
}

// minimalANY is the answer to "everything you have": RFC 8482, 4.2.
func minimalANY(owner string) mdns.RR {
	return &mdns.HINFO{
		Hdr: mdns.RR_Header{Name: owner, Rrtype: mdns.TypeHINFO, Class: mdns.ClassINET, Ttl: soaTTL}, Cpu: "RFC8482",
	}
}

// owned copies records under the name that was asked for: an alias and a wildcard answer under that one.
func owned(owner string, rrs []mdns.RR) []mdns.RR {
	out := make([]mdns.RR, len(rrs))
	for i, rr := range rrs {
		out[i] = mdns.Copy(rr)
		out[i].Header().Name = owner
	}
	return out
}

// negative is the authority section that lets a resolver keep "no such name" or "no such type" for the lesser of the
// SOA's TTL and its last field (RFC 2308, 3 and 5).
func (z *zone) negative() []mdns.RR {
	set := z.sets[setKey{z.name, mdns.TypeSOA}]
	if set == nil {
		return nil
	}
	rrs := owned(z.name, set.records[0].rrs)
	for _, rr := range rrs {
		if soa, ok := rr.(*mdns.SOA); ok {
			soa.Hdr.Ttl = min(soa.Hdr.Ttl, soa.Minttl)
		}
	}
	return rrs
}

// nameServers is the authority section of a positive answer. Source: Route 53 Developer Guide, "DNS constraints and
// behaviors", "Authoritative section processing".
func (z *zone) nameServers() []mdns.RR {
	set := z.sets[setKey{z.name, mdns.TypeNS}]
	if set == nil {
		return nil
	}
	return owned(z.name, set.records[0].rrs)
}
