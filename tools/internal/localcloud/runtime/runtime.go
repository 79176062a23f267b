// Package runtime runs the functions of the local clouds: it unpacks and builds their packages, starts and stops their
// processes, and hands the fronts something to call. The contracts themselves are in lambda, cloudrun and azurehost.
package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/runtime/azurehost"
	"polygate.example/tools/internal/localcloud/runtime/cloudrun"
	"polygate.example/tools/internal/localcloud/runtime/lambda"
	"polygate.example/tools/internal/localcloud/runtime/process"
	"polygate.example/tools/internal/localcloud/runtime/unpack"
)

// drainTimeout is how long the requests of a replaced version may still take.
const drainTimeout = 30 * time.Second

// Options configure Runtimes.
type Options struct {
	Dir    string // scratch folder, made if missing: unpacked packages and builds are cached in it
	Logger *slog.Logger
	Env    []string         // more KEY=value for every function, under its own environment
	Now    func() time.Time // cloud time, in which values of secrets are kept; nil: the wall clock
}

// EventInvoker takes events: a Lambda function.
type EventInvoker interface {
	// Invoke runs the function on one event. Errors are those of lambda.Function.Invoke.
	Invoke(ctx context.Context, event []byte) (lambda.Result, error)
}

// Invoker is one function as its front calls it. Exactly one of Event and HTTP is set.
type Invoker struct {
	Function plane.Function
	Event    EventInvoker // Lambda
	HTTP     http.Handler // Cloud Run and the Functions host: it answers as they do, failures included
}

// FunctionError says which function could not be served as asked.
type FunctionError struct {
	ID  string
	Err error // *cloudrun.BuildError, cloudrun.ErrStartup, unpack's errors, or of this machine
}

// Error names the function first.
func (e *FunctionError) Error() string { return e.ID + ": " + e.Err.Error() }

// Unwrap gives errors.Is and errors.As the cause.
func (e *FunctionError) Unwrap() error { return e.Err }

// Runtimes are the functions being served. All methods are safe for concurrent use.
type Runtimes struct {
	o      Options
	sup    *process.Supervisor
	builds builds

	applying sync.Mutex   // one Apply at a time
	disk     sync.RWMutex // held for reading by who unpacks, builds or starts something, for writing by sweep

	mu      sync.Mutex
	closed  bool
	served  map[string]*entry
	retired map[*entry]struct{} // replaced, with requests still in progress
	checked map[string]string   // function -> where the package it was last checked with is unpacked
	logs    map[string]*process.Log
}

// ErrClosed is what Apply and Check return after Close.
var ErrClosed = errors.New("runtimes are closed")

// New returns Runtimes that serve nothing yet.
func New(o Options) *Runtimes {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Runtimes{
		o: o, sup: process.NewSupervisor(), builds: builds{by: map[string]*build{}},
		served: map[string]*entry{}, retired: map[*entry]struct{}{}, checked: map[string]string{}, logs: map[string]*process.Log{},
	}
}

// Apply serves exactly these functions: new ones are prepared, changed ones replaced, others ended, and those that are
// as before are left alone. A function that cannot be served is a *FunctionError in the result; it does not keep the
// others from being served, and its version before stays, as a failed deployment leaves it in the clouds.
func (r *Runtimes) Apply(ctx context.Context, functions []plane.Function) error {
	r.applying.Lock()
	defer r.applying.Unlock()
	wanted := map[string]plane.Function{}
	for _, f := range functions {
		if _, twice := wanted[f.ID]; twice {
			return &FunctionError{ID: f.ID, Err: errors.New("there are two functions of this id")}
		}
		wanted[f.ID] = f
	}
	if err := r.end(wanted); err != nil {
		return err
	}
	var wg sync.WaitGroup
	problems := make([]error, len(functions))
	for i, f := range functions {
		if e, same := r.asBefore(f); same {
			e.refresh(f)
			continue
		}
		wg.Go(func() {
			if err := r.deploy(ctx, f); err != nil {
				problems[i] = &FunctionError{ID: f.ID, Err: err}
			}
		})
	}
	wg.Wait()
	r.sweep()
	return errors.Join(problems...)
}

