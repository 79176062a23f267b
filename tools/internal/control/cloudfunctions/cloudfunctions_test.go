package cloudfunctions_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	functions "cloud.google.com/go/functions/apiv2"
	"cloud.google.com/go/functions/apiv2/functionspb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/control/cloudfunctions"
)

const (
	here  = "projects/p/locations/us-central1/functions/gw"
	there = "projects/p/locations/europe-west1/functions/gw"
)

// fake is the Cloud Functions API, by gRPC and by REST.
type fake struct {
	functionspb.UnimplementedFunctionServiceServer
	functions map[string]*functionspb.Function
	fail      map[string]*status.Status
}

func (f *fake) GetFunction(_ context.Context, r *functionspb.GetFunctionRequest) (*functionspb.Function, error) {
	if s := f.fail[r.GetName()]; s != nil {
		return nil, s.Err()
	}
	if found := f.functions[r.GetName()]; found != nil {
		return found, nil
	}
	return nil, status.Errorf(codes.NotFound, "Resource '%s' was not found", r.GetName())
}

// ServeHTTP is the REST form: google.rpc.Code to HTTP status and the error document as AIP-193 has them.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	got, err := f.GetFunction(r.Context(), &functionspb.GetFunctionRequest{Name: strings.TrimPrefix(r.URL.Path, "/v2/")})
	if err != nil {
		statuses := map[codes.Code]int{codes.NotFound: 404, codes.PermissionDenied: 403, codes.Unavailable: 503}
		w.WriteHeader(statuses[status.Code(err)])
		_, _ = fmt.Fprintf(w, `{"error": {"code": %d, "message": %q}}`, statuses[status.Code(err)], status.Convert(err).Message())
		return
	}
	body, err := protojson.Marshal(got)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(body)
}

// clients are the ways to ask the fake.
func clients(t *testing.T, f *fake) map[string]*functions.FunctionClient {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	rest, err := functions.NewFunctionRESTClient(t.Context(), option.WithEndpoint(s.URL), option.WithHTTPClient(s.Client()))
	if err != nil {
		t.Fatal(err)
	}
	pipe := bufconn.Listen(1 << 20)
	g := grpc.NewServer()
	functionspb.RegisterFunctionServiceServer(g, f)
	go func() { _ = g.Serve(pipe) }()
	t.Cleanup(g.Stop)
	conn, err := grpc.NewClient("passthrough:///functions", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return pipe.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	wired, err := functions.NewFunctionClient(t.Context(), option.WithGRPCConn(conn))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*functions.FunctionClient{"REST": rest, "gRPC": wired}
}

func world() topology.Topology {
	return topology.Topology{Regions: []topology.Region{
		{Name: "gcp/us-central1", Provider: "gcp", Function: here}, {Name: "aws/us-east-1", Provider: "aws", Function: "arn"},
		{Name: "gcp/europe-west1", Provider: "gcp", Function: there},
	}}
}

func message(severity functionspb.StateMessage_Severity, kind, text string) *functionspb.StateMessage {
	return &functionspb.StateMessage{Severity: severity, Type: kind, Message: text}
}

func TestFunctions(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	active := &functionspb.Function{State: functionspb.Function_ACTIVE}
	for _, c := range []struct {
		name     string
		function *functionspb.Function
		want     control.Function
	}{
		{"active", &functionspb.Function{State: functionspb.Function_ACTIVE, UpdateTime: timestamppb.New(at)}, control.Function{Ready: true, State: "ACTIVE", Updated: at}},
		{"a warning keeps nothing from being ready", &functionspb.Function{State: functionspb.Function_ACTIVE,
			StateMessages: []*functionspb.StateMessage{message(functionspb.StateMessage_WARNING, "W", "old runtime")}}, control.Function{Ready: true, State: "ACTIVE"}},
		{"failed, with an error among warnings", &functionspb.Function{State: functionspb.Function_FAILED, StateMessages: []*functionspb.StateMessage{
			message(functionspb.StateMessage_WARNING, "W", "old runtime"), message(functionspb.StateMessage_ERROR, "CloudRunServiceNotFound", "the service is gone"),
		}}, control.Function{State: "FAILED", Why: "CloudRunServiceNotFound: the service is gone"}},
		{"deploying, with a note", &functionspb.Function{State: functionspb.Function_DEPLOYING, StateMessages: []*functionspb.StateMessage{message(functionspb.StateMessage_INFO, "", "a moment")}},
			control.Function{State: "DEPLOYING", Why: "a moment"}},
		{"unknown, without any word", &functionspb.Function{State: functionspb.Function_UNKNOWN}, control.Function{State: "UNKNOWN", Why: "Google Cloud gives no reason"}},
	} {
		for by, client := range clients(t, &fake{functions: map[string]*functionspb.Function{here: c.function, there: active}}) {
			t.Run(c.name+" by "+by, func(t *testing.T) {
				got, err := cloudfunctions.Over(client, world()).Functions(t.Context())
				want := map[string]control.Function{"gcp/us-central1": c.want, "gcp/europe-west1": {Ready: true, State: "ACTIVE"}}
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Errorf("functions, %v:\n%s", err, diff)
				}
			})
		}
	}
}

// What one region's API does not say takes nothing from what another's says.
func TestFunctionsThatAreNotTold(t *testing.T) {
	active := &functionspb.Function{State: functionspb.Function_ACTIVE}
	for _, c := range []struct {
		name    string
		fail    map[string]*status.Status
		without string // the region whose function the topology does not name
		unknown bool
		says    string
	}{
		{"missing", nil, "", true, "function " + here + " of gcp/us-central1"},
		{"not allowed", map[string]*status.Status{here: status.New(codes.PermissionDenied, "Permission denied on resource")}, "", false, "Permission denied on resource"},
		{"down", map[string]*status.Status{here: status.New(codes.Unavailable, "The service is currently unavailable.")}, "", false, "currently unavailable"},
		{"not named", nil, "gcp/us-central1", false, "does not name the function of gcp/us-central1"},
	} {
		for by, client := range clients(t, &fake{functions: map[string]*functionspb.Function{there: active}, fail: c.fail}) {
			t.Run(c.name+" by "+by, func(t *testing.T) {
				w := world()
				if c.without != "" {
					w.Regions[0].Function = ""
				}
				got, err := cloudfunctions.Over(client, w).Functions(t.Context())
				if err == nil || !strings.Contains(err.Error(), c.says) || errors.Is(err, control.ErrUnknown) != c.unknown {
					t.Errorf("got %v: want ...%s..., unknown: %t", err, c.says, c.unknown)
				}
				if _, ok := got["gcp/us-central1"]; ok || !got["gcp/europe-west1"].Ready {
					t.Errorf("functions %v: want that of europe-west1 alone", got)
				}
			})
		}
	}
}

func TestNew(t *testing.T) {
	s := httptest.NewServer(&fake{functions: map[string]*functionspb.Function{here: {State: functionspb.Function_ACTIVE}, there: {State: functionspb.Function_ACTIVE}}})
	t.Cleanup(s.Close)
	p, err := cloudfunctions.New(t.Context(), world(), option.WithEndpoint(s.URL), option.WithHTTPClient(s.Client()))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Functions(t.Context()); len(got) != 2 || err != nil {
		t.Errorf("functions %v, %v", got, err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := cloudfunctions.New(t.Context(), world(), option.WithCredentialsFile("missing.json")); err == nil || !strings.Contains(err.Error(), "connect to Google's Cloud Functions API") { //nolint:staticcheck // to see it fail
		t.Errorf("credentials that are not there: %v", err)
	}
}
