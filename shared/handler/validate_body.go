//go:build !without_schema

package handler

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"polygate.example/shared/gateway"
	"polygate.example/shared/schema"
)

// bodyCheck is compiled gateway.Content.
type bodyCheck struct {
	media  []mediaCheck // the most specific first
	accept string       // Accept of a 415
}

type mediaCheck struct {
	holds  func(mediaType string) bool
	schema *schema.Schema
	text   *schema.Text
	any    bool // whatever is no JSON and no form passes
}

func newBodyCheck(c gateway.Content, at gateway.Pointer, schemas map[gateway.Pointer]*schema.Schema) *bodyCheck {
	names := slices.Sorted(maps.Keys(c))
	slices.SortStableFunc(names, func(a, b string) int { return rangeRank(a) - rangeRank(b) })
	out := &bodyCheck{accept: strings.Join(names, ", ")}
	for _, name := range names {
		m := mediaCheck{schema: schemas[at.Key(name)], any: string(c[name]) == "true", holds: func(string) bool { return true }}
		m.text = m.schema.Text()
		if r, ok := gateway.ParseMediaRange(name); ok {
			m.holds = r.Holds
		}
		out.media = append(out.media, m)
	}
	return out
}

// rangeRank puts media ranges in order: one type, those with a suffix, all of a kind, all.
func rangeRank(s string) int {
	switch {
	case s == gateway.AnyMedia:
		return 3
	case strings.HasSuffix(s, "/*"):
		return 2
	case strings.Contains(s, "*"):
		return 1
	}
	return 0
}

// errCharset is why text in another encoding than UTF-8 is not looked into.
var errCharset = errors.New("its charset is not utf-8")

// contentType is the media type of a body that is in UTF-8; "" for none, several, or one that cannot be read.
func contentType(h http.Header) (string, error) {
	values := h["Content-Type"]
	if len(values) != 1 {
		return "", nil
	}
	t, params, err := mime.ParseMediaType(values[0])
	if err != nil {
		return "", nil
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") && gateway.Structured(t) {
		return t, errCharset
	}
	return t, nil
}

// of finds the schema for a body by its media type; false if there is none.
func (b *bodyCheck) of(mediaType string) (mediaCheck, bool) {
	for _, m := range b.media {
		if mediaType != "" && m.holds(mediaType) {
			return m, m.any || gateway.Structured(mediaType)
		}
	}
	return mediaCheck{}, false
}

// hold holds a body against the schema: the error is why it cannot be read, the failures what is wrong in it.
func (m mediaCheck) hold(mediaType string, text []byte, fromClient bool) ([]schema.Failure, error) {
	if mediaType == gateway.FormMedia {
		value, failed, err := m.form(text)
		if err != nil || failed != nil {
			return failed, err
		}
		return m.schema.Validate(value), nil
	}
	value, err := schema.Decode(text, schema.Options{Prototype: !fromClient})
	if err != nil {
		return nil, err
	}
	return m.schema.Validate(value), nil
}

// errForm is why a form cannot be read.
var errForm = errors.New("it is no form that can be read")

