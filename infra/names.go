package infra

import (
	"fmt"

	"polygate.example/infra/catalog"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

// Hostnames lists every name the gateway answers for: the shared one first, then each region's own in failover order.
func Hostnames(s settings.Settings) ([]string, error) {
	names := []string{s.Hostname}
	for _, r := range s.Regions {
		p, ok := catalog.Provider(r.Provider)
		if !ok {
			return nil, fmt.Errorf("region %s: there is no provider %q", r, r.Provider)
		}
		names = append(names, provider.OwnName(p.Spec().Regions[r.Name], r.Provider, s.Hostname))
	}
	return names, nil
}
