package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
	"polygate.example/tools/client"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/localcloud/place"
	"polygate.example/tools/internal/operate"
	"polygate.example/tools/internal/status"
)

// moving are the flags that all verbs share which move traffic.
type moving struct {
	order           operate.Order
	dry, yes, asOne bool // --dry-run, --yes, --json
}

func (m *moving) flags(c *cobra.Command) {
	c.Flags().BoolVar(&m.dry, "dry-run", false, "print what would be done and what comes of it, and do nothing")
	c.Flags().BoolVarP(&m.yes, "yes", "y", false, "do it without asking")
	c.Flags().BoolVar(&m.asOne, "json", false, "print JSON")
	c.Flags().IntVar(&m.order.Least, "at-least", 1, "regions that have to be well and in traffic afterwards")
}

func (a *app) failoverCommand() *cobra.Command {
	var m moving
	c := &cobra.Command{
		Use:   "failover --from <region or provider> [--to <region or provider>]",
		Short: "Take a region or provider out of traffic, and see the others take over",
		Long: `failover has the traffic manager take a region, or all of a provider, out of traffic by its own API, and asks as clients would until
nobody is answered there any more. Nothing comes back by itself: see failback. It needs neither Pulumi nor the provider that is lost.

A graceful failover begins from a steady state and ends in one; an ungraceful one leaves behind whatever is not well.`,
		Example: "  polygate failover --from aws/us-east-1 --dry-run\n  polygate failover --from aws --to gcp --mode ungraceful --yes",
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case len(m.order.From) == 0:
				return usageError{errors.New("--from is missing: want a region or a provider")}
			case m.order.Mode != operate.Graceful && m.order.Mode != operate.Ungraceful:
				return usageError{fmt.Errorf("--mode is %q: want %s or %s", m.order.Mode, operate.Graceful, operate.Ungraceful)}
			}
			return a.move(cmd.Context(), m)
		},
	}
	c.Flags().StringSliceVar(&m.order.From, "from", nil, "what is to have no traffic")
	c.Flags().StringSliceVar(&m.order.To, "to", nil, "what alone is to serve; whoever comes next unless said")
	c.Flags().StringVar(&m.order.Mode, "mode", operate.Graceful, operate.Graceful+" or "+operate.Ungraceful)
	m.flags(c)
	for name, values := range map[string]cobra.CompletionFunc{
		"from": a.completeRegions, "to": a.completeRegions,
		"mode": cobra.FixedCompletions([]string{operate.Graceful, operate.Ungraceful}, cobra.ShellCompDirectiveNoFileComp),
	} {
		_ = c.RegisterFlagCompletionFunc(name, values) // it fails only for a flag that is not there
	}
	return c
}

func (a *app) failbackCommand() *cobra.Command {
	var m moving
	c := &cobra.Command{
		Use:     "failback [<region or provider>...]",
		Short:   "Give regions their traffic back that were taken out of it; all of them unless named",
		Example: "  polygate failback\n  polygate failback aws --dry-run",
		Args:    cobra.ArbitraryArgs, ValidArgsFunction: a.completeRegions,
		RunE: func(cmd *cobra.Command, args []string) error {
			m.order.Back = args
			return a.move(cmd.Context(), m)
		},
	}
	m.flags(c)
	return c
}

func (a *app) drainCommand() *cobra.Command {
	var m moving
	c := &cobra.Command{
		Use:     "drain <region or provider>...",
		Short:   "Take regions out of traffic, whatever their health",
		Example: "  polygate drain gcp/us-central1",
		Args:    cobra.MinimumNArgs(1), ValidArgsFunction: a.completeRegions,
		RunE: func(cmd *cobra.Command, args []string) error {
			m.order.From, m.order.Mode = args, operate.Ungraceful
			return a.move(cmd.Context(), m)
		},
	}
	m.flags(c)
	return c
}

func (a *app) undrainCommand() *cobra.Command {
	var m moving
	c := &cobra.Command{
		Use:     "undrain <region or provider>...",
		Short:   "Give regions their traffic back",
		Example: "  polygate undrain gcp/us-central1",
		Args:    cobra.MinimumNArgs(1), ValidArgsFunction: a.completeRegions,
		RunE: func(cmd *cobra.Command, args []string) error {
			m.order.Back = args
			return a.move(cmd.Context(), m)
		},
	}
	m.flags(c)
	return c
}

// movement is what one of these verbs came to, for programs.
type movement struct {
	Stack   string       `json:"stack"`
	Plan    operate.Plan `json:"plan"`
	Bound   int          `json:"bound_seconds"` // cloud time
	Done    bool         `json:"done"`          // seen by clients
	First   float64      `json:"first_seconds"` // cloud time from the order to the first answer from those that serve
	Moved   float64      `json:"moved_seconds"` // and until no client was answered by anybody else
	Failed  int          `json:"failed"`        // requests without an answer while it was watched
	Verdict string       `json:"verdict"`       // what happened, in words
}

