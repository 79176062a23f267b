package openapiimport_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"polygate.example/shared/config"
	"polygate.example/shared/handler"
)

const spanning = `openapi: 3.0.3
info: {title: Files, version: "1"}
servers: [{url: "https://api.example.com/v1"}]
paths:
  /files/{name}:
    parameters: [{$ref: "#/components/parameters/Name"}]
    get: {operationId: getFile, responses: {}}
    put: {operationId: putFile, responses: {}}
  /refs/{name}:
    get: {operationId: getRef, parameters: [{$ref: "#/components/parameters/Name"}], responses: {}}
  /refs/{name}/secrets:
    get: {operationId: getSecrets, parameters: [{$ref: "#/components/parameters/Name"}], security: [{key: []}], responses: {}}
components:
  parameters: {Name: {name: name, in: path, required: true, schema: {type: string, maxLength: 20}, x-multi-segment: true}}
  securitySchemes: {key: {type: apiKey, in: header, name: X-Api-Key}}
`

// TestSpans: a parameter that may hold slashes does, and nobody comes by it to what is kept from them.
func TestSpans(t *testing.T) {
	made := imported(t, "files.yaml", []byte(spanning), nil)
	var notes []string
	for _, n := range made.Report.Notes {
		if n.Kind == "changed" {
			notes = append(notes, fmt.Sprint(n.Pointer, " ", strings.Contains(n.What, "takes the rest")))
		}
	}
	if got := strings.Join(notes, "; "); got != "/paths/~1files~1{name} true; /paths/~1refs~1{name} false; /paths/~1refs~1{name}~1secrets false" || made.Report.Validated != 4 {
		t.Errorf("notes %s of %+v", got, made.Report)
	}
	m, err := config.ParseIn(fstest.MapFS{"files.yaml": {Data: []byte(spanning)}}, "files.gateway.yaml", made.Text)
	if err != nil {
		t.Fatal(err)
	}
	var got string
	h, err := handler.New(m, handler.Options{
		Getenv: func(string) string { return "5532e44183f47ed1fc146851b96d585c24da5bd5fe31a885cebc357261ed8f7f ada\n" },
		Transport: transport(func(r *http.Request) (*http.Response, error) {
			got = r.URL.EscapedPath()
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		})})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		request string
		status  int
	}{
		{"GET /v1/files/a", 200}, {"PUT /v1/files/a/b", 200}, {"GET /v1/files/a/b%2Fc", 200}, {"GET /v1/files/", 404}, {"GET /v1/files/a/" + strings.Repeat("b", 20), 400}, {"GET /v1/files/a/../b", 400},
		{"GET /v1/refs/a", 200}, {"GET /v1/refs/a%2Fb", 200}, {"GET /v1/refs/a/b", 404},
		{"GET /v1/refs/a/secrets", 401}, {"GET /v1/refs/a%2Fb/secrets", 401}, {"GET /v1/refs/a/b/secrets", 404}, {"GET /v1/refs/a%2Fsecrets", 400}, {"GET /v1/refs/a%2Fb%2Fsecrets", 400}, {"GET /v1/refs/a%2Fb%5Csecrets", 400}, {"GET /v1/refs/a%2Fb%2Fc", 200},
	} {
		got = ""
		method, target, _ := strings.Cut(c.request, " ")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
		want := ""
		if c.status == 200 {
			want = target
		}
		if w.Code != c.status || got != want {
			t.Errorf("%s: %d to %q, want %d to %q", c.request, w.Code, got, c.status, want)
		}
	}
}
