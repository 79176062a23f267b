package routing

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"polygate.example/shared/clientcert"
	"polygate.example/shared/gateway"
)

// mostOfText is how many characters of a condition, or of a list, are told of.
const mostOfText = 160

// oneOf is a list of which one will do.
func oneOf(what string, list []string) string {
	if len(list) == 1 {
		return "the " + what + " " + list[0]
	}
	return "one of the " + what + "s " + few(list)
}

// and joins what has to hold together.
func and(parts []string) string {
	if n := len(parts) - 1; n > 0 {
		return strings.Join(parts[:n], ", ") + " and " + parts[n]
	}
	return strings.Join(parts, "")
}

func authorized(p gateway.Authorize) string {
	var wants []string
	if len(p.Roles) > 0 {
		wants = append(wants, oneOf("role", p.Roles))
	}
	switch {
	case len(p.Scopes) == 1:
		wants = append(wants, "the scope "+p.Scopes[0])
	case len(p.Scopes) > 1:
		wants = append(wants, "the scopes "+few(p.Scopes))
	}
	if len(p.Plans) > 0 {
		wants = append(wants, oneOf("plan", p.Plans))
	}
	if len(p.Consumers) > 0 {
		wants = append(wants, oneOf("consumer", p.Consumers))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Claims)) {
		values := p.Claims[name]
		if len(values) == 1 {
			wants = append(wants, "the claim "+name+" to be "+values[0])
		} else {
			wants = append(wants, "the claim "+name+" to be one of "+few(values))
		}
	}
	if p.When != "" {
		wants = append(wants, "that "+oneLine(p.When))
	}
	if p.Geo != nil {
		wants = append(wants, countries(*p.Geo))
	}
	return "wants " + and(wants)
}

func countries(g gateway.Geo) string {
	var out []string
	if len(g.Allow) > 0 {
		out = append(out, "a country of "+few(g.Allow))
	}
	if len(g.Deny) > 0 {
		out = append(out, "none of "+few(g.Deny))
	}
	unknown := ", which has to be known"
	if g.Unknown == gateway.UnknownAllow {
		unknown = ", or one that is not known"
	}
	return and(out) + unknown
}

// oneLine is as much of a text as goes on a line.
func oneLine(text string) string {
	runes := []rune(printable(strings.Join(strings.Fields(text), " ")))
	if len(runes) > mostOfText {
		return string(runes[:mostOfText]) + "…"
	}
	return string(runes)
}

func queried(p gateway.GraphQL) string {
	text := fmt.Sprintf("lets operations of GraphQL pass of depth %d, %s, %s and cost %d at most, with", p.Depth, count(p.Aliases, "alias", "aliases"), count(p.RootFields, "field at the root", "fields at the root"), p.Cost)
	if !p.Introspection {
		text += "out"
	}
	return text + " introspection"
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}

func certified(p gateway.ClientCertificate) string {
	var of []string
	if len(p.Fingerprints) > 0 {
		of = append(of, "of "+count(len(p.Fingerprints), "fingerprint", "fingerprints"))
	}
	if p.CA != "" {
		text := "of its authorities"
		if bundle, bad := clientcert.ParseBundle(p.CA); len(bad) == 0 { // a model has no other
			var names []string
			for _, c := range bundle.Anchors() {
				names = append(names, printable(c.Subject.String()))
			}
			text = "issued under " + few(names)
		}
		of = append(of, text)
	}
	for _, n := range p.Names() {
		of = append(of, "with "+certificateName(n.Field)+" of "+few(n.Patterns))
	}
	return optional("wants a client certificate "+and(of), p.Optional)
}

// certificateName is what a field of a certificate is called.
func certificateName(field string) string {
	switch field {
	case clientcert.FieldCN:
		return "a common name"
	case clientcert.FieldDNS:
		return "a DNS name"
	case clientcert.FieldURI:
		return "a URI"
	}
	return "an address" // of e-mail
}

// validated says what a request is held against: the operation that it is for, if that is known, or all there are.
func validated(p gateway.Validate, operation string) string {
	if len(p.Operations) == 0 {
		return "wants " + described(p.Checks) + closed(p)
	}
	for _, o := range p.Operations {
		if o.Method+" "+o.Path == operation {
			return "wants what the operation " + operation + " describes: " + described(o.Checks) + closed(p)
		}
	}
	var all []string
	for _, o := range p.Operations {
		all = append(all, o.Method+" "+o.Path)
	}
	return "wants a request for one of its operations, as it is described: " + few(all) + closed(p)
}

func described(c gateway.Checks) string {
	var out []string
	for _, in := range []string{gateway.InPath, gateway.InQuery, gateway.InHeader, gateway.InCookie} {
		var names []string
		for _, p := range c.Parameters {
			if p.In != in {
				continue
			}
			name := p.Name
			if p.Required && in != gateway.InPath {
				name += " (required)"
			}
			names = append(names, name)
		}
		if len(names) > 0 {
			out = append(out, in+" "+few(names))
		}
	}
	if c.Body != nil {
		text := "a body of " + few(slices.Sorted(maps.Keys(c.Body.Content)))
		if c.Body.Required {
			text += " (required)"
		}
		out = append(out, text)
	}
	if len(out) == 0 {
		return "nothing in particular"
	}
	return and(out)
}

func closed(p gateway.Validate) string {
	if p.UnknownQuery == gateway.UnknownDeny {
		return "; no other query parameters"
	}
	return ""
}
