package token

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// source is where a test's keys come from.
type source struct {
	mu      sync.Mutex
	text    []byte
	err     error
	hold    chan struct{} // while it is not nil, a fetch waits until it is closed
	fetches atomic.Int32
}

func (s *source) set(text []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text, s.err = text, err
}

func (s *source) fetch(ctx context.Context) ([]byte, error) {
	s.fetches.Add(1)
	s.mu.Lock()
	text, err, hold := s.text, s.err, s.hold
	s.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return text, err
}

// settle waits until no fetch is under way.
func (r *Remote) settle() {
	r.mu.Lock()
	running := r.running
	r.mu.Unlock()
	if running != nil {
		<-running
	}
}

var ages = Ages{Refresh: 15 * time.Minute, Cooldown: 30 * time.Second, MaxStale: 24 * time.Hour}

func newRemote(s *source, c *clock) *Remote {
	return NewRemote(s.fetch, ages, c.now, slog.New(slog.DiscardHandler))
}

func (s *source) want(t *testing.T, n int, when string) {
	t.Helper()
	if got := int(s.fetches.Load()); got != n {
		t.Fatalf("%s: %d fetches, want %d", when, got, n)
	}
}

// Keys are fetched with the first token and then by age at request time: nothing has to run while the process is frozen.
func TestFetchedByAge(t *testing.T) {
	k, c, s := keyPairs(), newClock(), &source{}
	s.set(jwks(t, map[string]*ecdsa.PublicKey{"a": &k.p256.PublicKey}), nil)
	r := newRemote(s, c)
	v := newVerifier(allRules, r, c.now)
	s.want(t, 0, "before a token")
	token := sign(t, "ES256", k.p256, map[string]any{"kid": "a"}, with("exp", epoch.Add(100*time.Hour).Unix()))
	for range 5 {
		wantReason(t, v, token, "")
	}
	s.want(t, 1, "five tokens")
	c.pass(ages.Refresh - time.Second)
	wantReason(t, v, token, "")
	s.want(t, 1, "before they are due")
	// Due: the request goes on with what is there.
	s.mu.Lock()
	s.hold = make(chan struct{})
	s.mu.Unlock()
	c.pass(time.Second)
	for range 3 {
		wantReason(t, v, token, "")
	}
	close(s.hold)
	r.settle()
	s.want(t, 2, "when they are due")
	// Long overdue, after a night in the freezer: the request waits for what is new.
	s.set(jwks(t, map[string]*ecdsa.PublicKey{"a": &k.other.PublicKey}), nil)
	c.pass(9 * time.Hour)
	wantReason(t, v, token, BadSignature)
	s.want(t, 3, "after a night")
	// The clock is put back: they are fetched again rather than kept until it catches up.
	c.pass(-10 * time.Hour)
	_, err := r.Current(t.Context())
	r.settle()
	if s.want(t, 4, "after the clock was put back"); err != nil {
		t.Error(err)
	}
}

// Keys that cannot be fetched again are used up to MaxStale, and then there are none: 503, not 401.
func TestStale(t *testing.T) {
	k, c, s := keyPairs(), newClock(), &source{}
	s.set(jwks(t, map[string]*ecdsa.PublicKey{"a": &k.p256.PublicKey}), nil)
	r := newRemote(s, c)
	v := newVerifier(allRules, r, c.now)
	token := sign(t, "ES256", k.p256, map[string]any{"kid": "a"}, with("exp", epoch.Add(100*time.Hour).Unix()))
	wantReason(t, v, token, "")
	for name, broken := range map[string]struct {
		text []byte
		err  error
	}{"an error": {nil, errors.New("down")}, "no JSON": {[]byte("<html>"), nil}, "no keys": {[]byte(`{"keys":[]}`), nil}, "no usable key": {[]byte(`{"keys":[{"kty":"oct"}]}`), nil}} {
		s.set(broken.text, broken.err)
		c.pass(2 * time.Hour)
		before := s.fetches.Load()
		for range 10 {
			wantReason(t, v, token, "")
			r.settle()
		}
		if n := s.fetches.Load() - before; n != 1 {
			t.Errorf("%s: %d fetches within the cool-down, want 1", name, n)
		}
	}
	c.pass(16*time.Hour - time.Second)
	wantReason(t, v, token, "")
	r.settle()
	c.pass(time.Second)
	_, err := v.Verify(t.Context(), token)
	var none *KeysError
	if !errors.As(err, &none) {
		t.Fatalf("keys of 24 h are still used: %v", err)
	}
	s.set(jwks(t, map[string]*ecdsa.PublicKey{"a": &k.p256.PublicKey}), nil)
	c.pass(emptyRetry)
	wantReason(t, v, token, "")
}

