package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// answerSide is that of answers which may tell the client what it has sent.
var answerSide = headerSide{owned: responseOwned, clients: true, references: true}

func (p *Transform) check(r *report, at Pointer) {
	if p.Request == nil && len(p.Response) == 0 {
		r.value(at, "nothing is changed", "write request, response or both")
	}
	if q := p.Request; q != nil {
		at := at.Key("request")
		if q.Headers.IsZero() && q.Query.IsZero() && q.Cookies.IsZero() && q.Path == nil && q.JSON == nil {
			r.value(at, "nothing is changed", "write one of headers, query, cookies, path and json")
		}
		checkHeaderChanges(r, at.Key("headers"), q.Headers, requestSide)
		checkNamed(r, at.Key("query"), q.Query, "query parameter", func(s string) bool { return s != "" && len(s) <= 256 })
		checkNamed(r, at.Key("cookies"), q.Cookies, "cookie", isToken)
		if q.Path != nil {
			checkPathRewrite(r, at.Key("path"), *q.Path)
		}
		checkJSON(r, at.Key("json"), q.JSON, false)
	}
	for i, a := range p.Response {
		at := at.Key("response").Index(i)
		if a.Headers.IsZero() && a.JSON == nil {
			r.value(at, "nothing is changed", "write headers, json or both")
		}
		for i, status := range a.Status {
			if !statusPattern.MatchString(status) {
				r.value(at.Key("status").Index(i), fmt.Sprintf("status %s is none", quote(status)), `write such as 404 or 4xx`)
			}
		}
		checkHeaderChanges(r, at.Key("headers"), a.Headers, answerSide)
		checkJSON(r, at.Key("json"), a.JSON, true)
	}
}

var statusPattern = regexp.MustCompile(`^[2-5]([0-9][0-9]|xx)$`)

func checkHeaderChanges(r *report, at Pointer, c Changes, side headerSide) {
	checkOps(r, at, HeaderOps{Set: c.Set, Remove: c.Remove}, side)
	checkSet(r, at.Key("add"), c.Add, side)
	checkRename(r, at.Key("rename"), c.Rename, strings.ToLower, func(object func(Pointer, string, string), at Pointer, name string) {
		checkHeaderName(object, at, name, side.owned)
	})
	for _, m := range []struct {
		key string
		set map[string]string
	}{{"set", c.Set}, {"add", c.Add}} {
		for _, name := range slices.Sorted(maps.Keys(m.set)) {
			if side.clients {
				checkRedirect(r, at.Key(m.key).Key(name), name, m.set[name])
			}
		}
	}
}

// checkRedirect refuses an address for browsers to go to whose host a request could choose.
func checkRedirect(r *report, at Pointer, name, value string) {
	t, err := ParseTemplate(value)
	if err != nil || len(t.References()) == 0 {
		return
	}
	switch strings.ToLower(name) {
	case "location", "content-location":
		if !leadsHome(t.Lead()) {
			r.value(at, fmt.Sprintf("a request could choose the host that header %s leads to", quote(name)),
				`begin with a scheme, a host and a slash, or with a slash and a letter, before the first reference: "https://www.example.com/${request.query.page}", "/login/${...}"`)
		}
	case "refresh":
		r.value(at, fmt.Sprintf("a request could choose where header %s leads to", quote(name)), "write it without references, or a Location")
	}
}

// leadsHome reports whether whatever follows the text, the host is the text's own, or that of the request.
func leadsHome(text string) bool {
	if u, err := url.Parse(text); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.Path != "" {
		return true
	}
	return len(text) > 1 && text[0] == '/' && text[1] != '/' && text[1] != '\\'
}

// checkRename tests pairs of names; fold makes those equal that are.
func checkRename(r *report, at Pointer, pairs map[string]string, fold func(string) string, check func(func(Pointer, string, string), Pointer, string)) {
	taken := map[string]string{}
	for _, from := range slices.Sorted(maps.Keys(pairs)) {
		at, to := at.Key(from), pairs[from]
		check(r.key, at, from)
		check(r.value, at, to)
		if fold(from) == fold(to) {
			r.value(at, fmt.Sprintf("%s is renamed to itself", quote(from)), "remove it, or write another name")
		}
		if other, ok := taken[fold(to)]; ok {
			r.value(at, fmt.Sprintf("%s and %s are both renamed to %s", quote(other), quote(from), quote(to)), "give each a name of its own")
		}
		taken[fold(to)] = from
	}
}

