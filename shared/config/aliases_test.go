package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

const aliased = `openapi: 3.1.0
paths:
  /a:
    get:
      parameters:
        - &page {name: page, in: query, schema: &number {type: integer, minimum: &one 1}}
        - {name: size, in: query, schema: *number}
  /b:
    get: &get
      parameters: [*page]
    put: *get
`

const written = `openapi: 3.1.0
paths:
  /a:
    get:
      parameters:
        - {name: page, in: query, schema: {type: integer, minimum: 1}}
        - {name: size, in: query, schema: {type: integer, minimum: 1}}
  /b:
    get:
      parameters: [{name: page, in: query, schema: {type: integer, minimum: 1}}]
    put:
      parameters: [{name: page, in: query, schema: {type: integer, minimum: 1}}]
`

// An OpenAPI document means the same whether what it says twice is written twice or named by an anchor.
func TestAliases(t *testing.T) {
	t.Parallel()
	var roots []string
	for _, text := range []string{aliased, written} {
		doc, err := ReadAPI("a.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(doc.Root())
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, string(b))
	}
	if roots[0] != roots[1] {
		t.Errorf("%s\n%s", roots[0], roots[1])
	}
	again := "openapi: 3.1.0\npaths: {}\na: &x 1\nb: *x\nc: &x 2\nd: *x\n"
	doc, err := ReadAPI("a.yaml", []byte(again))
	if err != nil || doc.Root()["b"] != json.Number("1") || doc.Root()["d"] != json.Number("2") {
		t.Errorf("an anchor that is there twice: %v %v", doc, err)
	}
}

// What is wrong in what an alias stands for is told where it is written.
func TestAliasPlaces(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"a.yaml": {Data: []byte(strings.Replace(aliased, "minimum: &one 1", "pattern: (?!a)", 1))}}
	_, err := ParseIn(files, "x", []byte(strings.Replace(strings.Replace(describedDocument, "FILE", "a.yaml", 1), "/{rest...}", "/b", 1)))
	if err == nil || strings.Count(err.Error(), "a.yaml") != strings.Count(err.Error(), "\n")+1 || !strings.HasPrefix(err.Error(), "a.yaml:6:82: ") {
		t.Errorf("%v", err)
	}
}

// No alias leads nowhere, in a circle, or to more than can be held, and nothing else of YAML is read than before.
func TestBadAliases(t *testing.T) {
	t.Parallel()
	bomb := func(levels, times int) string {
		var b strings.Builder
		b.WriteString("x0: &x0 [1]\n")
		for i := 1; i <= levels; i++ {
			fmt.Fprintf(&b, "x%d: &x%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d, ", i-1), times), ", "))
		}
		return b.String()
	}
	for name, c := range map[string]struct{ text, want string }{
		"none":        {"x: *nothing\n", `3:4: alias "*nothing" stands for nothing`},
		"later":       {"x: *y\ny: &y 1\n", "3:4: alias"},
		"itself":      {"x: &x [*x]\n", `3:8: alias "*x" stands for what it is in`},
		"two circles": {"x: &x {a: &y [*x, *y]}\n", "3:15: alias"},
		"bomb":        {bomb(6, 10), "aliases stand for more than 200000 values"},
		"deep":        {bomb(40, 1), "aliases stand for aliases too often"},
		"merge":       {"x: &x {a: 1}\ny:\n  <<: *x\n", "merge keys"},
		"key":         {"&k x: 1\n", "anchor"},
		"alias key":   {"x: &x k\n*x : 1\n", "anchor or an alias"},
		"tag":         {"x: &x !!str 1\n", "tags"},
	} {
		_, err := ReadAPI("a.yaml", []byte("openapi: 3.1.0\npaths: {}\n"+c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), "\n") > 12 {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for _, text := range []string{bomb(4, 10), bomb(30, 1)} {
		if _, err := ReadAPI("a.yaml", []byte("openapi: 3.1.0\npaths: {}\n"+text)); err != nil {
			t.Errorf("within the bounds: %v", err)
		}
	}
	if _, err := Parse("x", []byte("version: &v 1\n")); err == nil || !strings.Contains(err.Error(), "anchors (&) are not allowed") {
		t.Errorf("a gateway document: %v", err)
	}
}

// FuzzReadAPI: no text makes the reader of OpenAPI documents panic, and what it refuses it refuses with a position inside the file.
func FuzzReadAPI(f *testing.F) {
	for _, text := range []string{aliased, written, "openapi: 3.1.0\npaths: {}\nx: &x [*x]\n", "a: &a b\n*a : &c {*a: *c}\n", "- &a\n- *a\n- &a [*a, &b *a]\n", "x: &x\n  <<: *x\n", "&a &b c: *b\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		doc, err := ReadAPI("fuzz.yaml", src)
		if err == nil {
			if _, err := json.Marshal(doc.Root()); err != nil {
				t.Fatal(err)
			}
			return
		}
		var problems Problems
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("%T %v: want Problems", err, err)
		}
		for _, p := range problems {
			if p.Line < 1 || p.Column < 1 || p.What == "" || p.Remedy == "" {
				t.Fatalf("problem %+v", p)
			}
		}
	})
}
