//go:build !without_schema

package handler

import (
	"maps"
	"net/http"
	"slices"

	"polygate.example/shared/gateway"
)

// operationNode is a place in the tree of the paths of operations, reached by the segments on the way to it. It is tried as routes are:
// what is literal first.
type operationNode struct {
	literal map[string]*operationNode // by decoded text
	param   *operationNode
	methods map[string]*checks // of paths that end here
	rest    map[string]*checks // of paths that go on here, in whatever way
}

func (n *operationNode) insert(o gateway.Operation, c *checks) error {
	pattern, err := gateway.ParsePattern(o.Path)
	if err != nil {
		return err // a model has no such operation
	}
	c.segments = map[string]int{}
	for i, s := range pattern.Segments {
		if s.Kind != gateway.SegmentLiteral {
			c.segments[s.Text] = i
		}
		switch s.Kind {
		case gateway.SegmentParam:
			if n.param == nil {
				n.param = &operationNode{}
			}
			n = n.param
		case gateway.SegmentRest:
			c.rest = s.Text
			if n.rest == nil {
				n.rest = map[string]*checks{}
			}
			n.rest[o.Method] = c
			return nil
		case gateway.SegmentLiteral:
			if n.literal == nil {
				n.literal = map[string]*operationNode{}
			}
			if n.literal[s.Text] == nil {
				n.literal[s.Text] = &operationNode{}
			}
			n = n.literal[s.Text]
		}
	}
	if n.methods == nil {
		n.methods = map[string]*checks{}
	}
	n.methods[o.Method] = c
	return nil
}

// find finds the operation that a request is for. Where only the method stands in the way, it returns those that would not.
func (n *operationNode) find(method string, segments []string) (*checks, []string) {
	if len(segments) == 0 {
		return byMethod(n.methods, method)
	}
	var allow []string
	if next := n.literal[unescape(segments[0])]; next != nil {
		c, other := next.find(method, segments[1:])
		if c != nil {
			return c, nil
		}
		allow = other
	}
	if n.param != nil && segments[0] != "" {
		c, other := n.param.find(method, segments[1:])
		if c != nil {
			return c, nil
		}
		if allow == nil {
			allow = other
		}
	}
	if n.rest != nil && (len(segments) > 1 || segments[0] != "") {
		c, other := byMethod(n.rest, method)
		if c != nil {
			return c, nil
		}
		if allow == nil {
			allow = other
		}
	}
	return nil, allow
}

// byMethod finds the operation of a path that is for a method. A HEAD is for what GET is if nothing else is said.
func byMethod(methods map[string]*checks, method string) (*checks, []string) {
	if c := methods[method]; c != nil {
		return c, nil
	}
	if c := methods[http.MethodGet]; c != nil && method == http.MethodHead {
		return c, nil
	}
	allow := slices.Sorted(maps.Keys(methods))
	if methods[http.MethodGet] != nil && methods[http.MethodHead] == nil {
		allow = slices.Insert(allow, slices.Index(allow, http.MethodGet)+1, http.MethodHead)
	}
	return nil, allow
}
