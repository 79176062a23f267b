package infra

import (
	"fmt"

	"polygate.example/infra/bound"
	"polygate.example/infra/catalog"
	"polygate.example/infra/cost"
	"polygate.example/infra/settings"
	"polygate.example/shared/forecast"
)

// Forecast is what is known of a stack before it is deployed: the bound of each failure, what the service levels come to,
// and the monthly base cost, with the project's own prices where it has any. The settings have passed all rules.
func Forecast(root string, s settings.Settings) (forecast.Forecast, error) {
	manager, ok := catalog.Manager(s.Manager)
	if !ok {
		return forecast.Forecast{}, fmt.Errorf("there is no traffic manager %q", s.Manager)
	}
	prices, err := cost.Load(root)
	if err != nil {
		return forecast.Forecast{}, err
	}
	b := manager.Bound(s)
	f := forecast.Forecast{
		Failures: bound.Failures(s, b),
		Availability: bound.Availability(s, b, bound.Promised{Manager: manager.Spec().SLA, Regions: func(name string) float64 {
			p, _ := catalog.Provider(name) // the settings name no other
			return p.Spec().Limits.SLA
		}}),
	}
	if f.Costs, f.Monthly, err = cost.Base(s, prices); err != nil {
		return forecast.Forecast{}, err
	}
	f.PerMillion, err = cost.PerMillion(s, prices)
	return f, err
}
