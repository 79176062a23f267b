package gateway

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// What has to hold before a domain is taken into the browsers' own lists (hstspreload.org, "Submission requirements").
const (
	minPreload = Duration(365 * 24 * time.Hour)
	maxHSTS    = Duration(10 * 365 * 24 * time.Hour)
)

// SecurityHeaders sets headers by which browsers keep an answer from doing harm. An empty field is not sent; the defaults are package
// config's, from an empty mapping.
type SecurityHeaders struct {
	HSTS                      *HSTS    `json:"hsts,omitempty"`
	NoSniff                   bool     `json:"noSniff,omitempty"`
	ReferrerPolicy            string   `json:"referrerPolicy,omitempty"`
	FrameOptions              string   `json:"frameOptions,omitempty"`          // DENY or SAMEORIGIN; of a policy of content that has no frame-ancestors they follow
	ContentSecurityPolicy     string   `json:"contentSecurityPolicy,omitempty"` // as it is sent
	PermissionsPolicy         string   `json:"permissionsPolicy,omitempty"`     // as it is sent
	CrossOriginOpenerPolicy   string   `json:"crossOriginOpenerPolicy,omitempty"`
	CrossOriginEmbedderPolicy string   `json:"crossOriginEmbedderPolicy,omitempty"`
	CrossOriginResourcePolicy string   `json:"crossOriginResourcePolicy,omitempty"`
	Remove                    []string `json:"remove,omitempty"`   // headers that tell too much
	Override                  bool     `json:"override,omitempty"` // replace what is there, of upstreams mostly; else it stays
}

// HSTS is Strict-Transport-Security (RFC 6797, 6.1).
type HSTS struct {
	MaxAge            Duration `json:"maxAge"` // whole seconds, at most 10 years
	IncludeSubDomains bool     `json:"includeSubDomains,omitempty"`
	Preload           bool     `json:"preload,omitempty"`
}

// The values that browsers know: Referrer Policy, 3; HTML, 7.1.3 and 7.1.4; Fetch standard, 3.8.
var (
	referrerPolicies = []string{"no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin", "origin-when-cross-origin", "strict-origin-when-cross-origin", "unsafe-url"}
	openerPolicies   = []string{"same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none"}
	embedderPolicies = []string{"require-corp", "credentialless", "unsafe-none"}
	resourcePolicies = []string{"same-origin", "same-site", "cross-origin"}
	frameOptions     = []string{"DENY", "SAMEORIGIN"}
)

// cspDirectives are those of Content Security Policy Level 3, 6, and of its neighbours.
var cspDirectives = []string{
	"base-uri", "block-all-mixed-content", "child-src", "connect-src", "default-src", "fenced-frame-src", "font-src", "form-action", "frame-ancestors", "frame-src",
	"img-src", "manifest-src", "media-src", "object-src", "report-to", "report-uri", "require-trusted-types-for", "sandbox", "script-src", "script-src-attr",
	"script-src-elem", "style-src", "style-src-attr", "style-src-elem", "trusted-types", "upgrade-insecure-requests", "webrtc", "worker-src",
}

// cspKeywords stand in single quotes; without them they are host names to a browser.
var cspKeywords = []string{"self", "none", "unsafe-inline", "unsafe-eval", "unsafe-hashes", "strict-dynamic", "report-sample", "wasm-unsafe-eval"}

var permission = regexp.MustCompile(`^[a-z][a-z0-9-]*=(\*|self|"[^"(),\\ ]+"|\( *((self|src|"[^"(),\\ ]+")( +(self|src|"[^"(),\\ ]+"))*)? *\))$`)

