package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func compiled(t testing.TB, text string, defs map[string]string) *Schema {
	t.Helper()
	all := map[string]json.RawMessage{}
	for name, d := range defs {
		all[name] = json.RawMessage(d)
	}
	out, err := Compile(all, []json.RawMessage{json.RawMessage(text)})
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

func told(s *Schema, v any) string {
	var out []string
	for _, f := range s.Validate(v) {
		out = append(out, string(f.Pointer)+" "+f.Detail)
	}
	return strings.Join(out, "; ")
}

// Each keyword has words of its own, which do not hold the value.
func TestFailures(t *testing.T) {
	for _, c := range []struct{ schema, value, want string }{
		{`{"type":["string","null"]}`, `1`, " must be null or string, not number"},
		{`{"enum":["a",1,null,{}]}`, `"secret"`, ` must be one of "a", 1, null, a certain value`},
		{`{"const":{"a":1}}`, `"secret"`, ` must be a certain value`},
		{`{"format":"uuid"}`, `"secret"`, " must be of the format uuid"},
		{`{"format":"password"}`, `"secret"`, ""},
		{`{"pattern":"^a"}`, `"secret"`, " must match the pattern ^a"},
		{`{"minLength":7,"maxLength":5}`, `"secret"`, " must have at least 7 characters;  must have at most 5 characters"},
		{`{"minItems":2}`, `[1]`, " must have at least 2 items"},
		{`{"maxItems":0}`, `[1]`, " must have at most 0 items"},
		{`{"uniqueItems":true}`, `["a","a"]`, " must have no two items that are equal"},
		{`{"minProperties":1}`, `{}`, " must have at least 1 members"},
		{`{"maxProperties":0}`, `{"a":1}`, " must have at most 0 members"},
		{`{"minimum":0.1}`, `0.05`, " must be at least 0.1"},
		{`{"maximum":12345678901234567890}`, `12345678901234567891`, " must be at most 12345678901234567890"},
		{`{"exclusiveMinimum":1}`, `1`, " must be more than 1"},
		{`{"exclusiveMaximum":1}`, `1.0`, " must be less than 1"},
		{`{"multipleOf":0.01}`, `1.005`, " must be a multiple of 0.01"},
		{`{"multipleOf":0.1}`, `0.3`, ""},
		{`{"contains":{"type":"string"}}`, `[1,2]`, " has no item of the kind that it must have"},
		{`{"contains":{"type":"string"},"minContains":2}`, `["a",2]`, " must have at least 2 items of a kind"},
		{`{"contains":{"type":"string"},"maxContains":1}`, `["a","b"]`, " must have at most 1 items of a kind"},
		{`{"not":{"type":"string"}}`, `"secret"`, " is of a form that is not allowed"},
		{`{"properties":{"a":false}}`, `{"a":1}`, "/a is not allowed here"},
		{`{"required":["b","a"]}`, `{}`, "/a is missing; /b is missing"},
		{`{"dependentRequired":{"a":["b"]}}`, `{"a":1}`, `/b is missing beside "a"`},
		{`{"additionalProperties":false}`, `{"a/b":1}`, "/a~1b is not known here"},
		{`{"unevaluatedProperties":false,"allOf":[{"properties":{"a":true}}]}`, `{"a":1,"b":1}`, "/b is not allowed here"},
		{`{"propertyNames":{"maxLength":1}}`, `{"ab":1}`, "/ab has a name that is not allowed here"},
		{`{"anyOf":[{"type":"string"},{"type":"null"}]}`, `1`, " fits none of the forms that it may have"},
		{`{"oneOf":[{"type":"string"},{"type":"null"}]}`, `1`, " fits none of the forms that it may have"},
		{`{"oneOf":[{"type":"integer"},{"type":"number"}]}`, `1`, " fits more than one of the forms, of which it must have one"},
		{`{"allOf":[{"required":["a"]},{"required":["a"]},{"properties":{"b":{"items":{"type":"integer"}}}}]}`, `{"b":[1,"secret"]}`, "/a is missing; /b/1 must be integer, not string"},
		{`{"$ref":"#/$defs/node"}`, `{"next":{"next":{"next":1}}}`, "/next/next/next must be object, not number"},
		{`{"if":{"required":["a"]},"then":{"required":["b"]}}`, `{"a":1}`, "/b is missing"},
	} {
		v, err := Decode([]byte(c.value), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := told(compiled(t, c.schema, map[string]string{"node": `{"type":"object","properties":{"next":{"$ref":"#/$defs/node"}}}`}), v); got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.schema, c.value, got, c.want)
		}
	}
}

