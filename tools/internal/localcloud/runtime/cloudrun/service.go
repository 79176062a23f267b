package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/runtime/process"
)

// Limits and times of Cloud Run.
const (
	// MaxRequest is the most bytes an HTTP/1 request may have. Source: "Cloud Run quotas and limits", request limits.
	MaxRequest = 32 << 20
	// MaxResponse is the most bytes an HTTP/1 response of a known length may have; one that is streamed has no limit.
	// Source: the same; that the answer is then an empty 500: PolicyEngine/policyengine-api pull request 3798.
	MaxResponse = 32 << 20
	// StartupTimeout is how long an instance may take to listen. Source: "Configure container health checks", default
	// TCP startup probe: period 240 s, failure threshold 1.
	StartupTimeout = 240 * time.Second
	// Concurrency is how many requests one instance takes at once, where a service names no number. Source: "Maximum
	// concurrent requests per instance".
	Concurrency = 80
	// PendingTimeout is how long a request waits for a free instance. Source: "About instance autoscaling": up to 10 s
	// or 3.5 times the average startup time, whichever is more; here the 10 s.
	PendingTimeout = 10 * time.Second
	// IdleTimeout is how long an idle instance is kept. Source: "About instance autoscaling": at most 15 minutes.
	IdleTimeout = 15 * time.Minute

	defaultTimeout   = 60 * time.Second // Source: Cloud Functions v2 API, ServiceConfig.timeoutSeconds
	defaultInstances = 100              // Source: "Maximum instances for Cloud Run services", default
)

// Options configure a Service.
type Options struct {
	Function       plane.Function
	Binary         string // from Build
	Root           string // the unpacked source, the function's working directory
	Supervisor     *process.Supervisor
	Log            *process.Log
	Logger         *slog.Logger
	Extra          []string      // more KEY=value for every instance; the function's own environment wins
	StartupTimeout time.Duration // 0: StartupTimeout
	IdleTimeout    time.Duration // 0: IdleTimeout
}

// Errors of Start, for errors.Is.
var (
	// ErrStartup means that an instance ended or did not listen in time.
	ErrStartup = errors.New("the container failed to start and listen on the port defined by the PORT environment variable")
	// ErrClosed means that the service was taken away.
	ErrClosed = errors.New("cloud run: service is gone")
)

// Service is a deployed function with its instances. It is an http.Handler that answers as Cloud Run itself does,
// including the failures: 413, 429, 503 and 504.
type Service struct {
	o      Options
	ctx    context.Context // ends with Close, and with it every start
	cancel context.CancelFunc
	starts sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	fetched   map[string]string      // variables for instances that start from now on, in place of the function's own
	unfetched string                 // why none starts, "" if they do
	all       []*instance            // that take requests
	living    map[*instance]struct{} // whose process has not ended, those being retired included
	starting  int
	changed   chan struct{} // closed and renewed whenever a place may have become free
}

