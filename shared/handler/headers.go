package handler

import (
	"net/http"

	"polygate.example/shared/gateway"
)

// ops are compiled header operations; names are canonical.
type ops struct {
	remove []string
	set    map[string][]string
	filled []filledHeader // set as well, once their references are known: see fill
}

func compileOps(o gateway.HeaderOps) ops {
	out := ops{set: make(map[string][]string, len(o.Set))}
	for _, name := range o.Remove {
		out.remove = append(out.remove, http.CanonicalHeaderKey(name))
	}
	for name, value := range o.Set {
		t, err := gateway.ParseTemplate(value)
		if err != nil {
			continue // no model has one
		}
		name = http.CanonicalHeaderKey(name)
		if text, plain := t.Plain(); plain {
			out.set[name] = []string{text}
			continue
		}
		out.filled = append(out.filled, filledHeader{name: name, value: t})
	}
	return out
}

// apply removes, then sets. Each header map gets a slice of its own, as a later policy may append to it.
func (o ops) apply(h http.Header) {
	for _, name := range o.remove {
		delete(h, name)
	}
	for name, values := range o.set {
		h[name] = []string{values[0]}
	}
}
