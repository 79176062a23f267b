package gateway

import (
	"encoding/json"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// DefaultJSONBytes is how large a body may be that is changed: it is held while it is.
const DefaultJSONBytes = 1 << 20

const (
	maxChanges   = 200
	maxJSONBytes = 16 << 20
	maxValue     = 4096
)

// Transform changes what goes to the upstream and what comes back. Values are Templates.
type Transform struct {
	Request  *RequestTransform   `json:"request,omitempty"`
	Response []ResponseTransform `json:"response,omitempty"` // each that the status fits, in order
}

// RequestTransform changes a request on its way to the upstream.
type RequestTransform struct {
	Headers Changes      `json:"headers,omitzero"`
	Query   Changes      `json:"query,omitzero"`
	Cookies Changes      `json:"cookies,omitzero"` // set and remove
	Path    *PathRewrite `json:"path,omitempty"`
	JSON    *JSONChanges `json:"json,omitempty"`
}

// ResponseTransform changes an answer.
type ResponseTransform struct {
	Status  []string     `json:"status,omitempty"` // "404", "4xx"; none for any
	Headers Changes      `json:"headers,omitzero"`
	JSON    *JSONChanges `json:"json,omitempty"`
}

// Changes are made in the order remove, rename, set, add.
type Changes struct {
	Remove []string          `json:"remove,omitempty"`
	Rename map[string]string `json:"rename,omitempty"` // old name to new one
	Set    map[string]string `json:"set,omitempty"`
	Add    map[string]string `json:"add,omitempty"`
}

// IsZero reports whether there is nothing to do; encoding/json asks it for omitzero.
func (c Changes) IsZero() bool { return len(c.Remove)+len(c.Rename)+len(c.Set)+len(c.Add) == 0 }

// PathRewrite replaces a path that a pattern matches as a whole; another stays as it is. It sees the path as it would go to the upstream,
// escaped, after the route's own rewrite and before the target's base path.
type PathRewrite struct {
	Pattern string `json:"pattern"` // RE2
	Replace string `json:"replace"` // with $1 or ${name} for groups, $$ for a dollar sign
}

// JSONChanges change a body of JSON, in the order remove, rename, set. Places are RFC 6901 pointers.
type JSONChanges struct {
	Bytes  int64                      `json:"bytes,omitempty"` // 0 is DefaultJSONBytes
	Remove []string                   `json:"remove,omitempty"`
	Rename map[string]string          `json:"rename,omitempty"`
	Set    map[string]json.RawMessage `json:"set,omitempty"` // text, which is a Template, a number, true, false or null
}

// Compile gives the pattern as it is matched, against the whole path.
func (p PathRewrite) Compile() (*regexp.Regexp, error) {
	return regexp.Compile(`^(?:` + p.Pattern + `)$`)
}

// OneMore is the name in a pointer that stands for the item after the last one of a list (RFC 6901, 4): what is set there is added to it.
const OneMore = "-"

// ParsePointer splits a pointer into its names; false if it is none or means the whole document.
func ParsePointer(s string) ([]string, bool) {
	if !strings.HasPrefix(s, "/") || len(s) > 1024 {
		return nil, false
	}
	names := strings.Split(s[1:], "/")
	for i, name := range names {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(name), "~") {
			return nil, false
		}
		names[i] = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
	}
	return names, true
}

// PartOf is the part of a JSON value, as encoding/json reads one into any, that a pointer names (RFC 6901, 4); false if there is none.
func PartOf(v any, pointer string) (any, bool) {
	names, ok := ParsePointer(pointer)
	if !ok {
		return nil, false
	}
	for _, name := range names {
		switch c := v.(type) {
		case map[string]any:
			if v, ok = c[name]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(c) {
				return nil, false
			}
			v = c[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// StatusTest returns a list of statuses as a function.
func StatusTest(list []string) func(int) bool {
	return func(status int) bool {
		if len(list) == 0 {
			return true
		}
		text := string([]byte{byte('0' + status/100%10), byte('0' + status/10%10), byte('0' + status%10)})
		return slices.Contains(list, text) || slices.Contains(list, text[:1]+"xx")
	}
}

// Text is the text of a value that is text, which is a Template; false for any other.
func Text(value json.RawMessage) (string, bool) {
	var s string
	if len(value) == 0 || value[0] != '"' || json.Unmarshal(value, &s) != nil {
		return "", false
	}
	return s, true
}

// templates yields every template of a side of a transform.
func (c Changes) templates(yield func(string) bool) bool {
	for _, m := range []map[string]string{c.Set, c.Add} {
		for _, v := range m {
			if !yield(v) {
				return false
			}
		}
	}
	return true
}

func (c *JSONChanges) templates(yield func(string) bool) bool {
	if c == nil {
		return true
	}
	for _, v := range c.Set {
		if s, ok := Text(v); ok && !yield(s) {
			return false
		}
	}
	return true
}

// templates yields every template of it.
func (p *Transform) templates() iter.Seq[string] {
	return func(yield func(string) bool) {
		if q := p.Request; q != nil {
			if !q.Headers.templates(yield) || !q.Query.templates(yield) || !q.Cookies.templates(yield) || !q.JSON.templates(yield) {
				return
			}
		}
		for _, a := range p.Response {
			if !a.Headers.templates(yield) || !a.JSON.templates(yield) {
				return
			}
		}
	}
}

func (p *Transform) secrets() []string { return secretsIn(p.templates()) }
func (*Transform) parts() []Part       { return nil }

func (p *Transform) caller() callerUse {
	if slices.ContainsFunc(p.references(), Reference.ofCaller) {
		return callerNeeded
	}
	return callerUnused
}

func (p *Transform) references() []Reference {
	var out []Reference
	for text := range p.templates() {
		if t, err := ParseTemplate(text); err == nil {
			out = append(out, t.References()...)
		}
	}
	return out
}

var _ kind = (*Transform)(nil)
