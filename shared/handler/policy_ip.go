package handler

import (
	"net/http"
	"net/netip"
	"slices"

	"polygate.example/shared/gateway"
)

// newIP lets requests pass by the client's address. Who has none that can be read does not pass.
func newIP(p gateway.IP, env environment) (policy, error) {
	allow, err := networks(p.Allow)
	if err != nil {
		return nil, err
	}
	deny, err := networks(p.Deny)
	if err != nil {
		return nil, err
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			addr, known := clientAddr(r.RemoteAddr)
			in := func(p netip.Prefix) bool { return p.Contains(addr) }
			switch {
			case !known:
				env.deny(w, r, fail(http.StatusForbidden, "This address may not call here."), "the client's address is not known")
			case slices.ContainsFunc(deny, in):
				env.deny(w, r, fail(http.StatusForbidden, "This address may not call here."), "its address is denied")
			case len(allow) > 0 && !slices.ContainsFunc(allow, in):
				env.deny(w, r, fail(http.StatusForbidden, "This address may not call here."), "its address is not one of those allowed")
			default:
				next.ServeHTTP(w, r)
			}
		})
	}, nil
}

func networks(texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range texts {
		p, err := gateway.ParseNetwork(text)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}
