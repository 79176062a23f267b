package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"polygate.example/shared/gateway"
	"polygate.example/shared/schema"
)

// schemas is the rule that schemas can be compiled. It is here and not with the other rules of the model: what it takes is more than most
// gateways should carry.
func schemas(spec gateway.Spec) gateway.Violations {
	var out gateway.Violations
	for _, name := range slices.Sorted(maps.Keys(spec.Policies)) {
		if p := spec.Policies[name].Validate; p != nil {
			out = append(out, schemasOf(p, gateway.Pointer("/policies").Key(name).Key("validate"))...)
		}
	}
	return out
}

func schemasOf(p *gateway.Validate, at gateway.Pointer) gateway.Violations {
	placed := p.Schemas()
	texts := make([]json.RawMessage, len(placed))
	for i, s := range placed {
		if !json.Valid(s.JSON) {
			return nil // reported already
		}
		texts[i] = s.JSON
	}
	compiled, err := schema.Compile(p.Defs, texts)
	if err == nil {
		return texted(p, at, compiled)
	}
	var problems schema.Problems
	if !errors.As(err, &problems) {
		return gateway.Violations{{Path: string(at), What: "the schemas cannot be compiled: " + err.Error(), Remedy: "mend them"}}
	}
	var out gateway.Violations
	for _, f := range problems {
		where := at.Key("$defs") + f.Pointer
		if f.Schema >= 0 {
			where = at + placed[f.Schema].At + f.Pointer
		}
		out = append(out, gateway.Violation{Path: string(where), What: f.What, Remedy: f.Remedy})
	}
	return out
}

// texted tests that the text of each parameter can stand for a value of its schema.
func texted(p *gateway.Validate, at gateway.Pointer, compiled []*schema.Schema) gateway.Violations {
	var out gateway.Violations
	i := 0
	look := func(at gateway.Pointer, c gateway.Checks) {
		for n, param := range c.Parameters {
			if why := param.Unwritable(compiled[i].Text()); why != "" {
				out = append(out, gateway.Violation{Path: string(at.Key("parameters").Index(n).Key("schema")), What: fmt.Sprintf("parameter %s %s", short(param.Name), why),
					Remedy: "let it be text, a number, true or false, or a list of such; an object in a query takes style: deepObject"})
			}
			i++
		}
		if c.Body != nil {
			i += len(c.Body.Content)
		}
		for _, content := range c.Responses {
			i += len(content)
		}
	}
	look(at, p.Checks)
	for n, o := range p.Operations {
		look(at.Key("operations").Index(n), o.Checks)
	}
	return out
}
