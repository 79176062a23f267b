package localcloud

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/fault"
)

// tokenNote is where the highest fencing token of a drill is kept. Faults end with the clouds; what fences old drills off does not.
const tokenNote = "fault/token"

// newFaults is the register of faults, with the token that drills have shown before.
func (c *Clouds) newFaults(clk *clock.Clock) (*fault.Set, error) {
	var highest uint64
	if note, ok := c.store.Note(tokenNote); ok {
		var err error
		if highest, err = strconv.ParseUint(note, 10, 64); err != nil {
			return nil, fmt.Errorf("read the highest token of a drill: %w", err)
		}
	}
	return fault.New(clk, highest, c.freeze), nil
}

// inject puts a fault in force whose target is known.
func (c *Clouds) inject(f fault.Fault) error {
	if err := c.faults.Inject(f); err != nil {
		return err
	}
	return c.keepToken(f.Token)
}

// heal removes faults.
func (c *Clouds) heal(cure fault.Cure) (int, error) {
	n, err := c.faults.Heal(cure)
	if err != nil {
		return 0, err
	}
	return n, c.keepToken(cure.Token)
}

// keepToken has the highest token outlive the clouds before whoever showed it is answered. A token that was never kept was shown by
// nobody who was answered.
func (c *Clouds) keepToken(token uint64) error {
	if token == 0 {
		return nil
	}
	c.tokens.Lock()
	defer c.tokens.Unlock()
	highest := strconv.FormatUint(c.faults.Highest(), 10)
	if note, _ := c.store.Note(tokenNote); note == highest {
		return nil
	}
	if err := c.store.SetNote(tokenNote, highest); err != nil {
		return fmt.Errorf("keep the token of the drill: %w", err)
	}
	return nil
}

// Managers that answer for names beside zones, by their names in stacks.
const (
	managerAzure      = "trafficmanager"
	managerCloudflare = "cloudflare"
)

// freeze has a manager's servers keep what they know when they are about to be stale. It is called before the fault is in force.
func (c *Clouds) freeze(f fault.Fault) {
	if f.Kind != fault.Stale {
		return
	}
	c.dns.Freeze(f.Target)
	switch f.Target {
	case managerAzure:
		c.profiles.Freeze()
	case managerCloudflare:
		c.balancers.Load().Freeze()
	}
}

// cureOf reads what is to be healed.
func cureOf(q url.Values) (fault.Cure, error) {
	cure := fault.Cure{Target: q.Get("target"), Kind: fault.Kind(q.Get("kind"))}
	if text := q.Get("token"); text != "" {
		token, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return cure, fmt.Errorf("the token of a drill is %q: want a whole number", text)
		}
		cure.Token = token
	}
	return cure, nil
}

// Inject puts a fault in force, or renews the lease of the one of this target and kind. A drill's fault is refused with ErrFenced when a
// later drill has shown a higher token.
func (c *Client) Inject(ctx context.Context, f fault.Fault) error {
	return c.call(ctx, http.MethodPost, "/v1/faults", f, nil)
}

// Heal removes the faults of a target, or all for "", and reports how many there were.
func (c *Client) Heal(ctx context.Context, target string) (int, error) {
	return c.Cure(ctx, fault.Cure{Target: target})
}

// Cure removes faults by target, kind and token, and reports how many there were. A drill is refused with ErrFenced as in Inject.
func (c *Client) Cure(ctx context.Context, cure fault.Cure) (int, error) {
	q := url.Values{"target": {cure.Target}}
	if cure.Kind != "" {
		q.Set("kind", string(cure.Kind))
	}
	if cure.Token != 0 {
		q.Set("token", strconv.FormatUint(cure.Token, 10))
	}
	var out struct{ Healed int }
	err := c.call(ctx, http.MethodDelete, "/v1/faults?"+q.Encode(), nil, &out)
	return out.Healed, err
}
