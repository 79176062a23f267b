package provider_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	sdk "github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"

	"polygate.example/tools/internal/localcloud/provider"
	"polygate.example/tools/internal/localcloud/resource"
)

// toy has one type; a note with wait set is created only when another one is there.
func toy() *resource.Cloud {
	return &resource.Cloud{
		Package: "toy", Provider: "toy", Version: "7.41.0",
		Types: []*resource.Type{{
			Token: noteType, Label: "Note",
			Properties: []resource.Property{
				{Name: "name", Kind: resource.String, Immutable: true},
				{Name: "region", Kind: resource.String, Immutable: true, FromConfig: "region"},
				{Name: "text", Kind: resource.String},
				{Name: "password", Kind: resource.String, Secret: true},
				{Name: "file", Kind: resource.Asset},
				{Name: "wait", Kind: resource.Bool},
			},
			Computed: []string{"url", "token"}, Secrets: []string{"token"},
			AutoName: &resource.AutoName{Property: "name"},
			Unique:   []string{"name"},
			Prepare: func(ctx context.Context, env *resource.Env, _ *resource.Record, in resource.Props) error {
				if !in.Bool("wait") {
					return nil
				}
				_, err := env.Wait(ctx, 3600e9, func(v resource.View) (bool, error) { return len(v.All()) > 0, nil })
				return err
			},
			Create: func(_ context.Context, _ *resource.Env, in resource.Props) (string, resource.Props, error) {
				return in.Str("name"), resource.Props{"url": "note://" + in.Str("name"), "token": "t"}, nil
			},
		}},
		Invokes: []*resource.Invoke{{
			Token: "toy:x/getRegion:getRegion",
			Args:  []resource.Property{{Name: "shout", Kind: resource.Bool}},
			Call: func(_ context.Context, env *resource.Env, args resource.Props) (resource.Props, error) {
				r := env.Config.Str("region")
				if args.Bool("shout") {
					r = strings.ToUpper(r)
				}
				return resource.Props{"region": r}, nil
			},
		}},
		Configure: func(c resource.Props) (resource.Props, []resource.Failure) {
			if c.Str("region") == "nowhere" {
				return c, []resource.Failure{{Property: "region", Reason: "there is no nowhere"}}
			}
			return c, nil
		},
	}
}

type server struct {
	t    *testing.T
	addr string
	srv  *provider.Server
}

func start(t *testing.T) *server {
	t.Helper()
	return serve(t, toy())
}

func serve(t *testing.T, cloud *resource.Cloud) *server {
	t.Helper()
	store, err := resource.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, err := resource.NewController(cloud, store, resource.Services{})
	if err != nil {
		t.Fatal(err)
	}
	srv, err := provider.Start("127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	return &server{t: t, addr: "127.0.0.1:" + strconv.Itoa(srv.Port()), srv: srv}
}

// engine is one connection, configured for a region.
type engine struct {
	pulumirpc.ResourceProviderClient
	t *testing.T
}

func (s *server) connect(region string) *engine {
	s.t.Helper()
	conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	e := &engine{pulumirpc.NewResourceProviderClient(conn), s.t}
	if _, err := e.Configure(s.t.Context(), &pulumirpc.ConfigureRequest{AcceptSecrets: true, Args: e.wire(sdk.PropertyMap{"region": str(region)})}); err != nil {
		s.t.Fatal(err)
	}
	return e
}

func str(s string) sdk.PropertyValue { return sdk.NewStringProperty(s) }

func (e *engine) wire(m sdk.PropertyMap) *structpb.Struct {
	e.t.Helper()
	s, err := plugin.MarshalProperties(m, plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true})
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}

func (e *engine) read(s *structpb.Struct) sdk.PropertyMap {
	e.t.Helper()
	m, err := plugin.UnmarshalProperties(s, plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true})
	if err != nil {
		e.t.Fatal(err)
	}
	return m
}

func (e *engine) check(m sdk.PropertyMap) (sdk.PropertyMap, []*pulumirpc.CheckFailure) {
	e.t.Helper()
	r, err := e.Check(e.t.Context(), &pulumirpc.CheckRequest{Urn: noteURN, News: e.wire(m), RandomSeed: []byte("seed")})
	if err != nil {
		e.t.Fatal(err)
	}
	return e.read(r.GetInputs()), r.GetFailures()
}

func (e *engine) create(m sdk.PropertyMap) *pulumirpc.CreateResponse {
	e.t.Helper()
	in, failures := e.check(m)
	if len(failures) > 0 {
		e.t.Fatal(failures)
	}
	r, err := e.Create(e.t.Context(), &pulumirpc.CreateRequest{Urn: noteURN, Properties: e.wire(in)})
	if err != nil {
		e.t.Fatal(err)
	}
	return r
}
