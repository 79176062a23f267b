package azurehost

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/runtime/process"
)

// Figures of the host, from its source.
const (
	// MaxExits is how many times the handler may end before the host gives up (HttpFunctionInvocationDispatcher:
	// ErrorEventsThreshold; observed on host 4.1045).
	MaxExits = 3
	// exitWindow is after how long without one earlier exits are forgiven (WorkerConstants).
	exitWindow = 30 * time.Minute
	// StartTimeout is how long the handler may take to listen (WorkerConstants: WorkerInitTimeoutSeconds).
	StartTimeout = 30 * time.Second
	// probeInterval is how often the host looks whether the handler listens (WorkerConstants).
	probeInterval = 25 * time.Millisecond
	// MaxRequest is the most bytes a request body may have, unless the app setting FUNCTIONS_REQUEST_BODY_SIZE_LIMIT
	// says otherwise (azure-functions-host pull request 9471).
	MaxRequest = 210_000_000
	// MaxHeaders is Kestrel's MaxRequestHeadersTotalSize: 32 KB, so that 40 KB are answered 431 (observed on host 4.1045).
	MaxHeaders = 32 << 10
	// DefaultRestart is after how long the platform starts a new host where one has shut down. The figure is ours:
	// Azure names none.
	DefaultRestart = 30 * time.Second
)

// version is the host this package was modelled on.
const version = "4.1045.0"

// Options configure a Host.
type Options struct {
	Function   plane.Function
	App        *App  // nil when the package does not load
	LoadError  error // why; the app then answers 503, as a host that cannot start does
	Supervisor *process.Supervisor
	Log        *process.Log
	Logger     *slog.Logger
	Extra      []string      // more KEY=value for the handler; the app settings win
	Restart    time.Duration // 0: DefaultRestart
}

// Host is the Functions host of one app. It is an http.Handler that answers as the host does, failures included.
type Host struct {
	o         Options
	maxBody   int64
	transport *http.Transport
	slots     chan struct{} // one for each request that the app's instances take together; nil for no limit

	mu      sync.Mutex
	closed  bool
	port    int           // the handler's, the same after a restart; 0 before the first start and after one that failed
	worker  *worker       // nil before the first request and after the end of the handler
	exits   []time.Time   // of the handler, within the window
	down    time.Time     // until when the host is shut down
	changed chan struct{} // closed and renewed when the worker becomes ready or ends
}

type worker struct {
	proc  *process.Process
	ready bool
}

// errDown means that there is no handler to ask and none coming in time.
var errDown = errors.New("function host is not running")

// New returns a host whose handler starts with the first request, or at once where instances are always ready. The instances
// of an app are one process here: it takes as many requests at a time as all of them together.
func New(o Options) *Host {
	if o.Restart == 0 {
		o.Restart = DefaultRestart
	}
	h := &Host{o: o, maxBody: MaxRequest, changed: make(chan struct{})}
	if v, err := strconv.ParseInt(o.Function.Environment["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"], 10, 64); err == nil && v > 0 {
		h.maxBody = v
	}
	if o.LoadError != nil {
		o.Log.Add("The host could not start: " + o.LoadError.Error())
	}
	h.transport = &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, h.address())
		},
		MaxIdleConnsPerHost: 100,
		DisableCompression:  true,
	}
	if n := o.Function.Instances * o.Function.Concurrency; n > 0 {
		h.slots = make(chan struct{}, n)
	}
	if o.Function.Warm > 0 && o.App != nil {
		h.mu.Lock()
		if err := h.startLocked(); err != nil {
			o.Log.Add("The host could not make an instance ready: " + err.Error())
		}
		h.mu.Unlock()
	}
	return h
}

// address is where the handler listens.
func (h *Host) address() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(h.port))
}

