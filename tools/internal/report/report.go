// Package report is the one form in which checks say what they found: a result, a detail and a remedy, as a table for people
// and as JSON for programs. A report is as bad as the worst of its checks.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Result is what a check came to.
type Result string

// The results there are, from good to bad.
const (
	Skipped Result = "skipped" // there was nothing to look at
	OK      Result = "ok"
	Warning Result = "warning" // it works today
	Failed  Result = "failed"
)

// severity orders results; an unknown one is the worst, so that it is not overlooked.
func (r Result) severity() int {
	switch r {
	case Skipped:
		return 0
	case OK:
		return 1
	case Warning:
		return 2
	}
	return 3
}

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`             // what was looked at: "aws: credentials"
	Result Result `json:"result"`           // one of the constants
	Detail string `json:"detail"`           // what was found
	Remedy string `json:"remedy,omitempty"` // what to do about it, where it is not ok
}

// Report is what a run of checks came to.
type Report struct {
	Subject string    `json:"subject"` // what it is about: an environment
	Result  Result    `json:"result"`  // the worst of the checks, at best ok
	Checks  []Check   `json:"checks"`
	At      time.Time `json:"at"`
}

// New sums checks up.
func New(subject string, at time.Time, checks []Check) Report {
	r := Report{Subject: subject, Result: OK, Checks: checks, At: at.UTC()}
	if checks == nil {
		r.Checks = []Check{}
	}
	for _, c := range checks {
		if c.Result.severity() > r.Result.severity() {
			r.Result = c.Result
		}
	}
	return r
}

// Healthy reports whether a program may go on: nothing failed.
func (r Report) Healthy() bool { return r.Result.severity() < Failed.severity() }

// JSON writes the report for programs.
func (r Report) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// Table writes the report for people: a line for each check, below it the remedy of what is not ok, and the sum. It says
// everything in words, so that it reads the same without colour.
func (r Report) Table(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	counts := map[Result]int{}
	for _, c := range r.Checks {
		counts[c.Result]++
		lines := strings.Split(c.Detail, "\n")
		fmt.Fprintf(tw, "%s\t%s\t%s\n", strings.ToUpper(string(c.Result)), c.Name, lines[0])
		for _, more := range lines[1:] {
			fmt.Fprintf(tw, "\t\t%s\n", more)
		}
		for i, line := range strings.Split(c.Remedy, "\n") {
			switch {
			case line == "":
			case i == 0:
				fmt.Fprintf(tw, "\t\t-> %s\n", line)
			default:
				fmt.Fprintf(tw, "\t\t   %s\n", line)
			}
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	var parts []string
	for _, result := range []Result{Failed, Warning, OK, Skipped} {
		if counts[result] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[result], result))
		}
	}
	_, err := fmt.Fprintf(w, "\n%s: %s (%s)\n", r.Subject, r.Result, strings.Join(parts, ", "))
	return err
}
