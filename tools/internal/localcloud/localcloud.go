// Package localcloud is three clouds and Cloudflare on one machine: the control planes that the Pulumi engine deploys to, and
// the data plane that serves what was deployed. This file puts the parts together; none of them knows another.
//
//	engine -> provider -> resource store -> aws, gcp, azure, cloudflare: project -> plane.World
//	plane.World -> runtime, front, dns, checker, monitor, balancer, edge, webtest
package localcloud

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/azure"
	"polygate.example/tools/internal/localcloud/balancer"
	"polygate.example/tools/internal/localcloud/checker"
	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/cloudflare"
	"polygate.example/tools/internal/localcloud/dns"
	"polygate.example/tools/internal/localcloud/edge"
	"polygate.example/tools/internal/localcloud/fault"
	"polygate.example/tools/internal/localcloud/front"
	"polygate.example/tools/internal/localcloud/gcp"
	"polygate.example/tools/internal/localcloud/monitor"
	"polygate.example/tools/internal/localcloud/origin"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/localcloud/place"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/provider"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/runtime"
	"polygate.example/tools/internal/localcloud/runtime/cloudrun"
	"polygate.example/tools/internal/localcloud/vendorhost"
	"polygate.example/tools/internal/localcloud/webtest"
	"polygate.example/tools/internal/process"
)

// Clouds are running local clouds.
type Clouds struct {
	opts     Options
	state    State
	store    *resource.Store
	clouds   []cloud
	services resource.Services
	faults   *fault.Set
	tokens   sync.Mutex // held while the highest token of a drill is kept
	world    atomic.Pointer[plane.World]

	challenges  challenges
	activations activations

	runtimes *runtime.Runtimes
	fronts   *front.Fronts
	dns      *dns.Server
	checkers *checker.Checker
	profiles *monitor.Monitor
	edge     *edge.Edge

	// Set once everything it needs is there: DNS and fronts, which ask it, are there before.
	balancers atomic.Pointer[balancer.Balancers]

	tests *webtest.Tests

	stop     chan struct{}
	stopOnce sync.Once
	closers  []func() error // in order of opening
}

// cloud is one provider's control plane: what it has, and what its resources make the data plane serve.
type cloud struct {
	*resource.Cloud
	project func(*resource.Env) (plane.World, error)
}

func clouds() []cloud {
	return []cloud{
		{aws.Cloud(), aws.Project},
		{gcp.Cloud(), gcp.Project},
		{azure.Cloud(), azure.Project},
		{cloudflare.Cloud(), cloudflare.Project},
	}
}

// Start brings everything up, what was deployed before included, and writes the state file last. On an error nothing is
// left running.
func Start(ctx context.Context, opts Options) (_ *Clouds, err error) {
	if opts.Log == nil {
		opts.Log = func(string, ...any) {}
	}
	unlock, err := lock(ctx, opts.Dir)
	if err != nil {
		return nil, err
	}
	c := &Clouds{opts: opts, clouds: clouds(), stop: make(chan struct{})}
	c.world.Store(&plane.World{})
	c.onClose(unlock)
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if err := c.startControl(); err != nil {
		return nil, err
	}
	if err := c.recallChallenges(); err != nil {
		return nil, err
	}
	if err := c.startData(); err != nil {
		return nil, err
	}
	if opts.PFX != nil {
		if err := c.bringCertificate(opts.PFX); err != nil {
			return nil, err
		}
	}
	if err := c.serve(); err != nil {
		return nil, err
	}
	if err := c.serveManagement(); err != nil {
		return nil, err
	}
	if err := c.apply(ctx); err != nil {
		return nil, err
	}
	applying, cancel := context.WithCancel(context.Background())
	c.store.OnChange(func() {
		if err := c.apply(applying); err != nil && applying.Err() == nil {
			opts.Log("serving what was deployed: %v", err)
		}
	})
	c.onClose(func() { // before the providers' end, which waits for the operation whose change is being applied
		cancel()
		c.activations.under.Wait()
	})
	c.activations.ctx = applying
	c.followDelegation()
	if err := c.state.write(opts.Dir); err != nil {
		return nil, err
	}
	// As the last step but the lock's release.
	c.closers = slices.Insert(c.closers, 1, func() error { return os.Remove(stateFile(opts.Dir)) })
	return c, nil
}

