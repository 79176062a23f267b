// Package vendorhost runs functions on the vendors' own hosts, where they are installed, in place of the local clouds': AWS's
// Lambda runtime interface emulator (aws-lambda-rie) and Azure's Functions host (func, of the Core Tools). The fronts stay
// the local ones. It is how the conformance table finds out whether the local runtimes tell the truth.
//
// Unlike everything else of the local clouds, Azure's host listens on every address of the machine, and has no switch for it
// (Azure/azure-functions-core-tools, StartHostAction.Setup).
package vendorhost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/front"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/runtime"
	"polygate.example/tools/internal/localcloud/runtime/lambda"
	"polygate.example/tools/internal/localcloud/runtime/process"
	"polygate.example/tools/internal/localcloud/runtime/unpack"
)

// Hosts are the executables found; "" where there is none.
type Hosts struct {
	RIE  string // aws-lambda-rie
	Func string // func
}

// Find looks for the hosts on PATH.
func Find() Hosts {
	look := func(name string) string {
		path, err := exec.LookPath(name)
		if err != nil {
			return ""
		}
		if abs, err := filepath.Abs(path); err == nil {
			return abs
		}
		return path
	}
	return Hosts{RIE: look("aws-lambda-rie"), Func: look("func")}
}

// startTimeout is how long a host may take to listen; the Functions host takes several seconds.
const startTimeout = 2 * time.Minute

// Functions hands the fronts the vendors' hosts for the functions that can run there, and the local runtimes for all others.
type Functions struct {
	base  front.Functions
	hosts Hosts
	dir   string
	sup   *process.Supervisor
	log   *process.Log
	now   func() time.Time

	mu      sync.Mutex
	started map[string]*host // by the function's id
}

// host is one version of a function on a vendor's host.
type host struct {
	version string
	once    sync.Once
	addr    string
	proc    *process.Process  // nil when it was not started
	secrets *lambda.Extension // that a Lambda function reads secrets by; the emulator has no layers. nil without it
	err     error
	busy    sync.Mutex // the emulator takes one event at a time
}

var _ front.Functions = (*Functions)(nil)

// New wraps base. dir takes the unpacked packages, and now tells cloud time.
func New(base front.Functions, hosts Hosts, dir string, now func() time.Time) *Functions {
	return &Functions{base: base, hosts: hosts, dir: dir, now: now, sup: process.NewSupervisor(), log: &process.Log{}, started: map[string]*host{}}
}

// Close ends every host and waits for it.
func (f *Functions) Close() {
	f.mu.Lock()
	for _, h := range f.started {
		h.end()
	}
	f.mu.Unlock()
	f.sup.Close()
}

// Serve returns the function of this id, on the vendor's host if there is one for its runtime.
func (f *Functions) Serve(id string) (runtime.Invoker, bool) {
	inv, ok := f.base.Serve(id)
	if !ok {
		return inv, false
	}
	switch {
	case inv.Function.Runtime == plane.Lambda && f.hosts.RIE != "":
		return runtime.Invoker{Function: inv.Function, Event: emulator{f, f.host(inv.Function), inv.Function}}, true
	case inv.Function.Runtime == plane.AzureFunctions && f.hosts.Func != "":
		return runtime.Invoker{Function: inv.Function, HTTP: functionsHost{f, f.host(inv.Function), inv.Function}}, true
	}
	return inv, true
}

// host is the one place of a version of a function. The version before ends, whatever it is doing.
func (f *Functions) host(fn plane.Function) *host {
	f.mu.Lock()
	defer f.mu.Unlock()
	version := fmt.Sprint(fn.Digest, fn.Environment)
	before := f.started[fn.ID]
	if before != nil && before.version == version {
		return before
	}
	f.started[fn.ID] = &host{version: version}
	if before != nil {
		go before.end()
	}
	return f.started[fn.ID]
}

// end ends the host's process, when it has started, and keeps one that has not from starting.
func (h *host) end() {
	h.once.Do(func() { h.err = errors.New("another version of the function was deployed") })
	if h.proc != nil {
		h.proc.Kill()
	}
	if h.secrets != nil {
		h.secrets.Close()
	}
}

// emulator calls a Lambda function through aws-lambda-rie.
type emulator struct {
	f  *Functions
	h  *host
	fn plane.Function
}

