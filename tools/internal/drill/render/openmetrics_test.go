package render

import (
	"errors"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"polygate.example/tools/internal/drill"
)

// The lines of the specification's ABNF (https://prometheus.io/docs/specs/om/open_metrics_spec/#abnf), as far as they are used here: without exemplars
// and timestamps, and with no other escapes than the three that it asks for.
var (
	omMeta   = regexp.MustCompile(`^# (TYPE|UNIT|HELP) ([a-zA-Z_:][a-zA-Z0-9_:]*) ((?:[^"\\\n]|\\[n"\\])*)$`)
	omSample = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[n"\\])*",?)*)\} ([-+]?(?:[0-9]+|[0-9]+\.[0-9]*(?:e[-+]?[0-9]+)?|[0-9]+e[-+]?[0-9]+))$`)
	omLabel  = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="`)
	omTypes  = map[string]string{"gauge": "", "info": "_info", "stateset": "", "summary": "(_count|_sum)?"} // and the ends of their samples' names
)

// strict holds every line against the grammar, and families against what the specification says of them beyond it.
func strict(t *testing.T, src string) {
	t.Helper()
	lines := strings.Split(src, "\n")
	if n := len(lines); n < 2 || lines[n-1] != "" || lines[n-2] != "# EOF" || !utf8.ValidString(src) {
		t.Fatalf("it does not end with # EOF, or is no UTF-8: %q", src[max(0, len(src)-40):])
	}
	kinds, name, on := map[string]string{}, "", map[string]float64{}
	for _, line := range lines[:len(lines)-2] {
		if m := omMeta.FindStringSubmatch(line); m != nil {
			switch {
			case m[1] == "TYPE":
				if _, known := omTypes[m[3]]; kinds[m[2]] != "" || !known {
					t.Errorf("a second time, or of no known type: %s", line)
				}
				name = m[2]
				kinds[name] = m[3]
			case m[2] != name:
				t.Errorf("within %s stands %s", name, line)
			case m[1] == "UNIT" && !strings.HasSuffix(name, "_"+m[3]):
				t.Errorf("the unit is not the end of the name: %s", line)
			}
			continue
		}
		m := omSample.FindStringSubmatch(line)
		if m == nil || strings.HasSuffix(m[2], ",") {
			t.Errorf("no line of the grammar: %s", line)
			continue
		}
		if !regexp.MustCompile("^" + name + omTypes[kinds[name]] + "$").MatchString(m[1]) {
			t.Errorf("within %s, a %s, stands %s", name, kinds[name], m[1])
		}
		labels := map[string]bool{}
		for _, l := range omLabel.FindAllStringSubmatch(regexp.MustCompile(`"(?:[^"\\]|\\.)*"`).ReplaceAllString(m[2], `""`), -1) {
			if labels[l[1]] {
				t.Errorf("the label %s is there twice: %s", l[1], line)
			}
			labels[l[1]] = true
		}
		switch kinds[name] {
		case "stateset":
			at := strings.LastIndex(m[2], ","+name+`="`)
			if at < 0 || m[3] != "0" && m[3] != "1" {
				t.Errorf("no state: %s", line)
			}
			if m[3] == "1" {
				on[m[2][:max(at, 0)]]++
			}
		case "info":
			if m[3] != "1" {
				t.Errorf("an info that is not 1: %s", line)
			}
		}
	}
	for of, n := range on {
		if n != 1 {
			t.Errorf("%g states are on: %s", n, of)
		}
	}
}

