package resource

import (
	"context"
	"slices"
)

// A killed engine may have had things made that its state does not know: it writes that down after the answer of the cloud, or,
// when it is told so, at the end of a run. What a real cloud has then is found by hand. Here the engine's name of each thing
// is known, so that the next run, which has it made once more, is given the one that is there.

// Disown marks what was made under a name of the engine's that recorded does not have with its id, and counts it. recorded is what the
// state knows: ids by URN.
func (s *Store) Disown(ctx context.Context, recorded map[string][]string) (int, error) {
	n := 0
	err := s.transact(ctx, func(t *tx) error {
		for _, r := range t.view().Deployed() {
			orphan := r.URN != "" && !slices.Contains(recorded[r.URN], r.ID)
			if orphan {
				n++
			}
			if r.Orphan == orphan {
				continue
			}
			r.Orphan = orphan
			if err := t.replace(r); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// orphan is what was disowned under a URN, of several the one made last.
func (c *Controller) orphan(token, urn string) (Record, bool) {
	if urn == "" {
		return Record{}, false
	}
	for _, r := range slices.Backward(c.store.View().tables.of(token)) {
		if r.Orphan && r.URN == urn {
			return r, true
		}
	}
	return Record{}, false
}
