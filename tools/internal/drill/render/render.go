// Package render writes what a drill came to: as a table for a terminal, as JSON, as JUnit XML, as OpenMetrics text, and as one HTML page that
// needs nothing else; and many drills as their history. It judges nothing: every verdict, bound and figure is the outcome's own.
//
// Every text in an outcome is somebody else's: a title, a region's name, what a server answered. None of it can steer a terminal, end an
// attribute or add an element. Seconds are of cloud time, and counted from the fault; latencies are of wall time.
package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"

	"polygate.example/tools/internal/drill"
)

// JSON writes an outcome for programs, as it is: the fields are those of drill.Outcome, in its order. What is not to be seen is escaped, also where
// encoding/json would leave it as it is.
func JSON(w io.Writer, o drill.Outcome) error {
	src, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, r := range string(src) {
		if seen(r) >= 0 {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) { // of which JSON's escapes are made: RFC 8259, section 7
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	_, err = io.WriteString(w, b.String()+"\n")
	return err
}

// plain is a copy in which no text holds a character that is not to be seen: all forms but JSON write it. It goes by way of JSON, so that no field
// can be forgotten.
func plain[T any](in T) (T, error) {
	var out T
	src, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("a drill that cannot be written as JSON: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber() // a token has more digits than a float
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return out, err
	}
	if src, err = json.Marshal(visible(tree)); err != nil {
		return out, err
	}
	return out, json.Unmarshal(src, &out)
}

// visible takes what is not to be seen out of every text of a JSON tree.
func visible(tree any) any {
	switch t := tree.(type) {
	case string:
		return strings.Map(seen, t)
	case []any:
		for i := range t {
			t[i] = visible(t[i])
		}
	case map[string]any:
		out := make(map[string]any, len(t))
		for k, v := range t {
			out[strings.Map(seen, k)] = visible(v)
		}
		return out
	}
	return tree
}

// seen drops the characters that a terminal obeys (C0 and C1 controls but the line feed), that turn the direction of what follows and others
// without a shape (Unicode's category Cf), and those that XML 1.0 has not: https://www.w3.org/TR/xml/#charsets.
func seen(r rune) rune {
	switch {
	case r == '\n':
		return r
	case r == '\t':
		return ' '
	case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == 0xFFFE, r == 0xFFFF, r == '\u2028', r == '\u2029':
		return -1
	}
	return r
}
