// Package provider serves the local clouds to the Pulumi engine: the gRPC protocol of a resource provider in front of
// a resource.Controller. The engine attaches when PULUMI_DEBUG_PROVIDERS names the package and the port.
package provider

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"polygate.example/tools/internal/localcloud/resource"
)

// maxMessage is the engine's own limit on a message, in bytes (pulumi sdk, rpcutil.GrpcChannelOptions).
const maxMessage = 400 << 20

// Server is one provider listening for engines. Several engines may be connected at once, one after another or
// together, each with its own configuration.
type Server struct {
	grpc     *grpc.Server
	listener net.Listener
	done     chan struct{}
	err      error
	close    sync.Once
}

// Start serves a cloud's controller on a loopback address such as "127.0.0.1:0", until Close.
func Start(addr string, c *resource.Controller) (*Server, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("serve provider %s: %w", c.Cloud().Package, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("serve provider %s: %q is not a loopback address", c.Cloud().Package, host)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("serve provider %s: %w", c.Cloud().Package, err)
	}
	s := &Server{
		grpc: grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage), grpc.StatsHandler(tagger{}),
			grpc.WaitForHandlers(true)),
		listener: l,
		done:     make(chan struct{}),
	}
	pulumirpc.RegisterResourceProviderServer(s.grpc, &server{c: c})
	go func() {
		defer close(s.done)
		s.err = s.grpc.Serve(l)
	}()
	return s, nil
}

// Port is the port the engine attaches to.
func (s *Server) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// Close ends every connection and every operation under way, and waits until nothing is served any more.
func (s *Server) Close() error {
	s.close.Do(s.grpc.Stop)
	<-s.done
	if s.err != nil && !errors.Is(s.err, grpc.ErrServerStopped) {
		return s.err
	}
	return nil
}

// server answers the provider protocol. Methods that are not here answer codes.Unimplemented: components (Construct,
// Call), parameterised packages, listing and schemas are no business of the local clouds.
type server struct {
	pulumirpc.UnimplementedResourceProviderServer
	c *resource.Controller
}

// Handshake declines everything optional: secrets are stripped by the engine, which marks the outputs again.
func (s *server) Handshake(context.Context, *pulumirpc.ProviderHandshakeRequest) (*pulumirpc.ProviderHandshakeResponse, error) {
	return &pulumirpc.ProviderHandshakeResponse{}, nil
}

// Attach tells the address of the engine, which the local clouds have no use for.
func (s *server) Attach(context.Context, *pulumirpc.PluginAttach) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// GetPluginInfo answers the version of the SDK the program was built with, so that the engine asks for no other.
func (s *server) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: s.c.Cloud().Version}, nil
}

// GetSchema says why there is none. Programs in Go carry their SDK and never ask.
func (s *server) GetSchema(context.Context, *pulumirpc.GetSchemaRequest) (*pulumirpc.GetSchemaResponse, error) {
	return nil, status.Errorf(codes.Unimplemented, "the local clouds serve no schema of %s: use its Go SDK", s.c.Cloud().Package)
}

// GetMapping has nothing: the local clouds are bridged from nowhere.
func (s *server) GetMapping(context.Context, *pulumirpc.GetMappingRequest) (*pulumirpc.GetMappingResponse, error) {
	return &pulumirpc.GetMappingResponse{}, nil
}

// GetMappings has nothing either.
func (s *server) GetMappings(context.Context, *pulumirpc.GetMappingsRequest) (*pulumirpc.GetMappingsResponse, error) {
	return &pulumirpc.GetMappingsResponse{}, nil
}

// Cancel ends what is under way for this engine. The server goes on: it serves later runs, too.
func (s *server) Cancel(ctx context.Context, _ *emptypb.Empty) (*emptypb.Empty, error) {
	connectionOf(ctx).interrupt()
	return &emptypb.Empty{}, nil
}

// CheckConfig checks the provider's settings.
func (s *server) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	config, err := fromWire(req.GetNews())
	if err != nil {
		return nil, rpcError(err)
	}
	var failures []resource.Failure
	if f := s.c.Cloud().Configure; f != nil {
		config, failures = f(config)
	}
	out, err := toWire(config, nil)
	if err != nil {
		return nil, rpcError(err)
	}
	return &pulumirpc.CheckResponse{Inputs: out, Failures: wireFailures(failures)}, nil
}

// DiffConfig never replaces: no setting decides where existing resources are, each carries that itself.
func (s *server) DiffConfig(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	old, err := fromWire(req.GetOldInputs())
	if err != nil {
		return nil, rpcError(err)
	}
	now, err := fromWire(req.GetNews())
	if err != nil {
		return nil, rpcError(err)
	}
	resp := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}
	for _, k := range old.With(now).Keys() {
		if !(resource.Property{}).Equal(old[k], now[k]) {
			resp.Changes = pulumirpc.DiffResponse_DIFF_SOME
			resp.Diffs = append(resp.Diffs, k)
		}
	}
	return resp, nil
}

// Configure keeps the settings for this connection.
func (s *server) Configure(ctx context.Context, req *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	config, err := fromWire(req.GetArgs())
	if err != nil {
		return nil, rpcError(err)
	}
	if f := s.c.Cloud().Configure; f != nil {
		var failures []resource.Failure
		if config, failures = f(config); len(failures) > 0 {
			return nil, status.Error(codes.InvalidArgument, explain(failures))
		}
	}
	connectionOf(ctx).configure(config)
	return &pulumirpc.ConfigureResponse{SupportsPreview: true}, nil
}

// Invoke calls a function of the provider.
func (s *server) Invoke(ctx context.Context, req *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	conn := connectionOf(ctx)
	ctx, release := conn.bind(ctx)
	defer release()
	args, err := fromWire(req.GetArgs())
	if err != nil {
		return nil, rpcError(err)
	}
	out, failures, err := s.c.Invoke(ctx, req.GetTok(), args, conn.settings(), req.GetPreview())
	if err != nil {
		return nil, rpcError(err)
	}
	ret, err := toWire(out, nil)
	if err != nil {
		return nil, rpcError(err)
	}
	return &pulumirpc.InvokeResponse{Return: ret, Failures: wireFailures(failures)}, nil
}

func wireFailures(failures []resource.Failure) []*pulumirpc.CheckFailure {
	var out []*pulumirpc.CheckFailure
	for _, f := range failures {
		out = append(out, &pulumirpc.CheckFailure{Property: f.Property, Reason: f.Reason})
	}
	return out
}

func explain(failures []resource.Failure) string {
	parts := make([]string, len(failures))
	for i, f := range failures {
		parts[i] = f.Property + ": " + f.Reason
	}
	return strings.Join(parts, "; ")
}

// rpcError gives an error the status code that fits; the engine shows the message as it is.
func rpcError(err error) error {
	code := codes.Unknown
	switch {
	case errors.Is(err, context.Canceled):
		code = codes.Canceled
	case resource.Code(err) == resource.CodeUnsupported:
		code = codes.InvalidArgument
	case resource.Code(err) == resource.CodeNotFound:
		code = codes.NotFound
	}
	return status.Error(code, err.Error())
}

var _ pulumirpc.ResourceProviderServer = (*server)(nil)
