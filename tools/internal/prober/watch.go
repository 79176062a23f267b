package prober

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"polygate.example/tools/client"
)

// Server is a name server to be watched, asked as if by a client somewhere.
type Server struct {
	Name    string       // of this seat, in answers
	Address string       // host:port
	Subnet  netip.Prefix // sent along as the client's; zero sends none
}

// Answer is what a server said from a moment on.
type Answer struct {
	At      time.Duration // since the beginning: when the first such answer came, or when none had
	Server  string        // Server.Name
	Targets []string      // the names that the chain leads through, without the one asked for, then the addresses, sorted
	TTL     time.Duration // shortest on the way, cloud time
	Err     string        // "" with an answer
}

// WatchOptions says who is asked for what.
type WatchOptions struct {
	Name    string // to be asked for
	Servers []Server
	Every   time.Duration // wall time between two questions to one server; a change is seen at most this late
	Timeout time.Duration // of a question, wall time; 0 is 2 s. It is put twice
	Begun   time.Time     // what At counts from, such as Prober.Begun; zero is now
}

// maxAnswers are kept: steering by weight gives another answer almost every time.
const maxAnswers = 200_000

// Watcher notes how answers change. All methods are safe for concurrent use.
type Watcher struct {
	o       WatchOptions
	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	answers []Answer
	last    []string // by server: what distinguishes its last answer
	targets map[string][]string
	asked   int
	unkept  int
}

// Watch begins to ask. It ends with ctx or by Stop.
func Watch(ctx context.Context, o WatchOptions) (*Watcher, error) {
	if o.Name == "" || len(o.Servers) == 0 || o.Every <= 0 {
		return nil, fmt.Errorf("prober: watch %q at %d servers every %s: want a name, at least one server and an interval", o.Name, len(o.Servers), o.Every)
	}
	if o.Begun.IsZero() {
		o.Begun = time.Now()
	}
	var resolvers []*client.Resolver
	for _, s := range o.Servers {
		r, err := client.NewResolver(client.ResolverOptions{Server: s.Address, Subnet: s.Subnet, Timeout: o.Timeout})
		if err != nil {
			return nil, fmt.Errorf("prober: watch by %q: %w", s.Name, err)
		}
		resolvers = append(resolvers, r)
	}
	ctx, stop := context.WithCancel(ctx)
	w := &Watcher{o: o, stop: stop, last: make([]string, len(o.Servers)), targets: map[string][]string{}}
	for i, r := range resolvers {
		w.running.Go(func() { w.follow(ctx, i, r) })
	}
	return w, nil
}

func (w *Watcher) follow(ctx context.Context, server int, r *client.Resolver) {
	tick := time.NewTicker(w.o.Every)
	defer tick.Stop()
	for {
		a, err := r.Ask(ctx, w.o.Name)
		if ctx.Err() != nil {
			return
		}
		w.note(server, a, err)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// note keeps an answer if it is another than the one before.
func (w *Watcher) note(server int, a client.Answer, err error) {
	at := time.Since(w.o.Begun)
	var names []string
	failed := ""
	switch {
	case errors.Is(err, client.ErrNoName):
		failed = client.ErrNoName.Error()
	case err != nil:
		failed = cause(err)
	default:
		names = a.Chain[1:]
		slices.SortFunc(a.Addrs, netip.Addr.Compare) // the order is shuffled by many a server, and says nothing
		for _, ip := range a.Addrs {
			names = append(names, ip.String())
		}
	}
	said := fmt.Sprintf("%s|%s|%s", strings.Join(names, " "), a.TTL, failed)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if w.last[server] == said {
		return
	}
	w.last[server] = said
	if len(w.answers) == maxAnswers {
		w.unkept++
		return
	}
	if kept, ok := w.targets[said]; ok {
		names = kept
	} else {
		w.targets[said] = names
	}
	w.answers = append(w.answers, Answer{At: at, Server: w.o.Servers[server].Name, Targets: names, TTL: a.TTL, Err: failed})
}

// Answers are the changes so far, in their order, each server's first answer being one. Targets are shared: do not
// change them.
func (w *Watcher) Answers() []Answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := slices.Clone(w.answers)
	slices.SortStableFunc(out, func(a, b Answer) int { return cmp.Compare(a.At, b.At) })
	return out
}

// Asked is how many questions have been answered or have failed, and how many changes there was no room to keep.
func (w *Watcher) Asked() (questions, unkept int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked, w.unkept
}

// Stop ends the watch. It may be called again.
func (w *Watcher) Stop() {
	w.stop()
	w.running.Wait()
}
