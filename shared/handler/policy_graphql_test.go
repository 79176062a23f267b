package handler

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"polygate.example/shared/gateway"
)

// modest are limits for tests.
func modest() gateway.GraphQL {
	return gateway.GraphQL{Depth: 5, Aliases: 3, RootFields: 4, Cost: 100, Tokens: 300, Bytes: 4000, Batch: 3, Weights: map[string]int{"dear": 50, "free": 0}, Lists: []string{"first", "last"}}
}

// graphed is a gateway with the policy before an upstream that answers with the body it got.
func graphed(t testing.TB, p gateway.GraphQL, asked *atomic.Int32, log *logBuffer) http.Handler {
	t.Helper()
	return newHandler(t, model(t, gateway.Spec{Policies: map[string]gateway.Policy{"api": {GraphQL: &p}}, Upstreams: map[string]gateway.Upstream{"up": upstream("http://a.example")},
		Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Policies: []string{"api"}, Upstream: "up"})}), Options{Logger: log.logger(), Transport: parrot{asked}})
}

// parrot answers with the body of the request.
type parrot struct{ asked *atomic.Int32 }

func (m parrot) RoundTrip(r *http.Request) (*http.Response, error) {
	m.asked.Add(1)
	b := []byte{}
	if r.Body != nil {
		var err error
		if b, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	return &http.Response{StatusCode: 200, ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{"X-Length": {fmt.Sprint(r.ContentLength)}}, Body: io.NopCloser(strings.NewReader(string(b)))}, nil
}

// inQuery is a body with a document, and what else a request may have.
func inQuery(t testing.TB, document string, more ...any) string {
	t.Helper()
	all := map[string]any{"query": document}
	for i := 0; i < len(more); i += 2 {
		all[more[i].(string)] = more[i+1]
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wantRefused asks and expects a refusal that never came to the upstream, with a line in the audit log.
func wantRefused(t testing.TB, p gateway.GraphQL, r *http.Request, status int, code string) {
	t.Helper()
	var asked atomic.Int32
	var log logBuffer
	resp := ask(graphed(t, p, &asked, &log), r)
	text := body(t, resp)
	var got problem
	if err := json.Unmarshal([]byte(text), &got); err != nil || resp.StatusCode != status || got.Code != code {
		t.Errorf("%d %s, want %d with %s", resp.StatusCode, text, status, code)
	}
	if lines := log.lines(t, "denied"); asked.Load() != 0 || len(lines) != 1 || lines[0]["policy"] != "api" {
		t.Errorf("the upstream was asked %d times; denied: %v", asked.Load(), lines)
	}
}

// What operations ask for is added up as their servers would execute them, fragments where they are spread.
func TestGraphQLLimits(t *testing.T) {
	exponential := "{ ...f0 }"
	for i := range 30 {
		exponential += fmt.Sprintf(" fragment f%d on T { ...f%d ...f%d }", i, i+1, i+1)
	}
	exponential += " fragment f30 on T { a }"
	many := func(n any) map[string]any { return map[string]any{"n": n} }
	roomy := modest()
	roomy.Tokens, roomy.RootFields = 2000, 10_000
	for name, c := range map[string]struct {
		p         gateway.GraphQL
		document  string
		variables map[string]any
		code      string // "" passes
	}{
		"small":                      {modest(), "{ a { b } }", nil, ""},
		"depth":                      {modest(), "{ a { b { c { d { e } } } } }", nil, ""},
		"too deep":                   {modest(), "{ a { b { c { d { e { f } } } } } }", nil, "graphql_depth"},
		"inline fragments add none":  {modest(), "{ a { ... on T { b { ... { c { d { e } } } } } } }", nil, ""},
		"too deep by inline":         {modest(), "{ a { ... on T { b { ... { c { d { e { f } } } } } } } }", nil, "graphql_depth"},
		"too deep by fragments":      {modest(), "{ a { b { ...x } } } fragment x on T { c { d { ...y } } } fragment y on T { e { f } }", nil, "graphql_depth"},
		"aliases":                    {modest(), "{ x: a y: a z: a }", nil, ""},
		"alias bomb":                 {modest(), "{ w: a x: a y: a z: a }", nil, "graphql_aliases"},
		"alias bomb, deep":           {modest(), "{ p { w: a x: a { y: a z: a } } }", nil, "graphql_aliases"},
		"alias bomb, in fragments":   {modest(), "{ p { ...f } q { ...f } } fragment f on T { x: a y: a }", nil, "graphql_aliases"},
		"its own name is no alias":   {modest(), "{ a: a b: b c: c d: d }", nil, ""},
		"root fields":                {modest(), "{ a b c d }", nil, ""},
		"too many at the root":       {modest(), "{ a b c d e }", nil, "graphql_root_fields"},
		"too many, in fragments":     {modest(), "{ a ... { b c } ...f } fragment f on Query { d e }", nil, "graphql_root_fields"},
		"the same field again":       {modest(), "{ a a a a a }", nil, "graphql_root_fields"},
		"cost":                       {modest(), "{ dear x { dear: free } }", nil, ""},
		"weights":                    {modest(), "{ dear other { dear } }", nil, "graphql_cost"},
		"free":                       {modest(), "{ a(first: 90) { free } }", nil, ""},
		"list":                       {modest(), "{ a(first: 10) { b(last: 9) } }", nil, ""},
		"lists multiply":             {modest(), "{ a(first: 10) { b(last: 10) } }", nil, "graphql_cost"},
		"another argument":           {modest(), "{ a(size: 1000) }", nil, ""},
		"of two the larger":          {modest(), "{ a(first: 1, last: 1000) }", nil, "graphql_cost"},
		"in an input object":         {modest(), "{ a(page: {of: {first: 1000}}) }", nil, "graphql_cost"},
		"in a list":                  {modest(), "{ a(first: [1, 1000]) }", nil, "graphql_cost"},
		"in a list of objects":       {modest(), "{ a(pages: [{first: 1000}]) }", nil, "graphql_cost"},
		"below zero":                 {modest(), "{ a(first: -1) }", nil, "graphql_cost"},
		"a text":                     {modest(), `{ a(first: "1000") }`, nil, "graphql_cost"},
		"a block of text":            {modest(), `{ a(first: """1000""") }`, nil, "graphql_cost"},
		"a large number":             {modest(), "{ a(first: 99999999999999999999999) { b(first: 99999999999999999999999) } }", nil, "graphql_cost"},
		"an infinite number":         {modest(), "{ a(first: 1e999) }", nil, "graphql_cost"},
		"times nothing":              {modest(), "{ a(first: 0) { dear x: dear } }", nil, "graphql_cost"},
		"variable":                   {modest(), "query($n: Int) { a(first: $n) }", many(99), ""},
		"large variable":             {modest(), "query($n: Int) { a(first: $n) }", many(1000), "graphql_cost"},
		"variable with a fraction":   {modest(), "query($n: Int) { a(first: $n) { b } }", many(50.5), "graphql_cost"},
		"variable of text":           {modest(), "query($n: Int) { a(first: $n) }", many("1000"), "graphql_cost"},
		"variable in an object":      {modest(), "query($n: Int) { a(page: {first: $n}) }", many(1000), "graphql_cost"},
		"an object in a variable":    {modest(), "query($n: Page) { a(page: $n) }", many(map[string]any{"first": 1000}), "graphql_cost"},
		"default":                    {modest(), "query($n: Int = 1000) { a(first: $n) }", nil, "graphql_cost"},
		"default that is not used":   {modest(), "query($n: Int = 1000) { a(first: $n) }", many(1), ""},
		"null in place of a default": {modest(), "query($n: Int = 1000) { a(first: $n) }", many(nil), ""},
		"default object":             {modest(), "query($n: Page = {first: 1000}) { a(page: $n) }", nil, "graphql_cost"},
		"in a fragment":              {modest(), "query($n: Int) { ...f } fragment f on T { a(first: $n) }", many(1000), "graphql_cost"},
		"fragment circle":            {modest(), "{ ...f } fragment f on T { a ...f }", nil, "graphql_fragments"},
		"larger circle":              {modest(), "{ ...f } fragment f on T { a { ...g } } fragment g on T { b { ... { ...f } } }", nil, "graphql_fragments"},
		"fragment that is not there": {modest(), "{ ...f }", nil, "graphql_fragments"},
		"fragment twice":             {modest(), "{ ...f } fragment f on T { a } fragment f on T { a b c d e }", nil, "graphql_fragments"},
		"fragment with variables":    {modest(), "{ ...f } fragment f($n: Int = 1000) on T { a(first: $n) }", nil, "graphql_syntax"},
		"fragments that grow by two": {roomy, exponential, nil, "graphql_root_fields"},
		"schema":                     {modest(), "{ __schema { types { name } } }", nil, "graphql_introspection"},
		"type":                       {modest(), `{ __type(name: "A") { name } }`, nil, "graphql_introspection"},
		"schema of a subgraph":       {modest(), "{ _service { sdl } }", nil, "graphql_introspection"},
		"schema under another name":  {modest(), "{ a: __schema { types { name } } }", nil, "graphql_introspection"},
		"schema in a fragment":       {modest(), "{ ...f } fragment f on Query { ... { __schema { types { name } } } }", nil, "graphql_introspection"},
		"the name of a type":         {modest(), "{ __typename a { __typename } }", nil, ""},
		"tokens":                     {modest(), "{ a(x: [" + strings.Repeat("1 ", 291) + "]) }", nil, ""},
		"too many tokens":            {modest(), "{ a(x: [" + strings.Repeat("1 ", 292) + "]) }", nil, "graphql_tokens"},
		"too many directives":        {modest(), "{ a " + strings.Repeat("@a ", 200) + "}", nil, "graphql_tokens"},
		"mutation":                   {modest(), "mutation { pay }", nil, ""},
		"no operation":               {modest(), "fragment f on T { a }", nil, "graphql_operation"},
		"a schema":                   {modest(), "type A { b: Int }", nil, "graphql_syntax"},
		"no document":                {modest(), "hello", nil, "graphql_syntax"},
		"not closed":                 {modest(), "{ a { b }", nil, "graphql_syntax"},
		"a text that is not closed":  {modest(), `{ a(x: "`, nil, "graphql_syntax"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := inQuery(t, c.document, "variables", c.variables)
			r := posted("application/json", strings.NewReader(sent))
			if c.code != "" {
				wantRefused(t, c.p, r, 400, c.code)
				return
			}
			var asked atomic.Int32
			resp := ask(graphed(t, c.p, &asked, &logBuffer{}), r)
			if got := body(t, resp); resp.StatusCode != 200 || got != sent {
				t.Errorf("%d: %s", resp.StatusCode, got)
			}
		})
	}
}

// What is inside each other as deeply as a stack is refused before anybody goes down: within the tokens that are allowed at most.
func TestGraphQLNesting(t *testing.T) {
	p := modest()
	p.Tokens, p.Bytes = 100_000, 10<<20
	for name, document := range map[string]string{
		"selections": strings.Repeat("{a", 40_000), "lists": "{ a(x: " + strings.Repeat("[", 90_000), "objects": "{ a(x: " + strings.Repeat("{a:", 30_000),
		"types": "query($a: " + strings.Repeat("[", 90_000), "inline": "{" + strings.Repeat("...{", 40_000),
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, p, posted("application/json", strings.NewReader(inQuery(t, document))), 400, "graphql_depth")
		})
	}
}

