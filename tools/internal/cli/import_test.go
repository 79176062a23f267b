package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const ordersAPI = `openapi: 3.1.0
info: { title: Orders, version: "1" }
servers: [{ url: https://orders.example.com/v1 }]
paths:
  /orders/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: integer } }]
    get: { operationId: getOrder, responses: { "200": { description: ok } } }
    put: { operationId: putOrder, responses: { "200": { description: ok } } }
  /orders/{id}.json:
    get: { responses: { "200": { description: ok } } }
`

// TestImportOpenAPI: what is made passes check, and what is wrong is the caller's to mend.
func TestImportOpenAPI(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{"api/orders.yaml": ordersAPI, "swagger.yaml": "swagger: '2.0'\n", "orders.txt": ordersAPI, "have.yaml": "version: 1\n"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere := filepath.Join(t.TempDir(), "a.gateway.yaml")
	for _, c := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"to standard output", []string{"api/orders.yaml"}, 0, []string{"openapi: api/orders.yaml", "name: get-order", "api/orders.yaml#/paths/~1orders~1{id}.json/get: GET /orders/{id}.json: segment", "2 of 3 operations are imported, 1 skipped; requests of 2 are validated; 0 open"}},
		{"to a file", []string{"api/orders.yaml", "-o", "shop.gateway.yaml"}, 0, []string{"2 of 3 operations"}},
		{"by path", []string{"api/orders.yaml", "--by", "path"}, 0, []string{"methods: [GET, PUT]", "name: orders-id"}},
		{"another server", []string{"api/orders.yaml", "--server", "https://internal.example.com"}, 0, []string{"url: https://internal.example.com"}},
		{"over a file", []string{"api/orders.yaml", "-o", "have.yaml"}, 2, []string{"have.yaml is there already", "--force"}},
		{"over itself", []string{"api/orders.yaml", "-o", "api/orders.yaml", "--force"}, 2, []string{"is the OpenAPI document itself"}},
		{"to another folder", []string{"api/orders.yaml", "-o", elsewhere}, 2, []string{"is not below", "copy it there"}},
		{"Swagger", []string{"swagger.yaml"}, 2, []string{"swagger.yaml:1:10: this is Swagger 2.0; convert it to OpenAPI 3, such as by swagger2openapi"}},
		{"nothing", []string{"none.yaml"}, 2, []string{`there is no OpenAPI document "none.yaml"`}},
		{"a folder", []string{"api"}, 2, []string{"api is no plain file"}},
		{"another kind", []string{"orders.txt"}, 2, []string{"name it .yaml, .yml or .json"}},
		{"no such grouping", []string{"api/orders.yaml", "--by", "tag"}, 2, []string{`--by is "tag"`, "want operation or path"}},
		{"no server", []string{"api/orders.yaml", "--server", "orders"}, 2, []string{"--server is no URL"}},
		{"a URL without a file", []string{"https://api.example.com/a.json"}, 2, []string{"name that by --out"}},
		{"a URL without TLS", []string{"http://api.example.com/a.json", "-o", "b.yaml"}, 2, []string{"neither by https nor on this machine"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := run(t, append([]string{"import", "openapi"}, c.args...)...)
			if code != c.code {
				t.Errorf("exit code %d, want %d\n%s%s", code, c.code, stdout, stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(stdout+stderr, want) {
					t.Errorf("%q is not said:\n%s%s", want, stdout, stderr)
				}
			}
		})
	}
	if code, stdout, stderr := run(t, "check", "shop.gateway.yaml"); code != 0 {
		t.Errorf("check of what was made: exit code %d\n%s%s", code, stdout, stderr)
	}
}

// TestImportOpenAPIAsJSON: programs get the report, and the document where no file is named.
func TestImportOpenAPIAsJSON(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("orders.yaml", []byte(ordersAPI), 0o644); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := run(t, "import", "openapi", "orders.yaml", "--json")
	var got struct {
		Imported, Skipped int
		Gateway           string
		Notes             []struct{ Kind, Pointer string }
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
	}
	if got.Imported != 2 || got.Skipped != 1 || !strings.Contains(got.Gateway, "version: 1\n") || len(got.Notes) != 1 || got.Notes[0].Pointer != "/paths/~1orders~1{id}.json/get" {
		t.Errorf("%+v", got)
	}
}

// TestImportOpenAPIByURL: the document is saved beside what is made of it, and not over another.
func TestImportOpenAPIByURL(t *testing.T) {
	dir := t.TempDir()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(ordersAPI)) }))
	t.Cleanup(srv.Close)
	out := filepath.Join(dir, "shop.gateway.yaml")
	if code, stdout, stderr := run(t, "import", "openapi", srv.URL+"/orders.yaml", "-o", out); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := run(t, "check", out); code != 0 {
		t.Errorf("check: exit code %d\n%s%s", code, stdout, stderr)
	}
	saved := filepath.Join(dir, "orders.yaml")
	if err := os.WriteFile(saved, []byte("mine\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := run(t, "import", "openapi", srv.URL+"/orders.yaml", "-o", filepath.Join(dir, "b.yaml"))
	if have, err := os.ReadFile(saved); code != 2 || err != nil || string(have) != "mine\n" || !strings.Contains(stderr, "is there already, and is another document") {
		t.Errorf("exit code %d, %q, %v\n%s", code, have, err, stderr)
	}
}
