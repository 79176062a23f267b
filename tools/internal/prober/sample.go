package prober

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Sample is one request of one client, or one that should have been.
type Sample struct {
	Client   int           // index in Options.Clients
	At       time.Duration // when it was due
	Took     time.Duration // from then to its end, to the microsecond: a wait of the prober's counts, as a user would feel it
	Late     time.Duration // of that, how late the prober sent it
	Region   string
	Err      Class
	Detail   string // what went wrong, without what differs from request to request; at most 256 different ones are kept
	Status   int    // 0 without a response
	Attempts int    // 0 when it was missed
	Reused   bool   // the connection had carried a request before
	Stale    bool   // the client's resolver gave an answer past its TTL, and the request went by it
	Address  netip.Addr
}

// record is a sample as it is kept: 32 bytes, so that ten minutes at 3,000 requests a second take 58 MB.
type record struct {
	at         int64  // ns
	took, late uint32 // microseconds
	client     uint16
	status     uint16
	region     uint16 // these three are places in the store's tables
	address    uint16
	detail     uint16
	attempts   uint8
	class      Class
	flags      uint8
}

const (
	flagReused = 1 << iota
	flagStale
)

// chunkSize is how many records are made room for at once.
const chunkSize = 4096

// chunk is a run of records in the order in which they ended, with the span they were due in.
type chunk struct {
	records []record
	min     int64
	max     int64
}

// store keeps samples.
type store struct {
	mu        sync.Mutex
	chunks    []chunk
	regions   table[string]
	addresses table[netip.Addr]
	details   table[string]
	count     [classes]int
}

const (
	maxDetails = 256
	maxDetail  = 200 // bytes of a detail
	unkept     = "another one"
)

func (s *store) init() {
	s.regions = newTable("", unkept, math.MaxUint16)
	s.addresses = newTable(netip.Addr{}, netip.Addr{}, math.MaxUint16)
	s.details = newTable("", unkept, maxDetails)
}

// add keeps a sample.
func (s *store) add(x Sample) {
	r := record{
		at: int64(x.At), took: micros(x.Took), late: micros(x.Late), client: uint16(x.Client), status: uint16(x.Status),
		attempts: uint8(min(x.Attempts, math.MaxUint8)), class: x.Err,
	}
	if x.Reused {
		r.flags |= flagReused
	}
	if x.Stale {
		r.flags |= flagStale
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.region, r.address, r.detail = s.regions.place(x.Region), s.addresses.place(x.Address), s.details.place(x.Detail[:min(len(x.Detail), maxDetail)])
	s.count[x.Err]++
	if n := len(s.chunks); n == 0 || len(s.chunks[n-1].records) == chunkSize {
		s.chunks = append(s.chunks, chunk{records: make([]record, 0, chunkSize), min: r.at, max: r.at})
	}
	c := &s.chunks[len(s.chunks)-1]
	c.records = append(c.records, r)
	c.min, c.max = min(c.min, r.at), max(c.max, r.at)
}

// micros is a duration in microseconds, as far as 32 bits hold it: 71 minutes.
func micros(d time.Duration) uint32 {
	return uint32(min(max(0, d.Microseconds()), math.MaxUint32))
}

// Samples are the requests that were due from one time on and before another, in the order in which they were due, as
// far as they have ended.
func (p *Prober) Samples(from, to time.Duration) []Sample {
	s := &p.store
	s.mu.Lock()
	var out []Sample
	for _, c := range s.chunks {
		if c.max < int64(from) || c.min >= int64(to) {
			continue
		}
		for _, r := range c.records {
			if r.at >= int64(from) && r.at < int64(to) {
				out = append(out, s.sample(r))
			}
		}
	}
	s.mu.Unlock()
	slices.SortFunc(out, func(a, b Sample) int { return cmp.Compare(a.At, b.At) })
	return out
}

// Ended are the requests that have ended, in that order, without as many of the first as are known already: a look at what is new takes no longer
// the more there was before.
func (p *Prober) Ended(known int) []Sample {
	s := &p.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.chunks) == 0 {
		return nil
	}
	all := (len(s.chunks)-1)*chunkSize + len(s.chunks[len(s.chunks)-1].records)
	out := make([]Sample, 0, max(0, all-known))
	for n := known / chunkSize; n < len(s.chunks); n++ { // all but the last one are full
		records := s.chunks[n].records
		for _, r := range records[min(max(0, known-n*chunkSize), len(records)):] {
			out = append(out, s.sample(r))
		}
	}
	return out
}

func (s *store) sample(r record) Sample {
	return Sample{
		Client: int(r.client), At: time.Duration(r.at), Took: time.Duration(r.took) * time.Microsecond,
		Late: time.Duration(r.late) * time.Microsecond, Region: s.regions.values[r.region], Err: r.class, Detail: s.details.values[r.detail],
		Status: int(r.status), Attempts: int(r.attempts), Reused: r.flags&flagReused != 0, Stale: r.flags&flagStale != 0,
		Address: s.addresses.values[r.address],
	}
}

// table keeps each value once. Its first place is of the zero value, its second of all values beyond its limit.
type table[V comparable] struct {
	values []V
	places map[V]uint16
	limit  int
}

func newTable[V comparable](zero, beyond V, limit int) table[V] {
	return table[V]{values: []V{zero, beyond}, places: map[V]uint16{zero: 0}, limit: limit}
}

func (t *table[V]) place(v V) uint16 {
	at, ok := t.places[v]
	if ok {
		return at
	}
	if len(t.values) >= t.limit {
		return 1
	}
	at = uint16(len(t.values))
	t.values, t.places[v] = append(t.values, v), at
	return at
}

// Stats are what the prober itself did.
type Stats struct {
	Sent      int // requests that have ended, well or not
	Failed    int // of those, the ones that were not right
	Missed    int // requests that could not be sent when they were due
	Abandoned int // requests that Stop found under way
	// Lateness is how long after they were due requests were sent: the median, the 99th of a hundred, and the worst.
	// It is small unless the prober was the bottleneck; then what it measured is not to be trusted.
	Lateness struct{ P50, P99, Max time.Duration }
}

// Stats counts from the beginning.
func (p *Prober) Stats() Stats {
	s := &p.store
	out := Stats{Abandoned: int(p.abandoned.Load())}
	var late []uint32
	s.mu.Lock()
	for class, n := range s.count {
		if Class(class) == Missed {
			out.Missed = n
			continue
		}
		out.Sent += n
		if Class(class) != None {
			out.Failed += n
		}
	}
	late = make([]uint32, 0, out.Sent+out.Missed)
	for _, c := range s.chunks {
		for _, r := range c.records {
			late = append(late, r.late)
		}
	}
	s.mu.Unlock()
	if n := len(late); n > 0 {
		slices.Sort(late)
		at := func(i int) time.Duration { return time.Duration(late[i]) * time.Microsecond }
		out.Lateness.P50, out.Lateness.P99, out.Lateness.Max = at(n/2), at(min(n-1, n*99/100)), at(n-1)
	}
	return out
}