// move plans an order, shows it, asks, has it done and sees that it has happened.
func (a *app) move(ctx context.Context, m moving) error {
	s, err := a.settings()
	if err != nil {
		return err
	}
	unlock, err := a.lock()
	if err != nil {
		return err
	}
	defer unlock()
	t, err := a.loadTopology(ctx, s)
	if err != nil {
		return err
	}
	if t.Spare != "" && a.led(ctx, s) == t.Spare {
		t.Manager = t.Spare
	}
	seat, err := a.seat(ctx, s, t)
	if err != nil {
		return err
	}
	manager, err := seat.manager(ctx, t.Manager)
	if err != nil {
		return err
	}
	seen, err := a.known(ctx, s, t, manager)
	if err != nil {
		return err
	}
	if len(m.order.From) == 0 && len(m.order.Back) == 0 { // failback of all
		for _, r := range t.Regions {
			if seen[r.Name].Drained && !r.Drained {
				m.order.Back = append(m.order.Back, r.Name)
			}
		}
	}
	plan, err := operate.Make(t, seen, m.order)
	out := movement{Stack: a.stack, Plan: plan, Bound: int(plan.Bound / time.Second)}
	if err == nil {
		err = a.declared(t, plan)
	}
	switch {
	case errors.Is(err, operate.ErrUnsafe):
		return blocked{err}
	case err != nil:
		return usageError{err}
	case plan.Nothing():
		out.Done, out.Verdict = true, "nothing to do: it is so already"
		return a.showMovement(out, m.asOne)
	}
	if !m.asOne || !m.yes {
		if err := a.showPlan(t, plan); err != nil {
			return err
		}
	}
	if m.dry {
		if m.asOne {
			out.Verdict = "dry run: nothing was done"
			return a.showMovement(out, true)
		}
		return nil
	}
	if err := a.confirmed(m.yes); err != nil {
		return err
	}
	return a.carry(ctx, s, t, manager, out, m)
}

// declared refuses to give a region back that the stack file keeps out of traffic: the next deployment might take it out again.
func (a *app) declared(t topology.Topology, p operate.Plan) error {
	for _, r := range t.Regions {
		if r.Drained && slices.Contains(p.Undrain, r.Name) {
			return fmt.Errorf("%w: the stack file keeps %s out of traffic: take it out of polygate:drained, and `polygate up -s %s`", operate.ErrUnsafe, r.Name, a.stack)
		}
	}
	return nil
}