// Several requests in a body count together, so that a list is no way around a limit.
func TestGraphQLBatch(t *testing.T) {
	one := inQuery(t, "{ x: a y: a }")
	list := func(n int, one string) string { return "[" + strings.Repeat(one+",", n-1) + one + "]" }
	none := modest()
	none.Batch = 0
	wide := modest()
	wide.Batch = 100
	for name, c := range map[string]struct {
		p    gateway.GraphQL
		body string
		code string
	}{
		"one":              {modest(), list(1, one), ""},
		"one, of none":     {none, list(1, one), "graphql_batch"},
		"too many":         {wide, list(101, inQuery(t, "{a}")), "graphql_batch"},
		"aliases together": {modest(), list(2, one), "graphql_aliases"},
		"roots together":   {modest(), list(3, inQuery(t, "{ a b }")), "graphql_root_fields"},
		"cost together":    {modest(), list(3, inQuery(t, "{ dear }")), "graphql_cost"},
		"tokens together":  {wide, list(3, inQuery(t, "{ a(x: ["+strings.Repeat("1 ", 100)+"]) }")), "graphql_tokens"},
		"none at all":      {modest(), "[]", "graphql_request"},
		"in each other":    {modest(), "[[" + one + "]]", "graphql_request"},
		"the schema last":  {modest(), "[" + inQuery(t, "{a}") + "," + inQuery(t, "{__schema{types{name}}}") + "]", "graphql_introspection"},
	} {
		t.Run(name, func(t *testing.T) {
			r := posted("application/json", strings.NewReader(c.body))
			if c.code != "" {
				wantRefused(t, c.p, r, 400, c.code)
				return
			}
			var asked atomic.Int32
			if resp := ask(graphed(t, c.p, &asked, &logBuffer{}), r); resp.StatusCode != 200 {
				t.Errorf("status %d: %s", resp.StatusCode, body(t, resp))
			}
		})
	}
}