// New returns a service without instances.
func New(o Options) *Service {
	if o.StartupTimeout == 0 {
		o.StartupTimeout = StartupTimeout
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = IdleTimeout
	}
	if o.Function.Timeout <= 0 {
		o.Function.Timeout = defaultTimeout
	}
	if o.Function.Instances <= 0 {
		o.Function.Instances = defaultInstances
	}
	if o.Function.Concurrency <= 0 {
		o.Function.Concurrency = Concurrency
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Service{o: o, unfetched: o.Function.Unfetched, ctx: ctx, cancel: cancel, living: map[*instance]struct{}{}, changed: make(chan struct{})}
}

// Start starts the instances that are kept warm, one at least, and waits for them to listen, as a deployment does before it
// calls a revision ready. The error wraps ErrStartup when the function is to blame. Source: "Set minimum instances for
// services", docs.cloud.google.com/run/docs/configuring/min-instances. One that crashes is not made up for until a request
// wants it.
func (s *Service) Start(ctx context.Context) error {
	for range max(1, s.o.Function.Warm) {
		if err := s.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) start(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.starting++
	s.starts.Add(1)
	s.mu.Unlock()
	inst, err := s.add(ctx)
	if err != nil {
		return err
	}
	s.leave(inst)
	return nil
}

// Fetch has instances that start from now on get these values for their variables, or not start at all, for the reason given;
// those that run keep what they have. Source: "Configure secrets", how secrets are checked at deployment and runtime,
// docs.cloud.google.com/run/docs/configuring/services/secrets: "the value of the secret is retrieved prior to starting the
// instance, so if secret retrieval fails, the instance does not start".
func (s *Service) Fetch(variables map[string]string, unfetched string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetched, s.unfetched = maps.Clone(variables), unfetched
}

// options are those of an instance that starts now. The error wraps ErrStartup.
func (s *Service) options() (Options, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.o
	if s.unfetched != "" {
		return o, fmt.Errorf("%w: %s", ErrStartup, s.unfetched)
	}
	if len(s.fetched) > 0 {
		o.Function.Environment = maps.Clone(o.Function.Environment)
		maps.Copy(o.Function.Environment, s.fetched)
	}
	return o, nil
}

// Instances is how many instances are up.
func (s *Service) Instances() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

// enter finds an instance with room for one more request, starting one when all are full and there may be more. It
// returns errPending when none gets free in time.
func (s *Service) enter(ctx context.Context) (*instance, error) {
	timer := time.NewTimer(PendingTimeout)
	defer timer.Stop()
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return nil, ErrClosed
		}
		for _, inst := range s.all {
			if inst.requests < s.o.Function.Concurrency {
				inst.requests++
				inst.stopReaper()
				s.mu.Unlock()
				return inst, nil
			}
		}
		if s.starting == 0 && len(s.all) < s.o.Function.Instances {
			s.starting++
			s.starts.Add(1)
			s.mu.Unlock()
			// The start belongs to the service and not to the request that caused it.
			return s.add(context.WithoutCancel(ctx))
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-timer.C:
			return nil, errPending
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// add starts an instance that the caller has counted in starting and starts, and enters it for the caller.
func (s *Service) add(ctx context.Context) (*instance, error) {
	defer s.starts.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	o, err := s.options()
	var inst *instance
	if err == nil {
		inst, err = startInstance(ctx, o)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starting--
	s.signal()
	if err != nil {
		return nil, err
	}
	inst.requests = 1
	s.all = append(s.all, inst)
	s.living[inst] = struct{}{} // Close waits for starts and finds it here
	go func() {
		<-inst.proc.Done()
		s.drop(inst)
	}()
	return inst, nil
}

// leave ends a request on an instance.
func (s *Service) leave(inst *instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	inst.requests--
	s.signal()
	if inst.requests == 0 && !s.closed {
		inst.startReaper(s.o.IdleTimeout, func() { s.reap(inst) })
	}
}

// reap takes an instance away that has been idle for long, unless it is one of those kept warm: SIGTERM first, as Cloud Run
// does.
func (s *Service) reap(inst *instance) {
	s.mu.Lock()
	idle := inst.requests == 0 && len(s.all) > s.o.Function.Warm
	if idle {
		s.remove(inst)
	}
	s.mu.Unlock()
	if idle {
		inst.retire()
	}
}

// drop forgets an instance and makes sure that it is gone.
func (s *Service) drop(inst *instance) {
	s.mu.Lock()
	s.remove(inst)
	s.signal()
	s.mu.Unlock()
	inst.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.living, inst)
}

// remove takes an instance out of the list; s.mu is held.
func (s *Service) remove(inst *instance) {
	for i, other := range s.all {
		if other == inst {
			s.all = append(s.all[:i], s.all[i+1:]...)
			return
		}
	}
}

// signal wakes who waits for a place; s.mu is held.
func (s *Service) signal() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Close ends every instance and returns when all processes are gone.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	s.signal()
	s.mu.Unlock()
	s.cancel()
	s.starts.Wait()
	s.mu.Lock()
	s.all = nil
	living := slices.Collect(maps.Keys(s.living))
	s.mu.Unlock()
	for _, inst := range living {
		inst.stop()
	}
}

// environment is the container contract's, and the function's own variables. Sources: "Container runtime contract",
// environment variables, https://cloud.google.com/run/docs/container-contract; "Configure environment variables for
// functions", variables set automatically.
func environment(o Options, port int) []string {
	name := o.Function.ID[strings.LastIndex(o.Function.ID, "/")+1:]
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + o.Root}
	env = append(env, o.Extra...)
	for k, v := range o.Function.Environment {
		env = append(env, k+"="+v)
	}
	return append(env,
		"PORT="+strconv.Itoa(port),
		"K_SERVICE="+name,
		"K_REVISION="+name+"-00001-"+o.Function.Digest[:min(3, len(o.Function.Digest))],
		"K_CONFIGURATION="+name,
		"FUNCTION_TARGET="+o.Function.Entry,
		"FUNCTION_SIGNATURE_TYPE=http",
	)
}

var _ http.Handler = (*Service)(nil)
