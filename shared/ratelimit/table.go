package ratelimit

// entry is what a gateway knows of one key.
type entry struct {
	key  Key
	rule *Rule
	own  mark // what this gateway has granted
	view mark // what all have, as far as this one knows: what the store said, and what was granted here since

	pending  int64  // granted here and not sent; of a quota also before the store failed
	first    int64  // when the first of them was
	synced   int64  // when the store was heard of last
	failures uint64 // of the store, when it was
	dirty    bool   // is among those to be sent

	newer, older *entry
}

// table holds entries up to a number; the one that was used the longest time ago makes room. Every operation takes constant time.
type table struct {
	max     int
	entries map[Key]*entry
	ring    entry // its older is the newest entry, its newer the oldest
}

func newTable(most int) *table {
	t := &table{max: most, entries: map[Key]*entry{}}
	t.ring.newer, t.ring.older = &t.ring, &t.ring
	return t
}

// entry is that of a key, made if there is none. One of another rule begins anew.
func (t *table) entry(key Key, rule *Rule) *entry {
	e := t.entries[key]
	switch {
	case e == nil && len(t.entries) >= t.max:
		e = t.ring.newer
		t.unlink(e)
		delete(t.entries, e.key)
		e = &entry{key: key, rule: rule} // the old one may be on its way to the store
	case e == nil:
		e = &entry{key: key, rule: rule}
	default:
		t.unlink(e)
		if e.rule != rule {
			e = &entry{key: key, rule: rule}
		}
	}
	t.entries[key] = e
	e.newer, e.older = &t.ring, t.ring.older
	e.older.newer = e
	t.ring.older = e
	return e
}

func (t *table) unlink(e *entry) {
	e.newer.older, e.older.newer = e.older, e.newer
	e.newer, e.older = nil, nil
}