// The operation that counts is the one that every server executes. Where servers could differ, none is.
func TestGraphQLOperation(t *testing.T) {
	two := "query Small { a } query Large { w: a x: a y: a z: a }"
	for name, c := range map[string]struct {
		document string
		op       any
		code     string
	}{
		"the small one":            {two, "Small", ""},
		"the large one":            {two, "Large", "graphql_aliases"},
		"neither":                  {two, "Other", "graphql_operation"},
		"not said":                 {two, nil, "graphql_operation"},
		"empty":                    {two, "", "graphql_operation"},
		"in other letters":         {two, "small", "graphql_operation"},
		"another than the only":    {"query Small { a }", "Other", "graphql_operation"},
		"the only one":             {"query Small { a }", nil, ""},
		"two of a name":            {"query A { a } query A { w: a x: a y: a z: a }", "A", "graphql_operation"},
		"one without a name":       {"{ a } query A { w: a x: a y: a z: a }", "A", "graphql_operation"},
		"one of two without names": {"{ a } { w: a x: a y: a z: a }", nil, "graphql_operation"},
		"a variable twice":         {"query A($n: Int = 1, $n: Int = 1000) { a(first: $n) }", nil, "graphql_operation"},
		"not a text":               {"{ a }", 7, "graphql_request"},
	} {
		t.Run(name, func(t *testing.T) {
			r := posted("application/json", strings.NewReader(inQuery(t, c.document, "operationName", c.op)))
			if c.code != "" {
				wantRefused(t, modest(), r, 400, c.code)
				return
			}
			var asked atomic.Int32
			if resp := ask(graphed(t, modest(), &asked, &logBuffer{}), r); resp.StatusCode != 200 {
				t.Errorf("status %d: %s", resp.StatusCode, body(t, resp))
			}
		})
	}
}

