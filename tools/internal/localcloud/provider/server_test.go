package provider_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sdk "github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"polygate.example/tools/internal/localcloud/provider"
	"polygate.example/tools/internal/localcloud/resource"
)

const (
	noteType = "toy:x/note:Note"
	noteURN  = "urn:pulumi:test::polygate::" + noteType + "::mine"
)

// TestOptional: what the engine asks first.
func TestOptional(t *testing.T) {
	t.Parallel()
	e := start(t).connect("north")
	if info, err := e.GetPluginInfo(t.Context(), &emptypb.Empty{}); err != nil || info.GetVersion() != "7.41.0" {
		t.Errorf("version %v %v", info, err)
	}
	if h, err := e.Handshake(t.Context(), &pulumirpc.ProviderHandshakeRequest{}); err != nil || h.GetAcceptSecrets() {
		t.Errorf("handshake %v %v", h, err)
	}
	if _, err := e.Attach(t.Context(), &pulumirpc.PluginAttach{Address: "127.0.0.1:1"}); err != nil {
		t.Error(err)
	}
	if m, err := e.GetMapping(t.Context(), &pulumirpc.GetMappingRequest{}); err != nil || len(m.GetData()) > 0 {
		t.Errorf("mapping %v %v", m, err)
	}
	for name, call := range map[string]func() error{
		"GetSchema":    func() error { _, err := e.GetSchema(t.Context(), &pulumirpc.GetSchemaRequest{}); return err },
		"Parameterize": func() error { _, err := e.Parameterize(t.Context(), &pulumirpc.ParameterizeRequest{}); return err },
		"Construct":    func() error { _, err := e.Construct(t.Context(), &pulumirpc.ConstructRequest{}); return err },
		"Call":         func() error { _, err := e.Call(t.Context(), &pulumirpc.CallRequest{}); return err },
	} {
		if err := call(); status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: %v, want Unimplemented", name, err)
		}
	}
}

// TestConfig: settings are checked, compared and refused.
func TestConfig(t *testing.T) {
	t.Parallel()
	e := start(t).connect("north")
	bad := e.wire(sdk.PropertyMap{"region": str("nowhere")})
	if r, err := e.CheckConfig(t.Context(), &pulumirpc.CheckRequest{News: bad}); err != nil || len(r.GetFailures()) != 1 {
		t.Errorf("check: %v %v", r, err)
	}
	if _, err := e.Configure(t.Context(), &pulumirpc.ConfigureRequest{Args: bad}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("configure: %v", err)
	}
	good := e.wire(sdk.PropertyMap{"region": str("north")})
	for _, tc := range []struct {
		new  *structpb.Struct
		want pulumirpc.DiffResponse_DiffChanges
	}{{good, pulumirpc.DiffResponse_DIFF_NONE}, {bad, pulumirpc.DiffResponse_DIFF_SOME}} {
		d, err := e.DiffConfig(t.Context(), &pulumirpc.DiffRequest{OldInputs: good, News: tc.new})
		if err != nil || d.GetChanges() != tc.want || len(d.GetReplaces()) > 0 {
			t.Errorf("diff: %v %v, want %v", d, err, tc.want)
		}
	}
}

// TestConnections: two engines, or two provider instances of one program, keep their own settings.
func TestConnections(t *testing.T) {
	t.Parallel()
	s := start(t)
	north, south := s.connect("north"), s.connect("south")
	for want, e := range map[string]*engine{"north": north, "south": south} {
		in, _ := e.check(sdk.PropertyMap{"name": str("a")})
		if got := in["region"]; !got.IsString() || got.StringValue() != want {
			t.Errorf("region %v, want %s", got, want)
		}
		r, err := e.Invoke(t.Context(), &pulumirpc.InvokeRequest{Tok: "toy:x/getRegion:getRegion", Args: e.wire(sdk.PropertyMap{"shout": sdk.NewBoolProperty(true)})})
		if err != nil || e.read(r.GetReturn())["region"].StringValue() != strings.ToUpper(want) {
			t.Errorf("invoke: %v %v", r, err)
		}
	}
}

