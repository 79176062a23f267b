package handler

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// overriding is the parameter by which frameworks take a request for one of another method. In a query WordPress goes by it (WP_REST_Server,
// serve_request), whatever the request's own method is, and Symfony and Laravel (Request, getMethod), Express with method-override and others do for a
// POST. In a form nearly all do that know it, which is the upstream's to see to: the gateway does not read bodies for their meaning.
const overriding = "_method"

// whyOverridden is for logs.
const whyOverridden = "its query may make it one of another method, which another route takes, or none"

// refuseOverrides refuses a request whose query may have an upstream take it for one of another method, by which another route would have taken it
// that keeps out more, or none that sends it on. What makes no difference passes: an upstream that is to go by the parameter has a route for the method.
func refuseOverrides(rt *router) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rt.overridden(r, exchangeOf(r).segments) {
			rt.refuseOverride(w, r)
			return
		}
		rt.ServeHTTP(w, r)
	})
}

func (rt *router) refuseOverride(w http.ResponseWriter, r *http.Request) {
	rt.guard.deny(w, r, fail(http.StatusBadRequest, "The query's "+overriding+" is for another method than the request's: send the request by the method that is meant."), whyOverridden)
}

// overridden reports whether a request's query has it go around a route.
func (rt *router) overridden(r *http.Request, segments []string) bool {
	methods := overrides(r.URL.RawQuery)
	if len(methods) == 0 {
		return false
	}
	by := func(method string) *route {
		return rt.find(&lookup{r: r, x: &exchange{segments: segments}, method: method})
	}
	found := by(r.Method)
	if found == nil || !found.sends {
		return false
	}
	return slices.ContainsFunc(methods, func(method string) bool {
		meant := by(method)
		if meant == nil || !meant.sends {
			return slices.Contains(ordinaryMethods, method) // another word is no method, but what a parameter of the upstream's own says
		}
		return meant != found && meant.keepsOutMore(found)
	})
}

// ordinaryMethods are those that a document can name.
var ordinaryMethods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace}

// overrides are the methods that a query may make a request one of, in capitals: of several, servers take the first or the last.
func overrides(query string) []string {
	if len(query) <= len(overriding) {
		return nil
	}
	var out []string
	for pair := range strings.FieldsFuncSeq(query, func(c rune) bool { return c == '&' || c == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		if isOverriding(name) {
			out = append(out, strings.ToUpper(strings.TrimSpace(unescapeQuery(value))))
		}
	}
	return out
}

// isOverriding reports whether servers may take a name, as it is written, for the parameter's. PHP drops spaces before a name, takes a dot or a space
// in it for an underscore, and what follows a bracket for a key of a list (php.net/manual/language.variables.external.php); others do not tell capitals.
func isOverriding(name string) bool {
	name, _, _ = strings.Cut(unescapeQuery(name), "[")
	name, _, _ = strings.Cut(name, "\x00")
	name = strings.NewReplacer(".", "_", " ", "_").Replace(strings.TrimSpace(name))
	return strings.EqualFold(name, overriding)
}

// unescapeQuery decodes a part of a query, which stays as it is if it cannot be.
func unescapeQuery(s string) string {
	if text, err := url.QueryUnescape(s); err == nil {
		return text
	}
	return s
}
