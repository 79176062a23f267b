package health

import (
	"strings"
	"testing"
	"time"
)

func TestParseDrill(t *testing.T) {
	const end = `"until":"2030-01-01T00:00:00Z","token":1,"drill":"d-1"}`
	for name, c := range map[string]struct{ text, says string }{
		"health-fail":            {`{"fault":"health-fail",` + end, ""},
		"region-down":            {`{"fault":"region-down",` + end, ""},
		"error-rate":             {`{"fault":"error-rate","rate":0.5,` + end, ""},
		"error-rate of all":      {`{"fault":"error-rate","rate":1,` + end, ""},
		"latency":                {`{"fault":"latency","delay_ms":60000,` + end, ""},
		"no text":                {"", "no document of a drill"},
		"no JSON":                {"health-fail", "no document of a drill"},
		"no object":              {`"health-fail"`, "no document of a drill"},
		"unknown field":          {`{"fault":"region-down","for":"1h",` + end, `unknown field "for"`},
		"more after it":          {`{"fault":"region-down",` + end + "}", "goes on after"},
		"two":                    {`{"fault":"region-down",` + end + `{}`, "goes on after"},
		"no until":               {`{"fault":"region-down","token":1,"drill":"d"}`, "no `until`"},
		"null":                   {`null`, "no `until`"},
		"a date":                 {`{"fault":"region-down","until":"2030-01-01","drill":"d"}`, "no document of a drill"},
		"a number":               {`{"fault":"region-down","until":1893456000,"drill":"d"}`, "no document of a drill"},
		"no drill":               {`{"fault":"region-down","until":"2030-01-01T00:00:00Z"}`, "`drill` \"\""},
		"a drill in two lines":   {`{"fault":"region-down","until":"2030-01-01T00:00:00Z","drill":"a\nb"}`, "`drill`"},
		"a negative token":       {`{"fault":"region-down","until":"2030-01-01T00:00:00Z","token":-1,"drill":"d"}`, "no document of a drill"},
		"no fault":               {`{` + end, "`fault` \"\""},
		"unknown fault":          {`{"fault":"meteor",` + end, "want health-fail, error-rate, latency or region-down"},
		"no rate":                {`{"fault":"error-rate",` + end, "`rate` 0"},
		"too high a rate":        {`{"fault":"error-rate","rate":50,` + end, "`rate` 50"},
		"a negative rate":        {`{"fault":"error-rate","rate":-1,` + end, "`rate` -1"},
		"no delay":               {`{"fault":"latency",` + end, "`delay_ms` 0"},
		"a delay too long":       {`{"fault":"latency","delay_ms":60001,` + end, "want 1 to 60000"},
		"a rate of latency":      {`{"fault":"latency","delay_ms":1,"rate":0.5,` + end, "does not take"},
		"a delay of region-down": {`{"fault":"region-down","delay_ms":1,` + end, "does not take"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := ParseDrill(c.text)
			if c.says == "" {
				if err != nil || d.ID != "d-1" || d.Token != 1 || !d.Until.Equal(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)) {
					t.Errorf("%+v, %v", d, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), EnvDrill) {
				t.Errorf("%v: want ...%s...", err, c.says)
			}
		})
	}
}

func FuzzParseDrill(f *testing.F) {
	f.Add(`{"fault":"error-rate","until":"2030-01-01T00:00:00Z","token":1,"drill":"d","rate":0.5}`)
	f.Add(`{"fault":"latency","until":"0001-01-01T00:00:00Z","drill":"d","delay_ms":1}`)
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := ParseDrill(text); err == nil && (d.Check() != nil || d.Until.IsZero() || d.Fault == "") {
			t.Errorf("%q became %+v", text, d)
		}
	})
}