func (p *SecurityHeaders) check(r *report, at Pointer) {
	if h := p.HSTS; h != nil {
		at := at.Key("hsts")
		switch {
		case h.MaxAge < Duration(time.Second) || h.MaxAge > maxHSTS || h.MaxAge%Duration(time.Second) != 0:
			r.value(at.Key("maxAge"), fmt.Sprintf("maxAge %s is not whole seconds up to %s", h.MaxAge, maxHSTS), "write such as 8760h, which is a year")
		case h.Preload && h.MaxAge < minPreload:
			r.value(at.Key("preload"), fmt.Sprintf("preload is asked for with a maxAge of %s", h.MaxAge), "write at least 8760h, a year, or remove preload (hstspreload.org)")
		}
		if h.Preload && !h.IncludeSubDomains {
			r.value(at.Key("preload"), "preload is asked for without includeSubDomains", "add includeSubDomains: true, or remove preload: the lists take whole domains (hstspreload.org)")
		}
	}
	for _, one := range []struct {
		key, value string
		known      []string
	}{
		{"referrerPolicy", p.ReferrerPolicy, referrerPolicies}, {"frameOptions", p.FrameOptions, frameOptions},
		{"crossOriginOpenerPolicy", p.CrossOriginOpenerPolicy, openerPolicies}, {"crossOriginEmbedderPolicy", p.CrossOriginEmbedderPolicy, embedderPolicies},
		{"crossOriginResourcePolicy", p.CrossOriginResourcePolicy, resourcePolicies},
	} {
		if one.value != "" && !slices.Contains(one.known, one.value) {
			r.value(at.Key(one.key), fmt.Sprintf("%s %s is not known", one.key, quote(one.value)), suggest(one.value, one.known))
		}
	}
	checkCSP(r, at.Key("contentSecurityPolicy"), p.ContentSecurityPolicy)
	if fieldText(r, at.Key("permissionsPolicy"), "permissionsPolicy", p.PermissionsPolicy) {
		for one := range strings.SplitSeq(p.PermissionsPolicy, ",") {
			if one = strings.TrimSpace(one); !permission.MatchString(one) {
				r.value(at.Key("permissionsPolicy"), fmt.Sprintf("permission %s cannot be read", quote(one)), `write such as camera=(), geolocation=(self "https://maps.example.com"), with commas between`)
			}
		}
	}
	checkOps(r, at, HeaderOps{Remove: p.Remove}, responseSide)
	if p.sends() == 0 && len(p.Remove) == 0 {
		r.value(at, "no header is left to set or to remove", "remove the policy, or one of the values false")
	}
}

// sends counts the headers that are set.
func (p *SecurityHeaders) sends() int {
	n := 0
	for _, there := range []bool{p.HSTS != nil, p.NoSniff, p.ReferrerPolicy != "", p.FrameOptions != "", p.ContentSecurityPolicy != "", p.PermissionsPolicy != "",
		p.CrossOriginOpenerPolicy != "", p.CrossOriginEmbedderPolicy != "", p.CrossOriginResourcePolicy != ""} {
		if there {
			n++
		}
	}
	return n
}

// checkCSP tests for what browsers drop without a word: directives that are misspelt or repeated, keywords without their quotes.
func checkCSP(r *report, at Pointer, text string) {
	if !fieldText(r, at, "contentSecurityPolicy", text) {
		return
	}
	seen := map[string]bool{}
	for directive := range strings.SplitSeq(text, ";") {
		words := strings.Fields(directive)
		if len(words) == 0 {
			continue
		}
		name := strings.ToLower(words[0])
		switch {
		case strings.Contains(directive, ","):
			r.value(at, fmt.Sprintf("directive %s holds a comma", quote(name)), "put spaces between sources and semicolons between directives: a comma would begin another policy")
		case !slices.Contains(cspDirectives, name):
			r.value(at, fmt.Sprintf("directive %s is not known", quote(name)), suggest(name, cspDirectives))
		case seen[name]:
			r.value(at, fmt.Sprintf("directive %s is there twice", quote(name)), "write it once: browsers take the first alone")
		}
		seen[name] = true
		for _, word := range words[1:] {
			if slices.Contains(cspKeywords, strings.ToLower(word)) && name != "trusted-types" && name != "report-to" {
				r.value(at, fmt.Sprintf("source %s of %s is a host name to browsers", quote(word), quote(name)), "write '"+word+"', in single quotes")
			}
		}
	}
}

// fieldText tests that text fits into a header; false if there is none, or if it does not.
func fieldText(r *report, at Pointer, key, text string) bool {
	switch {
	case text == "":
		return false
	case !IsFieldValue(text):
		r.value(at, key+" holds a character that headers cannot carry", "use visible ASCII on one line, none of it spaces at the ends")
		return false
	case len(text) > 4096:
		r.value(at, fmt.Sprintf("%s is %d bytes long", key, len(text)), "keep it within 4096")
		return false
	}
	return true
}

func (*SecurityHeaders) secrets() []string { return nil }
func (*SecurityHeaders) parts() []Part     { return nil }
func (*SecurityHeaders) caller() callerUse { return callerUnused }

var _ kind = (*SecurityHeaders)(nil)
