package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/infra/settings"
	"polygate.example/tools/internal/deploy"
	"polygate.example/tools/internal/localcloud"
	"polygate.example/tools/internal/status"
)

func (a *app) statusCommand() *cobra.Command {
	var asJSON, follow bool
	var every time.Duration
	var resolvers, spare []string
	c := &cobra.Command{
		Use:   "status",
		Short: "Who serves the hostname, and how every region is",
		Long: `status looks from a client's seat: it resolves the shared name, by the servers of its zone too, and asks every region for its health
under its own name over TLS; and from the control seat: what the traffic manager's checks say of each region, and its provider of what runs
there. What it comes to is the worst of its parts, each with its remedy.

Resolvers of others remember answers of their own. None is asked unless it is named, beside the system's on real clouds: --resolver 1.1.1.1
--resolver 8.8.8.8 tells what many clients have.

It exits with 0 where nothing failed, with 1 unless every region answers and clients are served, and with 3 where nothing could be asked.`,
		Example: "  polygate status\n  polygate status --watch\n  polygate status --resolver 1.1.1.1 --resolver 8.8.8.8\n  polygate status --json | jq '.checks[] | select(.result != \"ok\")'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if every < 100*time.Millisecond {
				return usageError{fmt.Errorf("--every is %s: want 100ms or more", every)}
			}
			s, err := a.settings()
			if err != nil {
				return err
			}
			ask := asking{behind: follow}
			for _, named := range []struct {
				flag string
				text []string
				to   *[]status.Server
			}{{"resolver", resolvers, &ask.resolvers}, {"spare-server", spare, &ask.spare}} {
				if *named.to, err = parseServers(named.flag, named.text); err != nil {
					return err
				}
			}
			look, err := a.lookerOf(ctx, s, ask)
			if err != nil {
				return err
			}
			if follow {
				return a.follow(ctx, look, asJSON, every)
			}
			return a.lookOnce(ctx, look, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, with --watch one object a line")
	c.Flags().BoolVarP(&follow, "watch", "w", false, "look again and again until interrupted")
	c.Flags().StringSliceVar(&resolvers, "resolver", nil, "host[:port] of a resolver that is asked as well; may be repeated")
	c.Flags().StringSliceVar(&spare, "spare-server", nil, "host[:port] of a server of the spare manager's zone, which is held against the manager's; may be repeated")
	c.Flags().DurationVar(&every, "every", time.Second, "with --watch: time between looks")
	return c
}

// lookOnce shows the environment and ends with whether it is healthy.
func (a *app) lookOnce(ctx context.Context, look looking, asJSON bool) error {
	r, err := look(ctx)
	if err != nil {
		return err
	}
	if err := a.show(r, asJSON, false); err != nil {
		return err
	}
	switch {
	case r.Status == status.Unknown:
		return inconclusive{}
	case !r.Well():
		return unhealthy{}
	}
	return nil
}

// follow shows the environment again and again until the user has seen enough.
func (a *app) follow(ctx context.Context, look looking, asJSON bool, every time.Duration) error {
	for {
		r, err := look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := a.show(r, asJSON, true); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
	}
}

// looking is one look at an environment.
type looking func(context.Context) (status.Report, error)

// asking is whom a look asks beside, and whether it waits for all of them.
type asking struct {
	resolvers, spare []status.Server
	behind           bool // what the control seat says is of a look before, so that it does not keep the clients' seat waiting
}

// looker prepares repeated looks at the environment.
func (a *app) looker(ctx context.Context, s settings.Settings) (looking, error) {
	return a.lookerOf(ctx, s, asking{})
}

func (a *app) lookerOf(ctx context.Context, s settings.Settings, ask asking) (looking, error) {
	t, err := a.loadTopology(ctx, s)
	if err != nil {
		return nil, err
	}
	front, err := a.frontSecret(ctx, s)
	if err != nil {
		return nil, err
	}
	shows, err := a.shown()
	if err != nil {
		return nil, err
	}
	opts := status.Options{Topology: t, Front: front, Certificates: shows, Resolvers: ask.resolvers, Spare: ask.spare}
	if opts.Control, err = a.controlSeat(ctx, s, t, ask.behind); err != nil {
		return nil, err
	}
	if s.LocalClouds == nil {
		system, err := status.SystemResolvers()
		if err != nil {
			return nil, err
		}
		opts.Authorities, opts.Resolvers = zoneServers(system[0].Address, t.Zone), append(system, opts.Resolvers...)
		return func(ctx context.Context) (status.Report, error) { return status.Collect(ctx, opts) }, nil
	}
	st, err := a.cloudState(ctx)
	if err != nil {
		return nil, err
	}
	opts.DNS, opts.Speed = st.DNS, st.Speed
	opts.Edge = status.Edge{Address: st.Edge, CA: st.CA}
	opts.Authorities = func(context.Context) ([]status.Server, error) {
		return []status.Server{{Name: t.Manager, Address: st.DNS}}, nil
	}
	opts.Now = func() time.Time { return st.Started.Add(time.Duration(float64(time.Since(st.Started)) * st.Speed)) }
	client := localcloud.NewClient(st)
	return func(ctx context.Context) (status.Report, error) {
		o, err := client.Overview(ctx)
		if err != nil {
			return status.Report{}, err
		}
		opts.Votes = func(check string) string {
			c, ok := o.Checks[check]
			if !ok {
				return ""
			}
			return fmt.Sprintf("%d of %d", c.Passing, c.Of)
		}
		opts.Off = func(region string) bool {
			on, has := o.Switches[region]
			return has && !on
		}
		return status.Collect(ctx, opts)
	}, nil
}

// zoneServers finds the servers of a zone once in a while: who looks again and again need not ask for them each time.
func zoneServers(resolver, zone string) func(context.Context) ([]status.Server, error) {
	const keep = 5 * time.Minute
	var mu sync.Mutex
	var last []status.Server
	var asked time.Time
	return func(ctx context.Context) ([]status.Server, error) {
		mu.Lock()
		defer mu.Unlock()
		if last != nil && time.Since(asked) < keep {
			return last, nil
		}
		found, err := status.FindServers(ctx, resolver, zone)
		if err == nil {
			last, asked = found, time.Now()
		}
		return found, err
	}
}

// frontSecret is what the traffic manager's front shows to the regions, without which they say nothing; "" where it has none.
func (a *app) frontSecret(ctx context.Context, s settings.Settings) (string, error) {
	if !s.FrontSecret.IsEncrypted() {
		return string(s.FrontSecret), nil
	}
	opts, err := a.deployment(ctx, s.LocalClouds != nil)
	if err != nil {
		return "", err
	}
	stack, err := deploy.Select(ctx, opts)
	if err != nil {
		return "", err
	}
	return stack.FrontSecret(ctx)
}

func (a *app) show(r status.Report, asJSON, follow bool) error {
	if asJSON {
		enc := json.NewEncoder(a.out)
		if !follow {
			enc.SetIndent("", "  ")
		}
		return enc.Encode(r)
	}
	if follow && a.redraw {
		a.result("\x1b[H\x1b[2J")
	}
	if err := table(a.out, r); err != nil || !follow {
		return err
	}
	a.result("\n")
	return nil
}

// parseServers are the DNS servers that a flag names.
func parseServers(flag string, text []string) ([]status.Server, error) {
	var out []status.Server
	for _, one := range text {
		server, err := status.ParseServer(one)
		if err != nil {
			return nil, usageError{fmt.Errorf("--%s: %w", flag, err)}
		}
		out = append(out, server)
	}
	return out, nil
}
