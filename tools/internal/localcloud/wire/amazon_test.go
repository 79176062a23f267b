package wire_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
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
	"github.com/aws/smithy-go"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/control/lambda"
	"polygate.example/tools/internal/control/route53"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/wire"
)

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
