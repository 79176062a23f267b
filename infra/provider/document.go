package provider

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"polygate.example/infra/settings"
	"polygate.example/shared/gateway"
)

// DocumentRule compares a gateway document with where it is to run: a region it names must be one that some provider has, no
// route may take longer than the function is given, no route may be one that a provider of the stack cannot serve, none may go by
// what no front tells of clients, and none may use a secret that the stack does not have. What works but not as one might think is a warning.
func DocumentRule(specs []Spec, s settings.Settings) func(gateway.Spec) gateway.Violations {
	return func(doc gateway.Spec) gateway.Violations {
		a := documentAudit{settings: s, doc: doc, judged: map[string]*judgement{}}
		for _, name := range s.Providers() {
			if spec, ok := Find(specs, name); ok {
				a.specs = append(a.specs, spec)
			}
		}
		a.upstreams(specs)
		for i, r := range doc.Routes {
			at := gateway.Pointer("/routes").Index(i)
			a.timeout(at, r)
			a.reached(at, r)
			a.size(at, r)
			a.streaming(at, r)
			a.secrets(at, r)
		}
		a.fronts()
		for _, name := range slices.Sorted(maps.Keys(doc.Policies)) {
			for _, secret := range doc.Policies[name].Secrets() {
				a.has(gateway.Pointer("/policies").Key(name), fmt.Sprintf("the policy %q", name), secret)
			}
			for _, variable := range doc.Policies[name].Variables() {
				a.sets(gateway.Pointer("/policies").Key(name), name, variable)
			}
			a.anchors(name)
		}
		a.unusedSecrets()
		return a.found
	}
}

// documentAudit collects what is wrong with a document.
type documentAudit struct {
	settings settings.Settings
	specs    []Spec // of the stack's providers
	doc      gateway.Spec
	judged   map[string]*judgement // of policies, by name
	found    gateway.Violations
}

func (a *documentAudit) bad(at gateway.Pointer, what, remedy string) {
	a.found = append(a.found, gateway.Violation{Path: string(at), What: what, Remedy: remedy})
}

func (a *documentAudit) warn(at gateway.Pointer, what, remedy string) {
	a.found = append(a.found, gateway.Violation{Path: string(at), What: what, Remedy: remedy, Warning: true})
}

// limit is when the function is ended; 0 did not pass a check of the settings and is reported already.
func (a *documentAudit) limit() time.Duration { return time.Duration(a.settings.Timeout) * time.Second }

// upstreams looks for regions nobody has and for targets that are waited for in vain.
func (a *documentAudit) upstreams(known []Spec) {
	for _, name := range slices.Sorted(maps.Keys(a.doc.Upstreams)) {
		u, at := a.doc.Upstreams[name], gateway.Pointer("/upstreams").Key(name)
		for _, region := range slices.Sorted(maps.Keys(u.Regions)) {
			if remedy, ok := knows(known, region); !ok {
				a.found = append(a.found, gateway.Violation{Path: string(at.Key("regions").Key(region)), Key: true,
					What: fmt.Sprintf("there is no region %q", region), Remedy: remedy})
			}
		}
		d := time.Duration(u.Timeouts.Response)
		if a.limit() == 0 || d <= a.limit() {
			continue
		}
		// A route's own timeout ends the wait in time, and the gateway answers 504; without one the function is ended in the
		// middle of it, and what the client is told is the provider's own 5xx.
		if i := slices.IndexFunc(a.doc.Routes, func(r gateway.Route) bool { return r.Upstream == name && r.Timeout == 0 }); i >= 0 {
			a.warn(at.Key("timeouts").Key("response"), fmt.Sprintf("the route %q may wait %s for an answer, but polygate:timeout ends a request after %s, before the gateway can say so",
				a.doc.Routes[i].Name, d, a.limit()), "wait less, raise polygate:timeout, or give the route a timeout")
		}
	}
}

