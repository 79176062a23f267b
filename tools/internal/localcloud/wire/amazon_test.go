package wire_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	sdktypes "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/control/lambda"
	"polygate.example/tools/internal/control/route53"
	"polygate.example/tools/internal/localcloud/probe"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/wire"
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

// Each refusal, as the SDK knows it.
func TestAmazonRefusals(t *testing.T) {
	t.Parallel()
	b := newAmazonBed(t)
	calculated, _ := b.cloud.Must(tCheck, resource.Props{"type": "CALCULATED", "childHealthThreshold": 1.0, "childHealthchecks": resource.List(b.topo.Regions[0].HealthCheck)})
	gone := b.topo
	gone.Regions = slices.Clone(b.topo.Regions)
	gone.Regions[0].HealthCheck, gone.Regions[0].Function = "no-such-check", strings.Replace(gone.Regions[0].Function, "gateway", "other", 1)
	foreign := b.topo
	foreign.Regions = slices.Clone(b.topo.Regions)
	foreign.Regions[0].Function = strings.Replace(foreign.Regions[0].Function, ":000000000000:", ":123456789012:", 1)
	regions := func(t topology.Topology, secret string) error {
		m, err := route53.New(b.config(secret), t)
		if err == nil {
			_, err = m.Regions(context.Background())
		}
		return err
	}
	functions := func(t topology.Topology, secret string) error {
		_, err := lambda.New(b.config(secret), t).Functions(context.Background())
		return err
	}
	client := sdk.NewFromConfig(b.config(token))
	for name, c := range map[string]struct {
		err  error
		code string
		is   error
	}{
		"a check that is gone":         {regions(gone, token), "NoSuchHealthCheck", control.ErrUnknown},
		"a function that is gone":      {functions(gone, token), "ResourceNotFoundException", control.ErrUnknown},
		"another account's function":   {functions(foreign, token), "ResourceNotFoundException", control.ErrUnknown},
		"Route 53, another secret":     {regions(b.topo, "another"), "SignatureDoesNotMatch", nil},
		"Lambda, another secret":       {functions(b.topo, "another"), "InvalidSignatureException", nil},
		"status of a calculated check": {second(client.GetHealthCheckStatus(t.Context(), &sdk.GetHealthCheckStatusInput{HealthCheckId: &calculated})), "InvalidInput", nil},
		"an operation that is not there": {second(client.GetHealthCheckCount(t.Context(), &sdk.GetHealthCheckCountInput{})),
			"InvalidAction", nil},
		"a property that is not changed here": {second(client.UpdateHealthCheck(t.Context(), &sdk.UpdateHealthCheckInput{HealthCheckId: &b.topo.Regions[0].HealthCheck,
			ResourcePath: awssdk.String("/x")})), "InvalidInput", nil},
		"a threshold out of range": {second(client.UpdateHealthCheck(t.Context(), &sdk.UpdateHealthCheckInput{HealthCheckId: &b.topo.Regions[0].HealthCheck,
			FailureThreshold: awssdk.Int32(11)})), "InvalidInput", nil},
		"another region's signature": {second(client.GetHealthCheck(t.Context(), &sdk.GetHealthCheckInput{HealthCheckId: &calculated}, func(o *sdk.Options) {
			o.BaseEndpoint, o.Region = awssdk.String("https://route53.amazonaws.com"), "eu-west-1"
		})), "SignatureDoesNotMatch", nil},
		"another key": {second(client.GetHealthCheck(t.Context(), &sdk.GetHealthCheckInput{HealthCheckId: &calculated}, func(o *sdk.Options) {
			o.Credentials = credentials.NewStaticCredentialsProvider("AKIA", token, "")
		})), "InvalidClientTokenId", nil},
		"a session token": {second(client.GetHealthCheck(t.Context(), &sdk.GetHealthCheckInput{HealthCheckId: &calculated}, func(o *sdk.Options) {
			o.Credentials = credentials.NewStaticCredentialsProvider(wire.AccessKeyID, token, "session")
		})), "InvalidClientTokenId", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var answer smithy.APIError
			if !errors.As(c.err, &answer) || answer.ErrorCode() != c.code {
				t.Errorf("%v: want %s", c.err, c.code)
			}
			if c.is != nil && !errors.Is(c.err, c.is) {
				t.Errorf("%v: is not %v", c.err, c.is)
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

// What is no signed request, and one that somebody changed on its way.
func TestAmazonUnsigned(t *testing.T) {
	t.Parallel()
	b := newAmazonBed(t)
	tampered := b.config(token)
	for name, c := range map[string]struct {
		change func(*http.Request)
		code   string
	}{
		"as it was signed":          {func(*http.Request) {}, ""},
		"no signature":              {func(r *http.Request) { r.Header.Del("Authorization") }, "MissingAuthenticationToken"},
		"a bearer token":            {func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }, "IncompleteSignature"},
		"another path":              {func(r *http.Request) { r.URL.Path += "x" }, "SignatureDoesNotMatch"},
		"another query":             {func(r *http.Request) { r.URL.RawQuery = "a=b" }, "SignatureDoesNotMatch"},
		"another body":              {func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("<x/>")), 4 }, "SignatureDoesNotMatch"},
		"another time":              {func(r *http.Request) { r.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102")+"T000000Z") }, "SignatureDoesNotMatch"},
		"no time":                   {func(r *http.Request) { r.Header.Del("X-Amz-Date") }, "SignatureDoesNotMatch"},
		"one of AWS's headers more": {func(r *http.Request) { r.Header.Set("X-Amz-Target", "x") }, "SignatureDoesNotMatch"},
	} {
		t.Run(name, func(t *testing.T) {
			own := tampered
			own.HTTPClient = tamper{b.client(), c.change}
			id := b.topo.Regions[0].HealthCheck
			_, err := sdk.NewFromConfig(own).GetHealthCheck(t.Context(), &sdk.GetHealthCheckInput{HealthCheckId: &id})
			var answer smithy.APIError
			if got := errors.As(err, &answer); got != (c.code != "") || got && answer.ErrorCode() != c.code || c.code == "" && err != nil {
				t.Errorf("%v: want %q", err, c.code)
			}
		})
	}
}

// A signature is good for five minutes before and after its time.
func TestAmazonReplay(t *testing.T) {
	t.Parallel()
	b := newAmazonBed(t)
	nothing := sha256.Sum256(nil)
	for age, status := range map[time.Duration]int{6 * time.Minute: 403, 4 * time.Minute: 200, -4 * time.Minute: 200, -6 * time.Minute: 403} {
		t.Run(age.String(), func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://route53.amazonaws.com/2013-04-01/healthcheck/"+b.topo.Regions[0].HealthCheck, nil)
			if err != nil {
				t.Fatal(err)
			}
			own := awssdk.Credentials{AccessKeyID: wire.AccessKeyID, SecretAccessKey: token}
			if err := v4.NewSigner().SignHTTP(t.Context(), own, r, hex.EncodeToString(nothing[:]), "route53", "us-east-1", time.Now().Add(-age)); err != nil {
				t.Fatal(err)
			}
			resp, err := b.client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != status || strings.Contains(string(body), "Signature expired") != (status == 403) {
				t.Errorf("%s: %s", resp.Status, body)
			}
		})
	}
}

// tamper changes requests after they were signed.
type tamper struct {
	*http.Client
	change func(*http.Request)
}

func (t tamper) Do(r *http.Request) (*http.Response, error) {
	t.change(r)
	return t.Client.Do(r)
}

// While an API is broken it answers nothing but that; the cluster goes on.
func TestAmazonLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lost            string
		route53, lambda bool // answer
	}{{"", true, true}, {"route53", false, true}, {"aws", false, false}, {"azure", true, true}} {
		t.Run("lost "+c.lost, func(t *testing.T) {
			t.Parallel()
			b := newAmazonBed(t)
			plain := b.topo
			plain.Details = nil
			b.switches()
			b.lost[c.lost] = true
			checks, err := route53.New(b.config(token), plain)
			if err != nil {
				t.Fatal(err)
			}
			_, err = checks.Regions(t.Context())
			available(t, "Route 53's look", err, c.route53)
			available(t, "Route 53's drain", checks.Drain(t.Context(), []string{"aws/us-east-1"}, true), c.route53)
			_, err = lambda.New(b.config(token), b.topo).Functions(t.Context())
			available(t, "Lambda's look", err, c.lambda)
			available(t, "the cluster's drain", b.manager().Drain(t.Context(), []string{"aws/us-east-1"}, true), true)
		})
	}
}

