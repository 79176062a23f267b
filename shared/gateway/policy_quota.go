package gateway

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Quota lets so many requests pass in each hour, day or month of the calendar, of each key apart: 429 for the others.
type Quota struct {
	Limit  int              `json:"limit"`           // requests, at least 1
	Period string           `json:"period"`          // see Periods
	Zone   string           `json:"zone"`            // of the calendar: "UTC" or a name of the IANA time zone database
	By     []CountBy        `json:"by"`              // what makes up the key
	Plans  map[string]Limit `json:"plans,omitempty"` // of consumers that have the plan, in place of Limit
	Keys   int              `json:"keys"`            // that are known at a time, 100 to 1,000,000
	Shared *Shared          `json:"shared,omitempty"`
}

// Limit is what one plan has.
type Limit struct {
	Limit int `json:"limit"`
}

// Periods are those of a quota.
func Periods() []string { return []string{"hour", "day", "month"} }

func (p *Quota) check(r *report, at Pointer) {
	checkLimit(r, at, Limit{p.Limit})
	if p.Period == "" {
		r.value(at.Key("period"), "it has no period", "write one of "+strings.Join(Periods(), ", "))
	} else if !slices.Contains(Periods(), p.Period) {
		r.value(at.Key("period"), fmt.Sprintf("period %s is not known", quote(p.Period)), "write one of "+strings.Join(Periods(), ", "))
	}
	if _, err := LoadZone(p.Zone); err != nil {
		r.value(at.Key("zone"), fmt.Sprintf("time zone %s is not known", quote(p.Zone)), `write UTC, or a name of the time zone database, such as "Europe/Berlin"`)
	}
	checkBy(r, at.Key("by"), p.By)
	checkPlans(r, at.Key("plans"), p.Plans, func(at Pointer, one Limit) { checkLimit(r, at, one) })
	checkKeys(r, at.Key("keys"), p.Keys)
	p.Shared.check(r, at.Key("shared"))
}

func checkLimit(r *report, at Pointer, p Limit) {
	if p.Limit < 1 {
		r.value(at.Key("limit"), "there is no limit above zero", "write how many requests may come in a period, such as 10000")
	}
}

func (p *Quota) secrets() []string { return p.Shared.secrets() }
func (p *Quota) caller() callerUse { return countsCallers(p.By, len(p.Plans)) }

func (p *Quota) parts() []Part {
	parts := append(p.Shared.parts(), partsOfKey(p.By)...)
	if p.Zone != "UTC" {
		parts = append(parts, PartZones)
	}
	return parts
}

// LoadZone finds a time zone by its name.
func LoadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" { // the machine's own is not the same everywhere
		return nil, fmt.Errorf("gateway: time zone %q is not known", name)
	}
	return time.LoadLocation(name)
}

// usable tests the text of a secret that the policy reads.
func (p *Quota) usable(name, text string) error { return p.Shared.usable(name, text) }

var (
	_ kind         = (*Quota)(nil)
	_ secretReader = (*Quota)(nil)
)
