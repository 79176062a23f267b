package aws

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

// recordSet is a record about to be written, and the zone it goes to. What it is judged by: Route 53 API reference,
// ChangeResourceRecordSets and ResourceRecordSet; Developer Guide, "Supported DNS record types" and "Values specific for
// failover records". Messages are Route 53's where they are on public record, and in its manner elsewhere.
type recordSet struct {
	resource.Props
	fqdn string
	zone resource.Record
	view resource.View
}

func (r recordSet) kind() string { return r.Str("type") }

// change describes the record as InvalidInput messages do.
func (r recordSet) change() string {
	s := fmt.Sprintf("Change with [Action=CREATE, Name=%s., Type=%s", r.fqdn, r.kind())
	if id := r.Str("setIdentifier"); id != "" {
		s += ", SetIdentifier=" + id
	}
	return s + "]"
}

// refusal is why Route 53 would not have the record, "" when it would.
func (r recordSet) refusal() (code, message string) {
	if msg := r.badShape(); msg != "" {
		return codeInvalidInput, "Invalid request: " + msg
	}
	if msg := r.badPolicy(); msg != "" {
		return codeInvalidInput, msg
	}
	for _, rule := range []func() string{r.outsideZone, r.atApex, r.badValue, r.besideCNAME, r.besideOthers, r.missingAliasTarget, r.missingHealthCheck, r.uncheckedPrimary} {
		if msg := rule(); msg != "" {
			return codeInvalidChangeBatch, "[" + msg + "]"
		}
	}
	return "", ""
}

// badShape checks which fields go together.
func (r recordSet) badShape() string {
	policy, id := routingOf(r.Props).policy, r.Str("setIdentifier")
	switch {
	case policy != "" && id == "":
		return "Missing field 'SetIdentifier' in " + r.change()
	case policy == "" && id != "":
		return "Expected exactly one of [Weight, Region, Failover, GeoLocation, MultiValueAnswer, GeoProximityLocation, or CidrRoutingConfig], but found none in " + r.change()
	case len(r.Objects("aliases")) == 0 && (len(r.Strings("records")) == 0 || !r.Has("ttl")):
		return "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found none in " + r.change()
	}
	return ""
}

func (r recordSet) zoneName() string { return r.zone.Inputs.Str("name") }

func (r recordSet) outsideZone() string {
	if inZone(r.fqdn, r.zoneName()) {
		return ""
	}
	return fmt.Sprintf("RRSet with DNS name %s. is not permitted in zone %s.", r.fqdn, r.zoneName())
}

func inZone(name, zone string) bool { return name == zone || strings.HasSuffix(name, "."+zone) }

// atApex refuses what the apex cannot have (CNAME) or has already (SOA and NS, which every zone is born with).
func (r recordSet) atApex() string {
	if r.fqdn != r.zoneName() {
		return ""
	}
	switch r.kind() {
	case "CNAME":
		return fmt.Sprintf("RRSet of type CNAME with DNS name %s. is not permitted at apex in zone %s.", r.fqdn, r.zoneName())
	case "SOA", "NS":
		return fmt.Sprintf("Tried to create resource record set [name='%s.', type='%s'] but it already exists", r.fqdn, r.kind())
	}
	return ""
}

// badValue checks values in the form of their type.
func (r recordSet) badValue() string {
	values := r.Strings("records")
	if r.kind() == "CNAME" && len(values) > 1 {
		return fmt.Sprintf("RRSet of type CNAME with DNS name %s. may have only one value, got %d", r.fqdn, len(values))
	}
	for _, v := range values {
		if fault := valueFault(r.kind(), v); fault != "" {
			return fmt.Sprintf("Invalid Resource Record: 'FATAL problem: %s encountered with '%s''", fault, v)
		}
	}
	return ""
}

func valueFault(kind, v string) string {
	switch kind {
	case "A":
		if a, err := netip.ParseAddr(v); err != nil || !a.Is4() {
			return "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"
		}
	case "AAAA":
		if a, err := netip.ParseAddr(v); err != nil || !a.Is6() {
			return "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"
		}
	case "CNAME":
		return domainFault(v)
	case "CAA":
		return caaFault(v)
	case "TXT":
		for _, s := range strings.Split(strings.Trim(v, `"`), `""`) {
			if len(s) > 255 { // RFC 1035, 3.3
				return "CharacterStringTooLong (Value is too long)"
			}
		}
	}
	return ""
}

// caaForm is a CAA value: flags, tag, quoted value. Source: Route 53 Developer Guide, "CAA record type"; RFC 8659, section 4.1.
var caaForm = regexp.MustCompile(`^(\d{1,3}) ([A-Za-z0-9]{1,15}) "([^"]{0,255})"$`)

