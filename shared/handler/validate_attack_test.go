//go:build !without_schema

package handler

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/schema"
)

// Bodies that mean one thing to one parser and another to the next, or cost more than they weigh, are refused before they are looked into.
func TestValidateHostileBodies(t *testing.T) {
	t.Parallel()
	h := validating(t, describedBody(`{"properties":{"n":{"type":"number","maximum":10,"multipleOf":0.5},"s":{"pattern":"^(a+)+$"},"l":{"uniqueItems":true,"items":{"type":"string"}}}}`), mirror(t), Options{})
	for name, c := range map[string]struct {
		text   string
		status int
		code   string
	}{
		"deep":                {strings.Repeat(`[`, schema.MaxDepth+1) + strings.Repeat(`]`, schema.MaxDepth+1), 400, codeTooDeep},
		"very deep":           {strings.Repeat(`{"n":`, 150_000), 400, codeTooDeep},
		"as deep as may be":   {strings.Repeat(`[`, schema.MaxDepth) + strings.Repeat(`]`, schema.MaxDepth), 200, ""},
		"twice":               {`{"n":1,"n":11}`, 400, codeJSON},
		"twice by escapes":    {`{"n":1,"\u006e":11}`, 400, codeJSON},
		"twice deeper":        {`{"x":[{"n":1,"n":1}]}`, 400, codeJSON},
		"large exponent":      {`{"n":1e999999999}`, 400, codeJSON},
		"small exponent":      {`{"n":1e-999999999}`, 400, codeJSON},
		"no exponent":         {`{"n":1e99999999999999999999}`, 400, codeJSON},
		"many digits":         {`{"n":` + strings.Repeat("1", 300) + `}`, 400, codeJSON},
		"many exponents":      {`{"l":[` + strings.Repeat("1e999999,", 100_000) + `1]}`, 400, codeJSON},
		"many values":         {`[` + strings.Repeat("1,", schema.MaxValues) + `1]`, 400, codeJSON},
		"prototype":           {`{"__proto__":{"isAdmin":true}}`, 400, codeJSON},
		"prototype escaped":   {`{"\u005f_proto__":1}`, 400, codeJSON},
		"constructor":         {`{"x":{"constructor":{"prototype":{}}}}`, 400, codeJSON},
		"constructor of cars": {`{"constructor":"ACME"}`, 200, ""},
		"half a pair":         {`{"n":1,"x\ud800":1}`, 400, codeJSON},
		"a whole pair":        {`{"x\ud83d\ude00\ufffd":1}`, 200, ""},
		"exact":               {`{"n":10.00000000000000000000000000001}`, 422, codeContent},
		"runaway":             {`{"s":"` + strings.Repeat("a", 500_000) + `!"}`, 422, codeContent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			r := bodied(http.MethodPost, "/a/1", "application/json", c.text)
			if c.status == 200 {
				got(t, h, r)
			} else if p := refusedAs(t, h, r, c.status); p.Code != c.code {
				t.Errorf("code %q, want %q", p.Code, c.code)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// A body that is compressed could be anything.
func TestValidateCompressed(t *testing.T) {
	t.Parallel()
	h := validating(t, describedBody(`{"type":"object"}`), mirror(t), Options{})
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(make([]byte, 10<<20)); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	for coding, text := range map[string]string{"gzip": bomb.String(), "br": "{}", "identity, gzip": "{}", "x": "{}"} {
		resp := ask(h, bodied(http.MethodPost, "/a/1", "application/json", text, "Content-Encoding", coding))
		if resp.StatusCode != 415 || resp.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("%s: %s", coding, resp.Status)
		}
	}
	got(t, h, bodied(http.MethodPost, "/a/1", "application/json", "{}", "Content-Encoding", "Identity"))
}

// Parameters that upstreams read in different ways are refused.
func TestValidateHostileParameters(t *testing.T) {
	t.Parallel()
	one := func(in, name, style string) gateway.Parameter {
		return gateway.Parameter{In: in, Name: name, Required: in == "path", Style: style, Explode: style == "form", Schema: schemaText(`{"type":"string"}`)}
	}
	deep := one("query", "d", "deepObject")
	deep.Schema = schemaText(`{"type":"object"}`)
	h := validating(t, gateway.Validate{Checks: gateway.Checks{Parameters: []gateway.Parameter{one("path", "id", "simple"), one("query", "q", "form"), one("header", "X-H", "simple"), one("cookie", "c", "form"), deep}}}, mirror(t), Options{})
	for name, c := range map[string]struct {
		target string
		header http.Header
		want   string
	}{
		"query twice":     {"/a/1?q=1&q=2", nil, "query q is given more than once"},
		"query escaped":   {"/a/1?q=1&%71=2", nil, "query q is given more than once"},
		"header twice":    {"/a/1", http.Header{"X-H": {"1", "2"}}, "header X-H is given more than once"},
		"cookie twice":    {"/a/1", http.Header{"Cookie": {"c=1; c=2"}}, "cookie c is given more than once"},
		"cookie lines":    {"/a/1", http.Header{"Cookie": {"c=1", "c=2"}}, "cookie c is given more than once"},
		"slash":           {"/a/1%2Fadmin", nil, "path id holds a slash or a backslash, which would make another path of it"},
		"backslash":       {"/a/1%5cadmin", nil, "path id holds a slash or a backslash, which would make another path of it"},
		"line in path":    {"/a/1%0aX-Admin:yes", nil, "path id holds a control character"},
		"line in header":  {"/a/1", http.Header{"X-H": {"1\r\nX-Admin: yes"}}, "header X-H holds a control character"},
		"line in cookie":  {"/a/1", http.Header{"Cookie": {"c=1\r\nX-Admin: yes"}}, "cookie c holds a control character"},
		"query semicolon": {"/a/1?q=1;q=2", nil, "query " + isUnreadable},
		"query damaged":   {"/a/1?q=1&q=%zz", nil, "query " + isUnreadable},
		"query flood":     {"/a/1?q=1&q=2" + strings.Repeat("&a", 20_000), nil, "query " + isUnreadable},
		"prototype":       {"/a/1?d[__proto__]=1", nil, "query d is not written as it has to be"},
		"deep twice":      {"/a/1?d[a]=1&d[a]=2", nil, "query d #/a is given more than once"},
		"prototype field": {"/a/1?d[a][__proto__]=1", nil, "query d #/a is not written as it has to be"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := get(c.target)
			for name, values := range c.header {
				r.Header[name] = values // as an adapter may, from an event
			}
			if p := refusedAs(t, h, r, 400); len(p.Errors) != 1 || p.Errors[0].String() != c.want {
				t.Errorf("%v, want %s", p.Errors, c.want)
			}
		})
	}
	got(t, h, get("/a/1%20b?q=%0a&d[a]=1"))
	form := validating(t, gateway.Validate{Checks: gateway.Checks{Body: &gateway.BodyCheck{Content: gateway.Content{gateway.FormMedia: schemaText(`{"properties":{"a":{"type":"string"}}}`)}}}}, mirror(t), Options{})
	if p := refusedAs(t, form, bodied(http.MethodPost, "/a/1", gateway.FormMedia, "a=1&a=2"), 422); len(p.Errors) != 1 || p.Errors[0].String() != "#/a is given more than once" {
		t.Errorf("%v", p.Errors)
	}
	refusedAs(t, form, bodied(http.MethodPost, "/a/1", gateway.FormMedia, "__proto__=1"), 400)
	refusedAs(t, form, bodied(http.MethodPost, "/a/1", gateway.FormMedia, strings.Repeat("a&", 20_000)), 400)
}

// Neither the answer nor the log repeats a value, and both are small, however much is wrong.
func TestValidateTellsLittle(t *testing.T) {
	t.Parallel()
	var log logBuffer
	p := describedBody(`{"additionalProperties":{"enum":["a"],"pattern":"^a$","maxLength":1,"format":"email","const":"a","type":"string"},"minProperties":999999,"propertyNames":{"maxLength":10}}`)
	p.Parameters = []gateway.Parameter{{In: "header", Name: "X-Key", Style: "simple", Schema: schemaText(`{"type":"string","enum":["a"],"format":"uuid"}`)},
		{In: "query", Name: "token", Style: "form", Schema: schemaText(`{"type":"integer"}`)}}
	h := validating(t, p, mirror(t), Options{Logger: log.logger()})
	members := map[string]any{strings.Repeat("k", 100_000): "secret-1"}
	for i := range 50 {
		members["m"+strings.Repeat("x", i)] = "secret-1"
	}
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		r    *http.Request
		want int
	}{
		{bodied(http.MethodPost, "/a/1", "application/json", string(text)), 422},
		{bodied(http.MethodPost, "/a/1?token=secret-2", "application/json", "{}", "X-Key", "secret-3"), 400},
	} {
		resp := ask(h, c.r)
		b := body(t, resp)
		var p problem
		if err := json.Unmarshal([]byte(b), &p); err != nil || resp.StatusCode != c.want || len(p.Errors) == 0 || len(p.Errors) > schema.MaxFailures {
			t.Fatalf("%s with %d errors: %v", resp.Status, len(p.Errors), err)
		}
		if len(b) > 16<<10 || strings.Contains(b, "secret-") {
			t.Errorf("an answer of %d bytes: %.500s", len(b), b)
		}
	}
	said := log.lines(t, "denied")
	if len(said) != 2 || said[1]["why"] != "its header X-Key is not as described: enum, and 1 more" || said[1]["policy"] != "described" || strings.Contains(log.b.String(), "kkkk") {
		t.Errorf("%v", said)
	}
	for _, line := range said {
		if strings.Contains(line["why"].(string), "secret-") {
			t.Errorf("%v", line)
		}
	}
}

// A policy whose schemas reach for files, for other hosts, or for themselves makes no handler.
func TestValidateReaches(t *testing.T) {
	t.Parallel()
	asked := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked = true; w.Write([]byte("{}")) }))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "schema.json")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"file://" + file, file, server.URL, "#", "#/$defs/loop", "#/$defs/none", "https://json-schema.org/draft/2020-12/schema"} {
		p := describedBody(`{"properties":{"a":{"$ref":"` + ref + `"}}}`)
		p.Defs = map[string]json.RawMessage{"loop": schemaText(`{"anyOf":[{"$ref":"#/$defs/back"},{"type":"string"}]}`), "back": schemaText(`{"not":{"$ref":"#/$defs/loop"}}`)}
		m := model(t, gateway.Spec{Policies: map[string]gateway.Policy{"described": {Validate: &p}}, Routes: routes(gateway.Route{Name: "a", Match: gateway.Match{Path: "/a"}, Policies: []string{"described"}, Respond: &gateway.Respond{Status: 200}})})
		if _, err := New(m, Options{}); err == nil || !strings.Contains(err.Error(), "policy described") || asked {
			t.Errorf("%s: %v, asked %v", ref, err, asked)
		}
	}
}

// What is refused while a body is read is the answer, whoever reads it.
func TestValidateAfterLimits(t *testing.T) {
	t.Parallel()
	p := describedBody(`{"type":"object"}`)
	m := model(t, gateway.Spec{Policies: map[string]gateway.Policy{"small": {Limits: &gateway.Limits{Body: 100, Inflate: 1000}}, "described": {Validate: &p}}, Upstreams: map[string]gateway.Upstream{"up": upstream(mirror(t))},
		Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Policies: []string{"small", "described"}, Upstream: "up"})})
	h := newHandler(t, m, Options{})
	if resp := ask(h, bodied(http.MethodPost, "/", "application/json", zipped(t, "gzip", `{"a":"`+strings.Repeat("a", 2000)+`"}`), "Content-Encoding", "gzip")); resp.StatusCode != 413 {
		t.Errorf("inflated to too much: %s", resp.Status)
	}
	if s := got(t, h, bodied(http.MethodPost, "/", "application/json", zipped(t, "gzip", `{"a":"b"}`), "Content-Encoding", "gzip")); s.Body != `{"a":"b"}` {
		t.Errorf("%q", s.Body)
	}
}