// form reads a form as an object. A field that is no list may come once. One that is an object is JSON (OpenAPI 3.0.3, 4.7.14.1), or is written in parts
// under names with brackets, a[b]=1, as is a list of what has parts (4.7.15.1.2, style deepObject, and as all frameworks read it). A member whose name has
// brackets itself is one if the schema has it.
func (m mediaCheck) form(text []byte) (any, []schema.Failure, error) {
	if bytes.Count(text, []byte("&")) >= schema.MaxValues/10 {
		return nil, nil, schema.ErrTooMany
	}
	fields, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, nil, errForm
	}
	all := &nested{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		base, keys := brackets(name)
		if m.text.Has(name) {
			base, keys = name, nil
		}
		why := ""
		if len(keys) > maxNested {
			why = isMalformed
		} else if !all.put(append([]string{base}, keys...), fields[name]) {
			why = isTwice
		}
		if why != "" {
			return nil, []schema.Failure{{Pointer: gateway.Pointer("").Key(base), Detail: why}}, nil
		}
	}
	object := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(all.parts)) {
		t, field, here := m.text.Member(name), all.parts[name], gateway.Pointer("").Key(name)
		if t.IsObject() && len(field.texts) == 1 {
			if object[name], err = schema.Decode([]byte(field.texts[0]), schema.Options{}); err != nil {
				return nil, nil, err
			}
		} else {
			v, at, why := field.value(t, here)
			if why != "" {
				return nil, []schema.Failure{{Pointer: at, Detail: why}}, nil
			}
			object[name] = v
		}
		if schema.Prototype(name, object[name]) {
			return nil, nil, schema.ErrPrototype
		}
	}
	return object, nil, nil
}

// body holds the body of a request against its schema and returns the request with the same body, to be read again; false when it has
// answered.
func (v *validate) body(c *checks, w http.ResponseWriter, r *http.Request) (*http.Request, bool) {
	refuse := func(status int, detail, code, why string) (*http.Request, bool) {
		v.env.deny(w, r, coded(status, code, detail), why)
		return nil, false
	}
	missing := func() (*http.Request, bool) {
		return refuse(http.StatusBadRequest, "The request has no body, and needs one.", codeBodyMissing, "it has no body")
	}
	if !hasBody(r) {
		if c.required {
			return missing()
		}
		return r, true
	}
	t, err := contentType(r.Header)
	m, ok := c.body.of(t)
	if !ok || err != nil {
		w.Header().Set("Accept", c.body.accept) // RFC 9110, 15.5.16
		return refuse(http.StatusUnsupportedMediaType, "The request's content type is not one of those taken here, in UTF-8; see Accept.", "", "its content type is not one of those described")
	}
	if !gateway.Structured(t) {
		return r, true
	}
	if _, plain := contentCoding(r.Header); !plain {
		w.Header().Set("Accept-Encoding", "identity")
		return refuse(http.StatusUnsupportedMediaType, "The request's body is compressed, which is not taken here.", "", "its body is compressed")
	}
	tooLarge := func() (*http.Request, bool) {
		return refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("The request's body is larger than %d bytes.", v.maxBody), "", "its body is too large to be looked into")
	}
	if r.ContentLength > v.maxBody {
		return tooLarge()
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, v.maxBody+1))
	switch f := refusalOf(err); {
	case f != nil:
		f.write(w, r)
		return nil, false
	case err != nil:
		return refuse(http.StatusBadRequest, "The request's body ended early.", "", "its body ended early")
	case int64(len(text)) > v.maxBody:
		return tooLarge()
	case len(text) == 0 && c.required:
		return missing()
	}
	if len(text) > 0 {
		failed, err := m.hold(t, text, true)
		switch {
		case errors.Is(err, schema.ErrTooDeep):
			return refuse(http.StatusBadRequest, fmt.Sprintf("The request's JSON is more than %d levels deep.", schema.MaxDepth), codeTooDeep, err.Error())
		case err != nil:
			return refuse(http.StatusBadRequest, "The request's body cannot be read: "+err.Error()+".", codeJSON, err.Error())
		case len(failed) > 0:
			all := make([]fieldError, len(failed))
			for i, f := range failed {
				all[i] = fieldError{Pointer: pointerFragment(f.Pointer), Detail: f.Detail, rule: f.Rule}
			}
			v.deny(w, r, http.StatusUnprocessableEntity, "The request's body is not as it has to be; see errors.", codeContent, all) // RFC 9110, 15.5.21
			return nil, false
		}
	}
	sent := *r
	// The length stays as the client told it: an upstream that wanted a body in chunks gets it so.
	sent.Body = &readAgain{Reader: bytes.NewReader(text), Closer: r.Body}
	return &sent, true
}
