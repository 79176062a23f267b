package dns

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/plane"
)

// What Route 53 puts into a new hosted zone by itself: an SOA and an NS record with these figures.
// Source: Route 53 Developer Guide, "NS and SOA records that Amazon Route 53 creates for a public hosted zone":
// SOA "1 7200 900 1209600 86400" with a TTL of 900, so that a resolver keeps "no such name" for min(900, 86400) seconds;
// four name servers, TTL two days.
const (
	soaTTL    = 900
	nsTTL     = 172800
	maxWeight = 255 // Route 53 API reference, ResourceRecordSet, Weight
)

// birth is what a manager puts into a new zone by itself: its name servers, and an SOA that names the first of them.
type birth struct {
	servers       []string
	soa           string // mailbox, serial and timers
	soaTTL, nsTTL int    // seconds
}

// births are of each manager, as its own API tells the servers. Sources beside Route 53's above: Azure DNS, "DNS zones and
// records", SOA and NS records at the apex, and the record sets that `az network dns zone create` leaves; Cloudflare DNS,
// "DNS record types", SOA: refresh 10000, retry 2400, expire 604800, minimum 1800.
var births = map[string]birth{
	"route53": {[]string{"ns-1.awsdns-01.test.", "ns-2.awsdns-02.test.", "ns-3.awsdns-03.test.", "ns-4.awsdns-04.test."}, // .test: nobody's real name servers (RFC 6761)
		"awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400", soaTTL, nsTTL},
	"trafficmanager": {[]string{"ns1-01.azure-dns.com.", "ns2-01.azure-dns.net.", "ns3-01.azure-dns.org.", "ns4-01.azure-dns.info."},
		"azuredns-hostmaster.microsoft.com. 1 3600 300 2419200 300", 3600, 172800},
	"cloudflare": {[]string{"ada.ns.cloudflare.test.", "bob.ns.cloudflare.test."},
		"dns.cloudflare.com. 1 10000 2400 604800 1800", 1800, 86400},
}

// types are the record types of a hosted zone. Source: Route 53 Developer Guide, "Supported DNS record types".
var types = []string{
	"A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV", "SSHFP", "SVCB",
	"TLSA", "TXT",
}

// zoneSet is everything served, immutable once built. Names inside are canonical: lower case with a trailing dot.
type zoneSet struct {
	zones []*zone // deepest first, so that the first match is the closest
	byID  map[string]*zone
}

// zone is one hosted zone.
type zone struct {
	id      string
	name    string
	manager string // whose servers it is on; "" for a provider's own
	away    bool   // nobody is led to it
	sets    map[setKey]*recordSet
	names   map[string]bool // every name that exists, with the empty ones between it and the apex (RFC 4592, 2.2.2)
}

type setKey struct {
	name  string
	rtype uint16
}

// recordSet holds all records of one name and type: a single one, or those of one routing policy.
type recordSet struct {
	setKey
	records []*record // in the order of their identifiers, which puts PRIMARY before SECONDARY
}

// policy is how the records of a set are chosen among. Route 53 has more policies than these; the plane carries only
// these, and what it does not carry must not be answered by guesswork.
type policy string

const (
	simple      policy = "simple"
	failover    policy = "failover"
	weighted    policy = "weighted"
	latency     policy = "latency"
	geolocation policy = "geolocation"
)

// policy is the one that all records of the set have.
func (s *recordSet) policy() policy {
	p, _ := policyOf(s.records[0].Record) // admit let it in
	return p
}

// policyOf is a record's routing policy, and what no two records of a set have in common under it.
func policyOf(r plane.Record) (p policy, slot string) {
	p = simple
	if r.Failover != "" {
		p, slot = failover, r.Failover
	}
	if r.Weight != nil {
		p, slot = weighted, r.SetIdentifier
	}
	if r.Latency != "" {
		p, slot = latency, r.Latency
	}
	if r.Geo != nil {
		p, slot = geolocation, fmt.Sprint(*r.Geo)
	}
	return p, slot
}

