//go:build !without_schema

package handler

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
	"polygate.example/shared/schema"
)

// BenchmarkValidate is what descriptions add to a request with a body of 10 KiB of JSON; "none" is the same with one that is not looked into.
func BenchmarkValidate(b *testing.B) {
	text := []byte(`[` + strings.Repeat(`{"id": [1, 2, 3], "name": "a name"},`, 280) + `{}]`)
	items := schemaText(`{"type":"array","items":{"type":"object","properties":{"id":{"type":"array","items":{"type":"integer","minimum":0}},"name":{"type":"string","maxLength":50}},"additionalProperties":false}}`)
	param := func(in, name, schema string) gateway.Parameter {
		style, explode := gateway.DefaultStyle(in)
		return gateway.Parameter{In: in, Name: name, Required: true, Style: style, Explode: explode, Schema: schemaText(schema)}
	}
	for name, c := range map[string]gateway.Checks{
		"none":       {Body: &gateway.BodyCheck{Content: gateway.Content{"application/*": schemaText(`true`), "text/plain": schemaText(`true`)}}},
		"parameters": {Parameters: []gateway.Parameter{param("path", "id", `{"type":"integer","minimum":1}`), param("query", "page", `{"type":"integer"}`), param("query", "sort", `{"enum":["asc","desc"]}`), param("header", "X-Tenant", `{"type":"string","pattern":"^[a-z]+$"}`)}},
		"parsed":     {Body: &gateway.BodyCheck{Content: gateway.Content{"application/json": schemaText(`true`)}}},
		"body":       {Body: &gateway.BodyCheck{Content: gateway.Content{"application/json": items}}},
	} {
		b.Run(name, func(b *testing.B) {
			h := validating(b, gateway.Validate{Checks: c}, "http://a.example", Options{Transport: swallow{}})
			media := "application/json"
			if name == "none" || name == "parameters" {
				media = "text/plain"
			}
			r := bodied(http.MethodPost, "/a/42?page=3&sort=asc", media, "", "X-Tenant", "acme")
			r.ContentLength = int64(len(text))
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r.Body = io.NopCloser(bytes.NewReader(text))
				h.ServeHTTP(nowhere{http.Header{}}, r)
			}
		})
	}
}

// BenchmarkValidateHostile is a body of the size that is taken whose every value is wrong: the most that a request can cost.
func BenchmarkValidateHostile(b *testing.B) {
	h := validating(b, describedBody(`{"type":"array","items":{"type":"string","format":"uuid"}}`), "http://a.example", Options{Transport: swallow{}})
	text := []byte(`[` + strings.Repeat("1,", schema.MaxValues-2) + `1]`)
	r := bodied(http.MethodPost, "/a/42", "application/json", "")
	r.ContentLength = int64(len(text))
	b.ReportAllocs()
	for b.Loop() {
		r.Body = io.NopCloser(bytes.NewReader(text))
		h.ServeHTTP(nowhere{http.Header{}}, r)
	}
}

// BenchmarkValidateStart is what operations, each with a body of its own and half as many definitions, cost when a function starts: the time for each
// does not grow with their number.
func BenchmarkValidateStart(b *testing.B) {
	for _, n := range []int{100, 800} {
		p := gateway.Validate{Defs: gateway.Content{}}
		for i := range n / 2 {
			p.Defs["d"+strconv.Itoa(i)] = schemaText(`{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"name":{"type":"string","pattern":"^[a-z]+$"},"next":{"$ref":"#/$defs/d` + strconv.Itoa(i/10*10+(i+1)%10) + `"},"list":{"type":"array","items":{"type":"string"}}}}`)
		}
		for i := range n {
			p.Operations = append(p.Operations, gateway.Operation{Method: "POST", Path: "/a/x" + strconv.Itoa(i) + "/{id}", Checks: gateway.Checks{
				Parameters: []gateway.Parameter{{Name: "id", In: "path", Required: true, Style: "simple", Schema: schemaText(`{"type":"integer"}`)}},
				Body:       &gateway.BodyCheck{Content: gateway.Content{"application/json": schemaText(`{"type":"object","properties":{"a":{"$ref":"#/$defs/d` + strconv.Itoa(i/2) + `"},"b":{"type":"string"},"c":{"type":"array","items":{"type":"number"}}}}`)}}}})
		}
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := newValidate(p, environment{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/operation")
		})
	}
}
