package openapiimport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"polygate.example/shared/config"
	"polygate.example/shared/gateway"
	"polygate.example/shared/goldentest"
	"polygate.example/shared/handler"
	"polygate.example/tools/internal/openapiimport"
)

func imported(t *testing.T, name string, src []byte, change func(*openapiimport.Options)) *openapiimport.Result {
	t.Helper()
	o := openapiimport.Options{Name: name, File: name, Files: fstest.MapFS{name: {Data: src}}}
	if change != nil {
		change(&o)
	}
	made, err := openapiimport.Import(src, o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestGolden: each document of testdata, what is made of it, and what is said.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.openapi.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no documents", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".openapi.yaml"), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			made := imported(t, filepath.Base(file), src, nil)
			stem := strings.TrimSuffix(file, ".openapi.yaml")
			goldentest.Compare(t, stem+".gateway.yaml", made.Text)
			var b bytes.Buffer
			if err := made.Report.Write(&b, filepath.Base(stem)+".gateway.yaml"); err != nil {
				t.Fatal(err)
			}
			goldentest.Compare(t, stem+".txt", b.Bytes())
			if r := made.Report; r.Imported+r.Skipped != r.Operations {
				t.Errorf("%d imported and %d skipped are not %d", r.Imported, r.Skipped, r.Operations)
			}
			if again := imported(t, filepath.Base(file), src, nil); !bytes.Equal(again.Text, made.Text) {
				t.Error("it is another document the second time")
			}
		})
	}
}

// TestReadme: the example of the page becomes what the page says, and check has nothing to say of it.
func TestReadme(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(name string) string {
		_, after, found := strings.Cut(string(page), "```yaml "+name+"\n")
		text, _, closed := strings.Cut(after, "```\n")
		if !found || !closed {
			t.Fatalf("the page has no %s", name)
		}
		return text
	}
	src := block("orders.openapi.yaml")
	made := imported(t, "orders.openapi.yaml", []byte(src), nil)
	const start = "```yaml orders.gateway.yaml\n"
	goldentest.Compare(t, "README.md", strings.Replace(string(page), start+block("orders.gateway.yaml"), start+string(made.Text), 1))
	if r := made.Report; len(r.Open) > 0 || r.Imported != 2 || r.Skipped != 1 || len(r.Notes) != 1 {
		t.Errorf("%+v", r)
	}
	if _, err := config.ParseIn(fstest.MapFS{"orders.openapi.yaml": {Data: []byte(src)}}, "orders.gateway.yaml", made.Text); err != nil {
		t.Error(err)
	}
}

