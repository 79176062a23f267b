package handler

import "polygate.example/shared/gateway"

// queryNames are, for each route by name, the parameters of the query that it asks for itself, or in which another of its policies than those of the
// kind validate looks for a credential. nil if no policy goes by it.
func queryNames(m *gateway.Model, all map[string]gateway.Policy) map[string]map[string]bool {
	wanted := false
	for _, p := range all {
		wanted = wanted || p.Validate != nil && p.Validate.UnknownQuery == gateway.UnknownDeny
	}
	if !wanted {
		return nil
	}
	out := map[string]map[string]bool{}
	for _, r := range m.Routes() {
		names := map[string]bool{}
		for name := range r.Match.Query {
			names[name] = true
		}
		for _, policy := range m.PoliciesOf(r) {
			switch p := all[policy]; {
			case p.APIKey != nil && p.APIKey.Query != "":
				names[p.APIKey.Query] = true
			case p.JWT != nil && p.JWT.From.Query != "":
				names[p.JWT.From.Query] = true
			}
		}
		out[r.Name] = names
	}
	return out
}
