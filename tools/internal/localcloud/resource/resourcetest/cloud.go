// Package resourcetest asks a local cloud's resource types what the engine would ask, without one.
package resourcetest

import (
	"net/netip"
	"strings"
	"sync"
	"testing"

	"polygate.example/tools/internal/localcloud/resource"
)

// Cloud is a local cloud to try resources on.
type Cloud struct {
	T          *testing.T
	Controller *resource.Controller
	Config     resource.Props // the provider's own
}

// Check checks inputs as the engine does before an operation; old is nil before a creation. What fails comes back as one error.
func (c Cloud) Check(token string, old, in resource.Props) (resource.Props, error) {
	checked, failures, err := c.Controller.Check(c.T.Context(), resource.Checking{
		Token: token, Name: "x", Old: old, New: in, Config: c.Config, Seed: []byte("seed"),
	})
	if err == nil && len(failures) > 0 {
		var parts []string
		for _, f := range failures {
			parts = append(parts, f.Property+": "+f.Reason)
		}
		err = &resource.Error{Code: "Check", Message: strings.Join(parts, "; ")}
	}
	return checked, err
}

// Create checks and creates.
func (c Cloud) Create(token string, in resource.Props) (id string, out resource.Props, err error) {
	checked, err := c.Check(token, nil, in)
	if err != nil {
		return "", nil, err
	}
	return c.Controller.Create(c.T.Context(), token, "", checked, c.Config, false)
}

// Must creates what can be created.
func (c Cloud) Must(token string, in resource.Props) (id string, out resource.Props) {
	c.T.Helper()
	id, out, err := c.Create(token, in)
	if err != nil {
		c.T.Fatalf("create %s: %v", token, err)
	}
	return id, out
}

// Update checks and updates: old are the inputs before, outputs what the engine keeps of the resource.
func (c Cloud) Update(token, id string, old, outputs, in resource.Props) (resource.Props, error) {
	checked, err := c.Check(token, old, in)
	if err != nil {
		return nil, err
	}
	return c.Controller.Update(c.T.Context(), token, id, outputs, checked, c.Config, false)
}

// Delete deletes.
func (c Cloud) Delete(token, id string, outputs resource.Props) error {
	return c.Controller.Delete(c.T.Context(), token, id, outputs, c.Config)
}

// Teardown deletes all there is in the order of the engine, and wants nothing refused and nothing left.
func (c Cloud) Teardown(store *resource.Store) {
	c.T.Helper()
	records := store.View().All()
	for i := len(records) - 1; i >= 0; i-- {
		if err := c.Delete(records[i].Type, records[i].ID, nil); err != nil {
			c.T.Errorf("delete %s: %v", records[i].ID, err)
		}
	}
	if left := store.View().All(); len(left) > 0 {
		c.T.Errorf("%d records are left", len(left))
	}
}

// Refused sees that something was refused by its code, with words that tell why; source says whose rule it is.
func Refused(t *testing.T, err error, code, words, source string) {
	t.Helper()
	switch {
	case err == nil:
		t.Fatalf("accepted, want %s: %s (%s)", code, words, source)
	case resource.Code(err) != code || !strings.Contains(err.Error(), words):
		t.Errorf("got %s: %v\nwant %s: ...%s... (%s)", resource.Code(err), err, code, words, source)
	}
}

// Addresses gives 127.9.0.1, 127.9.0.2, ... in order of first use, with one port.
type Addresses struct {
	Port uint16

	mu   sync.Mutex
	keys []string
}

// Allocate is the address of a key.
func (a *Addresses) Allocate(key string) netip.AddrPort {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := 0
	for at < len(a.keys) && a.keys[at] != key {
		at++
	}
	if at == len(a.keys) {
		a.keys = append(a.keys, key)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 9, 0, byte(at + 1)}), a.Port)
}

var _ resource.Addresses = (*Addresses)(nil)
