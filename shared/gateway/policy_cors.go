package gateway

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	maxOrigins = 200
	// maxCORSAge is the longest that any browser keeps the answer to a preflight: Firefox 24 h, Chromium 2 h (MDN, Access-Control-Max-Age).
	maxCORSAge = Duration(24 * time.Hour)
)

// AnyOrigin is the origin, method or header that stands for all of them (Fetch standard, 3.3.3).
const AnyOrigin = "*"

// CORS lets pages of other origins read a route's answers (Fetch standard, 3.3). It acts before all other policies of its routes, wherever
// it is listed: their refusals can be read as well, and a preflight, which carries no credentials, is answered without them.
type CORS struct {
	Origins        []string `json:"origins"`           // "https://app.example.com", "https://*.example.com" for one or more labels, "null", or "*" alone
	Methods        []string `json:"methods,omitempty"` // beside GET, HEAD and POST, which no browser asks about; "*" for any
	Headers        []string `json:"headers,omitempty"` // of requests; "*" for any but Authorization
	ExposeHeaders  []string `json:"exposeHeaders,omitempty"`
	Credentials    bool     `json:"credentials,omitempty"`    // cookies, certificates and HTTP authentication
	MaxAge         Duration `json:"maxAge,omitzero"`          // 1 s to 24 h, whole seconds; 0 leaves it to the browser
	PrivateNetwork bool     `json:"privateNetwork,omitempty"` // pages of the public network may call (Private Network Access)
}

func (p *CORS) check(r *report, at Pointer) {
	p.checkOrigins(r, at.Key("origins"))
	p.checkTokens(r, at.Key("methods"), p.Methods, "method", func(at Pointer, m string) {
		switch upper := strings.ToUpper(m); {
		case m == "CONNECT" || m == "TRACE":
			r.value(at, fmt.Sprintf("method %s is forbidden to pages", quote(m)), "remove it (Fetch standard, 2.2.1)")
		case slices.Contains(methods, m):
		case slices.Contains(methods, upper):
			r.value(at, fmt.Sprintf("method %s is not in capitals", quote(m)), "write "+upper+": methods are case-sensitive")
		default:
			r.value(at, fmt.Sprintf("method %s is not known", quote(m)), suggest(m, methods))
		}
	})
	name := func(at Pointer, h string) {
		if !isToken(h) {
			r.value(at, fmt.Sprintf("header name %s is not a header name", quote(h)), "use letters, digits and hyphens")
		}
	}
	p.checkTokens(r, at.Key("headers"), p.Headers, "header", name)
	p.checkTokens(r, at.Key("exposeHeaders"), p.ExposeHeaders, "header", name)
	if age := p.MaxAge; age != 0 && (age < Duration(time.Second) || age > maxCORSAge || age%Duration(time.Second) != 0) {
		r.value(at.Key("maxAge"), fmt.Sprintf("maxAge %s is not whole seconds from 1s to %s", age, maxCORSAge), "write such as 10m: no browser keeps it for longer than a day")
	}
	if p.PrivateNetwork && slices.Contains(p.Origins, AnyOrigin) {
		r.value(at.Key("privateNetwork"), "every page of the public network could call into the private one", "list the origins that may")
	}
}

func (p *CORS) checkOrigins(r *report, at Pointer) {
	if len(p.Origins) == 0 {
		r.value(at, "there are no origins", `list some, such as "https://app.example.com"`)
	}
	if len(p.Origins) > maxOrigins {
		r.value(at, fmt.Sprintf("there are %d origins", len(p.Origins)), fmt.Sprintf("keep to %d: a wildcard takes all names below a domain", maxOrigins))
		return
	}
	for i, text := range p.Origins {
		at := at.Index(i)
		o, err := ParseOrigin(text)
		switch {
		case slices.Contains(p.Origins[:i], text):
			r.value(at, fmt.Sprintf("origin %s is listed twice", quote(text)), "list it once")
		case err != nil:
			r.value(at, fmt.Sprintf("origin %s %s", quote(text), err.What), err.Remedy)
		case o.Any && p.Credentials:
			r.value(at, "every page there is could call with its visitor's credentials", "list the origins that may, or remove credentials")
		case o.Any && len(p.Origins) > 1:
			r.value(at, "origin * is listed with others", "keep it alone: it takes all of them")
		case o.Null && p.Credentials:
			r.value(at, `origin "null" could call with its visitor's credentials`, "remove it: any page can give itself that origin by a sandboxed frame")
		case p.Credentials && o.Scheme == "http" && !o.loopback():
			r.value(at, fmt.Sprintf("origin %s could call with credentials, and is not encrypted", quote(text)), "write https: whoever is on the way could put a script into its pages")
		}
	}
}

