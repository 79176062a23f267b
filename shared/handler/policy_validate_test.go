//go:build !without_schema

package handler

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
)

// validating is a gateway with the policy before an upstream, on a route with a parameter.
func validating(t testing.TB, p gateway.Validate, up string, opts Options) http.Handler {
	t.Helper()
	return newHandler(t, model(t, gateway.Spec{Policies: map[string]gateway.Policy{"described": {Validate: &p}}, Upstreams: map[string]gateway.Upstream{"up": upstream(up)},
		Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/a/{id}"}, Policies: []string{"described"}, Upstream: "up"})}), opts)
}

// schemaText is a schema.
func schemaText(s string) json.RawMessage { return json.RawMessage(s) }

// describedBody is a policy for a body of JSON.
func describedBody(schema string) gateway.Validate {
	return gateway.Validate{Checks: gateway.Checks{Body: &gateway.BodyCheck{Required: true, Content: gateway.Content{"application/json": schemaText(schema)}}}}
}

// refusedAs is the problem that a request is refused with.
func refusedAs(t testing.TB, h http.Handler, r *http.Request, status int) problem {
	t.Helper()
	resp := ask(h, r)
	b := body(t, resp)
	var p problem
	if err := json.Unmarshal([]byte(b), &p); err != nil || resp.StatusCode != status {
		t.Errorf("%s %s: %s, want %d\n%.300s", r.Method, r.URL, resp.Status, status, b)
	}
	return p
}

func (f fieldError) String() string {
	return strings.Join(strings.Fields(fmt.Sprint(f.In, " ", f.Parameter, " ", f.Pointer, " ", f.Detail)), " ")
}

func bodied(method, target, contentType, text string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(text))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestValidateParameters(t *testing.T) {
	t.Parallel()
	param := func(in, name, schema string, change ...func(*gateway.Parameter)) gateway.Parameter {
		p := gateway.Parameter{Name: name, In: in, Required: in == gateway.InPath, Schema: schemaText(schema)}
		p.Style, p.Explode = gateway.DefaultStyle(in)
		for _, c := range change {
			c(&p)
		}
		return p
	}
	required := func(p *gateway.Parameter) { p.Required = true }
	style := func(style string, explode bool) func(*gateway.Parameter) {
		return func(p *gateway.Parameter) { p.Style, p.Explode = style, explode }
	}
	asJSON := func(p *gateway.Parameter) { p.JSON, p.Style, p.Explode = true, "", false }
	ints := `{"type":"array","items":{"type":"integer"},"maxItems":2}`
	textOrList := `{"oneOf":[{"type":"string","pattern":"^a"},{"type":"array","items":{"type":"integer"},"maxItems":2}]}`
	up := mirror(t)
	for name, c := range map[string]struct {
		p                gateway.Parameter
		target           string
		name, value      string // of a header
		want             string // the errors, "" for none
		secondName, more string
	}{
		"path":               {p: param("path", "id", `{"type":"integer","maximum":99}`), target: "/a/42"},
		"path not":           {p: param("path", "id", `{"type":"integer","maximum":99}`), target: "/a/100", want: "path id must be at most 99"},
		"path text":          {p: param("path", "id", `{"type":"integer"}`), target: "/a/4x", want: "path id must be integer, not string"},
		"path decoded":       {p: param("path", "id", `{"enum":["a b"]}`), target: "/a/a%20b"},
		"path list":          {p: param("path", "id", ints), target: "/a/1,2"},
		"path list long":     {p: param("path", "id", ints), target: "/a/1,2,3", want: "path id must have at most 2 items"},
		"query":              {p: param("query", "q", `{"type":"boolean"}`), target: "/a/1?q=true"},
		"query other":        {p: param("query", "q", `{"type":"boolean"}`), target: "/a/1?Q=1"},
		"query not":          {p: param("query", "q", `{"type":"boolean"}`), target: "/a/1?q=1", want: "query q must be boolean, not string"},
		"query missing":      {p: param("query", "q", `{}`, required), target: "/a/1", want: "query q is missing"},
		"query empty":        {p: param("query", "q", `{"type":"string"}`, required), target: "/a/1?q="},
		"query no number":    {p: param("query", "q", `{"type":"number"}`), target: "/a/1?q=0x10", want: "query q must be number, not string"},
		"query space":        {p: param("query", "q", `{"type":"number"}`), target: "/a/1?q=+1", want: "query q must be number, not string"},
		"query exact":        {p: param("query", "q", `{"type":"integer","maximum":12345678901234567890}`), target: "/a/1?q=12345678901234567891", want: "query q must be at most 12345678901234567890"},
		"query exponent":     {p: param("query", "q", `{"type":"integer","maximum":50}`), target: "/a/1?q=1000000e-5", want: "query q must be integer, not string"},
		"query fraction":     {p: param("query", "q", `{"type":"integer"}`), target: "/a/1?q=1.0", want: "query q must be integer, not string"},
		"number exponent":    {p: param("query", "q", `{"type":"number","maximum":50}`), target: "/a/1?q=1e1"},
		"path exponent":      {p: param("path", "id", `{"type":"integer","maximum":50}`), target: "/a/1000000e-5", want: "path id must be integer, not string"},
		"header exponent":    {p: param("header", "X-N", `{"type":"integer","maximum":50}`), target: "/a/1", name: "X-N", value: "1000000E-5", want: "header X-N must be integer, not string"},
		"cookie exponent":    {p: param("cookie", "c", `{"type":"integer","maximum":50}`), target: "/a/1", name: "Cookie", value: "c=1000000e-5", want: "cookie c must be integer, not string"},
		"items exponent":     {p: param("query", "q", ints), target: "/a/1?q=1&q=2e0", want: "query q #/1 must be integer, not string"},
		"deep exponent":      {p: param("query", "q", `{"type":"object","properties":{"n":{"type":"integer"}}}`, style("deepObject", true)), target: "/a/1?q[n]=1e0", want: "query q #/n must be integer, not string"},
		"query list":         {p: param("query", "q", ints), target: "/a/1?q=1&q=2"},
		"query item":         {p: param("query", "q", ints), target: "/a/1?q=1&q=b", want: "query q #/1 must be integer, not string"},
		"query commas":       {p: param("query", "q", ints, style("form", false)), target: "/a/1?q=1,2"},
		"query commas twice": {p: param("query", "q", ints, style("form", false)), target: "/a/1?q=1&q=2", want: "query q is given more than once"},
		"query pipes":        {p: param("query", "q", ints, style("pipeDelimited", false)), target: "/a/1?q=1%7C2"},
		"query spaces":       {p: param("query", "q", ints, style("spaceDelimited", false)), target: "/a/1?q=1%202"},
		"query deep":         {p: param("query", "q", `{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}`, style("deepObject", true)), target: "/a/1?q[n]=1&q%5Bm%5D=x"},
		"query deep not":     {p: param("query", "q", `{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}`, style("deepObject", true)), target: "/a/1?q[m]=1", want: "query q #/n is missing"},
		"query deep deeper":  {p: param("query", "q", `{"type":"object","properties":{"m":{"properties":{"n":{"type":"integer"}},"required":["n"]}}}`, style("deepObject", true)), target: "/a/1?q[m][n]=1"},
		"query deeper not":   {p: param("query", "q", `{"type":"object","properties":{"m":{"properties":{"n":{"type":"integer"}}}}}`, style("deepObject", true)), target: "/a/1?q[m][n]=x", want: "query q #/m/n must be integer, not string"},
		"query deep open":    {p: param("query", "q", `{"type":"object"}`, style("deepObject", true)), target: "/a/1?q[m=1", want: "query q is not written as it has to be"},
		"query deep after":   {p: param("query", "q", `{"type":"object"}`, style("deepObject", true)), target: "/a/1?q[m]n=1", want: "query q is not written as it has to be"},
		"query deep both":    {p: param("query", "q", `{"type":"object"}`, style("deepObject", true)), target: "/a/1?q[m]=1&q[m][n]=1", want: "query q is not written as it has to be"},
		"query deep plain":   {p: param("query", "q", `{"type":"object"}`, style("deepObject", true)), target: "/a/1?q=1", want: "query q is not written as it has to be"},
		"deep list":          {p: param("query", "q", ints, style("deepObject", true)), target: "/a/1?q[]=1&q[]=2"},
		"deep list not":      {p: param("query", "q", ints, style("deepObject", true)), target: "/a/1?q[]=1&q[]=x", want: "query q #/1 must be integer, not string"},
		"deep list numbered": {p: param("query", "q", ints, style("deepObject", true)), target: "/a/1?q[1]=1&q[0]=2"},
		"deep list gap":      {p: param("query", "q", ints, style("deepObject", true)), target: "/a/1?q[0]=1&q[2]=2", want: "query q is not written as it has to be"},
		"deep list zeros":    {p: param("query", "q", ints, style("deepObject", true)), target: "/a/1?q[00]=1", want: "query q is not written as it has to be"},
		"deep list mixed":    {p: param("query", "q", ints, style("deepObject", true)), target: "/a/1?q[]=1&q[0]=2", want: "query q is not written as it has to be"},
		"deep list plain":    {p: param("query", "q", ints, style("deepObject", true)), target: "/a/1?q=1", want: "query q is not written as it has to be"},
		"deep or number":     {p: param("query", "q", `{"anyOf":[{"type":"object","properties":{"gt":{"type":"integer"}}},{"type":"integer"}]}`, style("deepObject", true)), target: "/a/1?q=7"},
		"deep or number too": {p: param("query", "q", `{"anyOf":[{"type":"object","properties":{"gt":{"type":"integer"}}},{"type":"integer"}]}`, style("deepObject", true)), target: "/a/1?q[gt]=x", want: "query q fits none of the forms that it may have"},
		"deep and number":    {p: param("query", "q", `{"anyOf":[{"type":"object"},{"type":"integer"}]}`, style("deepObject", true)), target: "/a/1?q[gt]=7&q=7", want: "query q is not written as it has to be"},
		"query deep flat":    {p: param("query", "q", `{"type":"object"}`, style("deepObject", true)), target: "/a/1?q=1", want: "query q is not written as it has to be"},
		"query JSON":         {p: param("query", "q", `{"type":"object","required":["a"]}`, asJSON), target: "/a/1?q=%7B%22a%22%3A1%7D"},
		"query JSON not":     {p: param("query", "q", `{"type":"object","required":["a"]}`, asJSON), target: "/a/1?q=%7B%7D", want: "query q #/a is missing"},
		"query no JSON":      {p: param("query", "q", `{}`, asJSON), target: "/a/1?q=%7B", want: "query q is no JSON that is taken: it is not one value of JSON"},
		"header":             {p: param("header", "x-n", `{"type":"integer"}`), target: "/a/1", name: "X-N", value: "7"},
		"header not":         {p: param("header", "x-n", `{"type":"integer"}`), target: "/a/1", name: "X-N", value: "7a", want: "header x-n must be integer, not string"},
		"header list":        {p: param("header", "X-N", ints), target: "/a/1", name: "X-N", value: "7, 8"},
		"header lines":       {p: param("header", "X-N", ints), target: "/a/1", name: "X-N", value: "7", secondName: "X-N", more: "8"},
		"header dropped":     {p: param("header", "X-N", `{}`, required), target: "/a/1", name: "X-N", value: "7", secondName: "Connection", more: "close, x-n", want: "header X-N is missing"},
		"header spelt":       {p: param("header", "X-N", `{}`, required), target: "/a/1", name: "X_N", value: "7", want: "header X-N is missing"},
		"cookie dropped":     {p: param("cookie", "c", `{}`, required), target: "/a/1", name: "Cookie", value: "c=1", secondName: "Connection", more: "Cookie", want: "cookie c is missing"},
		"header host":        {p: param("header", "Host", `{"const":"example.org"}`), target: "/a/1", want: `header Host must be "example.org"`},
		"cookie":             {p: param("cookie", "c", `{"const":"1"}`), target: "/a/1", name: "Cookie", value: "b=2; c=1"},
		"cookie quoted":      {p: param("cookie", "c", `{"const":"1"}`), target: "/a/1", name: "Cookie", value: `c="1"`},
		"cookie not":         {p: param("cookie", "c", `{"const":"1"}`), target: "/a/1", name: "Cookie", value: "c=2", want: `cookie c must be "1"`},
		"cookie damaged":     {p: param("cookie", "c", `{"const":"1"}`), target: "/a/1", name: "Cookie", value: "c=\x80", want: `cookie c must be "1"`},
		"text or list":       {p: param("query", "q", textOrList), target: "/a/1?q=a,b"},
		"text or list more":  {p: param("query", "q", textOrList), target: "/a/1?q=1&q=2"},
		"text or list one":   {p: param("query", "q", textOrList), target: "/a/1?q=1"},
		"text or list items": {p: param("query", "q", textOrList), target: "/a/1?q=1&q=b", want: "query q fits none of the forms that it may have"},
		"text or list many":  {p: param("query", "q", textOrList), target: "/a/1?q=1&q=2&q=3", want: "query q fits none of the forms that it may have"},
		"text or list none":  {p: param("query", "q", textOrList), target: "/a/1?q=b", want: "query q fits none of the forms that it may have"},
		"text or commas":     {p: param("query", "q", textOrList, style("form", false)), target: "/a/1?q=1,2"},
		"text or commas not": {p: param("query", "q", textOrList, style("form", false)), target: "/a/1?q=1&q=2", want: "query q is given more than once"},
		"text or pipes":      {p: param("query", "q", textOrList, style("pipeDelimited", false)), target: "/a/1?q=1%7C2"},
		"text or list path":  {p: param("path", "id", textOrList), target: "/a/1,2"},
		"text or list lines": {p: param("header", "X-N", textOrList), target: "/a/1", name: "X-N", value: "1", secondName: "X-N", more: "2"},
		"text or parts":      {p: param("query", "q", textOrList, style("deepObject", true)), target: "/a/1?q[]=1&q[]=2"},
		"text or parts text": {p: param("query", "q", textOrList, style("deepObject", true)), target: "/a/1?q=a,b"},
		"text or parts not":  {p: param("query", "q", textOrList, style("deepObject", true)), target: "/a/1?q=1&q=2", want: "query q is given more than once"},
		"deep or number in":  {p: param("query", "q", `{"anyOf":[{"type":"object","properties":{"gt":{"type":"integer"}}},{"type":"integer"}]}`, style("deepObject", true)), target: "/a/1?q[gt]=7"},
		"deep in a choice":   {p: param("query", "q", `{"type":"object","oneOf":[{"required":["n"],"properties":{"n":{"type":"integer"}}},{"required":["n"],"properties":{"n":{"type":"boolean"}}}]}`, style("deepObject", true)), target: "/a/1?q[n]=true"},
		"number or text":     {p: param("query", "q", `{"anyOf":[{"type":"integer"},{"enum":["all"]}]}`), target: "/a/1?q=all"},
		"number or text not": {p: param("query", "q", `{"anyOf":[{"type":"integer"},{"enum":["all"]}]}`), target: "/a/1?q=some", want: "query q fits none of the forms that it may have"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := validating(t, gateway.Validate{Checks: gateway.Checks{Parameters: []gateway.Parameter{c.p}}}, up, Options{})
			r := get(c.target)
			if c.name != "" {
				r.Header.Add(c.name, c.value)
			}
			if c.secondName != "" {
				r.Header.Add(c.secondName, c.more)
			}
			if c.want == "" {
				if s := got(t, h, r); s.URL != c.target {
					t.Errorf("the upstream was asked for %s", s.URL)
				}
				return
			}
			p := refusedAs(t, h, r, 400)
			if p.Code != codeParameter || len(p.Errors) != 1 || p.Errors[0].String() != c.want {
				t.Errorf("%s %v, want %s", p.Code, p.Errors, c.want)
			}
		})
	}
}

func TestValidateBody(t *testing.T) {
	t.Parallel()
	up := mirror(t)
	order := describedBody(`{"$ref":"#/$defs/order"}`)
	order.Defs = map[string]json.RawMessage{"order": schemaText(`{"type":"object","required":["a"],"properties":{"a":{"type":"number"},"b":{"$ref":"#/$defs/order"}}}`)}
	order.Body.Content["application/*+json"] = schemaText(`{"type":"array"}`)
	order.Body.Content["application/x-www-form-urlencoded"] = schemaText(`{"type":"object","required":["n"],"properties":{"n":{"type":"integer"},"l":{"type":"array","items":{"type":"boolean"}},"o":{"type":"object","required":["a"]},"m":{"type":"array","items":{"type":"object","properties":{"k":{"type":"integer"}}}},"b[]":{"type":"integer"}},"additionalProperties":{"maxLength":3}}`)
	order.Body.Content["text/*"] = schemaText(`{"type":"string"}`)
	order.Body.Content["image/*"] = schemaText(`true`)
	order.MaxBody = 1000
	h := validating(t, order, up, Options{})
	const form = "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		media, text string
		status      int
		want        string // code, or the first error
	}{
		"right":            {"application/json", ` {"a" : 1.10, "b": {"a":1}} `, 200, ""},
		"charset":          {"Application/JSON; charset=UTF-8", `{"a":1}`, 200, ""},
		"other charset":    {"application/json; charset=utf-16", `{"a":1}`, 415, ""},
		"deeper":           {"application/json", `{"a":1,"b":{"b":{}}}`, 422, "#/b/a is missing"},
		"type":             {"application/json", `[]`, 422, "# must be object, not array"},
		"escaped":          {"application/json", `{"a":1,"b":{"a":1,"b":{"a":"x/~ %"}}}`, 422, "#/b/b/a must be number, not string"},
		"no JSON":          {"application/json", `{"a":1`, 400, codeJSON},
		"two values":       {"application/json", `{"a":1}{}`, 400, codeJSON},
		"empty":            {"application/json", "", 400, codeBodyMissing},
		"not UTF-8":        {"application/json", "{\"a\":1,\"\xff\":1}", 400, codeJSON},
		"byte-order mark":  {"application/json", "\ufeff{\"a\":1}", 400, codeJSON},
		"suffix":           {"application/merge-patch+json", `[]`, 200, ""},
		"suffix not":       {"application/merge-patch+json", `{}`, 422, "# must be array, not object"},
		"form":             {form, `n=1&l=true&l=false&o=%7B%22a%22%3A1%7D&x=abc`, 200, ""},
		"form type":        {form, `n=a`, 422, "#/n must be integer, not string"},
		"form list":        {form, `n=1&l=maybe`, 422, "#/l/0 must be boolean, not string"},
		"form object":      {form, `n=1&o=%7B%7D`, 422, "#/o/a is missing"},
		"form no object":   {form, `n=1&o=%7B`, 400, codeJSON},
		"form others":      {form, `n=1&x=abcd`, 422, "#/x must have at most 3 characters"},
		"form parts":       {form, `n=1&o[a]=x&l[]=true&l[]=false&m[0][k]=1&m[1][k]=2&b[]=7&x[y=1`, 200, ""},
		"form parts not":   {form, `n=1&o[b]=x`, 422, "#/o/a is missing"},
		"form part type":   {form, `n=1&m[0][k]=1&m[1][k]=x`, 422, "#/m/1/k must be integer, not string"},
		"form item type":   {form, `n=1&l[]=maybe`, 422, "#/l/0 must be boolean, not string"},
		"form in brackets": {form, `n=1&b[]=x`, 422, "#/b%5B%5D must be integer, not string"},
		"form both ways":   {form, `n=1&o[a]=x&o=%7B%22a%22%3A1%7D`, 422, "#/o is given more than once"},
		"form n in parts":  {form, `n[a]=1`, 422, "#/n must be integer, not object"},
		"form items mixed": {form, `n=1&m[][k]=1`, 422, "#/m is not written as it has to be"},
		"form too nested":  {form, `n=1&o[a]` + strings.Repeat("[a]", 10) + `=1`, 422, "#/o is not written as it has to be"},
		"form prototype":   {form, `n=1&o[a]=1&o[__proto__]=1`, 422, "#/o is not written as it has to be"},
		"form constructor": {form, `n=1&constructor[prototype][a]=1`, 400, codeJSON},
		"form damaged":     {form, `n=%zz`, 400, codeJSON},
		"form semicolon":   {form, `n=1;x=2`, 400, codeJSON},
		"image":            {"image/png", strings.Repeat("x", 2000), 200, ""},
		"range of text":    {"text/plain", `"x"`, 415, ""},
		"other type":       {"application/xml", `<a/>`, 415, ""},
		"no type":          {"", `{"a":1}`, 415, ""},
		"damaged type":     {"application/json; charset", `{"a":1}`, 415, ""},
		"too large":        {"application/json", `{"a":1,"x":"` + strings.Repeat("x", 1000) + `"}`, 413, ""},
		"many":             {"application/json", `{"b":{"b":{"b":{"b":{}}}}}`, 422, "#/a is missing"},
		"exactly large":    {"application/json", `{"a":1,"x":"` + strings.Repeat("x", 986) + `"}`, 200, ""},
		"one byte too far": {"application/json", `{"a":1,"x":"` + strings.Repeat("x", 987) + `"}`, 413, ""},
	} {
		for _, length := range []string{"declared", "chunked"} {
			t.Run(name+" "+length, func(t *testing.T) {
				t.Parallel()
				r := bodied(http.MethodPost, "/a/1", c.media, c.text)
				if length == "chunked" {
					r.Body, r.ContentLength = io.NopCloser(chunked(c.text)), -1
				}
				if c.status == 200 {
					if s := got(t, h, r); s.Body != c.text || s.Length != r.ContentLength {
						t.Errorf("the upstream got %q, %d", s.Body, s.Length)
					}
					return
				}
				p := refusedAs(t, h, r, c.status)
				if len(p.Errors) > 0 && p.Code != codeContent {
					t.Errorf("code %q", p.Code)
				}
				said := p.Code
				if len(p.Errors) > 0 {
					said = p.Errors[0].String()
				}
				if said != c.want {
					t.Errorf("%q %v, want %q", p.Code, p.Errors, c.want)
				}
			})
		}
	}
	resp := ask(h, bodied(http.MethodPost, "/a/1", "application/xml", "<a/>"))
	if a := resp.Header.Get("Accept"); a != "application/json, application/x-www-form-urlencoded, application/*+json, image/*, text/*" {
		t.Errorf("Accept: %q", a)
	}
	if resp := ask(h, get("/a/1")); resp.StatusCode != 400 {
		t.Errorf("a required body is missing: %s", resp.Status)
	}
	order.Body.Required = false
	if s := got(t, validating(t, order, up, Options{}), get("/a/1")); s.Body != "" {
		t.Errorf("%q", s.Body)
	}
}

// Each request is for the operation of its method and path, whose parameters count.
func TestValidateOperations(t *testing.T) {
	t.Parallel()
	id := gateway.Parameter{Name: "order-id", In: "path", Required: true, Style: "simple", Schema: schemaText(`{"type":"integer"}`)}
	body := &gateway.BodyCheck{Content: gateway.Content{"application/json": schemaText(`{"type":"object"}`)}}
	p := gateway.Validate{Operations: []gateway.Operation{
		{Method: "GET", Path: "/v1/orders/{order_id}", Checks: gateway.Checks{Parameters: []gateway.Parameter{id}}},
		{Method: "PUT", Path: "/v1/orders/{order_id}", Checks: gateway.Checks{Parameters: []gateway.Parameter{id}, Body: body}},
		{Method: "GET", Path: "/v1/orders/new"},
		{Method: "POST", Path: "/v1/orders/{order_id}/items/"},
		{Method: "DELETE", Path: "/v1/a%2Fb"},
	}}
	h := newHandler(t, model(t, gateway.Spec{Policies: map[string]gateway.Policy{"api": {Validate: &p}}, Upstreams: map[string]gateway.Upstream{"up": upstream(mirror(t))},
		Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Policies: []string{"api"}, Upstream: "up"})}), Options{})
	for _, c := range []struct {
		request, allow string
		status         int
	}{
		{"GET /v1/orders/42", "", 200}, {"HEAD /v1/orders/42", "", 200}, {"GET /v1/orders/new", "", 200}, {"GET /v1/orders/old", "", 400},
		{"PUT /v1/orders/new", "", 400}, {"PUT /v1/orders/7", "", 200}, {"DELETE /v1/orders/7", "GET, HEAD, PUT", 405}, {"OPTIONS /v1/orders/new", "GET, HEAD", 405},
		{"POST /v1/orders/7/items/", "", 200}, {"POST /v1/orders/7/items", "", 404}, {"GET /v1/orders/", "", 404}, {"GET /v1/orders//items/", "", 404},
		{"GET /", "", 404}, {"DELETE /v1/a%2fb", "", 200}, {"DELETE /v1/a/b", "", 404}, {"GET /v1/orders/4%32", "", 200}, {"GET /v1/orders/42/", "", 404},
	} {
		method, target, _ := strings.Cut(c.request, " ")
		resp := ask(h, httptest.NewRequest(method, target, nil))
		if resp.StatusCode != c.status || resp.Header.Get("Allow") != c.allow {
			t.Errorf("%s: %s, Allow %q, want %d, %q", c.request, resp.Status, resp.Header.Get("Allow"), c.status, c.allow)
		}
	}
}

