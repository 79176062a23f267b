package openapiimport

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"polygate.example/shared/gateway"
)

// scheme is a security scheme, and how the gateway has it.
type scheme struct {
	name     string
	at       gateway.Pointer
	kind     string // of policy; "" if there is none for it
	place    string // where the credential is: two schemes of one place cannot both be optional
	value    yaml.MapSlice
	comment  []string
	notes    []Note // of its policies, which are told if there is one
	strict   string // policy that wants the credential, "" until it is used
	optional string // policy that takes none as well
}

// scheme reads a security scheme once. What there is no policy for is told.
func (im *importer) scheme(name string) *scheme {
	if s, there := im.schemes[name]; there {
		return s
	}
	s := &scheme{name: name, at: gateway.Pointer("/components/securitySchemes").Key(name)}
	im.schemes[name] = s
	components, _ := im.root["components"].(map[string]any)
	all, _ := components["securitySchemes"].(map[string]any)
	none := func(what, remedy string) *scheme {
		s.kind = ""
		im.note(LeftOut, s.at, fmt.Sprintf("security scheme %s: %s", name, what), remedy)
		return s
	}
	const upstreams = "routes that ask for it pass requests without a test: leave it to the upstream, or add a policy"
	v, there := all[name]
	if !there {
		return none("it is asked for and not defined", "define it under components.securitySchemes: as it is, "+upstreams)
	}
	m, _, err := im.doc.Resolve(v, s.at)
	if err != nil {
		return none(err.Error(), "mend it: as it is, "+upstreams)
	}
	text := func(key string) string {
		t, _ := m[key].(string)
		return t
	}
	switch kind, how := text("type"), strings.ToLower(text("scheme")); {
	case kind == "http" && how == "bearer":
		if format := strings.ToLower(text("bearerFormat")); format != "" && !strings.Contains(format, "jwt") && !strings.Contains(format, "jws") {
			return none(fmt.Sprintf("tokens of the format %q are no JWT", text("bearerFormat")), upstreams)
		}
		im.tokens(s, "", m)
	case kind == "oauth2":
		s.notes = append(s.notes, Note{Changed, s.at, "access tokens of OAuth 2.0 are taken to be JWT", "remove the policy if they are opaque"})
		im.tokens(s, "", m)
	case kind == "openIdConnect":
		issuer, known := strings.CutSuffix(text("openIdConnectUrl"), "/.well-known/openid-configuration")
		if !known {
			issuer = ""
		}
		im.tokens(s, issuer, m)
	case kind == "http" && how == "basic":
		im.listed(s, "basic", variable(name, "_USERS"), "a line per user: <bcrypt hash> <user>")
		s.place = "header authorization"
	case kind == "apiKey":
		in := text("in")
		if !slices.Contains([]string{"header", "query", "cookie"}, in) {
			return none(fmt.Sprintf("a key in %q", in), "write in: header, query or cookie; as it is, "+upstreams)
		}
		s.value = yaml.MapSlice{{Key: in, Value: text("name")}}
		im.listed(s, "apiKey", variable(name, "_KEYS"), "a line per key: <SHA-256 of the key in hex> <consumer>")
		s.place = in + " " + strings.ToLower(text("name"))
	case kind == "mutualTLS":
		s.kind, s.place = "clientCertificate", "certificate"
		s.comment = []string{" fill in ca: the certificates of those who issue the clients', in PEM"}
		s.notes = append(s.notes, Note{FillIn, s.at, "the document does not say which certificates are believed", "write ca, or fingerprints, in the policy"})
	case kind == "http":
		return none(fmt.Sprintf("there is no policy for the HTTP scheme %q", text("scheme")), upstreams)
	default:
		return none(fmt.Sprintf("type %q is not known", kind), "write apiKey, http, mutualTLS, oauth2 or openIdConnect; as it is, "+upstreams)
	}
	im.merge(s, m)
	return s
}