// The formats that are asserted refuse what is not of them, and no other format is.
func TestFormats(t *testing.T) {
	for format, c := range map[string][2]string{
		"date": {"2026-02-28", "2026-02-30"}, "date-time": {"2026-02-28T01:02:03Z", "2026-02-28 01:02:03"}, "time": {"01:02:03Z", "25:02:03Z"}, "email": {"a@example.com", "a.example.com"},
		"hostname": {"www.example.com", "-a.example.com"}, "ipv4": {"192.0.2.1", "192.0.2.256"}, "ipv6": {"2001:db8::1", "192.0.2.1"}, "uri": {"https://example.com/a", "/a"},
		"uuid": {"123e4567-e89b-12d3-a456-426614174000", "123e4567"},
	} {
		if !slices.Contains(Formats(), format) {
			t.Errorf("%s is not asserted", format)
		}
		s := compiled(t, `{"format":"`+format+`"}`, nil)
		if got := told(s, c[0]); got != "" {
			t.Errorf("%s %q: %s", format, c[0], got)
		}
		if told(s, c[1]) == "" {
			t.Errorf("%s %q passes", format, c[1])
		}
	}
	for _, format := range []string{"regex", "duration", "int32", "binary", "json-pointer", "x"} {
		if got := told(compiled(t, `{"format":"`+format+`"}`, nil), "((("); got != "" {
			t.Errorf("%s: %s", format, got)
		}
	}
}

// What is wrong with schemas is told all at once, and where.
func TestProblems(t *testing.T) {
	defs := map[string]json.RawMessage{"a": json.RawMessage(`{"$ref":"#/$defs/a"}`), "b": json.RawMessage(`{"type":"x"}`), "c": json.RawMessage(`{"a":1,"a":2}`), "d": json.RawMessage(`{"items":{"$ref":"#/$defs/d/items"}}`)}
	_, err := Compile(defs, []json.RawMessage{json.RawMessage(`{"properties":{"x":{"minLength":"1","typ":1}}}`), json.RawMessage(`{"$ref":7,"prefixItems":[{"$ref":"#/$defs/b/type/0"}]}`), json.RawMessage(`{"contentSchema":{"$id":"https://example.com/"}}`)})
	var ps Problems
	if !errors.As(err, &ps) {
		t.Fatal(err)
	}
	for _, want := range []string{
		`$defs/a: definition "a" refers to itself`, `$defs/b/type: `, `$defs/c: an object in it has two members of one name`, `$defs/d: definition "d"`,
		`schema 2/contentSchema/$id: keyword "$id" is not taken here`,
		`schema 0/properties/x/minLength: `, `schema 0/properties/x/typ: keyword "typ" is not known; did you mean "type"?`, `schema 1/$ref: a reference is text`, `schema 1/prefixItems/0/$ref: reference`,
	} {
		found := strings.Contains("\n"+err.Error(), "\n"+want)
		if want == `$defs/d: definition "d"` {
			found = !found // it goes deeper
		}
		if !found {
			t.Errorf("%q is not told:\n%v", want, err)
		}
	}
}

// A reference into what is no schema is told with its place.
func TestReferenceToNoSchema(t *testing.T) {
	_, err := Compile(map[string]json.RawMessage{"a": json.RawMessage(`{"enum":["x"]}`)}, []json.RawMessage{json.RawMessage(`{"$ref":"#/$defs/a/enum/0"}`)})
	if err == nil || !strings.HasPrefix(err.Error(), "$defs/a/enum/0: ") {
		t.Error(err)
	}
}

// Even if a reference to elsewhere came to the compiler, nothing would be loaded.
func TestNothingIsLoaded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "schema.json")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"file://" + file, "https://example.com/x"} {
		c := compiler()
		if err := c.AddResource(root, map[string]any{"$ref": ref}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Compile(root); err == nil || !strings.Contains(err.Error(), "nothing is loaded") {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

// Decode gives what encoding/json gives, or an error.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.50e+3,true,false,null,"x\"\\\u00e9\ud83d\ude00"],"b":{}}`, ` [ ] `, `"\ud800"`, `{"a":1,"\u0061":2}`, `1e400`, `1e401`, `{"__proto__":1}`, "\xff", `[[[`, `"\\ufffd\ufffd"`, `0`, ``, `{"a" : { "b" : [ ] } , "c":1 }`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := Decode(text, Options{Prototype: true})
		if err != nil {
			return
		}
		dec := json.NewDecoder(strings.NewReader(string(text)))
		dec.UseNumber()
		var want any
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if a, b := fmt.Sprintf("%#v", v), fmt.Sprintf("%#v", want); a != b {
			t.Fatalf("%q is\n%s, not\n%s", text, a, b)
		}
	})
}

