package route53

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

func TestNewRefuses(t *testing.T) {
	good := func() topology.Topology { return newFake(t).switched(2) }
	for name, c := range map[string]struct {
		change func(*topology.Topology)
		want   string
	}{
		"another manager":          {func(t *topology.Topology) { t.Manager = "cloudflare" }, `steered by "cloudflare", not by route53`},
		"a region without a check": {func(t *topology.Topology) { t.Regions[1].HealthCheck = "" }, "no health check of aws/1"},
		"a region without its control": {func(t *topology.Topology) { delete(t.Details, "routingControlArn:aws/1") },
			"no routing control of aws/1"},
		"an endpoint without a region":   {func(t *topology.Topology) { t.Details["clusterEndpoints"] = "https://x/v1" }, `endpoint "https://x/v1": want region=https`},
		"an endpoint that is no https":   {func(t *topology.Topology) { t.Details["clusterEndpoints"] = "us-east-1=http://x/v1" }, "want region=https"},
		"no endpoints, of a cluster":     {func(t *topology.Topology) { t.Details["clusterEndpoints"] = "" }, "want region=https"},
		"nothing that is wrong":          {func(*topology.Topology) {}, ""},
		"no cluster, and so no controls": {func(t *topology.Topology) { t.Details = nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			top := good()
			c.change(&top)
			_, err := New(aws.Config{}, top)
			if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// What follows from a check and what its checkers say. Source of the quorum: see quorumPercent.
func TestJudge(t *testing.T) {
	early, late := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2030, 1, 1, 0, 0, 9, 0, time.UTC)
	of := func(good, bad int) []types.HealthCheckObservation {
		var out []types.HealthCheckObservation
		for i := range good + bad {
			text := "Failure: HTTP Status Code 503, Service Unavailable"
			if i < good {
				text = "Success: HTTP Status Code 200, OK"
			}
			out = append(out, types.HealthCheckObservation{Region: "us-east-1", IPAddress: aws.String(fmt.Sprintf("192.0.2.%03d", i)), StatusReport: &types.StatusReport{Status: &text, CheckedTime: &early}})
		}
		return out
	}
	latest := of(0, 2)
	latest[1].StatusReport = &types.StatusReport{Status: aws.String("Failure: Resolved IP: 192.0.2.1. SSL alert handshake_failure"), CheckedTime: &late}
	const why = "Failure: HTTP Status Code 503, Service Unavailable"
	on, off := aws.Bool(true), aws.Bool(false)
	for name, c := range map[string]struct {
		config types.HealthCheckConfig
		seen   []types.HealthCheckObservation
		want   control.Region
	}{
		"all pass":               {types.HealthCheckConfig{Disabled: off}, of(16, 0), control.Region{Healthy: true, State: "healthy", Passing: 16, Of: 16, At: early}},
		"18 % are too few":       {types.HealthCheckConfig{}, of(9, 41), control.Region{State: "unhealthy", Passing: 9, Of: 50, Why: why, At: early}},
		"a little more is not":   {types.HealthCheckConfig{}, of(10, 41), control.Region{Healthy: true, State: "healthy", Passing: 10, Of: 51, Why: why, At: early}},
		"nobody has looked":      {types.HealthCheckConfig{}, nil, control.Region{Healthy: true, State: "healthy"}},
		"the last failure tells": {types.HealthCheckConfig{}, latest, control.Region{State: "unhealthy", Of: 2, Why: "Failure: Resolved IP: 192.0.2.1. SSL alert handshake_failure", At: late}},
		"drained, and healthy":   {types.HealthCheckConfig{Disabled: on, Inverted: on}, of(16, 0), control.Region{Healthy: true, Drained: true, State: "drained", Passing: 16, Of: 16, At: early}},
		"drained, and not":       {types.HealthCheckConfig{Disabled: on, Inverted: on}, of(0, 1), control.Region{Drained: true, State: "drained", Of: 1, Why: why, At: early}},
		"disabled alone":         {types.HealthCheckConfig{Disabled: on, Inverted: off}, of(1, 0), control.Region{Healthy: true, State: "healthy", Passing: 1, Of: 1, At: early}},
		"a report without words": {types.HealthCheckConfig{}, []types.HealthCheckObservation{{}}, control.Region{Healthy: true, State: "healthy"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge(c.config, c.seen)
			votes := got.Votes
			got.Votes = nil
			if len(votes) != got.Of || got.Of > 1 && (votes[0].Healthy != (got.Passing > 0) || votes[0].From != "us-east-1 192.0.2.000" || votes[0].Healthy == (votes[0].Why != "") || !votes[0].At.Equal(early)) {
				t.Errorf("votes: %+v", votes)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRegions(t *testing.T) {
	f := newFake(t)
	m := f.manager(f.topology(12))
	f.checks["check-3"].observations = []string{observed("Success: HTTP Status Code 200, OK", "2030-01-02T03:04:05.678Z"), observed("Failure: connection timed out", "2030-01-02T03:04:01Z")}
	f.checks["check-3"].disabled, f.checks["check-3"].inverted = true, true
	got, err := m.Regions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := control.Region{Healthy: true, Drained: true, State: "drained", Passing: 1, Of: 2, Why: "Failure: connection timed out",
		At: time.Date(2030, 1, 2, 3, 4, 5, 678e6, time.UTC),
		Votes: []control.Vote{{From: "us-east-1 15.177.0.1", Healthy: true, At: time.Date(2030, 1, 2, 3, 4, 5, 678e6, time.UTC)},
			{From: "us-east-1 15.177.0.1", Why: "Failure: connection timed out", At: time.Date(2030, 1, 2, 3, 4, 1, 0, time.UTC)}}}
	if diff := cmp.Diff(want, got["aws/3"]); diff != "" || len(got) != 12 {
		t.Errorf("%d regions (-want +got):\n%s", len(got), diff)
	}
	if f.max > 4 || f.max < 2 {
		t.Errorf("%d requests at a time, want 2 to 4", f.max)
	}
}

// Throttled requests are sent again, until Route 53 takes them or the caller has no more time.
func TestThrottled(t *testing.T) {
	f := newFake(t)
	m := f.manager(f.topology(3))
	f.throttle = 40
	if _, err := m.Regions(t.Context()); err != nil {
		t.Error(err)
	}
	if got := f.count("GET"); got != 46 {
		t.Errorf("%d requests, want 6 and 40 that were throttled", got)
	}
	f.throttle, m.pause = 1<<20, time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := m.Regions(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the deadline", err)
	}
}

// A region that is gone does not hide the others; an API that does not answer is not asked for each of them.
func TestRegionsPartly(t *testing.T) {
	f := newFake(t)
	m := f.manager(f.topology(40))
	delete(f.checks, "check-1")
	got, err := m.Regions(t.Context())
	if !errors.Is(err, control.ErrUnknown) || len(got) != 39 || !strings.Contains(err.Error(), "aws/1: health check check-1") {
		t.Errorf("%d regions and %v, want 39 and that aws/1 is unknown", len(got), err)
	}
	f.log, f.lost = nil, true
	_, err = m.Regions(t.Context())
	if err == nil || errors.Is(err, context.Canceled) || f.count("GET") > 2*atOnce {
		t.Errorf("%v after %d requests", err, f.count("GET"))
	}
}

func TestDrain(t *testing.T) {
	f := newFake(t)
	m := f.manager(f.topology(3))
	f.checks["check-1"].disabled, f.checks["check-1"].inverted = true, true
	f.checks["check-2"].inverted = true // by hand
	all := []string{"aws/0", "aws/1", "aws/2"}
	for _, drained := range []bool{true, true, false} {
		if err := m.Drain(t.Context(), all, drained); err != nil {
			t.Fatal(err)
		}
		for id, c := range f.checks {
			if c.disabled != drained || c.inverted != drained {
				t.Errorf("Drain(%t): %s is disabled %t, inverted %t", drained, id, c.disabled, c.inverted)
			}
		}
	}
	if got := f.count("POST"); got != 2+0+3 {
		t.Errorf("%d changes, want those that differ: 2, none, 3", got)
	}
	for _, want := range []string{"<HealthCheckVersion>7</HealthCheckVersion>", "<FailureThreshold>2</FailureThreshold>", "<Disabled>true</Disabled>", "<Inverted>true</Inverted>"} {
		if !strings.Contains(f.bodies[0], want) {
			t.Errorf("%s lacks %s", f.bodies[0], want)
		}
	}
}

func TestDrainRefused(t *testing.T) {
	t.Run("unknown names, and nothing is done", func(t *testing.T) {
		f := newFake(t)
		err := f.manager(f.topology(2)).Drain(t.Context(), []string{"aws/0", "aws/9", "x"}, true)
		if err == nil || !strings.Contains(err.Error(), `region "aws/9" is not in the topology: want one of aws/0, aws/1`) || !strings.Contains(err.Error(), `"x"`) || len(f.log) > 0 {
			t.Errorf("%v after %v", err, f.log)
		}
	})
	t.Run("somebody else changes a check", func(t *testing.T) {
		f := newFake(t)
		m := f.manager(f.topology(9))
		f.checks["check-0"].behind = true
		err := m.Drain(t.Context(), []string{"aws/0", "aws/8"}, true)
		if mismatch := (*types.HealthCheckVersionMismatch)(nil); !errors.As(err, &mismatch) || !strings.Contains(err.Error(), "aws/0: somebody else changed") {
			t.Errorf("%v, want a mismatch of aws/0", err)
		}
		if f.checks["check-0"].disabled || !f.checks["check-8"].disabled {
			t.Error("want aws/0 left alone and aws/8 drained all the same")
		}
	})
}
