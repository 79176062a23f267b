//go:build !without_schema

package handler

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"polygate.example/shared/gateway"
	"polygate.example/shared/schema"
)

// Codes of refusals of requests that are not as described.
const (
	codeOperation   = "no_operation"
	codeParameter   = "bad_parameter"
	codeBodyMissing = "body_missing"
	codeContent     = "bad_content"
)

// validate is a compiled policy of the kind.
type validate struct {
	env      environment
	always   *checks        // of every request; nil if there are operations
	tree     *operationNode // of operations
	maxBody  int64
	response string
	closed   bool // to parameters of the query that are not described
}

// checks are compiled gateway.Checks.
type checks struct {
	parameters []parameter
	query      bool           // some of them are in the query
	cookies    bool           // some of them are cookies
	body       *bodyCheck     // nil for one that is not looked at
	required   bool           // there has to be a body
	answers    []answerCheck  // the most specific first
	segments   map[string]int // of the path, by the names of parameters; nil where it is the route that names them
	ignored    []gateway.Ignored
	rest       string // the one of them that takes the rest of the path; "" for none
}

// answerCheck is what answers of a status have to be.
type answerCheck struct {
	fits func(status int) bool
	body *bodyCheck // nil for any
}

// newValidate refuses requests that are not as described. What comes to the upstream is what the client sent: nothing is changed, and a body that
// was held is sent byte by byte.
func newValidate(p gateway.Validate, env environment) (policy, error) {
	placed := p.Schemas()
	texts := make([]json.RawMessage, len(placed))
	for i, s := range placed {
		texts[i] = s.JSON
	}
	compiled, err := schema.Compile(p.Defs, texts)
	if err != nil {
		return nil, err
	}
	byPlace := make(map[gateway.Pointer]*schema.Schema, len(placed))
	for i, s := range placed {
		byPlace[s.At] = compiled[i]
	}
	v := &validate{env: env, maxBody: p.MaxBody, response: p.Response, closed: p.UnknownQuery == gateway.UnknownDeny}
	if v.maxBody == 0 {
		v.maxBody = gateway.DefaultValidatedBytes
	}
	if len(p.Operations) == 0 {
		if v.always, err = newChecks(p.Checks, "", byPlace); err != nil {
			return nil, err
		}
	} else {
		v.tree = &operationNode{}
		for i, o := range p.Operations {
			c, err := newChecks(o.Checks, gateway.Pointer("/operations").Index(i), byPlace)
			if err != nil {
				return nil, err
			}
			c.ignored = o.Ignored
			if err := v.tree.insert(o, c); err != nil {
				return nil, err
			}
		}
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { v.serve(next, w, r) })
	}, nil
}

func newChecks(c gateway.Checks, at gateway.Pointer, schemas map[gateway.Pointer]*schema.Schema) (*checks, error) {
	out := &checks{}
	for i, p := range c.Parameters {
		one := parameter{Parameter: p, schema: schemas[at.Key("parameters").Index(i).Key("schema")], segment: gateway.ParamName(p.Name)}
		one.text = one.schema.Text()
		if why := p.Unwritable(one.text); why != "" {
			return nil, fmt.Errorf("parameter %s %s, which no document has", p.Name, why)
		}
		one.key = p.Name
		if p.In == gateway.InHeader {
			one.key = http.CanonicalHeaderKey(p.Name)
		}
		out.query = out.query || p.In == gateway.InQuery
		out.cookies = out.cookies || p.In == gateway.InCookie
		out.parameters = append(out.parameters, one)
	}
	if c.Body != nil {
		out.body, out.required = newBodyCheck(c.Body.Content, at.Key("body").Key("content"), schemas), c.Body.Required
	}
	keys := make([]string, 0, len(c.Responses))
	for status := range c.Responses {
		keys = append(keys, status)
	}
	slices.SortFunc(keys, func(a, b string) int { // 404, 4xx, default
		rank := func(s string) int { return strings.Count(s, "x") + len(s)/4*4 }
		return rank(a) - rank(b)
	})
	for _, status := range keys {
		fits := gateway.StatusTest([]string{status})
		if status == "default" {
			fits = gateway.StatusTest(nil)
		}
		a := answerCheck{fits: fits}
		if content := c.Responses[status]; len(content) > 0 {
			a.body = newBodyCheck(content, at.Key("responses").Key(status), schemas)
		}
		out.answers = append(out.answers, a)
	}
	return out, nil
}

func (v *validate) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	c := v.always
	if c == nil {
		var allow []string
		if c, allow = v.tree.find(r.Method, exchangeOf(r).segments); c == nil {
			v.noOperation(w, r, allow)
			return
		}
	}
	if failed := v.unknown(c, r, c.request(r)); len(failed) > 0 {
		v.deny(w, r, http.StatusBadRequest, "Parameters of the request are not as they have to be; see errors.", codeParameter, failed)
		return
	}
	if c.body != nil {
		sent, ok := v.body(c, w, r)
		if !ok {
			return
		}
		r = sent
	}
	v.serveAnswer(c, next, w, r)
}

// noOperation answers a request that is for none.
func (v *validate) noOperation(w http.ResponseWriter, r *http.Request, allow []string) {
	if len(allow) > 0 {
		w.Header().Set("Allow", strings.Join(allow, ", "))
		v.env.deny(w, r, fail(http.StatusMethodNotAllowed, "This path does not take the request's method; see Allow."), "no operation of its path has its method")
		return
	}
	v.env.deny(w, r, coded(http.StatusNotFound, codeOperation, "The API has no such path."), "no operation has its path")
}

// deny refuses a request with what is wrong with it. The log gets no more than what the document says itself: names of parameters and rules.
func (v *validate) deny(w http.ResponseWriter, r *http.Request, status int, detail, code string, failed []fieldError) {
	p := coded(status, code, detail)
	p.Errors = failed[:min(len(failed), schema.MaxFailures)]
	first := failed[0]
	why := first.where()
	if first.rule != "" && first.rule != ruleUnknown {
		why += ": " + first.rule
	}
	if len(failed) > 1 {
		why += fmt.Sprintf(", and %d more", len(failed)-1)
	}
	v.env.deny(w, r, p, why)
}
