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
			im.describe(group, im.policy("requests", im.validation(base, "", group), nil))
		}
		for _, one := range alone {
			r, why := one.route, one.cause
			if id := r.of.ID; id != "" && ids[id] == 1 {
				all := im.causes(base, []*route{r}, id)
				if len(all) == 0 {
					im.describe([]*route{r}, im.policy(kebab("requests", "requests-"+r.name), im.validation(base, id, []*route{r}), nil))
					continue
				}
				why = all[0]
			}
			im.note(LeftOut, r.of.At, fmt.Sprintf("requests of %s %s are not validated: %s", r.of.Method, r.of.Path, why.text), why.remedy)
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
func (im *importer) validation(base, operation string, routes []*route) yaml.MapSlice {
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
	if lowered, err := im.lower(base, routes, operation); err == nil && len(lowered.Ignored) > 0 {
		v = append(v, yaml.MapItem{Key: "ignore", Value: slices.Sorted(slices.Values(lowered.Ignored))})
	}
	return yaml.MapSlice{{Key: "validate", Value: v}}
}

// lone is a route that may share a policy with none, and why.
type lone struct {
	route *route
	cause cause
}

// partition finds routes that may share a policy, and those that may share none: all that is wrong is told at once, with the operations that it
// spoils, and the routes that take requests for those are left out, until nothing is wrong any more.
func (im *importer) partition(base string, routes []*route) (groups [][]*route, alone []lone) {
	operations := map[gateway.Pointer][]gateway.Operation{}
	for _, o := range im.doc.Operations() {
		operations[o.At] = append(operations[o.At], gateway.Operation{Method: o.Method, Path: openapi.PatternOf(base) + o.Pattern})
	}
	why := map[*route]cause{}
	rest := slices.Clone(routes)
	for len(rest) > 0 {
		found := im.causes(base, rest, "")
		if len(found) == 0 {
			groups = append(groups, rest)
			break
		}
		before := len(rest)
		if im.pass(found) {
			continue
		}
		for _, c := range found {
			for _, at := range c.of {
				for _, o := range operations[at] {
					for _, r := range im.takers(o) {
						if _, told := why[r]; !told {
							why[r] = c
						}
					}
				}
			}
		}
		rest = slices.DeleteFunc(rest, func(r *route) bool { _, spoiled := why[r]; return spoiled })
		if len(rest) == before { // it is of them all, such as that there are too many
			groups = append(groups, im.halves(base, rest, found[0], why)...)
			break
		}
	}
	for _, r := range routes {
		if c, spoiled := why[r]; spoiled {
			alone = append(alone, lone{r, c})
		}
	}
	return groups, alone
}

// halves divides routes that may not share a policy for a cause that is none's own.
func (im *importer) halves(base string, routes []*route, c cause, why map[*route]cause) [][]*route {
	if len(routes) == 1 {
		why[routes[0]] = c
		return nil
	}
	var out [][]*route
	for _, half := range [][]*route{routes[:len(routes)/2], routes[len(routes)/2:]} {
		if found := im.causes(base, half, ""); len(found) > 0 {
			out = append(out, im.halves(base, half, found[0], why)...)
		} else {
			out = append(out, half)
		}
	}
	return out
}

// cause is why requests cannot be validated.
type cause struct {
	text, remedy string
	of           []gateway.Pointer // the operations that it spoils; none if it is not known
	in           gateway.Pointer   // the parameter without which they can be; "" for none
}

// pass passes over the parameters that stand in the way, so that all else of their operations is looked at; false if there are none.
func (im *importer) pass(found []cause) bool {
	some := false
	for _, c := range found {
		if c.in == "" || im.ignored[c.in] {
			continue
		}
		im.ignored[c.in], some = true, true
		im.note(LeftOut, c.in, "the parameter is not looked at: "+strings.TrimPrefix(c.text, string(c.in)+": "), c.remedy)
	}
	return some
}

// causes are all reasons for which routes cannot share a policy that describes their requests, or the one operation of that name; none if they can.
func (im *importer) causes(base string, routes []*route, operation string) []cause {
	lowered, err := im.lower(base, routes, operation)
	var out []cause
	var bad openapi.Problems
	if errors.As(err, &bad) {
		for _, p := range bad {
			out = append(out, cause{fmt.Sprintf("%s: %s", p.At, p.What), p.Remedy, p.Of, p.In})
		}
		return out
	}
	const name = "p"
	p := &gateway.Validate{Operations: lowered.Operations, Defs: lowered.Defs}
	spec := gateway.Spec{Version: gateway.Version, Policies: map[string]gateway.Policy{name: {Validate: p}}}
	r := routes[0] // each takes an operation, its own
	spec.Routes = []gateway.Route{{Name: r.name, Match: r.match(), Policies: []string{name}, Respond: &gateway.Respond{Status: 204}}}
	add := func(at gateway.Pointer, what, remedy string) {
		whence := at
		for up := at; up != ""; up = up.Parent() {
			if from, there := lowered.Origins[up]; there {
				whence = from + at[len(up):]
				break
			}
		}
		out = append(out, cause{fmt.Sprintf("%s: %s", whence, what), remedy, lowered.Of(at), lowered.Parameter(at)})
	}
	var broken gateway.Violations
	if _, err := gateway.New(spec); errors.As(err, &broken) {
		under := gateway.Pointer("/policies").Key(name).Key("validate")
		for _, v := range broken {
			at := gateway.Pointer(v.Path)
			if len(at) < len(under) || at[:len(under)] != under {
				continue // of the route, and told by check
			}
			add(at[len(under):], v.What, v.Remedy)
		}
	}
	if len(out) == 0 {
		uncompilable(p, add)
	}
	return out
}

// uncompilable tells of schemas that cannot be tested by the gateway, as package config does.
func uncompilable(p *gateway.Validate, add func(at gateway.Pointer, what, remedy string)) {
	placed := p.Schemas()
	schemas := make([]json.RawMessage, len(placed))
	for i, s := range placed {
		schemas[i] = s.JSON
	}
	compiled, err := schema.Compile(p.Defs, schemas)
	var bad schema.Problems
	if errors.As(err, &bad) {
		for _, one := range bad {
			at := gateway.Pointer("/$defs") + one.Pointer
			if one.Schema >= 0 {
				at = placed[one.Schema].At + one.Pointer
			}
			add(at, one.What, one.Remedy)
		}
		return
	}
	if err != nil {
		add("", err.Error(), "mend the schemas")
		return
	}
	at := map[gateway.Pointer]*schema.Schema{}
	for i, s := range placed {
		at[s.At] = compiled[i]
	}
	for i, o := range p.Operations {
		for n, param := range o.Parameters {
			here := gateway.Pointer("/operations").Index(i).Key("parameters").Index(n).Key("schema")
			if why := param.Unwritable(at[here].Text()); why != "" {
				add(here, fmt.Sprintf("parameter %q %s", param.Name, why), "let it be text, a number, true or false, or a list of such; an object in a query takes style: deepObject")
			}
		}
	}
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
	return im.doc.Lower(openapi.Options{BasePath: base, Ignore: slices.Collect(maps.Keys(im.ignored)), Keep: func(id string, o gateway.Operation) bool {
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
	if im.readRoutes == nil {
		im.readRoutes = map[*route]gateway.Taker{}
		for _, r := range im.routes {
			im.readRoutes[r], _ = gateway.NewTaker(r.match()) // each has been read before
		}
	}
	if path, err := gateway.ParsePattern(o.Path); err == nil {
		for _, r := range im.routes {
			if im.readRoutes[r].Takes(o.Method, path) {
				found = append(found, r)
			}
		}
	}
	im.taking[key] = found
	return found
}