// While there are no keys at all, they are asked for once a second, however many ask.
func TestNoKeys(t *testing.T) {
	k, c, s := keyPairs(), newClock(), &source{}
	s.set(nil, errors.New("down"))
	v := newVerifier(allRules, newRemote(s, c), c.now)
	token := sign(t, "ES256", k.p256, map[string]any{"kid": "a"}, with())
	for i := range 3 {
		for range 20 {
			_, err := v.Verify(t.Context(), token)
			var none *KeysError
			if !errors.As(err, &none) {
				t.Fatal(err)
			}
		}
		s.want(t, i+1, "once a second")
		c.pass(emptyRetry)
	}
	s.set(jwks(t, map[string]*ecdsa.PublicKey{"a": &k.p256.PublicKey}), nil)
	wantReason(t, v, token, "")
}

// A flood of tokens with kids of the sender's invention causes one fetch in each cool-down; a new key works at once otherwise.
func TestFlood(t *testing.T) {
	k, c, s := keyPairs(), newClock(), &source{}
	s.set(jwks(t, map[string]*ecdsa.PublicKey{"a": &k.p256.PublicKey}), nil)
	r := newRemote(s, c)
	v := newVerifier(allRules, r, c.now)
	good := sign(t, "ES256", k.p256, map[string]any{"kid": "a"}, with())
	wantReason(t, v, good, "")
	c.pass(time.Minute)
	s.set(jwks(t, map[string]*ecdsa.PublicKey{"a": &k.p256.PublicKey, "b": &k.other.PublicKey}), nil)
	wantReason(t, v, sign(t, "ES256", k.other, map[string]any{"kid": "b"}, with()), "")
	s.want(t, 2, "a new key")
	for i := range 10 {
		for j := range 50 {
			wantReason(t, v, sign(t, "ES256", k.other, map[string]any{"kid": strconv.Itoa(i*100 + j)}, with()), UnknownKey)
			wantReason(t, v, good, "")
		}
		s.want(t, 2+i, "a flood")
		c.pass(ages.Cooldown)
	}
}

// Those who wait share one fetch, and who leaves does not end it.
func TestShared(t *testing.T) {
	k, c, s := keyPairs(), newClock(), &source{hold: make(chan struct{})}
	s.set(jwks(t, map[string]*ecdsa.PublicKey{"a": &k.p256.PublicKey}), nil)
	v := newVerifier(allRules, newRemote(s, c), c.now)
	token := sign(t, "ES256", k.p256, map[string]any{"kid": "a"}, with())
	left, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { _, err := v.Verify(left, token); gone <- err }()
	for s.fetches.Load() == 0 { // until the fetch is under way
		time.Sleep(time.Millisecond)
	}
	leave()
	var none *KeysError
	if err := <-gone; !errors.As(err, &none) {
		t.Errorf("who left: %v", err)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { wantReason(t, v, token, "") })
	}
	close(s.hold)
	wg.Wait()
	s.want(t, 1, "fifty who wait")
}

// A key that is withdrawn takes the tokens with it that were verified by it; keys that stay the same do not.
func TestWithdrawn(t *testing.T) {
	k, c, s := keyPairs(), newClock(), &source{}
	s.set(jwks(t, map[string]*ecdsa.PublicKey{"a": &k.p256.PublicKey}), nil)
	r := newRemote(s, c)
	v := newVerifier(allRules, r, c.now)
	token := sign(t, "ES256", k.p256, map[string]any{"kid": "a"}, with())
	wantReason(t, v, token, "")
	before, _ := r.Current(t.Context())
	c.pass(ages.Refresh)
	wantReason(t, v, token, "")
	r.settle()
	if after, _ := r.Current(t.Context()); after != before {
		t.Error("the same keys are another set")
	}
	s.set(jwks(t, map[string]*ecdsa.PublicKey{"b": &k.other.PublicKey}), nil)
	c.pass(ages.Refresh)
	wantReason(t, v, token, "") // while the new ones are fetched
	r.settle()
	wantReason(t, v, token, UnknownKey)
}

// A set whose keys have no kid is fetched again for a signature that none of them made, as seldom as for a kid.
func TestNewKeyWithoutName(t *testing.T) {
	k, c, s := keyPairs(), newClock(), &source{}
	s.set(jwks(t, map[string]*ecdsa.PublicKey{"": &k.p256.PublicKey}), nil)
	v := newVerifier(allRules, newRemote(s, c), c.now)
	wantReason(t, v, sign(t, "ES256", k.p256, nil, with()), "")
	s.set(jwks(t, map[string]*ecdsa.PublicKey{"": &k.other.PublicKey}), nil)
	c.pass(time.Minute)
	wantReason(t, v, sign(t, "ES256", k.other, nil, with()), "")
	for range 5 {
		wantReason(t, v, sign(t, "ES256", k.p256, nil, with()), BadSignature)
	}
	s.want(t, 2, "a new key without a name")
}
