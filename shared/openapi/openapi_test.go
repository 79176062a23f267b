package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
)

func document(t *testing.T, text string) *Document {
	t.Helper()
	var v any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	d, err := Read(v)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What OpenAPI 3.0 has of its own is written as JSON Schema 2020-12; 3.1 is that already.
func TestSchemas(t *testing.T) {
	for _, c := range []struct{ old, new, schema string }{
		{`{"type":["string","null"]}`, ``, `{"type":"string","nullable":true}`},
		{`{"type":"string"}`, ``, `{"type":"string","nullable":false}`},
		{`{"enum":[1]}`, ``, `{"enum":[1],"nullable":true}`},
		{`{"exclusiveMinimum":1}`, ``, `{"minimum":1,"exclusiveMinimum":true}`},
		{`{"minimum":1}`, ``, `{"minimum":1,"exclusiveMinimum":false}`},
		{`{"exclusiveMaximum":1.10}`, ``, `{"maximum":1.10,"exclusiveMaximum":true}`},
		{`{}`, ``, `{"exclusiveMaximum":true}`},
		{`{"exclusiveMinimum":1}`, `{"exclusiveMinimum":1}`, `{"exclusiveMinimum":1}`},
		{`{"items":{"type":["integer","null"]}}`, ``, `{"items":{"type":"integer","nullable":true}}`},
		{`{"allOf":[{"type":["integer","null"]}],"not":{"type":["integer","null"]}}`, ``, `{"allOf":[{"type":"integer","nullable":true}],"not":{"type":"integer","nullable":true}}`},
		{`{"properties":{"example":{},"nullable":{},"x-a":{}}}`, `{"properties":{"example":{},"nullable":{},"x-a":{}}}`, `{"properties":{"example":{"example":1},"nullable":{"xml":{}},"x-a":{"x-b":1}}}`},
		{`{}`, `{}`, `{"title":"","description":"","example":1,"examples":[],"default":1,"deprecated":true,"externalDocs":{},"discriminator":{},"x-internal":1,"readOnly":true,"writeOnly":true}`},
		{`{"enum":[{"$ref":"x","nullable":true}]}`, `{"enum":[{"$ref":"x","nullable":true}]}`, `{"enum":[{"$ref":"x","nullable":true}]}`},
		{`{"$ref":"#/$defs/A"}`, `{"$ref":"#/$defs/A","maxLength":1}`, `{"$ref":"#/components/schemas/A","maxLength":1}`},
		{`{"additionalProperties":false}`, `{"additionalProperties":false}`, `{"additionalProperties":false}`},
		{``, `{"if":true,"prefixItems":[{"$ref":"#/$defs/A"}]}`, `{"if":true,"prefixItems":[{"$ref":"#/components/schemas/A"}]}`},
		{`{"$ref":"#/$defs/with%20space~1and%25"}`, `{"$ref":"#/$defs/with%20space~1and%25"}`, `{"$ref":"#/components/schemas/with%20space~1and%25"}`},
	} {
		for version, want := range map[string]string{"3.0.3": c.old, "3.1.0": c.new} {
			if want == "" {
				continue
			}
			d := document(t, `{"openapi":"`+version+`","paths":{"/a":{"post":{"requestBody":{"content":{"application/json":{"schema":`+c.schema+`}}}}}},
				"components":{"schemas":{"A":{"type":"string"},"with space/and%":{}}}}`)
			l, err := d.Lower(Options{})
			if err != nil {
				t.Errorf("%s %s: %v", version, c.schema, err)
				continue
			}
			if got := string(l.Operations[0].Body.Content["application/json"]); got != want {
				t.Errorf("%s %s: %s, want %s", version, c.schema, got, want)
			}
		}
	}
}

// A circle of schemas is a few definitions, and one of other references an error.
func TestCircles(t *testing.T) {
	d := document(t, `{"openapi":"3.1.0","paths":{"/a":{"$ref":"#/components/pathItems/P"}},"components":{"pathItems":{"P":{"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/A"}}}}}}},
		"schemas":{"A":{"properties":{"b":{"$ref":"#/components/schemas/B"}}},"B":{"items":{"$ref":"#/components/schemas/A"}},"C":{"$ref":"#/components/schemas/C"}}}}`)
	l, err := d.Lower(Options{})
	if err != nil || len(l.Defs) != 2 || string(l.Defs["B"]) != `{"items":{"$ref":"#/$defs/A"}}` {
		t.Errorf("%s %v", l.Defs, err)
	}
	if at := l.Origins["/$defs/B"]; at != "/components/schemas/B" {
		t.Errorf("B is from %s", at)
	}
	for _, path := range []string{`{"$ref":"#/paths/~1a"}`, `{"get":{"parameters":[{"$ref":"#/components/parameters/P"}]}}`, `{"post":{"requestBody":{"$ref":"#/paths/~1a/post/requestBody"}}}`} {
		d := document(t, `{"openapi":"3.1.0","paths":{"/a":`+path+`},"components":{"parameters":{"P":{"$ref":"#/components/parameters/Q"},"Q":{"$ref":"#/components/parameters/P"}}}}`)
		if _, err := d.Lower(Options{}); err == nil || !strings.Contains(err.Error(), "without an end") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// What cannot be read of an operation that nobody wants is no problem, and of one that is wanted it says which operations it spoils.
func TestUnwanted(t *testing.T) {
	d := document(t, `{"openapi":"3.0.0","paths":{"/bad":{"$ref":"./other.yaml"},"/odd":{"get":null},"/a":{"get":{"parameters":[{"$ref":"#/nowhere"}]}},
		"/b":{"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/A"}}}}}},
		"/c":{"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/B"}}}}}},
		"/d":{"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/C"}}}}}}},
		"components":{"schemas":{"A":{"items":{"$ref":"#/components/schemas/B"}},"B":{"items":{"$ref":"#/nothing"}},"C":{"items":{"$ref":"#/components/schemas/C"}}}}}`)
	lower := func(paths ...string) (Lowered, string) {
		l, err := d.Lower(Options{Keep: func(_ string, o gateway.Operation) bool { return slices.Contains(paths, o.Path) }})
		var ps Problems
		errors.As(err, &ps)
		var out []string
		for _, p := range ps {
			out = append(out, fmt.Sprint(p.At, " ", p.Of))
		}
		return l, strings.Join(out, "; ")
	}
	for _, c := range []struct {
		paths []string
		want  string
	}{
		{nil, ""},
		{[]string{"/d"}, ""},
		{[]string{"/bad", "/d"}, "/paths/~1bad/$ref []"},
		{[]string{"/odd"}, "/paths/~1odd/get [/paths/~1odd/get]"},
		{[]string{"/a", "/d"}, "/paths/~1a/get/parameters/0/$ref [/paths/~1a/get]"},
		{[]string{"/b", "/c", "/d"}, "/components/schemas/B/items/$ref [/paths/~1b/post /paths/~1c/post]"},
		{[]string{"/b"}, "/components/schemas/B/items/$ref [/paths/~1b/post]"},
	} {
		l, got := lower(c.paths...)
		if got != c.want {
			t.Errorf("%v: %s, want %s", c.paths, got, c.want)
		}
		if got == "" && len(c.paths) > 0 {
			if of := fmt.Sprint(l.Of("/$defs/C/items"), l.Of("/operations/0/body"), l.Of("/maxBody")); of != "[/paths/~1d/post] [/paths/~1d/post] []" {
				t.Error(of)
			}
		}
	}
}

// Operations are listed, and lowered under the path that clients ask for.
func TestOperations(t *testing.T) {
	d := document(t, `{"openapi":"3.0.0","servers":[{"url":"https://example.com/v1/"}],"paths":{"x-a":1,"/b/{b-c}":{"get":{"operationId":"getB"},"trace":{}},"/a":{"post":{},"x-b":1,"summary":""}}}`)
	var listed []string
	for _, o := range d.Operations() {
		listed = append(listed, o.Method+" "+o.Path+" "+o.ID+" "+string(o.At))
	}
	if got := strings.Join(listed, "; "); got != "POST /a  /paths/~1a/post; GET /b/{b-c} getB /paths/~1b~1{b-c}/get; TRACE /b/{b-c}  /paths/~1b~1{b-c}/trace" {
		t.Error(got)
	}
	for base, want := range map[string]string{"": "/v1/b/{b_c}", "/": "/b/{b_c}", "/x/y": "/x/y/b/{b_c}"} {
		l, err := d.Lower(Options{BasePath: base, Keep: func(id string, o gateway.Operation) bool { return id == "getB" && o.Method == "GET" }})
		if err != nil || len(l.Operations) != 1 || l.Operations[0].Path != want {
			t.Errorf("%q: %v %v", base, l.Operations, err)
		}
	}
}

// FuzzLower: no document makes it panic, and what comes out is JSON.
func FuzzLower(f *testing.F) {
	f.Add([]byte(`{"openapi":"3.0.0","paths":{"/a/{id}":{"parameters":[{"name":"id","in":"path","schema":{"$ref":"#/components/schemas/A"}}],"get":{"responses":{"200":{"content":{"*/*":{"schema":{}}}}}}}},"components":{"schemas":{"A":{"required":["b"],"properties":{"b":{"readOnly":true,"$ref":"#/components/schemas/A"}}}}}}`))
	f.Add([]byte(`{"openapi":"3.1.0","paths":{"/":{"post":{"requestBody":{"$ref":"#/x/0/y"}}}},"x":[{"y":{"content":{"a/b":{"schema":true}}}}]}`))
	f.Add([]byte(`{"openapi":"3.1.0","paths":{"/a":null,"/b":{"get":null,"put":{"parameters":{},"requestBody":[],"responses":[]}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var v any
		if json.Unmarshal(text, &v) != nil {
			return
		}
		d, err := Read(v)
		if err != nil {
			return
		}
		d.Operations()
		l, err := d.Lower(Options{Responses: true})
		if err != nil {
			return
		}
		if _, err := json.Marshal(l); err != nil {
			t.Fatal(err)
		}
	})
}
