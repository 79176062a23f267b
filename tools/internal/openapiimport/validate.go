package openapiimport

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"polygate.example/shared/gateway"
	"polygate.example/shared/openapi"
	"polygate.example/shared/schema"
)

// validate gives the routes policies that hold requests against the document. A policy describes the requests of all its routes, so a route of
// which something cannot be described must not share one: it gets one of its own, for its operation alone, or none.
func (im *importer) validate() {
	byBase := map[string][]*route{}
	for _, r := range im.routes {
		byBase[r.base] = append(byBase[r.base], r)
	}
	ids := map[string]int{}
	for _, o := range im.doc.Operations() {
		ids[o.ID]++
	}
	for _, base := range slices.Sorted(maps.Keys(byBase)) {
		if _, err := im.lower(base, nil, ""); err != nil {
			var all openapi.Problems
			errors.As(err, &all)
			for _, p := range all {
				im.note(LeftOut, p.At, "no request is validated: "+p.What, p.Remedy)
			}
			continue
		}
		groups, alone := im.partition(base, byBase[base])
		for _, group := range groups {
			im.describe(group, im.policy("requests", im.validation(base, ""), nil))
		}
		for _, r := range alone {
			id := r.of.ID
			cause := im.describable(base, []*route{r}, "")
			if id != "" && ids[id] == 1 {
				if cause = im.describable(base, []*route{r}, id); cause == nil {
					im.describe([]*route{r}, im.policy(kebab("requests", "requests-"+r.name), im.validation(base, id), nil))
					continue
				}
			}
			im.note(LeftOut, r.of.At, fmt.Sprintf("requests of %s %s are not validated: %s", r.of.Method, r.of.Path, cause.text), cause.remedy)
		}
	}
}

// describe adds a policy at the end of each route's.
func (im *importer) describe(routes []*route, policy string) {
	im.report.Validated += len(routes)
	for _, r := range routes {
		r.policies = append(r.policies, policy)
	}
}

// validation is a policy of the kind validate.
func (im *importer) validation(base, operation string) yaml.MapSlice {
	v := yaml.MapSlice{{Key: "openapi", Value: im.File}}
	if own, err := im.doc.BasePath(); err != nil || own != base {
		if base == "" {
			base = "/"
		}
		v = append(v, yaml.MapItem{Key: "basePath", Value: base})
	}
	if operation != "" {
		v = append(v, yaml.MapItem{Key: "operation", Value: operation})
	}
	return yaml.MapSlice{{Key: "validate", Value: v}}
}

// partition finds, by halving, as few groups as it can of routes that may share a policy, and the routes that may share none.
func (im *importer) partition(base string, routes []*route) (groups [][]*route, alone []*route) {
	var whole [][]*route
	var halve func([]*route)
	halve = func(routes []*route) {
		switch {
		case im.describable(base, routes, "") == nil:
			whole = append(whole, routes)
		case len(routes) == 1:
			alone = append(alone, routes...)
		default:
			halve(routes[:len(routes)/2])
			halve(routes[len(routes)/2:])
		}
	}
	halve(routes)
	for _, more := range whole {
		if n := len(groups); n > 0 {
			if both := slices.Concat(groups[n-1], more); im.describable(base, both, "") == nil {
				groups[n-1] = both
				continue
			}
		}
		groups = append(groups, more)
	}
	return groups, alone
}

// cause is why requests cannot be validated.
type cause struct{ text, remedy string }

// describable says why routes cannot share a policy that describes their requests, or the one operation of that name; nil if they can.
func (im *importer) describable(base string, routes []*route, operation string) *cause {
	lowered, err := im.lower(base, routes, operation)
	var bad openapi.Problems
	if errors.As(err, &bad) {
		return &cause{fmt.Sprintf("%s: %s", bad[0].At, bad[0].What), bad[0].Remedy}
	}
	const name = "p"
	p := &gateway.Validate{Operations: lowered.Operations, Defs: lowered.Defs}
	spec := gateway.Spec{Version: gateway.Version, Policies: map[string]gateway.Policy{name: {Validate: p}}}
	r := routes[0] // each takes an operation, its own
	spec.Routes = []gateway.Route{{Name: r.name, Match: r.match(), Policies: []string{name}, Respond: &gateway.Respond{Status: 204}}}
	whence := func(at gateway.Pointer) gateway.Pointer {
		for up := at; up != ""; up = up.Parent() {
			if from, there := lowered.Origins[up]; there {
				return from + at[len(up):]
			}
		}
		return at
	}
	var broken gateway.Violations
	if _, err := gateway.New(spec); errors.As(err, &broken) {
		under := gateway.Pointer("/policies").Key(name).Key("validate")
		for _, v := range broken {
			at := gateway.Pointer(v.Path)
			if len(at) < len(under) || at[:len(under)] != under {
				continue // of the route, and told by check
			}
			return &cause{fmt.Sprintf("%s: %s", whence(at[len(under):]), v.What), v.Remedy}
		}
	}
	return compilable(p, whence)
}

// compilable says why schemas cannot be tested by the gateway, as package config does.
func compilable(p *gateway.Validate, whence func(gateway.Pointer) gateway.Pointer) *cause {
	placed := p.Schemas()
	schemas := make([]json.RawMessage, len(placed))
	for i, s := range placed {
		schemas[i] = s.JSON
	}
	compiled, err := schema.Compile(p.Defs, schemas)
	var bad schema.Problems
	if errors.As(err, &bad) {
		at := gateway.Pointer("/$defs") + bad[0].Pointer
		if n := bad[0].Schema; n >= 0 {
			at = placed[n].At + bad[0].Pointer
		}
		return &cause{fmt.Sprintf("%s: %s", whence(at), bad[0].What), bad[0].Remedy}
	}
	if err != nil {
		return &cause{err.Error(), "mend the schemas"}
	}
	at := map[gateway.Pointer]*schema.Schema{}
	for i, s := range placed {
		at[s.At] = compiled[i]
	}
	for i, o := range p.Operations {
		for n, param := range o.Parameters {
			here := gateway.Pointer("/operations").Index(i).Key("parameters").Index(n).Key("schema")
			if why := param.Unwritable(at[here].Text()); why != "" {
				return &cause{fmt.Sprintf("%s: parameter %q %s", whence(here), param.Name, why), "let it be text, a number, true or false, or a list of such; an object in a query takes style: deepObject"}
			}
		}
	}
	return nil
}

// lower describes the operations that a request of the routes may be for; none for no routes.
func (im *importer) lower(base string, routes []*route, operation string) (openapi.Lowered, error) {
	if base == "" {
		base = "/"
	}
	here := map[*route]bool{}
	for _, r := range routes {
		here[r] = true
	}
	return im.doc.Lower(openapi.Options{BasePath: base, Keep: func(id string, o gateway.Operation) bool {
		return (operation == "" || id == operation) && slices.ContainsFunc(im.takers(o), func(r *route) bool { return here[r] })
	}})
}

// takers are the routes with requests that may be for an operation. They are asked for often, and there may be many routes.
func (im *importer) takers(o gateway.Operation) []*route {
	key := o.Method + " " + o.Path
	found, there := im.taking[key]
	if there {
		return found
	}
	for _, r := range im.routes {
		if strings.Count(r.path, "/") == strings.Count(o.Path, "/") && o.Takes(r.match()) { // no route of an import takes the rest of a path
			found = append(found, r)
		}
	}
	im.taking[key] = found
	return found
}
