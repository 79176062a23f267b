package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Reserved are the paths the gateway answers itself, on every host and for every method.
var reserved = []string{"/health", "/ready"}

// Methods a route may list. CONNECT asks for a tunnel, which a gateway is not.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}

func checkRoute(r *report, at Pointer, route Route, upstreams map[string]Upstream, known []string) {
	if what, remedy := checkName("route", route.Name); what != "" {
		r.value(at.Key("name"), what, remedy)
	}
	pattern, ok := checkMatch(r, at.Key("match"), route.Match)
	checkAction(r, at, route, upstreams, known)
	if ok {
		checkRewrite(r, at.Key("rewrite"), route.Rewrite, pattern)
	}
	if route.Timeout != 0 { // 0 is none
		checkTimeout(r, at.Key("timeout"), route.Timeout)
	}
	checkOps(r, at.Key("request").Key("headers"), route.Request.Headers, requestSide)
	checkOps(r, at.Key("response").Key("headers"), route.Response.Headers, responseSide)
	checkTrace(r, at.Key("match").Key("methods"), route)
	if route.Respond != nil {
		checkRespond(r, at.Key("respond"), *route.Respond)
	}
}

// checkTrace refuses secrets where the upstream is asked to send back what it got: "A client MUST NOT generate fields in a TRACE
// request containing sensitive data that might be disclosed by the response" (RFC 9110, 9.3.8).
func checkTrace(r *report, at Pointer, route Route) {
	if i := slices.Index(route.Match.Methods, "TRACE"); i >= 0 && len(route.Secrets()) > 0 {
		r.value(at.Index(i), fmt.Sprintf("method TRACE would show the secret %s to clients", quote(route.Secrets()[0])), "take it out, or give it a route without secrets: an upstream answers with the request as it came")
	}
}

// checkMatch returns the parsed path and whether it could be parsed.
func checkMatch(r *report, at Pointer, m Match) (Pattern, bool) {
	checkHost(r, at.Key("host"), m.Host)
	seen := map[string]bool{}
	for i, method := range m.Methods {
		at := at.Key("methods").Index(i)
		switch {
		case seen[method]:
			r.value(at, fmt.Sprintf("method %s is listed twice", quote(method)), "list it once")
		case slices.Contains(methods, method):
		case slices.Contains(methods, strings.ToUpper(method)):
			r.value(at, fmt.Sprintf("method %s is not in capitals", quote(method)), "write "+strings.ToUpper(method)+": methods are case-sensitive")
		case method == "CONNECT":
			r.value(at, "method CONNECT cannot be routed", "remove it: the gateway opens no tunnels")
		default:
			r.value(at, fmt.Sprintf("method %s is not known", quote(method)), suggest(method, methods))
		}
		seen[method] = true
	}
	checkConditions(r, at.Key("headers"), m.Headers, true)
	checkConditions(r, at.Key("query"), m.Query, false)

	pattern, err := ParsePattern(m.Path)
	var bad *PatternError
	if errors.As(err, &bad) {
		r.value(at.Key("path"), bad.What, bad.Remedy)
		return Pattern{}, false
	}
	for _, path := range reserved {
		if pattern.Shape() == path {
			r.value(at.Key("path"), fmt.Sprintf("path %s is reserved", quote(path)), "choose another: the gateway answers it itself, and the route would never be reached")
		}
	}
	return pattern, true
}

func checkHost(r *report, at Pointer, host string) {
	if host == "" {
		return
	}
	name := strings.TrimPrefix(host, "*.")
	switch {
	case strings.Contains(name, "*"):
		r.value(at, fmt.Sprintf("host %s has a wildcard in the wrong place", quote(host)), `write "*.example.com" for every name below a domain, or leave host out for any`)
	case strings.Contains(name, ":"):
		r.value(at, fmt.Sprintf("host %s has a port or a scheme", quote(host)), "write the name alone: every port is taken")
	case !validHost(name):
		r.value(at, fmt.Sprintf("host %s is not a host name", quote(host)), `write it such as "api.example.com"`)
	case host != strings.ToLower(host):
		r.value(at, fmt.Sprintf("host %s is not in lower case", quote(host)), "write "+quote(strings.ToLower(host)))
	}
}

