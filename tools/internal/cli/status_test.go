package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/status"
)

// TestStatusExitCode: a script reads from the exit code whether every region is healthy.
func TestStatusExitCode(t *testing.T) {
	for _, c := range []struct {
		status string
		err    error
		want   int
	}{{status.OK, nil, ExitOK}, {status.Degraded, nil, ExitFailed}, {status.Down, nil, ExitFailed}, {"", errors.New("no answer"), ExitFailed}} {
		for _, asJSON := range []bool{false, true} {
			var out bytes.Buffer
			a := &app{output: newOutput(&out, &bytes.Buffer{}, os.Getenv)}
			err := a.lookOnce(t.Context(), func(context.Context) (status.Report, error) {
				return status.Report{Hostname: "api.example.com", Status: c.status}, c.err
			}, asJSON)
			if got := exitCode(err); got != c.want {
				t.Errorf("%q, %v: exit code %d, want %d", c.status, c.err, got, c.want)
			}
			if (out.Len() > 0) != (c.err == nil) || asJSON && c.err == nil && !json.Valid(out.Bytes()) {
				t.Errorf("%q, %v: it shows %q", c.status, c.err, out.String())
			}
		}
	}
}

// TestFollow: --watch goes on whatever it sees, and ends well when the user has seen enough.
func TestFollow(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	seen := []string{status.OK, status.Down, status.Degraded}
	looks := 0
	a := &app{output: newOutput(&bytes.Buffer{}, &bytes.Buffer{}, os.Getenv)}
	err := a.follow(ctx, func(context.Context) (status.Report, error) {
		if looks == len(seen) {
			cancel()
			return status.Report{}, context.Canceled
		}
		looks++
		return status.Report{Status: seen[looks-1]}, nil
	}, true, time.Microsecond)
	if err != nil || looks != len(seen) {
		t.Errorf("%v after %d looks, want no error after %d", err, looks, len(seen))
	}
}

// TestTableOfManyWhoServe: one look finds one region, which is not to read as if the others served nobody; and a drained region
// is told from one that waits.
func TestTableOfManyWhoServe(t *testing.T) {
	r := status.Report{Hostname: "api.example.com", Serving: "aws/us-east-1", Status: status.OK, Regions: []status.Region{
		{Name: "aws/us-east-1", Role: "primary", Healthy: true, Serving: true},
		{Name: "gcp/us-central1", Role: "primary", Healthy: true},
		{Name: "azure/eastus", Role: "primary", Healthy: true, Drained: true},
	}}
	for steering, want := range map[string][]string{
		"":         {"served by aws/us-east-1  ", "yes yes", "yes no", "yes no drained"},
		"weighted": {"served by aws/us-east-1 this time, one of several by weight", "yes this time", "yes", "yes drained"},
	} {
		r.Steering = steering
		var out bytes.Buffer
		if err := table(&out, r); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		rows := lines[len(lines)-len(r.Regions):]
		if !strings.Contains(lines[0], want[0]) {
			t.Errorf("%q: it begins with %q, want %q", steering, lines[0], want[0])
		}
		for i, row := range rows {
			if got := strings.Join(strings.Fields(row)[2:], " "); got != want[i+1] {
				t.Errorf("%q: %s reads %q, want %q", steering, r.Regions[i].Name, got, want[i+1])
			}
		}
	}
}

// TestSwitchedOff: a region whose routing control is off has no traffic however healthy it is, and with all of them off nothing fails over.
func TestSwitchedOff(t *testing.T) {
	r := status.Report{Hostname: "api.example.com", Serving: "aws/us-east-1", Regions: []status.Region{
		{Name: "aws/us-east-1", Healthy: true, Serving: true}, {Name: "gcp/us-central1", Healthy: true, Off: true, Detail: "late"},
	}}
	for _, all := range []bool{false, true} {
		r.Regions[0].Off = all
		var out bytes.Buffer
		if err := table(&out, r); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "switched off; late") || strings.Contains(out.String(), "nothing fails over") != all {
			t.Errorf("all of them off %t:\n%s", all, &out)
		}
	}
}

// TestNext: what `up` says of a loss does not name a region that has no traffic.
func TestNext(t *testing.T) {
	r := status.Report{Regions: []status.Region{{Name: "a"}, {Name: "b", Drained: true}, {Name: "c"}}}
	if got := next(r, "a"); got != "c take over" {
		t.Errorf("after a: %q", got)
	}
	if got := next(status.Report{Regions: r.Regions[:2]}, "a"); !strings.Contains(got, "without answers") {
		t.Errorf("after the last: %q", got)
	}
	r.Steering = "geo"
	if got := next(r, "a"); got != "the others take its clients" {
		t.Errorf("with others that serve: %q", got)
	}
}