// What text becomes follows from the types that a schema takes.
func TestText(t *testing.T) {
	for _, c := range []struct{ schema, text, want string }{
		{`{"type":"integer"}`, "1", `json.Number:1`}, {`{"type":"integer"}`, "01", "string:01"}, {`{"type":"number"}`, "-1.5e3", "json.Number:-1.5e3"}, {`{"type":"number"}`, "1e999", "string:1e999"},
		{`{"type":"integer"}`, "1000000e-5", "string:1000000e-5"}, {`{"type":["integer","null"]}`, "1E2", "string:1E2"}, {`{"type":"integer"}`, "1.0", "string:1.0"}, {`{"type":"integer"}`, "-0", "json.Number:-0"},
		{`{"type":"integer"}`, "+1", "string:+1"}, {`{"type":"integer"}`, "-01", "string:-01"}, {`{"const":5}`, "50e-1", "string:50e-1"}, {`{"enum":[5,7.5]}`, "75e-1", "json.Number:75e-1"}, {`{"type":["integer","number"]}`, "1e2", "json.Number:1e2"},
		{`{"anyOf":[{"type":"integer"},{"type":"string"}]}`, "1e2", "string:1e2"}, {`{"type":"number"}`, ".5", "string:.5"}, {`{"type":"number"}`, "1.", "string:1."}, {`{"type":"number"}`, "00.5", "string:00.5"}, {`{"type":"number"}`, "1e5", "json.Number:1e5"},
		{`{"type":"number"}`, " 1", "string: 1"}, {`{"type":"number"}`, "null", "string:null"}, {`{"type":"boolean"}`, "true", "bool:true"}, {`{"type":"boolean"}`, "True", "string:True"},
		{`{}`, "1", "string:1"}, {`true`, "true", "string:true"}, {`{"enum":[1,2]}`, "1", "json.Number:1"}, {`{"const":true}`, "true", "bool:true"}, {`{"$ref":"#/$defs/n"}`, "1", "json.Number:1"},
		{`{"allOf":[{"minimum":1},{"$ref":"#/$defs/n"}]}`, "1", "json.Number:1"}, {`{"oneOf":[{"type":"string"},{"type":"boolean"}]}`, "true", "bool:true"}, {`{"anyOf":[{"type":"boolean"},{}]}`, "true", "string:true"},
	} {
		v := compiled(t, c.schema, map[string]string{"n": `{"type":["number","null"]}`}).Text().Value(c.text)
		if got := fmt.Sprintf("%T:%v", v, v); got != c.want {
			t.Errorf("%s of %q is %s, want %s", c.text, c.schema, got, c.want)
		}
	}
	list := compiled(t, `{"$ref":"#/$defs/l"}`, map[string]string{"l": `{"type":"array","items":{"type":"integer"}}`}).Text()
	if !list.IsList() || list.IsObject() || list.MayHoldParts() || fmt.Sprintf("%#v", list.Values([]string{"1", "a"})) != `[]interface {}{"1", "a"}` {
		t.Errorf("%#v", list.Values([]string{"1", "a"}))
	}
	object := compiled(t, `{"allOf":[{"type":"object","properties":{"a":{"type":"integer"}}},{"properties":{"b":{"type":"boolean"}},"additionalProperties":{"type":"number"}}]}`, nil).Text()
	if !object.IsObject() || object.Member("b").Value("true") != true || object.Member("c").Value("1.5") != json.Number("1.5") || object.Member("a").Value("1") != json.Number("1") {
		t.Error("members of an object")
	}
}

// However much is wrong, the first failures by pointer are told, always the same.
func TestFailuresAreFew(t *testing.T) {
	s := compiled(t, `{"additionalProperties":{"type":"string","minimum":3},"propertyNames":{"maxLength":3}}`, nil)
	v := map[string]any{}
	for i := range 1000 {
		v[fmt.Sprintf("m%03d", i)] = json.Number("1")
	}
	failed := s.Validate(v)
	if len(failed) != MaxFailures || failed[0].Pointer != "/m000" || failed[MaxFailures-1].Pointer != "/m009" {
		t.Errorf("%d failures: %v", len(failed), failed)
	}
}