// invisible are the headers that net/http takes out of a request before a handler sees it (net/http, Request.Header and
// readTransfer): a condition on one of them never holds.
var invisible = map[string]string{
	"host":              "use match.host",
	"transfer-encoding": "remove the condition: it is not the client's to a gateway, and the route would never be reached",
	"trailer":           "remove the condition: trailers come after the body, and the route would never be reached",
}

func checkConditions(r *report, at Pointer, conditions map[string]Condition, header bool) {
	seen := headerNames{}
	for _, name := range slices.Sorted(maps.Keys(conditions)) {
		at, c := at.Key(name), conditions[name]
		if header {
			if !isToken(name) {
				r.key(at, fmt.Sprintf("header name %s is not a header name", quote(name)), "use letters, digits and hyphens")
			}
			if remedy, ok := invisible[strings.ToLower(name)]; ok {
				r.key(at, fmt.Sprintf("header %s is never seen by a route", quote(name)), remedy)
			}
			seen.once(r, at, name)
		} else if name == "" {
			r.key(at, "the query parameter has no name", "name the parameter")
		}
		switch c.Kind {
		case KindExact:
		case KindPresent:
			if c.Value != "" {
				r.value(at, "a condition of kind present has a value", "leave the value out")
			}
		case KindPrefix:
			if c.Value == "" {
				r.value(at, "the prefix is empty", "write present: true if any value will do")
			}
		case KindRegexp:
			if c.Value == "" {
				r.value(at, "the regular expression is empty", "write present: true if any value will do")
			} else if _, err := regexp.Compile(c.Value); err != nil || len(c.Value) > 1024 {
				r.value(at, fmt.Sprintf("regular expression %s cannot be compiled", quote(c.Value)), "write RE2 syntax (https://github.com/google/re2/wiki/Syntax), at most 1024 bytes")
				continue
			}
		default:
			r.value(at, fmt.Sprintf("condition kind %s is not known", quote(c.Kind)), suggest(c.Kind, []string{KindExact, KindPresent, KindPrefix, KindRegexp}))
		}
		if languageOf(c, header).empty(header) {
			remedy := "header values have no control characters, and no spaces at their ends"
			if c.Kind == KindRegexp {
				remedy = "write an expression that matches a whole value"
			}
			r.value(at, fmt.Sprintf("no value can meet the condition %s %s, and the route would never be reached", c.Kind, quote(c.Value)), remedy)
		}
	}
}

func checkAction(r *report, at Pointer, route Route, upstreams map[string]Upstream, known []string) {
	var actions []string
	if route.Upstream != "" {
		actions = append(actions, "upstream")
	}
	if route.Respond != nil {
		actions = append(actions, "respond")
	}
	if route.Fault != "" {
		actions = append(actions, "fault")
	}
	label := "route " + quote(route.Name)
	switch len(actions) {
	case 0:
		r.value(at, label+" does nothing", "add upstream, respond or fault")
	case 1:
	default:
		r.value(at, label+" has "+strings.Join(actions, " and "), "keep one of them")
	}
	if route.Upstream != "" {
		if _, ok := upstreams[route.Upstream]; !ok {
			r.value(at.Key("upstream"), fmt.Sprintf("upstream %s does not exist", quote(route.Upstream)), suggest(route.Upstream, known))
		}
	} else {
		for _, part := range []struct {
			key          string
			there        bool
			what, remedy string
		}{
			{"rewrite", route.Rewrite != (Rewrite{}), "has a rewrite", "nothing is sent that could be rewritten"},
			{"request", !route.Request.IsZero(), "changes the request", "nothing is sent that could be changed"},
			{"timeout", route.Timeout != 0, "has a timeout", "there is nothing to wait for"},
		} {
			if part.there {
				r.key(at.Key(part.key), label+" "+part.what+" but has no upstream", "remove it: "+part.remedy)
				r.found[len(r.found)-1].Premise = string(at)
			}
		}
	}
	if f := route.Fault; f != "" && f != FaultPanic && f != FaultTruncate {
		r.value(at.Key("fault"), fmt.Sprintf("fault %s is not known", quote(f)), suggest(f, []string{FaultPanic, FaultTruncate}))
	}
}