// What two readers would read differently, and what is not looked at, goes to no upstream.
func TestGraphQLTwoReadings(t *testing.T) {
	const large = "{ w: a x: a y: a z: a }"
	for name, sent := range map[string]string{
		"query twice":                `{"query":"{a}","query":"` + large + `"}`,
		"query twice, once escaped":  `{"query":"{a}","\u0071uery":"` + large + `"}`,
		"query in other letters":     `{"query":"{a}","Query":"` + large + `"}`,
		"the other way around":       `{"QUERY":"` + large + `","query":"{a}"}`,
		"variables twice":            `{"query":"query($n:Int){a(first:$n)}","variables":{"n":1},"variables":{"n":1000}}`,
		"variables in other letters": `{"query":"query($n:Int){a(first:$n)}","variables":{"n":1},"variable\u017f":{"n":1000}}`,
		"a variable twice":           `{"query":"query($n:Int){a(first:$n)}","variables":{"n":1,"n":1000}}`,
		"operationName twice":        `{"query":"query A{a} query B` + large + `","operationName":"A","operationName":"B"}`,
		"a document by its id":       `{"query":"{a}","documentId":"sha256:abc"}`,
		"only by its hash":           `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"abc"}}}`,
		"two values":                 `{"query":"{a}"}{"query":"` + large + `"}`,
		"not UTF-8":                  "{\"query\":\"{a}\",\"operationName\":\"\xff\"}",
		"a byte-order mark":          "\uFEFF" + `{"query":"{a}"}`,
		"empty":                      "",
		"a text":                     `"{a}"`,
		"null":                       `null`,
		"query is null":              `{"query":null}`,
		"query is a list":            `{"query":["{a}"]}`,
		"variables are a text":       `{"query":"query($n:Int){a(first:$n)}","variables":"{\"n\":1000}"}`,
		"extensions are a text":      `{"query":"{a}","extensions":"x"}`,
		"deep JSON":                  `{"query":"{a}","variables":{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRefused(t, modest(), posted("application/json", strings.NewReader(sent)), 400, "graphql_request")
		})
	}
	for name, target := range map[string]string{
		"query": "/x?query=" + url.QueryEscape(large), "in other letters": "/x?QUERY=a", "operation": "/x?operationName=B", "variables": "/x?variables={}", "unreadable": "/x?a=%zz&query=a", "semicolon": "/x?a=1;query=b",
	} {
		t.Run("beside a body: "+name, func(t *testing.T) {
			t.Parallel()
			r := posted("application/json", strings.NewReader(`{"query":"{a}"}`))
			u, err := url.ParseRequestURI(target)
			if err != nil {
				t.Fatal(err)
			}
			r.URL = u
			wantRefused(t, modest(), r, 400, "graphql_request")
		})
	}
}

// A page of another site can have a browser send only what the policy does not take (Fetch, "CORS-safelisted request-header").
func TestGraphQLContentTypes(t *testing.T) {
	const sent = `{"query":"mutation { pay }"}`
	for _, contentType := range []string{
		"", "text/plain", "text/plain;charset=utf-8", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "application/graphql", "application/json, text/plain",
		"text/plain; application/json", "text/plain; x=application/json", "application/jsonx", "application/json; charset=utf-16", "application/json; charset=utf-7", "application/json;;", "application/graphql-response+json",
	} {
		t.Run(contentType, func(t *testing.T) {
			wantRefused(t, modest(), posted(contentType, strings.NewReader(sent)), 415, "")
		})
	}
	t.Run("two", func(t *testing.T) {
		wantRefused(t, modest(), posted("application/json", strings.NewReader(sent), "Content-Type", "text/plain"), 415, "")
	})
	t.Run("compressed", func(t *testing.T) {
		wantRefused(t, modest(), posted("application/json", strings.NewReader(zipped(t, "gzip", sent)), "Content-Encoding", "gzip"), 415, "")
	})
	for _, contentType := range []string{"application/json", "Application/JSON; charset=UTF-8", `application/json; charset="utf-8"`} {
		var asked atomic.Int32
		if resp := ask(graphed(t, modest(), &asked, &logBuffer{}), posted(contentType, strings.NewReader(sent))); resp.StatusCode != 200 {
			t.Errorf("%s: %d", contentType, resp.StatusCode)
		}
	}
}

// By GET come queries and nothing else: what a link can do changes nothing.
func TestGraphQLByGet(t *testing.T) {
	query := func(pairs ...string) string {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return "/x?" + v.Encode()
	}
	for name, c := range map[string]struct {
		target string
		status int
		code   string
	}{
		"query":                   {query("query", "{a}"), 200, ""},
		"with variables":          {query("query", "query($n:Int){a(first:$n)}", "variables", `{"n":10}`, "key", "k"), 200, ""},
		"large variable":          {query("query", "query($n:Int){a(first:$n)}", "variables", `{"n":1000}`), 400, "graphql_cost"},
		"variable twice":          {query("query", "query($n:Int){a(first:$n)}", "variables", `{"n":1,"n":1000}`), 400, "graphql_request"},
		"mutation":                {query("query", "mutation{pay}"), 405, "graphql_operation"},
		"subscription":            {query("query", "subscription{pay}"), 405, "graphql_operation"},
		"mutation of two":         {query("query", "query A{a} mutation B{pay}", "operationName", "B"), 405, "graphql_operation"},
		"query of two":            {query("query", "query A{a} mutation B{pay}", "operationName", "A"), 200, ""},
		"aliases":                 {query("query", "{ w: a x: a y: a z: a }"), 400, "graphql_aliases"},
		"twice":                   {query("query", "{a}", "query", "mutation{pay}"), 400, "graphql_request"},
		"twice, in other letters": {query("query", "{a}", "QUERY", "mutation{pay}"), 400, "graphql_request"},
		"none":                    {"/x", 400, "graphql_request"},
		"unreadable":              {"/x?query={a}&x=%zz", 400, "graphql_request"},
		"long":                    {query("query", "{a}", "x", strings.Repeat("x", 4000)), 414, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{"GET", "HEAD"} {
				r := get(c.target)
				r.Method = method
				if c.status != 200 {
					if method == "GET" {
						wantRefused(t, modest(), r, c.status, c.code)
						continue
					}
				}
				var asked atomic.Int32
				resp := ask(graphed(t, modest(), &asked, &logBuffer{}), r)
				if resp.StatusCode != c.status || (asked.Load() == 1) != (c.status == 200) {
					t.Errorf("%s: status %d", method, resp.StatusCode)
				}
				if c.status == 405 && resp.Header.Get("Allow") != "POST" {
					t.Errorf("Allow: %s", resp.Header.Get("Allow"))
				}
			}
		})
	}
	r := posted("application/json", strings.NewReader(`{"query":"mutation{pay}"}`))
	r.Method, r.URL.RawQuery = http.MethodGet, "query={a}"
	wantRefused(t, modest(), r, 400, "graphql_request")
	for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "QUERY"} {
		r := posted("application/json", strings.NewReader(`{"query":"{a}"}`))
		r.Method = method
		wantRefused(t, modest(), r, 405, "")
	}
	upgrade := get("/x")
	upgrade.Header.Set("Connection", "Upgrade")
	upgrade.Header.Set("Upgrade", "websocket")
	wantRefused(t, modest(), upgrade, 400, "graphql_request")
}

// A body goes on byte for byte, with its length as the client told it, and one that is too large does not, however it is sent.
func TestGraphQLBody(t *testing.T) {
	sent := "\n { \"query\" : \"{ a } # \\u00e9\" , \"variables\" : { \"n\" : 1.0e0 } } \r\n"
	for length, r := range map[string]*http.Request{fmt.Sprint(len(sent)): posted("application/json", strings.NewReader(sent)), "-1": posted("application/json", chunked(sent))} {
		var asked atomic.Int32
		resp := ask(graphed(t, modest(), &asked, &logBuffer{}), r)
		if got := body(t, resp); resp.StatusCode != 200 || got != sent || resp.Header.Get("X-Length") != length {
			t.Errorf("%d, length %s: %q", resp.StatusCode, resp.Header.Get("X-Length"), got)
		}
	}
	large := inQuery(t, "{ a }", "extensions", map[string]any{"x": strings.Repeat("x", 4000)})
	wantRefused(t, modest(), posted("application/json", strings.NewReader(large)), 413, "")
	wantRefused(t, modest(), posted("application/json", chunked(large)), 413, "")
	var asked atomic.Int32
	broken := posted("application/json", io.MultiReader(strings.NewReader(`{"query":`), failing{}))
	if resp := ask(graphed(t, modest(), &asked, &logBuffer{}), broken); resp.StatusCode != 400 || asked.Load() != 0 {
		t.Errorf("a body that breaks off: %d", resp.StatusCode)
	}
}

// failing is a body that breaks.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// No document, within the limits, takes long to look at, and none makes the gateway fail.
func FuzzGraphQL(f *testing.F) {
	for _, s := range []string{"{a}", "query A($n: Int = 1) { a(first: $n) { ...f } } fragment f on T { b @x(y: [1, {z: \"\"}]) }", "{ a(x: \"\"\"b\"\"\") } # c", "{ ...f } fragment f on T { ...f }"} {
		f.Add(s, `{"n": 1}`)
	}
	p := modest()
	var asked atomic.Int32
	h := graphed(f, p, &asked, &logBuffer{})
	f.Fuzz(func(t *testing.T, document, variables string) {
		if !json.Valid([]byte(variables)) {
			variables = "null"
		}
		text, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		resp := ask(h, posted("application/json", strings.NewReader(`{"query":`+string(text)+`,"variables":`+variables+`}`)))
		if resp.StatusCode != 200 && resp.StatusCode != 400 && resp.StatusCode != 413 {
			t.Errorf("status %d", resp.StatusCode)
		}
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("it took %s", d)
		}
	})
}
