package cli

import (
	"bufio"
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

	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
	"polygate.example/tools/client"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/localcloud/place"
	"polygate.example/tools/internal/operate"
	"polygate.example/tools/internal/status"
)

// clients are askers of the shared name: on local clouds one at each place there is, on real ones this machine.
func (a *app) clients(ctx context.Context, s settings.Settings, t topology.Topology) (asks []operate.Ask, everywhere bool, speed float64, err error) {
	shows, err := a.asClient(t)
	if err != nil {
		return nil, false, 0, err
	}
	r := status.Report{Hostname: t.Hostname}
	if s.LocalClouds == nil {
		return []operate.Ask{func(ctx context.Context) (string, error) {
			h, err := status.Ask(ctx, r, shows...)
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
				Resolver: resolver, RootCAs: roots, Certificates: shows, Timeout: 5 * time.Second, Source: p.Source(),
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
func showPlan(to io.Writer, t topology.Topology, p operate.Plan) {
	line := func(what string, names []string) {
		if len(names) > 0 {
			fmt.Fprintf(to, "%-22s %s\n", what, strings.Join(names, ", "))
		}
	}
	line("out of traffic:", p.Drain)
	line("back in traffic:", p.Undrain)
	line("serving now:", p.Before)
	line("serving afterwards:", p.After)
	fmt.Fprintf(to, "%-22s %.0f %%\n", "traffic that moves:", 100*p.Moved)
	if p.Load > 1 {
		fmt.Fprintf(to, "%-22s × %.1f for the one that gets most\n", "load:", p.Load)
	}
	fmt.Fprintf(to, "%-22s %s well and in traffic%s\n", "left:", settings.Count(p.Left, "region"), capacity(t, p.Left))
	fmt.Fprintf(to, "%-22s at most %d s, an answer being remembered for %d s\n", "until all have moved:", int(p.Bound/time.Second), t.TTL)
}

// capacity says what some of the regions may grow to at most; "" for a deployment from before that was noted.
func capacity(t topology.Topology, regions int) string {
	if t.Instances == 0 {
		return ""
	}
	return fmt.Sprintf(", which may grow to %d instances of %d in all", regions*t.Instances, len(t.Regions)*t.Instances)
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
