package storetest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"polygate.example/tools/internal/store"
)

// errCut is what a place says that does not answer.
var errCut = errors.New("no answer")

// Memory is a place in memory that can be made to fail, for tests of those who use stores. The zero value is empty and answers.
type Memory struct {
	mu      sync.Mutex
	objects map[string]store.Object
	writes  int
	cut     bool
	before  func(write bool) error
	after   func(write bool) error
}

// Cut makes the place stop answering, or with false answer again.
func (m *Memory) Cut(cut bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut = cut
}

// Before has a function called ahead of each request, which it may delay, or fail as if it had been lost on its way. nil ends it.
func (m *Memory) Before(do func(write bool) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before = do
}

// After has a function called when a request was carried out, whose answer it may delay or lose. nil ends it.
func (m *Memory) After(do func(write bool) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.after = do
}

// Remove takes a document away, as whoever destroys the stack does.
func (m *Memory) Remove(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, name)
}

// Where says that it is here.
func (m *Memory) Where() string { return "memory" }

// Read gives a document.
func (m *Memory) Read(ctx context.Context, name string) (store.Object, error) {
	return m.serve(ctx, false, func() (store.Object, error) {
		o, ok := m.objects[name]
		if !ok {
			return store.Object{}, store.ErrNotFound
		}
		o.Data = slices.Clone(o.Data)
		return o, nil
	})
}

// Write replaces a document.
func (m *Memory) Write(ctx context.Context, name string, data []byte, ifVersion string) (string, error) {
	o, err := m.serve(ctx, true, func() (store.Object, error) {
		if m.objects[name].Version != ifVersion {
			return store.Object{}, store.ErrConflict
		}
		if m.objects == nil {
			m.objects = map[string]store.Object{}
		}
		m.writes++
		m.objects[name] = store.Object{Data: slices.Clone(data), Version: strconv.Itoa(m.writes), Modified: time.Now()}
		return m.objects[name], nil
	})
	return o.Version, err
}

// serve carries out one request as a whole, if it comes through.
func (m *Memory) serve(ctx context.Context, write bool, do func() (store.Object, error)) (store.Object, error) {
	m.mu.Lock()
	before, after := m.before, m.after
	m.mu.Unlock()
	if before != nil {
		if err := before(write); err != nil {
			return store.Object{}, err
		}
	}
	if err := ctx.Err(); err != nil {
		return store.Object{}, err
	}
	m.mu.Lock()
	var o store.Object
	var err error = errCut
	if !m.cut {
		o, err = do()
	}
	m.mu.Unlock()
	if after != nil && err == nil {
		if err := after(write); err != nil {
			return store.Object{}, err
		}
	}
	return o, err
}

var _ store.Driver = (*Memory)(nil)
