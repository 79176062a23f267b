package dns

import (
	"net"

	mdns "github.com/miekg/dns"
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
	m := s.answer(q)
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

// answer builds the whole answer to a query. It takes any message a client can send.
func (s *Server) answer(q *mdns.Msg) *mdns.Msg {
	w := s.newWalk()
	m := new(mdns.Msg)
	m.SetReply(q)
	m.Compress = true
	if opt := q.IsEdns0(); opt != nil {
		m.SetEdns0(maxUDP, opt.Do()) // the DO bit is copied even by those who sign nothing (RFC 3225, 3)
		if opt.Version() != 0 {
			m.Rcode = mdns.RcodeBadVers
			return m
		}
	}
	switch {
	case q.Opcode != mdns.OpcodeQuery:
		m.Rcode = mdns.RcodeNotImplemented
		return m
	case len(q.Question) != 1:
		m.Rcode = mdns.RcodeFormatError
		return m
	}
	// Zone transfers and meta queries other than ANY are none of a hosted zone's business.
	t := q.Question[0].Qtype
	meta := t != mdns.TypeANY && (t == mdns.TypeOPT || t >= mdns.TypeTKEY && t <= mdns.TypeMAILA)
	if meta || q.Question[0].Qclass != mdns.ClassINET || w.zones.find(fqdn(q.Question[0].Name)) == nil {
		m.Rcode = mdns.RcodeRefused
		return m
	}
	m.Authoritative = true
	s.follow(w, m, q.Question[0])
	return m
}

// follow fills in the answer, from CNAME to CNAME until the name owns what was asked for or leaves our zones.
func (s *Server) follow(w *walk, m *mdns.Msg, q mdns.Question) {
	owner := q.Name // as the client wrote it, mixed case and all, which resolvers use against forgery (0x20)
	for range maxChain {
		name := fqdn(owner)
		z := w.zones.find(name)
		if z == nil {
			return // the rest is for others to answer
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
