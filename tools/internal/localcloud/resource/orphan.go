package resource

import (
	"context"
	"slices"
)

// A killed engine may have had things made that its state does not know: it writes that down after the answer of the cloud, or,
// when it is told so, at the end of a run. What a real cloud has then is found by hand. Here the engine's name of each thing
// is known, so that the next run, which has it made once more, is given the one that is there.

// Known is a resource that the engine's state knows.
type Known struct {
	URN  string `json:"urn"`
	Type string `json:"type"`
	ID   string `json:"id"`
}

// Disown holds what there is against what the state knows. It marks what was made under a name of the engine's and is not in the state
// under that name with its id, and counts it; gone are how many of those that are in the state are nowhere.
func (s *Store) Disown(ctx context.Context, recorded []Known) (beside, gone int, err error) {
	there := map[Known]bool{} // what an older version made has no URN
	for _, r := range s.View().All() {
		there[Known{r.URN, r.Type, r.ID}] = true
	}
	known := map[Known]bool{}
	for _, k := range recorded {
		known[k] = true
		if !there[k] && !there[Known{"", k.Type, k.ID}] {
			gone++
		}
	}
	err = s.transact(ctx, func(t *tx) error {
		beside = 0
		for _, r := range t.view().Deployed() {
			orphan := r.URN != "" && !known[Known{r.URN, r.Type, r.ID}]
			if orphan {
				beside++
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
	return beside, gone, err
}

// Orphans lists what was disowned and not taken in since, in order of creation.
func (v View) Orphans() []Record {
	return slices.DeleteFunc(v.Deployed(), func(r Record) bool { return !r.Orphan })
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
