package render

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"polygate.example/tools/internal/drill"
)

// ContentType is the media type of what OpenMetrics writes.
const ContentType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

// family is a metric family: its metadata, and all its samples together, as the format wants.
type family struct {
	name, kind, unit, help string
	samples                []string
}

// set are families in the order in which they were first named.
type set struct{ families []*family }

// OpenMetrics writes outcomes as OpenMetrics 1.0 text (https://prometheus.io/docs/specs/om/open_metrics_spec/), for a push or a file that is read
// in. Outcomes that are written together have different ids. A run that never recovered has no RTO, but polygate_drill_recovered 0; a drill without a bound has none, and a verdict is one of seven states.
func OpenMetrics(w io.Writer, outcomes ...drill.Outcome) error {
	var s set
	for _, o := range outcomes {
		o, err := plain(o)
		if err != nil {
			return err
		}
		s.outcome(o)
	}
	var b strings.Builder
	for _, f := range s.families {
		fmt.Fprintf(&b, "# TYPE %s %s\n", f.name, f.kind)
		if f.unit != "" {
			fmt.Fprintf(&b, "# UNIT %s %s\n", f.name, f.unit)
		}
		fmt.Fprintf(&b, "# HELP %s %s\n%s", f.name, f.help, strings.Join(f.samples, ""))
	}
	b.WriteString("# EOF\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// gauge adds a sample to a family of gauges.
func (s *set) gauge(name, unit, help, value string, labels ...string) {
	s.sample(name, "gauge", unit, help, "", value, labels)
}

// sample adds one to its family, which is made by the first.
func (s *set) sample(name, kind, unit, help, suffix, value string, labels []string) {
	var f *family
	for _, k := range s.families {
		if k.name == name {
			f = k
		}
	}
	if f == nil {
		f = &family{name: name, kind: kind, unit: unit, help: help}
		s.families = append(s.families, f)
	}
	var pairs []string
	for i := 0; i+1 < len(labels); i += 2 {
		pairs = append(pairs, labels[i]+`="`+escape(labels[i+1])+`"`)
	}
	f.samples = append(f.samples, name+suffix+"{"+strings.Join(pairs, ",")+"} "+value+"\n")
}

// escape is what the specification wants of a label's value ("Escaping").
func escape(s string) string { return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) }

// float has a decimal point or an exponent, as the specification wants of a number that is no integer ("Numbers").
func float(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

// truth is 1 or 0.
func truth(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// outcome adds all samples of a drill.
func (s *set) outcome(o drill.Outcome) {
	labels := []string{"environment", o.Environment, "manager", o.Manager, "pattern", o.Pattern, "fault", faults(o), "drill", o.ID}
	with := func(more ...string) []string { return append(labels[:len(labels):len(labels)], more...) }

	s.sample("polygate_drill", "info", "", "What was drilled, and by what.", "_info", "1", with("title", o.Title, "hostname", o.Hostname, "steering", o.Steering,
		"verdict", string(o.Verdict), "experiment", o.Digests.Experiment, "model", o.Digests.Model, "release", o.Digests.Release))
	verdicts := []drill.Verdict{drill.Pass, drill.Fail, drill.Inconclusive, drill.Aborted, drill.CleanupFailed, drill.Blocked, drill.LockLost}
	for _, v := range verdicts {
		s.sample("polygate_drill_verdict", "stateset", "", "What the drill came to.", "", truth(v == o.Verdict), with("polygate_drill_verdict", string(v)))
	}
	s.gauge("polygate_drill_started_timestamp_seconds", "seconds", "When the drill began, Unix time.", strconv.FormatInt(o.Started.Unix(), 10), labels...)
	s.gauge("polygate_drill_ended_timestamp_seconds", "seconds", "When the drill ended, Unix time.", strconv.FormatInt(o.Ended.Unix(), 10), labels...)
	if !o.Expected.Unnoticed {
		s.gauge("polygate_drill_bound_seconds", "seconds", "Longest time that any client can be without answers, as computed before, cloud time.", float(o.Expected.Bound), labels...)
	}
	if o.Objective.RTO > 0 {
		s.gauge("polygate_drill_objective_seconds", "seconds", "Longest time without answers that the experiment allows, cloud time.", float(o.Objective.RTO), labels...)
	}
	for i, r := range o.Runs {
		s.run(r, with("run", strconv.Itoa(i+1)))
	}
}

// run adds the samples of a run.
func (s *set) run(r drill.Run, labels []string) {
	with := func(more ...string) []string { return append(labels[:len(labels):len(labels)], more...) }
	if r.Moments.Fault != nil {
		s.gauge("polygate_drill_recovered", "", "Whether every client had an answer again.", truth(r.Derived.RTO != nil), labels...)
	}
	if r.Derived.RTO != nil {
		s.gauge("polygate_drill_rto_seconds", "seconds", "From the fault until the last client had an answer again, cloud time.", float(*r.Derived.RTO), labels...)
	}
	if r.Moments.Fault != nil {
		second := 0
		for _, x := range r.Outages {
			if x.Second {
				second++
			}
		}
		s.gauge("polygate_drill_second_outages", "", "Outages that began when the first one and the bound were over.", strconv.Itoa(second), labels...)
	}
	for _, p := range []struct {
		name string
		of   *float64
	}{{"detect", r.Derived.Detect}, {"decide", r.Derived.Decide}, {"publish", r.Derived.Publish}, {"propagate", r.Derived.Propagate}, {"recover", r.Derived.Recover},
		{"moved", r.Derived.Moved}, {"fail_back", r.Derived.FailBack}} {
		if p.of != nil {
			s.gauge("polygate_drill_phase_seconds", "seconds", "The times between the moments of a drill, cloud time.", float(*p.of), with("phase", p.name)...)
		}
	}
	for _, q := range []struct {
		name, help string
		of         int
	}{
		{"sent", "Requests that clients sent.", r.Requests.Sent},
		{"failed", "Attempts that got no right answer.", r.Requests.Failed},
		{"lost", "Requests that got no right answer after all their attempts.", r.Requests.Lost},
		{"lost_judged", "Lost requests of clients that go by the TTL and connect anew.", r.Requests.Judged},
		{"lost_outside_outages", "Of these, the ones lost outside outages while the fault was in force.", r.Outside.Lost},
		{"retried", "Requests that needed more than one attempt.", r.Requests.Retried},
		{"wrong", "Lost requests whose answer the gateway did not give.", r.Requests.Wrong},
	} {
		s.gauge("polygate_drill_"+q.name+"_requests", "requests", q.help, strconv.Itoa(q.of), labels...)
	}
	s.gauge("polygate_drill_budget_burned_ratio", "ratio", "Share of the error budget of 30 days that clients burned which go by the TTL and connect anew.", float(math.Round(r.Budget*1e6)/1e8), labels...)
	for _, l := range []struct {
		name string
		of   drill.Quantiles
	}{{"before", r.Latency.Before}, {"during", r.Latency.During}, {"after", r.Latency.After}} {
		if l.of.N == 0 {
			continue
		}
		name, help, when := "polygate_drill_latency_seconds", "Time that right answers took before, during and after the fault, wall time.", with("when", l.name)
		for _, q := range []struct {
			quantile string
			ms       float64
		}{{"0.5", l.of.P50}, {"0.95", l.of.P95}, {"0.99", l.of.P99}, {"1.0", l.of.Max}} {
			s.sample(name, "summary", "seconds", help, "", float(math.Round(q.ms*1e3)/1e6), append(when[:len(when):len(when)], "quantile", q.quantile))
		}
		s.sample(name, "summary", "seconds", help, "_count", strconv.Itoa(l.of.N), when)
	}
}
