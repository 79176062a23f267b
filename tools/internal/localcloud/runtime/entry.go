package runtime

import (
	"context"
	"net/http"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/runtime/lambda"
)

// entry is one version of a function, with a count of what is in progress, so that a replaced one can finish.
type entry struct {
	function plane.Function
	event    EventInvoker
	http     http.Handler
	stop     func()
	once     sync.Once

	mu      sync.Mutex
	calls   int
	drained chan struct{} // set by retire, closed when calls is 0
}

func (e *entry) invoker() Invoker {
	v := Invoker{Function: e.function}
	if e.event != nil {
		v.Event = (*countedEvents)(e)
	} else {
		v.HTTP = (*countedRequests)(e)
	}
	return v
}

func (e *entry) enter() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls++
}

func (e *entry) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls--
	if e.calls == 0 && e.drained != nil {
		close(e.drained)
		e.drained = nil
	}
}

// retire closes the entry when its calls are done, or after limit, without waiting for it, and then calls gone.
func (e *entry) retire(limit time.Duration, gone func()) {
	drained := make(chan struct{})
	e.mu.Lock()
	if e.calls == 0 {
		close(drained)
	} else {
		e.drained = drained
	}
	e.mu.Unlock()
	go func() {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		select {
		case <-drained:
		case <-timer.C:
		}
		e.close()
		gone()
	}()
}

// close ends the version's processes and returns when they are gone.
func (e *entry) close() { e.once.Do(e.stop) }

type countedEvents entry

// Invoke calls the function and counts the call.
func (c *countedEvents) Invoke(ctx context.Context, event []byte) (lambda.Result, error) {
	e := (*entry)(c)
	e.enter()
	defer e.leave()
	return e.event.Invoke(ctx, event)
}

type countedRequests entry

// ServeHTTP calls the function and counts the call.
func (c *countedRequests) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := (*entry)(c)
	e.enter()
	defer e.leave()
	e.http.ServeHTTP(w, r)
}

// builds makes sure that each source is built once, however many functions ask for it at a time.
type builds struct {
	mu sync.Mutex
	by map[string]*build
}

type build struct {
	done   chan struct{}
	binary string
	err    error
}

// get returns the build of this name, made by f if it is the first to ask. A failed build is made again when asked for
// again.
func (b *builds) get(ctx context.Context, name string, f func() (string, error)) (string, error) {
	b.mu.Lock()
	one, ok := b.by[name]
	if !ok {
		one = &build{done: make(chan struct{})}
		b.by[name] = one
	}
	b.mu.Unlock()
	if !ok {
		one.binary, one.err = f()
		if one.err != nil {
			b.mu.Lock()
			delete(b.by, name)
			b.mu.Unlock()
		}
		close(one.done)
	}
	select {
	case <-one.done:
		return one.binary, one.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

var (
	_ EventInvoker = (*countedEvents)(nil)
	_ http.Handler = (*countedRequests)(nil)
)
