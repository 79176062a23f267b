package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/goldentest"
	"polygate.example/tools/internal/drill"
)

// forms are all that an outcome is written as, by the ending of their golden files.
func forms() map[string]func(io.Writer, drill.Outcome) error {
	return map[string]func(io.Writer, drill.Outcome) error{
		"txt": Table, "brief.txt": Brief, "json": JSON, "html": HTML,
		"xml": func(w io.Writer, o drill.Outcome) error { return JUnit(w, o) },
		"om":  func(w io.Writer, o drill.Outcome) error { return OpenMetrics(w, o) },
	}
}

// written is what a form makes of an outcome.
func written(t *testing.T, form func(io.Writer, drill.Outcome) error, o drill.Outcome) string {
	t.Helper()
	var b bytes.Buffer
	if err := form(&b, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// golden compares with testdata/<file>.
func golden(t *testing.T, file, got string) {
	t.Helper()
	goldentest.Compare(t, filepath.Join("testdata", file), got)
}

// TestGolden: drills that ended in every way, in every form. The JSON of two is kept, and all of it is read back.
func TestGolden(t *testing.T) {
	for name, o := range outcomes() {
		for ending, form := range forms() {
			t.Run(name+"."+ending, func(t *testing.T) {
				got := written(t, form, o)
				if ending == "json" {
					var back drill.Outcome
					if err := json.Unmarshal([]byte(got), &back); err != nil {
						t.Fatal(err)
					}
					if d := cmp.Diff(o, back); d != "" {
						t.Errorf("read back it differs (-written +read):\n%s", d)
					}
					if name != "aborted" && name != "blocked" {
						return
					}
				}
				golden(t, name+"."+ending, got)
				if again := written(t, form, o); again != got {
					t.Error("written again it is another")
				}
			})
		}
	}
}

// hostile is what a title, a region or a server may be called by somebody who means harm, or by accident.
const hostile = "</title></text><script>alert(1)</script>\"'><img src=x onerror=y>\n# EOF\n{{.}}]]>&amp;\\\x1b[2J\x00\u202e\u2066\u009b\ufffe\u2028\U000e0041}"

// everywhere puts a text into every string of an outcome, and into every key of its maps.
func everywhere(t *testing.T, o drill.Outcome, text string) drill.Outcome {
	t.Helper()
	src, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	n := 0
	var walk func(any, string) any
	walk = func(in any, under string) any {
		switch v := in.(type) {
		case string:
			if slices.Contains([]string{"started", "ended", "at"}, under) || slices.Contains(moment9, under) {
				return v // a time
			}
			return v + text
		case []any:
			for i := range v {
				v[i] = walk(v[i], under)
			}
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				c := walk(v[k], k)
				if delete(v, k); under == "by" || under == "artefacts" {
					n++
					k += text
				}
				v[k] = c
			}
		}
		return in
	}
	if src, err = json.Marshal(walk(tree, "")); err != nil {
		t.Fatal(err)
	}
	var out drill.Outcome
	if err := json.Unmarshal(src, &out); err != nil {
		t.Fatal(err)
	}
	if n == 0 || !strings.HasSuffix(out.Title, text) || !strings.HasSuffix(string(out.Runs[0].Landed[0].Fault.Kind), text) {
		t.Fatalf("the text did not come everywhere: %d keys", n)
	}
	return out
}

// moment9 are the fields of drill.Moments.
var moment9 = []string{"fault", "first_error", "detected", "decided", "dns_changed", "first_shifted", "shifted_95", "recovered", "failed_back"}

// TestUnseen: no form holds a character that a terminal obeys or that turns the direction of a text; JSON has them escaped.
func TestUnseen(t *testing.T) {
	o := everywhere(t, outcomes()["pass"], hostile)
	for ending, form := range forms() {
		t.Run(ending, func(t *testing.T) {
			got := written(t, form, o)
			if !utf8.ValidString(got) {
				t.Error("it is no UTF-8")
			}
			if ending == "json" {
				var back drill.Outcome
				if err := json.Unmarshal([]byte(got), &back); err != nil || back.Title != o.Title {
					t.Errorf("%v: the title is %q, want %q", err, back.Title, o.Title)
				}
			}
			for i, r := range got {
				if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == 0xFFFE || r == 0x2028) {
					t.Fatalf("%U stands at %d: %q", r, i, got[max(0, i-40):min(len(got), i+10)])
				}
			}
		})
	}
}

// TestColumns: a table has at most 110 columns, whatever the names are.
func TestColumns(t *testing.T) {
	all := outcomes()
	all["hostile"] = everywhere(t, all["pass"], hostile)
	all["long"] = everywhere(t, all["repeat"], strings.Repeat("x", 300))
	all["many words"] = everywhere(t, all["never"], strings.Repeat(" wörter", 60))
	for name, o := range all {
		t.Run(name, func(t *testing.T) {
			for line := range strings.Lines(written(t, Table, o)) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 110 {
					t.Errorf("%d columns: %s", n, line)
				}
				if strings.HasSuffix(line, " \n") {
					t.Errorf("spaces at the end: %q", line)
				}
			}
			var all []Summary
			for range 12 {
				all = append(all, SummaryOf(o))
			}
			var b bytes.Buffer
			if err := History(&b, all); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(b.String()) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 110 {
					t.Errorf("history: %d columns: %s", n, line)
				}
			}
		})
	}
}

