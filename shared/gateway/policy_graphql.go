package gateway

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// GraphQL lets operations of GraphQL over HTTP pass that ask for no more than is allowed. Fragments count where they are spread. All
// operations of a request, where it may have several, count together.
type GraphQL struct {
	Depth         int            `json:"depth"`             // fields inside each other, 1 to 200
	Aliases       int            `json:"aliases"`           // fields under another name, 0 to 10,000
	RootFields    int            `json:"rootFields"`        // 1 to 10,000
	Cost          int            `json:"cost"`              // see Weights, 1 to 1,000,000,000
	Tokens        int            `json:"tokens"`            // of the documents, 1 to 100,000
	Bytes         int64          `json:"bytes"`             // of a body, or of the query of a URL, 1 to 10 MiB
	Batch         int            `json:"batch,omitempty"`   // requests that a body may list, 0 to 100; 0 takes no lists
	Introspection bool           `json:"introspection"`     // __schema, __type and _service pass
	Weights       map[string]int `json:"weights,omitempty"` // of fields by name, 0 to 1,000,000; 1 for any other
	Lists         []string       `json:"lists,omitempty"`   // arguments that say how many a field gives: they multiply what it costs
}

const (
	maxGraphQLBytes   = 10 << 20
	maxGraphQLNesting = 200
	maxWeight         = 1_000_000
	maxWeights        = 1_000
	maxListArguments  = 20
)

// graphqlName is the rule of "Names" in the GraphQL specification of October 2021, 2.1.9.
var graphqlName = regexp.MustCompile(`^[_A-Za-z][_0-9A-Za-z]*$`)

func (p *GraphQL) check(r *report, at Pointer) {
	for _, one := range []struct {
		key                 string
		value, least, bound int64
	}{
		{"depth", int64(p.Depth), 1, maxGraphQLNesting}, {"aliases", int64(p.Aliases), 0, 10_000}, {"rootFields", int64(p.RootFields), 1, 10_000}, {"cost", int64(p.Cost), 1, 1_000_000_000},
		{"tokens", int64(p.Tokens), 1, 100_000}, {"bytes", p.Bytes, 1, maxGraphQLBytes}, {"batch", int64(p.Batch), 0, 100},
	} {
		if one.value < one.least || one.value > one.bound {
			r.value(at.Key(one.key), fmt.Sprintf("%s %d is out of range", one.key, one.value), fmt.Sprintf("write a number from %d to %d", one.least, one.bound))
		}
	}
	if len(p.Weights) > maxWeights {
		r.value(at.Key("weights"), fmt.Sprintf("there are %d weights", len(p.Weights)), fmt.Sprintf("keep to %d", maxWeights))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(p.Weights)) {
		at := at.Key("weights").Key(name)
		if !graphqlName.MatchString(name) {
			r.key(at, fmt.Sprintf("%s is no name of a field", quote(name)), "write the field's name alone, without its type: without a schema nobody knows types")
		}
		if w := p.Weights[name]; w < 0 || w > maxWeight {
			r.value(at, fmt.Sprintf("weight %d is out of range", w), fmt.Sprintf("write a number from 0 to %d", maxWeight))
		}
	}
	if len(p.Lists) > maxListArguments {
		r.value(at.Key("lists"), fmt.Sprintf("there are %d arguments", len(p.Lists)), fmt.Sprintf("keep to %d", maxListArguments))
		return
	}
	for i, name := range p.Lists {
		switch at := at.Key("lists").Index(i); {
		case !graphqlName.MatchString(name):
			r.value(at, fmt.Sprintf("%s is no name of an argument", quote(name)), "write one such as first")
		case slices.Contains(p.Lists[:i], name):
			r.value(at, fmt.Sprintf("argument %s is listed twice", quote(name)), "list it once")
		}
	}
}

func (*GraphQL) secrets() []string { return nil }
func (*GraphQL) parts() []Part     { return nil }
func (*GraphQL) caller() callerUse { return callerUnused }

var _ kind = (*GraphQL)(nil)
