package resource_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/resource"
)

// Tokens of the cloud that the tests run: boxes have a name per region and hold things; a thing lies in a box.
const (
	tBox   = "toy:x/box:Box"
	tThing = "toy:x/thing:Thing"
)

var errNoBox = &resource.Error{Code: "NoSuchBox", Message: "there is no such box"}

func toy() *resource.Cloud {
	return &resource.Cloud{
		Package: "toy", Provider: "toy", Version: "1.2.3", Account: "1",
		Types: []*resource.Type{
			{
				Token: tBox, Label: "Box",
				Properties: []resource.Property{
					{Name: "name", Kind: resource.String, Immutable: true, Pattern: regexp.MustCompile(`^[a-z0-9-]+$`), Max: resource.At(20)},
					{Name: "region", Kind: resource.String, Immutable: true, FromConfig: "region"},
					{Name: "size", Kind: resource.Int, Default: 10.0, Min: resource.At(1), Max: resource.At(100)},
					{Name: "colour", Kind: resource.String, OneOf: resource.List("red", "blue")},
					{Name: "labels", Kind: resource.Map, Elem: &resource.Property{Kind: resource.String}},
					{Name: "tags", Kind: resource.Array, Set: true, Elem: &resource.Property{Kind: resource.String}},
					{Name: "lock", Kind: resource.Object, Computed: []string{"serial"}, Unmodelled: []string{"alarm"}, Fields: []resource.Property{
						{Name: "kind", Kind: resource.String, Required: true, Immutable: true},
						{Name: "strength", Kind: resource.Number, Default: 1.5},
					}},
					{Name: "secret", Kind: resource.String, Secret: true},
					{Name: "hint", Kind: resource.String, Ignored: true},
				},
				Unmodelled: []string{"lid"},
				Computed:   []string{"url", "version"},
				Volatile:   []string{"version"},
				AutoName:   &resource.AutoName{Property: "name", Max: 20, Lower: true},
				Scope:      []string{"region"},
				Unique:     []string{"name", "region"},
				Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
					return in.Str("name"), resource.Props{"url": "box://" + in.Str("name"), "version": 1.0, resource.PrivateKey: resource.Props{"key": "hidden"}}, nil
				},
				Update: func(_ context.Context, _ *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
					if in.Str("colour") == "blue" && old.Inputs.Str("colour") == "red" {
						return nil, errors.New("red boxes stay red")
					}
					return resource.Props{"version": float64(old.Computed.Int("version") + 1)}, nil
				},
				Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
					if _, used := env.View().Find(tThing, "box", old.ID); used {
						return &resource.Error{Code: "BoxNotEmpty", Message: "the box is not empty"}
					}
					return nil
				},
			},
			{
				Token: tThing, Label: "Thing",
				Properties: []resource.Property{
					{Name: "box", Kind: resource.String, Required: true, Immutable: true},
					{Name: "content", Kind: resource.Asset},
				},
				Prepare: func(ctx context.Context, env *resource.Env, _ *resource.Record, in resource.Props) error {
					ok, err := env.Wait(ctx, waitLimit, func(v resource.View) (bool, error) {
						_, found := v.Get(tBox, in.Str("box"))
						return found, nil
					})
					if err != nil {
						return err
					}
					if !ok {
						return errNoBox
					}
					return nil
				},
				Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
					box, ok := env.View().Get(tBox, in.Str("box"))
					if !ok {
						return "", nil, errNoBox
					}
					box.Computed = box.Computed.With(resource.Props{"version": 99.0})
					return in.Str("box") + "/thing", nil, env.Amend(box)
				},
			},
		},
	}
}

const waitLimit = 3600e9 // an hour of cloud time

// desk is a store and a controller of the toy cloud.
type desk struct {
	t     *testing.T
	dir   string
	store *resource.Store
	c     *resource.Controller
}

func newDesk(t *testing.T, services resource.Services) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir()}
	if services.Clock == nil {
		services.Clock = clock.New(1e6)
	}
	store, err := resource.Open(filepath.Join(d.dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := resource.NewController(toy(), store, services)
	if err != nil {
		t.Fatal(err)
	}
	d.store, d.c = store, c
	return d
}

// create checks and creates; failures of the check fail the test.
func (d *desk) create(token string, in resource.Props) (string, resource.Props, error) {
	d.t.Helper()
	checked, failures, err := d.c.Check(d.t.Context(), resource.Checking{Token: token, Name: "Res", New: in, Config: resource.Props{"region": "north"}})
	if err != nil || len(failures) > 0 {
		d.t.Fatalf("check %s: %v %v", token, failures, err)
	}
	return d.c.Create(d.t.Context(), token, "", checked, nil, false)
}

func (d *desk) must(token string, in resource.Props) (string, resource.Props) {
	d.t.Helper()
	id, out, err := d.create(token, in)
	if err != nil {
		d.t.Fatal(err)
	}
	return id, out
}

// asset writes a file and makes an asset of it.
func (d *desk) asset(name, content string) resource.Blob {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		d.t.Fatal(err)
	}
	a, err := asset.FromPath(path)
	if err != nil {
		d.t.Fatal(err)
	}
	return resource.Blob{Source: a.Serialize(), Hash: a.Hash}
}
