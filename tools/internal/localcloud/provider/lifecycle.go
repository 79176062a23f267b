package provider

import (
	"context"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/urn"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"polygate.example/tools/internal/localcloud/resource"
)

// target is the resource a request is about.
type target struct{ token, name string }

func parse(u string) (target, error) {
	parsed, err := urn.Parse(u)
	if err != nil {
		return target{}, status.Errorf(codes.InvalidArgument, "urn %q: %v", u, err)
	}
	return target{token: string(parsed.Type()), name: parsed.Name()}, nil
}

// request reads the parts that all resource requests share.
func request(u string, structs ...*structpb.Struct) (target, []resource.Props, error) {
	t, err := parse(u)
	if err != nil {
		return target{}, nil, err
	}
	out := make([]resource.Props, len(structs))
	for i, s := range structs {
		if out[i], err = fromWire(s); err != nil {
			return target{}, nil, rpcError(err)
		}
	}
	return t, out, nil
}

// reply writes a resource's outputs, with those marked secret that its type says are.
func (s *server) reply(token string, p resource.Props) (*structpb.Struct, error) {
	t, err := s.c.Cloud().Type(token)
	if err != nil {
		return nil, rpcError(err)
	}
	out, err := toWire(p, t.SecretOutputs())
	if err != nil {
		return nil, rpcError(err)
	}
	return out, nil
}

// Check fills in and judges the inputs of a resource.
func (s *server) Check(ctx context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	conn := connectionOf(ctx)
	ctx, release := conn.bind(ctx)
	defer release()
	t, p, err := request(req.GetUrn(), req.GetOlds(), req.GetNews())
	if err != nil {
		return nil, err
	}
	in, failures, err := s.c.Check(ctx, resource.Checking{
		Token: t.token, URN: req.GetUrn(), Name: t.name, Old: p[0], New: p[1], Config: conn.settings(), Seed: req.GetRandomSeed(),
	})
	if err != nil {
		return nil, rpcError(err)
	}
	out, err := toWire(in, nil)
	if err != nil {
		return nil, rpcError(err)
	}
	return &pulumirpc.CheckResponse{Inputs: out, Failures: wireFailures(failures)}, nil
}

// Diff says what an update would change, and whether it would replace.
func (s *server) Diff(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	t, p, err := request(req.GetUrn(), req.GetOldInputs(), req.GetNews())
	if err != nil {
		return nil, err
	}
	d, err := s.c.Diff(t.token, p[0], p[1])
	if err != nil {
		return nil, rpcError(err)
	}
	if len(d.Changes) == 0 {
		return &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}, nil
	}
	resp := &pulumirpc.DiffResponse{
		Changes:             pulumirpc.DiffResponse_DIFF_SOME,
		Replaces:            d.Replaces(),
		DeleteBeforeReplace: d.DeleteBeforeReplace,
		DetailedDiff:        map[string]*pulumirpc.PropertyDiff{},
		HasDetailedDiff:     true,
	}
	for _, c := range d.Changes {
		resp.Diffs = append(resp.Diffs, c.Property)
		resp.DetailedDiff[c.Property] = &pulumirpc.PropertyDiff{Kind: kindOf(c), InputDiff: true}
	}
	return resp, nil
}

func kindOf(c resource.Change) pulumirpc.PropertyDiff_Kind {
	switch {
	case c.Added && c.Replace:
		return pulumirpc.PropertyDiff_ADD_REPLACE
	case c.Added:
		return pulumirpc.PropertyDiff_ADD
	case c.Removed && c.Replace:
		return pulumirpc.PropertyDiff_DELETE_REPLACE
	case c.Removed:
		return pulumirpc.PropertyDiff_DELETE
	case c.Replace:
		return pulumirpc.PropertyDiff_UPDATE_REPLACE
	}
	return pulumirpc.PropertyDiff_UPDATE
}

// Create makes a resource, or in a preview says what it would look like.
func (s *server) Create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	conn := connectionOf(ctx)
	ctx, release := conn.bind(ctx)
	defer release()
	t, p, err := request(req.GetUrn(), req.GetProperties())
	if err != nil {
		return nil, err
	}
	id, out, err := s.c.Create(ctx, t.token, req.GetUrn(), p[0], conn.settings(), req.GetPreview())
	if err != nil {
		return nil, rpcError(err)
	}
	reply, err := s.reply(t.token, out)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.CreateResponse{Id: id, Properties: reply}, nil
}

// Read answers an empty id for what does not exist, which the engine takes out of its state.
func (s *server) Read(_ context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	t, p, err := request(req.GetUrn(), req.GetProperties())
	if err != nil {
		return nil, err
	}
	rec, ok, err := s.c.Read(t.token, req.GetId(), p[0])
	if err != nil {
		return nil, rpcError(err)
	}
	if !ok {
		return &pulumirpc.ReadResponse{}, nil
	}
	out, err := s.reply(t.token, rec.Outputs())
	if err != nil {
		return nil, err
	}
	in, err := s.reply(t.token, rec.Inputs)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.ReadResponse{Id: rec.ID, Properties: out, Inputs: in}, nil
}

// Update changes a resource.
func (s *server) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	conn := connectionOf(ctx)
	ctx, release := conn.bind(ctx)
	defer release()
	t, p, err := request(req.GetUrn(), req.GetOlds(), req.GetNews())
	if err != nil {
		return nil, err
	}
	out, err := s.c.Update(ctx, t.token, req.GetId(), p[0], p[1], conn.settings(), req.GetPreview())
	if err != nil {
		return nil, rpcError(err)
	}
	reply, err := s.reply(t.token, out)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.UpdateResponse{Properties: reply}, nil
}

// Delete removes a resource; one that is gone already is fine.
func (s *server) Delete(ctx context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	conn := connectionOf(ctx)
	ctx, release := conn.bind(ctx)
	defer release()
	t, p, err := request(req.GetUrn(), req.GetProperties())
	if err != nil {
		return nil, err
	}
	if err := s.c.Delete(ctx, t.token, req.GetId(), p[0], conn.settings()); err != nil {
		return nil, rpcError(err)
	}
	return &emptypb.Empty{}, nil
}
