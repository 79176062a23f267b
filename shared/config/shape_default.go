package config

import (
	"encoding/json"
	"strconv"
)

// fillDefaults finds out what a model has where a key is left out: it reads documents in which each mapping is empty. wrap makes such a
// document of the text of the mapping, and at finds in the model, in its JSON form, what the mapping has become.
func (s *Shape) fillDefaults(wrap func(inner string) string, at func(model any) any) {
	if s.Free != nil {
		s.Free.fillDefaults(func(inner string) string { return wrap(`{"name": ` + inner + `}`) }, func(v any) any { return member(at(v), "name") })
	}
	if s.List != nil {
		s.List.fillDefaults(func(inner string) string { return wrap("[" + inner + "]") }, func(v any) any { return member(at(v), 0) })
	}
	if s.Fields == nil {
		return
	}
	left := at(emptied(wrap("{}")))
	for i := range s.Fields {
		f := &s.Fields[i]
		if v := member(left, f.Name); f.Shape.takes(v) {
			f.Shape.Default = v
		}
		f.Shape.fillDefaults(func(inner string) string { return wrap("{" + strconv.Quote(f.Name) + ": " + inner + "}") }, func(v any) any { return member(at(v), f.Name) })
	}
}

// emptied is the model of a document without regard to rules, in its JSON form; nil if it has none.
func emptied(text string) any {
	doc, _ := read("", []byte(text), nil)
	if doc == nil {
		return nil
	}
	b, err := json.Marshal(doc.spec)
	if err != nil {
		return nil
	}
	var out any
	if json.Unmarshal(b, &out) != nil {
		return nil
	}
	return out
}

// member is what a mapping has under a key, or a list at an index; nil if it has nothing there.
func member(v, key any) any {
	switch v := v.(type) {
	case map[string]any:
		if name, ok := key.(string); ok {
			return v[name]
		}
	case []any:
		if i, ok := key.(int); ok && i < len(v) {
			return v[i]
		}
	}
	return nil
}

// takes reports whether a value in JSON form says something, and could be written there.
func (s Shape) takes(v any) bool {
	switch v := v.(type) {
	case string:
		return v != "" && s.Text != ""
	case float64:
		return v != 0 && (s.Integer || s.Number)
	case bool:
		return v && s.True
	case []any:
		for _, item := range v {
			if s.List == nil || !s.List.takes(item) {
				return false
			}
		}
		return len(v) > 0
	case map[string]any:
		for key, item := range v {
			inner := s.Free
			for _, f := range s.Fields {
				if f.Name == key {
					inner = &f.Shape
				}
			}
			if inner == nil || !inner.takes(item) {
				return false
			}
		}
		return len(v) > 0
	}
	return false
}
