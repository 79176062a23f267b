package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"google.golang.org/api/option"

	"polygate.example/infra/catalog"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/store"
	"polygate.example/tools/internal/store/blob"
	"polygate.example/tools/internal/store/file"
	"polygate.example/tools/internal/store/gcs"
	"polygate.example/tools/internal/store/s3"
)

// storePatience is how long one store is waited for, where nothing else says so.
const storePatience = 10 * time.Second

// stores connects to the stack's stores: those that a topology tells of, or else those that follow from the stack file and from whose
// credentials are at hand. One that nobody can name, because who would tell the account does not answer, is among them and cannot be asked. A
// stack that was deployed before there were stores has a folder on this machine.
func (a *app) stores(ctx context.Context, s settings.Settings, t *topology.Topology) ([]*store.Store, error) {
	if t != nil && len(t.Stores) == 0 {
		return []*store.Store{store.New("this machine", file.New(filepath.Join(a.workDir(), "store")))}, nil
	}
	at, err := a.seat(ctx, s, topology.Topology{})
	if err != nil {
		return nil, err
	}
	var out []*store.Store
	if t != nil {
		for _, where := range t.Stores {
			out = append(out, at.store(ctx, where))
		}
		return out, nil
	}
	for _, name := range s.Providers() {
		p, _ := catalog.Provider(name) // valid settings name those there are
		account, err := a.account(ctx, at, name)
		if err != nil {
			out = append(out, store.New(name, nowhere{name, fmt.Errorf("its store cannot be named: %w", err)}))
			continue
		}
		out = append(out, at.store(ctx, p.Store(s, account)))
	}
	return out, nil
}

// account is what a provider calls the account that a stack is in: the stack file tells, or AWS does, whose credentials belong to one.
func (a *app) account(ctx context.Context, at *seat, provided string) (string, error) {
	if provided == "aws" {
		ctx, cancel := context.WithTimeout(ctx, storePatience)
		defer cancel()
		config, err := at.aws(ctx)
		if err != nil {
			return "", err
		}
		who, err := sts.NewFromConfig(config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return "", err
		}
		return *who.Account, nil
	}
	key := map[string]string{"gcp": "gcp:project", "azure": provider.AzureSubscription.Key}[provided]
	value, err := settings.Value(settings.Path(a.root, a.stack), key)
	if err == nil && value == "" {
		err = fmt.Errorf("%s is not set in the stack file", key)
	}
	return value, err
}

// store connects to one store.
func (s *seat) store(ctx context.Context, where topology.Store) *store.Store {
	d, err := s.driver(ctx, where)
	if err != nil {
		d = nowhere{where.Name, err}
	}
	return store.New(where.Provider, d)
}

func (s *seat) driver(ctx context.Context, where topology.Store) (store.Driver, error) {
	switch where.Provider {
	case "aws":
		config, err := s.aws(ctx)
		if err != nil {
			return nil, err
		}
		return s3.New(config, where.Region, where.Name), nil
	case "gcp":
		var opts []option.ClientOption
		if s.local != nil {
			opts = append(opts, option.WithHTTPClient(&http.Client{Transport: bearer{s.token, s.local.Transport}}))
		}
		return gcs.New(ctx, where.Name, opts...)
	case "azure":
		credential, opts, err := s.azure()
		if err != nil {
			return nil, err
		}
		return blob.New(credential, &opts.ClientOptions, where.Name, where.Container), nil
	}
	return nil, fmt.Errorf("nobody knows how to ask a store of the provider %q", where.Provider)
}

// nowhere is a store that cannot be asked.
type nowhere struct {
	name string
	why  error
}

// Where is nowhere.
func (n nowhere) Where() string { return n.name }

// Read says why not.
func (n nowhere) Read(context.Context, string) (store.Object, error) { return store.Object{}, n.why }

// Write says why not.
func (n nowhere) Write(context.Context, string, []byte, string) (string, error) { return "", n.why }

// errNoStored says that no store has a topology; the stack is not deployed, unless some could not be asked.
var errNoStored = errors.New("no store has a topology")

// storedTopology is the topology of the first store that answers, all asked at once, and says where it is from.
func (a *app) storedTopology(ctx context.Context, s settings.Settings) (topology.Topology, error) {
	stores, err := a.stores(ctx, s, nil)
	if err != nil {
		return topology.Topology{}, err
	}
	if len(stores) == 0 {
		return topology.Topology{}, errNoStored
	}
	ctx, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	type answer struct {
		from   *store.Store
		object store.Object
		err    error
	}
	answers := make(chan answer, len(stores))
	for _, from := range stores {
		go func() {
			o, err := from.Object(ctx, store.Topology)
			answers <- answer{from, o, err}
		}()
	}
	var errs []error
	for range stores {
		got := <-answers
		if got.err != nil {
			errs = append(errs, got.err)
			continue
		}
		t, err := topology.Decode(got.object.Data)
		if err == nil && t.Environment != a.stack {
			err = fmt.Errorf("it is of %q", t.Environment)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s of %s: %w", store.Topology, got.from.Where(), err))
			continue
		}
		a.step("this is what %s has kept since %s (%s)", got.from.Name(), got.object.Modified.UTC().Format(time.RFC3339), got.from.Where())
		return t, nil
	}
	return topology.Topology{}, fmt.Errorf("%w: %s", errNoStored, oneLine(errors.Join(errs...)))
}

// oneLine is what several errors say, after one another.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

var _ store.Driver = nowhere{}
