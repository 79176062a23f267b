package ratelimit

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Calendar cuts time into periods that follow each other without a gap.
type Calendar struct {
	unit string
	zone *time.Location
	last atomic.Pointer[period] // the one that was asked for last: nearly always the one of the next question
}

type period struct{ start, end time.Time }

// Units are the periods there are.
func Units() []string { return []string{"hour", "day", "month"} }

// NewCalendar has periods of a unit, at the wall clock of a zone. A day on which clocks change has 23 hours or 25; an hour has
// always 60 minutes, and begins anew where clocks change by half of one.
func NewCalendar(unit string, zone *time.Location) (*Calendar, error) {
	switch unit {
	case "hour", "day", "month":
		return &Calendar{unit: unit, zone: zone}, nil
	}
	return nil, fmt.Errorf("ratelimit: period %q is not known", unit)
}

// Period is the one that a time is in: from start, before end.
func (c *Calendar) Period(now time.Time) (start, end time.Time) {
	if p := c.last.Load(); p != nil && !now.Before(p.start) && now.Before(p.end) {
		return p.start, p.end
	}
	t := now.In(c.zone)
	if c.unit == "hour" {
		into := time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
		start = t.Round(0).Add(-into)
		end = start.Add(time.Hour)
	} else {
		// Where a date is left out, or clocks go back over midnight, the next or the one before may be meant.
		n := 0
		start, end = c.begin(t, n), c.begin(t, n+1)
		for now.Before(start) {
			n--
			start, end = c.begin(t, n), start
		}
		for !now.Before(end) {
			n++
			start, end = end, c.begin(t, n+1)
		}
	}
	c.last.Store(&period{start, end})
	return start, end
}

// begin is when the n-th day or month after that of t begins.
func (c *Calendar) begin(t time.Time, n int) time.Time {
	year, month, day := t.Year(), t.Month(), t.Day()+n
	if c.unit == "month" {
		month, day = t.Month()+time.Month(n), 1
	}
	b := time.Date(year, month, day, 0, 0, 0, 0, c.zone)
	if b.Hour() == 23 {
		b = b.Add(time.Hour) // there is no midnight: the date begins at one
	}
	return b
}