// record is a plane.Record with its values parsed.
type record struct {
	plane.Record
	rrs []mdns.RR // owner name still open: it is the name that was asked for
}

// newZoneSet parses all zones. The error joins one error per record left out.
func newZoneSet(zones []plane.Zone) (*zoneSet, error) {
	var all []*zone
	var errs []error
	for _, pz := range zones {
		z, err := newZone(pz)
		if err != nil {
			errs = append(errs, fmt.Errorf("zone %s (%s): %w", pz.Name, pz.ID, err))
		}
		all = append(all, z)
	}
	return inOrder(all), errors.Join(errs...)
}

// inOrder makes zones a set.
func inOrder(zones []*zone) *zoneSet {
	s := &zoneSet{zones: zones, byID: make(map[string]*zone, len(zones))}
	for _, z := range zones {
		s.byID[z.id] = z
	}
	slices.SortStableFunc(s.zones, func(a, b *zone) int { return mdns.CountLabel(b.name) - mdns.CountLabel(a.name) })
	return s
}

func newZone(pz plane.Zone) (*zone, error) {
	z := &zone{id: pz.ID, name: fqdn(pz.Name), manager: pz.Manager, away: pz.Undelegated, sets: map[setKey]*recordSet{}, names: map[string]bool{}}
	var errs []error
	for _, pr := range pz.Records {
		if err := z.add(pr); err != nil {
			errs = append(errs, fmt.Errorf("record %s %s %q: %w", pr.Name, pr.Type, pr.SetIdentifier, err))
		}
	}
	errs = append(errs, z.checkCNAMEs()...)
	z.synthesise()
	for key := range z.sets {
		for name := key.name; mdns.IsSubDomain(z.name, name); name = parent(name) {
			z.names[name] = true
			if name == "." {
				break
			}
		}
	}
	return z, errors.Join(errs...)
}

// add parses one record into its set, or says why it cannot be served.
func (z *zone) add(pr plane.Record) error {
	if !slices.Contains(types, pr.Type) {
		return fmt.Errorf("not a type Route 53 serves: want one of %v", types)
	}
	key := setKey{name: fqdn(pr.Name), rtype: mdns.StringToType[pr.Type]}
	if !mdns.IsSubDomain(z.name, key.name) {
		return errors.New("name is not in the zone")
	}
	r := &record{Record: pr}
	if pr.Alias == nil {
		rrs, err := parseValues(pr)
		if err != nil {
			return err
		}
		r.rrs = rrs
	}
	set := z.sets[key]
	if set == nil {
		set = &recordSet{setKey: key}
	}
	if err := set.admit(r); err != nil {
		return err
	}
	z.sets[key] = set
	return nil
}

// admit adds a record to its set by the rules of its routing policy: "You can't create non-weighted resource record sets that
// have the same values for the Name and Type elements as weighted resource record sets", and so on for each policy; nor two
// for one slot, region or place (Route 53 API reference, ResourceRecordSet).
func (s *recordSet) admit(r *record) error {
	p, slot := policyOf(r.Record)
	switch {
	case p == simple && len(s.records) > 0:
		return errors.New("a second record of this name and type without a routing policy")
	case p == failover && slot != primary && slot != secondary:
		return fmt.Errorf("failover is %q: want %s or %s", slot, primary, secondary)
	case p == weighted && (*r.Weight < 0 || *r.Weight > maxWeight):
		return fmt.Errorf("weight is %d: want 0 to %d", *r.Weight, maxWeight)
	}
	for _, other := range s.records {
		theirs, taken := policyOf(other.Record)
		switch {
		case theirs != p:
			return fmt.Errorf("a %s record beside a %s one of this name and type", p, theirs)
		case taken == slot:
			return fmt.Errorf("a second %s record of this name and type beside %q", strings.TrimPrefix(string(p)+" "+slot, "failover "), other.SetIdentifier)
		}
	}
	s.records = append(s.records, r)
	slices.SortStableFunc(s.records, func(a, b *record) int {
		return cmp.Or(strings.Compare(a.Failover, b.Failover), strings.Compare(a.SetIdentifier, b.SetIdentifier))
	})
	return nil
}

