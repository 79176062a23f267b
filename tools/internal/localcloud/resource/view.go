package resource

import (
	"maps"
	"slices"
	"strings"
)

// View is an unchanging picture of all records.
type View struct{ tables tables }

// tables are the records by type. Neither the map nor a table is changed once a View shows it: a transaction copies the map, and
// the tables it changes, so that what it costs goes by the records of the types it touches and not by all there are.
type tables map[string]*table

// table is the records of one type in order of creation, and where each of them is.
type table struct {
	records []Record
	at      map[identity]int
	first   map[string]int // by id, of several the one made first
}

func tableOf(records []Record) *table {
	t := &table{records: records, at: make(map[identity]int, len(records)), first: make(map[string]int, len(records))}
	for i, r := range records {
		t.at[r.identity()] = i
		if _, ok := t.first[r.ID]; !ok {
			t.first[r.ID] = i
		}
	}
	return t
}

// tablesOf puts records in order.
func tablesOf(records []Record) tables {
	byType := map[string][]Record{}
	for _, r := range records {
		byType[r.Type] = append(byType[r.Type], r)
	}
	out := make(tables, len(byType))
	for token, rs := range byType {
		slices.SortFunc(rs, inOrder)
		out[token] = tableOf(rs)
	}
	return out
}

// inOrder is the order of creation.
func inOrder(a, b Record) int {
	if a.Serial != b.Serial {
		return int(a.Serial - b.Serial)
	}
	return strings.Compare(a.key(), b.key())
}

// of is the records of a type as they are kept, which is not for callers to change.
func (t tables) of(token string) []Record {
	if its := t[token]; its != nil {
		return its.records
	}
	return nil
}

// find returns the record with the identity of another.
func (t tables) find(r Record) (Record, bool) {
	its := t[r.Type]
	if its == nil {
		return Record{}, false
	}
	i, ok := its.at[r.identity()]
	if !ok {
		return Record{}, false
	}
	return its.records[i], true
}

// All lists every record in order of creation.
func (v View) All() []Record {
	n := 0
	for _, t := range v.tables {
		n += len(t.records)
	}
	out := make([]Record, 0, n)
	for _, token := range slices.Sorted(maps.Keys(v.tables)) {
		out = append(out, v.tables[token].records...)
	}
	slices.SortFunc(out, inOrder)
	return out
}

// Deployed lists, in order of creation, what deployments have made: neither what was there before the first one, nor secrets, which are
// made by hand.
func (v View) Deployed() []Record {
	return slices.DeleteFunc(v.All(), func(r Record) bool { return r.Seeded || r.Type == tokenSecret })
}

// List lists the records of one type in order of creation.
func (v View) List(token string) []Record { return slices.Clone(v.tables.of(token)) }

// Get finds a record by type and id. With the same id in several scopes, name the scope with GetIn.
func (v View) Get(token, id string) (Record, bool) {
	t := v.tables[token]
	if t == nil {
		return Record{}, false
	}
	i, ok := t.first[id]
	if !ok {
		return Record{}, false
	}
	return t.records[i], true
}

// GetIn finds a record by type, scope and id.
func (v View) GetIn(token, scope, id string) (Record, bool) {
	r, ok := v.tables.find(Record{Type: token, Scope: scope, ID: id})
	return r, ok
}

// Where lists the records of one type whose output has the value.
func (v View) Where(token, property string, value any) []Record {
	var out []Record
	for _, r := range v.tables.of(token) {
		if r.output(property) == value {
			out = append(out, r)
		}
	}
	return out
}

// Find returns the first record of one type whose output has the value.
func (v View) Find(token, property string, value any) (Record, bool) {
	for _, r := range v.tables.of(token) {
		if r.output(property) == value {
			return r, true
		}
	}
	return Record{}, false
}