// caaFault says what is wrong with a CAA value; the words are not on public record.
func caaFault(v string) string {
	m := caaForm.FindStringSubmatch(v)
	if m == nil {
		return `CAARRDATAIllegalValue (Value should be flags, tag and quoted value, for example 0 issue "ca.example.com")`
	}
	if flags, err := strconv.Atoi(m[1]); err != nil || flags > 255 {
		return "CAARRDATAIllegalFlags (Flags should be 0 to 255)"
	}
	return ""
}

func domainFault(name string) string {
	name = strings.TrimSuffix(name, ".")
	if len(name) > 253 {
		return "DomainNameTooLong (Domain name is too long)"
	}
	for _, label := range strings.Split(name, ".") {
		switch {
		case label == "":
			return "DomainLabelEmpty (Domain label is empty)"
		case len(label) > 63:
			return "DomainLabelTooLong (Domain label is too long)"
		case strings.ContainsAny(label, " /:"):
			return "UnsupportedCharacter (Value contains unsupported characters)"
		}
	}
	return ""
}

// others lists the records of the same name, itself left out.
func (r recordSet) others() []resource.Record {
	return slices.DeleteFunc(recordsOf(r.view, r.zone.ID), func(o resource.Record) bool {
		return o.Computed.Str("fqdn") != r.fqdn || o.Inputs.Str("type") == r.kind() && o.Inputs.Str("setIdentifier") == r.Str("setIdentifier")
	})
}

// besideCNAME keeps CNAMEs alone at their name (RFC 1034, 3.6.2).
func (r recordSet) besideCNAME() string {
	for _, o := range r.others() {
		kind := o.Inputs.Str("type")
		switch {
		case kind == r.kind():
		case r.kind() == "CNAME":
			return fmt.Sprintf("RRSet of type CNAME with DNS name %s. is not permitted as it conflicts with other records with the same DNS name in zone %s.", r.fqdn, r.zoneName())
		case kind == "CNAME":
			return fmt.Sprintf("RRSet of type %s with DNS name %s. is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone %s.",
				r.kind(), r.fqdn, r.zoneName())
		}
	}
	return ""
}

// missingAliasTarget wants the target to exist: another record of the type in the same zone, or the endpoint of an API
// Gateway domain name.
func (r recordSet) missingAliasTarget() string {
	for _, alias := range r.Objects("aliases") {
		target, zoneID := strings.ToLower(strings.TrimSuffix(alias.Str("name"), ".")), strings.TrimPrefix(alias.Str("zoneId"), "/hostedzone/")
		what := fmt.Sprintf("Tried to create an alias that targets %s., type %s in zone %s, but ", target, r.kind(), zoneID)
		if domain, region, ok := gatewayDomain(r.view, target); ok && zoneID == regionalZoneID(region) {
			if r.kind() != "A" {
				return what + "the alias target name was not found: " + domain + " has no records of that type"
			}
			continue
		}
		// "Alias to another record in the same hosted zone": a record elsewhere cannot be a target.
		if zoneID != r.zone.ID || !inZone(target, r.zoneName()) {
			return what + "the alias target name does not lie within the target zone"
		}
		if target == r.fqdn || !slices.ContainsFunc(recordsOf(r.view, r.zone.ID), func(o resource.Record) bool {
			return o.Computed.Str("fqdn") == target && o.Inputs.Str("type") == r.kind()
		}) {
			return what + "the alias target name was not found"
		}
	}
	return ""
}

// gatewayDomain finds the API Gateway domain name with an endpoint of the name.
func gatewayDomain(v resource.View, target string) (domain, region string, ok bool) {
	for _, d := range v.List(tokenDomainName) {
		if d.Computed.Object("domainNameConfiguration").Str("targetDomainName") == target {
			return d.ID, d.Scope, true
		}
	}
	return "", "", false
}

func (r recordSet) missingHealthCheck() string {
	id := r.Str("healthCheckId")
	if id == "" {
		return ""
	}
	if _, ok := r.view.Get(tokenHealthCheck, id); !ok {
		return "Invalid health check ID: no health check exists with the specified ID " + id
	}
	return ""
}

// uncheckedPrimary refuses a PRIMARY that nothing could ever make fail over. Source: kubernetes-sigs/external-dns issue #2362,
// which has Route 53's words.
func (r recordSet) uncheckedPrimary() string {
	if failoverOf(r.Props) == "PRIMARY" && len(r.Objects("aliases")) == 0 && r.Str("healthCheckId") == "" {
		return "A non-alias primary ResourceRecordSet must have an associated health check."
	}
	return ""
}