// Check tries a function without serving it, as far as its cloud does before it takes it: it unpacks and, for Cloud
// Functions, builds it and starts one instance (a *cloudrun.BuildError or cloudrun.ErrStartup says what failed). A later
// Apply uses what was prepared. For Azure it also reports what Apply leaves to be answered with 503: a package the host
// does not start on.
func (r *Runtimes) Check(ctx context.Context, f plane.Function) error {
	r.disk.RLock()
	defer r.disk.RUnlock()
	p, err := r.prepare(ctx, f)
	if err == nil {
		r.mu.Lock()
		r.checked[f.ID] = p.root
		r.mu.Unlock()
		err = p.loadError
	}
	if err == nil && f.Runtime == plane.CloudFunction {
		err = r.try(ctx, f, p)
	}
	if err != nil {
		return &FunctionError{ID: f.ID, Err: err}
	}
	return nil
}

// lastLines is how much of its output a function that does not start is quoted with.
const lastLines = 20

// try starts one instance and ends it again.
func (r *Runtimes) try(ctx context.Context, f plane.Function, p prepared) error {
	log := &process.Log{}
	f.Warm = 0
	s := r.service(f, p, log)
	defer s.Close()
	err := s.Start(ctx)
	if lines := log.Lines(); err != nil && len(lines) > 0 {
		err = fmt.Errorf("%w; its output ends with:\n%s", err, strings.Join(lines[max(0, len(lines)-lastLines):], "\n"))
	}
	return err
}

// service is a Cloud Run service without instances.
func (r *Runtimes) service(f plane.Function, p prepared, log *process.Log) *cloudrun.Service {
	return cloudrun.New(cloudrun.Options{
		Function: f, Binary: p.binary, Root: p.root, Supervisor: r.sup, Log: log, Logger: r.o.Logger, Extra: r.o.Env,
	})
}

// Serve returns the function of this id.
func (r *Runtimes) Serve(id string) (Invoker, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.served[id]
	if !ok {
		return Invoker{}, false
	}
	v := Invoker{Function: e.function}
	if e.event != nil {
		v.Event = current{r, id}
	} else {
		v.HTTP = current{r, id}
	}
	return v, true
}

// enter counts a call on the version of a function that serves now; nil when there is none. It is one step, so that a
// version that is being replaced is either left alone or waited for.
func (r *Runtimes) enter(id string) *entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.served[id]
	if e != nil {
		e.enter()
	}
	return e
}

// Logs returns the last lines a function and its platform wrote, oldest first, at most process.MaxLines. They outlive
// the function.
func (r *Runtimes) Logs(id string) []string {
	r.mu.Lock()
	l := r.logs[id]
	r.mu.Unlock()
	if l == nil {
		return nil
	}
	return l.Lines()
}

// Processes is how many function processes are running.
func (r *Runtimes) Processes() int { return r.sup.Running() }

// Close ends every function and returns when all processes are gone and all their ports free.
func (r *Runtimes) Close() {
	r.mu.Lock()
	r.closed = true
	var all []*entry
	for e := range maps.Values(r.served) {
		all = append(all, e)
	}
	for e := range maps.Keys(r.retired) {
		all = append(all, e)
	}
	r.served = map[string]*entry{}
	r.mu.Unlock()
	for _, e := range all {
		e.close()
	}
	r.sup.Close()
}

// end stops what is no longer wanted, at once: a deleted function is deleted.
func (r *Runtimes) end(wanted map[string]plane.Function) error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return ErrClosed
	}
	var gone []*entry
	for id, e := range r.served {
		if _, ok := wanted[id]; !ok {
			gone = append(gone, e)
			delete(r.served, id)
		}
	}
	r.mu.Unlock()
	for _, e := range gone {
		e.close()
		r.o.Logger.Debug("function ended", "function", e.function.ID)
	}
	return nil
}

// asBefore reports whether a function is served as it is wanted. The package's path does not count, its digest does; nor do
// the values of secrets count, where a runtime learns of new ones while it runs.
func (r *Runtimes) asBefore(f plane.Function) (*entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.served[f.ID]
	if !ok || !maps.Equal(settled(e.function), settled(f)) || (e.function.Secrets == nil) != (f.Secrets == nil) {
		return nil, false
	}
	have := e.function
	have.Package, have.Environment, have.Secrets, have.Unfetched = f.Package, f.Environment, f.Secrets, f.Unfetched
	if !reflect.DeepEqual(have, f) {
		return nil, false
	}
	e.function = have // Serve tells of the newest values
	return e, true
}

// settled are the variables of a function that do not change while it runs.
func settled(f plane.Function) map[string]string {
	out := maps.Clone(f.Environment)
	maps.DeleteFunc(out, func(name, _ string) bool { _, fetched := f.Fetched[name]; return fetched })
	return out
}

