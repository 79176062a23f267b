package drill

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"polygate.example/tools/internal/report"
)

// Limits within which the prober's own work says nothing against what it measured.
const (
	latest   = 250  // milliseconds by which 99 of 100 requests may be sent late
	unsent   = 0.01 // share of requests that may go unsent
	stepping = time.Second
)

// judge holds the runs against what was computed and asked for. Its checks come between those before the fault and those besides.
func judge(o *Outcome, before, besides []report.Check, now time.Time) {
	checks := slices.Clone(before)
	verdict, because := Pass, ""
	worse := func(v Verdict, why string) { // the first of the gravest counts
		rank := []Verdict{Pass, Fail, Inconclusive, CleanupFailed}
		if slices.Index(rank, v) > slices.Index(rank, verdict) {
			verdict, because = v, why
		}
	}
	for i, r := range o.Runs {
		name := func(what string) string {
			if len(o.Runs) == 1 {
				return what
			}
			return fmt.Sprintf("run %d: %s", i+1, what)
		}
		for _, j := range append(r.judgements(o), r.lies(o)...) {
			j.check.Name = name(j.check.Name)
			checks = append(checks, j.check)
			if j.check.Result == report.Failed {
				worse(j.verdict, j.check.Name+": "+j.check.Detail)
			}
		}
	}
	for _, c := range besides {
		checks = append(checks, c)
		if c.Result == report.Failed {
			worse(Fail, c.Name+": "+c.Detail)
		}
	}
	o.Spread = spread(o.Runs)
	o.Report = report.New(o.Environment, now, checks)
	if o.Verdict == "" {
		o.Verdict, o.Because = verdict, because
	}
	if o.Because == "" && len(o.Runs) > 0 {
		o.Because = o.summary() + o.besides()
	}
}

// summary is what a drill that passed proved.
func (o *Outcome) summary() string {
	switch s := o.Spread; {
	case s.RTO.Max == nil:
		return "no figure"
	case *s.RTO.Max == 0 && s.Moved.Max != nil:
		return fmt.Sprintf("no client was without an answer, and all had moved after %.1f s of at most %.0f s", *s.Moved.Max, o.Expected.Bound)
	case *s.RTO.Max == 0:
		return "no client was without an answer"
	default:
		return fmt.Sprintf("the last client that goes by the TTL had an answer again after %.1f s of at most %.0f s", *s.RTO.Max, o.Expected.Bound)
	}
}