// lock takes the folder for these clouds: two of them would overwrite each other's records. The state of clouds that run is
// looked at as well, for systems without locks.
func lock(ctx context.Context, dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the local clouds' folder: %w", err)
	}
	running := fmt.Errorf("local clouds run from %s already, or are about to: use those, or end them with `polygate local stop`", dir)
	unlock, err = process.TryLock(filepath.Join(dir, "lock"))
	if errors.Is(err, process.ErrLocked) {
		return nil, running
	}
	if err != nil {
		return nil, err
	}
	if _, err := ReadState(ctx, dir); err == nil {
		unlock()
		return nil, running
	}
	return unlock, nil
}

// startControl opens what the control planes share.
func (c *Clouds) startControl() error {
	store, err := resource.Open(filepath.Join(c.opts.Dir, "store"))
	if err != nil {
		return err
	}
	c.store = store
	for _, z := range c.opts.Zones {
		if err := z.seed(store, c.named(z.Name, zoneManagers(c.opts.Zones, z.Name)) == z.Manager); err != nil {
			return fmt.Errorf("seed zone %s: %w", z.Name, err)
		}
	}
	ca, err := pki.Open(filepath.Join(c.opts.Dir, "ca"))
	if err != nil {
		return err
	}
	fronts, err := newAddresses(c.opts.Network, c.opts.Edge.Port(), store, c.opts.Log)
	if err != nil {
		return err
	}
	clk := clock.New(c.opts.Speed)
	if c.faults, err = c.newFaults(clk); err != nil {
		return err
	}
	c.services = resource.Services{
		Addresses: fronts,
		DNS:       world{zones: c.opts.Zones, holders: holders(), delegated: c.named},
		CA:        ca,
		Clock:     clk,
		Refuse:    c.faults.Refuses,
		Build:     c.build,
	}
	c.state = State{
		PID: os.Getpid(), Speed: c.services.Clock.Speed(), CA: ca.Path(), Token: rand.Text(), Dials: c.opts.Dials,
		Providers: map[string]int{}, Started: time.Now().UTC(),
	}
	return nil
}

// build has the data plane build and try a function. The control planes know nothing of runtimes, so what they need to
// tell apart is said in their words.
func (c *Clouds) build(ctx context.Context, f plane.Function) error {
	err := c.runtimes.Check(ctx, f)
	if errors.Is(err, cloudrun.ErrStartup) {
		return fmt.Errorf("%w: %w", resource.ErrUnready, err)
	}
	return err
}

// startData opens the data plane; it serves nothing yet.
func (c *Clouds) startData() (err error) {
	logger := slog.New(slog.NewTextHandler(logWriter{c.opts.Log}, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: dropTime}))
	c.runtimes = runtime.New(runtime.Options{Dir: filepath.Join(c.opts.Dir, "run"), Logger: logger, Now: c.services.Clock.Now})
	c.onClose(c.runtimes.Close)
	var functions front.Functions = c.runtimes
	if c.opts.Vendor {
		hosts := vendorhost.New(c.runtimes, vendorhost.Find(), filepath.Join(c.opts.Dir, "vendor"), c.services.Clock.Now)
		c.onClose(hosts.Close)
		functions = hosts
	}
	c.fronts = front.New(front.Options{
		Runtimes: functions, Faults: c.faults, Clock: c.services.Clock, Proxies: c.proxy, Logger: logger, Expired: c.expired,
	})
	c.onClose(c.fronts.Close)
	o, err := origin.New(origin.Options{Listen: c.opts.Origin, Logger: logger})
	if err != nil {
		return taken("origin", err)
	}
	c.closers = append(c.closers, o.Close)
	// DNS asks the checkers, which dial by DNS: the one is told of the other when both are there.
	var checkers atomic.Pointer[checker.Checker]
	healthy := func(id string) bool {
		k := checkers.Load()
		return k == nil || k.Healthy(id)
	}
	var profiles atomic.Pointer[monitor.Monitor]
	steer := func(name string, from place.Place) (dns.Steered, bool) {
		m := profiles.Load()
		if m == nil {
			return dns.Steered{}, false
		}
		return m.Answer(name, from)
	}
	if c.dns, err = dns.New(dns.Options{Listen: c.opts.DNS, Health: healthy, Steer: []dns.Steer{steer, c.balance}, Down: c.faults.Lost, Stale: c.faults.Stale, Logger: logger}); err != nil {
		return taken("dns", err)
	}
	c.closers = append(c.closers, c.dns.Close)
	if c.edge, err = edge.New(edge.Options{Listen: c.opts.Edge, Resolve: c.dns.Resolve, Logger: logger}); err != nil {
		return taken("edge", err)
	}
	c.closers = append(c.closers, c.edge.Close)
	if c.checkers, err = checker.New(checker.Options{
		Clock: c.services.Clock, Dial: c.edge.Dialer().Dial, Delay: c.fronts.Delay, Logger: logger,
	}); err != nil {
		return err
	}
	checkers.Store(c.checkers)
	c.closers = append(c.closers, c.checkers.Close)
	if c.profiles, err = monitor.New(monitor.Options{
		Clock: c.services.Clock, Dial: c.edge.Dialer().Dial, Delay: c.fronts.Delay, Logger: logger,
		Stale: func() bool { return c.faults.Stale(managerAzure) },
	}); err != nil {
		return err
	}
	profiles.Store(c.profiles)
	c.closers = append(c.closers, c.profiles.Close)
	if err := c.startBalancers(logger); err != nil {
		return err
	}
	ca, err := c.authority()
	if err != nil {
		return err
	}
	if c.tests, err = webtest.New(webtest.Options{
		Clock: c.services.Clock, Dial: c.edge.Dialer().Dial, Delay: c.fronts.Delay, Roots: ca.Pool(), Logger: logger,
	}); err != nil {
		return err
	}
	c.closers = append(c.closers, c.tests.Close)
	c.state.DNS, c.state.Edge, c.state.Origin = c.dns.Addr().String(), c.edge.Addr().String(), o.Addr().String()
	return nil
}