// timeout looks at how long a route may take.
func (a *documentAudit) timeout(at gateway.Pointer, r gateway.Route) {
	d, at := time.Duration(r.Timeout), at.Key("timeout")
	if a.limit() > 0 && d > a.limit() {
		a.bad(at, fmt.Sprintf("the route %q may take %s, but polygate:timeout ends a request after %s", r.Name, d, a.limit()), "raise the one or lower the other")
	}
	if d == 0 || a.settings.Warm > 0 {
		return
	}
	for _, spec := range a.specs {
		least, most := time.Duration(spec.Limits.ColdStartMS[0])*time.Millisecond, time.Duration(spec.Limits.ColdStartMS[1])*time.Millisecond
		if d < most {
			a.warn(at, fmt.Sprintf("the route %q is to answer within %s, but on %s the first request of a new instance waits %s to %s before that time begins",
				r.Name, d, spec.Name, least, most), "keep instances ready with polygate:warm, or have clients wait longer")
		}
	}
}

// reached looks for routes that a provider keeps for itself.
func (a *documentAudit) reached(at gateway.Pointer, r gateway.Route) {
	path, whole := literal(r.Match.Path)
	for _, spec := range a.specs {
		for _, kept := range spec.Limits.Reserved {
			switch {
			case !kept.holds(path) || kept.Ending && !whole:
			case kept.Some:
				a.warn(at.Key("match").Key("path"), fmt.Sprintf("the route %q may not be reached on %s, which keeps some paths like %s for itself", r.Name, spec.Name, path), "choose another path")
			default:
				a.bad(at.Key("match").Key("path"), fmt.Sprintf("the route %q is never reached on %s, which keeps %s for itself", r.Name, spec.Name, kept.Path), "choose another path")
			}
		}
		for i, method := range r.Match.Methods {
			if !slices.Contains(spec.Limits.Methods, method) {
				continue
			}
			at := at.Key("match").Key("methods").Index(i)
			if what := fmt.Sprintf("the route %q gets no %s on %s, which refuses it", r.Name, method, spec.Name); len(r.Match.Methods) == 1 {
				a.bad(at, what, "use another method")
			} else {
				a.warn(at, what, "leave it out")
			}
		}
	}
}

// literal is a pattern's path up to its first parameter, and whether that is all of it. Of a pattern that is no pattern it is
// nothing, because that is reported already.
func literal(pattern string) (path string, whole bool) {
	p, err := gateway.ParsePattern(pattern)
	if err != nil {
		return "", false
	}
	for _, s := range p.Segments {
		if s.Kind != gateway.SegmentLiteral {
			return path, false
		}
		path += "/" + s.Text
	}
	return path, true
}

// size looks for routes whose conditions alone are more than a front takes.
func (a *documentAudit) size(at gateway.Pointer, r gateway.Route) {
	path, _ := literal(r.Match.Path)
	url, header := len(path), 0
	for name, c := range r.Match.Query {
		url += len(name) + len(c.Value) + len("?=")
	}
	for name, c := range r.Match.Headers {
		header += len(name) + len(c.Value) + len(": \r\n")
	}
	for _, spec := range a.specs {
		l := spec.Limits
		if l.URLBytes > 0 && url > l.URLBytes {
			a.bad(at.Key("match"), fmt.Sprintf("the route %q asks for a URL of %d bytes, and %s takes %d", r.Name, url, spec.Name, l.URLBytes), "ask for less")
			continue
		}
		if l.HeaderBytes > 0 && url+header > l.HeaderBytes {
			a.bad(at.Key("match"), fmt.Sprintf("the route %q asks for a URL and headers of %d bytes, and %s takes %d", r.Name, url+header, spec.Name, l.HeaderBytes), "ask for less")
		}
	}
}

// eventStream is the media type of server-sent events (HTML Living Standard, section 9.2).
const eventStream = "text/event-stream"

// streaming looks for routes of event streams, which make no sense where a front holds a response until it is whole.
func (a *documentAudit) streaming(at gateway.Pointer, r gateway.Route) {
	streams := false
	for name, c := range r.Match.Headers {
		streams = streams || strings.EqualFold(name, "Accept") && strings.Contains(c.Value, eventStream)
	}
	for name, v := range r.Response.Headers.Set {
		streams = streams || strings.EqualFold(name, "Content-Type") && strings.HasPrefix(v, eventStream)
	}
	if !streams {
		return
	}
	for _, spec := range a.specs {
		if !spec.Limits.Streaming {
			a.warn(at, fmt.Sprintf("the route %q streams events, and %s holds a response until it is whole: they come all at once, or not at all after %s",
				r.Name, spec.Name, a.limit()), "let clients poll, or leave regions of "+spec.Name+" out")
		}
	}
}

