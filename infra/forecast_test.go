package infra

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/infra/settings"
	"polygate.example/shared/forecast"
)

// Every environment of the repository has a forecast that survives its way through the state.
func TestForecast(t *testing.T) {
	for _, env := range environments {
		t.Run(env, func(t *testing.T) {
			s, err := Settings(root, env)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Forecast(root, s)
			if err != nil {
				t.Fatal(err)
			}
			m, err := shape(f.Summary())
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			read, err := forecast.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(f.Summary(), read); diff != "" {
				t.Errorf("read (+) differs from what was computed (-):\n%s", diff)
			}
			if f.Monthly <= 0 || len(f.Failures) != 2+len(s.Providers()) || f.Availability.Year <= f.Availability.Textbook {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestForecastOfAnUnknownManager(t *testing.T) {
	if _, err := Forecast(root, settings.Settings{Manager: "carrier-pigeon"}); err == nil || !strings.Contains(err.Error(), "carrier-pigeon") {
		t.Errorf("the error is %v", err)
	}
}