// Invoke posts the event to the emulator. Anything but 200 is a function that failed
// (github.com/aws/aws-lambda-runtime-interface-emulator, cmd/aws-lambda-rie/handlers.go).
func (e emulator) Invoke(ctx context.Context, event []byte) (lambda.Result, error) {
	if err := e.f.startRIE(e.h, e.fn); err != nil {
		return lambda.Result{}, err
	}
	begun := time.Now()
	e.h.busy.Lock()
	defer e.h.busy.Unlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+e.h.addr+"/2015-03-31/functions/function/invocations", bytes.NewReader(event))
	if err != nil {
		return lambda.Result{}, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return lambda.Result{}, fmt.Errorf("aws-lambda-rie: %w", err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, lambda.MaxResponse+1))
	if err != nil {
		return lambda.Result{}, fmt.Errorf("aws-lambda-rie: %w", err)
	}
	r := lambda.Result{Payload: b, Duration: time.Since(begun)}
	if res.StatusCode != http.StatusOK {
		r.ErrType = "Unhandled"
	}
	return r, nil
}

// startRIE starts the emulator once. It runs bootstrap itself and restarts it after a crash.
func (f *Functions) startRIE(h *host, fn plane.Function) error {
	return f.start(h, fn, f.hosts.RIE, func(root, addr string, port int) ([]string, error) {
		api, err := f.sup.Port() // where bootstrap asks for events
		if err != nil {
			return nil, err
		}
		return []string{"--runtime-interface-emulator-address", addr, "--runtime-api-address", "127.0.0.1:" + strconv.Itoa(api),
			filepath.Join(root, "bootstrap")}, nil
	})
}

// startFunc starts the Functions host once, in the unpacked package. The settings file is what the Core Tools want before
// they run a custom handler (learn.microsoft.com/azure/azure-functions/functions-develop-local, "Local settings file").
func (f *Functions) startFunc(h *host, fn plane.Function) error {
	return f.start(h, fn, f.hosts.Func, func(root, _ string, port int) ([]string, error) {
		settings := []byte(`{"IsEncrypted":false,"Values":{"FUNCTIONS_WORKER_RUNTIME":"custom"}}` + "\n")
		if err := os.WriteFile(filepath.Join(root, "local.settings.json"), settings, 0o600); err != nil {
			return nil, err
		}
		return []string{"start", "--port", strconv.Itoa(port)}, nil
	})
}

// start runs a host with the arguments that args gives for the unpacked package and an address, and waits until it listens.
func (f *Functions) start(h *host, fn plane.Function, path string, args func(root, addr string, port int) ([]string, error)) error {
	h.once.Do(func() {
		h.err = func() error {
			root, err := unpack.To(f.dir, fn.Package, fn.Digest)
			if err != nil {
				return err
			}
			port, err := f.sup.Port()
			if err != nil {
				return err
			}
			h.addr = "127.0.0.1:" + strconv.Itoa(port)
			argv, err := args(root, h.addr, port)
			if err != nil {
				return err
			}
			env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + f.dir, "DOTNET_CLI_TELEMETRY_OPTOUT=1", "FUNCTIONS_CORE_TOOLS_TELEMETRY_OPTOUT=1"}
			for k, v := range fn.Environment {
				env = append(env, k+"="+v)
			}
			if fn.Secrets != nil {
				if h.secrets, err = f.extension(fn); err != nil {
					return err
				}
				env = append(env, h.secrets.Environment()...)
			}
			p, err := f.sup.Start(process.Spec{Path: path, Args: argv, Dir: root, Env: env, Log: f.log})
			if err != nil {
				return fmt.Errorf("start %s: %w", path, err)
			}
			h.proc = p
			return f.listening(p, path, h.addr)
		}()
	})
	return h.err
}

// extension is the one beside a function on the emulator, which does not tell when init is over: it is ready at once.
func (f *Functions) extension(fn plane.Function) (*lambda.Extension, error) {
	ready := make(chan struct{})
	close(ready)
	return lambda.NewExtension(lambda.ExtensionOptions{
		Function: fn, Ready: ready, Now: f.now,
		Secrets: func() map[string]plane.Secret {
			current, _ := f.base.Serve(fn.ID)
			return current.Function.Secrets
		},
	})
}

// listening waits until the address takes connections or the process has ended.
func (f *Functions) listening(p *process.Process, path, addr string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(startTimeout)
	defer limit.Stop()
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-p.Done():
			return fmt.Errorf("%s ended (%s) before it listened:\n%s", path, p.Status(), strings.Join(f.log.Lines(), "\n"))
		case <-limit.C:
			return errors.Join(fmt.Errorf("%s does not listen on %s after %s", path, addr, startTimeout), err)
		}
	}
}

// functionsHost is the Azure Functions host as a handler.
type functionsHost struct {
	f  *Functions
	h  *host
	fn plane.Function
}

// ServeHTTP passes the request to the host as the front end of App Service does.
func (s functionsHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.f.startFunc(s.h, s.fn); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: s.h.addr})
			p.Out.Host = p.In.Host
			p.Out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
		},
		FlushInterval: -1,
	}
	proxy.ServeHTTP(w, r)
}
