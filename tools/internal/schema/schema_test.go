package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"polygate.example/shared/config"
)

const configDir = "../../../shared/config/"

// compiled is a schema that can be asked.
func compiled(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json") // holds it against the schema of draft 07 itself
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func document(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := Document()
	if err != nil {
		t.Fatal(err)
	}
	return compiled(t, text)
}

// asJSON is a YAML document as a validator sees it.
func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	b, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var fence = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// goodDocuments are all there are: of the tests, the reference's examples, and the stacks.
func goodDocuments(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, pattern := range []string{configDir + "testdata/good/*.yaml", "../../../stacks/*.gateway.yaml", "testdata/*.yaml", configDir + "README.md", configDir + "policies/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("nothing at %s (%v)", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(file, ".md") {
				out[file] = bytes.TrimPrefix(text, []byte("\ufeff")) // the validator's YAML does not know it
				continue
			}
			for i, m := range fence.FindAllSubmatch(text, -1) {
				out[file+"#"+string(rune('1'+i))] = m[1]
			}
		}
	}
	return out
}

// What polygate takes the schema takes.
func TestGoodDocuments(t *testing.T) {
	s := document(t)
	good := goodDocuments(t)
	if len(good) < 24 {
		t.Errorf("%d documents, want at least 24", len(good))
	}
	for name, text := range good {
		t.Run(filepath.Base(name), func(t *testing.T) {
			if err := s.Validate(asJSON(t, text)); err != nil {
				t.Errorf("%v", err)
			}
		})
	}
}

// What the schema refuses polygate refuses, and unknown keys and wrong types are refused by it.
func TestBadDocuments(t *testing.T) {
	s := document(t)
	files, err := filepath.Glob(configDir + "testdata/bad/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	refused, unknown := 0, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, err = config.Parse(file, text)
		var problems config.Problems
		if !errors.As(err, &problems) {
			t.Fatalf("%s: %v", file, err)
		}
		keys, values := 0, 0
		for _, p := range problems {
			switch {
			case p.Kind == config.KindKey && strings.HasPrefix(p.What, "unknown key"):
				keys++
			case p.Kind == config.KindValue:
				values++
			}
		}
		b, err := yaml.YAMLToJSON(text)
		if err != nil {
			continue // no YAML
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			continue
		}
		if s.Validate(v) != nil {
			refused++
			unknown += keys
			continue
		}
		if keys > 0 {
			t.Errorf("%s: the schema takes an unknown key: %v", file, problems)
		}
		if values > 0 {
			t.Logf("%s: not seen by the schema: %v", file, problems)
		}
	}
	if refused < 60 || unknown < 3 {
		t.Errorf("%d of %d bad documents are refused, for %d unknown keys; want at least 60 and 3", refused, len(files), unknown)
	}
}

// Every key is explained: the page of its kind has a row for it, or speaks of it in that of the mapping it is in.
func TestEveryKeyIsExplained(t *testing.T) {
	ref, err := readReference()
	if err != nil {
		t.Fatal(err)
	}
	m := maker{ref: ref}
	m.node("", config.Describe(), found{page: readme, container: "document"})
	for _, path := range m.missing {
		t.Errorf("%s is in no table of the reference: write a row for it in shared/config/policies, or name it in that of the mapping it is in", path)
	}
}

