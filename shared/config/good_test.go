package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
	"polygate.example/shared/goldentest"
)

// Each document under testdata/good gives the model beside it.
func TestGoodDocuments(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d good documents (%v), want at least 3", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			m, err := Load(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.Encode()
			if err != nil {
				t.Fatal(err)
			}
			goldentest.Compare(t, strings.TrimSuffix(file, ".yaml")+".json", got)
			again, err := gateway.Decode(got)
			if err != nil {
				t.Fatalf("the model does not decode: %v", err)
			}
			if again.Digest() != m.Digest() {
				t.Errorf("digest %s became %s by encoding and decoding", m.Digest(), again.Digest())
			}
		})
	}
}

// The order of routes and keys, the style of YAML and comments are the writer's; the model is the same.
func TestSpellingDoesNotMatter(t *testing.T) {
	a := "version: 1\nroutes:\n  - name: b\n    match: {path: /b}\n    respond: {status: 200}\n  - {name: a, match: {path: /a}, respond: {status: 204}}\n"
	b := "# two routes\nroutes: [{respond: {status: 204}, match: {path: '/a'}, name: a}, {name: b, match: {\"path\": /b}, respond: {status: 200}}]\r\nversion: 1\r\n"
	first, err := Parse("a", []byte(a))
	if err != nil {
		t.Fatal(err)
	}
	second, err := Parse("b", []byte(b))
	if err != nil {
		t.Fatal(err)
	}
	if first.Digest() != second.Digest() {
		t.Errorf("digests differ: %s and %s", first.Digest(), second.Digest())
	}
}

func TestDefaults(t *testing.T) {
	m, err := Parse("x", []byte("version: 1\nupstreams: {a: {targets: [{url: http://a.example}], timeouts: {idle: 5s}}}\nroutes: [{name: a, match: {path: /a}, upstream: a}]"))
	if err != nil {
		t.Fatal(err)
	}
	u, _ := m.Upstream("a")
	want := gateway.Timeouts{Connect: defaultConnect, Response: defaultResponse, Idle: gateway.Duration(5e9)}
	if u.Timeouts != want {
		t.Errorf("timeouts are %v, want %v", u.Timeouts, want)
	}
	// Amazon API Gateway quotas for HTTP APIs: "Maximum integration timeout 30 seconds".
	if s := (defaultConnect*2 + defaultResponse); s >= gateway.Duration(30e9) {
		t.Errorf("connect, TLS and response may take %s by default, and AWS HTTP APIs give up after 30s", s)
	}
}

// The README's example is a document, and its table of keys has every key that the decoder knows.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := bytes.Cut(text, []byte("```yaml\n"))
	example, rest, closed := bytes.Cut(rest, []byte("```\n"))
	if !ok || !closed || bytes.Contains(rest, []byte("```yaml")) {
		t.Fatal("want exactly one yaml example in README.md")
	}
	m, err := Parse("README.md", example)
	if err != nil {
		t.Fatalf("the example does not parse:\n%v", err)
	}
	if len(m.Routes()) < 3 {
		t.Errorf("the example has %d routes, want at least 3", len(m.Routes()))
	}
	source, err := os.ReadFile("decode.go")
	if err != nil {
		t.Fatal(err)
	}
	keys := 0
	for line := range strings.Lines(string(source)) {
		_, key, ok := strings.Cut(line, `field{"`)
		if !ok {
			continue
		}
		key, _, _ = strings.Cut(key, `"`)
		keys++
		if !bytes.Contains(text, []byte("`"+key+"`")) {
			t.Errorf("README.md does not explain the key `%s`", key)
		}
	}
	if keys < 20 {
		t.Errorf("found %d keys in decode.go, want at least 20: has the way they are written changed?", keys)
	}
}
