package gateway

import (
	"fmt"
	"slices"
	"strings"
)

// Bounds of the bounds, all above what any front lets through (AWS Lambda quotas: 6 MB; Cloud Run: 32 MiB over HTTP/1; Azure Functions: 210 MB).
const (
	maxLimitBytes  = 1 << 30
	maxLimitCount  = 10_000
	maxHeaderBytes = 1 << 20
	maxDepth       = 10_000 // encoding/json reads no deeper
	maxMediaTypes  = 100
)

// What is done with bodies that are compressed; "" passes them as they are.
const CompressedRefuse = "refuse"

// Limits refuses requests of a size or shape that upstreams should not have to deal with. A limit of 0 is none.
type Limits struct {
	Body         int64        `json:"body,omitempty"` // bytes, of a body as it is sent, chunked or not
	Headers      HeaderLimits `json:"headers,omitzero"`
	URI          int          `json:"uri,omitempty"`          // bytes of path and query
	Query        int          `json:"query,omitempty"`        // parameters
	Methods      []string     `json:"methods,omitempty"`      // none for any; GET includes HEAD
	ContentTypes []string     `json:"contentTypes,omitempty"` // of requests with a body: "application/json", "image/*", "application/*+json"; none for any
	Depth        int          `json:"depth,omitempty"`        // of JSON: how many arrays and objects may be inside each other
	Compressed   string       `json:"compressed,omitempty"`   // see CompressedRefuse
	Inflate      int64        `json:"inflate,omitempty"`      // bytes to which gzip and deflate bodies are inflated; they go on as plain ones
	BodyTimeout  Duration     `json:"bodyTimeout,omitzero"`   // for the whole body, from when the request comes to the policy
}

// HeaderLimits bound the headers of a request as the gateway gets them, those that a front has added among them.
type HeaderLimits struct {
	Count int `json:"count,omitempty"` // lines
	Bytes int `json:"bytes,omitempty"` // names, values and four for each line, as HTTP/1.1 sends them
}

func (p *Limits) check(r *report, at Pointer) {
	found := false
	for _, one := range []struct {
		at           Pointer
		what         string
		value, bound int64
	}{
		{at.Key("body"), "body", p.Body, maxLimitBytes}, {at.Key("inflate"), "inflate", p.Inflate, maxLimitBytes},
		{at.Key("headers").Key("count"), "count", int64(p.Headers.Count), maxLimitCount}, {at.Key("headers").Key("bytes"), "bytes", int64(p.Headers.Bytes), maxHeaderBytes},
		{at.Key("uri"), "uri", int64(p.URI), maxHeaderBytes}, {at.Key("query"), "query", int64(p.Query), maxLimitCount}, {at.Key("depth"), "depth", int64(p.Depth), maxDepth},
	} {
		found = found || one.value != 0
		if one.value < 0 || one.value > one.bound {
			r.value(one.at, fmt.Sprintf("%s %d is out of range", one.what, one.value), fmt.Sprintf("write a number from 1 to %d", one.bound))
		}
	}
	if !found && len(p.Methods)+len(p.ContentTypes) == 0 && p.Compressed == "" && p.BodyTimeout == 0 {
		r.value(at, "nothing is limited", "write one of body, headers, uri, query, methods, contentTypes, depth, compressed, inflate and bodyTimeout")
	}
	switch {
	case p.Compressed != "" && p.Compressed != CompressedRefuse:
		r.value(at.Key("compressed"), fmt.Sprintf("compressed %s is not known", quote(p.Compressed)), "write refuse, or inflate: 10MiB in its place")
	case p.Compressed != "" && p.Inflate != 0:
		r.value(at.Key("compressed"), "compressed bodies are both refused and inflated", "keep one of compressed and inflate")
	}
	if p.BodyTimeout != 0 {
		checkTimeout(r, at.Key("bodyTimeout"), p.BodyTimeout)
	}
	for i, m := range p.Methods {
		switch at := at.Key("methods").Index(i); {
		case slices.Contains(p.Methods[:i], m):
			r.value(at, fmt.Sprintf("method %s is listed twice", quote(m)), "list it once")
		case !slices.Contains(methods, m):
			r.value(at, fmt.Sprintf("method %s is not known", quote(m)), suggest(strings.ToUpper(m), methods))
		}
	}
	if len(p.ContentTypes) > maxMediaTypes {
		r.value(at.Key("contentTypes"), fmt.Sprintf("there are %d content types", len(p.ContentTypes)), fmt.Sprintf("keep to %d", maxMediaTypes))
		return
	}
	for i, text := range p.ContentTypes {
		at := at.Key("contentTypes").Index(i)
		if _, ok := ParseMediaRange(text); !ok {
			r.value(at, fmt.Sprintf("content type %s is none", quote(text)), `write such as "application/json", "image/*" or "application/*+json", in lower case and without parameters`)
		} else if slices.Contains(p.ContentTypes[:i], text) {
			r.value(at, fmt.Sprintf("content type %s is listed twice", quote(text)), "list it once")
		}
	}
}

func (*Limits) secrets() []string { return nil }
func (*Limits) parts() []Part     { return nil }
func (*Limits) caller() callerUse { return callerUnused }

// MediaRange is a set of media types: one of them, all of a kind, or all of a kind with a structured suffix (RFC 6838, 4.2.8).
type MediaRange struct{ kind, name, suffix string }

// ParseMediaRange reads a media range, false if it is none.
func ParseMediaRange(s string) (MediaRange, bool) {
	kind, name, ok := strings.Cut(s, "/")
	if !ok || !isToken(kind) || !isToken(name) || kind == "*" || s != strings.ToLower(s) {
		return MediaRange{}, false
	}
	if suffix, any := strings.CutPrefix(name, "*"); any {
		if suffix != "" && (suffix[0] != '+' || len(suffix) == 1) || strings.Contains(suffix, "*") {
			return MediaRange{}, false
		}
		return MediaRange{kind: kind, suffix: suffix}, true
	}
	return MediaRange{kind: kind, name: name}, !strings.Contains(name, "*")
}

// IsOne reports whether the range is one media type.
func (m MediaRange) IsOne() bool { return m.name != "" }

// Holds reports whether a media type, in lower case and without parameters, is in the range.
func (m MediaRange) Holds(mediaType string) bool {
	kind, name, ok := strings.Cut(mediaType, "/")
	return ok && kind == m.kind && (m.name == name || m.name == "" && strings.HasSuffix(name, m.suffix))
}

var _ kind = (*Limits)(nil)