// TestLifecycle is preview, create, diff, update, refresh and delete as the engine does them.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	e := start(t).connect("north")

	in, failures := e.check(sdk.PropertyMap{"text": sdk.MakeComputed(str("")), "password": sdk.MakeSecret(str("p"))})
	if len(failures) > 0 || !in["text"].IsComputed() || !strings.HasPrefix(in["name"].StringValue(), "mine-") {
		t.Fatalf("check: %v %v", in, failures)
	}
	preview, err := e.Create(t.Context(), &pulumirpc.CreateRequest{Urn: noteURN, Properties: e.wire(in), Preview: true})
	if err != nil || preview.GetId() != "" {
		t.Fatal(preview, err)
	}
	if out := e.read(preview.GetProperties()); !out["url"].IsComputed() || !out["text"].IsComputed() {
		t.Errorf("preview: %v", out)
	}

	in["text"] = str("hello")
	created, err := e.Create(t.Context(), &pulumirpc.CreateRequest{Urn: noteURN, Properties: e.wire(in)})
	if err != nil {
		t.Fatal(err)
	}
	out := e.read(created.GetProperties())
	if out["url"].StringValue() != "note://"+created.GetId() || !out["token"].IsSecret() || !out["password"].IsSecret() {
		t.Errorf("outputs: %v", out)
	}

	diff := func(new sdk.PropertyMap) *pulumirpc.DiffResponse {
		t.Helper()
		d, err := e.Diff(t.Context(), &pulumirpc.DiffRequest{Id: created.GetId(), Urn: noteURN, Olds: created.GetProperties(), OldInputs: e.wire(in), News: e.wire(new)})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := diff(in); d.GetChanges() != pulumirpc.DiffResponse_DIFF_NONE {
		t.Errorf("diff of nothing: %v", d)
	}
	other := in.Copy()
	other["text"] = str("changed")
	if d := diff(other); d.GetChanges() != pulumirpc.DiffResponse_DIFF_SOME || len(d.GetReplaces()) > 0 || d.GetDetailedDiff()["text"].GetKind() != pulumirpc.PropertyDiff_UPDATE {
		t.Errorf("diff of a change: %v", d)
	}
	moved := in.Copy()
	moved["region"] = str("south")
	if d := diff(moved); len(d.GetReplaces()) != 1 || !d.GetDeleteBeforeReplace() || d.GetDetailedDiff()["region"].GetKind() != pulumirpc.PropertyDiff_UPDATE_REPLACE {
		t.Errorf("diff of a replacement: %v", d)
	}

	updated, err := e.Update(t.Context(), &pulumirpc.UpdateRequest{Id: created.GetId(), Urn: noteURN, Olds: created.GetProperties(), News: e.wire(other)})
	if err != nil || e.read(updated.GetProperties())["text"].StringValue() != "changed" {
		t.Errorf("update: %v %v", updated, err)
	}
	got, err := e.Read(t.Context(), &pulumirpc.ReadRequest{Id: created.GetId(), Urn: noteURN, Properties: updated.GetProperties()})
	if err != nil || got.GetId() != created.GetId() || e.read(got.GetInputs())["text"].StringValue() != "changed" || e.read(got.GetInputs())["url"].IsString() {
		t.Errorf("read: %v %v", got, err)
	}
	for range 2 {
		if _, err := e.Delete(t.Context(), &pulumirpc.DeleteRequest{Id: created.GetId(), Urn: noteURN, Properties: updated.GetProperties()}); err != nil {
			t.Error(err)
		}
	}
	if got, err := e.Read(t.Context(), &pulumirpc.ReadRequest{Id: created.GetId(), Urn: noteURN}); err != nil || got.GetId() != "" {
		t.Errorf("read after delete: %v %v", got, err)
	}
}

// TestAssets: an asset comes back as the engine sent it, also when its file is gone, and compares by content.
func TestAssets(t *testing.T) {
	t.Parallel()
	e := start(t).connect("north")
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := asset.FromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	created := e.create(sdk.PropertyMap{"file": sdk.NewAssetProperty(a)})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	got, err := e.Read(t.Context(), &pulumirpc.ReadRequest{Id: created.GetId(), Urn: noteURN})
	if err != nil {
		t.Fatal(err)
	}
	back := e.read(got.GetInputs())["file"]
	if !back.IsAsset() || back.AssetValue().Path != path || back.AssetValue().Hash != a.Hash {
		t.Errorf("asset came back as %v", back)
	}
	text, err := asset.FromText("two")
	if err != nil {
		t.Fatal(err)
	}
	news := e.read(got.GetInputs())
	news["file"] = sdk.NewAssetProperty(text)
	d, err := e.Diff(t.Context(), &pulumirpc.DiffRequest{Id: created.GetId(), Urn: noteURN, OldInputs: got.GetInputs(), News: e.wire(news)})
	if err != nil || len(d.GetDiffs()) != 1 || d.GetDiffs()[0] != "file" {
		t.Errorf("diff: %v %v", d, err)
	}
}

