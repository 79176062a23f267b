package ratelimit_test

import (
	"testing"
	"time"

	"polygate.example/shared/ratelimit"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestPeriods(t *testing.T) {
	for _, c := range []struct{ unit, zone, at, start, end string }{
		{"hour", "UTC", "2026-12-01T10:59:59.999999999Z", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z"},
		{"hour", "Asia/Kolkata", "2026-12-01T10:15:00Z", "2026-12-01T09:30:00Z", "2026-12-01T10:30:00Z"},
		{"day", "UTC", "2028-02-29T23:59:59Z", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"},
		{"day", "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},     // 23 hours
		{"day", "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},     // 25 hours
		{"day", "America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"}, // midnight does not exist
		{"day", "America/Sao_Paulo", "2018-11-04T02:59:59Z", "2018-11-03T03:00:00Z", "2018-11-04T03:00:00Z"},
		{"month", "UTC", "2028-02-15T00:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"},
		{"month", "UTC", "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"month", "America/New_York", "2026-12-01T04:59:59Z", "2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z"},
	} {
		cal, err := ratelimit.NewCalendar(c.unit, zone(t, c.zone))
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339Nano, c.at)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // from the calendar, and from what was found before
			start, end := cal.Period(at)
			if got := start.UTC().Format(time.RFC3339); got != c.start {
				t.Errorf("%s of %s in %s starts %s, want %s", c.unit, c.at, c.zone, got, c.start)
			}
			if got := end.UTC().Format(time.RFC3339); got != c.end {
				t.Errorf("%s of %s in %s ends %s, want %s", c.unit, c.at, c.zone, got, c.end)
			}
		}
	}
	if _, err := ratelimit.NewCalendar("week", time.UTC); err == nil {
		t.Error("there are weeks")
	}
}

// Periods follow each other without a gap, in every zone, whatever its clocks do.
func TestPeriodsFollow(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"} {
		for _, unit := range ratelimit.Units() {
			if unit == "hour" && name == "Australia/Lord_Howe" {
				continue // its clocks change by half an hour
			}
			cal, err := ratelimit.NewCalendar(unit, zone(t, name))
			if err != nil {
				t.Fatal(err)
			}
			_, at := cal.Period(time.Date(2010, 12, 20, 0, 0, 0, 0, time.UTC))
			for range 10_000 {
				fresh, err := ratelimit.NewCalendar(unit, zone(t, name))
				if err != nil {
					t.Fatal(err)
				}
				start, end := fresh.Period(at)
				if !start.Equal(at) || !end.After(start) {
					t.Fatalf("%s in %s: what begins at %v is from %v to %v", unit, name, at, start, end)
				}
				if at = end; at.Year() > 2030 {
					break
				}
			}
		}
	}
}

func TestQuota(t *testing.T) {
	c := newClock()
	c.advance(23*time.Hour + 59*time.Minute)
	cal, err := ratelimit.NewCalendar("day", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ratelimit.NewQuota(3, cal)
	if err != nil {
		t.Fatal(err)
	}
	l := ratelimit.New(ratelimit.Options{Now: c.now})
	take := func() ratelimit.Decision { return l.Take(t.Context(), key(1), r) }
	for i := range int64(3) {
		if d := take(); !d.Allowed || d.Remaining != 2-i || d.Reset != time.Minute {
			t.Fatalf("request %d: %+v", i+1, d)
		}
	}
	if d := take(); d.Allowed || d.Retry != time.Minute || d.Remaining != 0 {
		t.Fatalf("the fourth: %+v", d)
	}
	if w := r.Window(c.t); w != 24*time.Hour {
		t.Errorf("a window of %v", w)
	}
	c.advance(time.Minute)
	if d := take(); !d.Allowed || d.Reset != 24*time.Hour {
		t.Fatalf("on the next day: %+v", d)
	}
	c.advance(-time.Second) // a small correction of the clock is no other day
	take()
	take()
	if d := take(); d.Allowed {
		t.Fatalf("a second back: %+v", d)
	}
	for _, bad := range []int{0, -1} {
		if _, err := ratelimit.NewQuota(bad, cal); err == nil {
			t.Errorf("a quota of %d", bad)
		}
	}
	if _, err := ratelimit.NewQuota(1, nil); err == nil {
		t.Error("a quota without calendar")
	}
}
