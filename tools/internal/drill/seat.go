package drill

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"polygate.example/shared/handler"
	"polygate.example/shared/topology"
	"polygate.example/tools/client"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/operate"
	"polygate.example/tools/internal/prober"
)

// seat is where one run is watched from: clients, name servers, and the manager.
type seat struct {
	runner  *runner
	options prober.Options
	prober  *prober.Prober
	watcher *prober.Watcher
	rec     recording
	ledger  ledger
	felt    time.Duration // when the fault was, once it is mended; 0 before
	cancel  context.CancelFunc
	polling sync.WaitGroup
	mu      sync.Mutex
	votes   []looked
	once    sync.Once
	ended   time.Duration
}

// sit starts to watch.
func (r *runner) sit(ctx context.Context) (*seat, error) {
	s := &seat{runner: r, options: r.world.Clients}
	load := r.drill.Extension.Clients
	s.options.Hostname, s.options.Speed, s.options.Rate = r.world.Topology.Hostname, r.world.Speed, load.Rate
	s.options.Path = cmp.Or(load.Path, r.path())
	s.options.Spread = r.wall(r.ttl())
	s.options.Right = right
	s.options.Clients = slices.Clone(s.options.Clients)
	for i := range s.options.Clients {
		if c := &s.options.Clients[i]; judged(*c) && c.Retries == 0 {
			c.Retries = load.Retries
		}
	}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx)) // it goes on while what was broken is mended
	var err error
	if s.prober, err = prober.Start(ctx, s.options); err != nil {
		s.cancel()
		return nil, err
	}
	watch := r.world.DNS
	watch.Name, watch.Begun = r.world.Topology.Hostname, s.prober.Begun()
	if s.watcher, err = prober.Watch(ctx, watch); err != nil {
		s.cancel()
		s.prober.Stop()
		return nil, err
	}
	s.rec = recording{begun: r.world.Wall(), speed: r.world.Speed, affected: r.drill.Affected, clients: s.options.Clients, lead: r.leads, target: r.drill.Extension.Objective.Availability,
		ttl: r.wall(r.ttl()), bound: r.wall(seconds(r.out.Expected.Bound))}
	s.ledger = newLedger()
	for _, server := range watch.Servers {
		s.rec.servers = append(s.rec.servers, server.Name)
	}
	s.polling.Go(func() { s.poll(ctx) })
	return s, nil
}

// path is what clients ask for: the health document, which every gateway has, unless that is what is broken. Any answer of a gateway will
// do; that nothing is there is one.
func (r *runner) path() string {
	for _, f := range r.drill.Faults {
		if f.Kind == HealthFail || f.SparesHealth {
			return "/"
		}
	}
	return "/health"
}

// right says which region an answer is from.
func right(r client.Result) (string, error) {
	region := r.Header.Get(handler.HeaderRegion)
	switch {
	case region == "":
		return "", fmt.Errorf("answered %d, and by no gateway", r.Status)
	case r.Status >= http.StatusInternalServerError:
		return region, fmt.Errorf("answered %d", r.Status)
	}
	return region, nil
}

// leads are the regions that the names and addresses of an answer stand for.
func (r *runner) leads(targets []string) []string {
	return Leads(r.world.Topology, r.world.Addresses, targets)
}

// Leads are the regions that the names and addresses of an answer stand for, in failover order. Names come before addresses: several regions
// may be at one address.
func Leads(t topology.Topology, addresses map[string][]string, targets []string) []string {
	var byName, byAddress []string
	for _, reg := range t.Regions {
		for _, target := range targets {
			switch {
			case strings.EqualFold(strings.TrimSuffix(target, "."), reg.Hostname):
				byName = append(byName, reg.Name)
			case slices.Contains(addresses[target], reg.Name):
				byAddress = append(byAddress, reg.Name)
			}
		}
	}
	if len(byName) > 0 {
		return slices.Compact(byName)
	}
	return slices.Compact(byAddress)
}

// poll asks the manager again and again. What it does not tell is left out: it may be what is broken.
func (s *seat) poll(ctx context.Context) {
	beat := time.NewTicker(max(s.runner.world.Every, tick))
	defer beat.Stop()
	for {
		asked := s.since()
		if seen, err := s.runner.world.Manager(ctx); err == nil {
			s.mu.Lock()
			s.votes = append(s.votes, looked{asked, maps.Clone(seen)})
			s.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
	}
}

// since is the time since the prober began.
func (s *seat) since() time.Duration { return time.Since(s.prober.Begun()) }

// cloud is wall time in seconds of cloud time.
func (s *seat) cloud(d time.Duration) float64 { return s.rec.cloud(d) }

// stop ends the watching; calling it again is harmless.
func (s *seat) stop() {
	s.once.Do(func() {
		s.ended = s.since()
		s.prober.Stop()
		s.watcher.Stop()
		s.cancel()
		s.polling.Wait()
	})
}

// recording is all that was seen, once it has stopped.
func (s *seat) recording() recording {
	s.rec.samples, s.rec.answers, s.rec.votes, s.rec.end = s.prober.Samples(0, s.ended), s.watcher.Answers(), s.votes, s.ended
	return s.rec
}

// order has the costs count from now on: the order to break goes out.
func (s *seat) order() {
	s.rec.ordered = s.since()
	s.ledger.restart(s.rec.ordered)
}

// read has the ledger count what has ended since it was last read.
func (s *seat) read() { s.ledger.add(&s.rec, s.prober.Ended(s.ledger.read)) }

// cost is how many requests judged clients have lost since the order to break, and how much of the error budget that is. A look at it takes time
// for what has ended since the last one, and for nothing that was there before.
func (s *seat) cost() (lost int, burned float64) {
	s.read()
	return s.ledger.lost, s.ledger.burn.share(s.rec.target)
}

// settled reports whether every client that was led away is back, and has been for a while, so that nobody remembers another answer. It is asked
// when all is mended.
func (s *seat) settled(quiet time.Duration) bool {
	s.read()
	if s.felt == 0 { // once a run
		r := s.rec
		r.samples = s.prober.Samples(r.ordered, r.mending)
		s.felt = r.fault()
	}
	at, led := s.ledger.returned(s.felt)
	if !led {
		at = s.rec.mended
	}
	return at != never && s.since()-at > quiet
}

// steady says what clients have seen so far, while nothing is broken, see recording.steady.
func (s *seat) steady() (red, told string) {
	r := s.rec
	r.samples = s.prober.Samples(0, s.since())
	return r.steady()
}

// worked is what the prober did.
func (s *seat) worked() Prober {
	st := s.prober.Stats()
	return Prober{Rate: s.options.Rate, Clients: len(s.options.Clients), Sent: st.Sent, Missed: st.Missed, LateP99: float64(st.Lateness.P99.Microseconds()) / 1000}
}

// load is how many times its present load the survivor gets that is hit hardest, see operate.Load.
func load(t topology.Topology, look Look, affected []string) float64 {
	seen := map[string]control.Region{}
	for _, r := range t.Regions {
		seen[r.Name] = control.Region{Healthy: look.Well[r.Name], Drained: look.Drained[r.Name]}
	}
	return operate.Load(t, seen, affected)
}

// designed is that load while all regions are well and in traffic but for those that the stack file keeps out of it.
func designed(t topology.Topology, affected []string) float64 {
	look := Look{Well: map[string]bool{}, Drained: map[string]bool{}}
	for _, r := range t.Regions {
		look.Well[r.Name], look.Drained[r.Name] = true, r.Drained
	}
	return load(t, look, affected)
}

// pid is this process's.
func pid() int { return os.Getpid() }
