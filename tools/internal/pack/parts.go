package pack

import (
	"bytes"
	"errors"
	"go/build/constraint"
	"slices"
	"strings"

	"polygate.example/shared/gateway"
)

// withoutPrefix begins the build tags that leave a part out, see gateway.Part.
const withoutPrefix = "without_"

// without are the tags of the parts that a model does not need, in the order of their names.
func without(m *gateway.Model) []string {
	needed := m.Parts()
	var tags []string
	for _, p := range gateway.Parts() {
		if !slices.Contains(needed, p) {
			tags = append(tags, withoutPrefix+string(p))
		}
	}
	return tags
}

// settled is a Go file, chosen by the tags of parts, in the form that is chosen without them: the constraint, which holds, goes. Its
// line stays, empty, so that errors name the same lines. A constraint about other things as well cannot go, and what is left of it
// would depend on the builder: it is an error.
func settled(source []byte) ([]byte, error) {
	at := 0
	for line := range bytes.Lines(source) {
		text := strings.TrimSpace(string(line))
		if constraint.IsGoBuild(text) {
			expr, err := constraint.Parse(text)
			if err != nil {
				return nil, err
			}
			parts, others := false, false
			expr.Eval(func(tag string) bool { // it asks for every tag, whatever the answers
				if strings.HasPrefix(tag, withoutPrefix) {
					parts = true
				} else {
					others = true
				}
				return true
			})
			switch {
			case !parts:
				return source, nil
			case others:
				return nil, errors.New("its build constraint is about a part and something else: give each a file of its own")
			}
			return slices.Concat(source[:at], []byte("\n"), source[at+len(line):]), nil
		}
		if text != "" && !strings.HasPrefix(text, "//") { // constraints stand before everything else
			return source, nil
		}
		at += len(line)
	}
	return source, nil
}