func available(t *testing.T, what string, err error, want bool) {
	t.Helper()
	var answer smithy.APIError
	if want && err != nil || !want && (!errors.As(err, &answer) || answer.ErrorCode() != "ServiceUnavailable") {
		t.Errorf("%s: %v, want it available: %t", what, err, want)
	}
}

func TestRecoveryDrain(t *testing.T) {
	t.Parallel()
	b := newAmazonBed(t)
	b.switches()
	// Two of five endpoints may be away at any time.
	for _, e := range strings.Split(b.topo.Details["clusterEndpoints"], ",")[:2] {
		_, url, _ := strings.Cut(e, "=https://")
		host, _, _ := strings.Cut(url, "/")
		b.dead = append(b.dead, host)
	}
	m := b.manager()
	for range 8 { // whichever comes first
		for _, drained := range []bool{true, true, false} {
			b.pass(6 * time.Second)
			if err := m.Drain(t.Context(), []string{"aws/us-east-1"}, drained); err != nil {
				t.Fatal(err)
			}
			seen, err := m.Regions(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if r := seen["aws/us-east-1"]; r.Drained != drained || seen["aws/eu-west-1"].Drained {
				t.Fatalf("after Drain(%t): %+v", drained, seen)
			}
		}
	}
	if in := b.inputs(0); in.Bool("disabled") {
		t.Error("the health check was changed, too")
	}
	tried := map[string]bool{}
	for _, host := range b.asked {
		tried[host] = tried[host] || strings.HasPrefix(host, "host-")
	}
	n := 0
	for _, is := range tried {
		if is {
			n++
		}
	}
	if n != 5 {
		t.Errorf("%d of the five endpoints were tried in some sixty calls: want all, in random order", n)
	}
}

func TestRecoveryRefusals(t *testing.T) {
	t.Parallel()
	both := []string{"aws/us-east-1", "aws/eu-west-1"}
	drain := func(regions ...string) func(*testing.T, *amazonBed) error {
		return func(t *testing.T, b *amazonBed) error { return b.manager().Drain(t.Context(), regions, true) }
	}
	for name, c := range map[string]struct {
		do   func(*testing.T, *amazonBed) error
		code string
		is   error
	}{
		"none would be on": {drain(both...), "ConflictException", route53.ErrSafetyRule},
		"within the wait period": {func(t *testing.T, b *amazonBed) error {
			if err := b.manager().Drain(t.Context(), both[:1], true); err != nil {
				return err
			}
			return b.manager().Drain(t.Context(), both[:1], false)
		}, "ConflictException", route53.ErrSafetyRule},
		"a control that is gone": {func(t *testing.T, b *amazonBed) error {
			b.topo.Details["routingControlArn:aws/us-east-1"] += "0"
			return b.manager().Drain(t.Context(), both[:1], true)
		}, "", control.ErrUnknown},
		"a panel that is gone": {func(t *testing.T, b *amazonBed) error {
			b.topo.Details["routingControlArn:aws/us-east-1"] = "arn:aws:route53-recovery-control::000000000000:controlpanel/x/routingcontrol/y"
			return b.manager().Drain(t.Context(), both[:1], true)
		}, "ResourceNotFoundException", control.ErrUnknown},
		"another secret": {func(t *testing.T, b *amazonBed) error {
			m, err := route53.New(b.config("another"), b.topo)
			if err != nil {
				return err
			}
			return m.Drain(t.Context(), both, true)
		}, "InvalidSignatureException", nil},
		"all endpoints away": {func(t *testing.T, b *amazonBed) error {
			b.server.Close()
			return b.manager().Drain(t.Context(), both, true)
		}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newAmazonBed(t)
			b.switches()
			err := c.do(t, b)
			var answer smithy.APIError
			if err == nil || c.code != "" && (!errors.As(err, &answer) || answer.ErrorCode() != c.code) {
				t.Errorf("%v: want %s", err, c.code)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v: is not %v", err, c.is)
			}
			if name == "none would be on" && !strings.Contains(fmt.Sprint(err), "The safety rule regions-that-stay-on would not hold: it asserts ATLEAST 1 of its controls on, and 0 would be") {
				t.Errorf("%v: does not name the rule", err)
			}
		})
	}
}

func TestLambdaFunctions(t *testing.T) {
	t.Parallel()
	b := newAmazonBed(t)
	b.topo.Regions = append(b.topo.Regions, topology.Region{Name: "azure/eastus", Provider: "azure", Function: "/subscriptions/x"})
	fn, _ := b.store.View().GetIn(tFunction, "eu-west-1", "gateway")
	err := b.store.Amend(t.Context(), func(resource.View) ([]resource.Record, error) {
		fn.Inputs = fn.Inputs.With(resource.Props{"reservedConcurrentExecutions": 0.0})
		return []resource.Record{fn}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := lambda.New(b.config(token), b.topo).Functions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 {
		t.Errorf("%d functions, want AWS's two: %v", len(got), got)
	}
	if f := got["aws/us-east-1"]; !f.Ready || f.State != "Active" || f.Why != "" || f.Updated.IsZero() {
		t.Errorf("us-east-1: %+v, want it ready", f)
	}
	if f := got["aws/eu-west-1"]; f.Ready || !strings.Contains(f.Why, "reserved concurrency is 0") {
		t.Errorf("eu-west-1: %+v, want it not ready", f)
	}
}
