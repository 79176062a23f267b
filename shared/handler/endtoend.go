package handler

import (
	"iter"
	"net/http"
	"net/textproto"
	"strings"

	"polygate.example/shared/gateway"
)

// endToEnd takes off a request the headers that do not go upstream under their names, before anything goes by them: routes, policies and signatures see
// what the upstream gets, and what a client adds to a request takes nothing out of it, or puts nothing into it, behind their back. There are two kinds.
//
// What Connection names is for the connection to the gateway alone (RFC 9110, 7.6.1) and would be taken off on the way: X-Amount after its signature was
// found to be right, X-Mode after a condition has held (CVE-2022-31813 of Apache, GHSA-62c8-mh53-4cqv of Traefik).
//
// A name that is not plain is that of another header to many servers, see [gateway.PlainHeader]: what X-Mode may be has been looked at, and X_Mode has
// not (CVE-2015-0219 of Django, CVE-2026-54763 of Traefik). nginx drops such names (underscores_in_headers, ignore_invalid_headers), and Traefik
// (aliasHeadersStrategy) and AWS' application load balancers (drop_invalid_header_fields) do where they are told to. One that the document itself speaks
// of stays, and the plain name that it is taken for goes in its place.
func endToEnd(next http.Handler, m *gateway.Model) http.Handler {
	s := newSpellings(m.HeaderNames())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		takeHops(r.Header)
		s.clean(r.Header)
		next.ServeHTTP(w, r)
	})
}

// spellings are how names of headers that are not plain are dealt with.
type spellings struct {
	odd    map[string]bool // names that are not plain and that the document speaks of, canonical
	shadow []string        // the plain names that those are taken for, canonical, unless the document speaks of them as well
}

func newSpellings(names []string) spellings {
	s, plain := spellings{odd: map[string]bool{}}, map[string]bool{}
	for _, name := range names {
		name = textproto.CanonicalMIMEHeaderKey(name)
		if gateway.PlainHeader(name) {
			plain[name] = true
		} else {
			s.odd[name] = true
		}
	}
	for name := range s.odd {
		if meant := meantAs(name); !plain[meant] {
			s.shadow = append(s.shadow, meant)
		}
	}
	return s
}

func (s spellings) clean(h http.Header) {
	for name := range h {
		if !gateway.PlainHeader(name) && !s.odd[name] {
			delete(h, name)
		}
	}
	for _, name := range s.shadow {
		delete(h, name)
	}
}

// takeHops takes off what Connection names, and what it names with it: what is put into the request later cannot be named any more. What stays is
// dealt with on the way.
func takeHops(h http.Header) {
	lines := h["Connection"]
	named := false
	for option := range connectionOptions(lines) {
		if !ofConnections(option) {
			delete(h, textproto.CanonicalMIMEHeaderKey(option))
			named = true
		}
	}
	if !named {
		return
	}
	delete(h, "Connection")
	for option := range connectionOptions(lines) {
		if ofConnections(option) {
			h["Connection"] = append(h["Connection"], option)
		}
	}
}

// connectionOptions are what the lines of a header Connection list.
func connectionOptions(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range lines {
			for option := range strings.SplitSeq(line, ",") {
				if option = strings.Trim(option, " \t"); option != "" && !yield(option) {
					return
				}
			}
		}
	}
}

// ofConnections reports whether an option names no header, or one that the proxy takes off or passes on by rules of its own.
func ofConnections(option string) bool {
	switch {
	case strings.EqualFold(option, "close"), strings.EqualFold(option, "keep-alive"), strings.EqualFold(option, "upgrade"), strings.EqualFold(option, "te"):
		return true
	}
	return false
}
