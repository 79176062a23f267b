package handler

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"
)

// graphqlRequest is what one request of GraphQL over HTTP asks for.
type graphqlRequest struct {
	query     string // the document
	operation string // its name, "" for the only one
	variables map[string]any
}

// graphqlKeys are the keys of a request, in a body as in a URL.
var graphqlKeys = []string{"query", "operationName", "variables", "extensions"}

// maxJSONNesting is how deep the JSON of a request may be.
const maxJSONNesting = 100

// Why a request cannot be read. The words go to the client.
var (
	errGraphQLJSON   = errors.New("it is not one value of JSON in UTF-8")
	errGraphQLShape  = errors.New("it is neither an object nor a list of objects")
	errGraphQLQuery  = errors.New("it has no document in query")
	errGraphQLDeep   = errors.New("its JSON is too deep")
	errGraphQLEscape = errors.New("the query of its URL cannot be read")
)

// keyOf is the key that a server may take a name for, "" for none: some do not mind case.
func keyOf(name string) string {
	for _, key := range graphqlKeys {
		if strings.EqualFold(name, key) {
			return key
		}
	}
	return ""
}

// fromQuery reads the request in a URL.
func fromQuery(raw string) (graphqlRequest, error) {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return graphqlRequest{}, errGraphQLEscape
	}
	given := map[string]any{}
	for name, values := range q {
		switch key := keyOf(name); {
		case key == "":
		case key != name || len(values) != 1:
			return graphqlRequest{}, fmt.Errorf("%s is there twice, or in other letters", key)
		case key == "variables" || key == "extensions":
			v, err := readStrict([]byte(values[0]))
			if err != nil {
				return graphqlRequest{}, err
			}
			given[key] = v
		default:
			given[key] = values[0]
		}
	}
	return requestOf(given)
}

// besideBody tests that the URL of a request with a body does not say what to execute too: some servers would take that.
func besideBody(raw string) error {
	if raw == "" {
		return nil
	}
	q, err := url.ParseQuery(raw)
	if err != nil {
		return errGraphQLEscape
	}
	for name := range q {
		if key := keyOf(name); key != "" {
			return fmt.Errorf("%s is in its URL, beside a body", key)
		}
	}
	return nil
}

// fromBody reads the request in a body, or the list of them.
func fromBody(b []byte) (all []graphqlRequest, listed bool, err error) {
	v, err := readStrict(b)
	if err != nil {
		return nil, false, err
	}
	list, listed := v.([]any)
	if !listed {
		list = []any{v}
	}
	if len(list) == 0 {
		return nil, listed, errGraphQLQuery
	}
	for _, one := range list {
		object, ok := one.(map[string]any)
		if !ok {
			return nil, listed, errGraphQLShape
		}
		for name := range object {
			if keyOf(name) != name {
				return nil, listed, errors.New("it has another key than query, operationName, variables and extensions")
			}
		}
		r, err := requestOf(object)
		if err != nil {
			return nil, listed, err
		}
		all = append(all, r)
	}
	return all, listed, nil
}

func requestOf(given map[string]any) (graphqlRequest, error) {
	var r graphqlRequest
	var ok bool
	if r.query, ok = given["query"].(string); !ok || r.query == "" {
		return r, errGraphQLQuery
	}
	if v := given["operationName"]; v != nil {
		if r.operation, ok = v.(string); !ok {
			return r, errors.New("operationName is not text")
		}
	}
	if v := given["variables"]; v != nil {
		if r.variables, ok = v.(map[string]any); !ok {
			return r, errors.New("variables is not an object")
		}
	}
	if v := given["extensions"]; v != nil {
		if _, ok := v.(map[string]any); !ok {
			return r, errors.New("extensions is not an object")
		}
	}
	return r, nil
}

// readStrict reads one value of JSON in which no object has a name twice: one reader would take the first and another the last.
func readStrict(b []byte) (any, error) {
	if !utf8.Valid(b) {
		return nil, errGraphQLJSON
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	v, err := readValue(dec, 0)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errGraphQLJSON
	}
	return v, nil
}

func readValue(dec *json.Decoder, depth int) (any, error) {
	t, err := dec.Token()
	if err != nil {
		return nil, errGraphQLJSON
	}
	if depth > maxJSONNesting {
		return nil, errGraphQLDeep
	}
	switch t {
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := readValue(dec, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		if _, err := dec.Token(); err != nil {
			return nil, errGraphQLJSON
		}
		return list, nil
	case json.Delim('{'):
		object := map[string]any{}
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return nil, errGraphQLJSON
			}
			key, ok := name.(string)
			if !ok {
				return nil, errGraphQLJSON
			}
			if _, again := object[key]; again {
				return nil, errors.New("its JSON has a name twice")
			}
			if object[key], err = readValue(dec, depth+1); err != nil {
				return nil, err
			}
		}
		if _, err := dec.Token(); err != nil {
			return nil, errGraphQLJSON
		}
		return object, nil
	}
	return t, nil
}