// checkCNAMEs drops CNAMEs where DNS allows none: at the apex and beside other types (RFC 1034, 3.6.2). Route 53
// refuses both.
func (z *zone) checkCNAMEs() []error {
	var errs []error
	for key := range z.sets {
		if key.rtype != mdns.TypeCNAME {
			continue
		}
		if key.name == z.name {
			errs = append(errs, fmt.Errorf("record %s CNAME: not allowed at the zone apex", display(key.name)))
			delete(z.sets, key)
			continue
		}
		for other := range z.sets {
			if other.name == key.name && other.rtype != mdns.TypeCNAME {
				errs = append(errs, fmt.Errorf("record %s CNAME: not allowed beside %s of the same name",
					display(key.name), mdns.TypeToString[other.rtype]))
				delete(z.sets, key)
				break
			}
		}
	}
	return errs
}

// synthesise adds the SOA and NS records a zone is born with at its manager, unless the control plane brought them.
func (z *zone) synthesise() {
	at, ok := births[z.manager]
	if !ok {
		at = births["route53"]
	}
	soa := plane.Record{Type: "SOA", TTL: at.soaTTL, Values: []string{at.servers[0] + " " + at.soa}}
	ns := plane.Record{Type: "NS", TTL: at.nsTTL, Values: at.servers}
	for _, pr := range []plane.Record{soa, ns} {
		pr.Name = display(z.name)
		key := setKey{name: z.name, rtype: mdns.StringToType[pr.Type]}
		if z.sets[key] != nil {
			continue
		}
		if rrs, err := parseValues(pr); err == nil { // our own constants: a test keeps them parsable
			z.sets[key] = &recordSet{setKey: key, records: []*record{{Record: pr, rrs: rrs}}}
		}
	}
}

// find returns the closest zone a name is in, or nil. A zone that is not delegated is there for nobody.
func (s *zoneSet) find(name string) *zone {
	for _, z := range s.zones {
		if !z.away && mdns.IsSubDomain(z.name, name) {
			return z
		}
	}
	return nil
}

// node maps a name to the name whose records answer for it: itself when it exists, else the wildcard below its closest
// existing ancestor (RFC 4592, 3.3.1), else none.
func (z *zone) node(name string) (string, bool) {
	if z.names[name] {
		return name, true
	}
	for encloser := parent(name); mdns.IsSubDomain(z.name, encloser); encloser = parent(encloser) {
		if !z.names[encloser] {
			continue
		}
		wildcard := "*." + strings.TrimPrefix(encloser, ".")
		return wildcard, z.names[wildcard]
	}
	return "", false
}

// cut returns the NS set of a delegation at or above a name and below the apex, or nil.
func (z *zone) cut(name string) *recordSet {
	for ; name != z.name && mdns.IsSubDomain(z.name, name); name = parent(name) {
		if set := z.sets[setKey{name, mdns.TypeNS}]; set != nil {
			return set
		}
	}
	return nil
}

// parent cuts the first label off; the root is its own parent.
func parent(name string) string {
	next, end := mdns.NextLabel(name, 0)
	if end || next >= len(name) {
		return "."
	}
	return name[next:]
}

// fqdn is the form names have inside: lower case, trailing dot. Route 53 writes the asterisk of a wildcard as \052
// (Developer Guide, "DNS domain name format").
func fqdn(name string) string {
	return mdns.CanonicalName(strings.ReplaceAll(name, `\052`, "*"))
}

// display is the form names have outside: lower case, no trailing dot.
func display(name string) string { return strings.TrimSuffix(fqdn(name), ".") }