// checkNamed tests changes of what has names and texts.
func checkNamed(r *report, at Pointer, c Changes, what string, valid func(string) bool) {
	check := func(object func(Pointer, string, string), at Pointer, name string) {
		if !valid(name) {
			object(at, fmt.Sprintf("%s %s is no name of one", what, quote(name)), "write the name as clients send it, decoded")
		}
	}
	for i, name := range c.Remove {
		check(r.value, at.Key("remove").Index(i), name)
		if _, set := c.Set[name]; set {
			r.value(at.Key("remove").Index(i), fmt.Sprintf("%s %s is both set and removed", what, quote(name)), "keep set alone: it replaces what was there")
		}
	}
	checkRename(r, at.Key("rename"), c.Rename, func(s string) string { return s }, check)
	for _, m := range []struct {
		key string
		set map[string]string
	}{{"set", c.Set}, {"add", c.Add}} {
		for _, name := range slices.Sorted(maps.Keys(m.set)) {
			at := at.Key(m.key).Key(name)
			check(r.key, at, name)
			checkText(r, at, what+" "+quote(name), m.set[name], false)
			if what == "cookie" && strings.ContainsAny(m.set[name], ";, \"\\\r\n") {
				r.value(at, fmt.Sprintf("the value of cookie %s holds a character that cookies cannot carry", quote(name)), "write it percent-encoded (RFC 6265, 4.1.1)")
			}
		}
	}
}

// checkText tests a template that is no header's.
func checkText(r *report, at Pointer, what, value string, clients bool) {
	t, err := ParseTemplate(value)
	var bad *TemplateError
	switch {
	case len(value) > maxValue:
		r.value(at, fmt.Sprintf("the value of %s is %d bytes long", what, len(value)), fmt.Sprintf("keep it within %d", maxValue))
	case errors.As(err, &bad):
		r.value(at, fmt.Sprintf("the value of %s %s", what, bad.What), bad.Remedy)
	case clients && len(t.Secrets()) > 0:
		r.value(at, fmt.Sprintf("%s would show the secret %s to clients", what, quote(t.Secrets()[0])), "set it under request: secrets are for upstreams")
	}
}

// group is a reference to a group in a replacement, as package regexp reads it.
var group = regexp.MustCompile(`\$(\$|\{(\w+)\}|(\w+)|)`)

func checkPathRewrite(r *report, at Pointer, p PathRewrite) {
	re, err := p.Compile()
	if p.Pattern == "" || err != nil || len(p.Pattern) > 1024 {
		r.value(at.Key("pattern"), fmt.Sprintf("pattern %s cannot be compiled", quote(p.Pattern)), "write RE2 syntax (https://github.com/google/re2/wiki/Syntax), at most 1024 bytes; it has to match a whole path")
		return
	}
	at = at.Key("replace")
	if !strings.HasPrefix(p.Replace, "/") {
		r.value(at, fmt.Sprintf("the path that replaces, %s, does not begin with a slash", quote(p.Replace)), "write one before it")
	}
	if i := strings.IndexAny(p.Replace, "?#\\ "); i >= 0 || !IsFieldValue(p.Replace) || len(p.Replace) > 1024 {
		r.value(at, fmt.Sprintf("the path that replaces, %s, holds what paths cannot carry", quote(p.Replace)), "write a path with its escapes, at most 1024 bytes; query parameters are changed under query")
	}
	for _, m := range group.FindAllStringSubmatch(p.Replace, -1) {
		name := m[2] + m[3]
		switch known := slices.ContainsFunc(re.SubexpNames()[1:], func(s string) bool { return s != "" && s == name }); {
		case m[1] == "$":
		case name == "":
			r.value(at, "the path that replaces has a $ that refers to no group", "write $1 or ${name} for a group, $$ for the character itself")
		case strings.Trim(name, "0123456789") == "" && (len(name) > 3 || groupNumber(name) > re.NumSubexp()):
			r.value(at, fmt.Sprintf("the pattern has no group %s", name), fmt.Sprintf("it has %d: write the number of one", re.NumSubexp()))
		case strings.Trim(name, "0123456789") != "" && !known:
			r.value(at, fmt.Sprintf("the pattern has no group %s", quote(name)), "write ${1} if text follows a number, and (?P<name>...) for a group with a name")
		}
	}
}

func groupNumber(s string) int {
	n := 0
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n
}

