package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
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
	c := &cobra.Command{
		Use:   "status",
		Short: "Who serves the hostname, and how every region is",
		Long: `status looks from a client's seat: it resolves the shared name and asks every region for its health under its own
name over TLS; and from the control seat: what the traffic manager's checks say of each region, and its provider of what runs there. It exits
with 1 unless every region answers.`,
		Example: "  polygate status\n  polygate status --watch\n  polygate status --json | jq .serving",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if every < 100*time.Millisecond {
				return usageError{fmt.Errorf("--every is %s: want 100ms or more", every)}
			}
			s, err := a.settings()
			if err != nil {
				return err
			}
			look, err := a.looker(ctx, s)
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
	if r.Status != status.OK {
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

// looker prepares repeated looks at the environment.
func (a *app) looker(ctx context.Context, s settings.Settings) (looking, error) {
	t, err := a.loadTopology(ctx, s)
	if err != nil {
		return nil, err
	}
	front, err := a.frontSecret(ctx, s)
	if err != nil {
		return nil, err
	}
	opts := status.Options{Topology: t, Front: front}
	if opts.Control, err = a.controlSeat(ctx, s, t); err != nil {
		return nil, err
	}
	if s.LocalClouds == nil {
		return func(ctx context.Context) (status.Report, error) { return status.Collect(ctx, opts) }, nil
	}
	st, err := a.cloudState(ctx)
	if err != nil {
		return nil, err
	}
	opts.DNS, opts.Speed = st.DNS, st.Speed
	opts.Edge = status.Edge{Address: st.Edge, CA: st.CA}
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

// table prints a report for people; it says everything in words, so that it reads the same without colour.
func table(w io.Writer, r status.Report) error {
	serving := r.Serving
	if serving == "" {
		serving = "nobody (" + r.Detail + ")"
	} else if r.Steering != "" {
		serving += " this time, one of several by " + steeredBy[r.Steering]
	}
	fmt.Fprintf(w, "%s  %s  served by %s  %s\n\n", r.Hostname, strings.ToUpper(r.Status), serving, r.Checked.Format(time.RFC3339))
	if r.CertificateDays != nil && r.Serving != "" {
		fmt.Fprintf(w, "certificate of %s: %s%s\n\n", r.Hostname, days(r.Certificate), suffix(r.Detail))
	}
	if r.Led != "" && r.Led != r.Manager {
		fmt.Fprintf(w, "clients are led to %s, which is not the manager of the stack but its spare\n\n", r.Led)
	}
	for _, who := range r.Unasked {
		fmt.Fprintf(w, "not asked: %s\n\n", who)
	}
	if allOff(r) {
		fmt.Fprintf(w, "every routing control is off: all regions count as healthy, and nothing fails over until some are switched on\n\n")
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "REGION\tROLE\tHEALTHY\tSERVING\tVOTES\tCERT\tDIGEST\tDETAIL")
	for _, reg := range r.Regions {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", reg.Name, reg.Role, yesNo(reg.Healthy), servingWord(r, reg), reg.Votes, days(reg.Certificate), short(reg.Digest), regionDetail(reg))
	}
	return tw.Flush()
}

// steeredBy says in a word what each steering goes by.
var steeredBy = map[string]string{"weighted": "weight", "latency": "latency", "geo": "place"}

// servingWord says whether a region serves. One look sees one region, and where several serve it says nothing of the others.
func servingWord(r status.Report, reg status.Region) string {
	switch {
	case r.Steering == "":
		return yesNo(reg.Serving)
	case reg.Serving:
		return "this time"
	default:
		return ""
	}
}

func regionDetail(reg status.Region) string {
	var parts []string
	if reg.Drained {
		parts = append(parts, "drained")
	}
	if reg.Off {
		parts = append(parts, "switched off")
	}
	if m := reg.Manager; m != nil && m.Drained && !reg.Drained && !reg.Off {
		parts = append(parts, "drained by hand")
	}
	if m := reg.Manager; m != nil && !m.Healthy && !m.Drained && reg.Healthy {
		parts = append(parts, "the traffic manager calls it "+cmp.Or(m.State, "unhealthy")+suffix(m.Why))
	}
	if f := reg.Function; f != nil && !f.Ready {
		parts = append(parts, "its function is "+f.State+suffix(f.Why))
	}
	if reg.Detail != "" {
		parts = append(parts, reg.Detail)
	}
	return strings.Join(parts, "; ")
}

// allOff reports whether no routing control is on, when every region counts as healthy.
func allOff(r status.Report) bool {
	return len(r.Regions) > 0 && !slices.ContainsFunc(r.Regions, func(reg status.Region) bool { return !reg.Off })
}

// days says how long a certificate lasts, "" when none was seen.
func days(c status.Certificate) string {
	switch {
	case c.CertificateDays == nil:
		return ""
	case *c.CertificateDays < 0:
		return "expired"
	case *c.CertificateDays == 1:
		return "1 day"
	}
	return strconv.Itoa(*c.CertificateDays) + " days"
}

func suffix(detail string) string {
	if detail == "" {
		return ""
	}
	return " (" + detail + ")"
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// short is enough of a digest to tell two apart.
func short(digest string) string {
	_, hex, _ := strings.Cut(digest, ":")
	if len(hex) > 12 {
		return hex[:12]
	}
	return hex
}
