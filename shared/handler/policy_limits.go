package handler

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"polygate.example/shared/gateway"
)

// Codes of refusals whose status does not say all.
const (
	codeTooManyParameters = "too_many_parameters"
	codeTooDeep           = "json_too_deep"
	codeInflated          = "inflated_too_large"
	codeNotInflated       = "not_inflated"

	whyCharset = "its JSON is not in UTF-8"
)

// limits is a compiled policy of the kind.
type limits struct {
	gateway.Limits
	env    environment
	types  []gateway.MediaRange
	allow  string // Allow of a 405
	accept string // Accept of a 415
}

// newLimits refuses what is too much. All that the head tells is looked at first; the body is counted while somebody reads it, and what
// is wrong with it comes to them as an error of reading, a *refusal.
func newLimits(p gateway.Limits, env environment) (policy, error) {
	l := &limits{Limits: p, env: env, accept: strings.Join(p.ContentTypes, ", ")}
	for _, text := range p.ContentTypes {
		m, ok := gateway.ParseMediaRange(text)
		if !ok {
			return nil, fmt.Errorf("content type %q is none, which no model has", text)
		}
		l.types = append(l.types, m)
	}
	if slices.Contains(l.Methods, http.MethodGet) && !slices.Contains(l.Methods, http.MethodHead) {
		l.Methods = append(slices.Clone(l.Methods), http.MethodHead)
	}
	allowed := slices.Clone(l.Methods)
	slices.Sort(allowed)
	l.allow = strings.Join(allowed, ", ")
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if f := l.head(w.Header(), r); f != nil {
				f.write(w, r)
				return
			}
			if !hasBody(r) {
				next.ServeHTTP(w, r)
				return
			}
			if f := l.bodyHead(w.Header(), r); f != nil {
				f.write(w, r)
				return
			}
			l.serve(next, w, r)
		})
	}, nil
}

func (l *limits) refuse(status int, detail, code, why string) *refusal {
	p := fail(status, detail)
	p.Code = code
	return &refusal{answer: p, why: why, env: l.env}
}

// head looks at what every request has. It may add to the headers of the answer.
func (l *limits) head(out http.Header, r *http.Request) *refusal {
	if len(l.Methods) > 0 && !slices.Contains(l.Methods, r.Method) {
		out.Set("Allow", l.allow)
		return l.refuse(http.StatusMethodNotAllowed, "This path does not take the request's method; see Allow.", "", "its method is not one of those allowed")
	}
	if l.URI > 0 && uriLength(r) > l.URI {
		return l.refuse(http.StatusRequestURITooLong, fmt.Sprintf("The request's target is longer than %d bytes.", l.URI), "", "its target is too long")
	}
	if q := r.URL.RawQuery; l.Query > 0 && q != "" && strings.Count(q, "&") >= l.Query {
		return l.refuse(http.StatusBadRequest, fmt.Sprintf("The request has more than %d query parameters.", l.Query), codeTooManyParameters, "it has too many query parameters")
	}
	if l.Headers != (gateway.HeaderLimits{}) {
		lines, bytes := 0, 0
		for name, values := range r.Header {
			for _, v := range values {
				lines++
				bytes += len(name) + len(v) + len(": \r\n")
			}
		}
		if l.Headers.Count > 0 && lines > l.Headers.Count || l.Headers.Bytes > 0 && bytes > l.Headers.Bytes {
			return l.refuse(http.StatusRequestHeaderFieldsTooLarge, "The request's headers are too many or too large.", "", fmt.Sprintf("it has %d header lines of %d bytes", lines, bytes))
		}
	}
	return nil
}

// uriLength is the length of path and query as they are written.
func uriLength(r *http.Request) int {
	n := len(r.URL.EscapedPath())
	if q := len(r.URL.RawQuery); q > 0 {
		n += 1 + q
	}
	return n
}

// bodyHead looks at what the head tells of a body.
func (l *limits) bodyHead(out http.Header, r *http.Request) *refusal {
	if l.Body > 0 && r.ContentLength > l.Body {
		return l.tooLarge()
	}
	if len(l.types) > 0 {
		t := mediaType(r.Header)
		if !slices.ContainsFunc(l.types, func(m gateway.MediaRange) bool { return m.Holds(t) }) {
			out.Set("Accept", l.accept) // RFC 9110, 15.5.16
			switch r.Method {
			case http.MethodPost:
				out.Set("Accept-Post", l.accept) // Linked Data Platform, 7.1
			case http.MethodPatch:
				out.Set("Accept-Patch", l.accept) // RFC 5789, 2.2
			}
			return l.refuse(http.StatusUnsupportedMediaType, "The request's content type is not one of those taken here; see Accept.", "", "its content type is not one of those allowed")
		}
	}
	if l.Depth > 0 && saysJSON(r.Header) && saysOtherCharset(r.Header) {
		return l.refuse(http.StatusUnsupportedMediaType, "The request's JSON is in another charset than UTF-8, which is not taken here.", "", whyCharset)
	}
	coding, plain := contentCoding(r.Header)
	switch {
	case plain || l.Compressed == "" && l.Inflate == 0 && l.Depth == 0:
	case l.Inflate > 0:
		if !inflatable(coding) {
			out.Set("Accept-Encoding", "gzip, deflate")
			return l.refuse(http.StatusUnsupportedMediaType, "The request's body is compressed in a way that is not taken here; see Accept-Encoding.", "", "its content coding is neither gzip nor deflate")
		}
	default: // of a body that is to be looked into, and cannot be, nothing is known
		out.Set("Accept-Encoding", "identity")
		return l.refuse(http.StatusUnsupportedMediaType, "The request's body is compressed, which is not taken here.", "", "its body is compressed")
	}
	return nil
}