// secrets looks for secrets that the stack does not have, and for those that are sent where everybody on the way can read them.
func (a *documentAudit) secrets(at gateway.Pointer, r gateway.Route) {
	for _, header := range slices.Sorted(maps.Keys(r.Request.Headers.Set)) {
		t, err := gateway.ParseTemplate(r.Request.Headers.Set[header])
		if err != nil {
			continue // reported already
		}
		at := at.Key("request").Key("headers").Key("set").Key(header)
		for i, name := range t.Secrets() {
			if slices.Index(t.Secrets(), name) == i {
				a.has(at, fmt.Sprintf("the route %q", r.Name), name)
			}
		}
		if clear := a.inClear(r.Upstream); len(t.Secrets()) > 0 && clear != "" {
			a.warn(at, fmt.Sprintf("the route %q sends the secret %q to %s without encryption", r.Name, t.Secrets()[0], clear), "let the upstream be reached by https")
		}
	}
}

// has objects to a secret that the stack does not have.
func (a *documentAudit) has(at gateway.Pointer, who, name string) {
	have := slices.Sorted(maps.Keys(a.settings.Secrets))
	if slices.Contains(have, name) {
		return
	}
	remedy := "name it there, with a reference for each provider of the stack"
	if near := gateway.Nearest(name, have); near != "" {
		remedy = fmt.Sprintf("did you mean %q? Else %s", near, remedy)
	}
	a.bad(at, fmt.Sprintf("%s uses the secret %q, which polygate:secrets does not have", who, name), remedy)
}

// sets objects to a policy that reads a variable which the stack does not set: its functions would not start.
func (a *documentAudit) sets(at gateway.Pointer, policy, name string) {
	if _, ok := a.settings.Variables[name]; ok {
		return
	}
	remedy := "set it there"
	if near := gateway.Nearest(name, slices.Sorted(maps.Keys(a.settings.Variables))); near != "" {
		remedy = fmt.Sprintf("did you mean %q? Else %s", near, remedy)
	}
	a.bad(at, fmt.Sprintf("the policy %q reads the variable %q, which polygate:variables does not set", policy, name), remedy)
}

// inClear is a target of an upstream that is not reached by https, "" if there is none. On one machine nobody is on the way.
func (a *documentAudit) inClear(upstream string) string {
	u := a.doc.Upstreams[upstream]
	targets := slices.Clone(u.Targets)
	for _, region := range slices.Sorted(maps.Keys(u.Regions)) {
		targets = append(targets, u.Regions[region].Targets...)
	}
	i := slices.IndexFunc(targets, func(t gateway.Target) bool { return strings.HasPrefix(strings.ToLower(t.URL), "http://") })
	if i < 0 || a.settings.Environment == settings.Local {
		return ""
	}
	return targets[i].URL
}

// unusedSecrets looks for secrets that the functions may read for nothing: each is a right that nobody needs, and on Lambda the
// first of them brings the extension, which makes a cold start longer.
func (a *documentAudit) unusedSecrets() {
	used := map[string]bool{}
	for _, r := range a.doc.Routes {
		for _, name := range r.Secrets() {
			used[name] = true
		}
	}
	for _, p := range a.doc.Policies {
		for _, name := range p.Secrets() {
			used[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.settings.Secrets)) {
		if !used[name] {
			a.warn("/routes", fmt.Sprintf("polygate:secrets has %q, which nothing in the document uses", name), "take it out there, or use it: in a header for an upstream as ${secret."+name+"}, or in a policy")
		}
	}
}

// knows reports whether some provider has a region, and what would be right.
func knows(specs []Spec, region string) (remedy string, ok bool) {
	prov, name, _ := strings.Cut(region, "/")
	spec, ok := Find(specs, prov)
	if !ok {
		return "want " + settings.List(names(specs)), false
	}
	_, ok = spec.Regions[name]
	return prov + " has only " + strings.Join(spec.RegionNames(), ", "), ok
}