// tokens is a scheme whose credential is a token in the header Authorization.
func (im *importer) tokens(s *scheme, issuer string, m map[string]any) {
	s.kind, s.place = "jwt", "header authorization"
	own, _ := m[extensionKey].(map[string]any)
	has := func(keys ...string) bool {
		return slices.ContainsFunc(keys, func(key string) bool { _, there := own[key]; return there })
	}
	if !has("jwksUrl", "keys") {
		s.value = append(s.value, yaml.MapItem{Key: "discovery", Value: true})
	}
	var open []string
	switch {
	case has("issuer", "keys"):
	case issuer != "":
		s.value = append(s.value, yaml.MapItem{Key: "issuer", Value: issuer})
	default:
		open = append(open, "issuer: who issues the tokens")
	}
	if !has("audience", "claims", "keys") {
		open = append(open, "audience: whom they are for, [name]")
	}
	if len(open) > 0 {
		s.comment = []string{" fill in " + strings.Join(open, "; ")}
		s.notes = append(s.notes, Note{FillIn, s.at, "the document does not say " + strings.Join(open, ", and "), "write it in the policy, or under x-polygate of the scheme"})
	}
}

// listed is a scheme whose credentials are in a list that is not the document's to hold.
func (im *importer) listed(s *scheme, kind, name, line string) {
	s.kind = kind
	s.value = append(s.value, yaml.MapItem{Key: "variable", Value: name})
	s.comment = []string{" fill in the variable: " + line, " secret: NAME in its place reads a secret; forward: true lets the upstream see the credential"}
}

// merge adds the keys of x-polygate at a scheme, which are those of the policy.
func (im *importer) merge(s *scheme, m map[string]any) {
	v, there := m[extensionKey]
	if !there {
		return
	}
	own, is := v.(map[string]any)
	if !is {
		im.note(LeftOut, s.at.Key(extensionKey), "it is no mapping", "write keys of the policy "+s.kind)
		return
	}
	_, keys := own["keys"]
	_, users := own["users"]
	_, secret := own["secret"]
	if (s.kind == "apiKey" || s.kind == "basic") && (keys || users || secret) {
		s.comment = nil
		s.value = slices.DeleteFunc(s.value, func(i yaml.MapItem) bool { return i.Key == "variable" })
	}
	if s.kind == "clientCertificate" {
		s.comment = nil
	}
	for key, value := range sorted(own) {
		i := slices.IndexFunc(s.value, func(i yaml.MapItem) bool { return i.Key == key })
		if i < 0 {
			i = len(s.value)
			s.value = append(s.value, yaml.MapItem{Key: key})
		}
		s.value[i].Value = plain(value)
	}
}

// policyOf is the name of a scheme's policy, which is made when it is first used. x-polygate of the document may have it by that name.
func (im *importer) policyOf(s *scheme, optional bool) string {
	to, name, value := &s.strict, kebab("scheme", s.name), s.value
	if optional {
		to, name = &s.optional, kebab("scheme", s.name+"-optional")
		value = append(slices.Clone(value), yaml.MapItem{Key: "optional", Value: true})
	}
	if *to != "" {
		return *to
	}
	if _, there := im.extension.policies[name]; there {
		*to = name
		return name
	}
	for _, n := range s.notes {
		im.note(n.Kind, n.Pointer, n.What, n.Remedy)
	}
	for _, item := range value {
		if item.Key == "variable" {
			im.note(FillIn, s.at, fmt.Sprintf("the credentials are in variable %v of the functions", item.Value), "set it, or write secret: NAME in the policy in its place")
		}
	}
	if value == nil {
		value = yaml.MapSlice{}
	}
	*to = im.policy(name, yaml.MapSlice{{Key: s.kind, Value: value}}, s.comment)
	return *to
}

// policy adds a policy and returns its name.
func (im *importer) policy(name string, value any, comment []string) string {
	name = unique(name, im.names)
	im.policies = append(im.policies, named{name, value, comment})
	return name
}

// alternative is one way to be let in: all of its schemes.
type alternative struct {
	schemes []*scheme
	scopes  []string
	unknown bool // it has a scheme that there is no policy for
}

