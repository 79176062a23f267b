package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"polygate.example/infra/settings"
	"polygate.example/tools/internal/report"
	"polygate.example/tools/internal/status"
)

// columns is how wide what is said of a part may be before it goes on in the next line.
const columns = 110

// table prints a report for people; it says everything in words, so that it reads the same without colour.
func table(w io.Writer, r status.Report) error {
	serving := r.Serving
	if serving == "" {
		serving = "nobody (" + r.Detail + ")"
	} else if r.Steering != "" {
		serving += " this time, one of several by " + steeredBy[r.Steering]
	}
	fmt.Fprintf(w, "%s  %s  served by %s\n", r.Hostname, strings.ToUpper(r.Status), serving)
	if r.CertificateDays != nil && r.Serving != "" {
		fmt.Fprintf(w, "certificate of %s: %s%s\n", r.Hostname, days(r.Certificate), suffix(r.Detail))
	}
	fmt.Fprintln(w, ages(r))
	if len(r.Regions) > 0 && same(r, release) && same(r, model) {
		fmt.Fprintf(w, "release %s, model %s in every region\n", release(r.Regions[0]), model(r.Regions[0]))
	}
	if len(r.Answers) > 0 {
		fmt.Fprintln(w)
		if err := servers(w, r.Answers); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	if err := rows(w, r); err != nil {
		return err
	}
	return complaints(w, r)
}

// ages says how old what is told is.
func ages(r status.Report) string {
	if r.Control.IsZero() {
		return "clients' seat: " + r.Checked.Format(time.RFC3339) + "; manager and providers: not asked yet"
	}
	text := fmt.Sprintf("clients' seat: %s; manager and providers: asked %.0f s before", r.Checked.Format(time.RFC3339), max(0, r.Checked.Sub(r.Control).Seconds()))
	youngest, oldest := -1.0, 0.0
	for _, reg := range r.Regions {
		if reg.Manager != nil && reg.Manager.Age != nil {
			oldest = max(oldest, *reg.Manager.Age)
			if youngest < 0 || *reg.Manager.Age < youngest {
				youngest = *reg.Manager.Age
			}
		}
	}
	if youngest >= 0 {
		text += fmt.Sprintf("; its checks are %.0f to %.0f s old", youngest, oldest)
	}
	return text
}

// servers prints what each name server says.
func servers(w io.Writer, answers []status.Answer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "NAME SERVER\tASKED AS\tLEADS TO\tTTL\tVERDICT")
	for _, a := range answers {
		ttl := ""
		if a.TTL != nil {
			ttl = fmt.Sprintf("%d s", *a.TTL)
		}
		leads := a.Region
		if leads == "" && len(a.Addresses) > 0 {
			leads = a.Addresses[0]
			if more := len(a.Addresses) - 1; more > 0 {
				leads += fmt.Sprintf(" and %d more", more)
			}
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", a.Name, a.Kind, leads, ttl, a.Verdict)
	}
	return tw.Flush()
}

func release(reg status.Region) string { return reg.Release }

func model(reg status.Region) string { return short(reg.Model) }

// same reports whether something is so of all regions.
func same(r status.Report, of func(status.Region) string) bool {
	return !slices.ContainsFunc(r.Regions, func(reg status.Region) bool { return of(reg) != of(r.Regions[0]) })
}

// rows prints the regions. A column that says nothing of any of them is left out, and so are release and model where they are the same.
func rows(w io.Writer, r status.Report) error {
	differing := func(of func(status.Region) string) func(status.Region) string {
		if same(r, release) && same(r, model) {
			return func(status.Region) string { return "" }
		}
		return of
	}
	all := []struct {
		head string
		of   func(status.Region) string
	}{
		{"REGION", func(reg status.Region) string { return reg.Name }},
		{"ROLE", func(reg status.Region) string { return reg.Role }},
		{"HEALTHY", func(reg status.Region) string { return yesNo(reg.Healthy) }},
		{"SERVING", func(reg status.Region) string { return servingWord(r, reg) }},
		{"WEIGHT", weight},
		{"VOTES", func(reg status.Region) string { return reg.Votes }},
		{"CERT", func(reg status.Region) string { return days(reg.Certificate) }},
		{"RELEASE", differing(release)},
		{"MODEL", differing(model)},
		{"ARTEFACT", func(reg status.Region) string { return short(reg.Digest) }},
		{"STATE", state},
	}
	lines := make([]string, len(r.Regions)+1)
	for _, c := range all {
		if !slices.ContainsFunc(r.Regions, func(reg status.Region) bool { return c.of(reg) != "" }) {
			continue
		}
		lines[0] += c.head + "\t"
		for i, reg := range r.Regions {
			lines[i+1] += c.of(reg) + "\t"
		}
	}
	var text strings.Builder
	tw := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		fmt.Fprintln(tw, line)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// weight is a region's share as deployed, and what it has of it while a ramp keeps some.
func weight(reg status.Region) string {
	switch {
	case reg.Weight == 0:
		return ""
	case reg.Manager != nil && reg.Manager.Held > 0:
		return fmt.Sprintf("%d (%d %%)", reg.Weight, 100-reg.Manager.Held)
	}
	return strconv.Itoa(reg.Weight)
}

// state says in a few words why a region has no clients, or is not as the others are.
func state(reg status.Region) string {
	switch m := reg.Manager; {
	case reg.Off:
		return "switched off"
	case reg.Drained:
		return "drained"
	case m != nil && m.Drained:
		return "drained by hand"
	case m != nil && !m.Healthy:
		return cmp.Or(m.State, "unhealthy")
	}
	return ""
}

// complaints prints what is not as it should be, each with its remedy, and what all of it comes to.
func complaints(w io.Writer, r status.Report) error {
	counts := map[report.Result]int{}
	var bad []report.Check
	for _, c := range r.Checks {
		counts[c.Result]++
		if c.Result == report.Failed || c.Result == report.Warning {
			bad = append(bad, c)
		}
	}
	slices.SortStableFunc(bad, func(a, b report.Check) int {
		return cmp.Compare(slices.Index([]report.Result{report.Failed, report.Warning}, a.Result), slices.Index([]report.Result{report.Failed, report.Warning}, b.Result))
	})
	if len(bad) > 0 {
		fmt.Fprintln(w)
	}
	for _, c := range bad {
		said := wrap(c.Name+": "+c.Detail, columns-9)
		fmt.Fprintf(w, "%-8s %s\n", strings.ToUpper(string(c.Result)), said[0])
		for _, more := range said[1:] {
			fmt.Fprintf(w, "%8s %s\n", "", more)
		}
		for i, line := range wrap(c.Remedy, columns-12) {
			fmt.Fprintf(w, "%8s %s %s\n", "", []string{"->", "  "}[min(i, 1)], line)
		}
	}
	if len(r.Checks) == 0 {
		return nil
	}
	var parts []string
	for _, result := range []report.Result{report.Failed, report.Warning, report.OK, report.Skipped} {
		if counts[result] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[result], result))
		}
	}
	_, err := fmt.Fprintf(w, "\n%s of %s: %s\n", settings.Count(len(r.Checks), "check"), r.Environment, strings.Join(parts, ", "))
	return err
}

