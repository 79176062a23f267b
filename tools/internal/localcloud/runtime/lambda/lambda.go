// Package lambda runs a function's zip as AWS Lambda does: each instance is a process that takes one event at a time
// from the Lambda Runtime API.
//
// Not modelled: CPU and memory limits, SnapStart, asynchronous invocation, and layers and extensions other than the one that
// serves secrets.
package lambda

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/runtime/process"
)

// Payload limits of a synchronous invocation, in bytes. Source: "AWS Lambda quotas", invocation payload 6 MB each way;
// the 100 bytes more for a response were observed on the Lambda Runtime Interface Emulator.
const (
	MaxRequest  = 6 << 20
	MaxResponse = 6<<20 + 100
)

// InitTimeout is how long an instance may take to ask for its first event. Source: "Understanding the Lambda execution
// environment lifecycle", init phase, https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
const InitTimeout = 10 * time.Second

// DefaultInstances is how many instances a function may have when it names no number: the concurrency quota a new
// account starts with. Source: "AWS Lambda quotas", concurrent executions.
const DefaultInstances = 10

// defaultTimeout is what a function without a timeout gets. Source: CreateFunction, Timeout, default 3 s.
const defaultTimeout = 3 * time.Second

// Errors of Invoke: the Invoke API's own refusals, as opposed to what the function did.
var (
	// ErrRequestTooLarge is the API's RequestTooLargeException (413).
	ErrRequestTooLarge = errors.New("lambda: request is larger than the 6291456 bytes an invocation may have")
	// ErrThrottled is the API's TooManyRequestsException (429): every instance is busy. Lambda does not queue.
	ErrThrottled = errors.New("lambda: rate exceeded: all instances are busy")
	// ErrClosed means that the function was taken away.
	ErrClosed = errors.New("lambda: function is gone")
)

// Result is what an invocation came to.
type Result struct {
	Payload  []byte // what the function answered, or the error document
	ErrType  string // "" on success, else the error's type, as in "Runtime.ExitError"
	Duration time.Duration

	reason string // of an init failure, without the request id it is reported under
}

// Failed reports whether the function failed (the Invoke API's X-Amz-Function-Error: Unhandled).
func (r Result) Failed() bool { return r.ErrType != "" }

// Options configure a Function.
type Options struct {
	Function    plane.Function
	Root        string // unpacked package
	Supervisor  *process.Supervisor
	Log         *process.Log
	Logger      *slog.Logger
	Extra       []string         // more KEY=value for every instance; the function's own environment wins
	InitTimeout time.Duration    // 0: InitTimeout
	IdleTimeout time.Duration    // 0: 5 minutes. AWS names no figure
	Now         func() time.Time // cloud time, in which the secrets extension keeps values; nil: the wall clock

	secrets *atomic.Pointer[map[string]plane.Secret] // what the function may read now, which Grant changes
}

// readable are the secrets that the function may read now.
func (o Options) readable() map[string]plane.Secret { return *o.secrets.Load() }

// Function is a deployed function with its pool of instances.
type Function struct {
	o Options

	running sync.WaitGroup // invocations in progress

	mu     sync.Mutex
	closed bool
	slots  int         // instances there are or are about to be
	idle   []*instance // most recently used last
	all    map[*instance]struct{}
}

// New returns a function without instances: the first invocation is a cold start.
func New(o Options) *Function {
	if o.InitTimeout == 0 {
		o.InitTimeout = InitTimeout
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = 5 * time.Minute
	}
	if o.Function.Timeout <= 0 {
		o.Function.Timeout = defaultTimeout
	}
	if o.Function.Instances == 0 {
		o.Function.Instances = DefaultInstances
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.secrets = &atomic.Pointer[map[string]plane.Secret]{}
	o.secrets.Store(&o.Function.Secrets)
	return &Function{o: o, all: map[*instance]struct{}{}}
}

// Grant changes what the function finds in its secret stores. No instance ends for it, and none learns of it before the
// extension asks again.
func (f *Function) Grant(secrets map[string]plane.Secret) { f.o.secrets.Store(&secrets) }

// Invoke runs the function on one event and waits for the outcome. What the function does wrong is a Result that
// Failed; the error is one of this package's. Ending ctx does not stop the function: a caller that hangs up does not
// cancel a synchronous invocation, it only stops waiting and gets ctx's error.
func (f *Function) Invoke(ctx context.Context, event []byte) (Result, error) {
	if len(event) > MaxRequest {
		return Result{}, fmt.Errorf("%w: this one has %d", ErrRequestTooLarge, len(event))
	}
	inv := &invocation{id: requestID(), event: event, trace: traceID()}
	type outcome struct {
		result Result
		err    error
	}
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return Result{}, ErrClosed
	}
	f.running.Add(1)
	f.mu.Unlock()
	done := make(chan outcome, 1)
	go func() {
		defer f.running.Done()
		r, err := f.run(inv)
		done <- outcome{r, err}
	}()
	select {
	case o := <-done:
		return o.result, o.err
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// run finds or starts an instance and has it handle the event. An idle instance may have died, or die before it takes
// the event; the event then goes to another one, since no code has seen it.
func (f *Function) run(inv *invocation) (Result, error) {
	for {
		inst, err := f.acquire()
		if err != nil {
			return Result{}, err
		}
		if inst == nil {
			return f.coldStart(inv)
		}
		inv.arm(f.o.Function.Timeout)
		if r, delivered := inst.handle(inv); delivered {
			f.settle(inst)
			return f.report(inv, r), nil
		}
		f.discard(inst)
	}
}

// acquire returns an idle instance, or nil with a slot of the pool taken for a new one.
func (f *Function) acquire() (*instance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, ErrClosed
	}
	if n := len(f.idle); n > 0 {
		inst := f.idle[n-1]
		f.idle = f.idle[:n-1]
		inst.stopReaper()
		return inst, nil
	}
	if f.slots >= f.o.Function.Instances {
		return nil, ErrThrottled
	}
	f.slots++
	return nil, nil
}

// coldStart starts an instance for the event. An init that fails or takes longer than ten seconds is tried once more
// as part of the invocation, under the function's own timeout. Source: "Lambda execution environment lifecycle",
// "Failures during the Init phase".
func (f *Function) coldStart(inv *invocation) (Result, error) {
	first, err := f.launch(onDemand)
	if err != nil {
		f.release()
		return Result{}, err
	}
	r, ok := first.initialise(f.o.InitTimeout)
	if ok {
		inv.arm(f.o.Function.Timeout)
		if r, delivered := first.handle(inv); delivered {
			f.settle(first)
			return f.report(inv, r), nil
		}
	} else {
		f.o.Log.Add(fmt.Sprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: init\tStatus: error\tError Type: %s",
			ms(r.Duration), r.ErrType))
	}
	f.forget(first)

	second, err := f.launch(onDemand)
	if err != nil {
		f.release()
		return Result{}, err
	}
	inv.arm(f.o.Function.Timeout)
	if r, ok = second.initialise(f.o.Function.Timeout); ok {
		var delivered bool
		if r, delivered = second.handle(inv); delivered {
			f.settle(second)
			return f.report(inv, r), nil
		}
		r = second.died(inv)
	} else {
		r = f.initFailure(inv, r)
	}
	f.discard(second)
	return f.report(inv, r), nil
}

