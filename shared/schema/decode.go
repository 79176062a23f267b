package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of a JSON text beside its size. What they keep out costs more to hold against a schema than it weighs.
const (
	MaxDepth  = 100    // arrays and objects inside each other
	MaxValues = 50_000 // values of all kinds
	maxNumber = 256    // bytes of one number
	maxPower  = 400    // its exponent, either way; binary64 ends at 308
)

// Why a text is not taken. They name nothing of its content.
var (
	ErrNotUTF8   = errors.New("it is not UTF-8")
	ErrNotJSON   = errors.New("it is not one value of JSON")
	ErrTooDeep   = errors.New("its arrays and objects are nested too deeply")
	ErrTooMany   = errors.New("it has too many values")
	ErrNumber    = errors.New("it has a number that is too long, or whose exponent is too large")
	ErrTwice     = errors.New("an object in it has two members of one name")
	ErrPrototype = errors.New("it has a member that would change a prototype")
	ErrSurrogate = errors.New("it has half of a surrogate pair")
)

// Options say how strictly a text is read.
type Options struct {
	// Prototype takes members that would reach the prototypes of objects in JavaScript: __proto__, and constructor with a prototype in it.
	Prototype bool
	Values    int // that a text may have, 0 for MaxValues
}

// Decode reads one value of JSON as any upstream would read it, or not at all: what parsers differ on (RFC 8259, 4; RFC 7493, 2) is an error,
// members that occur twice first of all. Numbers are [json.Number], exactly as they are written.
func Decode(text []byte, o Options) (any, error) {
	if !utf8.Valid(text) {
		return nil, ErrNotUTF8
	}
	if tooDeep(text) { // before anything that calls itself for each level
		return nil, ErrTooDeep
	}
	if !json.Valid(text) {
		return nil, ErrNotJSON
	}
	r := reader{text: text, prototype: o.Prototype, left: o.Values}
	if r.left == 0 {
		r.left = MaxValues
	}
	return r.value()
}

// tooDeep counts brackets outside of strings.
func tooDeep(text []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > MaxDepth {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}

// reader makes values of a text that is known to be valid.
type reader struct {
	text      []byte
	at        int
	left      int // values that may still come
	prototype bool
}

// next is the next byte that is not space.
func (r *reader) next() byte {
	for r.text[r.at] == ' ' || r.text[r.at] == '\n' || r.text[r.at] == '\t' || r.text[r.at] == '\r' {
		r.at++
	}
	return r.text[r.at]
}

func (r *reader) value() (any, error) {
	if r.left--; r.left < 0 {
		return nil, ErrTooMany
	}
	switch r.next() {
	case '{':
		return r.members()
	case '[':
		return r.items()
	case '"':
		return r.string()
	case 't':
		r.at += len("true")
		return true, nil
	case 'f':
		r.at += len("false")
		return false, nil
	case 'n':
		r.at += len("null")
		return nil, nil
	}
	return r.number()
}

func (r *reader) members() (any, error) {
	out := map[string]any{}
	r.at++
	for r.next() != '}' {
		name, err := r.string()
		if err != nil {
			return nil, err
		}
		if _, again := out[name]; again {
			return nil, ErrTwice
		}
		r.next()
		r.at++ // the colon
		value, err := r.value()
		if err != nil {
			return nil, err
		}
		if !r.prototype && Prototype(name, value) {
			return nil, ErrPrototype
		}
		out[name] = value
		if r.next() == ',' {
			r.at++
		}
	}
	r.at++
	return out, nil
}

// Prototype reports whether a member would reach the prototype of objects where an upstream copies members in JavaScript.
func Prototype(name string, value any) bool {
	if name == "__proto__" {
		return true
	}
	if object, is := value.(map[string]any); is && name == "constructor" {
		_, there := object["prototype"]
		return there
	}
	return false
}

func (r *reader) items() (any, error) {
	out := []any{}
	r.at++
	for r.next() != ']' {
		value, err := r.value()
		if err != nil {
			return nil, err
		}
		out = append(out, value)
		if r.next() == ',' {
			r.at++
		}
	}
	r.at++
	return out, nil
}

func (r *reader) string() (string, error) {
	r.next()
	start := r.at
	escaped := false
	for r.at++; r.text[r.at] != '"'; r.at++ {
		if r.text[r.at] == '\\' {
			escaped = true
			r.at++
		}
	}
	r.at++
	quoted := r.text[start:r.at]
	if !escaped {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return "", ErrNotJSON
	}
	if strings.ContainsRune(s, utf8.RuneError) && halfPair(quoted, s) {
		return "", ErrSurrogate
	}
	return s, nil
}

// halfPair reports whether some replacement character in s stands for what is no character: of those that are meant, each is in the text.
func halfPair(quoted []byte, s string) bool {
	meant := bytes.Count(quoted, []byte("\ufffd"))
	for i := 0; i < len(quoted); i++ {
		if quoted[i] == '\\' {
			if i+6 <= len(quoted) && strings.EqualFold(string(quoted[i+1:i+6]), "ufffd") {
				meant++
			}
			i++
		}
	}
	return strings.Count(s, "\ufffd") > meant
}

func (r *reader) number() (any, error) {
	start := r.at
	for r.at < len(r.text) && bytes.IndexByte([]byte("+-.0123456789eE"), r.text[r.at]) >= 0 {
		r.at++
	}
	return number(string(r.text[start:r.at]))
}

// number is a number of JSON, which is not so large that to compute with it would cost much.
func number(text string) (json.Number, error) {
	if len(text) > maxNumber {
		return "", ErrNumber
	}
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		if n, err := strconv.Atoi(text[i+1:]); err != nil || n < -maxPower || n > maxPower {
			return "", ErrNumber
		}
	}
	return json.Number(text), nil
}
