// Package ratelimittest is for tests of limits: a store in memory that can be broken, and what every store has to do.
package ratelimittest

import (
	"context"
	"errors"
	"sync"
	"time"

	"polygate.example/shared/ratelimit"
)

// ErrBroken is what a store that was broken answers.
var ErrBroken = errors.New("broken on purpose")

// Memory is a store in memory. The zero value serves at once, by the clock of the process.
type Memory struct {
	Latency time.Duration // of every exchange, half of it before the store acts

	mu      sync.Mutex
	values  map[string]value
	broken  bool // refuses
	hangs   bool // does not answer
	late    bool // acts, and does not answer
	opening int

	Opens, MostOpening, Exchanges int // calls so far, and how many of Open went on at a time
}

type value struct {
	spent int64
	at    time.Time
}

// Set breaks the store, or mends it.
func (m *Memory) Set(broken, hangs, late bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken, m.hangs, m.late = broken, hangs, late
}

// Forget is what a restart without persistence does.
func (m *Memory) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values = nil
}

// Spent is what a store of one key knows of it now.
func (m *Memory) Spent() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range m.values {
		return max(0, v.spent-int64(time.Since(v.at)))
	}
	return 0
}

// Of is what the store knows of a key now.
func (m *Memory) Of(key string) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := m.values[key]
	return max(0, v.spent-int64(time.Since(v.at)))
}

// Counts are Opens, MostOpening and Exchanges.
func (m *Memory) Counts() (opens, mostOpening, exchanges int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Opens, m.MostOpening, m.Exchanges
}

// Open is an exchange.
func (m *Memory) Open(ctx context.Context) error {
	m.mu.Lock()
	m.Opens++
	m.opening++
	m.MostOpening = max(m.MostOpening, m.opening)
	m.mu.Unlock()
	err := m.travel(ctx)
	m.mu.Lock()
	m.opening--
	m.mu.Unlock()
	return err
}

func (m *Memory) travel(ctx context.Context) error {
	m.mu.Lock()
	broken, hangs := m.broken, m.hangs
	m.mu.Unlock()
	switch {
	case broken:
		return ErrBroken
	case hangs:
		<-ctx.Done()
		return ctx.Err()
	case m.Latency > 0:
		select {
		case <-time.After(m.Latency / 2):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Apply does what the scripts of Redis do.
func (m *Memory) Apply(ctx context.Context, ops []ratelimit.Op, sent func()) ([]ratelimit.Result, error) {
	if sent != nil {
		sent()
	}
	if err := m.travel(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	if m.values == nil {
		m.values = map[string]value{}
	}
	out := make([]ratelimit.Result, len(ops))
	now := time.Now()
	for i, op := range ops {
		out[i] = m.apply(op, now)
	}
	m.Exchanges++
	late := m.late
	m.mu.Unlock()
	if late {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return out, m.travel(ctx)
}

func (m *Memory) apply(op ratelimit.Op, now time.Time) ratelimit.Result {
	v, there := m.values[op.Key]
	spent := v.spent
	if op.Rate {
		spent = -int64(op.Age)
		if there {
			spent = max(v.spent-int64(now.Sub(v.at)), spent)
		}
	}
	spent = max(spent+op.Count*op.Cost, op.Floor, 0)
	res := ratelimit.Result{Allowed: op.Take && spent+op.Cost <= op.Capacity}
	if res.Allowed {
		spent += op.Cost
	}
	m.values[op.Key] = value{spent, now}
	res.Spent = spent
	return res
}

var _ ratelimit.Store = (*Memory)(nil)
