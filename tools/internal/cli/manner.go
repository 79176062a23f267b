package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/miekg/dns"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/spf13/cobra"

	"polygate.example/infra"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
	"polygate.example/shared/artefact"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/deploy"
	"polygate.example/tools/internal/doctor"
)

// manner is how an order is to be carried out that differs from the usual.
type manner struct {
	without []string // managers whose API does not answer
	cutOver bool     // clients may be cut off by a change of the manager
}

func (m *manner) flags(a *app, c *cobra.Command) {
	c.Flags().StringSliceVar(&m.without, "without", nil, "leave what a traffic manager holds as it is, while its API is down")
	// It fails only for a flag that is not there.
	_ = c.RegisterFlagCompletionFunc("without", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		if a.locate() != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		s, err := a.settings()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return managersOf(s), cobra.ShellCompDirectiveNoFileComp
	})
}

// managersOf are a stack's managers.
func managersOf(s settings.Settings) []string {
	return slices.DeleteFunc([]string{s.Manager, s.Spare}, func(m string) bool { return m == "" })
}

// named sees that managers to do without are the stack's.
func named(s settings.Settings, without []string) error {
	for _, m := range without {
		if managers := managersOf(s); !slices.Contains(managers, m) {
			return usageError{fmt.Errorf("--without %s: want a manager of the stack, %s", m, strings.Join(managers, " or "))}
		}
	}
	return nil
}

// permitted refuses to leave out what is not there yet, and to cut clients off.
func (a *app) permitted(ctx context.Context, s settings.Settings, stack *deploy.Stack, how manner) error {
	t, err := a.standing(ctx, stack)
	if err != nil {
		return err
	}
	if err := a.admits(ctx, t, s, how); err != nil {
		return err
	}
	if t != nil && !slices.Contains(how.without, t.Manager) {
		a.warnDrained(ctx, s, *t)
	}
	return nil
}

// warnDrained says which regions were taken out of traffic by hand. Pulumi does not know, and leaves it so until it has something else to
// change of what the manager checks a region by.
func (a *app) warnDrained(ctx context.Context, s settings.Settings, t topology.Topology) {
	seat, err := a.seat(ctx, s, t)
	if err != nil {
		return // what cannot be asked is said by who needs it
	}
	m, err := seat.manager(ctx, t.Manager)
	if err != nil {
		return
	}
	seen, err := m.Regions(ctx)
	if err != nil {
		return
	}
	for _, r := range t.Regions {
		if seen[r.Name].Drained && !r.Drained && !s.Route53.RoutingControls {
			a.step("%s was drained by hand: name it in polygate:drained as well, or a change of its health check leads traffic back to it", r.Name)
		}
	}
}

// admits holds settings against what is deployed, nil where nothing is.
func (a *app) admits(ctx context.Context, t *topology.Topology, s settings.Settings, how manner) error {
	for _, m := range how.without {
		if t == nil || t.Manager != m && t.Spare != m {
			return usageError{fmt.Errorf("--without %s leaves what it holds as it is, and of %q it holds nothing yet: wait until its API answers, or take it out of the stack file", m, a.stack)}
		}
	}
	if why := a.why(ctx, t, s); why != "" && !how.cutOver {
		return usageError{fmt.Errorf("%s; or say --cut-over", why)}
	}
	return nil
}

// needs are what has to be there from before for what was built to be deployed: functions believe no header that a front does not write yet.
func (a *app) needs(s settings.Settings, without []string) ([]deploy.Need, error) {
	built, err := artefact.Read(infra.Dist(a.root, a.stack))
	if err != nil {
		return nil, err
	}
	document, again := filepath.Join("stacks", a.stack+".gateway.yaml"), "polygate up -s "+a.stack
	var out []deploy.Need
	if tells := infra.Untold(s, built.Front, without...); tells != "" {
		out = append(out, func(held []apitype.ResourceV3) error {
			if slices.ContainsFunc(held, func(r apitype.ResourceV3) bool { return string(r.Type) == tells }) {
				return nil
			}
			return usageError{fmt.Errorf("--without %[1]s: %[2]s has come to go by the country of clients, and %[1]s was never asked to tell it (%[3]s of %[4]s): "+
				"regions would believe what clients write themselves. Nothing was changed: wait until its API answers and `%[5]s`, or deploy a document without countries until then",
				s.Manager, document, tells[strings.LastIndex(tells, ":")+1:], s.Zone, again)}
		})
	}
	return append(out, func(held []apitype.ResourceV3) error {
		silent := infra.Silent(s, built.Front, holding(held))
		if len(silent) == 0 {
			return nil
		}
		return usageError{fmt.Errorf("%s goes by more of the countries or certificates of clients than the regions that are deployed, and %s, as an older release has deployed it, does not write "+
			"them over what clients send: regions would believe what clients write themselves until it does. Nothing was changed: `%s` once with the document that is deployed now, then with this one",
			document, silent[0], again)}
	}), nil
}

// holding is what a stack holds.
func holding(held []apitype.ResourceV3) []provider.Held {
	out := make([]provider.Held, len(held))
	for i, r := range held {
		out[i] = provider.Held{Type: string(r.Type), Name: r.URN.Name(), Inputs: r.Inputs}
	}
	return out
}

// why says how clients would be cut off, "" where nobody knows of any.
func (a *app) why(ctx context.Context, t *topology.Topology, s settings.Settings) string {
	if why := cutsOff(t, s, a.stack); why != "" || t == nil || t.Zone != s.Zone {
		return why
	}
	if why := a.shutsOut(ctx, t, s); why != "" {
		return why
	}
	goes := t.Spare // the manager stays one of the stack's, or it would have been said
	if !slices.Contains(managersOf(s), t.Manager) {
		goes = t.Manager
	}
	if goes == "" || slices.Contains(managersOf(s), goes) || a.led(ctx, s) != goes {
		return ""
	}
	return fmt.Sprintf("%s is delegated to %s, whose records go, and whoever is led there gets no answer: delegate it to %s and wait for as long as resolvers remember the old "+
		"delegation (often two days), and take %s out then", s.Zone, goes, s.Manager, goes)
}