// ensure waits until the handler listens, starting it if need be.
func (h *Host) ensure(ctx context.Context) error {
	timer := time.NewTimer(StartTimeout)
	defer timer.Stop()
	for {
		h.mu.Lock()
		switch {
		case h.closed, h.o.App == nil, time.Now().Before(h.down):
			h.mu.Unlock()
			return errDown
		case h.worker == nil:
			if err := h.startLocked(); err != nil {
				h.mu.Unlock()
				return err
			}
		case h.worker.ready:
			h.mu.Unlock()
			return nil
		}
		changed := h.changed
		h.mu.Unlock()
		select {
		case <-changed:
		case <-timer.C:
			return errDown
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// startLocked starts the handler; h.mu is held. A handler that cannot be started counts as one that ended.
func (h *Host) startLocked() error {
	if h.port == 0 {
		port, err := h.o.Supervisor.Port()
		if err != nil {
			return fmt.Errorf("azure functions: %s: %w", h.o.Function.ID, err)
		}
		h.port = port
	}
	proc, err := h.o.Supervisor.Start(process.Spec{
		Path: h.o.App.Executable, Args: h.o.App.Arguments, Dir: h.o.App.WorkDir,
		Env: environment(h.o, h.port), Log: h.o.Log,
	})
	if err != nil {
		h.o.Log.Add("Failed to start the custom handler: " + err.Error())
		h.countExitLocked()
		return errDown
	}
	w := &worker{proc: proc}
	h.worker = w
	go h.watch(w, net.JoinHostPort("127.0.0.1", strconv.Itoa(h.port)))
	return nil
}

// watch follows a handler from its start to its end, and starts the next one.
func (h *Host) watch(w *worker, addr string) {
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
listening:
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
			h.mu.Lock()
			w.ready = true
			h.signalLocked()
			h.mu.Unlock()
			break listening
		}
		select {
		case <-tick.C:
		case <-w.proc.Done():
			break listening // it will not listen any more
		}
	}
	<-w.proc.Done()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.worker = nil
	h.signalLocked()
	if h.closed {
		return
	}
	if !w.ready { // someone else may have been given the port before the handler could bind it
		h.o.Supervisor.Release(h.port)
		h.port = 0
	}
	status := w.proc.Status()
	if status == "" {
		status = "exit status 0"
	}
	h.o.Log.Add("The custom handler ended: " + status)
	if h.countExitLocked() {
		if err := h.startLocked(); err != nil {
			h.o.Logger.Warn("azure functions: handler could not be restarted", "function", h.o.Function.ID, "error", err)
		}
	}
}

// countExitLocked notes an end of the handler and reports whether it may be started again; h.mu is held.
func (h *Host) countExitLocked() bool {
	now := time.Now()
	if n := len(h.exits); n > 0 && now.Sub(h.exits[n-1]) > exitWindow {
		h.exits = nil
	}
	h.exits = append(h.exits, now)
	if len(h.exits) < MaxExits {
		return true
	}
	h.o.Log.Add("Exceeded custom handler restart retry count. Shutting down Functions Host")
	h.exits = nil // the platform's next host counts anew
	h.down = now.Add(h.o.Restart)
	return false
}

// signalLocked wakes who waits for the handler; h.mu is held.
func (h *Host) signalLocked() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// Close ends the handler and returns when it is gone.
func (h *Host) Close() {
	h.mu.Lock()
	h.closed = true
	w, port := h.worker, h.port
	h.signalLocked()
	h.mu.Unlock()
	if w != nil {
		w.proc.Kill()
		<-w.proc.Done()
	}
	h.transport.CloseIdleConnections()
	if port != 0 {
		h.o.Supervisor.Release(port)
	}
}

// environment is what a handler finds: the app settings and what platform and host add. Sources: "App settings
// reference for Azure Functions"; "Environment variables and app settings in Azure App Service"; HttpWorkerConstants.
func environment(o Options, port int) []string {
	site := o.Function.ID[strings.LastIndex(o.Function.ID, "/")+1:]
	_, region, _ := strings.Cut(o.Function.Region, "/")
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + o.App.Root}
	env = append(env, o.Extra...)
	for k, v := range o.Function.Environment {
		env = append(env, k+"="+v)
	}
	return append(env,
		"FUNCTIONS_CUSTOMHANDLER_PORT="+strconv.Itoa(port),
		"FUNCTIONS_HTTPWORKER_PORT="+strconv.Itoa(port),
		"FUNCTIONS_CUSTOMHANDLER_WORKER_ID="+newID(),
		"FUNCTIONS_WORKER_RUNTIME=custom",
		"AZURE_FUNCTIONS_ENVIRONMENT=Production",
		"WEBSITE_SITE_NAME="+site,
		"WEBSITE_HOSTNAME="+site+".azurewebsites.net",
		"REGION_NAME="+region,
	)
}

// newID is a random UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
