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
	root     string // its unpacked package
	event    EventInvoker
	http     http.Handler
	stop     func()
	refresh  func(plane.Function) // tells it of new values of secrets, the one thing that changes under a version that runs
	once     sync.Once

	mu      sync.Mutex
	calls   int
	drained chan struct{} // set by retire, closed when calls is 0
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

// current is a function as whatever version of it serves when the call comes: the front has asked for it some time before,
// and a version replaced in between must not take calls any more.
type current struct {
	r  *Runtimes
	id string
}

// Invoke calls the function and counts the call.
func (c current) Invoke(ctx context.Context, event []byte) (lambda.Result, error) {
	e := c.r.enter(c.id)
	if e == nil {
		return lambda.Result{}, lambda.ErrClosed
	}
	defer e.leave()
	return e.event.Invoke(ctx, event)
}

// ServeHTTP calls the function and counts the call. One that was taken away in between is as one that does not start.
func (c current) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := c.r.enter(c.id)
	if e == nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
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

// forget has a build made again when it is asked for; nobody is waiting for it.
func (b *builds) forget(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.by, name)
}

var (
	_ EventInvoker = current{}
	_ http.Handler = current{}
)
