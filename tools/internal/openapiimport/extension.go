package openapiimport

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"polygate.example/shared/gateway"
)

// extensionKey is what a document says to the gateway alone (OpenAPI 3.1, 4.9, Specification Extensions).
const extensionKey = "x-polygate"

// level is where an extension stands.
type level struct {
	what string
	keys []string
}

var (
	ofDocument  = level{"the document", []string{"everywhere", "policies", "timeout", "upstream", "upstreams"}}
	ofPath      = level{"a path", []string{"policies", "skip", "timeout", "upstream"}}
	ofOperation = level{"an operation", []string{"name", "policies", "skip", "timeout", "upstream"}}
)

// extension is x-polygate of the document, a path or an operation.
type extension struct {
	policies, upstreams map[string]any // of the document: as a gateway document has them
	everywhere          []string       // of the document
	use                 []string       // names of policies
	timeout             string
	upstream            string
	name                string
	skip                bool
}

// with is what holds below: what a path says before what the document says, policies together.
func (e extension) with(below extension) extension {
	out := extension{use: slices.Concat(e.use, below.use), timeout: e.timeout, upstream: e.upstream, name: below.name, skip: e.skip || below.skip}
	if below.timeout != "" {
		out.timeout = below.timeout
	}
	if below.upstream != "" {
		out.upstream = below.upstream
	}
	return out
}

// readExtension reads the extension of a mapping. What cannot be meant is left out and told.
func (im *importer) readExtension(of map[string]any, at gateway.Pointer, l level) extension {
	var e extension
	v, there := of[extensionKey]
	if !there {
		return e
	}
	at = at.Key(extensionKey)
	m, is := v.(map[string]any)
	if !is {
		im.note(LeftOut, at, "it is no mapping", "write one of "+strings.Join(l.keys, ", "))
		return e
	}
	for key, value := range sorted(m) {
		at := at.Key(key)
		if !slices.Contains(l.keys, key) {
			remedy := "known here are " + strings.Join(l.keys, ", ")
			if near := gateway.Nearest(key, l.keys); near != "" {
				remedy = fmt.Sprintf("did you mean %q?", near)
			}
			im.note(LeftOut, at, fmt.Sprintf("%s has no key %q", l.what, key), remedy)
			continue
		}
		ok := true
		want := ""
		switch key {
		case "skip":
			e.skip, ok = value.(bool)
			want = "true or false"
		case "name":
			e.name, ok = value.(string)
			want = "the name of a route"
		case "upstream":
			e.upstream, ok = value.(string)
			want = "the name of an upstream"
		case "timeout":
			e.timeout, ok = value.(string)
			if _, err := time.ParseDuration(e.timeout); err != nil {
				e.timeout, ok = "", false
			}
			want = `a duration such as "5s"`
		case "everywhere":
			e.everywhere, ok = texts(value)
			want = "a list of names of policies"
		case "upstreams":
			e.upstreams, ok = value.(map[string]any)
			want = "a mapping of names to upstreams"
		case "policies":
			if l.what == ofDocument.what {
				e.policies, ok = value.(map[string]any)
				want = "a mapping of names to policies; everywhere lists those of every route"
				break
			}
			e.use, ok = texts(value)
			want = "a list of names of policies"
		}
		if !ok {
			im.note(LeftOut, at, "it cannot be read", "write "+want)
		}
	}
	return e
}

// texts reads a list of texts.
func texts(v any) ([]string, bool) {
	list, is := v.([]any)
	var out []string
	for _, item := range list {
		s, text := item.(string)
		if !text {
			return nil, false
		}
		out = append(out, s)
	}
	return out, is
}
