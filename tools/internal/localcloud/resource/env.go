package resource

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/plane"
)

// Addresses gives out loopback addresses for fronts. The same key gets the same address, also after a restart.
// Implementations may keep them with Store.Note; they must be safe for concurrent use.
type Addresses interface {
	Allocate(key string) netip.AddrPort
}

// DNS answers from the zones among the records, as a resolver of the world would see them, caches aside.
type DNS interface {
	TXT(v View, name string) []string
	CNAME(v View, name string) string // "" when there is none
	CAA(v View, name string) []string // at exactly this name, as a zone file writes them: 0 issue "letsencrypt.org"
}

// CA issues the certificates of the local clouds.
type CA interface {
	// Issue returns a certificate chain and its key in PEM, valid for all names. The first is the subject.
	Issue(names ...string) (cert, key []byte, err error)
	// IssueFor is Issue with the life that a cloud gives its certificates; Issue is for those whose life nobody tells.
	IssueFor(life time.Duration, names ...string) (cert, key []byte, err error)
}

// Services are what all clouds share. The assembly fills them in.
type Services struct {
	Addresses Addresses
	DNS       DNS
	CA        CA
	Clock     *clock.Clock
	// Build lets the data plane build and try a function before it counts as created, where the real cloud does so
	// too. nil: it is taken as built. It may take long. Its error wraps ErrUnready when the build is not to blame.
	Build func(ctx context.Context, f plane.Function) error
	// Refuse reports whether a provider's control plane is broken on purpose. nil: never.
	Refuse func(provider string) bool
}

// Env is what a hook may see and use. It is valid during the hook only.
type Env struct {
	Services
	Provider string // aws, gcp, azure
	Account  string // see Cloud.Account
	Config   Props  // the provider's settings
	Preview  bool

	store *Store
	tx    *tx // nil outside a transaction
}

// NewEnv is for projections and tests: an environment outside of any operation.
func NewEnv(store *Store, cloud *Cloud, services Services) *Env {
	return &Env{Services: services, Provider: cloud.Provider, Account: cloud.Account, store: store}
}

// View is the records as they are now: in a transaction with its own changes.
func (e *Env) View() View {
	if e.tx != nil {
		return e.tx.view()
	}
	return e.store.View()
}

// Amend replaces another record as part of the transaction of a Create, Update or Delete hook.
func (e *Env) Amend(rec Record) error {
	if e.tx == nil {
		return fmt.Errorf("%s %q cannot be amended outside a transaction", rec.Type, rec.ID)
	}
	return e.tx.replace(rec)
}

// BlobFile is where the store's copy of a staged asset or archive lies.
func (e *Env) BlobFile(b Blob) string { return e.store.blobFile(b) }

// Note returns what was kept under a key, from whichever run.
func (e *Env) Note(key string) (string, bool) { return e.store.Note(key) }

// SetNote keeps something that is no property of a record, such as that an authority has refused for good.
func (e *Env) SetNote(key, value string) error { return e.store.SetNote(key, value) }

// LookupTXT returns the TXT values at a name, over all zones.
func (e *Env) LookupTXT(name string) []string {
	if e.DNS == nil {
		return nil
	}
	return e.DNS.TXT(e.View(), name)
}

// LookupCNAME returns the CNAME target at a name without trailing dot, "" when there is none.
func (e *Env) LookupCNAME(name string) string {
	if e.DNS == nil {
		return ""
	}
	return e.DNS.CNAME(e.View(), name)
}

// Now is the cloud time, in UTC and whole seconds.
func (e *Env) Now() time.Time {
	if e.Clock == nil {
		return time.Now().UTC().Truncate(time.Second)
	}
	return e.Clock.Now().UTC().Truncate(time.Second)
}

// Wait waits in a Prepare hook until ready says so, asking again after each change of the records. It gives up after
// the limit in cloud time and then returns false, and when ctx ends with ctx's error.
func (e *Env) Wait(ctx context.Context, limit time.Duration, ready func(View) (bool, error)) (bool, error) {
	if e.tx != nil {
		return false, fmt.Errorf("a hook must not wait inside a transaction")
	}
	wall := limit
	if e.Clock != nil {
		wall = e.Clock.Wall(limit)
	}
	timer := time.NewTimer(wall)
	defer timer.Stop()
	for {
		changed := e.store.changes() // before looking, so that a change in between is not missed
		ok, err := ready(e.store.View())
		if ok || err != nil {
			return ok, err
		}
		select {
		case <-changed:
		case <-timer.C:
			return ready(e.store.View())
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}