// The descriptions are those of the right rows.
func TestDescriptions(t *testing.T) {
	text, err := Document()
	if err != nil {
		t.Fatal(err)
	}
	var root any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	at := func(path ...string) string {
		n := root
		for _, p := range path {
			m, _ := n.(map[string]any)
			n = m[p]
		}
		m, _ := n.(map[string]any)
		s, _ := m["description"].(string)
		return s
	}
	kind := func(kind string, path ...string) []string {
		return append([]string{"properties", "policies", "additionalProperties", "properties", kind, "properties"}, path...)
	}
	for _, c := range []struct {
		path []string
		want string // its beginning
	}{
		{[]string{"properties", "version"}, "`1`"},
		{[]string{"properties", "routes", "items", "properties", "timeout"}, "of the whole exchange"},
		{[]string{"properties", "routes", "items", "properties", "match", "properties", "host"}, "`api.example.com`, or"},
		{[]string{"properties", "routes", "items", "properties", "respond", "properties", "status"}, "`status` 200 to 599"},
		{[]string{"properties", "upstreams", "additionalProperties", "properties", "timeouts", "properties", "connect"}, "`connect` (TCP"},
		{[]string{"properties", "policies", "additionalProperties", "properties", "jwt"}, "who calls, by a signed token"},
		{kind("jwt", "issuer"), "exactly `iss`"},
		{kind("apiKey", "keys", "items", "properties", "consumer"), "whom it belongs to"},
		{kind("apiKey", "forwardAs", "properties", "consumer"), "headers that tell the upstream"},
		{kind("basic", "users", "items", "properties", "expires"), "RFC 3339"}, // as of apiKey
		{kind("quota", "shared", "properties", "mode"), "`async`: gateways decide"},
		{kind("transform", "response", "items", "properties", "status"), "list of statuses"},
		{kind("transform", "request", "properties", "headers", "properties", "set"), "mapping of `remove`"},
		{kind("limits", "headers", "properties", "count"), "mapping of `count`"},
	} {
		if got := at(c.path...); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q...", strings.Join(c.path, "."), got, c.want)
		}
	}
}

// places finds where a value of a document stands, under the path that known has for it.
func places(v any, path, pointer string, into map[string][]string) {
	into[strings.TrimPrefix(path, ".")] = append(into[strings.TrimPrefix(path, ".")], pointer)
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			inner, at := v[key], pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
			places(inner, path+"."+key, at, into)
			places(inner, path+".*", at, into)
		}
	case []any:
		for i, inner := range v {
			places(inner, path+"[]", pointer+"/"+string(rune('0'+i%10)), into)
		}
	}
}

// set puts a value in a place of a copy of a document.
func set(v any, steps []string, to any) any {
	if len(steps) == 0 {
		return to
	}
	step := strings.NewReplacer("~1", "/", "~0", "~").Replace(steps[0])
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, inner := range v {
			out[key] = inner
		}
		out[step] = set(v[step], steps[1:], to)
		return out
	case []any:
		out := slices.Clone(v)
		i := int(step[0] - '0')
		out[i] = set(v[i], steps[1:], to)
		return out
	}
	return v
}

// objections are what polygate says of one place of a document.
func objections(t *testing.T, doc any, pointer string) config.Problems {
	t.Helper()
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.Parse("x", b)
	var problems config.Problems
	errors.As(err, &problems)
	return slices.DeleteFunc(problems, func(p config.Problem) bool { return p.Pointer != pointer && p.Pointer != filepath.Dir(pointer) })
}

// words are those of a text that could be values.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool {
		return !strings.ContainsRune("-_", r) && (r < '0' || r > '9') && (r|' ' < 'a' || r|' ' > 'z')
	})
}

// Each list of values is a rule of the gateway's: what is listed is taken, what is not is refused, and no value that the reference or a
// message speaks of is missing.
func TestFacts(t *testing.T) {
	const nonsense = "no-such-thing"
	docs := map[string]any{}
	for name, text := range goodDocuments(t) {
		docs[name] = asJSON(t, text)
	}
	names, err := NewPlaces()
	if err != nil {
		t.Fatal(err)
	}
	for path, f := range known {
		if f.enum == nil {
			continue
		}
		t.Run(path, func(t *testing.T) {
			tried := 0
			for _, file := range slices.Sorted(maps.Keys(docs)) {
				doc := docs[file]
				into := map[string][]string{}
				places(doc, "", "", into)
				for _, pointer := range into[path] {
					if _, ok := value(doc, pointer).(string); !ok || tried == 3 {
						continue
					}
					tried++
					steps := strings.Split(pointer, "/")[1:]
					refusal := objections(t, set(doc, steps, nonsense), pointer)
					if len(refusal) == 0 {
						t.Errorf("%s is taken at %s, and the schema refuses it", nonsense, pointer)
						continue
					}
					like := func(one string) bool { // it is refused as nonsense is
						return slices.ContainsFunc(objections(t, set(doc, steps, one), pointer), func(p config.Problem) bool {
							return strings.ReplaceAll(p.What, one, nonsense) == refusal[0].What
						})
					}
					for _, one := range f.enum {
						if like(one) {
							t.Errorf("%s is refused at %s as if it were nonsense", one, pointer)
						}
					}
					_, about := names.Of(pointer)
					for _, one := range words(about + " " + refusal[0].Remedy) {
						if !slices.Contains(f.enum, one) && len(objections(t, set(doc, steps, one), pointer)) == 0 {
							t.Errorf("%s is taken at %s, and the schema refuses it", one, pointer)
						}
					}
				}
			}
			if tried == 0 {
				t.Errorf("no document has it: write one into testdata/facts.yaml")
			}
		})
	}
}