// onClose registers an end that cannot fail.
func (c *Clouds) onClose(end func()) {
	c.closers = append(c.closers, func() error { end(); return nil })
}

// taken says which dial to turn when an address is in use.
func taken(dial string, err error) error {
	also := ""
	if dial == "origin" {
		also = " and the targets that name it in the gateway document"
	}
	return fmt.Errorf("%w: is another environment running? stop it with `polygate local stop`, or change polygate:localClouds.%s in the stack file%s", err, dial, also)
}

// serve opens the provider protocol and the control API on free ports of 127.0.0.1.
func (c *Clouds) serve() error {
	for _, cl := range c.clouds {
		ctl, err := resource.NewController(cl.Cloud, c.store, c.services)
		if err != nil {
			return err
		}
		srv, err := provider.Start("127.0.0.1:0", ctl)
		if err != nil {
			return err
		}
		c.closers = append(c.closers, srv.Close)
		c.state.Providers[cl.Package] = srv.Port()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("serve the control API: %w", err)
	}
	c.state.API = l.Addr().String()
	srv := &http.Server{Handler: c.api(), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	c.closers = append(c.closers, func() error {
		// Shutdown lets the answer to the order to stop go out.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err := errors.Join(srv.Shutdown(ctx), srv.Close())
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	})
	return nil
}

// apply derives the world from all resources and has it served. A part that cannot be served does not keep the others
// from it.
func (c *Clouds) apply(ctx context.Context) error {
	var w plane.World
	var problems []error
	for _, cl := range c.clouds {
		part, err := cl.project(resource.NewEnv(c.store, cl.Cloud, c.services))
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", cl.Provider, err))
		}
		w.Functions = append(w.Functions, part.Functions...)
		w.Sites = append(w.Sites, part.Sites...)
		w.Zones = append(w.Zones, part.Zones...)
		w.Checks = append(w.Checks, part.Checks...)
		w.Profiles = append(w.Profiles, part.Profiles...)
		w.Balancers = append(w.Balancers, part.Balancers...)
		w.Tests = append(w.Tests, part.Tests...)
	}
	problems = append(problems, c.delegate(w.Zones))
	c.world.Store(&w)
	problems = append(problems, c.runtimes.Apply(ctx, w.Functions), c.fronts.Apply(w.Sites))
	c.edge.Apply(w.Sites)
	problems = append(problems, c.serveZones(), c.checkers.Apply(w.Checks), c.profiles.Apply(w.Profiles))
	problems = append(problems, c.balancers.Load().Apply(w.Balancers, w.Sites), c.tests.Apply(w.Tests))
	return errors.Join(problems...)
}

// Wait returns when the clouds are asked to stop, through their API or by ctx.
func (c *Clouds) Wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-c.stop:
	}
}

// Close ends everything, last opened first, and removes the state file. What was deployed stays in the folder.
func (c *Clouds) Close() error {
	var problems []error
	for i := len(c.closers) - 1; i >= 0; i-- {
		problems = append(problems, c.closers[i]())
	}
	c.closers = nil
	return errors.Join(problems...)
}
