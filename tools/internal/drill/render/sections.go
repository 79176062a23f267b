package render

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"polygate.example/tools/internal/drill"
	"polygate.example/tools/internal/report"
)

// section is a table of the report. The terminal and the page show the same ones.
type section struct {
	Title string
	Head  []string // without, the first column is the head of its row
	Rows  [][]string
	None  string // what stands there without rows
}

// key is what is to be known first.
func key(o drill.Outcome) section {
	s := section{Title: "What counts", Rows: [][]string{{"RTO", headline(o)}}}
	if text := besides(o, o.Runs...); text != "" {
		s.add("besides", text)
	}
	s.add("bound", bound(o))
	s.add("objective", objective(o))
	if o.Expected.Why != "" {
		s.add("computed", o.Expected.Why)
	}
	var sent, lost, judged int
	var burned float64
	for _, r := range o.Runs {
		sent, lost, judged, burned = sent+r.Requests.Sent, lost+r.Requests.Lost, judged+r.Requests.Judged, burned+r.Budget
	}
	if len(o.Runs) > 0 {
		s.add("lost", fmt.Sprintf("%d of %s; %d by %s", lost, count(sent, "request"), judged, judgedOnes))
		s.add("error budget", percent(burned)+" of 30 days burned, by the same clients")
	}
	if o.RPO != "" {
		s.add("RPO", o.RPO)
	}
	return s
}

// judgedOnes are the clients that the bound is for, in words: limits, objective and error budget are about no others.
const judgedOnes = "clients that go by the TTL and connect anew"

// about is what was drilled.
func about(o drill.Outcome) section {
	s := section{Title: "What was drilled", Rows: [][]string{{"drill", o.ID}, {"environment", o.Environment}, {"hostname", o.Hostname}}}
	pattern := o.Pattern
	if o.Steering != "" {
		pattern += ", " + o.Steering
	}
	s.add("led by", o.Manager+", "+pattern)
	for _, f := range o.Faults {
		s.add("fault", f.String())
	}
	s.add("affected", list(o.Affected, "no region"))
	s.add("started", stamp(o.Started))
	s.add("ended", stamp(o.Ended))
	if o.Speed != 1 && o.Speed > 0 {
		s.add("clock", fmt.Sprintf("%s of cloud time in 1 s of wall time", seconds(o.Speed)))
	}
	if o.ApprovedBy != "" {
		s.add("approved by", o.ApprovedBy)
	}
	s.add("lock", "token "+strconv.FormatUint(o.Token, 10))
	return s
}

// add appends a row.
func (s *section) add(cells ...string) { s.Rows = append(s.Rows, cells) }

// spread is how runs differ.
func spread(o drill.Outcome) section {
	s := section{Title: fmt.Sprintf("Spread of %s", count(o.Spread.Runs, "run")), Head: []string{"", "p50", "p95", "max"}}
	for _, f := range []struct {
		name string
		of   drill.Figures
	}{{"RTO", o.Spread.RTO}, {"led away", o.Spread.Moved}, {"detect", o.Spread.Detect}} {
		s.add(f.name, maybe(f.of.P50, "not seen"), maybe(f.of.P95, "not seen"), maybe(f.of.Max, "not seen"))
	}
	if o.Spread.Never > 0 {
		s.add("never recovered", count(o.Spread.Never, "run"))
	}
	return s
}

// ofRun are the tables of one run.
func ofRun(o drill.Outcome, r drill.Run) []section {
	out := []section{timesOf(o, r), outagesOf(r), requestsOf(r), latencyOf(r), resolversOf(r), votesOf(r), answersOf(r)}
	for _, e := range []struct {
		title, none string
		of          []drill.Evidence
	}{
		{"Proof that the faults were there", "no proof that a fault was there", r.Landed},
		{"Clean-up", "no proof that the faults are gone", r.Cleanup},
	} {
		s := section{Title: e.title, Head: []string{"after the fault", "seen", "fault", "what was seen"}, None: e.none}
		for _, v := range e.of {
			seen := "as it should be"
			if !v.OK {
				seen = "NOT AS IT SHOULD BE"
			}
			s.add(since(r, v.At), seen, of(v.Fault), v.Text)
		}
		out = append(out, s)
	}
	return out
}