// checkTokens tests a list in which "*" may stand alone, and not together with credentials.
func (p *CORS) checkTokens(r *report, at Pointer, list []string, what string, check func(Pointer, string)) {
	seen := map[string]bool{}
	for i, one := range list {
		at, low := at.Index(i), strings.ToLower(one)
		switch {
		case seen[low]:
			r.value(at, fmt.Sprintf("%s %s is listed twice", what, quote(one)), "list it once")
		case one == AnyOrigin && p.Credentials:
			r.value(at, fmt.Sprintf("%s * means nothing together with credentials", what), "list them: browsers take it for a name then (Fetch standard, 4.10)")
		case one == AnyOrigin:
		default:
			check(at, one)
		}
		seen[low] = true
	}
}

func (*CORS) secrets() []string { return nil }
func (*CORS) parts() []Part     { return nil }
func (*CORS) caller() callerUse { return callerUnused }

// Origin is an origin of a document: scheme, host and port of the pages it means.
type Origin struct {
	Any, Null    bool
	Scheme, Host string // the host as "app.example.com", or ".example.com" for all names below it
	Port         string // with its colon, "" for the scheme's own
}

// ParseOrigin reads an origin as browsers write it (RFC 6454, 6.2), with a wildcard for the first labels. The error's words go on after
// "origin X".
func ParseOrigin(s string) (Origin, *PatternError) {
	bad := func(what, remedy string) (Origin, *PatternError) { return Origin{}, &PatternError{what, remedy} }
	switch s {
	case AnyOrigin:
		return Origin{Any: true}, nil
	case "null":
		return Origin{Null: true}, nil
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || scheme == "" {
		return bad("has no scheme", `write it such as "https://app.example.com"`)
	}
	if u, err := url.Parse(scheme + "://x"); err != nil || u.Scheme != scheme {
		return bad("has a scheme that is none", "write https, or the scheme of an application, in lower case")
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		return bad("has more than scheme, host and port", fmt.Sprintf("write %q: an origin has no path, and no slash at its end", scheme+"://"+rest[:i]))
	}
	if strings.Contains(rest, "@") {
		return bad("has a user", "remove it: an origin is scheme, host and port")
	}
	host, port := rest, ""
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.HasSuffix(rest, "]") {
		host, port = rest[:i], rest[i:]
	}
	if port != "" && (len(port) == 1 || len(port) > 6 || strings.Trim(port[1:], "0123456789") != "" || port[1] == '0') {
		return bad("has a port that is none", "write 1 to 65535, or leave the port out")
	}
	if scheme == "https" && port == ":443" || scheme == "http" && port == ":80" {
		return bad("has the port that its scheme has anyway", fmt.Sprintf("write %q, as browsers do", scheme+"://"+host))
	}
	name, wild := strings.CutPrefix(host, "*.")
	_, err := netip.ParseAddr(strings.Trim(name, "[]"))
	switch {
	case strings.Contains(name, "*"):
		return bad("has a wildcard in the wrong place", `write "https://*.example.com" for all names below a domain, or "*" for any origin`)
	case wild && (err == nil || !strings.Contains(name, ".")):
		return bad("has a wildcard for a whole top-level domain or an address", `write "https://*.example.com" for all names below a domain`)
	case err != nil && !validHost(name):
		return bad("has a host that is none", `write it such as "https://app.example.com"`)
	case name != strings.ToLower(name):
		return bad("is not in lower case", fmt.Sprintf("write %q, as browsers do", strings.ToLower(s)))
	}
	if wild {
		name = "." + name
	}
	return Origin{Scheme: scheme, Host: name, Port: port}, nil
}

// loopback reports whether the origin's pages come from the visitor's own machine, where nobody is on the way.
func (o Origin) loopback() bool {
	a, err := netip.ParseAddr(strings.Trim(o.Host, "[]"))
	return o.Host == "localhost" || strings.HasSuffix(o.Host, ".localhost") || err == nil && a.IsLoopback()
}

// Matches reports whether an Origin header's value is of this origin.
func (o Origin) Matches(value string) bool {
	switch {
	case o.Any:
		return true
	case o.Null:
		return value == "null"
	case o.Host[0] != '.':
		host, ok := strings.CutPrefix(value, o.Scheme)
		host, there := strings.CutPrefix(host, "://")
		host, end := strings.CutSuffix(host, o.Port)
		return ok && there && end && host == o.Host
	}
	got, err := ParseOrigin(value)
	return err == nil && !got.Any && !got.Null && got.Host[0] != '.' && got.Scheme == o.Scheme && got.Port == o.Port && strings.HasSuffix(got.Host, o.Host)
}

// checkCORS tests that a route has at most one policy of the kind.
func checkCORS(r *report, at Pointer, names, before []string, s *Spec) {
	first := ""
	for _, name := range before {
		if s.Policies[name].CORS != nil {
			first = name
		}
	}
	for i, name := range names {
		if s.Policies[name].CORS == nil {
			continue
		}
		if first != "" && first != name {
			r.value(at.Index(i), fmt.Sprintf("policy %s is cors, and so is %s", quote(name), quote(first)), "keep one of them: two would not agree who may read")
		}
		first = name
	}
}

var _ kind = (*CORS)(nil)
