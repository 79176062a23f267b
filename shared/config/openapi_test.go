package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const describedDocument = `version: 1
policies: {api: {validate: {openapi: FILE}}}
routes: [{name: a, match: {path: "/{rest...}"}, policies: [api], respond: {status: 200}}]
`

const smallAPI = "openapi: 3.1.0\npaths: {/a: {get: {}}}\n"

// Only plain files of the document's own folder are read, whatever they are called and wherever links lead.
func TestOpenAPIFiles(t *testing.T) {
	t.Parallel()
	outside, folder := t.TempDir(), t.TempDir()
	write := func(dir, name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(outside, "api.yaml", smallAPI)
	write(folder, "api.yaml", smallAPI)
	write(folder, "whole.yaml", smallAPI+strings.Repeat("#", MaxAPIBytes-len(smallAPI)-1)+"\n")
	write(folder, "large.yaml", smallAPI+strings.Repeat("#", MaxAPIBytes))
	for link, to := range map[string]string{"out.yaml": filepath.Join(outside, "api.yaml"), "in.yaml": "api.yaml", "up.yaml": "../" + filepath.Base(outside) + "/api.yaml"} {
		if err := os.Symlink(to, filepath.Join(folder, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(folder, "outside")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(folder, "folder.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"api.yaml": "", "in.yaml": "", "whole.yaml": "", "out.yaml": "escapes", "up.yaml": "escapes", "outside/api.yaml": "escapes", "folder.yaml": "plain file", "large.yaml": "too large",
		"none.yaml": "no such file", "./api.yaml": "not one below", "folder.yaml/../api.yaml": "not one below", "../api.yaml": "not one below", "Api.YAML": "neither YAML nor JSON"} {
		file := filepath.Join(folder, "x.gateway.yaml")
		write(folder, "x.gateway.yaml", strings.Replace(describedDocument, "FILE", name, 1))
		m, err := Load(file)
		switch {
		case want == "" && (err != nil || len(m.Policies()["api"].Validate.Operations) != 1):
			t.Errorf("%s: %v", name, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), file+":2:")):
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if _, err := Parse("x", []byte(strings.Replace(describedDocument, "FILE", "api.yaml", 1))); err == nil || !strings.Contains(err.Error(), "beside a gateway document") {
		t.Errorf("a document that is no file: %v", err)
	}
}

// The files that a document names are known though it has problems, and nothing outside of its folder is among them.
func TestNamed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x.gateway.yaml")
	for text, want := range map[string][]string{
		"version: 1\npolicies:\n  a: {validate: {openapi: api/a.yaml}}\n  b: {validate: {openapi: api/a.yaml, nothing: 1}}\n  c: {validate: {openapi: b.json}}\n  d: {validate: {openapi: ../c.json}}\n": {"api/a.yaml", "b.json"},
		"version: [": nil, "version: 2": nil,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, name := range Named(file) {
			below, err := filepath.Rel(filepath.Dir(file), name)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, filepath.ToSlash(below))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if got := Named(file + ".none"); got != nil {
		t.Errorf("of no file: %v", got)
	}
}

// What cannot be read in an OpenAPI document is a problem where a request may be for it, and nowhere else.
func TestOpenAPIElsewhere(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"a.yaml": {Data: []byte("openapi: 3.0.1\npaths:\n  /a: {get: {}}\n  /b: {$ref: ./b.yaml}\n  /c: {get: }\n")}}
	for path, want := range map[string]string{"/a": "", "/b": "./b.yaml", "/c": "an operation is a mapping", "/{rest...}": "./b.yaml"} {
		_, err := ParseIn(files, "x", []byte(strings.Replace(strings.Replace(describedDocument, "FILE", "a.yaml", 1), "/{rest...}", path, 1)))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// A model is the same whether its API is written in YAML or JSON, and what no request of its routes may be for is not in it.
func TestOpenAPIForms(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"a.yaml": {Data: []byte("openapi: 3.0.1\nservers:\n  - url: /v1\npaths:\n  /a/{id}:\n    get:\n      parameters: [{name: id, in: path, required: true, schema: {type: integer, minimum: 10}}]\n  /b: {get: {}}\n")},
		"a.json": {Data: []byte(`{"openapi":"3.0.1","servers":[{"url":"/v1"}],"paths":{"/b":{"get":{}},"/a/{id}":{"get":{"parameters":[{"name":"id","in":"path","required":true,"schema":{"minimum":10,"type":"integer"}}]}}}}`)}}
	var digests []string
	for _, name := range []string{"a.yaml", "a.json"} {
		m, err := ParseIn(files, "x", []byte(strings.Replace(strings.Replace(describedDocument, "FILE", name, 1), "{rest...}", "v1/a/{rest...}", 1)))
		if err != nil {
			t.Fatal(err)
		}
		if o := m.Policies()["api"].Validate.Operations; len(o) != 1 || o[0].Path != "/v1/a/{id}" {
			t.Errorf("%s: %v", name, o)
		}
		digests = append(digests, m.Digest())
	}
	if digests[0] != digests[1] {
		t.Errorf("digests %v", digests)
	}
}