// initFailure says of a failed init in the invoke phase what the caller is told.
func (f *Function) initFailure(inv *invocation, r Result) Result {
	switch {
	case r.ErrType == typeTimedOut:
		return timedOut(inv, f.o.Function.Timeout)
	case len(r.Payload) > 0:
		return r // what the runtime reported to /init/error
	default:
		return failure(inv, r.ErrType, r.reason)
	}
}

// launch starts a new instance in a slot the caller holds.
func (f *Function) launch(initialization string) (*instance, error) {
	inst, err := newInstance(f.o, initialization)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	closed := f.closed
	if !closed {
		f.all[inst] = struct{}{}
	}
	f.mu.Unlock()
	if closed {
		inst.stop()
		return nil, ErrClosed
	}
	return inst, nil
}

// settle puts an instance that has answered back, or drops it when it is finished.
func (f *Function) settle(inst *instance) {
	if inst.finished() {
		f.discard(inst)
		return
	}
	f.rest(inst)
}

// rest lets an instance wait for its next event.
func (f *Function) rest(inst *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return // Close stops it
	}
	if !inst.warm {
		inst.startReaper(f.o.IdleTimeout, func() { f.reap(inst) })
	}
	f.idle = append(f.idle, inst)
}

// reap takes an instance away that has been idle for long.
func (f *Function) reap(inst *instance) {
	f.mu.Lock()
	i := slices.Index(f.idle, inst)
	if i >= 0 {
		f.idle = slices.Delete(f.idle, i, i+1)
	}
	f.mu.Unlock()
	if i >= 0 { // else it is in use again: the timer lost the race
		f.discard(inst)
	}
}

// discard ends an instance and frees its slot. A provisioned one is replaced; if that fails, the next request starts another.
func (f *Function) discard(inst *instance) {
	f.forget(inst)
	f.release()
	if inst.warm {
		go func() { _ = f.provision() }()
	}
}

// forget ends an instance whose slot the caller keeps.
func (f *Function) forget(inst *instance) {
	inst.stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, inst)
}

func (f *Function) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slots--
}

// Instances is how many instances there are.
func (f *Function) Instances() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.all)
}

// Close ends every instance; invocations in progress fail. It returns when all processes are gone.
func (f *Function) Close() {
	f.mu.Lock()
	f.closed = true
	all := make([]*instance, 0, len(f.all))
	for inst := range f.all {
		all = append(all, inst)
	}
	f.idle = nil
	f.mu.Unlock()
	for _, inst := range all {
		inst.stop()
	}
	f.running.Wait() // one may be about to start an instance; it finds the function closed
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.all)
}

// report writes the lines Lambda logs around each invocation.
func (f *Function) report(inv *invocation, r Result) Result {
	r.Duration = time.Since(inv.started)
	f.o.Log.Add(fmt.Sprintf("END RequestId: %s", inv.id))
	line := fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tMemory Size: %d MB", inv.id, ms(r.Duration), f.o.Function.Memory)
	if r.Failed() {
		line += "\tStatus: error\tError Type: " + r.ErrType
	}
	f.o.Log.Add(line)
	return r
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// requestID is a random UUID.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// traceID is an X-Ray trace header. Source: "AWS X-Ray concepts", tracing header.
func traceID() string {
	var b [20]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", time.Now().Unix(), hex.EncodeToString(b[:12]), hex.EncodeToString(b[12:]))
}