// led is the manager whose servers the clients of the zone are led to, "" where it cannot be told.
func (a *app) led(ctx context.Context, s settings.Settings) string {
	if s.LocalClouds != nil {
		c, err := a.cloudClient(ctx)
		if err != nil {
			return ""
		}
		o, err := c.Overview(ctx)
		if err != nil {
			return ""
		}
		return o.Delegations[s.Zone]
	}
	resolve := a.resolve
	if resolve == nil {
		resolve = doctor.SystemResolver()
	}
	in, err := resolve(ctx, new(dns.Msg).SetQuestion(dns.Fqdn(s.Zone), dns.TypeNS), "")
	if err != nil {
		return ""
	}
	for _, rr := range in.Answer {
		ns, ok := rr.(*dns.NS)
		if !ok {
			continue
		}
		for part, manager := range map[string]string{".awsdns-": "route53", ".azure-dns.": "trafficmanager", ".ns.cloudflare.": "cloudflare"} {
			if strings.Contains(strings.ToLower(ns.Ns), part) {
				return manager
			}
		}
	}
	return ""
}

// delegating is how a zone is delegated to its manager.
func (a *app) delegating(s settings.Settings) string {
	if s.LocalClouds != nil {
		return fmt.Sprintf("`polygate local delegate %s -s %s`", s.Manager, a.stack)
	}
	return "name its servers in the zone above"
}

// shutsOut says how clients would be refused by the regions, because a front comes before them, or shows them another secret; "" where they
// would not, or nobody can tell.
func (a *app) shutsOut(ctx context.Context, t *topology.Topology, s settings.Settings) string {
	if !s.Fronted() || s.FrontSecretBefore != "" {
		return ""
	}
	if t.Front == "" {
		return fmt.Sprintf("polygate:cloudflare.proxied puts Cloudflare before regions that serve, and they refuse whoever comes to them directly: as long as Cloudflare does not "+
			"answer yet, and for the %d s that clients hold an answer of before. The safe way: polygate:frontSecretBefore: open with it, and `up`; after the TTL take "+
			"polygate:frontSecretBefore out, and `up`", t.TTL)
	}
	secret, err := a.frontSecret(ctx, s)
	if err != nil || provider.FrontDigest(settings.Secret(secret)) == t.Front {
		return ""
	}
	return "polygate:frontSecret is another one than is deployed, and the regions would take it before Cloudflare shows it, or after. The safe way: the one of before in " +
		"polygate:frontSecretBefore with it, and `up`; then take polygate:frontSecretBefore out, and `up`"
}

// warnings are what a preview says of what `up` would refuse.
func (a *app) warnings(ctx context.Context, s settings.Settings, stack *deploy.Stack) ([]string, error) {
	t, err := a.standing(ctx, stack)
	if err != nil {
		return nil, err
	}
	if why := a.why(ctx, t, s); why != "" {
		return []string{"warning: " + why}, nil
	}
	if t != nil && t.Front != "" && !s.Fronted() {
		return []string{"warning: Cloudflare stops taking requests for a name as soon as it is no longer proxied, and clients hold its addresses for up to 300 s: " +
			"they have no answer until they ask again"}, nil
	}
	return []string{}, nil
}

// standing is what is deployed, nil where nothing is, or nobody knows as the last run did not end. The stack is asked only where that can
// tell more than what `up` saved: each question starts Pulumi's CLI.
func (a *app) standing(ctx context.Context, stack *deploy.Stack) (*topology.Topology, error) {
	if t, ok := a.unchanged(); ok {
		return &t, nil
	}
	t, err := stack.Topology(ctx)
	switch {
	case errors.Is(err, deploy.ErrNoTopology):
		return nil, nil
	case err != nil && ctx.Err() != nil:
		return nil, err
	case err != nil:
		return nil, nil // an older version's; what it says matters to nobody here
	}
	return &t, nil
}

// cutsOff says how a stack would be taken out of the zone that its clients are led to, and the safe way; "" where it is not. What the
// zone above says is changed by hand, after the deployment or before it.
func cutsOff(t *topology.Topology, s settings.Settings, stack string) string {
	if t == nil || t.Manager == s.Manager || t.Manager == s.Spare || t.Zone != s.Zone {
		return ""
	}
	delegate := fmt.Sprintf("delegate %s to %s in the zone above and wait for as long as resolvers remember the old delegation (often two days)", s.Zone, s.Manager)
	if s.LocalClouds != nil {
		delegate = fmt.Sprintf("`polygate local delegate %s -s %s`", s.Manager, stack)
	}
	steps := fmt.Sprintf("polygate:manager: %s with polygate:spare: %s, and `up`; %s; then let the two change places, and `up`", t.Manager, s.Manager, delegate)
	if t.Spare == s.Manager { // it holds the zone already
		steps = fmt.Sprintf("%s, unless that is done; then polygate:manager: %s with polygate:spare: %s, and `up`", delegate, s.Manager, t.Manager)
	}
	return fmt.Sprintf("polygate:manager is %s, and %s is deployed with %s: its records there go, and whoever is led there gets no answer until %s is delegated to %s. "+
		"The safe way: %s; and take polygate:spare out in the end", s.Manager, stack, t.Manager, s.Zone, s.Manager, steps)
}
