package gateway

import (
	"encoding/json"
	"maps"
	"slices"
)

// DefaultValidatedBytes is how large a body may be that is held against a schema: it is held in memory while it is.
const DefaultValidatedBytes = 1 << 20

const (
	maxValidatedBytes = 16 << 20
	maxOperations     = 2_000
	maxParameters     = 200 // of one operation
	maxSchemaBytes    = 4 << 20
)

// What is done with an answer that is not as described; "" looks at none.
const (
	ResponseEnforce = "enforce" // it becomes a 502
	ResponseLog     = "log"     // it passes, and leaves a line in the log
)

// Where a parameter is.
const (
	InPath   = "path"
	InQuery  = "query"
	InHeader = "header"
	InCookie = "cookie"
)

// How a parameter is written (OpenAPI 3.1, 4.8.12.2).
const (
	StyleSimple = "simple"         // path and header: a,b
	StyleForm   = "form"           // query and cookie: name=a&name=b, or name=a,b if it is not exploded
	StyleSpace  = "spaceDelimited" // query: name=a%20b
	StylePipe   = "pipeDelimited"  // query: name=a|b
	StyleDeep   = "deepObject"     // query: name[a]=1&name[b]=2
)

// Validate refuses requests that are not as described, and looks at the answers if it is to. It describes either every request of its routes,
// or the operations of an API, one of which a request has to be for. Schemas are JSON Schema 2020-12; "#/$defs/NAME" in them refers to Defs.
type Validate struct {
	Checks
	Operations []Operation                `json:"operations,omitempty"`
	Defs       map[string]json.RawMessage `json:"$defs,omitempty"`
	Response   string                     `json:"response,omitempty"` // see ResponseEnforce
	MaxBody    int64                      `json:"maxBody,omitempty"`  // bytes of a body that is held against a schema; 0 is DefaultValidatedBytes

	// UnknownQuery is what becomes of requests with parameters of the query that are not described: UnknownAllow, which is the default, or UnknownDeny. What
	// the route asks for itself, and where other policies of it look for credentials, counts as described.
	UnknownQuery string `json:"unknownQuery,omitempty"`
}

// Operation is what an API does at a path by a method.
type Operation struct {
	Method string `json:"method"`
	Path   string `json:"path"` // a pattern as of a route; a rest is of one segment at least
	Checks
	Ignored []Ignored `json:"ignored,omitempty"` // parameters of the query that are described, and not looked at
}

// Ignored is how a parameter of the query that is not looked at may be named, so that UnknownQuery does not refuse it.
type Ignored struct {
	Name  string `json:"name,omitempty"`
	Parts bool   `json:"parts,omitempty"` // name[part] as well
	Any   bool   `json:"any,omitempty"`   // nobody can tell: it may be an object whose members are parameters of their own
}

// Checks describe requests and their answers.
type Checks struct {
	Parameters []Parameter        `json:"parameters,omitempty"`
	Body       *BodyCheck         `json:"body,omitempty"`      // nil for one that is not looked at
	Responses  map[string]Content `json:"responses,omitempty"` // by "404", "4xx" or "default"; the first that fits
}

// Parameter describes one parameter.
type Parameter struct {
	Name     string          `json:"name"`
	In       string          `json:"in"`
	Required bool            `json:"required,omitempty"`
	Style    string          `json:"style,omitempty"` // "" for one that is JSON
	Explode  bool            `json:"explode,omitempty"`
	JSON     bool            `json:"json,omitempty"`    // its text is JSON
	Slashes  bool            `json:"slashes,omitempty"` // of the path: it may hold slashes, escaped, or as they are where it takes the rest
	Schema   json.RawMessage `json:"schema"`
}

// BodyCheck describes a body.
type BodyCheck struct {
	Required bool    `json:"required,omitempty"`
	Content  Content `json:"content"`
}

// Content is what a body may be: schemas by media range, of which the most specific counts. The schema true lets a body pass that is neither JSON nor a
// form, without a look at it.
type Content map[string]json.RawMessage

// AnyMedia is the range of all media types, which MediaRange does not know.
const AnyMedia = "*/*"

// PlacedSchema is a schema of a policy, and where it stands in it.
type PlacedSchema struct {
	At   Pointer // from the kind's key on
	JSON json.RawMessage
}

// Schemas are all schemas of a policy but Defs, always in the same order.
func (p *Validate) Schemas() []PlacedSchema {
	out := p.Checks.schemas("", nil)
	for i, o := range p.Operations {
		out = o.schemas(Pointer("/operations").Index(i), out)
	}
	return out
}

func (c Checks) schemas(at Pointer, out []PlacedSchema) []PlacedSchema {
	for i, p := range c.Parameters {
		out = append(out, PlacedSchema{at.Key("parameters").Index(i).Key("schema"), p.Schema})
	}
	content := func(at Pointer, c Content) {
		for _, media := range slices.Sorted(maps.Keys(c)) {
			out = append(out, PlacedSchema{at.Key(media), c[media]})
		}
	}
	if c.Body != nil {
		content(at.Key("body").Key("content"), c.Body.Content)
	}
	for _, status := range slices.Sorted(maps.Keys(c.Responses)) {
		content(at.Key("responses").Key(status), c.Responses[status])
	}
	return out
}

func (*Validate) secrets() []string { return nil }
func (*Validate) parts() []Part     { return []Part{PartSchema} }
func (*Validate) caller() callerUse { return callerUnused }

var _ kind = (*Validate)(nil)
