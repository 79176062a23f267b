package handler

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"polygate.example/shared/gateway"
)

// Codes of refusals.
const (
	codeGraphQLRequest       = "graphql_request"       // it is no request of GraphQL over HTTP, or one that could be read in two ways
	codeGraphQLSyntax        = "graphql_syntax"        // its document cannot be read
	codeGraphQLOperation     = "graphql_operation"     // it does not say which operation, or one that may not be asked for so
	codeGraphQLBatch         = "graphql_batch"         // it lists too many requests
	codeGraphQLTokens        = "graphql_tokens"        // its documents are too long
	codeGraphQLDepth         = "graphql_depth"         // see gateway.GraphQL for these
	codeGraphQLAliases       = "graphql_aliases"       //
	codeGraphQLRootFields    = "graphql_root_fields"   //
	codeGraphQLCost          = "graphql_cost"          //
	codeGraphQLIntrospection = "graphql_introspection" //
	codeGraphQLFragments     = "graphql_fragments"     // they go in a circle, or are not there
)

// graphql is a compiled policy of the kind.
type graphql struct {
	gateway.GraphQL
	env environment
}

// newGraphQL lets operations pass that ask for no more than is allowed. Source: GraphQL over HTTP, graphql.github.io/graphql-over-http/draft;
// what it leaves open, and what two readers could read differently, is refused.
func newGraphQL(p gateway.GraphQL, env environment) (policy, error) {
	g := &graphql{GraphQL: p, env: env}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sent, f := g.serve(w.Header(), r)
			if f != nil {
				f.write(w, r)
				return
			}
			next.ServeHTTP(w, sent)
		})
	}, nil
}

func (g *graphql) refuse(status int, code, detail, why string) *refusal {
	return &refusal{answer: coded(status, code, detail), why: why, env: g.env}
}

// serve looks at a request and returns it with a body that can be read again. It may add to the headers of the answer.
func (g *graphql) serve(out http.Header, r *http.Request) (*http.Request, *refusal) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if hasBody(r) {
			return nil, g.unclear("it has a query and a body")
		}
		if int64(len(r.URL.RawQuery)) > g.Bytes {
			return nil, g.refuse(http.StatusRequestURITooLong, "", fmt.Sprintf("The query of the URL is longer than %d bytes.", g.Bytes), "its query is too long")
		}
		one, err := fromQuery(r.URL.RawQuery)
		if err != nil {
			return nil, g.unclear(err.Error())
		}
		return r, g.look([]graphqlRequest{one}, func(op ast.Operation) *refusal {
			if op == ast.Query {
				return nil
			}
			out.Set("Allow", http.MethodPost) // GraphQL over HTTP, "GET": a mutation is not executed
			return g.refuse(http.StatusMethodNotAllowed, codeGraphQLOperation, "By GET only queries may be asked for.", "it asks for a "+string(op)+" by "+r.Method)
		})
	case http.MethodPost:
		return g.post(out, r)
	}
	out.Set("Allow", "GET, POST")
	return nil, g.refuse(http.StatusMethodNotAllowed, "", "This path takes operations of GraphQL by GET and POST.", "its method is neither GET nor POST")
}

func (g *graphql) unclear(why string) *refusal {
	return g.refuse(http.StatusBadRequest, codeGraphQLRequest, "This is no request of GraphQL over HTTP: "+why+".", why)
}

func (g *graphql) post(out http.Header, r *http.Request) (*http.Request, *refusal) {
	if !isJSONRequest(r.Header) {
		out.Set("Accept", "application/json")
		out.Set("Accept-Post", "application/json")
		return nil, g.refuse(http.StatusUnsupportedMediaType, "", "The request's content type has to be application/json.", "its content type is not application/json in UTF-8")
	}
	if _, plain := contentCoding(r.Header); !plain {
		out.Set("Accept-Encoding", "identity")
		return nil, g.refuse(http.StatusUnsupportedMediaType, "", "The request's body is compressed, which is not taken here.", "its body is compressed")
	}
	if err := besideBody(r.URL.RawQuery); err != nil {
		return nil, g.unclear(err.Error())
	}
	tooLarge := func() *refusal {
		return g.refuse(http.StatusRequestEntityTooLarge, "", fmt.Sprintf("The request's body is larger than %d bytes.", g.Bytes), "its body is too large")
	}
	if r.ContentLength > g.Bytes {
		return nil, tooLarge()
	}
	var b []byte
	if r.Body != nil {
		var err error
		b, err = io.ReadAll(io.LimitReader(r.Body, g.Bytes+1))
		switch f := refusalOf(err); {
		case f != nil:
			return nil, f
		case err != nil:
			return nil, g.refuse(http.StatusBadRequest, "", "The request's body ended early.", "its body ended early")
		case int64(len(b)) > g.Bytes:
			return nil, tooLarge()
		}
	}
	all, listed, err := fromBody(b)
	if err != nil {
		return nil, g.unclear(err.Error())
	}
	if listed && len(all) > g.Batch {
		return nil, g.refuse(http.StatusBadRequest, codeGraphQLBatch, "The request lists more operations than may be asked for at once.", fmt.Sprintf("it lists %d requests", len(all)))
	}
	if f := g.look(all, func(ast.Operation) *refusal { return nil }); f != nil {
		return nil, f
	}
	sent := *r // the length stays as the client told it: an upstream that wanted a body in chunks gets it so
	sent.Body = &readAgain{Reader: bytes.NewReader(b), Closer: r.Body}
	return &sent, nil
}

