// Package forecast is what is known of a stack before it is deployed: how long each failure can keep clients without
// answers, how much of a year that comes to, and what the stack costs in a month without traffic. A deployment keeps a
// summary of it, so that the next one can say what it would change.
package forecast

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// What can fail.
const (
	Region   = "region"   // one region
	Provider = "provider" // all regions of a cloud at once
	Manager  = "manager"  // the traffic manager, with the DNS it answers
)

// Forecast is computed from the settings alone.
type Forecast struct {
	Failures     []Failure    `json:"failures"`
	Availability Availability `json:"availability"`
	Monthly      float64      `json:"monthly_usd"`     // US dollars: the sum of Costs
	Costs        []Cost       `json:"costs"`           // what is paid each month without any traffic
	PerMillion   []Cost       `json:"per_million_usd"` // what a million requests come to on top, on each provider, and queries at the manager
}

// Failure says what one failure costs clients.
type Failure struct {
	Of      string `json:"of"`                      // one of the constants
	Name    string `json:"name"`                    // which: aws, route53; empty for any region
	Seconds int    `json:"bound_seconds,omitempty"` // the longest a client can be without answers; 0 means that there is no bound
	Words   string `json:"words"`                   // why so long, or why there is no bound
}

// Availability is what the providers' service levels and the failover times come to. A service level is a promise to
// refund, not a measured rate.
type Availability struct {
	Textbook       float64 `json:"textbook_minutes"`         // minutes a year in which all regions are down at once, were they independent
	Year           float64 `json:"minutes"`                  // minutes a year without answers, failover times included
	Failing        float64 `json:"minutes_if_one_in_twenty"` // the same when one failover in twenty does not work
	Manager        float64 `json:"manager_minutes"`          // minutes a year that the traffic manager's own service level leaves open, not in the others
	OutageHours    float64 `json:"outage_hours"`             // how long an outage of a region is taken to last
	AssumesEqually bool    `json:"equal_shares,omitempty"`   // where clients are decides the shares, and equal ones were taken
}

// Cost is one line of a bill.
type Cost struct {
	Item        string  `json:"item"`      // key in the list of prices
	Of          string  `json:"of"`        // provider or traffic manager
	What        string  `json:"what"`      // in words
	Quantity    float64 `json:"quantity"`  // how many of them, or GB that are held
	Unit        string  `json:"unit"`      // what Price is for
	Price       float64 `json:"price_usd"` // US dollars a unit
	USD         float64 `json:"usd"`       // US dollars, rounded to cents
	AsOf        string  `json:"as_of"`     // when the price was read
	Source      string  `json:"source"`    // and where
	Unconfirmed bool    `json:"unconfirmed,omitempty"`
}

// Summary is what a deployment keeps of its forecast, in the stack's state: what Compare goes by.
type Summary struct {
	Bounds  map[string]int     `json:"bound_seconds"` // by what fails; 0 means that there is no bound
	Costs   map[string]float64 `json:"costs_usd"`     // US dollars a month, by item
	Monthly float64            `json:"monthly_usd"`
}

// Summary sums a forecast up.
func (f Forecast) Summary() Summary {
	s := Summary{Bounds: map[string]int{}, Costs: map[string]float64{}, Monthly: f.Monthly}
	for _, x := range f.Failures {
		s.Bounds[x.Subject()] = x.Seconds
	}
	for _, c := range f.Costs {
		s.Costs[c.Item] = math.Round((s.Costs[c.Item]+c.USD)*100) / 100
	}
	return s
}

// Decode reads a summary strictly: one that another version wrote with other fields is noticed and not half-read.
func Decode(b []byte) (Summary, error) {
	var s Summary
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return Summary{}, fmt.Errorf("decode forecast: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Summary{}, errors.New("decode forecast: there is more after its end")
	}
	return s, nil
}
