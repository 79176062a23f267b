package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
)

// A parameter that spans segments takes the rest of a path where it is the last one and no other path goes on behind such a parameter.
func TestSpanning(t *testing.T) {
	const one, many = `{"name":"x","in":"path","required":true,"schema":{}}`, `{"name":"x","in":"path","required":true,"schema":{},"x-multi-segment":true}`
	get := func(parameters string) string { return `{"get":{"parameters":[` + parameters + `]}}` }
	for name, c := range map[string]struct{ paths, want string }{
		"one":             {`"/a/{x}":` + get(one), "GET /a/{x} []"},
		"last":            {`"/a/{x}":` + get(many), "GET /a/{x...} []"},
		"by reference":    {`"/a/{x}":` + get(`{"$ref":"#/components/parameters/many"}`), "GET /a/{x...} []"},
		"of the path":     {`"/a/{x}":{"parameters":[` + many + `],"get":{},"put":{"parameters":[` + one + `]}}`, "GET /a/{x...} []; PUT /a/{x} []"},
		"in between":      {`"/a/{x}/b":` + get(many), "GET /a/{x}/b [x]"},
		"goes on":         {`"/a/{x}":` + get(many) + `,"/a/{x}/b":` + get(many), "GET /a/{x} [x]; GET /a/{x}/b [x]"},
		"goes on by put":  {`"/a/{x}":` + get(many) + `,"/a/{x}/b":{"put":{"parameters":[` + many + `]}}`, "GET /a/{x} [x]; PUT /a/{x}/b [x]"},
		"goes on further": {`"/{a}/{x}":` + get(many) + `,"/b/{x}/b":` + get(many), "GET /b/{x}/b [x]; GET /{a}/{x} [x]"},
		"goes on as one":  {`"/a/{x}":` + get(many) + `,"/a/{x}/b":` + get(one), "GET /a/{x...} []; GET /a/{x}/b []"},
		"elsewhere":       {`"/a/{x}":` + get(many) + `,"/b/{x}/b":` + get(many), "GET /a/{x...} []; GET /b/{x}/b [x]"},
		"literal":         {`"/a/{x}":` + get(many) + `,"/a/b/{x}":` + get(many), "GET /a/b/{x...} []; GET /a/{x...} []"},
		"mixed":           {`"/a/{x}...{y}":` + get(many), "GET /a/{x}...{y} []"},
		"of a query":      {`"/a/{x}":` + get(strings.ReplaceAll(many, "path", "query")), "GET /a/{x} []"},
		"no truth value":  {`"/a/{x}":` + get(strings.ReplaceAll(many, "true}", `"true"}`)), "GET /a/{x} []"},
		"plainer":         {`"/a/{x-y}":` + get(strings.ReplaceAll(many, `"x"`, `"x-y"`)), "GET /a/{x_y...} []"},
	} {
		d := document(t, `{"openapi":"3.0.3","paths":{`+c.paths+`},"components":{"parameters":{"many":`+many+`}}}`)
		var got []string
		for _, o := range d.Operations() {
			got = append(got, fmt.Sprint(o.Method, " ", o.Pattern, " ", o.Single))
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s: %s, want %s", name, strings.Join(got, "; "), c.want)
		}
	}
	d := document(t, `{"openapi":"3.0.3","paths":{"/a/{x}":`+get(many)+`,"/b/{x}":`+get(one)+`}}`)
	l, err := d.Lower(Options{BasePath: "/v1"})
	if err != nil || l.Operations[0].Path != "/v1/a/{x...}" || !l.Operations[0].Parameters[0].Slashes || l.Operations[1].Path != "/v1/b/{x}" || l.Operations[1].Parameters[0].Slashes {
		t.Errorf("%+v %v", l.Operations, err)
	}
}

// A parameter that is passed over keeps nothing else of its operation from being lowered, and what is wrong names the parameter it is in.
func TestIgnore(t *testing.T) {
	const text = `{"openapi":"3.0.3","paths":{"/a":{"parameters":[{"name":"p","in":"query"}],"get":{"parameters":[{"$ref":"#/components/parameters/Q"},{"name":"r","in":"query","schema":{}},
		{"name":"r","in":"query","schema":{}},{"$ref":"#/nowhere"}]}}},"components":{"parameters":{"Q":{"name":"q","in":"query","schema":{"$ref":"./q.json"}}}}}`
	bad := []gateway.Pointer{"/paths/~1a/parameters/0", "/components/parameters/Q", "/paths/~1a/get/parameters/2", "/paths/~1a/get/parameters/3"}
	d := document(t, text)
	_, err := d.Lower(Options{})
	var in []gateway.Pointer
	var ps Problems
	errors.As(err, &ps)
	for _, p := range ps {
		in = append(in, p.In)
	}
	if fmt.Sprint(in) != fmt.Sprint(bad) {
		t.Errorf("problems are in %s, want %s", in, bad)
	}
	l, err := d.Lower(Options{Ignore: bad})
	if err != nil || len(l.Operations[0].Parameters) != 1 || l.Operations[0].Parameters[0].Name != "r" || fmt.Sprint(l.Ignored) != fmt.Sprint(bad) {
		t.Errorf("%+v %v", l, err)
	}
	if at := l.Parameter("/operations/0/parameters/0/schema/type"); at != "/paths/~1a/get/parameters/1" {
		t.Errorf("the parameter is at %s", at)
	}
	for at, want := range map[gateway.Pointer]bool{bad[0]: true, bad[1]: true, bad[3]: true, "/paths/~1a/get/parameters/0": true, "/paths/~1a/get/parameters/4": false, "/paths/~1a/get/parameters": false, "/paths/~1a": false, "": false, "/components/parameters/None": false} {
		if d.IsParameter(at) != want {
			t.Errorf("%q is a parameter: %v", at, !want)
		}
	}
}