// known is what the manager says of each region and, where it has no need to look at one, what that answers under its own name.
func (a *app) known(ctx context.Context, s settings.Settings, t topology.Topology, m control.Manager) (map[string]control.Region, error) {
	seen, err := m.Regions(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask %s how the regions are: %w", t.Manager, err)
	}
	if !slices.ContainsFunc(slices.Collect(maps.Values(seen)), func(r control.Region) bool { return r.Drained }) {
		return seen, nil
	}
	look, err := a.looker(ctx, s)
	if err != nil {
		return nil, err
	}
	report, err := look(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range report.Regions {
		if was := seen[r.Name]; was.Drained {
			was.Healthy, was.Why = r.Healthy, r.Detail
			seen[r.Name] = was
		}
	}
	return seen, nil
}

// carry has a plan carried out and sees that it has happened.
func (a *app) carry(ctx context.Context, s settings.Settings, t topology.Topology, manager control.Manager, out movement, m moving) error {
	asks, everywhere, speed, err := a.clients(ctx, s, t)
	if err != nil {
		return err
	}
	if err := operate.Carry(ctx, manager, out.Plan); err != nil {
		return err
	}
	a.step("%s has been told; asking as clients until it has happened, for at most %d s", t.Manager, out.Bound)
	wall := func(cloud time.Duration) time.Duration { return time.Duration(float64(cloud) / speed) }
	last := ""
	seen, err := operate.Watch(ctx, out.Plan, operate.Watching{
		Asks: asks, Every: max(200*time.Millisecond, wall(time.Second)), Hold: wall(time.Duration(t.TTL) * time.Second), Limit: wall(out.Plan.Bound),
		Each: everywhere,
		Seen: func(counts map[string]int) {
			if now := tally(counts); now != last {
				a.step("answered by %s", now)
				last = now
			}
		},
	})
	if err != nil {
		return fmt.Errorf("it was ordered and not seen to the end: %w", err)
	}
	out.Done, out.Failed = seen.Done, seen.Failed
	out.First, out.Moved = seen.First.Seconds()*speed, seen.Moved.Seconds()*speed
	switch {
	case seen.Done:
		out.Verdict = fmt.Sprintf("clients have moved: the last after %.1f s, and it has stayed so for as long as anybody remembers an answer", out.Moved)
	case len(seen.Unseen) > 0 && len(seen.Counts) > 0 && out.Moved > 0:
		out.Verdict = fmt.Sprintf("nobody is answered by those taken out, and nobody has been by %s either", strings.Join(seen.Unseen, ", "))
	default:
		out.Verdict = fmt.Sprintf("it was ordered, and %d s later clients are answered by %s", out.Bound+t.TTL, cmp.Or(tally(seen.Counts), "nobody"))
	}
	if err := a.showMovement(out, m.asOne); err != nil {
		return err
	}
	if !seen.Done {
		return unhealthy{}
	}
	return nil
}

// clients are askers of the shared name: on local clouds one at each place there is, on real ones this machine.
func (a *app) clients(ctx context.Context, s settings.Settings, t topology.Topology) (asks []operate.Ask, everywhere bool, speed float64, err error) {
	r := status.Report{Hostname: t.Hostname}
	if s.LocalClouds == nil {
		return []operate.Ask{func(ctx context.Context) (string, error) {
			h, err := status.Ask(ctx, r)
			return h.Region, err
		}}, false, 1, nil
	}
	st, err := a.cloudState(ctx)
	if err != nil {
		return nil, false, 0, err
	}
	edge, err := netip.ParseAddrPort(st.Edge)
	if err != nil {
		return nil, false, 0, fmt.Errorf("the local clouds' edge: %w", err)
	}
	roots, err := pki.Roots(st.CA)
	if err != nil {
		return nil, false, 0, err
	}
	for _, p := range place.Clients() {
		asks = append(asks, func(ctx context.Context) (string, error) {
			// A resolver of its own each time remembers nothing.
			resolver, err := client.NewResolver(client.ResolverOptions{Server: st.DNS, Speed: st.Speed, Subnet: p.Subnet()})
			if err != nil {
				return "", err
			}
			c, err := client.New(client.Options{
				Resolver: resolver, RootCAs: roots, Timeout: 5 * time.Second, Source: p.Source(),
				Address: func(_ []string, ip netip.Addr, _ int) (netip.AddrPort, error) {
					return netip.AddrPortFrom(ip, edge.Port()), nil
				},
			})
			if err != nil {
				return "", err
			}
			defer c.Close()
			res, err := c.Get(ctx, "https://"+t.Hostname+"/health")
			if err != nil {
				return "", err
			}
			return regionOf(res)
		})
	}
	return asks, true, st.Speed, nil
}

// regionOf is the region that a health document is of.
func regionOf(res client.Result) (string, error) {
	var h struct{ Region string }
	if err := json.Unmarshal(res.Body, &h); err != nil || res.Status != 200 || h.Region == "" {
		return "", fmt.Errorf("answered %d", res.Status)
	}
	return h.Region, nil
}

// tally says how many answers came from whom.
func tally(counts map[string]int) string {
	var parts []string
	for _, region := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s × %d", region, counts[region]))
	}
	return strings.Join(parts, ", ")
}

// showPlan prints what would be done and what comes of it.
func (a *app) showPlan(t topology.Topology, p operate.Plan) error {
	line := func(what string, names []string) {
		if len(names) > 0 {
			a.result("%-22s %s\n", what, strings.Join(names, ", "))
		}
	}
	line("out of traffic:", p.Drain)
	line("back in traffic:", p.Undrain)
	line("serving now:", p.Before)
	line("serving afterwards:", p.After)
	a.result("%-22s %.0f %%\n", "traffic that moves:", 100*p.Moved)
	if p.Load > 1 {
		a.result("%-22s × %.1f for the one that gets most\n", "load:", p.Load)
	}
	a.result("%-22s %s well and in traffic\n", "left:", settings.Count(p.Left, "region"))
	a.result("%-22s at most %d s, an answer being remembered for %d s\n", "until all have moved:", int(p.Bound/time.Second), t.TTL)
	return nil
}

func (a *app) showMovement(m movement, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(a.out)
		enc.SetIndent("", "  ")
		return enc.Encode(m)
	}
	a.result("%s: %s\n", m.Stack, m.Verdict)
	return nil
}

// confirmed asks whoever sits at a terminal. Nobody else is asked, and has to have said --yes.
func (a *app) confirmed(yes bool) error {
	if yes {
		return nil
	}
	if !isTerminal(os.Stdin) {
		return usageError{errors.New("this moves traffic: say --yes, or run it at a terminal to be asked")}
	}
	fmt.Fprint(a.err, "move it? [y/N] ")
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return blocked{errors.New("nothing was done")}
	}
	return nil
}
