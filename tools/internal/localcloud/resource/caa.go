package resource

import (
	"slices"
	"strconv"
	"strings"
)

// maxAliases is how many CNAMEs in a row an authority follows before it gives up; resolvers differ, and none follows many more.
const maxAliases = 8

// critical is the flag of a property that nobody may pass over who does not know it.
const critical = 128

// CAA returns the CAA values that bind whoever issues a certificate for a name: those at the name itself, else at the
// nearest name above it that has any, over all zones. At each step aliases are followed, but the climb goes on from the name
// and not from where its alias leads. Source: RFC 8659, section 3.
func (e *Env) CAA(name string) []string {
	if e.DNS == nil {
		return nil
	}
	return caa(e.DNS, e.View(), name)
}

func caa(dns DNS, v View, name string) []string {
	name = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(name, "*."), "."))
	for name != "" {
		at := name
		for range maxAliases {
			if values := dns.CAA(v, at); len(values) > 0 {
				return values
			}
			next := dns.CNAME(v, at)
			if next == "" {
				break
			}
			at = next
		}
		_, name, _ = strings.Cut(name, ".")
	}
	return nil
}

// Admitted reports whether CAA lets one of an authority's names issue a certificate for a name. Without CAA records
// everybody may; with records of other tags only, too; a property that is critical and unknown forbids it. Source:
// RFC 8659, sections 4.1 to 4.3.
func (e *Env) Admitted(name string, authorities ...string) bool {
	return admitted(e.CAA(name), strings.HasPrefix(name, "*."), authorities)
}

func admitted(values []string, wildcard bool, authorities []string) bool {
	issuers := map[string][]string{}
	for _, v := range values {
		flags, rest, _ := strings.Cut(v, " ")
		tag, value, _ := strings.Cut(rest, " ")
		tag = strings.ToLower(tag)
		switch tag {
		case "issue", "issuewild":
			domain, _, _ := strings.Cut(strings.Trim(value, `"`), ";")
			issuers[tag] = append(issuers[tag], strings.ToLower(strings.TrimSpace(domain)))
		case "iodef":
		default:
			if n, err := strconv.Atoi(flags); err != nil || n&critical != 0 {
				return false
			}
		}
	}
	allowed, bound := issuers["issue"], len(issuers["issue"]) > 0
	if wildcard && len(issuers["issuewild"]) > 0 {
		allowed, bound = issuers["issuewild"], true
	}
	return !bound || slices.ContainsFunc(authorities, func(a string) bool { return slices.Contains(allowed, a) })
}
