package lambda

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

// answers are what Lambda says of one function, as on the wire.
type answers struct {
	configuration, concurrency string
	status                     int
	code                       string // of the error; "" for none
}

const active = `{"FunctionName":"f","State":"Active","LastUpdateStatus":"Successful","LastModified":"2030-01-02T03:04:05.678+0000"}`

func TestFunctions(t *testing.T) {
	updated := time.Date(2030, 1, 2, 3, 4, 5, 678e6, time.UTC)
	for name, c := range map[string]struct {
		says answers
		want control.Function
	}{
		"active":            {answers{active, `{}`, 200, ""}, control.Function{Ready: true, State: "Active", Updated: updated}},
		"some are reserved": {answers{active, `{"ReservedConcurrentExecutions":100}`, 200, ""}, control.Function{Ready: true, State: "Active", Updated: updated}},
		"none are reserved": {answers{active, `{"ReservedConcurrentExecutions":0}`, 200, ""}, control.Function{State: "Active", Updated: updated,
			Why: "its reserved concurrency is 0, so that every request is throttled: set another or remove it"}},
		"pending": {answers{`{"State":"Pending","StateReason":"The function is being created."}`, `{}`, 200, ""},
			control.Function{State: "Pending", Why: "state Pending: The function is being created."}},
		"failed, without a reason": {answers{`{"State":"Failed"}`, `{}`, 200, ""}, control.Function{State: "Failed", Why: "state Failed"}},
		"an update that failed": {answers{`{"State":"Active","LastUpdateStatus":"Failed","LastUpdateStatusReason":"no such role"}`, `{}`, 200, ""},
			control.Function{Ready: true, State: "Active", Why: "the last update is Failed and the code before it serves: no such role"}},
		"an update under way": {answers{`{"State":"Active","LastUpdateStatus":"InProgress"}`, `{}`, 200, ""},
			control.Function{Ready: true, State: "Active", Why: "the last update is InProgress and the code before it serves"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := serve(t, map[string]answers{"us-east-1": c.says}).Functions(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]control.Function{"aws/us-east-1": c.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A region that does not tell hides none of the others.
func TestFunctionsPartly(t *testing.T) {
	got, err := serve(t, map[string]answers{
		"us-east-1": {active, `{}`, 200, ""}, "eu-west-1": {"", "", 404, "ResourceNotFoundException"}, "us-west-2": {"", "", 503, "ServiceUnavailable"},
	}).Functions(t.Context())
	if len(got) != 1 || !got["aws/us-east-1"].Ready {
		t.Errorf("%v, want that of us-east-1", got)
	}
	if !errors.Is(err, control.ErrUnknown) {
		t.Errorf("%v: want that one is unknown", err)
	}
	for _, want := range []string{"aws/eu-west-1: function arn:aws:lambda:eu-west-1:", "aws/us-west-2: ask for function"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}

func TestFunctionsOfATopologyWithout(t *testing.T) {
	for name, function := range map[string]string{"none": "", "a name": "gateway", "another service": "arn:aws:s3:us-east-1:1:x", "no region": "arn:aws:lambda::1:function:f"} {
		t.Run(name, func(t *testing.T) {
			p := New(aws.Config{}, topology.Topology{Regions: []topology.Region{{Name: "aws/us-east-1", Provider: "aws", Function: function}, {Name: "gcp/x", Provider: "gcp"}}})
			got, err := p.Functions(t.Context())
			if err == nil || !strings.Contains(err.Error(), "aws/us-east-1: function") || strings.Contains(err.Error(), "gcp/x") || len(got) != 0 {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

// serve is a provider whose regions say this; the region is the one that requests are signed for.
func serve(t *testing.T, regions map[string]answers) *Provider {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for region, a := range regions {
			if !strings.Contains(r.Header.Get("Authorization"), "/"+region+"/lambda/") {
				continue
			}
			if a.code != "" {
				w.Header().Set("X-Amzn-Errortype", a.code)
				w.WriteHeader(a.status)
				fmt.Fprint(w, `{"Type":"User","Message":"of the fake"}`)
				return
			}
			function := url.PathEscape(functionARN(region))
			switch escaped := strings.ReplaceAll(r.URL.EscapedPath(), "%3A", ":"); escaped {
			case "/2015-03-31/functions/" + function + "/configuration":
				fmt.Fprint(w, a.configuration)
			case "/2019-09-30/functions/" + function + "/concurrency":
				fmt.Fprint(w, a.concurrency)
			default:
				t.Errorf("%s was asked for", escaped)
			}
		}
	}))
	t.Cleanup(s.Close)
	var top topology.Topology
	for region := range regions {
		top.Regions = append(top.Regions, topology.Region{Name: "aws/" + region, Provider: "aws", Function: functionARN(region)})
	}
	return New(aws.Config{BaseEndpoint: &s.URL, HTTPClient: s.Client(), RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("key", "secret", "")}, top)
}

func functionARN(region string) string {
	return "arn:aws:lambda:" + region + ":123456789012:function:f"
}
