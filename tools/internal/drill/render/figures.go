package render

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"polygate.example/tools/internal/drill"
)

// seconds writes cloud time to a tenth, with its unit.
func seconds(s float64) string { return number(s, 1) + " s" }

// maybe is seconds, or words for a figure that was not seen.
func maybe(s *float64, without string) string {
	if s == nil {
		return without
	}
	return seconds(*s)
}

// millis writes a latency.
func millis(ms float64) string { return number(ms, 1) + " ms" }

// percent writes a share that is given in percent.
func percent(p float64) string { return number(p, 2) + " %" }

// number has at most so many decimals, and none that say nothing.
func number(f float64, decimals int) string {
	s := strconv.FormatFloat(f, 'f', decimals, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

// count is a number of things: "1 request", "12 requests".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// after writes seconds after the fault, with a sign.
func after(s float64) string {
	if math.Round(s*10) > 0 {
		return "+" + seconds(s)
	}
	return seconds(s)
}

// stamp is a moment of the wall clock by RFC 3339, UTC, to the millisecond.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "not seen"
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// rto says how long clients of a run were without answers.
func rto(r drill.Run) string {
	switch {
	case r.Moments.Fault == nil:
		return "not measured, no fault was in force"
	case r.Derived.RTO == nil && r.Cut:
		return "not measured, it was given up"
	case r.Derived.RTO == nil:
		return "never recovered while it was watched"
	case *r.Derived.RTO == 0:
		return "0 s, no client was without answers"
	}
	return seconds(*r.Derived.RTO)
}

// besides says what clients lost outside outages, and whether there was a second one: by what drill.Outage says it is none, and what the RTO is not
// about. "" where nothing was measured.
func besides(o drill.Outcome, runs ...drill.Run) string {
	var all drill.Outside
	second, beyond := 0, false
	for _, r := range runs {
		all.Sent, all.Lost = all.Sent+r.Outside.Sent, all.Lost+r.Outside.Lost
		beyond = beyond || r.Outside.Lost > r.Outside.Allowed
		for _, x := range r.Outages {
			if x.Second {
				second++
			}
		}
	}
	if all.Sent == 0 && second == 0 {
		return ""
	}
	s := "no request was lost outside outages"
	lost, aim := count(all.Lost, "request")+" lost outside outages, ", "the objective"
	if o.Objective.Availability > 0 {
		aim += " of " + availability(o)
	}
	switch {
	case beyond:
		s = lost + "more than " + aim + " allows"
	case all.Lost > 0:
		s = lost + "within " + aim
	}
	if second > 0 {
		s += "; " + count(second, "second outage")
	}
	return s
}

// told is the RTO of a run with what has to be known besides.
func told(o drill.Outcome, r drill.Run) string {
	s := rto(r)
	if r.Outside.Lost > 0 || slices.ContainsFunc(r.Outages, func(x drill.Outage) bool { return x.Second }) {
		s += "; " + besides(o, r)
	}
	return s
}

// availability is that of the objective.
func availability(o drill.Outcome) string { return number(o.Objective.Availability, 4) + " %" }

// worst is the longest RTO of an outcome's runs: nil with never where one of them did not recover, nil alone where nothing was measured.
func worst(o drill.Outcome) (longest *float64, never int) {
	for _, r := range o.Runs {
		switch {
		case r.Moments.Fault == nil, r.Cut && r.Derived.RTO == nil:
		case r.Derived.RTO == nil:
			never++
		case longest == nil || *r.Derived.RTO > *longest:
			longest = r.Derived.RTO
		}
	}
	if never > 0 {
		return nil, never
	}
	return longest, 0
}

// headline is the RTO of all runs, in words.
func headline(o drill.Outcome) string {
	longest, never := worst(o)
	switch {
	case never > 0 && len(o.Runs) > 1:
		return fmt.Sprintf("never recovered in %d of %s", never, count(len(o.Runs), "run"))
	case never > 0:
		return "never recovered while it was watched"
	case longest == nil:
		return "not measured"
	case len(o.Runs) > 1:
		return seconds(*longest) + " in the worst of " + count(len(o.Runs), "run")
	case *longest == 0:
		return rto(o.Runs[0])
	}
	return seconds(*longest)
}

// limit says what the RTO is held against, and how much is left of it.
func limit(of float64, o drill.Outcome) string {
	longest, never := worst(o)
	switch {
	case never > 0:
		return seconds(of) + ", missed"
	case longest == nil:
		return seconds(of)
	case *longest > of && !slices.ContainsFunc(o.Runs, func(r drill.Run) bool { return beyond(r, of) }):
		return seconds(of) + ", met to within the time between two requests"
	case *longest > of:
		return fmt.Sprintf("%s, missed by %s", seconds(of), seconds(*longest-of))
	}
	return fmt.Sprintf("%s, %s to spare", seconds(of), seconds(of-*longest))
}

// beyond reports whether a run's RTO misses a limit, as the verdict has it: the last request that was lost was sent after it as well. How soon
// its client asks again is the client's own affair.
func beyond(r drill.Run, limit float64) bool {
	return r.Derived.RTO != nil && *r.Derived.RTO > limit && (r.Derived.Least == nil || *r.Derived.Least > limit)
}

// bound is the longest that any client can be without answers, by what was computed.
func bound(o drill.Outcome) string {
	switch {
	case o.Expected.Unnoticed:
		return "none, the manager's checks do not look at what is broken"
	case o.Expected.Lossless:
		return limit(o.Expected.Bound, o) + "; no request may be lost"
	}
	return limit(o.Expected.Bound, o)
}

// objective is what the experiment asks for.
func objective(o drill.Outcome) string {
	s := "the bound"
	if o.Expected.Unnoticed {
		s = "none"
	}
	if o.Objective.RTO > 0 {
		s = limit(o.Objective.RTO, o)
	}
	if o.Objective.Availability > 0 {
		s += fmt.Sprintf("; %s of requests answered over 30 days", availability(o))
	}
	return s
}

// faults are the faults of an outcome in a few words.
func faults(o drill.Outcome) string {
	var out []string
	for _, f := range o.Faults {
		out = append(out, f.String())
	}
	return strings.Join(out, ", ")
}