// large is a document of n operations with what real ones have. Six are such as a route cannot be for.
func large(t *testing.T, n int) []byte {
	t.Helper()
	type m = map[string]any
	ok := m{"200": m{"description": "ok"}}
	paths := m{
		"/weird/{id}.json":  m{"get": m{"responses": ok}},
		"/weird/{a}-{b}":    m{"get": m{"responses": ok}},
		"/twice/{one}":      m{"get": m{"operationId": "one", "responses": ok, "parameters": []any{m{"name": "one", "in": "path", "required": true, "schema": m{"type": "integer"}}}}},
		"/twice/{two}":      m{"get": m{"operationId": "two", "responses": ok}, "put": m{"operationId": "two-put", "responses": ok}},
		"/look/{ahead}":     m{"get": m{"operationId": "look", "responses": ok, "parameters": []any{m{"name": "q", "in": "query", "schema": m{"type": "string", "pattern": "(?!a)"}}}}},
		"/look/literal":     m{"get": m{"operationId": "literal", "responses": ok}},
		"/doubled//slashes": m{"get": m{"responses": ok}},
		"/elsewhere":        m{"servers": []any{m{"url": "https://other.example.com/v2"}}, "get": m{"operationId": "elsewhere", "responses": ok}},
	}
	made := 9
	for i := 0; made < n; i++ {
		item := m{
			"parameters": []any{m{"$ref": "#/components/parameters/ID"}, m{"name": "page", "in": "query", "schema": m{"type": "integer"}}},
			"get":        m{"operationId": "list_item" + fmt.Sprint(i), "responses": ok},
		}
		if made++; made < n {
			item["put"] = m{"operationId": "list_item" + fmt.Sprint(i), "responses": ok, // the same once more, as generators have it
				"security":    []any{m{"key": []any{}}},
				"requestBody": m{"required": true, "content": m{"application/json": m{"schema": m{"$ref": "#/components/schemas/Item" + fmt.Sprint(i%50)}}}}}
			made++
		}
		slash := ""
		if i%7 == 0 {
			slash = "/"
		}
		paths[fmt.Sprintf("/group%d/items%d/{item-id}%s", i%20, i, slash)] = item
	}
	schemas := m{}
	for i := range 50 {
		schemas["Item"+fmt.Sprint(i)] = m{"type": "object", "required": []any{"name"}, "properties": m{"name": m{"type": "string"}, "next": m{"$ref": "#/components/schemas/Item" + fmt.Sprint((i+1)%50)}}}
	}
	b, err := json.Marshal(m{"openapi": "3.0.3", "info": m{"title": "Large", "version": "1"}, "paths": paths,
		"servers":    []any{m{"url": "https://api.example.com/v1"}, m{"url": "https://spare.example.com/v1"}},
		"components": m{"schemas": schemas, "parameters": m{"ID": m{"name": "item-id", "in": "path", "required": true, "schema": m{"type": "integer"}}}, "securitySchemes": m{"key": m{"type": "apiKey", "in": "header", "name": "X-Api-Key"}}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestLarge: a document of 600 operations needs no hand-work, and requests are held against it.
func TestLarge(t *testing.T) {
	src := large(t, 600)
	for _, perPath := range []bool{false, true} {
		start := time.Now()
		made := imported(t, "large.json", src, func(o *openapiimport.Options) { o.PerPath = perPath })
		t.Logf("%s, %d bytes to %d", time.Since(start), len(src), len(made.Text))
		if r := made.Report; r.Operations != 600 || r.Imported != 596 || r.Skipped != 4 || r.Validated != 596 || len(r.Open) != 0 {
			var b strings.Builder
			_ = made.Report.Write(&b, "large.gateway.yaml") // a Builder takes all
			t.Fatal(b.String())
		}
		files := fstest.MapFS{"large.json": {Data: src}}
		m, err := config.ParseIn(files, "large.gateway.yaml", made.Text)
		if err != nil {
			t.Fatal(err)
		}
		serves(t, m)
	}
}

// TestSpoiled: what is wrong with some operations, in themselves or in what they refer to, keeps no other from being held against the document.
func TestSpoiled(t *testing.T) {
	type m = map[string]any
	var doc m
	if err := json.Unmarshal(large(t, 600), &doc); err != nil {
		t.Fatal(err)
	}
	paths := doc["paths"].(m)
	alone, passed, together := 0, 1, 0 // one is so already
	for i, path := range slices.Sorted(maps.Keys(paths)) {
		item := paths[path].(m)
		if put, is := item["put"].(m); is && put["requestBody"] != nil {
			together++
		}
		get := item["get"].(m)
		if id, _ := get["operationId"].(string); strings.HasPrefix(id, "list_item") && i%8 == 0 {
			bad := m{"type": "string", "pattern": "^(?!x)"}
			if i%16 == 0 {
				get["requestBody"] = m{"content": m{"application/json": m{"schema": bad}}}
				alone++
			} else {
				get["parameters"] = []any{m{"name": "q", "in": "query", "schema": bad}}
				passed++
			}
		}
	}
	paths["/gone"] = m{"$ref": "./elsewhere.yaml"}
	schemas := doc["components"].(m)["schemas"].(m)
	schemas["Item3"].(m)["items"] = m{"$ref": "#/components/schemas/Nowhere"} // all of them refer to it, by others
	src, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	made := imported(t, "large.json", src, nil)
	over := 0
	for _, n := range made.Report.Notes {
		if strings.HasPrefix(n.What, "the parameter is not looked at: ") {
			over++
		}
	}
	if r := made.Report; r.Imported != 596 || r.Validated != 596-alone-together || over != passed || passed < 10 || alone < 10 || len(r.Open) != 0 {
		var b strings.Builder
		_ = made.Report.Write(&b, "large.gateway.yaml") // a Builder takes all
		t.Errorf("%d spoiled by themselves, %d by a schema, %d of %d parameters passed over:\n%.3000s", alone, together, over, passed, b.String())
	}
	if _, err := config.ParseIn(fstest.MapFS{"large.json": {Data: src}}, "large.gateway.yaml", made.Text); err != nil {
		t.Error(err)
	}
}

func serves(t *testing.T, m *gateway.Model) {
	t.Helper()
	digest := "5532e44183f47ed1fc146851b96d585c24da5bd5fe31a885cebc357261ed8f7f" // of key-of-ada
	var got *http.Request
	h, err := handler.New(m, handler.Options{
		Getenv: func(name string) string {
			if name != "KEY_KEYS" {
				t.Errorf("variable %s is read", name)
			}
			return digest + " ada\n"
		},
		Transport: transport(func(r *http.Request) (*http.Response, error) {
			got = r
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		})})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path, key, body string
		status                  int
		url                     string
	}{
		{"GET", "/v1/group1/items1/42?page=2", "", "", 200, "https://api.example.com/v1/group1/items1/42?page=2"},
		{"GET", "/v1/group1/items1/forty", "", "", 400, ""},
		{"GET", "/v1/group1/items1/42?page=two", "", "", 400, ""},
		{"GET", "/v1/group0/items0/42/", "", "", 200, "https://api.example.com/v1/group0/items0/42/"},
		{"GET", "/v1/group0/items0/42", "", "", 404, ""},
		{"PUT", "/v1/group1/items1/42", "", `{"name":"a"}`, 401, ""},
		{"PUT", "/v1/group1/items1/42", "key-of-ada", `{"name":"a"}`, 200, "https://api.example.com/v1/group1/items1/42"},
		{"PUT", "/v1/group1/items1/42", "key-of-ada", `{"name":"a","next":{}}`, 422, ""},
		{"GET", "/v1/look/up?q=b", "", "", 200, "https://api.example.com/v1/look/up?q=b"},
		{"GET", "/v1/twice/1", "", "", 200, "https://api.example.com/v1/twice/1"},
		{"GET", "/v1/twice/a", "", "", 400, ""},
		{"GET", "/v2/elsewhere", "", "", 200, "https://other.example.com/v2/elsewhere"},
		{"GET", "/v1/elsewhere", "", "", 404, ""},
	} {
		got = nil
		r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
		if c.body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		if c.key != "" {
			r.Header.Set("X-Api-Key", c.key)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		url := ""
		if got != nil {
			url = got.URL.String()
		}
		if w.Code != c.status || url != c.url {
			t.Errorf("%s %s: %d to %q, want %d to %q\n%s", c.method, c.path, w.Code, url, c.status, c.url, w.Body)
		}
	}
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// TestUnreadable: what is no OpenAPI 3 is one error.
func TestUnreadable(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"swagger", "swagger: '2.0'\n", "a.yaml:1:10: this is Swagger 2.0; convert it to OpenAPI 3, such as by swagger2openapi"},
		{"version", "openapi: 4.0.0\n", `a.yaml:1:10: version "4.0.0" is not known; write a document of OpenAPI 3.0 or 3.1, and its whole version, such as openapi: "3.1.0"`},
		{"version without quotes", "openapi: 3.0\n", `a.yaml:1:10: version 3.0 is a number here; quote it, and write it whole: openapi: "3.0.0"`},
		{"another without quotes", "openapi: 3.1\n", `a.yaml:1:10: version 3.1 is a number here; quote it, and write it whole: openapi: "3.1.0"`},
		{"a number that is none", "openapi: 9\n", `a.yaml:1:10: version 9 is a number here, and not known; quote it: write a document of OpenAPI 3.0 or 3.1, and its whole version, such as openapi: "3.1.0"`},
		{"a short version", "openapi: \"3.0\"\n", `a.yaml:1:10: version "3.0" is not known; write a document of OpenAPI 3.0 or 3.1, and its whole version, such as openapi: "3.1.0"`},
		{"a version that is a list", "openapi: [3.0]\n", `a.yaml:1:10: the version is no text; write a document of OpenAPI 3.0 or 3.1, and its whole version, such as openapi: "3.1.0"`},
		{"no version", "paths: {}\n", `a.yaml:1:1: the document does not say its version; write a document of OpenAPI 3.0 or 3.1, and its whole version, such as openapi: "3.1.0"`},
		{"paths", "openapi: 3.1.0\n", "a.yaml:1:1: the document has no paths; write paths with the operations of the API"},
		{"list", "[]\n", "a.yaml:1:1: this is no OpenAPI document; write a mapping with openapi, info and paths"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := openapiimport.Import([]byte(c.src), openapiimport.Options{Name: "a.yaml", File: "a.yaml"})
			var problems config.Problems
			if !errors.As(err, &problems) || err.Error() != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// TestFetch: what may be fetched, and under which name it is kept.
func TestFetch(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/v3/api-docs", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"openapi":"3.1.0"}`)) })
	mux.HandleFunc("/a/api.yaml", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("openapi: 3.1.0")) })
	mux.HandleFunc("/large.json", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, config.MaxAPIBytes+1)) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://api.example.com/", http.StatusFound)
	})
	mux.HandleFunc("/back", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/a/api.yaml", http.StatusFound)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	for _, c := range []struct{ url, name, wrong string }{
		{srv.URL + "/v3/api-docs", "api-docs.json", ""},
		{srv.URL + "/a/api.yaml", "api.yaml", ""},
		{srv.URL + "/back", "api.yaml", ""},
		{srv.URL + "/large.json", "", "more than 16 MiB"},
		{srv.URL + "/none", "", "404 Not Found; name the URL"},
		{srv.URL + "/away", "", "neither by https nor on this machine"},
		{"http://api.example.com/a.json", "", "neither by https nor on this machine"},
		{"https://user:hunter2@api.example.com/a.json", "", "holds a user name or password"},
		{"https:///a.json", "", "has no host"},
	} {
		got, err := openapiimport.Fetch(t.Context(), c.url)
		switch {
		case c.wrong == "" && (err != nil || got.Name != c.name):
			t.Errorf("%s: %v, %v, want %s", c.url, got, err, c.name)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "hunter2")):
			t.Errorf("%s: %v, want %s", c.url, err, c.wrong)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := openapiimport.Fetch(ended, srv.URL+"/a/api.yaml"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was cancelled", err)
	}
}

func TestServer(t *testing.T) {
	const doc = "openapi: 3.1.0\npaths: {/a: {get: {}}}\n"
	for _, c := range []struct {
		name, servers string
		options       openapiimport.Options
		target, path  string
		open          int
	}{
		{"none", "", openapiimport.Options{}, `""`, "/a", 1},
		{"none, and named", "", openapiimport.Options{Server: "https://a.example.com/x/"}, "https://a.example.com/x", "/a", 0},
		{"relative", "servers: [{url: /v1}]\n", openapiimport.Options{}, `""`, "/v1/a", 1},
		{"without a slash", "servers: [{url: v1/}]\n", openapiimport.Options{}, `""`, "/v1/a", 1},
		{"named", "servers: [{url: /v1}]\n", openapiimport.Options{Server: "https://a.example.com"}, "https://a.example.com", "/v1/a", 0},
		{"with a password", "servers: [{url: 'https://u:hunter2@a.example.com/v1'}]\n", openapiimport.Options{}, `""`, "/v1/a", 1},
		{"of another scheme", "servers: [{url: 'ws://a.example.com/v1'}]\n", openapiimport.Options{}, `""`, "/v1/a", 1},
		{"whole", "servers: [{url: 'https://a.example.com:8443/v1/'}]\n", openapiimport.Options{}, "https://a.example.com:8443", "/v1/a", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			made := imported(t, "a.yaml", []byte(doc+c.servers), func(o *openapiimport.Options) { o.Server = c.options.Server })
			text := string(made.Text)
			if !strings.Contains(text, "- url: "+c.target+"\n") || !strings.Contains(text, "path: "+c.path+"\n") || len(made.Report.Open) != c.open || strings.Contains(text+fmt.Sprint(made.Report), "hunter2") {
				t.Errorf("%s\n%v", text, made.Report)
			}
		})
	}
}