// of names the fault that was looked for; an evidence may be of all of them.
func of(f drill.Fault) string {
	if f.Kind == "" {
		return "any"
	}
	return f.String()
}

// since writes a second of the timeline as one after the fault; where there was none, as one of the timeline.
func since(r drill.Run, at float64) string {
	if r.Moments.Fault == nil {
		return seconds(at) + " of the run"
	}
	return after(at - r.Fault)
}

// timesOf are moments and derived times.
func timesOf(o drill.Outcome, r drill.Run) section {
	s := section{Title: "Moments", Head: []string{"moment", "at (UTC)", "after the fault", "took"}}
	for _, m := range moments(r, o.Speed) {
		if !m.seen {
			s.add(m.name, "not seen", "", m.took)
			continue
		}
		s.add(m.name, stamp(m.wall), after(m.at-r.Fault), m.took)
	}
	s.add("led away", "", maybe(r.Derived.Moved, "not seen"), "until nobody was led to an affected region")
	if r.Stepped != 0 {
		s.add("clock set", "", "", "the wall clock was set by "+seconds(r.Stepped)+" during the run; no figure depends on it")
	}
	return s
}

// outagesOf are the outages of judged clients.
func outagesOf(r drill.Run) section {
	s := section{Title: "Outages", Head: []string{"after the fault", "lasted", "lost", "counts as"}, None: "no client that the bound is for was without answers"}
	for _, x := range r.Outages {
		lasted, counts := "until it was mended", "the fault's: the RTO is until its end"
		if x.Over != nil {
			lasted = seconds(*x.Over - x.At)
		}
		if x.Second {
			counts = "A SECOND ONE, after the bound"
		}
		s.add(since(r, x.At), lasted, count(x.Lost, "request"), counts)
	}
	return s
}

// requestsOf are what clients sent, and whether the prober kept up.
func requestsOf(r drill.Run) section {
	q, p := r.Requests, r.Prober
	return section{Title: "Requests", Rows: [][]string{
		{"sent", count(q.Sent, "request")},
		{"failed", count(q.Failed, "attempt") + " without the right answer"},
		{"lost", count(q.Lost, "request") + " without the right answer after all attempts"},
		{"of these judged", count(q.Judged, "request") + " of " + judgedOnes},
		{"outside outages", fmt.Sprintf("%d of %s of theirs lost while the fault was in force, %d allowed by the objective", r.Outside.Lost, count(r.Outside.Sent, "request"), r.Outside.Allowed)},
		{"of these wrong", count(q.Wrong, "answer") + " that the gateway did not give"},
		{"retried", count(q.Retried, "request") + " that needed more than one attempt"},
		{"error budget", percent(r.Budget) + " of 30 days burned, by " + judgedOnes},
		{"prober", fmt.Sprintf("%s at %s a second of wall time; %s sent, %d missed; p99 %s late", count(p.Clients, "client"), number(p.Rate, 1)+" requests", count(p.Sent, "request"), p.Missed, millis(p.LateP99))},
	}}
}

// latencyOf are quantiles before, during and after the fault.
func latencyOf(r drill.Run) section {
	s := section{Title: "Latency (wall time)", Head: []string{"", "p50", "p95", "p99", "max", "of"}}
	for _, q := range []struct {
		name string
		of   drill.Quantiles
	}{{"before", r.Latency.Before}, {"during", r.Latency.During}, {"after", r.Latency.After}} {
		if q.of.N == 0 {
			s.add(q.name, "-", "-", "-", "-", "no answers")
			continue
		}
		s.add(q.name, millis(q.of.P50), millis(q.of.P95), millis(q.of.P99), millis(q.of.Max), count(q.of.N, "answer"))
	}
	return s
}