// look holds operations against the limits, all together.
func (g *graphql) look(all []graphqlRequest, allowed func(ast.Operation) *refusal) *refusal {
	var sum tally
	tokens := g.Tokens
	for _, one := range all {
		var f *refusal
		if tokens, f = g.count(one.query, tokens); f != nil {
			return f
		}
		op, w, f := g.operation(one)
		if f != nil {
			return f
		}
		if f := allowed(op.Operation); f != nil {
			return f
		}
		t, err := w.selections(op.SelectionSet)
		if err != nil {
			return g.refuse(http.StatusBadRequest, codeGraphQLFragments, "The fragments of the document go in a circle, or are not there.", err.Error())
		}
		sum.add(t)
	}
	for _, limit := range []struct {
		code, what string
		is, most   int64
	}{
		{codeGraphQLDepth, "fields inside each other", sum.depth, int64(g.Depth)}, {codeGraphQLRootFields, "fields at the root", sum.fields, int64(g.RootFields)},
		{codeGraphQLAliases, "aliases", sum.aliases, int64(g.Aliases)}, {codeGraphQLCost, "of cost", sum.cost, int64(g.Cost)},
	} {
		if limit.is > limit.most {
			return g.refuse(http.StatusBadRequest, limit.code, fmt.Sprintf("The operation has more than %d %s.", limit.most, limit.what), fmt.Sprintf("it has %d %s", limit.is, limit.what))
		}
	}
	if sum.introspects && !g.Introspection {
		return g.refuse(http.StatusBadRequest, codeGraphQLIntrospection, "The schema is not told here.", "it asks for the schema")
	}
	return nil
}

// isJSONRequest reports whether a body is JSON in UTF-8, and said to be: browsers send other types to any place, without asking first.
func isJSONRequest(h http.Header) bool {
	if mediaType(h) != "application/json" {
		return false
	}
	_, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset, given := params["charset"]
	return err == nil && (!given || strings.EqualFold(charset, "utf-8"))
}

// operation reads the document of a request and chooses what is to be executed as every server has to: by name, or the only one.
func (g *graphql) operation(one graphqlRequest) (*ast.OperationDefinition, *walk, *refusal) {
	doc, err := parseGraphQL(one.query, g.Tokens)
	if err != nil {
		return nil, nil, g.refuse(http.StatusBadRequest, codeGraphQLSyntax, "The document cannot be read: "+err.Error()+".", "its document cannot be read")
	}
	unclear := func(why string) (*ast.OperationDefinition, *walk, *refusal) {
		return nil, nil, g.refuse(http.StatusBadRequest, codeGraphQLOperation, "It is not clear which operation is meant: "+why+".", why)
	}
	var names []string
	for _, op := range doc.Operations {
		if slices.Contains(names, op.Name) || op.Name == "" && len(doc.Operations) > 1 {
			return unclear("several operations have one name, or none")
		}
		names = append(names, op.Name)
	}
	i := slices.Index(names, one.operation)
	switch {
	case len(names) == 0:
		return unclear("there is none")
	case one.operation == "" && len(names) == 1:
		i = 0
	case one.operation == "":
		return unclear("there are several, and operationName is missing")
	case i < 0:
		return unclear("operationName is that of none")
	}
	w := &walk{spec: &g.GraphQL, fragments: map[string]*fragment{}, given: one.variables, sizes: map[string]size{}, defaults: map[string]*ast.Value{}}
	for _, f := range doc.Fragments {
		if w.fragments[f.Name] != nil {
			return nil, nil, g.refuse(http.StatusBadRequest, codeGraphQLFragments, "Two fragments have one name.", "two fragments have one name")
		}
		w.fragments[f.Name] = &fragment{selections: f.SelectionSet}
	}
	for _, v := range doc.Operations[i].VariableDefinitions {
		if _, again := w.defaults[v.Variable]; again {
			return unclear("a variable is declared twice")
		}
		w.defaults[v.Variable] = v.DefaultValue
	}
	return doc.Operations[i], w, nil
}

// count takes the tokens of a document off those that are left, and keeps what is nested so deeply from the parser, which goes down as deep.
func (g *graphql) count(document string, left int) (int, *refusal) {
	n, err := countTokens(document, left)
	switch {
	case errors.Is(err, errTokens):
		return 0, g.refuse(http.StatusBadRequest, codeGraphQLTokens, fmt.Sprintf("The operations are longer than %d tokens.", g.Tokens), err.Error())
	case errors.Is(err, errNested):
		return 0, g.refuse(http.StatusBadRequest, codeGraphQLDepth, "The document has too much inside each other.", err.Error())
	case err != nil:
		return 0, g.refuse(http.StatusBadRequest, codeGraphQLSyntax, "The document cannot be read: "+err.Error()+".", "its document cannot be read")
	}
	return left - n, nil
}