// besides is what was lost outside outages, for the end of a sentence; "" where nothing was.
func (o *Outcome) besides() string {
	lost := 0
	for _, r := range o.Runs {
		lost += r.Outside.Lost
	}
	if lost == 0 {
		return ""
	}
	return fmt.Sprintf("; %s outside outages, within the objective of %g %%", plural(lost, "request was lost", "requests were lost"), o.Objective.Availability)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// judgement is a check, and what it makes of the drill when it failed.
type judgement struct {
	check   report.Check
	verdict Verdict
}

// hold makes a judgement: good unless it says why not.
func hold(v Verdict, name, good, bad, remedy string) judgement {
	return judgement{gate(name, good, bad, remedy), v}
}

// judgements are what a run is held against.
func (r Run) judgements(o *Outcome) []judgement {
	if r.Cut { // it was not watched for long enough to say more
		return []judgement{r.cleanedUp()}
	}
	out := []judgement{r.landed(), r.cleanedUp(), r.seen()}
	rto, limit := r.Derived.RTO, o.Expected.Bound
	switch {
	case o.Expected.Unnoticed:
		bad := ""
		switch {
		case rto == nil:
			bad = "clients were without answers until it was mended, as computed: " + o.Expected.Why
		case *rto > 0:
			bad = fmt.Sprintf("clients lost requests for %.1f s, and nothing bounds that: %s", *rto, o.Expected.Why)
		}
		out = append(out, hold(Fail, "recovery", "no client was without answers", bad, "watch for it by other means: nothing leads clients away"))
	case rto == nil:
		out = append(out, hold(Fail, "recovery within the bound", "", fmt.Sprintf("some client never had an answer again while it lasted; the bound is %.0f s", limit), "see the timeline: votes, DNS answers, resolvers"))
	default:
		out = append(out, r.within("recovery within the bound", limit, "see which phase took long: detect, decide, publish, propagate"))
	}
	if want := o.Objective.RTO; want > 0 && rto == nil {
		out = append(out, hold(Fail, "objective of recovery", "", fmt.Sprintf("the objective is %.0f s, and some client never had an answer again", want), "see the timeline"))
	} else if want > 0 {
		out = append(out, r.within("objective of recovery", want, "a shorter check interval, a lower threshold or TTL; `polygate preview` prints what they come to"))
	}
	if o.Expected.Lossless {
		bad := ""
		if len(r.Outages) > 0 {
			bad = fmt.Sprintf("%d requests were lost", r.lostByJudged())
		}
		good := "no request of a client that goes by the TTL"
		if n := r.Outside.Lost; n > 0 {
			good += fmt.Sprintf(" but %d, which the objective of %g %% allows", n, o.Objective.Availability)
		}
		out = append(out, hold(Fail, "nothing lost", good, bad, "see the timeline"))
	}
	out = append(out, r.outside(o), r.stayed())
	if r.Requests.Wrong > 0 {
		out = append(out, hold(Fail, "answers are the gateway's", "", fmt.Sprintf("%d were not", r.Requests.Wrong), "see who answers for the name"))
	}
	if len(o.Affected) > 0 && !o.Expected.Unnoticed {
		out = append(out, r.left(o))
		out = append(out, r.returned())
	}
	return out
}

// outside holds what was lost outside outages against the objective.
func (r Run) outside(o *Outcome) judgement {
	x := r.Outside
	text := fmt.Sprintf("%d of %d requests; the objective of %g %% allows %d", x.Lost, x.Sent, o.Objective.Availability, x.Allowed)
	if x.Lost > x.Allowed {
		return hold(Fail, "lost outside outages", "", text, "see the timeline: who serves after the failover loses requests, or so does the way there")
	}
	return hold(Fail, "lost outside outages", text, "", "")
}

// stayed says whether clients that had answers again kept having them.
func (r Run) stayed() judgement {
	var again []string
	for _, x := range r.Outages {
		if !x.Second {
			continue
		}
		over := "which was not over when it was mended"
		if x.Over != nil {
			over = fmt.Sprintf("for %.1f s", *x.Over-x.At)
		}
		again = append(again, fmt.Sprintf("another outage %.1f s after the fault, %s, took %d requests", x.At-r.Fault, over, x.Lost))
	}
	return hold(Fail, "no second outage", "clients that were answered again stayed so", strings.Join(again, "\n"), "see the timeline: votes that change, DNS answers that lead back, a survivor that cannot carry it")
}

// within holds the recovery against a limit. It lies between the last request that was lost and the next one of its client: it is missed
// where all of that is beyond the limit.
func (r Run) within(name string, limit float64, remedy string) judgement {
	took := *r.Derived.RTO
	least := took
	if r.Derived.Least != nil {
		least = *r.Derived.Least
	}
	switch {
	case took <= limit:
		return hold(Fail, name, fmt.Sprintf("after %.1f s of at most %.0f s", took, limit), "", "")
	case least <= limit:
		return judgement{check: report.Check{Name: name, Result: report.Warning, Remedy: "a higher clients.rate tells it apart",
			Detail: fmt.Sprintf("between %.1f s, when the last request was lost, and %.1f s, when its client asked again; the limit is %.0f s", least, took, limit)}}
	}
	return hold(Fail, name, "", fmt.Sprintf("the last client had an answer again after %.1f s, the limit is %.0f s", took, limit), remedy)
}

// left says whether clients were led away.
func (r Run) left(o *Outcome) judgement {
	bad, moved := "", r.Derived.Moved
	switch {
	case r.Moments.FirstShifted == nil && moved == nil && !r.served(o.Affected):
		return hold(Inconclusive, "clients led away", "", "no client was served there before, so that nothing is proved", "drill a region that has traffic: `polygate status` tells")
	case moved == nil:
		bad = fmt.Sprintf("some still were led there when it was mended; the bound is %.0f s", o.Expected.Bound)
	case *moved > o.Expected.Bound:
		bad = fmt.Sprintf("the last one after %.1f s, the bound is %.0f s", *moved, o.Expected.Bound)
	}
	good := ""
	if moved != nil {
		good = fmt.Sprintf("the last one after %.1f s of at most %.0f s", *moved, o.Expected.Bound)
	}
	return hold(Fail, "clients led away", good, bad, "see the timeline: the manager's votes, then its DNS answers, then the resolvers")
}

// served reports whether any of some regions answered a client before the fault.
func (r Run) served(regions []string) bool {
	for _, b := range r.Timeline {
		for region, n := range b.By {
			if b.At < r.Fault && n > 0 && slices.Contains(regions, region) {
				return true
			}
		}
	}
	return false
}

// returned says whether clients were led back. It is a warning: nobody is without an answer for it.
func (r Run) returned() judgement {
	c := report.Check{Name: "clients led back", Result: report.OK}
	switch {
	case r.Derived.FailBack != nil:
		c.Detail = fmt.Sprintf("the last one %.1f s after mending", *r.Derived.FailBack)
	case r.Moments.FirstShifted == nil:
		c.Result, c.Detail = report.Skipped, "nobody had left"
	default:
		c.Result, c.Detail, c.Remedy = report.Warning, "not all of them while it was watched", "`polygate status` says whether the region is in traffic"
	}
	return judgement{check: c}
}

// landed says whether the faults were there.
func (r Run) landed() judgement {
	return evidence(Inconclusive, "the fault landed", r.Landed, "nothing was proved: see whether the lever reaches what it is to break")
}

// cleanedUp says whether they are gone.
func (r Run) cleanedUp() judgement {
	return evidence(CleanupFailed, "everything mended", r.Cleanup, "`polygate drill mend`, and look again; each fault ends with its lease")
}

func evidence(v Verdict, name string, seen []Evidence, remedy string) judgement {
	var good, bad []string
	for _, e := range seen {
		text := fmt.Sprintf("%s: %s", e.Fault, e.Text)
		if e.OK {
			good = append(good, text)
		} else {
			bad = append(bad, text)
		}
	}
	if len(seen) == 0 {
		bad = []string{"nobody looked"}
	}
	return hold(v, name, strings.Join(good, "\n"), strings.Join(bad, "\n"), remedy)
}

// seen says whether what measured was fast enough to be trusted.
func (r Run) seen() judgement {
	p := r.Prober
	bad := ""
	if float64(p.Missed) > unsent*float64(p.Sent+p.Missed) {
		bad = fmt.Sprintf("%d of %d requests could not be sent when they were due", p.Missed, p.Sent+p.Missed)
	}
	const remedy = "a lower clients.rate, or a machine with less to do"
	j := hold(Inconclusive, "the prober kept up", fmt.Sprintf("%d requests, 99 %% of them at most %.0f ms late", p.Sent, p.LateP99), bad, remedy)
	if bad == "" && p.LateP99 > latest { // it counts as part of what requests took: what is measured is rather too long than too short
		j.check.Result, j.check.Remedy = report.Warning, remedy
	}
	return j
}

// lostByJudged is how many requests those clients lost that the bound is for.
func (r Run) lostByJudged() (n int) {
	for _, h := range r.Resolvers {
		if h.Judged {
			n += h.Lost
		}
	}
	return n
}

// lies are where what somebody says is not what happens.
func (r Run) lies(o *Outcome) []judgement {
	if r.Cut {
		return nil
	}
	var out []judgement
	well := map[string]bool{}
	for _, v := range r.Votes {
		if v.At < r.Mended {
			well[v.Region] = v.Healthy
		}
	}
	losing := r.losing(o)
	for _, region := range o.Affected {
		said, ok := well[region]
		switch {
		case ok && said && losing:
			out = append(out, hold(Fail, "health is told as it is", "", fmt.Sprintf("%s calls %s well, and its clients lose requests", o.Manager, region),
				"have the health endpoint see what clients see: check.path: /ready looks at the upstreams as well"))
		case ok && !said && r.Moments.DNSChanged == nil && r.ledThere(region):
			out = append(out, hold(Fail, "what is decided is published", "", fmt.Sprintf("%s calls %s ill, and its name servers still lead there", o.Manager, region),
				"what its API says it does not do: take the region out by `polygate failover`, or lead the zone elsewhere"))
		}
	}
	for _, h := range r.Resolvers {
		if h.Stale > 0 {
			out = append(out, judgement{check: report.Check{
				Name: "resolvers go by the TTL", Result: report.Warning, Remedy: "nothing of yours: some resolvers hold on, and a proxied front is not troubled by them",
				Detail: fmt.Sprintf("%d requests of clients whose resolver %s went by an answer past its TTL, %d of all theirs were lost", h.Stale, h.Name, h.Lost),
			}})
		}
	}
	for _, h := range r.Resolvers {
		if !h.Judged && h.Stale == 0 && h.RTO == nil {
			out = append(out, judgement{check: report.Check{Name: "others recovered", Result: report.Warning, Detail: fmt.Sprintf("a client that %s never had an answer again while it lasted", h.Name),
				Remedy: "the bound is not for it; see how long your clients keep connections and answers"}})
		}
	}
	if abs(r.Stepped) >= stepping.Seconds() {
		out = append(out, judgement{check: report.Check{
			Name: "the clock on the wall", Result: report.Warning, Remedy: "have it kept by NTP; timestamps before and after the step do not fit together, durations do",
			Detail: fmt.Sprintf("it was set by %+.1f s while the drill ran; no duration here depends on it", r.Stepped),
		}})
	}
	return out
}

// losing reports whether judged clients still lost requests at the end of the fault.
func (r Run) losing(o *Outcome) bool {
	if r.Derived.RTO == nil {
		return true
	}
	last := *r.Derived.RTO
	for _, x := range r.Outages {
		if x.Over == nil {
			return true
		}
		last = max(last, *x.Over-r.Fault)
	}
	// A share of the requests may be lost to the end, and each client be answered now and then.
	return last > max(o.Expected.Bound, 0.8*(r.Mended-r.Fault))
}

// ledThere reports whether a name server led to a region last before it was mended.
func (r Run) ledThere(region string) bool {
	last := map[string]bool{}
	for _, c := range r.DNS {
		if c.At <= r.Mended {
			last[c.Server] = slices.Contains(c.Regions, region)
		}
	}
	for _, leads := range last {
		if leads {
			return true
		}
	}
	return false
}

// spread is how runs differ.
func spread(runs []Run) Spread {
	s := Spread{Runs: len(runs)}
	var rto, moved, detect []float64
	note := func(to *[]float64, v *float64) {
		if v != nil {
			*to = append(*to, *v)
		}
	}
	for _, r := range runs {
		if r.Derived.RTO == nil && !r.Cut {
			s.Never++
		}
		note(&rto, r.Derived.RTO)
		note(&moved, r.Derived.Moved)
		note(&detect, r.Derived.Detect)
	}
	s.RTO, s.Moved, s.Detect = figures(rto), figures(moved), figures(detect)
	return s
}

func figures(seconds []float64) Figures {
	if len(seconds) == 0 {
		return Figures{}
	}
	slices.Sort(seconds)
	p50, p95, most := quantile(seconds, 0.5), quantile(seconds, 0.95), seconds[len(seconds)-1]
	return Figures{&p50, &p95, &most}
}

func abs(v float64) float64 { return max(v, -v) }
