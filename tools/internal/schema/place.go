package schema

import (
	"strings"

	"polygate.example/shared/config"
)

// Places names the parts of gateway documents, whatever document they are of.
type Places struct {
	shape config.Shape
	ref   reference
}

// NewPlaces reads the decoder's shape and the reference.
func NewPlaces() (*Places, error) {
	ref, err := readReference()
	return &Places{shape: config.Describe(), ref: ref}, err
}

// Of is the name of the part that an RFC 6901 pointer leads to, without the names and numbers that are its document's own, and what the
// reference says of it: /routes/3/match/path is routes.match.path. What lies below the last part that is known has its name; the
// document itself is "document".
func (p *Places) Of(pointer string) (name, text string) {
	at, up, path := p.shape, found{page: readme, table: -1, container: "document"}, ""
	var names []string
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		if field := fieldOf(at, step); field != nil {
			path += "." + step
			up = p.ref.find(up, path, step)
			up.container = containers[path]
			at = *field
			names = append(names, step)
			continue
		}
		switch {
		case at.List != nil && strings.Trim(step, "0123456789") == "":
			at, path = *at.List, path+"[]"
		case at.Free != nil:
			at, path = *at.Free, path+".*"
		default:
			return orDocument(names), up.text
		}
		up.container = containers[path]
	}
	return orDocument(names), up.text
}

func fieldOf(s config.Shape, key string) *config.Shape {
	for _, f := range s.Fields {
		if f.Name == key {
			return &f.Shape
		}
	}
	return nil
}

func orDocument(names []string) string {
	if len(names) == 0 {
		return "document"
	}
	return strings.Join(names, ".")
}
