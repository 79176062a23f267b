package patterns

import (
	"strings"
	"testing"

	"polygate.example/tests/command/commandtest"
)

// The picture is XML and has a cell for each place and region that answered, and a bar for each loss.
func TestPicture(t *testing.T) {
	m := Measured{
		Combination: Combination{Manager: "route53", Pattern: "active-active", Steering: "weighted", Providers: []string{"aws"}},
		Regions:     []string{"aws/us-east-1", "aws/eu-west-1"}, Bound: 62,
		Shares: map[string]map[string]int{"IAD": {"aws/us-east-1": 3, "aws/eu-west-1": 1}, "FRA": {"aws/eu-west-1": 4}},
		Losses: []Loss{{What: "aws/us-east-1", Failover: 70, Problem: "failover took 70.0 s, the bound is 62 s"}},
	}
	rects := commandtest.Elements(t, Picture([]Measured{m}), "rect")
	if rects != 1+3+1 { // the ground, three answers, one loss
		t.Errorf("%d rectangles, want 5", rects)
	}
	if got := m.Problems(); len(got) != 1 || !strings.Contains(got[0], "70.0 s") {
		t.Errorf("problems %q", got)
	}
	lines := strings.Join(m.Lines(), "\n")
	for _, want := range []string{"aws/us-east-1 38 %, aws/eu-west-1 62 %", "MISSED"} {
		if !strings.Contains(lines, want) {
			t.Errorf("no %q in\n%s", want, lines)
		}
	}
}