// decoded reads OpenMetrics text with Prometheus's own parser, which goes by the ABNF of the specification. It does not know the types info and
// stateset, which strict looks at, and reads them as gauges.
func decoded(t *testing.T, src string) map[string]*dto.MetricFamily {
	t.Helper()
	src = strings.NewReplacer("# TYPE polygate_drill info", "# TYPE polygate_drill_info gauge", "# HELP polygate_drill ", "# HELP polygate_drill_info ",
		"# TYPE polygate_drill_verdict stateset", "# TYPE polygate_drill_verdict gauge").Replace(src)
	out := map[string]*dto.MetricFamily{}
	dec := expfmt.NewDecoder(strings.NewReader(src), expfmt.FmtOpenMetrics_1_0_0)
	for {
		var f dto.MetricFamily
		err := dec.Decode(&f)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if out[f.GetName()] != nil {
			t.Errorf("the family %s is in two pieces", f.GetName())
		}
		out[f.GetName()] = &f
	}
}

// value is a sample's, by some of its labels.
func value(f *dto.MetricFamily, labels map[string]string) float64 {
	for _, m := range f.GetMetric() {
		n := 0
		for _, l := range m.GetLabel() {
			if v, ok := labels[l.GetName()]; ok && v == l.GetValue() {
				n++
			}
		}
		if n == len(labels) {
			return m.GetGauge().GetValue() + m.GetUntyped().GetValue()
		}
	}
	return math.NaN()
}

// TestOpenMetrics: what is written goes by the specification, and says which verdict it was and whether there is a bound.
func TestOpenMetrics(t *testing.T) {
	all := outcomes()
	harm := everywhere(t, all["repeat"], hostile)
	harm.Verdict = drill.Pass
	all["hostile"], all["nothing"] = harm, drill.Outcome{Verdict: drill.LockLost}
	for name, o := range all {
		t.Run(name, func(t *testing.T) {
			src := written(t, forms()["om"], o)
			strict(t, src)
			if !strings.Contains(src, `,polygate_drill_verdict="`+string(o.Verdict)+"\"} 1\n") {
				t.Errorf("the verdict %s is not on", o.Verdict)
			}
			if has := strings.Contains(src, "\npolygate_drill_bound_seconds{"); has == o.Expected.Unnoticed {
				t.Errorf("a bound: %t", has)
			}
		})
	}
}

// TestPrometheus: Prometheus reads what is written of several drills, and finds the figures under their own names.
func TestPrometheus(t *testing.T) {
	all := outcomes()
	never, second := all["never"], all["pass"]
	never.ID = "20261203-120000-11aa"
	second.Environment, second.ID = "staging"+hostile, "20261210-120000-22bb"
	src := written(t, func(w io.Writer, o drill.Outcome) error { return OpenMetrics(w, o, never, second) }, all["pass"])
	strict(t, src)
	families := decoded(t, src)
	labels := map[string]string{"environment": "staging", "manager": "route53", "pattern": "active-passive", "fault": "region-down of aws/us-east-1", "drill": "20261126-120000-7f3a", "run": "1"}
	for name, want := range map[string]float64{"rto_seconds": 43.1, "recovered": 1, "lost_requests": 402, "sent_requests": 21400, "budget_burned_ratio": 0.0042} {
		if got := value(families["polygate_drill_"+name], labels); math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %g, want %g", name, got, want)
		}
	}
	if got := value(families["polygate_drill_recovered"], map[string]string{"drill": never.ID}); got != 0 {
		t.Errorf("the second is said to have recovered: %g", got)
	}
	if n := len(families["polygate_drill_rto_seconds"].GetMetric()); n != 2 {
		t.Errorf("%d RTOs, want one of the first and one of the third", n)
	}
	if got := value(families["polygate_drill_rto_seconds"], map[string]string{"environment": plainText(second.Environment)}); got != 43.1 {
		t.Errorf("the RTO of the third is %g under its own name, want 43.1", got)
	}
	latency := families["polygate_drill_latency_seconds"].GetMetric()[0].GetSummary()
	if q := latency.GetQuantile(); len(q) != 4 || q[0].GetValue() != 0.0041 || latency.GetSampleCount() != 2000 {
		t.Errorf("latency before is %v", latency)
	}
}

// plainText is a text without what is not to be seen.
func plainText(s string) string { return strings.Map(seen, s) }