// wrap breaks a text into lines of a width, at blanks; a longer word keeps a line to itself.
func wrap(text string, width int) []string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		now := ""
		for _, word := range strings.Fields(line) {
			if now != "" && len([]rune(now))+1+len([]rune(word)) > width {
				out, now = append(out, now), ""
			}
			now = strings.TrimPrefix(now+" "+word, " ")
		}
		out = append(out, now)
	}
	return out
}

// steeredBy says in a word what each steering goes by.
var steeredBy = map[string]string{"weighted": "weight", "latency": "latency", "geo": "place"}

// servingWord says whether a region serves. One look sees one region, and where several serve it says nothing of the others.
func servingWord(r status.Report, reg status.Region) string {
	switch {
	case r.Steering == "":
		return yesNo(reg.Serving)
	case reg.Serving:
		return "this time"
	default:
		return ""
	}
}

// days says how long a certificate lasts, "" when none was seen.
func days(c status.Certificate) string {
	switch {
	case c.CertificateDays == nil:
		return ""
	case *c.CertificateDays < 0:
		return "expired"
	case *c.CertificateDays == 1:
		return "1 day"
	}
	return strconv.Itoa(*c.CertificateDays) + " days"
}

func suffix(detail string) string {
	if detail == "" {
		return ""
	}
	return " (" + detail + ")"
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// short is enough of a digest to tell two apart.
func short(digest string) string {
	_, hex, _ := strings.Cut(digest, ":")
	return hex[:min(8, len(hex))]
}