// An operation whose last parameter may hold slashes is for all paths that go on there, unless another is nearer, and dot segments are none of them.
func TestValidateRest(t *testing.T) {
	t.Parallel()
	parameter := func(slashes bool) gateway.Checks {
		return gateway.Checks{Parameters: []gateway.Parameter{{Name: "p", In: "path", Required: true, Style: "simple", Slashes: slashes, Schema: schemaText(`{"type":"string","pattern":"^[a-z/\\\\]+$","maxLength":7}`)}}}
	}
	p := gateway.Validate{Operations: []gateway.Operation{
		{Method: "GET", Path: "/v1/files/{p...}", Checks: parameter(true)},
		{Method: "POST", Path: "/v1/files/new"},
		{Method: "PUT", Path: "/v1/files/{p}", Checks: parameter(false)},
		{Method: "GET", Path: "/v1/refs/{p}/log", Checks: parameter(true)},
	}}
	h := newHandler(t, model(t, gateway.Spec{Policies: map[string]gateway.Policy{"api": {Validate: &p}}, Upstreams: map[string]gateway.Upstream{"up": upstream(mirror(t))},
		Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Policies: []string{"api"}, Upstream: "up"})}), Options{})
	for _, c := range []struct {
		request, allow string
		status         int
	}{
		{"GET /v1/files/a", "", 200}, {"GET /v1/files/a/b/c", "", 200}, {"HEAD /v1/files/a/b", "", 200}, {"GET /v1/files/a/b/", "", 200}, {"GET /v1/files/new/b", "", 200},
		{"GET /v1/files/a%2Fb", "", 200}, {"GET /v1/files/a/b/c/d/e", "", 400}, {"GET /v1/files/a/9", "", 400}, {"GET /v1/files/a%5Cb", "", 400}, {"GET /v1/files/a/b%5C", "", 400},
		{"GET /v1/files/a%2F..%2Fb", "", 400}, {"GET /v1/files/a/%2e%2e", "", 400}, {"GET /v1/files/a%00", "", 400},
		{"GET /v1/files/", "", 404}, {"GET /v1/files", "", 404}, {"DELETE /v1/files/a/b", "GET, HEAD", 405}, {"GET /v1/files/new", "", 200}, {"POST /v1/files/new", "", 200},
		{"PUT /v1/files/a", "", 200}, {"PUT /v1/files/a%2Fb", "", 400}, {"PUT /v1/files/a/b", "GET, HEAD", 405},
		{"GET /v1/refs/a/log", "", 200}, {"GET /v1/refs/a%2Fb/log", "", 200}, {"GET /v1/refs/a%5Cb/log", "", 400}, {"GET /v1/refs/a/b/log", "", 404},
	} {
		method, target, _ := strings.Cut(c.request, " ")
		resp := ask(h, httptest.NewRequest(method, target, nil))
		if resp.StatusCode != c.status || resp.Header.Get("Allow") != c.allow {
			t.Errorf("%s: %s, Allow %q, want %d, %q", c.request, resp.Status, resp.Header.Get("Allow"), c.status, c.allow)
		}
	}
}