// log returns the function's log.
func (r *Runtimes) log(id string) *process.Log {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, ok := r.logs[id]
	if !ok {
		l = &process.Log{}
		r.logs[id] = l
	}
	return l
}

// deploy prepares a function and puts it in the place of its version before.
func (r *Runtimes) deploy(ctx context.Context, f plane.Function) error {
	r.disk.RLock()
	defer r.disk.RUnlock()
	p, err := r.prepare(ctx, f)
	if err != nil {
		return err
	}
	e := &entry{function: f, root: p.root, refresh: func(plane.Function) {}}
	switch f.Runtime {
	case plane.Lambda:
		fn := lambda.New(lambda.Options{
			Function: f, Root: p.root, Supervisor: r.sup, Log: r.log(f.ID), Logger: r.o.Logger, Extra: r.o.Env, Now: r.o.Now,
		})
		fn.Warm(ctx) // the alias moves when they are ready; until then the version before serves
		e.event, e.stop = fn, fn.Close
		e.refresh = func(f plane.Function) { fn.Grant(f.Secrets) }
	case plane.CloudFunction:
		s := r.service(f, p, r.log(f.ID))
		// A revision is ready when its first instance listens; until then the one before serves.
		if err := s.Start(ctx); err != nil {
			s.Close()
			return err
		}
		e.http, e.stop = s, s.Close
		e.refresh = func(f plane.Function) { s.Fetch(f.Environment, f.Unfetched) }
	case plane.AzureFunctions:
		if p.loadError != nil {
			r.o.Logger.Warn("function app does not start: it answers 503", "function", f.ID, "error", p.loadError)
		}
		h := azurehost.New(azurehost.Options{
			Function: f, App: p.app, LoadError: p.loadError, Supervisor: r.sup, Log: r.log(f.ID), Logger: r.o.Logger, Extra: r.o.Env,
		})
		e.http, e.stop = h, h.Close
	}
	return r.replace(e)
}

// replace swaps a function's versions. Lambda and Cloud Run let requests in progress finish; a Flex Consumption app's
// default site update is Recreate, which kills them. Source: "Site update strategies in Flex Consumption",
// learn.microsoft.com/azure/azure-functions/flex-consumption-site-updates.
func (r *Runtimes) replace(e *entry) error {
	id := e.function.ID
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		e.close()
		return ErrClosed
	}
	before := r.served[id]
	r.served[id] = e
	if before != nil {
		r.retired[before] = struct{}{}
	}
	r.mu.Unlock()
	if before == nil {
		return nil
	}
	gone := func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.retired, before)
	}
	if before.function.Runtime == plane.AzureFunctions {
		before.close()
		gone()
		return nil
	}
	before.retire(drainTimeout, gone)
	return nil
}

// prepared is a function's package, ready to run.
type prepared struct {
	root      string
	binary    string         // Cloud Functions
	app       *azurehost.App // Azure
	loadError error          // Azure: why app is nil
}

// prepare unpacks, builds and reads a package. What was done for a digest before is used again.
func (r *Runtimes) prepare(ctx context.Context, f plane.Function) (prepared, error) {
	switch f.Runtime {
	case plane.Lambda, plane.CloudFunction, plane.AzureFunctions:
	default:
		return prepared{}, fmt.Errorf("unknown runtime %q: want one of %q", f.Runtime,
			[]plane.Runtime{plane.Lambda, plane.CloudFunction, plane.AzureFunctions})
	}
	if err := os.MkdirAll(r.o.Dir, 0o755); err != nil {
		return prepared{}, fmt.Errorf("make scratch folder: %w", err)
	}
	root, err := unpack.To(filepath.Join(r.o.Dir, packagesDir), f.Package, f.Digest)
	if err != nil {
		return prepared{}, err
	}
	p := prepared{root: root}
	switch f.Runtime {
	case plane.CloudFunction:
		p.binary, err = r.builds.get(ctx, filepath.Base(root), func() (string, error) {
			return cloudrun.Build(ctx, r.sup, root, filepath.Join(r.o.Dir, buildsDir), filepath.Base(root), r.o.Logger)
		})
	case plane.AzureFunctions:
		var bad *azurehost.ConfigError
		p.app, err = azurehost.Load(root)
		if errors.As(err, &bad) {
			p.loadError, err = err, nil
		}
	}
	return p, err
}
