package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

// keysOf lists every key that a shape has, at any depth.
func keysOf(s Shape, path string, into map[string]Shape) {
	if s.Free != nil {
		keysOf(*s.Free, path+".*", into)
	}
	if s.List != nil {
		keysOf(*s.List, path+"[]", into)
	}
	for _, f := range s.Fields {
		into[path+"."+f.Name] = f.Shape
		keysOf(f.Shape, path+"."+f.Name, into)
	}
}

// Every key that is written down in a decoder is found by asking it, those of kinds that are yet to come among them.
func TestDescribeFindsEveryKey(t *testing.T) {
	all := map[string]Shape{}
	keysOf(Describe(), "", all)
	found := map[string]bool{}
	for path := range all {
		found[path[strings.LastIndexByte(path, '.')+1:]] = true
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	keys := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:field|\t)\{"(\$?\w+)", (?:func|d\.|text|duration|truth|read)`).FindAllSubmatch(source, -1) {
			keys++
			if !found[string(m[1])] {
				t.Errorf("%s: the key %s is in no shape", file, m[1])
			}
		}
	}
	if keys < 130 {
		t.Errorf("found %d keys in the source, want at least 130: has the way they are written changed?", keys)
	}
	for _, kind := range gateway.KindNames() {
		if len(all[".policies.*."+kind].Fields) == 0 {
			t.Errorf("a policy of the kind %s has no keys", kind)
		}
	}
}

// What is found out of each type of value.
func TestDescribe(t *testing.T) {
	all := map[string]Shape{}
	keysOf(Describe(), "", all)
	text := func(s Shape) string {
		var out []string
		for name, is := range map[string]bool{"mapping": s.Fields != nil, "free": s.Free != nil, "list": s.List != nil, "not empty": s.NotEmpty, string(s.Text): s.Text != "",
			"not blank": s.NotBlank, "integer": s.Integer, "positive": s.Positive, "number": s.Number, "true": s.True, "false": s.False, "null": s.Null, "any": s.Any} {
			if is {
				out = append(out, name)
			}
		}
		slices.Sort(out)
		if s.Default != nil {
			out = append(out, fmt.Sprintf("default %v", s.Default))
		}
		return strings.Join(out, ", ")
	}
	for path, want := range map[string]string{
		".version":                                 "integer",
		".$schema":                                 "text",
		".routes":                                  "list",
		".routes[].upstream":                       "not blank, text",
		".routes[].match.methods":                  "list, not empty",
		".routes[].match.headers":                  "free",
		".routes[].match.headers.*.present":        "true",
		".routes[].timeout":                        "duration",
		".upstreams.*.timeouts":                    "mapping, default map[connect:2s idle:1m0s response:20s]",
		".upstreams.*.timeouts.connect":            "duration, default 2s",
		".upstreams.*.preserveHost":                "false, true",
		".upstreams.*.keepsSlashes":                "false, true",
		".policies.*.jwt.requireExpiry":            "false, true, default true",
		".policies.*.jwt.claims":                   "free",
		".policies.*.apiKey.keys[].key":            "",
		".policies.*.apiKey.header":                "not blank, text, default X-Api-Key",
		".policies.*.limits.body":                  "integer, positive, size",
		".policies.*.limits.depth":                 "integer, positive",
		".policies.*.rateLimit.by":                 "list, mapping, text",
		".policies.*.rateLimit.shared.redis":       "mapping, not blank, text",
		".policies.*.securityHeaders.hsts":         "false, mapping, default map[maxAge:8760h0m0s]",
		".policies.*.securityHeaders.frameOptions": "false, not blank, text, default DENY",
		".policies.*.transform.request.json.set":   "free",
	} {
		s, ok := all[path]
		if got := text(s); !ok || got != want {
			t.Errorf("%s (there: %v) takes %q, want %q", path, ok, got, want)
		}
	}
	values := text(*all[".policies.*.transform.request.json.set"].Free)
	if want := "false, integer, null, number, text, true"; values != want {
		t.Errorf("a value of JSON is %q, want %q", values, want)
	}
	if s := all[".policies.*.apiKey.keys[].key"]; !s.Refused() {
		t.Error("a key in clear is not refused")
	}
}

// A document that names its schema for editors is the same document.
func TestSchemaKey(t *testing.T) {
	const doc = "version: 1\nroutes: [{name: a, match: {path: /a}, respond: {status: 200}}]\n"
	want, err := Parse("x", []byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse("x", []byte("$schema: ./gateway.schema.json\n"+doc))
	if err != nil {
		t.Fatal(err)
	}
	if got.Digest() != want.Digest() {
		t.Error("the schema's name is part of the model")
	}
	for given, problem := range map[string]string{
		"$schema: [a]\n" + doc: "x:1:10: want text, found a list; write a value, in quotes if it is empty",
		"$shema: a\n" + doc:    `x:1:1: unknown key "$shema"; known here are version, upstreams, policies, everywhere, routes`,
		strings.Replace(doc, "name: a", "name: a, $schema: b", 1): `x:2:20: unknown key "$schema"; known here are name, match, policies, upstream, rewrite, respond, fault, request, response, timeout`,
	} {
		if _, err := Parse("x", []byte(given)); err == nil || err.Error() != problem {
			t.Errorf("got  %v\nwant %s", err, problem)
		}
	}
}

// Problems say what sort of mistake they are, of which part, and where else to look.
func TestProblemsTellWhereTheyBelong(t *testing.T) {
	for name, c := range map[string]struct {
		doc     string
		kind    Kind
		pointer string
		related Place
	}{
		"syntax":       {"a: [", KindSyntax, "", Place{}},
		"unknown key":  {"version: 1\nroutes: [{name: a, match: {path: /a}, respond: {status: 200, zzz: 1}}]", KindKey, "/routes/0/respond/zzz", Place{}},
		"repeated key": {"version: 1\nversion: 1\nroutes: [{name: a, match: {path: /a}, respond: {status: 200}}]", KindKey, "/version", Place{1, 1, "/version"}},
		"value":        {"version: 1\nroutes: [{name: a, match: {path: 7}, respond: {status: 200}}]", KindValue, "/routes/0/match/path", Place{}},
		"rule":         {"version: 1\nroutes: [{name: a, match: {path: a}, respond: {status: 200}}]", KindRule, "/routes/0/match/path", Place{}},
		"two routes": {"version: 1\nroutes:\n- {name: a, match: {path: /a}, respond: {status: 200}}\n- {name: b, match: {path: /a}, respond: {status: 200}}\n",
			KindRule, "/routes/1/match", Place{3, 20, "/routes/0/match"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("x", []byte(c.doc))
			var problems Problems
			if !errors.As(err, &problems) || len(problems) != 1 {
				t.Fatalf("got %v, want one problem", err)
			}
			p := problems[0]
			var related Place
			if p.Related != nil {
				related = *p.Related
			}
			if p.Kind != c.kind || p.Pointer != c.pointer || related != c.related {
				t.Errorf("%s: %s of %q, related %v; want %s of %q, related %v", p.Error(), p.Kind, p.Pointer, related, c.kind, c.pointer, c.related)
			}
		})
	}
}

// A reader that goes on inside itself, and one that takes mappings and lists as they come, are described too.
func TestDescribeItself(t *testing.T) {
	d := &decoder{source: &source{}}
	var condition func(at gateway.Pointer, n ast.Node)
	condition = func(at gateway.Pointer, n ast.Node) {
		d.mapping(at, n,
			field{"all", func(at gateway.Pointer, n ast.Node) { d.list(at, n, condition) }},
			field{"not", func(at gateway.Pointer, n ast.Node) { condition(at, n) }},
			field{"is", func(at gateway.Pointer, n ast.Node) { d.text(at, n) }},
		)
	}
	all := map[string]Shape{}
	keysOf(d.shapeOf(condition), "", all)
	if all[".is"].Text != FormAny || !all[".all"].List.Any || !all[".not"].Any || len(all) != 3 {
		t.Errorf("%d keys: %+v", len(all), all)
	}
	var value func(at gateway.Pointer, n ast.Node)
	value = func(at gateway.Pointer, n ast.Node) {
		switch n.(type) {
		case *ast.MappingNode:
			d.entries(at, n, func(at gateway.Pointer, kv *ast.MappingValueNode, _ string) { value(at, kv.Value) })
		case *ast.SequenceNode:
			d.list(at, n, value)
		}
	}
	if s := d.shapeOf(value); s.Free == nil || s.List == nil || s.Text != FormAny || !s.Null {
		t.Errorf("a value of any type: %+v", s)
	}
	if s := d.shapeOf(func(gateway.Pointer, ast.Node) {}); s.Free == nil || !s.Free.Any || s.List == nil || !s.List.Any {
		t.Errorf("what takes all: %+v", s)
	}
}
