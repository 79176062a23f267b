package handler

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polygate.example/shared/gateway"
)

// The headers of the protocol (Fetch standard, 3.3), in canonical form.
const (
	headerOrigin         = "Origin"
	headerAskMethod      = "Access-Control-Request-Method"
	headerAskHeaders     = "Access-Control-Request-Headers"
	headerAskPrivate     = "Access-Control-Request-Private-Network"
	headerAllowOrigin    = "Access-Control-Allow-Origin"
	headerAllowMethods   = "Access-Control-Allow-Methods"
	headerAllowHeaders   = "Access-Control-Allow-Headers"
	headerAllowSecrets   = "Access-Control-Allow-Credentials"
	headerAllowPrivate   = "Access-Control-Allow-Private-Network"
	headerExpose         = "Access-Control-Expose-Headers"
	headerPreflightAge   = "Access-Control-Max-Age"
	codeOriginNotAllowed = "origin_not_allowed"
)

// safelisted are the methods that browsers send without asking (Fetch standard, 2.2.1).
var safelisted = []string{http.MethodGet, http.MethodHead, http.MethodPost}

// cors answers preflights and marks answers for the pages that may read them.
type cors struct {
	env                            environment
	origins                        []gateway.Origin
	any                            bool // every origin: answers do not depend on it
	credentials, privateNetwork    bool
	methods, headers, expose, kept string // "" for a header that is not sent
}

func newCORS(p gateway.CORS, env environment) (*cors, error) {
	c := &cors{env: env, credentials: p.Credentials, privateNetwork: p.PrivateNetwork, headers: strings.Join(p.Headers, ", "), expose: strings.Join(p.ExposeHeaders, ", ")}
	for _, text := range p.Origins {
		o, err := gateway.ParseOrigin(text)
		if err != nil {
			return nil, err // no model has one
		}
		c.any = c.any || o.Any
		c.origins = append(c.origins, o)
	}
	methods := slices.Concat(safelisted, p.Methods)
	slices.Sort(methods)
	c.methods = strings.Join(slices.Compact(methods), ", ")
	if slices.Contains(p.Methods, gateway.AnyOrigin) {
		c.methods = gateway.AnyOrigin
	}
	if p.MaxAge > 0 {
		c.kept = strconv.Itoa(int(time.Duration(p.MaxAge) / time.Second))
	}
	return c, nil
}

// policy marks the answers to requests proper. Whoever may not read an answer may have asked for it all the same: it is the browser that
// keeps it from the page, and a request of the gateway's own pages, or of no page, has an origin or none as it likes.
func (c *cors) policy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isPreflight(r) {
			c.preflight(w, r)
			return
		}
		origin, allowed := c.allows(r.Header)
		exchangeOf(r).beforeHead(func(_ int, h http.Header) {
			for name := range h { // what an upstream says of the kind it says of its own pages, under its own name
				if strings.HasPrefix(name, "Access-Control-") {
					delete(h, name)
				}
			}
			c.mark(h, origin, allowed)
			if allowed && c.expose != "" {
				h[headerExpose] = []string{c.expose}
			}
		})
		next.ServeHTTP(w, r)
	})
}

// preflight answers whether a request may be sent. It says all that may be, not only what was asked for: so one answer is good for every
// question, and the browser can tell its page's author what is missing.
func (c *cors) preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for _, name := range []string{headerAskMethod, headerAskHeaders} {
		vary(h, name) // the route was chosen by them
	}
	if c.privateNetwork {
		vary(h, headerAskPrivate)
	}
	origin, allowed := c.allows(r.Header)
	c.mark(h, origin, allowed)
	if !allowed {
		answer := fail(http.StatusForbidden, "Pages of this origin may not call here.")
		answer.Code = codeOriginNotAllowed
		c.env.deny(w, r, answer, "its origin is not one of those allowed")
		return
	}
	for name, value := range map[string]string{headerAllowMethods: c.methods, headerAllowHeaders: c.headers, headerPreflightAge: c.kept} {
		if value != "" {
			h[name] = []string{value}
		}
	}
	if c.privateNetwork && r.Header.Get(headerAskPrivate) == "true" {
		h[headerAllowPrivate] = []string{"true"}
	}
	w.WriteHeader(http.StatusNoContent)
}

// allows finds the origin of a request, and whether it is one of those that may call.
func (c *cors) allows(h http.Header) (string, bool) {
	values := h[headerOrigin]
	if len(values) != 1 {
		return "", false
	}
	origin := values[0]
	return origin, slices.ContainsFunc(c.origins, func(o gateway.Origin) bool { return o.Matches(origin) })
}

// mark says on an answer who may read it. Where that depends on the origin, caches are told so on every answer, those to requests
// without one among them: a cache would give them to the next page (Fetch standard, 3.3.6).
func (c *cors) mark(h http.Header, origin string, allowed bool) {
	if !c.any {
		vary(h, headerOrigin)
	}
	if !allowed {
		return
	}
	if c.any {
		origin = gateway.AnyOrigin
	}
	h[headerAllowOrigin] = []string{origin}
	if c.credentials {
		h[headerAllowSecrets] = []string{"true"}
	}
}

// vary adds a name to the Vary header, unless it is there.
func vary(h http.Header, name string) {
	lines := h["Vary"]
	if tokenListed(lines, name) || tokenListed(lines, "*") {
		return
	}
	h["Vary"] = append(slices.Clip(lines), name)
}

// isPreflight reports whether a browser asks whether it may send a request (Fetch standard, 3.3.2).
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && len(r.Header[headerOrigin]) == 1 && len(r.Header[headerAskMethod]) == 1
}

// preflighted is the route that would take the request which a preflight asks about, if that has a cors policy: it answers the preflight. nil
// for any other request. The request asked about has its own headers still to come: a condition on one of them holds if the browser says
// that it will be there.
func (rt *router) preflighted(r *http.Request, x *exchange) *route {
	if !isPreflight(r) {
		return nil
	}
	l := lookup{r: r, x: x, method: r.Header[headerAskMethod][0], announced: r.Header[headerAskHeaders]}
	if found := rt.find(&l); found != nil && found.cors != nil {
		return found
	}
	return nil
}
