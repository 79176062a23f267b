package gateway

import "slices"

// Uncertified are the indexes of the routes that may be called without a certificate of the client. A front that asks everybody for one asks where
// there are none.
func (s Spec) Uncertified() []int {
	var out []int
	for i, r := range s.Routes {
		if !slices.ContainsFunc(slices.Concat(s.Everywhere, r.Policies), func(name string) bool {
			policy := s.Policies[name].ClientCertificate
			return policy != nil && !policy.Optional
		}) {
			out = append(out, i)
		}
	}
	return out
}

// Uncertified are the indexes of the routes that may be called without a certificate of the client.
func (m *Model) Uncertified() []int { return m.spec.Uncertified() }
