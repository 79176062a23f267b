package forecast

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompare(t *testing.T) {
	n := func(v float64) *float64 { return &v }
	before := example().Summary()
	for _, c := range []struct {
		name   string
		change func(*Forecast)
		want   []Change
	}{
		{"nothing", func(*Forecast) {}, nil},
		{"words alone are no change", func(f *Forecast) { f.Failures[0].Words, f.Costs[0].What = "x", "y" }, nil},
		{"a bound", func(f *Forecast) { f.Failures[0].Seconds = 168 }, []Change{{"bound of a region", n(62), n(168)}}},
		{"a bound that is lost", func(f *Forecast) { f.Failures[0].Seconds = 0 }, []Change{{"bound of a region", n(62), n(0)}}},
		{"another provider", func(f *Forecast) { f.Failures = append(f.Failures, Failure{Of: Provider, Name: "gcp", Seconds: 62}) },
			[]Change{{"bound of all of gcp", nil, n(62)}}},
		{"another manager", func(f *Forecast) { f.Failures[1].Name = "cloudflare" },
			[]Change{{"bound of cloudflare", nil, n(0)}, {"bound of route53", n(0), nil}}},
		{"a line more", func(f *Forecast) {
			f.Costs = append(f.Costs, Cost{Item: "aws.alarm", USD: 0.6})
			f.Monthly = 1.85
		}, []Change{{"aws.alarm", nil, n(0.6)}, {"monthly", n(1.25), n(1.85)}}},
		{"a line less", func(f *Forecast) { f.Costs, f.Monthly = f.Costs[:1], 0.5 },
			[]Change{{"route53.check.other", n(0.75), nil}, {"monthly", n(1.25), n(0.5)}}},
		{"two lines of one item are added up", func(f *Forecast) {
			f.Costs = append(f.Costs, Cost{Item: "route53.zone", USD: 0.5})
			f.Monthly = 1.75
		}, []Change{{"route53.zone", n(0.5), n(1)}, {"monthly", n(1.25), n(1.75)}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			after := example()
			c.change(&after)
			got := Compare(before, after)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, g := range got {
				if g.IsBound() != (g.What[0] == 'b') {
					t.Errorf("%s: IsBound is %t", g.What, g.IsBound())
				}
			}
		})
	}
}
