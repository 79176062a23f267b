package bound

import (
	"math"
	"time"

	"polygate.example/infra/failover"
	"polygate.example/infra/settings"
	"polygate.example/shared/forecast"
)

// What is taken where nothing is known.
const (
	outage  = time.Hour // how long an outage of a region lasts: the shorter they are, the more of them there are, and each costs a failover
	minutes = 365.25 * 24 * 60
	// oneInTwenty is the chance that a failover works, of those that are not rehearsed often.
	oneInTwenty = 0.95
)

// Promised are service levels in per cent.
type Promised struct {
	Regions func(provider string) float64 // of one region: front and function
	Manager float64
}

// Availability is what the service levels come to in minutes a year without answers. With a share w of the traffic, outages
// of mean length D at the rate r, and the time T that a failover takes on average, a region costs
//
//	w * r/(1+r*D) * (c*D*(1-exp(-T/D)) + (1-c)*D)
//
// when a failover works with the chance c: during the first T of each outage its clients are without answers, and all
// through those outages that are not failed over. To the sum over the regions comes the time in which all of them are down,
// were they independent of each other. T is the time to notice and half of the time that answers are held.
func Availability(s settings.Settings, b failover.Bound, p Promised) forecast.Availability {
	regions := serving(s)
	down := make([]float64, len(regions))
	all := 1.0
	for i, r := range regions {
		down[i] = 1 - p.Regions(r.Provider)/100
		all *= down[i]
	}
	a := forecast.Availability{
		Textbook: round(all * minutes), OutageHours: outage.Hours(), Manager: round((1 - p.Manager/100) * minutes),
		AssumesEqually: s.Pattern.Active() && s.Steering != settings.Weighted,
	}
	if len(regions) < 2 { // nothing is failed over
		a.Year, a.Failing = a.Textbook, a.Textbook
		return a
	}
	takes := float64(b.Detect + b.Propagate/2)
	cost := func(chance float64) float64 {
		sum := 0.0
		for i, w := range shares(s, regions) {
			// r/(1+r*D) is the share of time a region is down, by D.
			sum += w * down[i] * (chance*(1-math.Exp(-takes/float64(outage))) + 1 - chance)
		}
		return round((sum + all) * minutes)
	}
	a.Year, a.Failing = cost(1), cost(oneInTwenty)
	return a
}

// shares is how much of the traffic each region has while all are healthy; the sum is 1.
func shares(s settings.Settings, regions []settings.Region) []float64 {
	out := make([]float64, len(regions))
	sum := 0.0
	for i, r := range regions {
		switch {
		case s.Pattern == settings.MultiRegion && r.Provider != regions[0].Provider, !s.Pattern.Active() && i > 0:
		case s.Steering == settings.Weighted:
			out[i] = float64(s.Weight(r))
		default:
			out[i] = 1
		}
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// round drops what would be another figure on another machine.
func round(minutes float64) float64 { return math.Round(minutes*1e9) / 1e9 }
