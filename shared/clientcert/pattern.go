package clientcert

import (
	"errors"
	"fmt"
	"strings"
)

// Pattern is a name as a document writes it, exact or with * in it. A * never stands for more than one part of a name: what separates
// parts is for the document to say.
//
//   - Of a DNS name it is the whole first label, as in *.clients.example.com; two labels have to stand after it.
//   - Of a URI it is one whole segment of the path, as in spiffe://example.org/ns/*/sa/orders; there may be several.
//   - Of an address of e-mail it is all before the @.
//   - Of a common name it is a run of letters, digits, - and _, beside at least three other characters; there is one at most.
//
// It stands for at least one character, and only for letters, digits, - and _; in segments and addresses for dots too, but not for dots alone.
type Pattern struct {
	parts []string // literal text between the stars
	dots  bool     // a star may stand for dots, not alone
}

// ParsePattern reads a pattern of a field: FieldCN, FieldDNS, FieldURI or FieldEmail. The error goes on after the pattern's text.
func ParsePattern(field, text string) (Pattern, error) {
	p := Pattern{dots: field == FieldURI || field == FieldEmail}
	stars := strings.Count(text, "*")
	switch {
	case text == "":
		return p, errors.New("is empty")
	case len(text) > 2048: // of a SPIFFE id (SPIFFE-ID, 2.3)
		return p, errors.New("is longer than 2048 bytes")
	case field == FieldDNS:
		if stars > 1 || stars == 1 && (!strings.HasPrefix(text, "*.") || strings.Count(text, ".") < 2) {
			return p, errors.New("has a * that is not the whole first label with two labels after it")
		}
		if text != strings.ToLower(text) || !isHost(strings.TrimPrefix(text, "*.")) {
			return p, errors.New("is no DNS name in lower case")
		}
	case field == FieldURI:
		scheme, rest, ok := strings.Cut(text, ":")
		if !ok || scheme == "" || scheme != strings.ToLower(scheme) || rest == "" || strings.ContainsAny(text, " \t\"<>") {
			return p, errors.New("is no URI with its scheme in lower case")
		}
		host, path, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
		if stars > 0 && (!strings.HasPrefix(rest, "//") || strings.Contains(scheme+host, "*")) {
			return p, errors.New("has a * before its path")
		}
		for segment := range strings.SplitSeq(path, "/") {
			if strings.Contains(segment, "*") && segment != "*" {
				return p, errors.New("has a * that is not a whole segment of its path")
			}
		}
	case field == FieldEmail:
		local, domain, ok := strings.Cut(text, "@")
		if !ok || local == "" || !isHost(domain) || domain != strings.ToLower(domain) {
			return p, errors.New("is no address with a domain in lower case")
		}
		if stars > 0 && local != "*" {
			return p, errors.New("has a * that is not all before the @")
		}
	default:
		if stars > 1 || stars == 1 && len(text) < 4 {
			return p, errors.New("has a * that is not the only one, beside at least three other characters")
		}
	}
	p.parts = strings.Split(text, "*")
	return p, nil
}

func isHost(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for i := range len(label) {
			if !isWord(label[i]) {
				return false
			}
		}
	}
	return true
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// Match reports whether a name is one of the pattern's.
func (p Pattern) Match(name string) bool {
	if len(p.parts) == 1 {
		return name == p.parts[0]
	}
	last := p.parts[len(p.parts)-1]
	rest, ok := strings.CutPrefix(name, p.parts[0])
	if !ok {
		return false
	}
	for _, part := range p.parts[1 : len(p.parts)-1] { // each begins and ends with what no star stands for
		n := p.run(rest)
		if rest, ok = strings.CutPrefix(rest[n:], part); n == 0 || !ok {
			return false
		}
	}
	// The last star's run is what is left without the end, which may begin like it.
	run, ok := strings.CutSuffix(rest, last)
	return ok && run != "" && p.run(run) == len(run)
}

// run is how many of the first bytes a star may stand for; none if they are dots alone, which mean another place in a path.
func (p Pattern) run(s string) int {
	n, dots := 0, 0
	for n < len(s) && (isWord(s[n]) || p.dots && s[n] == '.') {
		if s[n] == '.' {
			dots++
		}
		n++
	}
	if n == dots {
		return 0
	}
	return n
}

// String is the pattern as it was written.
func (p Pattern) String() string { return strings.Join(p.parts, "*") }

var _ fmt.Stringer = Pattern{}