// secure gives the policies that an operation's security asks for, or the document's.
func (im *importer) secure(operation map[string]any, at gateway.Pointer) []string {
	v, there := operation["security"]
	if !there {
		if v, there = im.root["security"]; !there {
			return nil
		}
		at = ""
	}
	at = at.Key("security")
	list, is := v.([]any)
	if !is {
		im.note(LeftOut, at, "security is no list", "write a list of mappings of schemes to scopes")
		return nil
	}
	var ways []alternative
	anonymous := false
	for i, item := range list {
		m, is := item.(map[string]any)
		switch {
		case !is:
			im.note(LeftOut, at.Index(i), "it is no mapping", "write schemes and their scopes")
		case len(m) == 0:
			anonymous = true
		default:
			ways = append(ways, im.alternative(m))
		}
	}
	return im.let(ways, anonymous, at)
}

func (im *importer) alternative(m map[string]any) alternative {
	var a alternative
	for name, scopes := range sorted(m) {
		s := im.scheme(name)
		if s.kind == "" {
			a.unknown = true
			continue
		}
		a.schemes = append(a.schemes, s)
		if list, _ := texts(scopes); s.kind == "jwt" { // of others the scopes are roles, which the gateway cannot know
			a.scopes = append(a.scopes, list...)
		}
	}
	slices.SortStableFunc(a.schemes, func(x, y *scheme) int { // who calls is who the token says
		return map[bool]int{true: 1}[x.kind == "jwt"] - map[bool]int{true: 1}[y.kind == "jwt"]
	})
	slices.Sort(a.scopes)
	a.scopes = slices.Compact(a.scopes)
	return a
}

// let gives the policies of alternatives. What cannot be said keeps out rather than lets in.
func (im *importer) let(ways []alternative, anonymous bool, at gateway.Pointer) []string {
	const oneWay = "give callers one way, or write a policy of the kind authorize by hand"
	if known := slices.DeleteFunc(slices.Clone(ways), func(a alternative) bool { return a.unknown }); len(known) < len(ways) && len(ways) > 1 && len(known) > 0 {
		im.note(Changed, at, "alternatives with a scheme that there is no policy for are not let in", oneWay)
		ways = known
	}
	if len(ways) == 0 || len(ways) > 1 && ways[0].unknown {
		return nil
	}
	places := map[string]bool{}
	plainWays := true
	for _, a := range ways {
		plainWays = plainWays && len(a.schemes) == 1 && len(a.scopes) == 0 && !a.unknown && !places[a.schemes[0].place]
		if plainWays {
			places[a.schemes[0].place] = true
		}
	}
	switch {
	case plainWays && (anonymous || len(ways) > 1):
		var out []string
		for _, a := range ways {
			out = append(out, im.policyOf(a.schemes[0], true))
		}
		if !anonymous {
			out = append(out, im.somebody())
		}
		return out
	case anonymous:
		im.note(Changed, at, "to call without credentials is one of several alternatives that no list of policies can say: nothing is asked for", oneWay)
		return nil
	case len(ways) > 1:
		im.note(Changed, at, fmt.Sprintf("of %d alternatives only the first is let in: no list of policies can say them all", len(ways)), oneWay)
	}
	var out []string
	for _, s := range ways[0].schemes {
		out = append(out, im.policyOf(s, false))
	}
	if len(ways[0].scopes) > 0 {
		out = append(out, im.scoped(ways[0].scopes))
	}
	return out
}

// somebody is the policy that wants a caller, whoever it is.
func (im *importer) somebody() string {
	return im.shared("authorize any", "authenticated", yaml.MapSlice{{Key: "authorize", Value: yaml.MapSlice{{Key: "when", Value: `caller.consumer != ""`}}}})
}

// scoped is the policy that wants scopes.
func (im *importer) scoped(scopes []string) string {
	return im.shared("scopes "+strings.Join(scopes, " "), kebab("scopes", "scopes-"+strings.Join(scopes, "-")), yaml.MapSlice{{Key: "authorize", Value: yaml.MapSlice{{Key: "scopes", Value: scopes}}}})
}

// shared makes a policy once.
func (im *importer) shared(key, name string, value any) string {
	if policy, there := im.made[key]; there {
		return policy
	}
	im.made[key] = im.policy(name, value, nil)
	return im.made[key]
}
