// Package claim looks into what is known of a caller: the claims of a token, or what a document says of another credential.
package claim

import (
	"encoding/json"
	"strconv"
)

// Lookup returns what lies at a path of names; false if nothing does.
func Lookup(claims map[string]any, path []string) (any, bool) {
	var at any = claims
	for _, name := range path {
		m, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = m[name]; !ok {
			return nil, false
		}
	}
	return at, true
}

// Texts are the values of a claim as text: those of a list, or the one that it is. Numbers and truth values are as JSON writes
// them; anything else has no text.
func Texts(v any) []string {
	if list, ok := v.([]any); ok {
		var out []string
		for _, one := range list {
			if s, ok := text(one); ok {
				out = append(out, s)
			}
		}
		return out
	}
	if s, ok := text(v); ok {
		return []string{s}
	}
	return nil
}

func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