func checkJSON(r *report, at Pointer, c *JSONChanges, clients bool) {
	if c == nil {
		return
	}
	if n := len(c.Remove) + len(c.Rename) + len(c.Set); n == 0 || n > maxChanges {
		r.value(at, fmt.Sprintf("there are %d changes", n), fmt.Sprintf("write 1 to %d under set, remove and rename", maxChanges))
	}
	if c.Bytes < 0 || c.Bytes > maxJSONBytes {
		r.value(at.Key("bytes"), fmt.Sprintf("bytes %d is out of range", c.Bytes), fmt.Sprintf("write at most %d: bodies are held while they are changed", maxJSONBytes))
	}
	for i, s := range c.Remove {
		checkPlace(r.value, at.Key("remove").Index(i), s, false)
	}
	checkRename(r, at.Key("rename"), c.Rename, func(s string) string { return s }, func(object func(Pointer, string, string), at Pointer, s string) {
		_, from := c.Rename[s] // what is renamed has to be there
		checkPlace(object, at, s, !from)
	})
	for from, to := range c.Rename {
		if strings.HasPrefix(to, from+"/") {
			r.value(at.Key("rename").Key(from), fmt.Sprintf("%s is renamed into itself", quote(from)), "write a place outside of it")
		}
	}
	for _, s := range slices.Sorted(maps.Keys(c.Set)) {
		at := at.Key("set").Key(s)
		checkPlace(r.key, at, s, true)
		if text, ok := Text(c.Set[s]); ok {
			checkText(r, at, quote(s), text, clients)
		} else if b := c.Set[s]; !json.Valid(b) || b[0] == '{' || b[0] == '[' {
			r.value(at, fmt.Sprintf("the value of %s is neither text nor a number, true, false or null", quote(s)), "set its members one by one")
		}
	}
}

// checkPlace tests a place in a body; more says whether it may be that of one more item.
func checkPlace(object func(Pointer, string, string), at Pointer, s string, more bool) {
	names, ok := ParsePointer(s)
	switch i := slices.Index(names, OneMore); {
	case !ok:
		object(at, fmt.Sprintf("%s is no pointer into a body", quote(s)), `write such as "/user/name"; ~1 stands for a slash in a name, ~0 for a tilde (RFC 6901)`)
	case i < 0:
	case !more:
		object(at, fmt.Sprintf("%s is of the item after the last one, where there is nothing", quote(s)), "write the number of an item, from 0")
	case i < len(names)-1:
		object(at, fmt.Sprintf("%s goes on after -, which stands for one more item and has nothing in it", quote(s)), "end with it, or write the number of an item, from 0")
	}
}

// ofCaller reports whether a reference goes by who calls.
func (ref Reference) ofCaller() bool {
	return ref.Kind == RefConsumer || ref.Kind == RefPlan || ref.Kind == RefClaim
}

// checkParams tests that a route has what its policies, or its own headers, refer to: parameters of its path, somebody who calls.
func checkParams(r *report, i int, s *Spec) {
	route := s.Routes[i]
	pattern, err := ParsePattern(route.Match.Path)
	if err != nil {
		return // reported already
	}
	have := pattern.Params()
	missing := func(refs []Reference) (string, bool) {
		for _, ref := range refs {
			if _, ok := have[ref.Name]; ref.Kind == RefParam && !ok {
				return ref.Name, true
			}
		}
		return "", false
	}
	at := Pointer("/routes").Index(i)
	for _, list := range []struct {
		names []string
		at    func(int) Pointer
	}{{s.Everywhere, func(int) Pointer { return at.Key("match").Key("path") }}, {route.Policies, at.Key("policies").Index}} {
		for j, name := range list.names {
			if params := s.Policies[name].params(); len(params) > 0 {
				if i := slices.IndexFunc(params, func(param string) bool { _, ok := have[param]; return !ok }); i >= 0 {
					r.value(list.at(j), fmt.Sprintf("policy %s refers to the parameter {%s}, which match.path does not have", quote(name), params[i]), "name it in the path, or give the route another policy")
				}
			}
			if t := s.Policies[name].Transform; t != nil {
				if param, is := missing(t.references()); is {
					r.value(list.at(j), fmt.Sprintf("policy %s refers to the parameter {%s}, which match.path does not have", quote(name), param), "name it in the path, or give the route another policy")
				}
			}
		}
	}
	made := slices.ContainsFunc(slices.Concat(s.Everywhere, route.Policies), func(name string) bool { return s.use(name) == callerMade })
	for name, value := range route.Request.Headers.Set {
		if t, err := ParseTemplate(value); err == nil {
			if !made && slices.ContainsFunc(t.References(), Reference.ofCaller) {
				r.value(at.Key("request").Key("headers").Key("set").Key(name), fmt.Sprintf("the value of header %s goes by who calls, and no policy of the route finds that out", quote(name)), "give the route one that does, such as one of apiKey or jwt")
			}
			if param, is := missing(t.References()); is {
				r.value(at.Key("request").Key("headers").Key("set").Key(name), fmt.Sprintf("the value of header %s refers to the parameter {%s}, which match.path does not have", quote(name), param), suggest(param, slices.Sorted(maps.Keys(have))))
			}
		}
	}
}