// TestNothing: an outcome without anything in it, and runs without anything in them, are written too.
func TestNothing(t *testing.T) {
	for name, o := range map[string]drill.Outcome{"empty": {}, "empty runs": {Runs: make([]drill.Run, 2)}} {
		for ending, form := range forms() {
			t.Run(name+"."+ending, func(t *testing.T) {
				if got := written(t, form, o); strings.Contains(got, "NaN") || strings.Contains(got, "Inf") || strings.Contains(got, "%!") {
					t.Errorf("it holds what is no figure:\n%s", got)
				}
			})
		}
	}
}

// TestErrors: a writer that fails, and a figure that JSON has not, are told.
func TestErrors(t *testing.T) {
	bad := outcomes()["pass"]
	bad.Speed = math.NaN()
	for ending, form := range forms() {
		t.Run(ending, func(t *testing.T) {
			if err := form(full{}, outcomes()["pass"]); !errors.Is(err, errFull) {
				t.Errorf("a full disk: %v", err)
			}
			if err := form(io.Discard, bad); err == nil {
				t.Error("a speed that is no number was written")
			}
		})
	}
}

var errFull = errors.New("no space left")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestMoments: moments of the wall clock lie on the timeline in cloud time.
func TestMoments(t *testing.T) {
	r := outcomes()["pass"].Runs[0]
	want := map[string]float64{"fault": 10, "first error": 10.4, "detected": 22.1, "decided": 31.4, "DNS changed": 31.9, "first shifted": 32.5, "95 % shifted": 48.2, "recovered": 53.1,
		"mended": 85, "failed back": 111.7}
	for _, m := range moments(r, speed) {
		if math.Abs(m.at-want[m.name]) > 1e-6 || !m.seen {
			t.Errorf("%s lies at %g, want %g", m.name, m.at, want[m.name])
		}
		if got := m.wall.Sub(*r.Moments.Fault).Seconds() * speed; math.Abs(got-(m.at-r.Fault)) > 1e-6 {
			t.Errorf("%s was %g s after the fault, and lies %g s after it", m.name, got, m.at-r.Fault)
		}
		delete(want, m.name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

// TestWorst: the RTO of a drill is that of its worst run, and there is none where one never recovered.
func TestWorst(t *testing.T) {
	all := outcomes()
	mixed := all["repeat"]
	mixed.Runs = append(slices.Clone(mixed.Runs), all["never"].Runs[0])
	late := all["pass"]
	late.Runs = slices.Clone(late.Runs)
	late.Runs[0].Derived.RTO = f(70.5)
	for _, c := range []struct {
		name            string
		o               drill.Outcome
		headline, bound string
	}{
		{"one", all["pass"], "43.1 s", "62 s, 18.9 s to spare"},
		{"three", all["repeat"], "55 s in the worst of 3 runs", "62 s, 7 s to spare"},
		{"three and one that never did", mixed, "never recovered in 1 of 4 runs", "62 s, missed"},
		{"too late", late, "70.5 s", "62 s, missed by 8.5 s"},
		{"none", all["blocked"], "not measured", "62 s"},
		{"no fault", all["aborted"], "not measured", "62 s"},
		{"nobody was without answers", all["inconclusive"], "0 s, no client was without answers", "62 s, 62 s to spare"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := headline(c.o); got != c.headline {
				t.Errorf("headline %q, want %q", got, c.headline)
			}
			if got := bound(c.o); got != c.bound {
				t.Errorf("bound %q, want %q", got, c.bound)
			}
		})
	}
}

// TestFigures: every figure has its unit, and no decimals that say nothing.
func TestFigures(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{seconds(62), "62 s"}, {seconds(43.14), "43.1 s"}, {seconds(-0.04), "0 s"}, {after(12.06), "+12.1 s"}, {after(0.04), "0 s"}, {after(-10), "-10 s"},
		{millis(2000.4), "2000.4 ms"}, {percent(0.4249), "0.42 %"}, {percent(100), "100 %"}, {count(1, "run"), "1 run"}, {count(0, "run"), "0 runs"}, {float(62), "62.0"}, {float(1e21), "1e+21"},
		{decimal(1e9), "1000000000.000"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// TestWrap: lines break at spaces, long words within themselves, and nothing is lost.
func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 5, []string{""}},
		{"one two three", 7, []string{"one two", "three"}},
		{"abcdefghijk", 4, []string{"abcd", "efgh", "ijk"}},
		{"a abcdefghijk b", 4, []string{"a", "abcd", "efgh", "ijk", "b"}},
		{"one\n  two", 20, []string{"one", "  two"}},
		{"äöü äöü", 3, []string{"äöü", "äöü"}},
	} {
		t.Run(fmt.Sprintf("%q in %d", c.text, c.width), func(t *testing.T) {
			if d := cmp.Diff(c.want, wrap(c.text, c.width)); d != "" {
				t.Error(d)
			}
		})
	}
}
