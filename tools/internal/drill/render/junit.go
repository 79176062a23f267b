package render

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"

	"polygate.example/tools/internal/drill"
	"polygate.example/tools/internal/report"
)

// What JUnit XML is made of, in the order and with the attributes that the schema of Ant's reports wants, which is the strictest one in use:
// https://github.com/windyroad/JUnit-Schema/blob/master/JUnit.xsd. What it has not (system-out of a single case) is not written.
type (
	suites struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []suite  `xml:"testsuite"`
	}
	suite struct {
		Name       string     `xml:"name,attr"`
		Package    string     `xml:"package,attr"`
		ID         int        `xml:"id,attr"`
		Timestamp  string     `xml:"timestamp,attr"` // UTC; the schema takes no zone
		Hostname   string     `xml:"hostname,attr"`
		Tests      int        `xml:"tests,attr"`
		Failures   int        `xml:"failures,attr"`
		Errors     int        `xml:"errors,attr"`
		Skipped    int        `xml:"skipped,attr"`
		Time       string     `xml:"time,attr"` // seconds
		Properties []property `xml:"properties>property"`
		Cases      []testcase `xml:"testcase"`
		Out        string     `xml:"system-out"`
		Err        string     `xml:"system-err"`
	}
	property struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	testcase struct {
		Name    string   `xml:"name,attr"`
		Class   string   `xml:"classname,attr"`
		Time    string   `xml:"time,attr"`
		Skipped *why     `xml:"skipped"`
		Error   *problem `xml:"error"`
		Failure *problem `xml:"failure"`
	}
	why struct {
		Message string `xml:"message,attr"`
	}
	problem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes outcomes for what shows test results: a suite for each drill, and in it a case for the verdict, one for every check, and for every
// run one for its RTO within the bound and one within the objective, where there are such. A verdict of pass is a pass and fail is a failure; any
// other is an error, so that a drill which proved nothing is not taken for a good one. Warnings stand in the suite's output.
func JUnit(w io.Writer, outcomes ...drill.Outcome) error {
	var all suites
	for i, o := range outcomes {
		o, err := plain(o)
		if err != nil {
			return err
		}
		all.Suites = append(all.Suites, suiteOf(i, o))
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// suiteOf is a drill.
func suiteOf(id int, o drill.Outcome) suite {
	s := suite{Name: token(o.Title, "drill"), Package: token("polygate.drill."+o.Environment, ""), ID: id, Timestamp: o.Started.UTC().Format("2006-01-02T15:04:05"),
		Hostname: token(o.Hostname, "localhost"), Time: decimal(max(0, o.Ended.Sub(o.Started).Seconds()))}
	for _, p := range [][2]string{{"drill", o.ID}, {"environment", o.Environment}, {"manager", o.Manager}, {"pattern", o.Pattern}, {"faults", faults(o)},
		{"verdict", string(o.Verdict)}, {"rto", headline(o)}, {"bound", bound(o)}, {"objective", objective(o)}, {"rpo", o.RPO}, {"experiment", o.Digests.Experiment},
		{"model", o.Digests.Model}, {"release", o.Digests.Release}, {"journal", o.Digests.Journal}} {
		s.Properties = append(s.Properties, property{p[0], p[1]})
	}
	s.add(verdictCase(o))
	for _, c := range o.Report.Checks {
		k := testcase{Name: c.Name, Time: decimal(0)}
		switch c.Result {
		case report.OK:
		case report.Skipped:
			k.Skipped = &why{c.Detail}
		case report.Warning:
			s.Out += "warning: " + text(c) + "\n"
		default: // also a result that nobody knows
			k.Failure = &problem{Message: c.Detail, Type: string(c.Result), Text: text(c)}
		}
		s.add(k)
	}
	for i, r := range o.Runs {
		run := fmt.Sprintf("run %d of %d: ", i+1, len(o.Runs))
		if o.Expected.Unnoticed {
			s.add(testcase{Name: run + "RTO within the bound", Time: timeOf(r), Skipped: &why{"there is no bound: " + o.Expected.Why}})
		} else {
			s.add(within(run+"RTO within the bound", r, o.Expected.Bound))
		}
		if o.Objective.RTO > 0 {
			s.add(within(run+"RTO within the objective", r, o.Objective.RTO))
		}
	}
	return s
}

// add counts a case.
func (s *suite) add(c testcase) {
	c.Name, c.Class = token(c.Name, "check"), s.Package
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

// verdictCase is what the whole drill came to.
func verdictCase(o drill.Outcome) testcase {
	c := testcase{Name: "verdict", Time: decimal(max(0, o.Ended.Sub(o.Started).Seconds()))}
	p := &problem{Message: string(o.Verdict) + ": " + o.Because, Type: string(o.Verdict), Text: o.Because}
	switch o.Verdict {
	case drill.Pass:
	case drill.Fail:
		c.Failure = p
	default:
		c.Error = p
	}
	return c
}

// within holds a run's RTO against a limit. A run without a fault has nothing to hold.
func within(name string, r drill.Run, limit float64) testcase {
	c := testcase{Name: name, Time: timeOf(r)}
	switch {
	case r.Moments.Fault == nil:
		c.Skipped = &why{rto(r)}
	case r.Derived.RTO == nil || beyond(r, limit):
		said := fmt.Sprintf("RTO %s, want at most %s", rto(r), seconds(limit))
		c.Failure = &problem{Message: said, Type: "rto", Text: said}
	}
	return c
}

// timeOf is a run's RTO in seconds of cloud time; where it never recovered, for how long it was watched.
func timeOf(r drill.Run) string {
	if r.Derived.RTO != nil {
		return decimal(*r.Derived.RTO)
	}
	return decimal(max(0, r.Length-r.Fault))
}

// text is all that a check says.
func text(c report.Check) string {
	s := c.Name + ": " + c.Detail
	if c.Remedy != "" {
		s += "\n-> " + c.Remedy
	}
	return s
}

// token is xs:token: one line, single spaces, and something at all.
func token(s, without string) string {
	if s = strings.Join(strings.Fields(s), " "); s != "" {
		return s
	}
	return without
}

// decimal is xs:decimal, which has no exponent.
func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) }