func value(v any, pointer string) any {
	for _, step := range strings.Split(pointer, "/")[1:] {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		switch at := v.(type) {
		case map[string]any:
			v = at[step]
		case []any:
			v = at[int(step[0]-'0')]
		}
	}
	return v
}

// Every place of known.go is one that a document can have.
func TestFactsAreOfPlaces(t *testing.T) {
	all := map[string]bool{}
	var walk func(path string, s config.Shape)
	walk = func(path string, s config.Shape) {
		all[strings.TrimPrefix(path, ".")] = true
		if s.Free != nil {
			walk(path+".*", *s.Free)
		}
		if s.List != nil {
			walk(path+"[]", *s.List)
		}
		for _, f := range s.Fields {
			walk(path+"."+f.Name, f.Shape)
		}
	}
	walk("", config.Describe())
	for path := range known {
		if !all[path] {
			t.Errorf("%s is no place of a document", path)
		}
	}
	for path := range containers {
		if !all[strings.TrimPrefix(path, ".")] {
			t.Errorf("%s is no place of a document", path)
		}
	}
}

// Whoever writes a default out has the same gateway.
func TestDefaultsAreTrue(t *testing.T) {
	digest := func(doc any) string {
		b, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		m, err := config.Parse("x", b)
		if err != nil {
			return err.Error()
		}
		return m.Digest()
	}
	seen := map[string]bool{}
	for _, text := range goodDocuments(t) {
		doc := asJSON(t, text)
		into := map[string][]string{}
		places(doc, "", "", into)
		var walk func(path string, s config.Shape)
		walk = func(path string, s config.Shape) {
			for _, f := range s.Fields {
				at := strings.TrimPrefix(path+"."+f.Name, ".")
				for _, parent := range into[strings.TrimPrefix(path, ".")] {
					holder, ok := value(doc, parent).(map[string]any)
					if _, there := holder[f.Name]; !ok || there || f.Shape.Default == nil || known[at].computed || conditional[at] {
						continue
					}
					seen[at] = true
					if want, got := digest(doc), digest(set(doc, append(strings.Split(parent, "/")[1:], f.Name), f.Shape.Default)); got != want {
						t.Errorf("%v written out at %s/%s gives %s, want %s", f.Shape.Default, parent, f.Name, got, want)
					}
				}
				walk(path+"."+f.Name, f.Shape)
			}
			if s.Free != nil {
				walk(path+".*", *s.Free)
			}
			if s.List != nil {
				walk(path+"[]", *s.List)
			}
		}
		walk("", config.Describe())
	}
	if len(seen) < 20 {
		t.Errorf("%d defaults were written out, want at least 20: %v", len(seen), seen)
	}
}

// conditional are defaults that go with some of what stands beside them only.
var conditional = map[string]bool{
	"policies.*.apiKey.header":         true, // without query and cookie
	"policies.*.jwt.refresh":           true, // without keys
	"policies.*.jwt.cooldown":          true,
	"policies.*.jwt.maxStale":          true,
	"policies.*.rateLimit.shared.sync": true, // with mode: async
	"policies.*.quota.shared.sync":     true,
}
