package wire_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	sdktypes "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/control/route53"
	"polygate.example/tools/internal/localcloud/probe"
	"polygate.example/tools/internal/localcloud/resource"
)

// manager is the control seat of the bed's topology.
func (b *amazonBed) manager() *route53.Manager {
	b.t.Helper()
	m, err := route53.New(b.config(token), b.topo)
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

// votes are of eight locations, some of which pass.
func votes(passing int, at time.Time) probe.Status {
	out := probe.Status{Passing: passing, Of: 8}
	for i := range 8 {
		v := probe.Vote{Location: "us-east-1", Healthy: i < passing, At: at.Add(time.Duration(i) * time.Second), Last: probe.Result{OK: true, Reason: "HTTP Status Code 200 OK"}}
		if !v.Healthy {
			v.Last = probe.Result{Reason: "HTTP Status Code 503 Service Unavailable"}
		}
		out.Votes = append(out.Votes, v)
	}
	out.Votes = append(out.Votes, probe.Vote{Location: "sa-east-1", Healthy: true}) // has not probed yet
	return out
}

func TestRoute53Regions(t *testing.T) {
	t.Parallel()
	b := newAmazonBed(t)
	at := b.now
	b.statuses[b.topo.Regions[0].HealthCheck] = votes(1, at)
	b.statuses[b.topo.Regions[1].HealthCheck] = votes(8, at)
	got, err := b.manager().Regions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]control.Region{
		"aws/us-east-1": {State: "unhealthy", Passing: 1, Of: 8, Why: "Failure: HTTP Status Code 503 Service Unavailable", At: at.Add(7 * time.Second)},
		"aws/eu-west-1": {Healthy: true, State: "healthy", Passing: 8, Of: 8, At: at.Add(7 * time.Second)},
	}
	if last := got["aws/us-east-1"].Votes; len(last) != 8 || last[0] != (control.Vote{From: "us-east-1 192.0.2.1", Healthy: true, At: at}) {
		t.Errorf("votes: %+v", last)
	}
	unvoted(t, got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A ramp is in the inputs that DNS goes by, changes no other record, and is taken back whole.
func TestRoute53Share(t *testing.T) {
	t.Parallel()
	b := newAmazonBed(t)
	b.weigh()
	before := b.weighted()
	m := b.manager()
	if err := m.Steps(t.Context(), []string{"aws/us-east-1", "aws/eu-west-1"}, []int{5, 100}); err != nil {
		t.Fatal(err)
	}
	changes := 0
	b.store.OnChange(func() { changes++ })
	for i, percent := range []int{5, 5, 50, 100} {
		if err := m.Share(t.Context(), "aws/us-east-1", percent); err != nil {
			t.Fatal(err)
		}
		if got, want := b.weighted()["us-east-1"], map[int]int{5: 5, 50: 50, 100: 100}[percent]; got != want || b.weighted()["eu-west-1"] != 50 {
			t.Errorf("at %d %%: the weights %v", percent, b.weighted())
		}
		if want := max(1, i); changes != want {
			t.Errorf("after %d calls: %d changes, want %d", i+1, changes, want)
		}
		seen, err := m.Regions(t.Context())
		if err != nil || seen["aws/us-east-1"].Held != 100-percent || seen["aws/eu-west-1"].Held != 0 {
			t.Errorf("at %d %%, %v: %+v", percent, err, seen)
		}
	}
	if diff := cmp.Diff(before, b.weighted()); diff != "" {
		t.Errorf("given back (-before +after):\n%s", diff)
	}
}

// What the local Route 53 refuses, as the SDK knows it: an UPSERT that does not say all of a record would take the rest from it.
func TestRoute53RecordRefusals(t *testing.T) {
	t.Parallel()
	b := newAmazonBed(t)
	b.weigh()
	client, zone := sdk.NewFromConfig(b.config(token)), b.topo.Details["zoneId"]
	list, err := client.ListResourceRecordSets(t.Context(), &sdk.ListResourceRecordSetsInput{HostedZoneId: &zone, StartRecordName: awssdk.String("api.polygate.test")})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list.ResourceRecordSets, func(s sdktypes.ResourceRecordSet) bool { return s.Weight != nil })
	if i < 0 {
		t.Fatalf("no record with a weight among %d", len(list.ResourceRecordSets))
	}
	for name, c := range map[string]struct {
		zone   string
		action sdktypes.ChangeAction
		change func(*sdktypes.ResourceRecordSet)
		code   string
	}{
		"another zone":          {"Z0", sdktypes.ChangeActionUpsert, func(*sdktypes.ResourceRecordSet) {}, "NoSuchHostedZone"},
		"another action":        {zone, sdktypes.ChangeActionDelete, func(*sdktypes.ResourceRecordSet) {}, "InvalidInput"},
		"a record that is none": {zone, sdktypes.ChangeActionUpsert, func(s *sdktypes.ResourceRecordSet) { s.SetIdentifier = awssdk.String("x") }, "InvalidInput"},
		"without its check":     {zone, sdktypes.ChangeActionUpsert, func(s *sdktypes.ResourceRecordSet) { s.HealthCheckId = nil }, "InvalidInput"},
		"with another TTL":      {zone, sdktypes.ChangeActionUpsert, func(s *sdktypes.ResourceRecordSet) { s.TTL = awssdk.Int64(1) }, "InvalidInput"},
		"a weight that is none": {zone, sdktypes.ChangeActionUpsert, func(s *sdktypes.ResourceRecordSet) { s.Weight = awssdk.Int64(256) }, "InvalidChangeBatch"},
		"nothing that is wrong": {zone, sdktypes.ChangeActionUpsert, func(s *sdktypes.ResourceRecordSet) { s.Weight = awssdk.Int64(7) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			set := list.ResourceRecordSets[i]
			c.change(&set)
			before := b.weighted()
			_, err := client.ChangeResourceRecordSets(t.Context(), &sdk.ChangeResourceRecordSetsInput{HostedZoneId: &c.zone,
				ChangeBatch: &sdktypes.ChangeBatch{Changes: []sdktypes.Change{{Action: c.action, ResourceRecordSet: &set}}}})
			var answer smithy.APIError
			if (err != nil) != (c.code != "") || err != nil && (!errors.As(err, &answer) || answer.ErrorCode() != c.code) {
				t.Errorf("%v, want %q", err, c.code)
			}
			if diff := cmp.Diff(before, b.weighted()); (diff != "") != (c.code == "") {
				t.Errorf("the weights:\n%s", diff)
			}
		})
	}
	page, err := client.ListResourceRecordSets(t.Context(), &sdk.ListResourceRecordSetsInput{HostedZoneId: &zone, MaxItems: awssdk.Int32(1)})
	if err != nil || len(page.ResourceRecordSets) != 1 || !page.IsTruncated || page.NextRecordName == nil {
		t.Errorf("a page of one: %+v, %v", page, err)
	}
}

// A drain is in the inputs that the checkers go by, tells whoever waits for a change, can be repeated, and is taken back.
func TestRoute53Drain(t *testing.T) {
	t.Parallel()
	b := newAmazonBed(t)
	before := b.inputs(0)
	changes := 0
	b.store.OnChange(func() { changes++ })
	m := b.manager()
	for i, drained := range []bool{true, true, false, false} {
		if err := m.Drain(t.Context(), []string{"aws/us-east-1"}, drained); err != nil {
			t.Fatal(err)
		}
		if in := b.inputs(0); in.Bool("disabled") != drained || in.Bool("invertHealthcheck") != drained {
			t.Errorf("after Drain(%t): %v", drained, in)
		}
		if want := i/2 + 1; changes != want {
			t.Errorf("after %d drains: %d changes, want %d", i+1, changes, want)
		}
		seen, err := m.Regions(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r := seen["aws/us-east-1"]; r.Drained != drained || (r.State == "drained") != drained || seen["aws/eu-west-1"].Drained {
			t.Errorf("after Drain(%t): %+v", drained, seen)
		}
	}
	if diff := cmp.Diff(before, b.inputs(0)); diff != "" {
		t.Errorf("drained and given back (-before +after):\n%s", diff)
	}
}

// What a deployment changes in between counts as well: it does not come by this API.
func TestRoute53Concurrent(t *testing.T) {
	t.Parallel()
	b := newAmazonBed(t)
	client := sdk.NewFromConfig(b.config(token))
	id := awssdk.String(b.topo.Regions[0].HealthCheck)
	update := func(version *int64) (*sdk.UpdateHealthCheckOutput, error) {
		return client.UpdateHealthCheck(t.Context(), &sdk.UpdateHealthCheckInput{HealthCheckId: id, HealthCheckVersion: version, Disabled: awssdk.Bool(true), FailureThreshold: awssdk.Int32(4)})
	}
	seen, err := client.GetHealthCheck(t.Context(), &sdk.GetHealthCheckInput{HealthCheckId: id})
	if err != nil {
		t.Fatal(err)
	}
	err = b.store.Amend(t.Context(), func(v resource.View) ([]resource.Record, error) {
		r, _ := v.Get(tCheck, *id)
		r.Inputs = r.Inputs.With(resource.Props{"resourcePath": "/elsewhere"})
		return []resource.Record{r}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = update(seen.HealthCheck.HealthCheckVersion)
	if mismatch := (*sdktypes.HealthCheckVersionMismatch)(nil); !errors.As(err, &mismatch) {
		t.Errorf("an update of what has changed since: %v, want HealthCheckVersionMismatch", err)
	}
	if b.inputs(0).Bool("disabled") {
		t.Error("a refused update changed something")
	}
	out, err := update(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := out.HealthCheck.HealthCheckConfig
	if got := *out.HealthCheck.HealthCheckVersion; got != *seen.HealthCheck.HealthCheckVersion+2 || !*c.Disabled || *c.FailureThreshold != 4 || *c.ResourcePath != "/elsewhere" {
		t.Errorf("version %d of %+v", got, c)
	}
	if r, _ := b.store.View().Get(tCheck, *id); r.Outputs().Int("failureThreshold") != 4 {
		t.Errorf("the threshold is kept as %v", r.Outputs())
	}
}
