package handler

import (
	"net/http"
	"testing"
	"time"

	"polygate.example/shared/gateway"
)

// careful is what an empty mapping gives.
func careful() gateway.SecurityHeaders {
	return gateway.SecurityHeaders{HSTS: &gateway.HSTS{MaxAge: gateway.Duration(365 * 24 * time.Hour)}, NoSniff: true, ReferrerPolicy: "no-referrer", FrameOptions: "DENY",
		CrossOriginOpenerPolicy: "same-origin", CrossOriginResourcePolicy: "same-origin", Remove: []string{"server", "X-Powered-By"}}
}

func TestSecurityHeaders(t *testing.T) {
	up := serveFunc(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "Apache/1.3")
		w.Header().Set("X-Powered-By", "PHP/4")
		w.Header().Add("X-Frame-Options", "SAMEORIGIN")
		w.Header().Add("X-Frame-Options", "ALLOW-FROM https://a.example")
	})
	for name, c := range map[string]struct {
		edit func(*gateway.SecurityHeaders)
		want map[string]string // "" for a header that is not there
	}{
		"as it comes": {func(*gateway.SecurityHeaders) {}, map[string]string{"Strict-Transport-Security": "max-age=31536000", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "SAMEORIGIN",
			"Content-Security-Policy": "frame-ancestors 'none'", "Server": "", "X-Powered-By": "", "Permissions-Policy": "", "Cross-Origin-Embedder-Policy": ""}},
		"override":    {func(p *gateway.SecurityHeaders) { p.Override = true }, map[string]string{"X-Frame-Options": "DENY"}},
		"kept":        {func(p *gateway.SecurityHeaders) { p.Remove = nil }, map[string]string{"Server": "Apache/1.3"}},
		"preload":     {func(p *gateway.SecurityHeaders) { p.HSTS.IncludeSubDomains, p.HSTS.Preload = true, true }, map[string]string{"Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload"}},
		"same origin": {func(p *gateway.SecurityHeaders) { p.FrameOptions = "SAMEORIGIN" }, map[string]string{"Content-Security-Policy": "frame-ancestors 'self'"}},
		"its own ancestors": {func(p *gateway.SecurityHeaders) {
			p.ContentSecurityPolicy, p.Remove = "Frame-Ancestors https://a.example", []string{"X-Frame-Options"}
		}, map[string]string{"Content-Security-Policy": "Frame-Ancestors https://a.example", "X-Frame-Options": ""}},
		"added to what is there": {func(p *gateway.SecurityHeaders) { p.ContentSecurityPolicy = "default-src 'self';" }, map[string]string{"Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'"}},
		"left out":               {func(p *gateway.SecurityHeaders) { p.HSTS, p.NoSniff, p.ReferrerPolicy = nil, false, "" }, map[string]string{"Strict-Transport-Security": "", "X-Content-Type-Options": "", "Referrer-Policy": ""}},
	} {
		p := careful()
		c.edit(&p)
		m := model(t, gateway.Spec{Policies: map[string]gateway.Policy{"careful": {SecurityHeaders: &p}}, Upstreams: map[string]gateway.Upstream{"up": upstream(up.URL)},
			Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Policies: []string{"careful"}, Upstream: "up"})})
		got := ask(newHandler(t, m, Options{}), get("/")).Header
		for header, want := range c.want {
			if got.Get(header) != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got[header], want)
			}
		}
		if p.Override && len(got["X-Frame-Options"]) != 1 {
			t.Errorf("%s: %q", name, got["X-Frame-Options"])
		}
	}
}
