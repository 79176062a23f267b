package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync"
	"time"

	"polygate.example/shared/jwk"
)

// emptyRetry is how often keys are asked for while there are none at all: a gateway without them serves nobody.
const emptyRetry = time.Second

// KeysError says that there are no keys to verify with. Its text is for logs.
type KeysError struct{ Err error }

// Error says why.
func (e *KeysError) Error() string { return "no keys to verify tokens with: " + e.Err.Error() }

// Unwrap is why.
func (e *KeysError) Unwrap() error { return e.Err }

// Ages are when keys are fetched, by the wall's clock.
type Ages struct {
	Refresh  time.Duration // they are fetched again when they are this old
	Cooldown time.Duration // least time between two fetches that tokens ask for, and after one that failed
	MaxStale time.Duration // they are not used when they are this old
}

// Remote are keys that are fetched. Nothing runs between requests, when a function may be frozen: whether keys are due is seen
// when a request asks for them. One that finds them due has them fetched in the background and goes on with those at hand; it
// waits only where there are none that will do, or where they are twice as old as they should be and nothing keeps them from
// being fetched. Requests that wait share one fetch. It is safe for concurrent use.
type Remote struct {
	fetch func(ctx context.Context) ([]byte, error) // the text of a JWK set
	ages  Ages
	now   func() time.Time
	log   *slog.Logger

	mu      sync.Mutex
	set     *Set // nil until there is one
	sum     [sha256.Size]byte
	at      time.Time     // of the set
	tried   time.Time     // when a fetch was begun last
	failed  error         // how the last one ended
	running chan struct{} // closed when the fetch under way is over; nil if there is none
}

// NewRemote returns keys that fetch gets. log gets a line for each change and each failure.
func NewRemote(fetch func(ctx context.Context) ([]byte, error), ages Ages, now func() time.Time, log *slog.Logger) *Remote {
	return &Remote{fetch: fetch, ages: ages, now: func() time.Time { return now().Round(0) }, log: log}
}

// Current are the keys that were fetched last.
func (r *Remote) Current(ctx context.Context) (*Set, error) {
	r.mu.Lock()
	age := r.age()
	if r.usable() && age < r.ages.Refresh {
		defer r.mu.Unlock()
		return r.set, nil
	}
	usable := r.usable()
	pause := r.ages.Cooldown
	if !usable {
		pause = min(pause, emptyRetry)
	}
	wait := r.begin(pause)
	if usable && (age < 2*r.ages.Refresh || r.failed != nil) {
		defer r.mu.Unlock()
		return r.set, nil
	}
	r.mu.Unlock()
	r.wait(ctx, wait)

	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.usable():
		return r.set, nil
	case r.failed != nil:
		return nil, &KeysError{r.failed}
	case ctx.Err() != nil:
		return nil, &KeysError{context.Cause(ctx)}
	}
	return nil, &KeysError{errors.New("they have not been fetched yet")}
}

// Newer fetches keys for a token whose key is not in a set, unless somebody has done so meanwhile or not long ago: whoever sends
// tokens with kids of their own invention causes one fetch in each Cooldown, and no more.
func (r *Remote) Newer(ctx context.Context, than *Set) *Set {
	r.mu.Lock()
	if r.set != than {
		defer r.mu.Unlock()
		return r.set
	}
	wait := r.begin(r.ages.Cooldown)
	r.mu.Unlock()
	r.wait(ctx, wait)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.set
}

// age is how old the set is. One from the future, after the clock was put back, is as old as can be. The lock is held.
func (r *Remote) age() time.Duration {
	age := r.now().Sub(r.at)
	if age < 0 {
		return r.ages.Refresh
	}
	return age
}

// usable reports whether there are keys that are not too old. The lock is held.
func (r *Remote) usable() bool { return r.set != nil && r.age() < r.ages.MaxStale }

// begin begins a fetch if none is under way and the last one began a while ago. It returns what is closed when the fetch under way
// is over, nil if there is none. The lock is held.
func (r *Remote) begin(pause time.Duration) <-chan struct{} {
	if r.running != nil {
		return r.running
	}
	if since := r.now().Sub(r.tried); !r.tried.IsZero() && since >= 0 && since < pause {
		return nil
	}
	r.tried, r.running = r.now(), make(chan struct{})
	go r.run(r.running)
	return r.running
}

// run is one fetch. It is for everybody, so that no client's leaving ends it.
func (r *Remote) run(done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchLimit)
	defer cancel()
	text, err := r.fetch(ctx)
	var keys []jwk.Key
	if err == nil {
		var unusable []*jwk.Error
		if keys, unusable = jwk.Read(text); len(keys) == 0 {
			err = errors.New("what was fetched holds no key that can be used")
			if len(unusable) > 0 {
				err = errors.Join(err, unusable[0])
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(done)
	r.running, r.failed = nil, err
	if err != nil {
		r.log.Warn("keys not fetched", "error", err, "had", r.set != nil, "age", r.age().Round(time.Second))
		return
	}
	r.at = r.now()
	if sum := sha256.Sum256(text); r.set == nil || sum != r.sum {
		r.set, r.sum = NewSet(keys), sum
		r.log.Info("keys fetched", "keys", len(keys))
	}
}

// wait waits for a fetch, and for no longer than the client does.
func (r *Remote) wait(ctx context.Context, done <-chan struct{}) {
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

var (
	_ Keys  = (*Remote)(nil)
	_ error = (*KeysError)(nil)
)
