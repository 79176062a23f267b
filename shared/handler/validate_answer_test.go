//go:build !without_schema

package handler

import (
	"net/http"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
)

// An answer that is not as described becomes a 502, or is told of in the log alone.
func TestValidateAnswers(t *testing.T) {
	t.Parallel()
	up := mirror(t)
	for name, c := range map[string]struct {
		status, body string
		set          []string
		wrong        string // what the log says, "" for an answer that is right
	}{
		"right":            {"200", `{"a":1}`, []string{"Content-Type:application/json"}, ""},
		"wrong":            {"200", `{"a":"secret-7"}`, []string{"Content-Type:application/json"}, "its body has 1 errors, the first by type"},
		"no JSON":          {"200", `{`, []string{"Content-Type:application/json"}, "it is not one value of JSON"},
		"prototype":        {"200", `{"a":1,"__proto__":1}`, []string{"Content-Type:application/json"}, ""},
		"other type":       {"200", `a`, []string{"Content-Type:text/html"}, "its content type is not one of those described"},
		"not looked into":  {"200", `a`, []string{"Content-Type:image/png"}, ""},
		"compressed":       {"200", `a`, []string{"Content-Type:application/json", "Content-Encoding:gzip"}, "it is compressed, though the gateway asked for one that is not"},
		"large":            {"200", `"` + strings.Repeat("x", 2000) + `"`, []string{"Content-Type:application/json"}, "it is too large to be looked into"},
		"of a class":       {"404", `{}`, []string{"Content-Type:application/problem+json"}, "its body has 1 errors, the first by required"},
		"of a class right": {"404", `{"title":"x"}`, []string{"Content-Type:application/problem+json"}, ""},
		"exact first":      {"409", `x`, []string{"Content-Type:text/plain"}, ""},
		"default":          {"500", `x`, []string{"Content-Type:text/plain"}, "its content type is not one of those described"},
		"no body":          {"204", ``, nil, ""},
	} {
		for _, mode := range []string{gateway.ResponseEnforce, gateway.ResponseLog} {
			for _, length := range []string{"", "1"} {
				t.Run(name+" "+mode+length, func(t *testing.T) {
					t.Parallel()
					var log logBuffer
					h := validating(t, gateway.Validate{Response: mode, MaxBody: 1000, Checks: gateway.Checks{Responses: map[string]gateway.Content{
						"200":     {"application/json": schemaText(`{"type":"object","properties":{"a":{"type":"number"}}}`), "image/*": schemaText(`true`)},
						"4xx":     {"application/problem+json": schemaText(`{"required":["title"]}`)},
						"409":     {},
						"default": {"application/json": schemaText(`true`)},
					}}}, up, Options{Logger: log.logger()})
					r := get("/a/1")
					r.Header.Set("Accept-Encoding", "br")
					r.Header.Set("X-Status", c.status)
					r.Header.Set("X-Body", c.body)
					r.Header.Set("X-Chunked", length)
					for _, s := range c.set {
						r.Header.Add("X-Set", s)
					}
					resp := ask(h, r)
					b := body(t, resp)
					passed := b == c.body && resp.Status[:3] == c.status || c.status == "204" && resp.StatusCode == 204
					if refused := c.wrong != "" && mode == gateway.ResponseEnforce; refused == passed || refused != (resp.StatusCode == 502) {
						t.Errorf("%s %.100s", resp.Status, b)
					}
					lines := append(log.lines(t, "answer refused"), log.lines(t, "answer not as described")...)
					switch {
					case c.wrong == "" && len(lines) > 0, c.wrong != "" && len(lines) != 1:
						t.Errorf("the log has %v", lines)
					case c.wrong != "" && (lines[0]["why"] != c.wrong || lines[0]["policy"] != "described" || strings.Contains(log.b.String(), "secret-7")):
						t.Errorf("the log has %v", lines[0])
					}
				})
			}
		}
	}
}

// What is asked of the upstream is an answer that can be looked into; what the gateway answers itself is not looked at.
func TestValidateAnswerAsked(t *testing.T) {
	t.Parallel()
	p := gateway.Validate{Response: gateway.ResponseEnforce, Checks: gateway.Checks{Responses: map[string]gateway.Content{
		"200": {"text/*": schemaText(`true`), "application/json": schemaText(`{"required":["Header"],"properties":{"Header":{"properties":{"Range":false,"Accept-Encoding":{"const":["identity"]}}}}}`)},
		"5xx": {"application/json": schemaText(`true`)}}}}
	h := validating(t, p, mirror(t), Options{})
	r := get("/a/1")
	for name, value := range map[string]string{"Range": "bytes=0-1", "Accept-Encoding": "gzip", "X-Set": "Content-Type:application/json"} {
		r.Header.Set(name, value)
	}
	if resp := ask(h, r); resp.StatusCode != 200 {
		t.Errorf("%s %s", resp.Status, body(t, resp))
	}
	wantProblem(t, ask(validating(t, p, deadAddress(t), Options{}), get("/a/1")), http.StatusBadGateway)
	p.Responses["4xx"] = gateway.Content{"application/json": schemaText(`true`)}
	denied := newHandler(t, model(t, gateway.Spec{Policies: map[string]gateway.Policy{"described": {Validate: &p}, "nobody": {IP: &gateway.IP{Allow: []string{"198.51.100.1"}}}}, Upstreams: map[string]gateway.Upstream{"up": upstream(mirror(t))},
		Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Policies: []string{"described", "nobody"}, Upstream: "up"})}), Options{})
	wantProblem(t, ask(denied, get("/a/1")), http.StatusForbidden)
	head := get("/a/1")
	head.Method = http.MethodHead
	head.Header.Set("X-Set", "Content-Type:application/xml")
	if resp := ask(h, head); resp.StatusCode != 200 {
		t.Errorf("HEAD: %s", resp.Status)
	}
}
