package lambda

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/runtime/process"
)

// How an instance comes to be, in Lambda's words.
const (
	onDemand    = "on-demand"
	provisioned = "provisioned-concurrency"
)

// instance is one execution environment: a process and the Runtime API it alone can reach.
type instance struct {
	o        Options
	warm     bool // provisioned: it stays however long nobody calls
	server   *http.Server
	secrets  *Extension       // that serves secrets; nil without it
	proc     *process.Process // nil when it could not be started
	startErr error

	ready   chan struct{} // closed at the first request for an event
	polled  sync.Once
	failed  chan Result // what the runtime posted to /init/error
	work    chan *invocation
	stopped chan struct{}
	once    sync.Once

	mu      sync.Mutex
	current *invocation
	killed  bool
	reaper  *time.Timer
}

// newInstance starts a process. That the process cannot be started is no error here: Lambda finds that out at the
// first invocation, and so does initialise. initialization is how it comes to be, onDemand or provisioned.
func newInstance(o Options, initialization string) (*instance, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("lambda: open a Runtime API for %s: %w", o.Function.ID, err)
	}
	i := &instance{
		o: o, warm: initialization == provisioned, ready: make(chan struct{}), failed: make(chan Result, 1),
		work: make(chan *invocation), stopped: make(chan struct{}),
	}
	i.server = &http.Server{Handler: i.api(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = i.server.Serve(l) }() // ends with ErrServerClosed in stop
	extension, err := i.extend()
	if err != nil {
		_ = i.server.Close() // nobody knows it yet
		return nil, err
	}
	i.proc, i.startErr = o.Supervisor.Start(process.Spec{
		Path: filepath.Join(o.Root, "bootstrap"), Dir: o.Root,
		Env: append(environment(o, l.Addr().String(), initialization), extension...), Log: o.Log,
	})
	return i, nil
}

// environment is what Lambda defines for an OS-only runtime, and the function's own variables; AWS_EXECUTION_ENV is
// not set for these runtimes. Source: "Defined runtime environment variables",
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
// Credentials are left out: there is nothing here to use them on.
func environment(o Options, api, initialization string) []string {
	name := functionName(o.Function.ID)
	_, region, _ := strings.Cut(o.Function.Region, "/")
	// A function may override the unreserved variables, never the reserved ones: of two equal names the last counts.
	env := []string{"PATH=/usr/local/bin:/usr/bin/:/bin:/opt/bin", "LANG=en_US.UTF-8", "TZ=:UTC"}
	env = append(env, o.Extra...)
	for k, v := range o.Function.Environment {
		env = append(env, k+"="+v)
	}
	stream := time.Now().UTC().Format("2006/01/02") + "/[" + version(o) + "]" + strings.ReplaceAll(requestID(), "-", "")
	return append(env,
		"AWS_LAMBDA_RUNTIME_API="+api,
		"AWS_LAMBDA_FUNCTION_NAME="+name,
		"AWS_LAMBDA_FUNCTION_VERSION="+version(o),
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE="+strconv.Itoa(o.Function.Memory),
		"AWS_LAMBDA_INITIALIZATION_TYPE="+initialization,
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/"+name,
		"AWS_LAMBDA_LOG_STREAM_NAME="+stream,
		"AWS_REGION="+region,
		"AWS_DEFAULT_REGION="+region,
		"_HANDLER="+o.Function.Entry,
		"LAMBDA_TASK_ROOT="+o.Root,
		"LAMBDA_RUNTIME_DIR=/var/runtime",
	)
}

// functionName cuts the name out of the ARN of a function, a version or an alias.
func functionName(arn string) string {
	_, name, _ := strings.Cut(arn, ":function:")
	name, _, _ = strings.Cut(name, ":")
	return name
}

// version is what an instance runs.
func version(o Options) string { return cmp.Or(o.Function.Version, "$LATEST") }

