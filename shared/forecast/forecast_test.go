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

func golden(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "forecast.json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The forecast lies in the stack's state and is read by later versions of the command: its spelling is a contract.
func TestSpelling(t *testing.T) {
	want := golden(t)
	got, err := json.MarshalIndent(example(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Errorf("encoded (+) differs from forecast.json (-):\n%s", diff)
	}
	read, err := Decode(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(example(), read); diff != "" {
		t.Errorf("decoded (+) differs from what was computed (-):\n%s", diff)
	}
}

func TestDecodeIsStrict(t *testing.T) {
	whole := string(golden(t))
	for _, c := range []struct{ name, document, want string }{
		{"unknown field", strings.Replace(whole, `"monthly_usd"`, `"colour": "red", "monthly_usd"`, 1), `unknown field "colour"`},
		{"unknown field of a line", strings.Replace(whole, `"item"`, `"colour": 1, "item"`, 1), `unknown field "colour"`},
		{"text for a number", strings.Replace(whole, `"monthly_usd": 1.25`, `"monthly_usd": "1.25"`, 1), "monthly_usd"},
		{"empty", "", "EOF"},
		{"twice", whole + whole, "more after its end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Decode([]byte(c.document))
			if err == nil || !strings.Contains(err.Error(), "decode forecast") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want %q in it", err, c.want)
			}
			if diff := cmp.Diff(Forecast{}, got); diff != "" {
				t.Errorf("an error came with half a forecast:\n%s", diff)
			}
		})
	}
}
