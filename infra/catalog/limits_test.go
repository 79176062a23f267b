package catalog

import (
	"slices"
	"testing"

	"polygate.example/infra/provider"
)

// A limit that is left out would read as none.
func TestLimits(t *testing.T) {
	for _, p := range Providers() {
		spec := p.Spec()
		t.Run(spec.Name, func(t *testing.T) {
			l := spec.Limits
			for name, n := range map[string]int{
				"request": l.RequestBytes, "response": l.ResponseBytes, "header": l.HeaderBytes, "URL": l.URLBytes,
				"least cold start": l.ColdStartMS[0], "worst cold start": l.ColdStartMS[1] - l.ColdStartMS[0],
			} {
				if n <= 0 {
					t.Errorf("%s is %d", name, n)
				}
			}
			if l.URLBytes > l.HeaderBytes {
				t.Errorf("URLs of %d bytes do not fit the %d of the request line and headers", l.URLBytes, l.HeaderBytes)
			}
			if l.TimeoutSeconds != spec.Timeout.Most {
				t.Errorf("timeout is %d s, and the dial goes to %d", l.TimeoutSeconds, spec.Timeout.Most)
			}
			if !slices.Contains([]string{provider.ZonesBuiltIn, provider.ZonesOnRequest, provider.ZonesNone}, l.ZoneRedundancy) {
				t.Errorf("zone redundancy is %q", l.ZoneRedundancy)
			}
			if l.SLA < 99 || l.SLA >= 100 {
				t.Errorf("SLA is %g %%", l.SLA)
			}
		})
	}
}

// A promise that is left out would read as never being there.
func TestPromises(t *testing.T) {
	for _, m := range Managers() {
		if spec := m.Spec(); spec.SLA < 99 || spec.SLA > 100 {
			t.Errorf("%s: SLA is %g %%", spec.Name, spec.SLA)
		}
	}
}
