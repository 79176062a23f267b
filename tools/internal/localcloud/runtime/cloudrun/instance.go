package cloudrun

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/runtime/process"
)

// terminationGrace is how long an instance has between SIGTERM and SIGKILL. Source: "Container runtime contract",
// instance shutdown: 10 s.
const terminationGrace = 10 * time.Second

// probeInterval is how often the startup probe tries to connect. The cloud's probe waits inside one long attempt; this
// comes to the same.
const probeInterval = 10 * time.Millisecond

// instance is one running copy of the function.
type instance struct {
	sup       *process.Supervisor
	proc      *process.Process
	port      int
	addr      string
	transport *http.Transport
	requests  int         // guarded by the service's lock
	reaper    *time.Timer // guarded by the service's lock
	released  sync.Once   // the port
}

// startInstance starts a process and waits until it accepts connections on its port.
func startInstance(ctx context.Context, o Options) (*instance, error) {
	port, err := o.Supervisor.Port()
	if err != nil {
		return nil, fmt.Errorf("cloud run: %s: %w", o.Function.ID, err)
	}
	proc, err := o.Supervisor.Start(process.Spec{
		Path: o.Binary, Dir: o.Root, Env: environment(o, port), Log: o.Log,
	})
	if err != nil {
		o.Supervisor.Release(port)
		return nil, fmt.Errorf("%w: %w", ErrStartup, err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	inst := &instance{sup: o.Supervisor, proc: proc, port: port, addr: addr, transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
		MaxIdleConnsPerHost: o.Function.Concurrency,
		DisableCompression:  true, // Cloud Run passes Accept-Encoding and bodies through as they are
	}}
	if err := inst.probe(ctx, o.StartupTimeout); err != nil {
		inst.stop()
		return nil, err
	}
	return inst, nil
}

func (i *instance) probe(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", i.addr)
		if err == nil {
			_ = conn.Close()
			return nil
		}
		select {
		case <-tick.C:
		case <-i.proc.Done():
			return fmt.Errorf("%w: it ended: %s", ErrStartup, orZero(i.proc.Status()))
		case <-ctx.Done():
			return fmt.Errorf("%w within %s: %w", ErrStartup, limit, ctx.Err())
		}
	}
}

func orZero(status string) string {
	if status == "" {
		return "exit status 0"
	}
	return status
}

func (i *instance) startReaper(after time.Duration, f func()) {
	i.stopReaper()
	i.reaper = time.AfterFunc(after, f)
}

func (i *instance) stopReaper() {
	if i.reaper != nil {
		i.reaper.Stop()
	}
}

// retire ends the process gently.
func (i *instance) retire() {
	i.proc.Interrupt()
	timer := time.NewTimer(terminationGrace)
	defer timer.Stop()
	select {
	case <-i.proc.Done():
	case <-timer.C:
	}
	i.stop()
}

// stop ends the process at once and waits for it to be gone. It may be called more than once.
func (i *instance) stop() {
	i.proc.Kill()
	<-i.proc.Done()
	i.transport.CloseIdleConnections()
	i.released.Do(func() { i.sup.Release(i.port) })
}
