package infra

import (
	"fmt"

	"polygate.example/infra/catalog"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

// CertificateNames lists the names that a certificate has to cover which the user brings: the shared one first, then the
// own name of each region whose provider issues none itself, in failover order. It is empty if there is no such region.
func CertificateNames(s settings.Settings) ([]string, error) {
	var names []string
	for _, r := range s.Regions {
		p, ok := catalog.Provider(r.Provider)
		if !ok {
			return nil, fmt.Errorf("region %s: there is no provider %q", r, r.Provider)
		}
		if spec := p.Spec(); spec.Certificate {
			if len(names) == 0 {
				names = append(names, s.Hostname)
			}
			names = append(names, provider.OwnName(spec.Regions[r.Name], r.Provider, s.Hostname))
		}
	}
	return names, nil
}
