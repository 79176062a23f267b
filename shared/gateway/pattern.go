package gateway

import (
	"fmt"
	"net/url"
	"strings"
)

// SegmentKind says what a segment of a pattern matches. A smaller kind is more specific.
type SegmentKind int

// The kinds, most specific first.
const (
	SegmentLiteral SegmentKind = iota // this text
	SegmentParam                      // {name}: any one segment that is not empty
	SegmentRest                       // {name...}: everything that is left, even nothing; always last
)

// Segment is what stands between two slashes of a pattern.
type Segment struct {
	Kind SegmentKind
	Text string // the literal, percent-decoded, or the parameter's name
}

// Pattern is a parsed path pattern: the segments after the leading slash. A pattern that ends in a slash ends in an
// empty literal: "/a/" and "/a" are two different paths.
type Pattern struct{ Segments []Segment }

// Longest pattern there may be.
const (
	maxPatternBytes    = 2048
	maxPatternSegments = 32
)

// PatternError is why a path pattern is refused.
type PatternError struct{ What, Remedy string }

// Error is what and remedy in one line.
func (e *PatternError) Error() string { return e.What + "; " + e.Remedy }

// ParsePattern reads a path pattern: "/", literal segments, {name} for one segment, {name...} for the rest. Literals may
// hold percent-escapes; they are compared decoded, segment by segment, so %2F in a request never counts as a slash.
// The error is a *PatternError.
func ParsePattern(s string) (Pattern, error) {
	bad := func(what, remedy string) (Pattern, error) { return Pattern{}, &PatternError{what, remedy} }
	switch {
	case s == "":
		return bad("the path is missing", `write a pattern such as "/orders/{id}", or "/{rest...}" for every path`)
	case len(s) > maxPatternBytes:
		return bad(fmt.Sprintf("the path is %d bytes long", len(s)), fmt.Sprintf("keep it within %d", maxPatternBytes))
	case s[0] != '/':
		return bad(fmt.Sprintf("path %q does not begin with a slash", s), fmt.Sprintf("write %q", "/"+s))
	}
	parts := strings.Split(s[1:], "/")
	if len(parts) > maxPatternSegments {
		return bad(fmt.Sprintf("the path has %d segments", len(parts)), fmt.Sprintf("keep it within %d", maxPatternSegments))
	}
	seen := map[string]bool{}
	segments := make([]Segment, 0, len(parts))
	for i, part := range parts {
		last := i == len(parts)-1
		if strings.ContainsAny(part, "{}") {
			name, ok := strings.CutPrefix(part, "{")
			name, closed := strings.CutSuffix(name, "}")
			if !ok || !closed || strings.ContainsAny(name, "{}") {
				return bad(fmt.Sprintf("segment %q mixes text and braces", part), "a parameter is a whole segment: {name}")
			}
			name, rest := strings.CutSuffix(name, "...")
			if !isParamName(name) {
				return bad(fmt.Sprintf("parameter name %q is not a name", name), "use letters, digits and _, not beginning with a digit")
			}
			if rest && !last {
				return bad(fmt.Sprintf("{%s...} is not the last segment", name), "what takes the rest of a path can only stand at its end")
			}
			if seen[name] {
				return bad(fmt.Sprintf("parameter {%s} occurs twice", name), "give each parameter of a path its own name")
			}
			seen[name] = true
			kind := SegmentParam
			if rest {
				kind = SegmentRest
			}
			segments = append(segments, Segment{kind, name})
			continue
		}
		text, err := literal(part)
		if err != nil {
			return Pattern{}, err
		}
		if text == "" && !last {
			return bad(fmt.Sprintf("path %q has an empty segment", s), "write one slash, not two")
		}
		segments = append(segments, Segment{SegmentLiteral, text})
	}
	return Pattern{segments}, nil
}

// literal decodes one literal segment.
func literal(part string) (string, error) {
	if i := strings.IndexFunc(part, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`?#"<>\^|`+"`", r) }); i >= 0 {
		return "", &PatternError{fmt.Sprintf("segment %q holds %q", part, part[i:i+1]),
			fmt.Sprintf("a path cannot hold it; write it as %%%02X if it is meant, and query parameters under match.query", part[i])}
	}
	text, err := url.PathUnescape(part)
	if err != nil {
		return "", &PatternError{fmt.Sprintf("segment %q has a bad percent-escape", part), "write % and two hex digits; a percent sign itself is %25"}
	}
	if HoldsDots(text) {
		return "", &PatternError{fmt.Sprintf("segment %q is or hides a dot segment", part), "write the path it stands for; requests that hold one are refused"}
	}
	return text, nil
}

// HoldsDots reports whether a decoded segment is "." or "..", or is one to some upstream: many decode %2F before they
// resolve dots (behind an AWS HTTP API it is decoded before we see it), Windows servers take a backslash for a slash, and
// Java servers drop what follows a semicolon, "/public/..;/admin" (RFC 3986, 3.3, path parameters). A space or a control character
// beside the dots is as nothing to Windows, which drops spaces at the end of a name, and to what ends texts at a zero. The handler refuses
// requests by it, so a pattern with such a literal would never match.
func HoldsDots(segment string) bool {
	for part := range strings.FieldsFuncSeq(segment, func(r rune) bool { return r == '/' || r == '\\' }) {
		name, _, _ := strings.Cut(part, ";")
		if name = strings.TrimFunc(name, func(c rune) bool { return c <= ' ' || c == 0x7f }); name == "." || name == ".." {
			return true
		}
	}
	return false
}

func isParamName(s string) bool {
	for i, r := range s {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// Params returns the kinds of the pattern's parameters by name.
func (p Pattern) Params() map[string]SegmentKind {
	out := map[string]SegmentKind{}
	for _, s := range p.Segments {
		if s.Kind != SegmentLiteral {
			out[s.Text] = s.Kind
		}
	}
	return out
}

// Shape is the pattern without its parameters' names: patterns with one shape match the same paths.
func (p Pattern) Shape() string {
	var b strings.Builder
	for _, s := range p.Segments {
		b.WriteByte('/')
		switch s.Kind {
		case SegmentLiteral:
			b.WriteString(url.PathEscape(s.Text))
		case SegmentParam:
			b.WriteString("{}")
		case SegmentRest:
			b.WriteString("{...}")
		}
	}
	return b.String()
}
