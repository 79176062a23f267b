package handler

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/dunglas/httpsfv"
)

// signatureBase is the text that a signature is of (RFC 9421, 2.5): a line for each component, and one for the parameters. The error says,
// for the log, which component cannot be had.
func signatureBase(r *http.Request, input httpsfv.InnerList) (string, error) {
	var b strings.Builder
	seen := make(map[string]bool, len(input.Items))
	for _, item := range input.Items {
		identifier, err := httpsfv.Marshal(item)
		if err != nil {
			return "", errors.New("a component cannot be written")
		}
		if seen[identifier] {
			return "", fmt.Errorf("component %.80s is covered twice", identifier)
		}
		seen[identifier] = true
		value, err := componentValue(r, item)
		if err != nil {
			return "", fmt.Errorf("component %.80s %w", identifier, err)
		}
		b.WriteString(identifier)
		b.WriteString(": ")
		b.WriteString(value)
		b.WriteByte('\n')
	}
	parameters, err := httpsfv.Marshal(input)
	if err != nil {
		return "", errors.New("the parameters cannot be written")
	}
	b.WriteString(`"@signature-params": `)
	b.WriteString(parameters)
	return b.String(), nil
}

var (
	errComponentUnknown = errors.New("is not known here")
	errComponentAbsent  = errors.New("is not in the request")
)

// componentValue is the value of a component in a request (RFC 9421, 2.1 and 2.2). Of the parameters only name, of @query-param, and key, of a
// header that is a dictionary, are known: the others are for responses, or need what fronts do not keep, such as the lines of a header.
func componentValue(r *http.Request, item httpsfv.Item) (string, error) {
	name, ok := item.Value.(string)
	if !ok || name == "" {
		return "", errComponentUnknown
	}
	parameters := item.Params.Names()
	if name == "@query-param" {
		if len(parameters) != 1 || parameters[0] != "name" {
			return "", errComponentUnknown
		}
		return queryParam(r, item)
	}
	if len(parameters) == 1 && parameters[0] == "key" && name[0] != '@' {
		return dictionaryMember(r, name, item)
	}
	if len(parameters) > 0 {
		return "", errComponentUnknown
	}
	if name[0] != '@' {
		return fieldValue(r, name)
	}
	switch name {
	case "@method":
		return r.Method, nil
	case "@authority":
		return authority(r), nil
	case "@scheme":
		return frontOf(r).Proto, nil
	case "@path":
		return r.URL.EscapedPath(), nil // never empty: the handler refuses what does not begin with /
	case "@query":
		return "?" + r.URL.RawQuery, nil
	case "@request-target":
		return requestTarget(r), nil
	case "@target-uri":
		return frontOf(r).Proto + "://" + authority(r) + requestTarget(r), nil
	}
	return "", errComponentUnknown
}

// authority is the host that was asked for, in lower case and without the port that its scheme implies (RFC 9421, 2.2.3).
func authority(r *http.Request) string {
	host := strings.ToLower(r.Host)
	implied := ":80"
	if frontOf(r).Proto == "https" {
		implied = ":443"
	}
	return strings.TrimSuffix(host, implied)
}

func requestTarget(r *http.Request) string {
	target := r.URL.EscapedPath()
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		target += "?" + r.URL.RawQuery
	}
	return target
}

// fieldValue is a header's lines joined by ", " (RFC 9421, 2.1). net/http keeps Host, and an adapter may keep Content-Length, outside the headers.
func fieldValue(r *http.Request, name string) (string, error) {
	if name != strings.ToLower(name) {
		return "", errComponentUnknown // names are in lower case, so that one is not covered under two
	}
	lines := r.Header[http.CanonicalHeaderKey(name)]
	switch {
	case name == "host":
		return r.Host, nil
	case len(lines) == 0 && name == "content-length" && r.ContentLength >= 0:
		return strconv.FormatInt(r.ContentLength, 10), nil
	case len(lines) == 0:
		return "", errComponentAbsent
	case len(lines) == 1:
		return strings.Trim(lines[0], " \t"), nil
	}
	trimmed := make([]string, len(lines))
	for i, line := range lines {
		trimmed[i] = strings.Trim(line, " \t")
	}
	return strings.Join(trimmed, ", "), nil
}

// dictionaryMember is one member of a header that is a dictionary (RFC 9421, 2.1.2).
func dictionaryMember(r *http.Request, name string, item httpsfv.Item) (string, error) {
	key, _ := item.Params.Get("key")
	text, ok := key.(string)
	if !ok || name != strings.ToLower(name) {
		return "", errComponentUnknown
	}
	dictionary, err := httpsfv.UnmarshalDictionary(r.Header[http.CanonicalHeaderKey(name)])
	if err != nil {
		return "", errors.New("is no dictionary")
	}
	member, ok := dictionary.Get(text)
	if !ok {
		return "", errComponentAbsent
	}
	if inner, ok := member.(httpsfv.InnerList); ok {
		return httpsfv.Marshal(inner)
	}
	return httpsfv.Marshal(member.(httpsfv.Item)) // there is no third kind of member
}

// queryParam is the value of a query parameter that the request has once (RFC 9421, 2.2.8): decoded as a form, and encoded again.
func queryParam(r *http.Request, item httpsfv.Item) (string, error) {
	given, _ := item.Params.Get("name")
	text, ok := given.(string)
	if !ok {
		return "", errComponentUnknown
	}
	name, err := url.QueryUnescape(text)
	if err != nil || formEncode(name) != text {
		return "", errComponentUnknown // one way to write it, so that it is not covered under two
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", errors.New("is in a query that cannot be read")
	}
	switch values := query[name]; len(values) {
	case 0:
		return "", errComponentAbsent
	case 1:
		return formEncode(values[0]), nil
	}
	return "", errors.New("is in the query several times")
}

// formEncode is percent-encoding by the set of forms, with %20 for a space.
func formEncode(s string) string { return formSet.Replace(url.QueryEscape(s)) }

var formSet = strings.NewReplacer("+", "%20", "%2A", "*", "~", "%7E")
