package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// reader takes dials from a Lookup and collects what is wrong with them.
type reader struct {
	get      Lookup
	problems []Problem
}

func (r *reader) lookup(key string) (string, bool) { return r.get(Namespace + ":" + key) }

// bad reports a problem. Of several at one place only the first is kept: it is the cause of the others.
func (r *reader) bad(key string, path []string, format string, args ...any) {
	p := Problemf(key, path, format, args...)
	if !slices.ContainsFunc(r.problems, func(q Problem) bool { return q.Key == p.Key && slices.Equal(q.Path, p.Path) }) {
		r.problems = append(r.problems, p)
	}
}

// fresh leaves out what concerns a place whose form is wrong: the first so many problems say so.
func (r *reader) fresh(problems []Problem, form int) []Problem {
	return slices.DeleteFunc(problems, func(p Problem) bool {
		return slices.ContainsFunc(r.problems[:form], func(q Problem) bool { return q.Key == p.Key && slices.Equal(q.Path, p.Path) })
	})
}

func (r *reader) required(key, want string) string {
	v, ok := r.lookup(key)
	if !ok || v == "" {
		r.bad(key, nil, "is missing: want %s", want)
		return ""
	}
	return v
}

// domain reads a DNS name in its one spelling: lower case, no trailing dot, at least two labels (RFC 1035, 2.3.1).
func (r *reader) domain(key, want string) string {
	v := r.required(key, want)
	if v == "" {
		return ""
	}
	labels := strings.Split(v, ".")
	if len(v) > 253 || len(labels) < 2 || slices.ContainsFunc(labels, func(l string) bool { return !isHostLabel(l) }) {
		r.bad(key, nil, "%q is not a DNS name: want lower-case labels of a-z, 0-9 and - joined by dots, for example api.example.com", v)
		return ""
	}
	return v
}

func (r *reader) oneOf(key, fallback string, known ...string) string {
	v, ok := r.lookup(key)
	if !ok {
		return fallback
	}
	if !slices.Contains(known, v) {
		r.bad(key, nil, "%q is unknown: want %s", v, List(known))
		return ""
	}
	return v
}

func (r *reader) whole(key string, fallback, least, most int, unit string) int {
	v, ok := r.lookup(key)
	if !ok {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		r.bad(key, nil, "is %s: want a whole number of %s from %d to %d", quote(v), unit, least, most)
		return 0
	}
	return n
}

func (r *reader) boolean(key string) bool {
	v, ok := r.lookup(key)
	if ok && v != "true" && v != "false" {
		r.bad(key, nil, "is %s: want true or false", quote(v))
	}
	return v == "true"
}

func (r *reader) strings(key string) ([]string, bool) {
	v, ok := r.lookup(key)
	if !ok {
		r.bad(key, nil, "is missing: want a list of provider/region, for example [aws/us-east-1, gcp/us-central1]; the first is the primary")
		return nil, false
	}
	var list []string
	if err := json.Unmarshal([]byte(v), &list); err != nil {
		r.bad(key, nil, "is %s: want a list of text", quote(v))
		return nil, false
	}
	return list, true
}

// object decodes a structured dial into v, which holds the defaults, and reports every field that is unknown or of a
// wrong type. It reports whether the dial is set and is a map.
func (r *reader) object(key string, v any) bool {
	text, ok := r.lookup(key)
	if !ok {
		return false
	}
	return r.fields(key, nil, text, v)
}

// fields decodes the map at a path inside a structured dial, as object does the whole.
func (r *reader) fields(key string, path []string, text string, v any) bool {
	known := fields(v)
	var got map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &got) != nil || got == nil {
		r.bad(key, path, "is %s: want a map with %s", quote(text), List(known))
		return false
	}
	for _, field := range slices.Sorted(maps.Keys(got)) {
		at := append(slices.Clone(path), field)
		if !slices.Contains(known, field) {
			r.bad(key, at, "is unknown: want %s", List(known))
			continue
		}
		// One field at a time, because a decoder stops at the first that does not fit.
		one, err := json.Marshal(map[string]json.RawMessage{field: got[field]})
		if err == nil {
			err = json.Unmarshal(one, v)
		}
		var typeErr *json.UnmarshalTypeError
		switch {
		case errors.As(err, &typeErr):
			r.bad(key, at, "is a %s: want %s", typeErr.Value, kindName(typeErr.Type.Kind().String()))
		case err != nil:
			r.bad(key, at, "is %s: %v", quote(string(got[field])), err)
		}
	}
	return true
}

// fields lists the JSON fields of a struct, in alphabetical order.
func fields(v any) []string {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var m map[string]any
	if json.Unmarshal(b, &m) != nil {
		return nil
	}
	names := make([]string, 0, len(m))
	for f := range m {
		names = append(names, f)
	}
	slices.Sort(names)
	return names
}

func kindName(kind string) string {
	switch {
	case strings.HasPrefix(kind, "int"):
		return "a whole number"
	case strings.HasPrefix(kind, "float"):
		return "a number"
	case kind == "struct":
		return "a map"
	case kind == "string":
		return "text"
	default:
		return kind
	}
}

// List joins names for a message: "a", "a or b", "a, b or c".
func List(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// Count says how many there are of something for a message: "1 day", "2 days".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// Quote shows what a stack file has, as much of it as fits into a message.
func Quote(v string) string { return quote(v) }

func quote(v string) string {
	if len(v) > 60 {
		v = v[:57] + "..."
	}
	return fmt.Sprintf("%q", v)
}

// isLabel accepts names as providers and regions have them.
func isLabel(s string) bool { return isHostLabel(s) && s[0] >= 'a' && s[0] <= 'z' }

// isHostLabel accepts one label of a lower-case host name.
func isHostLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
