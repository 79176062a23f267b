package drill

import (
	"fmt"
	"strings"
	"time"

	"polygate.example/shared/topology"
)

// New makes an experiment of one fault on what is deployed. What its limits allow is what it breaks.
func New(t topology.Topology, env string, s Step) (Experiment, error) {
	if s.Fault.Kind == ErrorRate && s.Fault.Rate == 0 {
		s.Fault.Rate = 1
	}
	if s.Fault.Kind == Latency && s.Fault.Delay == 0 {
		s.Fault.Delay = time.Duration(t.Check.Timeout+5) * time.Second
	}
	if err := s.Fault.check(t); err != nil {
		return Experiment{}, err
	}
	if s.Lease < 0 || s.Lease > LongestLease {
		return Experiment{}, fmt.Errorf("its lease is %s: want a time above zero, at most %s", s.Lease, LongestLease)
	}
	// Both are written down, so that Chaos Toolkit breaks it for as long.
	if s.Watch == 0 && s.Lease > 0 && s.Fault.Kind != DNSStale {
		s.Watch = s.Lease
	}
	if s.Watch == 0 {
		s.Watch = watched(t, expect(t, []Step{s}, t.Front != ""))
	}
	if s.Lease == 0 {
		s.Lease = s.Watch + margin
	}
	if s.Lease > LongestLease {
		return Experiment{}, fmt.Errorf("answers are remembered for so long here that it would be watched for %s, and no fault may last for longer than %s: --lease says for how long instead", s.Watch, LongestLease)
	}
	hit := s.Fault.Regions(t)
	what := strings.Join(hit, ", ")
	if what == "" {
		what = s.Fault.Target
	}
	polygate := func(args ...string) Process { return Process{Type: "process", Path: program, Arguments: args} }
	return Experiment{
		Version: "1.0.0", Title: s.Fault.String(),
		Description:   fmt.Sprintf("Clients of %s go on being answered while %s, and are led back afterwards.", t.Hostname, s.Fault.phrase()),
		Tags:          []string{string(s.Fault.Kind), env},
		Contributions: map[string]string{"reliability": "high"},
		SteadyState: &Hypothesis{Title: "every region is well and clients are answered", Probes: []Activity{
			{Type: "probe", Name: "status", Tolerance: 0, Provider: polygate("status", "-s", env)},
		}},
		Method:    []Activity{{Type: "action", Name: "break " + what, Provider: polygate(s.Inject(env)...), Pauses: &Pauses{After: s.Watch.Seconds()}}},
		Rollbacks: []Activity{{Type: "action", Name: "mend " + what, Provider: polygate("drill", "mend", "-s", env)}},
		Extensions: []Extension{{
			Name: extension, Objective: &Aim{RTO: Duration(time.Duration(t.Bound) * time.Second), Availability: 99.9}, Clients: &Load{Rate: 50},
			Limits: &Limits{Regions: max(1, len(hit)), Survivors: 1, Load: hundredths(max(1, designed(t, hit)))}, Repeat: 1,
		}},
	}, nil
}

// phrase is the fault as part of a sentence.
func (f Fault) phrase() string {
	switch f.Kind {
	case HealthFail:
		return "the health endpoint of " + f.Target + " says that it is ill"
	case Blackhole:
		return f.Target + " takes connections and answers nothing"
	case Latency:
		return fmt.Sprintf("%s answers %s late", f.Target, f.Delay)
	case ErrorRate:
		return fmt.Sprintf("%s answers a share of %g of its requests with an error", f.Target, f.Rate)
	case DNSStale:
		return "the name servers of " + f.Target + " learn nothing new"
	case CertificateExpired:
		return "the certificate of " + f.Target + " has ended"
	case ControlPlaneDown:
		return "the API of " + f.Target + " refuses everything"
	}
	return f.Target + " is down"
}

// Explain says what a drill breaks, for how long, and what is to be expected, where cloud time runs at a speed (1 on real clouds).
func (d Drill) Explain(t topology.Topology, speed float64) string {
	r := runner{world: World{Topology: t, Speed: speed}, drill: d}
	r.plan()
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", d.Experiment.Title)
	for _, s := range r.steps {
		fmt.Fprintf(&b, "breaks:    %s, leased for %s, watched for %s\n", s.Fault, s.Lease, s.Watch)
	}
	e := r.out.Expected
	switch {
	case e.Unnoticed:
		fmt.Fprintf(&b, "expected:  no bound: %s\n", e.Why)
	case e.Lossless:
		fmt.Fprintf(&b, "expected:  nothing lost; clients led elsewhere within %.0f s (%s)\n", e.Bound, e.Why)
	default:
		fmt.Fprintf(&b, "expected:  no client without an answer for longer than %.0f s (%s)\n", e.Bound, e.Why)
	}
	if rto := time.Duration(d.Extension.Objective.RTO); rto > 0 {
		fmt.Fprintf(&b, "objective: %s\n", rto)
		if !e.Unnoticed && e.Bound > rto.Seconds() {
			fmt.Fprintf(&b, "           which is less than the bound: it may be missed though everything works as it should\n")
		}
	}
	limits := d.Extension.Limits
	fmt.Fprintf(&b, "limits:    %d regions broken, %d survivors, each with %.2f times its load", limits.Regions, limits.Survivors, limits.Load)
	if limits.LostRequests > 0 {
		fmt.Fprintf(&b, ", %d requests lost by clients that go by the TTL", limits.LostRequests)
	}
	if limits.BudgetBurn > 0 {
		fmt.Fprintf(&b, ", %g %% of the error budget burned by clients that go by the TTL", limits.BudgetBurn)
	}
	if w := d.Extension.Window; w != nil {
		fmt.Fprintf(&b, "\nwindow:    %s", w)
	}
	if d.Extension.Approval != "" {
		fmt.Fprintf(&b, "\napproval:  --approved-by <who>")
	}
	return b.String()
}