func checkRewrite(r *report, at Pointer, w Rewrite, pattern Pattern) {
	if w.StripPrefix != "" && w.Path != "" {
		r.value(at, "the rewrite has both stripPrefix and path", "keep one of them")
	}
	if w.StripPrefix != "" {
		prefix, err := ParsePattern(w.StripPrefix)
		at := at.Key("stripPrefix")
		switch {
		case err != nil:
			r.value(at, fmt.Sprintf("prefix %s is not a path", quote(w.StripPrefix)), `write leading segments of match.path, such as "/api"`)
		case !leads(prefix, pattern):
			r.value(at, fmt.Sprintf("prefix %s does not begin match.path", quote(w.StripPrefix)), "write its leading segments, without parameters and without a slash at the end")
		}
	}
	if w.Path != "" {
		at := at.Key("path")
		target, err := ParsePattern(w.Path)
		var bad *PatternError
		if errors.As(err, &bad) {
			r.value(at, bad.What, bad.Remedy)
			return
		}
		have := pattern.Params()
		for _, s := range target.Segments {
			if s.Kind == SegmentLiteral {
				continue
			}
			if kind, ok := have[s.Text]; !ok {
				r.value(at, fmt.Sprintf("parameter {%s} is not in match.path", s.Text), suggest(s.Text, slices.Sorted(maps.Keys(have))))
			} else if kind != s.Kind {
				r.value(at, fmt.Sprintf("parameter {%s} is one segment in one path and the rest in the other", s.Text), "write it with ... in both or in neither")
			}
		}
	}
}

// leads reports whether prefix is literal, does not end in a slash, and is what the pattern begins with.
func leads(prefix, pattern Pattern) bool {
	if len(prefix.Segments) > len(pattern.Segments) {
		return false
	}
	for i, s := range prefix.Segments {
		if s.Kind != SegmentLiteral || s.Text == "" || s != pattern.Segments[i] {
			return false
		}
	}
	return true
}

func checkRespond(r *report, at Pointer, p Respond) {
	switch {
	case p.Status == 0:
		r.value(at.Key("status"), "status is missing", "write one, such as 200")
	case p.Status < 200 || p.Status > 599:
		r.value(at.Key("status"), fmt.Sprintf("status %d is not a final status", p.Status), "write one from 200 to 599")
	case (p.Status == 204 || p.Status == 205 || p.Status == 304) && p.Body != "":
		r.value(at.Key("body"), fmt.Sprintf("status %d has no body", p.Status), "remove the body or choose another status (RFC 9110, 15.3.5, 15.3.6 and 15.4.5)")
	}
	if len(p.Body) > maxBody {
		r.value(at.Key("body"), fmt.Sprintf("the body is %d bytes long", len(p.Body)), fmt.Sprintf("keep it within %d: it is part of every artefact", maxBody))
	}
	checkSet(r, at.Key("headers"), p.Headers, responseSide)
	for _, name := range slices.Sorted(maps.Keys(p.Headers)) {
		if !strings.EqualFold(name, "Location") {
			continue
		}
		if _, err := url.Parse(p.Headers[name]); err != nil {
			r.value(at.Key("headers").Key(name), fmt.Sprintf("location %s is not a URL", quote(p.Headers[name])), "write a URL or a path")
		}
	}
}

// sortedMethods is the canonical spelling of a method list in messages and keys.
func sortedMethods(m []string) []string {
	return slices.SortedFunc(slices.Values(m), cmp.Compare[string])
}