// initialise waits until the instance asks for its first event. If it does not within limit, or ends, or reports an
// error, the Result says why and ok is false.
func (i *instance) initialise(limit time.Duration) (r Result, ok bool) {
	started := time.Now()
	defer func() { r.Duration = time.Since(started) }()
	if i.startErr != nil {
		return Result{ErrType: typeEntrypoint, reason: i.entrypointReason()}, false
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-i.ready:
		return Result{}, true
	case r := <-i.failed:
		return r, false
	case <-i.proc.Done():
		select { // the report comes before the end of the process
		case r := <-i.failed:
			return r, false
		default:
			return Result{ErrType: typeExit, reason: i.exitReason()}, false
		}
	case <-timer.C:
		return Result{ErrType: typeTimedOut, reason: fmt.Sprintf("init took longer than %s", limit)}, false
	}
}

// entrypointReason words why no process could be started, with the paths a function sees in the cloud.
func (i *instance) entrypointReason() string {
	if errors.Is(i.startErr, fs.ErrNotExist) {
		return "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
	}
	var path *fs.PathError
	if errors.As(i.startErr, &path) {
		return "fork/exec /var/task/bootstrap: " + path.Err.Error()
	}
	return i.startErr.Error()
}

// handle hands the event to the instance and waits for what it makes of it. If the instance ends before it has taken
// the event, delivered is false and the event can go elsewhere.
func (i *instance) handle(inv *invocation) (r Result, delivered bool) {
	timer := time.NewTimer(time.Until(inv.due()))
	defer timer.Stop()
	select {
	case i.work <- inv:
	case <-i.proc.Done():
		return Result{}, false
	case <-i.stopped:
		return Result{}, false
	case <-timer.C: // it has answered earlier and never asked again
		return Result{}, false
	}
	i.o.Log.Add(fmt.Sprintf("START RequestId: %s Version: %s", inv.id, version(i.o)))
	select {
	case r := <-inv.outcome():
		return r, true
	case <-timer.C:
		r := timedOut(inv, i.o.Function.Timeout)
		i.o.Log.Add(fmt.Sprintf("%s %s Task timed out after %.2f seconds",
			time.Now().UTC().Format(time.RFC3339), inv.id, i.o.Function.Timeout.Seconds()))
		i.kill()
		return r, true
	case <-i.proc.Done():
		select { // the answer comes before the end of the process
		case r := <-inv.outcome():
			return r, true
		default:
			return i.died(inv), true
		}
	}
}

func (i *instance) died(inv *invocation) Result { return failure(inv, typeExit, i.exitReason()) }

func (i *instance) exitReason() string {
	if i.proc == nil || i.proc.Status() == "" {
		return "Runtime exited without providing a reason"
	}
	return "Runtime exited with error: " + i.proc.Status()
}

// take returns the event in progress if it has this id, and ends its progress.
func (i *instance) take(id string) *invocation {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.current == nil || i.current.id != id {
		return nil
	}
	inv := i.current
	i.current = nil
	return inv
}

// finished reports whether the instance can take no further event.
func (i *instance) finished() bool {
	i.mu.Lock()
	killed := i.killed
	i.mu.Unlock()
	return killed || i.proc == nil || i.proc.Exited()
}

func (i *instance) kill() {
	i.mu.Lock()
	i.killed = true
	i.mu.Unlock()
	if i.proc != nil {
		i.proc.Kill()
	}
}

func (i *instance) startReaper(after time.Duration, f func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.reaper = time.AfterFunc(after, f)
}

func (i *instance) stopReaper() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.reaper != nil {
		i.reaper.Stop()
	}
}

// stop ends the process and its Runtime API, and waits for the process to be gone.
func (i *instance) stop() {
	i.once.Do(func() {
		close(i.stopped)
		i.stopReaper()
		i.kill()
	})
	if i.proc != nil {
		<-i.proc.Done()
	}
	_ = i.server.Close() // its only client is gone
	if i.secrets != nil {
		i.secrets.Close()
	}
}
