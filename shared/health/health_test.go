package health

import (
	"encoding/json"
	"testing"
	"time"
)

func TestFromEnvironment(t *testing.T) {
	started := time.Date(2026, 11, 23, 20, 0, 0, 0, time.FixedZone("", 3600))
	for name, c := range map[string]struct {
		env  map[string]string
		want Instance
		bad  bool
	}{
		"nothing set": {nil, Instance{Provider: "server", Region: "server/local", Release: "dev", Model: "m", Started: started.UTC()}, false},
		"all set": {map[string]string{EnvRegion: "aws/us-east-1", EnvRelease: "r1", EnvArtefact: "sha256:a"},
			Instance{Provider: "aws", Region: "aws/us-east-1", Release: "r1", Artefact: "sha256:a", Model: "m", Started: started.UTC()}, false},
		"region without provider": {map[string]string{EnvRegion: "us-east-1"}, Instance{}, true},
		"region without name":     {map[string]string{EnvRegion: "aws/"}, Instance{}, true},
		"region without either":   {map[string]string{EnvRegion: "/"}, Instance{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := FromEnvironment(func(k string) string { return c.env[k] }, "m", started)
			if (err != nil) != c.bad || got != c.want {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

// Probes, drills and status read this document from deployments of other versions: its spelling is a contract.
func TestReportSpelling(t *testing.T) {
	b, err := json.Marshal(Report{Status: StatusDegraded,
		Instance:  Instance{Provider: "aws", Region: "aws/us-east-1", Release: "r1", Artefact: "sha256:a", Model: "sha256:m", Started: time.Unix(0, 0).UTC()},
		Upstreams: []Upstream{{Name: "orders", Target: "orders.example", Error: "refused"}, {Name: "stock", Reachable: true}},
		Secrets:   []Secret{{Name: "KEY", Error: "denied"}, {Name: "TOKEN", Readable: true}}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"status":"degraded","provider":"aws","region":"aws/us-east-1","release":"r1","artefact":"sha256:a","model":"sha256:m","started":"1970-01-01T00:00:00Z",` +
		`"upstreams":[{"name":"orders","reachable":false,"target":"orders.example","error":"refused"},{"name":"stock","reachable":true}],` +
		`"secrets":[{"name":"KEY","readable":false,"error":"denied"},{"name":"TOKEN","readable":true}]}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
}
