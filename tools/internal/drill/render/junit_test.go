package render

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/drill"
)

// What the verdict takes for met is no failure here: the last request was lost within the bound, and its client asked again after it.
func TestMetBetweenTwoRequests(t *testing.T) {
	took, least, bound := 62.4, 61.8, 62.0
	run := drill.Run{Moments: drill.Moments{Fault: new(time.Time)}, Derived: drill.Derived{RTO: &took, Least: &least}}
	o := drill.Outcome{Verdict: drill.Pass, Expected: drill.Expected{Bound: bound}, Runs: []drill.Run{run}}
	if c := within("x", run, bound); c.Failure != nil {
		t.Errorf("JUnit: %s", c.Failure.Message)
	}
	if s := limit(bound, o); strings.Contains(s, "missed") {
		t.Errorf("the table: %s", s)
	}
	least = 62.1
	if c := within("x", run, bound); c.Failure == nil || !strings.Contains(limit(bound, o), "missed by") {
		t.Error("lost after the bound, and not missed")
	}
}

// node is an element of an XML document.
type node struct {
	name string
	attr map[string]string
	kids []*node
	text string
}

// parse reads a document strictly.
func parse(t *testing.T, src string) *node {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(src))
	root := &node{}
	open := []*node{root}
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		top := open[len(open)-1]
		switch v := tok.(type) {
		case xml.StartElement:
			n := &node{name: v.Name.Local, attr: map[string]string{}}
			for _, a := range v.Attr {
				if _, twice := n.attr[a.Name.Local]; twice {
					t.Errorf("<%s> has %s twice", n.name, a.Name.Local)
				}
				n.attr[a.Name.Local] = a.Value
			}
			top.kids = append(top.kids, n)
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			top.text += string(v)
		}
	}
	if len(root.kids) != 1 {
		t.Fatalf("%d elements at the root", len(root.kids))
	}
	return root.kids[0]
}

// all are a node and everything below it.
func (n *node) all() []*node {
	out := []*node{n}
	for _, k := range n.kids {
		out = append(out, k.all()...)
	}
	return out
}

