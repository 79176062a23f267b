package handler

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	"polygate.example/shared/gateway"
)

// Why a body is not changed.
var (
	errNotJSON = errors.New("the body is not one value of JSON")
	errShape   = errors.New("the body has no place for what is to be set")
)

// jsonChanges are compiled gateway.JSONChanges.
type jsonChanges struct {
	bytes  int64
	remove [][]string
	rename []struct{ from, to []string }
	set    []jsonSet
}

type jsonSet struct {
	at       []string
	value    any
	template *gateway.Template // in place of value
}

func compileJSON(c *gateway.JSONChanges) (*jsonChanges, error) {
	if c == nil {
		return nil, nil
	}
	out := &jsonChanges{bytes: c.Bytes}
	if out.bytes == 0 {
		out.bytes = gateway.DefaultJSONBytes
	}
	var err error
	place := func(s string) []string {
		names, ok := gateway.ParsePointer(s)
		if !ok {
			err = fmt.Errorf("pointer %q is none, which no model has", s)
		}
		return names
	}
	for _, s := range c.Remove {
		out.remove = append(out.remove, place(s))
	}
	for _, from := range slices.Sorted(maps.Keys(c.Rename)) {
		out.rename = append(out.rename, struct{ from, to []string }{place(from), place(c.Rename[from])})
	}
	for _, at := range slices.Sorted(maps.Keys(c.Set)) {
		one := jsonSet{at: place(at)}
		if text, ok := gateway.Text(c.Set[at]); ok {
			t, bad := gateway.ParseTemplate(text)
			if bad != nil {
				return nil, bad
			}
			if plain, is := t.Plain(); is {
				one.value = plain
			} else {
				one.template = &t
			}
		} else {
			one.value = c.Set[at]
		}
		out.set = append(out.set, one)
	}
	return out, err
}

// fill returns the changes for one request.
func (c *jsonChanges) fill(v values) (*jsonChanges, error) {
	if c == nil || !slices.ContainsFunc(c.set, func(s jsonSet) bool { return s.template != nil }) {
		return c, nil
	}
	out := *c
	out.set = slices.Clone(c.set)
	for i, one := range out.set {
		if one.template == nil {
			continue
		}
		text, err := v.text(*one.template)
		if err != nil {
			return nil, err
		}
		out.set[i].value = text
	}
	return &out, nil
}

// readJSON reads one value. Numbers stay as they are written; of a repeated name the last member counts.
func readJSON(b []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, errNotJSON
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errNotJSON
	}
	return v, nil
}

// apply changes a body, which comes out with its members sorted by name and without space between. The error is errNotJSON, or errShape if
// there was no place for something; all else has been done then.
func (c *jsonChanges) apply(b []byte) ([]byte, error) {
	v, err := readJSON(b)
	if err != nil {
		return nil, err
	}
	var shape error
	put := func(at []string, value any) {
		changed, ok := within(v, at, true, assign(value))
		if v = changed; !ok {
			shape = errShape
		}
	}
	for _, at := range c.remove {
		v, _ = within(v, at, false, remove)
	}
	for _, r := range c.rename {
		var moved any
		taken, found := within(v, r.from, false, func(container any, name string) (any, bool) {
			value, there := member(container, name)
			if moved = value; !there {
				return container, false
			}
			return remove(container, name)
		})
		if v = taken; found {
			put(r.to, moved)
		}
	}
	for _, s := range c.set {
		put(s.at, s.value)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, errNotJSON
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), shape
}

// within does something to the container of a place, and returns the value with what became of it. What is missing on the way is made if
// create says so. False means that there is no such place, and nothing was done.
func within(v any, at []string, create bool, do func(container any, name string) (any, bool)) (any, bool) {
	if len(at) == 1 {
		return do(v, at[0])
	}
	child, there := member(v, at[0])
	if object, is := v.(map[string]any); !there {
		if !is || !create {
			return v, false
		}
		made, ok := missing(at[1])
		if ok {
			made, ok = within(made, at[1:], create, do)
		}
		if ok {
			object[at[0]] = made
		}
		return v, ok
	}
	changed, ok := within(child, at[1:], create, do)
	if !ok {
		return v, false
	}
	return assign(changed)(v, at[0])
}

// missing makes what a place with a name was to be in, and is not there: a list for one more item, and else an object. A number may be an
// item's or a member's name, of which none is guessed.
func missing(name string) (any, bool) {
	if name == gateway.OneMore {
		return []any{}, true
	}
	_, number := index(name, math.MaxInt)
	return map[string]any{}, !number
}

// member is a member of an object or of a list.
func member(container any, name string) (any, bool) {
	switch c := container.(type) {
	case map[string]any:
		v, there := c[name]
		return v, there
	case []any:
		if i, ok := index(name, len(c)); ok {
			return c[i], true
		}
	}
	return nil, false
}

// assign puts a value into a container: a member that is there or not, an item of a list that is there, or "-" for one more.
func assign(value any) func(any, string) (any, bool) {
	return func(container any, name string) (any, bool) {
		switch c := container.(type) {
		case map[string]any:
			if name == gateway.OneMore {
				return c, false
			}
			c[name] = value
			return c, true
		case []any:
			if name == gateway.OneMore {
				return append(c, value), true
			}
			if i, ok := index(name, len(c)); ok {
				c[i] = value
				return c, true
			}
		}
		return container, false
	}
}

func remove(container any, name string) (any, bool) {
	switch c := container.(type) {
	case map[string]any:
		delete(c, name)
		return c, true
	case []any:
		if i, ok := index(name, len(c)); ok {
			return slices.Delete(c, i, i+1), true
		}
	}
	return container, false
}

// index reads the number of an item (RFC 6901, 4).
func index(name string, n int) (int, bool) {
	i, err := strconv.Atoi(name)
	return i, err == nil && i >= 0 && i < n && strconv.Itoa(i) == name
}