// Parameters of the query that are passed over are known by how they may be named.
func TestIgnoredNames(t *testing.T) {
	d := document(t, `{"openapi":"3.0.3","paths":{"/a":{"get":{"parameters":[{"$ref":"#/components/parameters/Q"}]}}},"components":{"parameters":{"Q":{}},"schemas":{"T":{"type":"string"},"O":{"properties":{"a":{}}}}}}`)
	parameters := d.root["components"].(map[string]any)["parameters"].(map[string]any)
	for text, want := range map[string]string{
		`{"name":"f","in":"query","schema":{"type":"string"}}`:                                       `[{f false false}]`,
		`{"name":"f","in":"query","schema":{}}`:                                                      `[{f false false}]`,
		`{"name":"f","in":"query"}`:                                                                  `[{f false false}]`,
		`{"name":"f","in":"query","content":{"application/json":{"schema":{"type":"object"}}}}`:      `[{f false false}]`,
		`{"name":"f","in":"header","schema":{}}`:                                                     `[]`,
		`{"name":"f","in":"query","style":"deepObject","schema":{"type":"object"}}`:                  `[{f true false}]`,
		`{"name":"f","in":"query","style":"deepObject","schema":{"type":"string"}}`:                  `[{f false false}]`,
		`{"name":"f","in":"query","schema":{"type":"object"}}`:                                       `[{ false true}]`,
		`{"name":"f","in":"query","schema":{"type":["object","null"]}}`:                              `[{ false true}]`,
		`{"name":"f","in":"query","schema":{"type":"array","items":{"type":"object"}}}`:              `[{f false false}]`,
		`{"name":"f","in":"query","explode":false,"schema":{"type":"object"}}`:                       `[{f false false}]`,
		`{"name":"f","in":"query","style":"pipeDelimited","schema":{"type":"object"}}`:               `[{f false false}]`,
		`{"name":"f","in":"query","schema":{"$ref":"#/components/schemas/T"}}`:                       `[{f false false}]`,
		`{"name":"f","in":"query","schema":{"$ref":"#/components/schemas/O"}}`:                       `[{ false true}]`,
		`{"name":"f","in":"query","schema":{"$ref":"./f.json"}}`:                                     `[{ false true}]`,
		`{"name":"f","in":"query","schema":{"anyOf":[{"type":"string"},{"minProperties":1}]}}`:       `[{ false true}]`,
		`{"name":"f","in":"query","schema":{"anyOf":[{"type":"string"},{"type":"integer"}]}}`:        `[{f false false}]`,
		`{"name":"f","in":"query","schema":{"allOf":[{"$ref":"#/components/parameters/Q/schema"}]}}`: `[{ false true}]`,
		`{"$ref":"#/nowhere"}`: `[{ false true}]`,
	} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		parameters["Q"] = v
		l, err := d.Lower(Options{Ignore: []gateway.Pointer{"/paths/~1a/get/parameters/0"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(l.Operations[0].Ignored); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// What has no parts is no deepObject, whatever a description says.
func TestDeepText(t *testing.T) {
	for schema, want := range map[string]string{
		`{"type":"string"}`: "form", `{"$ref":"#/components/schemas/N"}`: "form", `{"anyOf":[{"type":"integer"},{"type":"string","enum":[""]}]}`: "form", `{"oneOf":[{"$ref":"#/components/schemas/N"},{"type":"boolean"}]}`: "form",
		`{"type":"object"}`: "deepObject", `{"anyOf":[{"type":"integer"},{"type":"object"}]}`: "deepObject", `{}`: "deepObject", `{"anyOf":[]}`: "deepObject", `{"$ref":"#/components/schemas/L"}`: "deepObject", `{"anyOf":[{"type":"integer"},{}]}`: "deepObject",
		`{"$ref":"#/components/schemas/C"}`: "deepObject",
	} {
		d := document(t, `{"openapi":"3.0.3","paths":{"/a":{"get":{"parameters":[{"name":"p","in":"query","style":"deepObject","schema":`+schema+`}]}}},"components":{"schemas":{"N":{"type":"number"},"L":{"type":"array","items":{}},"C":{"$ref":"#/components/schemas/C"}}}}`)
		l, err := d.Lower(Options{})
		if err != nil {
			t.Fatal(err)
		}
		if p := l.Operations[0].Parameters[0]; p.Style != want || !p.Explode {
			t.Errorf("%s: %s", schema, p.Style)
		}
	}
}
