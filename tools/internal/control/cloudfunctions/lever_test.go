package cloudfunctions

import (
	"context"
	"errors"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	functions "cloud.google.com/go/functions/apiv2"
	"cloud.google.com/go/functions/apiv2/functionspb"
	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/anypb"

	"polygate.example/shared/health"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

const (
	gcpRegion = "gcp/us-central1"
	name      = "projects/p/locations/us-central1/functions/gw"
)

// updating is the Cloud Functions API with one function, by gRPC.
type updating struct {
	functionspb.UnimplementedFunctionServiceServer
	longrunningpb.UnimplementedOperationsServer

	mu      sync.Mutex
	f       *functionspb.Function
	updates int
	busy    int                         // updates that are refused because another one is under way
	before  func(*functionspb.Function) // runs once, as an update comes in
	refuse  *status.Status              // of updates
	failed  *status.Status              // how the operation ends; nil for well
	after   func(*functionspb.Function) // runs once, as an update is done
	looks   int                         // at the function until it is ACTIVE
}

func (u *updating) GetFunction(_ context.Context, r *functionspb.GetFunctionRequest) (*functionspb.Function, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if r.GetName() != u.f.GetName() {
		return nil, status.Error(codes.NotFound, "not found")
	}
	u.f.State = functionspb.Function_ACTIVE
	if u.looks > 0 {
		u.looks--
		u.f.State = functionspb.Function_DEPLOYING
	}
	return u.f, nil
}

func (u *updating) UpdateFunction(_ context.Context, r *functionspb.UpdateFunctionRequest) (*longrunningpb.Operation, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.before != nil {
		u.before(u.f)
		u.before = nil
	}
	if u.busy > 0 {
		if u.busy--; u.busy == 0 {
			u.looks = 2
		}
		return nil, status.Error(codes.Aborted, "unable to queue the operation")
	}
	if u.refuse != nil {
		return nil, u.refuse.Err()
	}
	if u.looks > 0 {
		return nil, status.Error(codes.FailedPrecondition, "the fake is being deployed: its variables are not yet what they will be")
	}
	if paths := r.GetUpdateMask().GetPaths(); len(paths) != 1 || paths[0] != "service_config.environment_variables" {
		return nil, status.Errorf(codes.InvalidArgument, "the mask is %v", paths)
	}
	u.updates++
	if u.failed == nil {
		u.f.ServiceConfig.EnvironmentVariables = maps.Clone(r.GetFunction().GetServiceConfig().GetEnvironmentVariables())
	}
	return &longrunningpb.Operation{Name: "projects/p/locations/us-central1/operations/o"}, nil
}

func (u *updating) GetOperation(context.Context, *longrunningpb.GetOperationRequest) (*longrunningpb.Operation, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.failed != nil {
		return &longrunningpb.Operation{Name: "o", Done: true, Result: &longrunningpb.Operation_Error{Error: u.failed.Proto()}}, nil
	}
	if u.after != nil {
		u.after(u.f)
		u.after = nil
	}
	packed, err := anypb.New(u.f)
	return &longrunningpb.Operation{Name: "o", Done: true, Result: &longrunningpb.Operation_Response{Response: packed}}, err
}

func newUpdating(t *testing.T) (*updating, *Provider) {
	t.Helper()
	u := &updating{f: &functionspb.Function{Name: name, ServiceConfig: &functionspb.ServiceConfig{AvailableMemory: "512Mi", EnvironmentVariables: map[string]string{"KEPT": "hush", "OTHER": "2"}}}}
	pipe := bufconn.Listen(1 << 20)
	g := grpc.NewServer()
	functionspb.RegisterFunctionServiceServer(g, u)
	longrunningpb.RegisterOperationsServer(g, u)
	go func() { _ = g.Serve(pipe) }()
	t.Cleanup(g.Stop)
	conn, err := grpc.NewClient("passthrough:///functions", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return pipe.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	client, err := functions.NewFunctionClient(t.Context(), option.WithGRPCConn(conn))
	if err != nil {
		t.Fatal(err)
	}
	p := Over(client, topology.Topology{Regions: []topology.Region{{Name: gcpRegion, Provider: "gcp", Function: name}}})
	p.pause = time.Millisecond
	return u, p
}

func lease(token uint64) control.Lease {
	return control.Lease{Fault: health.DrillErrorRate, Rate: 0.5, Until: time.Now().Add(10 * time.Minute).UTC().Truncate(time.Second), Token: token, Drill: "d-1"}
}

func (u *updating) variables() map[string]string { return u.f.ServiceConfig.EnvironmentVariables }

// only sees that a function has its variables and no other.
func (u *updating) only(t *testing.T, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, u.variables()); diff != "" || u.f.ServiceConfig.AvailableMemory != "512Mi" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

func TestLever(t *testing.T) {
	u, p := newUpdating(t)
	l := lease(7)
	for range 2 {
		if err := p.Pull(t.Context(), gcpRegion, l); err != nil {
			t.Fatal(err)
		}
	}
	if u.variables()["KEPT"] != "hush" || u.variables()["OTHER"] != "2" || !strings.Contains(u.variables()[health.EnvDrill], `"rate":0.5`) || u.updates != 1 {
		t.Errorf("%d variables after %d updates", len(u.variables()), u.updates)
	}
	if got, err := p.Pulled(t.Context()); err != nil || got[gcpRegion] != l {
		t.Errorf("pulled: %+v, %v", got, err)
	}
	for range 2 {
		if err := p.Release(t.Context(), gcpRegion, 7); err != nil {
			t.Fatal(err)
		}
	}
	u.only(t, map[string]string{"KEPT": "hush", "OTHER": "2"})
	if u.updates != 2 {
		t.Errorf("%d updates, want one for each change: every one is a build", u.updates)
	}
	if got, err := p.Pulled(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("pulled: %+v, %v", got, err)
	}
}

// A lease that is over is told, fences lower tokens, and goes.
func TestLeverFence(t *testing.T) {
	u, p := newUpdating(t)
	u.variables()[health.EnvDrill] = `{"fault":"region-down","until":"2001-01-01T00:00:00Z","token":9,"drill":"theirs"}`
	if got, err := p.Pulled(t.Context()); err != nil || got[gcpRegion].Token != 9 || !got[gcpRegion].Expired(time.Now()) {
		t.Errorf("pulled: %+v, %v", got, err)
	}
	if err := p.Pull(t.Context(), gcpRegion, lease(8)); !errors.Is(err, control.ErrFenced) {
		t.Errorf("pull: %v", err)
	}
	if err := p.Release(t.Context(), gcpRegion, 8); !errors.Is(err, control.ErrFenced) || u.updates != 0 {
		t.Errorf("release: %v after %d updates", err, u.updates)
	}
	if err := p.Release(t.Context(), gcpRegion, 10); err != nil {
		t.Error(err)
	}
	u.only(t, map[string]string{"KEPT": "hush", "OTHER": "2"})
}

func TestLeverRaces(t *testing.T) {
	for what, c := range map[string]struct {
		prepare func(*updating)
		others  map[string]string
	}{
		"another update is under way, which adds a variable": {func(u *updating) {
			u.busy = 1
			u.before = func(f *functionspb.Function) { f.ServiceConfig.EnvironmentVariables["NEW"] = "3" }
		}, map[string]string{"KEPT": "hush", "OTHER": "2", "NEW": "3"}},
		"a deployment is under way": {func(u *updating) { u.looks = 3 }, map[string]string{"KEPT": "hush", "OTHER": "2"}},
		"a deployment takes ours away": {func(u *updating) {
			u.after = func(f *functionspb.Function) { f.ServiceConfig.EnvironmentVariables = map[string]string{"NEW": "3"} }
		}, map[string]string{"NEW": "3"}},
	} {
		t.Run(what, func(t *testing.T) {
			u, p := newUpdating(t)
			c.prepare(u)
			if err := p.Pull(t.Context(), gcpRegion, lease(7)); err != nil {
				t.Fatal(err)
			}
			if u.variables()[health.EnvDrill] == "" {
				t.Error("the lease is not there")
			}
			if err := p.Release(t.Context(), gcpRegion, 7); err != nil {
				t.Fatal(err)
			}
			u.only(t, c.others)
		})
	}
}

func TestLeverRefused(t *testing.T) {
	for what, c := range map[string]struct {
		prepare func(*updating)
		says    string
		is      error
	}{
		"not allowed": {func(u *updating) {
			u.refuse = status.New(codes.PermissionDenied, "Permission 'cloudfunctions.functions.update' denied")
		}, "Permission 'cloudfunctions.functions.update' denied", nil},
		"a build failed": {func(u *updating) { u.failed = status.New(codes.InvalidArgument, "Build failed") }, "Build failed", nil},
		"gone meanwhile": {func(u *updating) { u.refuse = status.New(codes.NotFound, "was not found") }, "was not found", control.ErrUnknown},
		"busy for good":  {func(u *updating) { u.busy = 1 << 30 }, "unable to queue the operation", control.ErrChanged},
	} {
		t.Run(what, func(t *testing.T) {
			u, p := newUpdating(t)
			p.pause = 50 * time.Millisecond
			c.prepare(u)
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			err := p.Pull(ctx, gcpRegion, lease(7))
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), gcpRegion) || strings.Contains(err.Error(), "hush") || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("got %v", err)
			}
			u.only(t, map[string]string{"KEPT": "hush", "OTHER": "2"})
		})
	}
	_, p := newUpdating(t)
	if err := p.Pull(t.Context(), "gcp/mars", lease(7)); !errors.Is(err, control.ErrUnknown) {
		t.Errorf("a region that is not there: %v", err)
	}
}