// resolversOf are the kinds of clients, and how long each held on.
func resolversOf(r drill.Run) section {
	s := section{Title: "Clients and resolvers", Head: []string{"kind", "held against the bound", "clients", "lost", "past the TTL", "RTO", "last led there"}, None: "no clients"}
	for _, h := range r.Resolvers {
		judged := "no, shown only"
		if h.Judged {
			judged = "yes"
		}
		last := "never"
		if h.Last != nil {
			last = after(*h.Last)
		}
		s.add(h.Name, judged, count(h.Clients, "client"), count(h.Lost, "request"), count(h.Stale, "request"), maybe(h.RTO, "never recovered"), last)
	}
	return s
}

// votesOf is every change of what the manager says, by place where it tells.
func votesOf(r drill.Run) section {
	s := section{Title: "Votes", Head: []string{"after the fault", "region", "says", "votes", "who, and why"}, None: "the manager told nothing of an affected region"}
	for _, v := range r.Votes {
		var why []string
		if v.Why != "" {
			why = append(why, v.Why)
		}
		for _, side := range []struct {
			name string
			well bool
		}{{"ill: ", false}, {"well: ", true}} {
			var places []string
			for _, place := range slices.Sorted(maps.Keys(v.By)) {
				if v.By[place] == side.well {
					places = append(places, place)
				}
			}
			if len(places) > 0 {
				why = append(why, side.name+strings.Join(places, ", "))
			}
		}
		s.add(since(r, v.At), v.Region, health(v.Healthy), tally(v), strings.Join(why, "; "))
	}
	return s
}

// health is a manager's opinion in a word.
func health(well bool) string {
	if well {
		return "healthy"
	}
	return "ill"
}

// tally is k of n, where the manager tells.
func tally(v drill.Votes) string {
	if v.Of == 0 {
		return "not told"
	}
	return fmt.Sprintf("%d of %d well", v.Passing, v.Of)
}

// answersOf is every change of what the name servers answer.
func answersOf(r drill.Run) section {
	s := section{Title: "DNS answers", Head: []string{"after the fault", "server", "leads to", "answer"}, None: "no name server was asked"}
	for i := 0; i < len(r.DNS); { // servers that begin to say the same at about the same time share a line
		c, n := r.DNS[i], 1
		for i+n < len(r.DNS) && r.DNS[i+n].Server != c.Server && math.Abs(r.DNS[i+n].At-c.At) <= alike && slices.Equal(r.DNS[i+n].Answer, c.Answer) {
			n++
		}
		server := c.Server
		if n > 1 {
			server += fmt.Sprintf(" +%d", n-1)
		}
		s.add(since(r, c.At), server, list(c.Regions, "no region"), list(c.Answer, "nothing"))
		i += n
	}
	return s
}

// checks are all that were held, with a remedy for each that is not ok.
func checks(r report.Report) section {
	s := section{Title: "Checks", Head: []string{"result", "check", "found"}, None: "no check was held"}
	for _, c := range r.Checks {
		found := c.Detail
		if c.Remedy != "" {
			found += "\n-> " + strings.ReplaceAll(c.Remedy, "\n", "\n   ")
		}
		s.add(strings.ToUpper(string(c.Result)), c.Name, found)
	}
	return s
}

// digests say exactly what was drilled.
func digests(d drill.Digests) section {
	s := section{Title: "Digests"}
	for _, row := range [][]string{{"experiment", d.Experiment}, {"topology", d.Topology}, {"model", d.Model}, {"release", d.Release}} {
		s.add(row[0], or(row[1]))
	}
	for _, region := range slices.Sorted(maps.Keys(d.Artefacts)) {
		s.add("artefact of "+region, or(d.Artefacts[region]))
	}
	s.add("journal", or(d.Journal))
	return s
}

// or stands in for a digest that is not there.
func or(digest string) string {
	if digest == "" {
		return "none"
	}
	return digest
}