// TestCancel: an interrupt ends what waits, on this connection only, and the server serves on.
func TestCancel(t *testing.T) {
	t.Parallel()
	s := start(t)
	e, other := s.connect("north"), s.connect("north")
	wait := func(e *engine, name string) <-chan error {
		done := make(chan error, 1)
		in := e.wire(sdk.PropertyMap{"name": str(name), "wait": sdk.NewBoolProperty(true)})
		go func() {
			_, err := e.Create(t.Context(), &pulumirpc.CreateRequest{Urn: noteURN, Properties: in})
			done <- err
		}()
		return done
	}
	mine, theirs := wait(e, "mine"), wait(other, "theirs")
	// The create may not have arrived yet, and an interrupt ends only what has: keep interrupting until it ends.
	for ended := false; !ended; {
		if _, err := e.Cancel(t.Context(), &emptypb.Empty{}); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-mine:
			if status.Code(err) != codes.Canceled {
				t.Errorf("the interrupted create ended with %v", err)
			}
			ended = true
		default:
		}
	}
	e.create(sdk.PropertyMap{"name": str("later")})
	if err := <-theirs; err != nil {
		t.Errorf("the other engine's create: %v", err)
	}
}

// TestCloseWaits: what is under way is called off, and Close returns when it has ended. Whoever closes the data plane next
// must not find it deployed to.
func TestCloseWaits(t *testing.T) {
	t.Parallel()
	cloud := toy()
	entered, calledOff, end := make(chan struct{}), make(chan struct{}), make(chan struct{})
	cloud.Types[0].Prepare = func(ctx context.Context, _ *resource.Env, _ *resource.Record, _ resource.Props) error {
		close(entered)
		<-ctx.Done()
		close(calledOff)
		<-end
		return ctx.Err()
	}
	s := serve(t, cloud)
	e := s.connect("north")
	go func() {
		_, _ = e.Create(t.Context(), &pulumirpc.CreateRequest{Urn: noteURN, Properties: e.wire(sdk.PropertyMap{"name": str("a")})})
	}()
	<-entered
	closed := make(chan error, 1)
	go func() { closed <- s.srv.Close() }()
	<-calledOff
	select {
	case <-closed:
		close(end)
		t.Fatal("Close returned while an operation was under way")
	case <-time.After(50 * time.Millisecond): // a Close that does not wait has returned long before
	}
	close(end)
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestRefusals: errors keep their words and get a fitting code.
func TestRefusals(t *testing.T) {
	t.Parallel()
	e := start(t).connect("north")
	created := e.create(sdk.PropertyMap{"name": str("taken")})
	_, err := e.Create(t.Context(), &pulumirpc.CreateRequest{Urn: noteURN, Properties: e.wire(sdk.PropertyMap{"name": str("taken")})})
	if status.Code(err) != codes.Unknown || !strings.Contains(err.Error(), "creating Note (taken): it already exists") {
		t.Errorf("conflict: %v", err)
	}
	cup := strings.ReplaceAll(noteURN, "note:Note", "cup:Cup")
	if _, err := e.Check(t.Context(), &pulumirpc.CheckRequest{Urn: cup}); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "the local clouds do not have toy:x/cup:Cup") {
		t.Errorf("unsupported type: %v", err)
	}
	if _, err := e.Invoke(t.Context(), &pulumirpc.InvokeRequest{Tok: "toy:x/getCup:getCup"}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("unsupported function: %v", err)
	}
	if _, err := e.Update(t.Context(), &pulumirpc.UpdateRequest{Id: "gone", Urn: noteURN, News: created.GetProperties()}); status.Code(err) != codes.NotFound {
		t.Errorf("update of nothing: %v", err)
	}
	if _, err := e.Check(t.Context(), &pulumirpc.CheckRequest{Urn: "no urn"}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("bad urn: %v", err)
	}
	if _, failures := e.check(sdk.PropertyMap{"txet": str("x")}); len(failures) != 1 || failures[0].GetProperty() != "txet" {
		t.Errorf("unknown property: %v", failures)
	}
}

// TestLoopbackOnly: nothing but this machine may reach a provider.
func TestLoopbackOnly(t *testing.T) {
	t.Parallel()
	store, err := resource.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, err := resource.NewController(toy(), store, resource.Services{})
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"0.0.0.0:0", ":0", "nonsense"} {
		if srv, err := provider.Start(addr, c); err == nil {
			t.Errorf("listens on %s", addr)
			_ = srv.Close()
		}
	}
}