// The types of https://github.com/windyroad/JUnit-Schema/blob/master/JUnit.xsd.
var (
	xsInt      = regexp.MustCompile(`^[0-9]+$`)
	xsDecimal  = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
	xsToken    = regexp.MustCompile(`^\S+( \S+)*$`)
	xsDateTime = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$`)
	xsString   = regexp.MustCompile(`(?s)^.*$`)
)

// schema is what each element has: its attributes (all of them required here), and its children in their order; "*" is any number, "?" at most one.
var schema = map[string]struct {
	attr map[string]*regexp.Regexp
	kids string
}{
	"testsuites": {nil, `^(testsuite )*$`},
	"testsuite": {map[string]*regexp.Regexp{"name": xsToken, "package": xsToken, "id": xsInt, "timestamp": xsDateTime, "hostname": xsToken, "tests": xsInt, "failures": xsInt, "errors": xsInt,
		"skipped": xsInt, "time": xsDecimal}, `^properties (testcase )*system-out system-err $`},
	"properties": {nil, `^(property )*$`},
	"property":   {map[string]*regexp.Regexp{"name": xsToken, "value": xsString}, `^$`},
	"testcase":   {map[string]*regexp.Regexp{"name": xsToken, "classname": xsToken, "time": xsDecimal}, `^((skipped|error|failure) )?$`},
	"skipped":    {map[string]*regexp.Regexp{"message": xsString}, `^$`}, // anyType
	"error":      {map[string]*regexp.Regexp{"message": xsString, "type": xsString}, `^$`},
	"failure":    {map[string]*regexp.Regexp{"message": xsString, "type": xsString}, `^$`},
	"system-out": {nil, `^$`}, "system-err": {nil, `^$`},
}

// valid holds a document against the schema.
func valid(t *testing.T, root *node) {
	t.Helper()
	for _, n := range root.all() {
		s, ok := schema[n.name]
		if !ok {
			t.Errorf("there is no <%s>", n.name)
			continue
		}
		for name, pattern := range s.attr {
			if v, ok := n.attr[name]; !ok || !pattern.MatchString(v) {
				t.Errorf("<%s %s=%q>: want %s", n.name, name, v, pattern)
			}
		}
		if len(n.attr) != len(s.attr) {
			t.Errorf("<%s> has the attributes %v", n.name, n.attr)
		}
		kids := ""
		for _, k := range n.kids {
			kids += k.name + " "
		}
		if !regexp.MustCompile(s.kids).MatchString(kids) {
			t.Errorf("<%s> holds %s", n.name, kids)
		}
	}
}

// TestJUnit: what is written is valid, its counts are right, and a drill is green exactly when it passed.
func TestJUnit(t *testing.T) {
	all := outcomes()
	all["hostile"] = everywhere(t, all["never"], hostile)
	all["nothing"] = drill.Outcome{}
	for name, o := range all {
		t.Run(name, func(t *testing.T) {
			root := parse(t, written(t, forms()["xml"], o))
			valid(t, root)
			counts := map[string]int{}
			for _, n := range root.all() {
				counts[n.name]++
			}
			s := root.kids[0]
			for attr, of := range map[string]string{"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"} {
				if got := s.attr[attr]; got != fmt.Sprint(counts[of]) {
					t.Errorf("%s=%s, and there are %d", attr, got, counts[of])
				}
			}
			if red := counts["failure"]+counts["error"] > 0; red != (o.Verdict != drill.Pass) {
				t.Errorf("verdict %s, red %t", o.Verdict, red)
			}
		})
	}
}

// TestJUnitCases: what becomes of checks, verdicts and runs.
func TestJUnitCases(t *testing.T) {
	all := outcomes()
	late := all["pass"]
	late.Runs = slices.Clone(late.Runs)
	late.Runs[0].Derived.RTO = f(61)
	for _, c := range []struct {
		name string
		o    drill.Outcome
		want string // cases that are not simply ok
		out  string
	}{
		{"pass", all["pass"], "skipped approval", "warning: capacity: gcp/europe-west1 has 20 instances for the share of 30\n-> raise concurrency, or accept a slower answer\n"},
		{"never", all["never"], "failure verdict, skipped approval, failure recovered, failure run 1 of 1: RTO within the bound, failure run 1 of 1: RTO within the objective", ""},
		{"aborted", all["aborted"], "error verdict, skipped approval, skipped run 1 of 1: RTO within the bound, skipped run 1 of 1: RTO within the objective", ""},
		{"unnoticed", all["unnoticed"], "failure verdict, skipped approval, failure recovery, skipped run 1 of 1: RTO within the bound", ""},
		{"within the bound, and not the objective", late, "skipped approval, failure run 1 of 1: RTO within the objective", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := parse(t, written(t, forms()["xml"], c.o))
			var got []string
			out := ""
			for _, n := range root.all() {
				if n.name == "testcase" && len(n.kids) > 0 {
					got = append(got, n.kids[0].name+" "+n.attr["name"])
				}
				if n.name == "system-out" {
					out = n.text
				}
			}
			if s := strings.Join(got, ", "); s != c.want {
				t.Errorf("got %s\nwant %s", s, c.want)
			}
			if c.out != "" && out != c.out {
				t.Errorf("output %q, want %q", out, c.out)
			}
		})
	}
	t.Run("several drills", func(t *testing.T) {
		root := parse(t, written(t, func(w io.Writer, o drill.Outcome) error { return JUnit(w, o, all["blocked"]) }, all["pass"]))
		valid(t, root)
		if len(root.kids) != 2 || root.kids[1].attr["id"] != "1" {
			t.Errorf("%d suites, the last with %v", len(root.kids), root.kids[len(root.kids)-1].attr)
		}
	})
}
