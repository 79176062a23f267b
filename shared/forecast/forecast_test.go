package forecast

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// example is what testdata/forecast.json says.
func example() Forecast {
	return Forecast{
		Failures: []Failure{
			{Of: Region, Seconds: 62, Words: "32 s to notice and 30 s for held answers to expire"},
			{Of: Manager, Name: "route53", Words: "no bound"},
		},
		Availability: Availability{Textbook: 0.1315, Year: 8.753, Failing: 21.47, Manager: 52.6, OutageHours: 1, AssumesEqually: true},
		Monthly:      1.25,
		Costs: []Cost{
			{Item: "route53.zone", Of: "route53", What: "hosted zone", Quantity: 1, Unit: "month", Price: 0.5, USD: 0.5, AsOf: "2026-09-20", Source: "price list"},
			{Item: "route53.check.other", Of: "route53", What: "health checks", Quantity: 1, Unit: "month", Price: 0.75, USD: 0.75, AsOf: "2026-09-20", Source: "price list", Unconfirmed: true},
		},
		PerMillion: []Cost{{Item: "aws.api", Of: "aws", What: "HTTP API", Quantity: 1, Unit: "million", Price: 1, USD: 1, AsOf: "2024-12-31", Source: "price list"}},
	}
}

// summary is what testdata/summary.json says.
func summary() Summary {
	return Summary{Bounds: map[string]int{"a region": 62, "route53": 0}, Costs: map[string]float64{"route53.zone": 0.5, "route53.check.other": 0.75}, Monthly: 1.25}
}

func golden(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Programs read the forecast, and later versions of the command the summary, which lies in the stack's state: their spelling is
// a contract.
func TestSpelling(t *testing.T) {
	for name, v := range map[string]any{"forecast.json": example(), "summary.json": summary()} {
		got, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(golden(t, name)), string(got)+"\n"); diff != "" {
			t.Errorf("encoded (+) differs from %s (-):\n%s", name, diff)
		}
	}
	read, err := Decode(golden(t, "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(summary(), read); diff != "" {
		t.Errorf("decoded (+) differs from what was kept (-):\n%s", diff)
	}
	if diff := cmp.Diff(summary(), example().Summary()); diff != "" {
		t.Errorf("summed up (+) differs from what is kept (-):\n%s", diff)
	}
}

func TestDecodeIsStrict(t *testing.T) {
	whole := string(golden(t, "summary.json"))
	for _, c := range []struct{ name, document, want string }{
		{"unknown field", strings.Replace(whole, `"monthly_usd"`, `"colour": "red", "monthly_usd"`, 1), `unknown field "colour"`},
		{"text for a number", strings.Replace(whole, `"monthly_usd": 1.25`, `"monthly_usd": "1.25"`, 1), "monthly_usd"},
		{"a fraction of a second", strings.Replace(whole, `62`, `62.5`, 1), "bound_seconds"},
		{"empty", "", "EOF"},
		{"twice", whole + whole, "more after its end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Decode([]byte(c.document))
			if err == nil || !strings.Contains(err.Error(), "decode forecast") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want %q in it", err, c.want)
			}
			if diff := cmp.Diff(Summary{}, got); diff != "" {
				t.Errorf("an error came with half a summary:\n%s", diff)
			}
		})
	}
}
