package gateway

import (
	"reflect"
	"testing"
)

func TestParsePattern(t *testing.T) {
	lit := func(s string) Segment { return Segment{SegmentLiteral, s} }
	for in, want := range map[string][]Segment{
		"/":                    {lit("")},
		"/orders":              {lit("orders")},
		"/orders/":             {lit("orders"), lit("")},
		"/orders/{id}":         {lit("orders"), {SegmentParam, "id"}},
		"/{a}/{b_2}/{rest...}": {{SegmentParam, "a"}, {SegmentParam, "b_2"}, {SegmentRest, "rest"}},
		"/a%2Fb/%7Bid%7D":      {lit("a/b"), lit("{id}")},
		"/caf%C3%A9/é":         {lit("café"), lit("é")},
		"/...":                 {lit("...")},
	} {
		t.Run(in, func(t *testing.T) {
			p, err := ParsePattern(in)
			if err != nil || !reflect.DeepEqual(p.Segments, want) {
				t.Errorf("got %v, %v; want %v", p.Segments, err, want)
			}
		})
	}
}

func TestShape(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"/a/{x}", "/a/{y}", true},
		{"/%61", "/a", true},
		{"/a/{x...}", "/a/{y...}", true},
		{"/a/{x}", "/a/{x...}", false},
		{"/a", "/a/", false},
		{"/a%2Fb", "/a/b", false},
		{"/{x}", "/%7B%7D", false},
	} {
		t.Run(c.a+" "+c.b, func(t *testing.T) {
			a, errA := ParsePattern(c.a)
			b, errB := ParsePattern(c.b)
			if errA != nil || errB != nil || (a.Shape() == b.Shape()) != c.same {
				t.Errorf("shapes %q and %q (%v, %v), want same: %v", a.Shape(), b.Shape(), errA, errB, c.same)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	known := []string{"upstream", "respond", "fault", "request", "response"}
	for in, want := range map[string]string{
		"upsteam": "upstream", "uptsream": "upstream", "respones": "response", "requests": "request", "faults": "fault",
		"plugin": "", "x": "", "": "",
	} {
		if got := Nearest(in, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", in, got, want)
		}
	}
}