func (l *limits) tooLarge() *refusal {
	return l.refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("The request's body is larger than %d bytes.", l.Body), "", "its body is too large")
}

// serve passes the request on with a body that is watched while it is read.
func (l *limits) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	sent := *r
	if l.BodyTimeout > 0 && !atHand(r) {
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(errServed)
		sent = *r.WithContext(ctx)
		late := l.refuse(http.StatusRequestTimeout, lateBody, "", "its body did not come in time")
		defer hurry(&sent, time.Duration(l.BodyTimeout), late, cancel, nil)()
	}
	if l.Body > 0 {
		sent.Body = &countedBody{ReadCloser: sent.Body, left: l.Body, over: l.tooLarge()}
	}
	if coding, plain := contentCoding(r.Header); l.Inflate > 0 && !plain {
		sent.Body = &inflatedBody{under: sent.Body, coding: coding, limits: l, left: l.Inflate}
		sent.Header = r.Header.Clone()
		sent.Header.Del("Content-Encoding")
		sent.Header.Del("Content-Length")
		sent.ContentLength, sent.GetBody = -1, nil // what it gets is not inflated
	}
	if l.Depth > 0 && saysJSON(r.Header) {
		sent.GetBody = nil // nobody looks into what it gets
		sent.Body = &jsonBody{ReadCloser: sent.Body, max: l.Depth, other: l.refuse(http.StatusBadRequest, "The request's JSON is not in UTF-8.", codeJSON, whyCharset),
			over: l.refuse(http.StatusBadRequest, fmt.Sprintf("The request's JSON is more than %d levels deep.", l.Depth), codeTooDeep, "its JSON is too deep")}
	}
	next.ServeHTTP(w, &sent)
}

// mediaType is the content type without its parameters, in lower case; "" where there is none, several, or one that cannot be read.
func mediaType(h http.Header) string {
	values := h["Content-Type"]
	if len(values) != 1 || strings.Contains(values[0], ",") { // some fronts join several by a comma
		return ""
	}
	if t, _, err := mime.ParseMediaType(values[0]); err == nil {
		return t
	}
	return ""
}

// isJSON reports whether a media type's content is JSON (RFC 6839, 3.1).
func isJSON(mediaType string) bool {
	return mediaType == "application/json" || mediaType == "text/json" || strings.HasSuffix(mediaType, "+json")
}

// saysJSON reports whether some server may take a body for JSON by its content type. Many read that up to the first semicolon and take no offence at
// what comes after, or at a second type: what is looked into because it is JSON must not be passed by so. No type at all says nothing.
func saysJSON(h http.Header) bool {
	for _, line := range h["Content-Type"] {
		for one := range strings.SplitSeq(line, ",") {
			one, _, _ = strings.Cut(one, ";")
			if isJSON(strings.ToLower(strings.TrimSpace(one))) {
				return true
			}
		}
	}
	return false
}

// isUTF8 reports whether a label is one of UTF-8, or of the part of it that is ASCII: a text in either has its brackets and quotes where UTF-8 has them
// (https://encoding.spec.whatwg.org/#names-and-labels). ISO 8859-1 has letters of bytes that are nowhere in UTF-8, and jsonBody refuses those.
func isUTF8(label string) bool {
	return label == "utf-8" || label == "utf8" || label == "us-ascii"
}

// saysOtherCharset reports whether some server may take a body for one of another charset than UTF-8. As of the type itself, it is nothing to go by that
// a header is not as it should be; quotes of the wrong kind are not part of any label.
func saysOtherCharset(h http.Header) bool {
	for _, line := range h["Content-Type"] {
		for i, after := range strings.Split(strings.ToLower(line), "charset") {
			name, value, given := strings.Cut(after, "=")
			if i == 0 || !given || strings.ContainsAny(name, ";,") { // what comes before, or no value
				continue
			}
			value, _, _ = strings.Cut(value, ";")
			value, _, _ = strings.Cut(value, ",")
			if strings.TrimSpace(name) != "" || !isUTF8(strings.Trim(value, " \t\"'")) {
				return true
			}
		}
	}
	return false
}

// contentCoding is the body's content coding in lower case, and whether there is none.
func contentCoding(h http.Header) (coding string, plain bool) {
	coding = strings.ToLower(strings.TrimSpace(strings.Join(h["Content-Encoding"], ",")))
	return coding, coding == "" || coding == "identity"
}

func inflatable(coding string) bool {
	return coding == "gzip" || coding == "x-gzip" || coding == "deflate"
}
