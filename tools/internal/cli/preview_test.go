package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"polygate.example/infra"
	"polygate.example/shared/forecast"
	"polygate.example/tools/internal/deploy"
)

// The program writes what the command reads.
func TestOutputNames(t *testing.T) {
	if infra.OutputForecast != deploy.ForecastOutput || infra.OutputTopology != deploy.TopologyOutput {
		t.Errorf("the program exports %s and %s, and %s and %s are read", infra.OutputForecast, infra.OutputTopology, deploy.ForecastOutput, deploy.TopologyOutput)
	}
}

var spaces = regexp.MustCompile(` +`)

func TestShowPreview(t *testing.T) {
	root := project(t, map[string]string{"Pulumi.dev.yaml": dev, "dev.gateway.yaml": gatewayDocument})
	var out bytes.Buffer
	a := &app{output: newOutput(&out, &bytes.Buffer{}, os.Getenv), root: root, stack: "dev"}
	s, err := a.settings()
	if err != nil {
		t.Fatal(err)
	}
	ahead, err := infra.Forecast(root, s)
	if err != nil {
		t.Fatal(err)
	}
	kept := ahead.Summary()
	before := forecast.Summary{Costs: kept.Costs, Monthly: 1}
	for _, c := range []struct {
		name       string
		p          preview
		want, lack []string
	}{
		{"first deployment", preview{Forecast: ahead, Changes: deploy.Changes{"create": 3}},
			[]string{
				"a region up to 168 s", "all of gcp up to 168 s", "route53 no bound", // dev keeps the defaults
				"promise to refund, not a measured rate", "one in twenty",
				"hosted zone, which exists already", "0.5 per month", "2026-09-20", "sum ", "23.00", // 0.50 + 1.50 + 2.75 + 18.25, and certificates for nothing
				"HTTP API", "dev: changes: 3 create\n",
			}, []string{"AGAINST", "BEFORE"}},
		{"as it is", preview{Forecast: ahead, Deployed: &kept, Changes: deploy.Changes{"same": 3}}, []string{"are those of what is deployed", "dev: no changes\n"}, []string{"AGAINST"}},
		{"that would cut clients off", preview{Forecast: ahead, Changes: deploy.Changes{"update": 1}, Warnings: []string{"warning: its records there go"}},
			[]string{"\nwarning: its records there go\n", "dev: changes: 1 update\n"}, nil},
		{"changed", preview{Forecast: ahead, Deployed: &before, Differs: forecast.Compare(before, ahead), Changes: deploy.Changes{"update": 1}},
			[]string{"AGAINST WHAT IS DEPLOYED", "bound of a region", "bound of a region - up to 168 s", "monthly", "1.00 USD 23.00 USD"}, []string{"are those of"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out.Reset()
			if err := a.showPreview(c.p, false); err != nil {
				t.Fatal(err)
			}
			said := spaces.ReplaceAllString(out.String(), " ")
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not said:\n%s", want, out.String())
				}
			}
			for _, lack := range c.lack {
				if strings.Contains(out.String(), lack) {
					t.Errorf("%q is said:\n%s", lack, out.String())
				}
			}
			out.Reset()
			if err := a.showPreview(c.p, true); err != nil {
				t.Fatal(err)
			}
			var read preview
			if err := json.Unmarshal(out.Bytes(), &read); err != nil || read.Forecast.Monthly != 23 || (read.Deployed != nil) != (c.p.Deployed != nil) {
				t.Errorf("as JSON, %v:\n%s", err, out.String())
			}
		})
	}
}

// Prices that cannot be read are the user's to mend.
func TestBadPrices(t *testing.T) {
	root := project(t, map[string]string{"Pulumi.dev.yaml": dev, "prices.yaml": "route53.zones: {usd: 1}\n"})
	s, err := infra.Settings(root, "dev")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := infra.Forecast(root, s); err == nil || !strings.Contains(err.Error(), filepath.Join("stacks", "prices.yaml")+":1:1: route53.zones: is no item") {
		t.Errorf("the error is %v", err)
	}
}

func TestSpan(t *testing.T) {
	for minutes, want := range map[float64]string{0.00006: "less than 0.1 s", 0.1315: "7.9 s", 8.753: "8.8 minutes", 21.47: "21.5 minutes", 60: "60.0 minutes", 262.98: "4.4 hours"} {
		if got := span(minutes); got != want {
			t.Errorf("%g minutes: %s, want %s", minutes, got, want)
		}
	}
}
