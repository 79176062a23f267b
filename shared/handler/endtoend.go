package handler

import (
	"iter"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"polygate.example/shared/gateway"
)

// endToEnd takes off a request what Connection names, before routes, policies and signatures go by it: it is for the connection to the gateway alone
// (RFC 9110, 7.6.1) and would be taken off on the way: X-Amount after its signature was found to be right, X-Mode after a condition has held
// (CVE-2022-31813 of Apache, GHSA-62c8-mh53-4cqv of Traefik). What a client adds to a request takes nothing out of it behind their back.
func endToEnd(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		takeHops(r.Header)
		next.ServeHTTP(w, r)
	})
}

// spellings are how a route deals with names of headers that are not plain, before its policies go by any of them.
//
// Such a name is that of another header to many servers, see [gateway.PlainHeader]: what X-Mode may be has been looked at, and X_Mode has not
// (CVE-2015-0219 of Django, CVE-2026-54763 of Traefik). nginx drops such names (underscores_in_headers, ignore_invalid_headers), and Traefik
// (aliasHeadersStrategy) and AWS' application load balancers (drop_invalid_header_fields) do where they are told to. One that the route or a policy of
// its speaks of stays, and the plain name that it is taken for goes in its place: but where they go by what clients send under that.
type spellings struct {
	odd    map[string]bool // names that stay, canonical; nil for none
	shadow []string        // the plain names that those are taken for, canonical
}

func newSpellings(of gateway.Headers) spellings {
	var s spellings
	reads := canonical(of.Reads)
	for name := range canonical(slices.Concat(of.Reads, of.Writes)) {
		meant := meantAs(name)
		if gateway.PlainHeader(name) || reads[meant] {
			continue
		}
		if s.odd == nil {
			s.odd = map[string]bool{}
		}
		s.odd[name] = true
		s.shadow = append(s.shadow, meant)
	}
	return s
}

func canonical(names []string) map[string]bool {
	out := make(map[string]bool, len(names))
	for _, name := range names {
		out[textproto.CanonicalMIMEHeaderKey(name)] = true
	}
	return out
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
