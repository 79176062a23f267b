package handler

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"polygate.example/shared/gateway"
)

// newSecurityHeaders sets and removes headers on every answer of a route, the gateway's own among them. HSTS is sent whatever way the
// request came: fronts end TLS, and browsers leave it alone where it came without (RFC 6797, 8.1).
func newSecurityHeaders(p gateway.SecurityHeaders) policy {
	set := securityHeaders(p)
	edit := ops{remove: compileOps(gateway.HeaderOps{Remove: p.Remove}).remove}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			exchangeOf(r).beforeHead(func(_ int, h http.Header) {
				edit.apply(h)
				for _, one := range set {
					if _, there := h[one.name]; !there || p.Override {
						h[one.name] = []string{one.value}
					}
				}
			})
			next.ServeHTTP(w, r)
		})
	}
}

// securityHeaders are the headers of a policy, in canonical form, without empty ones.
func securityHeaders(p gateway.SecurityHeaders) []headerLine {
	content, frames := p.ContentSecurityPolicy, p.FrameOptions
	ancestors := map[string]string{"DENY": "frame-ancestors 'none'", "SAMEORIGIN": "frame-ancestors 'self'"}[frames]
	switch {
	case strings.Contains(strings.ToLower(content), "frame-ancestors"):
		frames = "" // browsers that know the one leave the other alone (Content Security Policy Level 3, 6.4.2.1), and those that do not would contradict it
	case content == "":
		content = ancestors
	case ancestors != "":
		content = strings.TrimRight(content, "; ") + "; " + ancestors
	}
	var transport, sniff string
	if h := p.HSTS; h != nil {
		transport = fmt.Sprintf("max-age=%d", time.Duration(h.MaxAge)/time.Second)
		if h.IncludeSubDomains {
			transport += "; includeSubDomains"
		}
		if h.Preload {
			transport += "; preload"
		}
	}
	if p.NoSniff {
		sniff = "nosniff"
	}
	var out []headerLine
	for _, one := range []headerLine{
		{"Strict-Transport-Security", transport}, {"X-Content-Type-Options", sniff}, {"Referrer-Policy", p.ReferrerPolicy}, {"X-Frame-Options", frames},
		{"Content-Security-Policy", content}, {"Permissions-Policy", p.PermissionsPolicy}, {"Cross-Origin-Opener-Policy", p.CrossOriginOpenerPolicy},
		{"Cross-Origin-Embedder-Policy", p.CrossOriginEmbedderPolicy}, {"Cross-Origin-Resource-Policy", p.CrossOriginResourcePolicy},
	} {
		if one.value != "" {
			out = append(out, one)
		}
	}
	return out
}
