package render

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"polygate.example/tools/internal/drill"
)

// Summary is a past drill in a line.
type Summary struct {
	ID          string        `json:"id"`
	Environment string        `json:"environment"`
	Title       string        `json:"title"`
	Verdict     drill.Verdict `json:"verdict"`
	Started     time.Time     `json:"started"`
	Runs        int           `json:"runs"`
	Never       int           `json:"never_recovered"` // runs
	RTO         *float64      `json:"rto_seconds"`     // of the worst run, cloud time; null where one never recovered or none was measured
	Bound       float64       `json:"bound_seconds"`   // cloud time
	Unnoticed   bool          `json:"unnoticed,omitempty"`
	Objective   float64       `json:"objective_seconds,omitempty"` // 0: the bound
	Lost        int           `json:"lost"`                        // requests of all runs
}

// SummaryOf is the line of an outcome.
func SummaryOf(o drill.Outcome) Summary {
	s := Summary{ID: o.ID, Environment: o.Environment, Title: o.Title, Verdict: o.Verdict, Started: o.Started.UTC(), Runs: len(o.Runs), Bound: o.Expected.Bound,
		Unnoticed: o.Expected.Unnoticed, Objective: o.Objective.RTO}
	s.RTO, s.Never = worst(o)
	for _, r := range o.Runs {
		s.Lost += r.Requests.Lost
	}
	return s
}

// took is the RTO in words.
func (s Summary) took() string {
	switch {
	case s.Never > 0 && s.Runs > 1:
		return fmt.Sprintf("never in %d of %s", s.Never, count(s.Runs, "run"))
	case s.Never > 0:
		return "never recovered"
	}
	return maybe(s.RTO, "not measured")
}

// limit is the bound in words, and the objective where there is one.
func (s Summary) limit() string {
	out := seconds(s.Bound)
	if s.Unnoticed {
		out = "none"
	}
	if s.Objective > 0 {
		out += ", asked " + seconds(s.Objective)
	}
	return out
}

// past is the table of drills, the latest last, which is where a terminal ends.
func past(all []Summary) section {
	t := section{Title: "Drills", Head: []string{"#", "started (UTC)", "verdict", "RTO", "bound", "lost", "drill"}, None: "no drill has been run"}
	for i, s := range all {
		t.add(fmt.Sprint(i+1), s.Started.UTC().Format("2006-01-02T15:04Z"), strings.ToUpper(string(s.Verdict)), s.took(), s.limit(), count(s.Lost, "request"),
			strings.TrimSpace(s.Title+" ("+s.Environment+", "+s.ID+")"))
	}
	return t
}

// ordered is a plain copy, the oldest first.
func ordered(all []Summary) ([]Summary, error) {
	all, err := plain(all)
	slices.SortStableFunc(all, func(a, b Summary) int { return a.Started.Compare(b.Started) })
	return all, err
}

// History writes past drills as a table, at most 110 columns wide.
func History(w io.Writer, all []Summary) error {
	all, err := ordered(all)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	past(all).table(&b, "")
	_, err = w.Write(b.Bytes())
	return err
}

// HistoryHTML writes past drills as a page like that of HTML: a trend of the RTO against the bound, and the table.
func HistoryHTML(w io.Writer, all []Summary) error {
	all, err := ordered(all)
	if err != nil {
		return err
	}
	return write(w, "history", struct {
		sheet
		Figure figure
		Table  section
	}{newSheet("History of drills"), trend(all), past(all)})
}

// trend is the figure: a place for each drill from left to right, its bound as a bar and its RTO as a mark that says the verdict.
func trend(all []Summary) figure {
	const top, base = 40.0, 320.0
	f := figure{ID: "trend", Title: "RTO against bound of past drills", Height: base + 50}
	highest, passed := 1.0, 0
	for _, s := range all {
		if s.Verdict == drill.Pass {
			passed++
		}
		highest = max(highest, s.Bound, s.Objective)
		if s.RTO != nil {
			highest = max(highest, *s.RTO)
		}
	}
	f.Desc = fmt.Sprintf("%s, %d passed. The scale goes up to %s of cloud time.", count(len(all), "drill"), passed, seconds(highest))
	y := func(s float64) float64 { return base - min(max(s, 0), highest)/highest*(base-top) }
	for _, t := range ticks(0, highest, 6) {
		f.line("grid", 70, y(t), wide-20, y(t))
		f.text("tick", "end", 64, y(t)+4, seconds(t))
	}
	f.line("axis", 70, base, wide-20, base)
	f.text("tick", "middle", wide/2, base+38, "drill, by its number in the table")
	pitch := (wide - 90.0) / float64(max(len(all), 1))
	every := 1 + int(46/pitch) // labels that have room
	for i, s := range all {
		x := 70 + pitch*(float64(i)+0.5)
		half := min(pitch*0.4, 22)
		if !s.Unnoticed {
			f.line("bound", x-half, y(s.Bound), x+half, y(s.Bound))
		}
		at, said := top-14, ""
		var d, class string
		switch {
		case s.Never > 0:
			class, d, said = "proof", "m-6 6l6 -12l6 12z", "never"
		case s.RTO == nil:
			at = base
			class, d, said = "hollow", "m-5 -5h10v10h-10z", "none"
		case s.Verdict == drill.Pass:
			at, said = y(*s.RTO), seconds(*s.RTO)
			class, d = "proof", "m-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z"
		case s.Verdict == drill.Fail:
			at, said = y(*s.RTO), seconds(*s.RTO)
			class, d = "bad", "m-5 -5l10 10m0 -10l-10 10"
		default:
			at, said = y(*s.RTO), seconds(*s.RTO)
			class, d = "hollow", "m-5 -5h10v10h-10z"
		}
		f.path(class, "M"+unit(x)+" "+unit(at)+d, fmt.Sprintf("%d: %s, %s, RTO %s, bound %s", i+1, s.Title, s.Verdict, s.took(), s.limit()))
		if i%every == 0 {
			f.text("label", "middle", x, at-10, said)
			f.text("tick", "middle", x, base+18, fmt.Sprint(i+1))
		}
	}
	return f
}
