package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/infra/settings"
	"polygate.example/tools/internal/status"
)

// certReport is what `cert status` tells.
type certReport struct {
	File      string      `json:"file"`
	Names     []string    `json:"names"`               // that it has to cover
	Issuer    string      `json:"issuer"`              // "" when there is no certificate
	Expires   time.Time   `json:"expires,omitzero"`    //
	DaysLeft  *int        `json:"days_left,omitempty"` // below 0 when it has expired
	RenewDays int         `json:"renew_days"`          // it is due when fewer are left
	Due       string      `json:"due,omitempty"`       // why it is; "" when it is not
	Deployed  []certShown `json:"deployed"`
}

// certShown is what is shown for one of the names.
type certShown struct {
	Name     string    `json:"name"`
	Expires  time.Time `json:"expires,omitzero"`
	DaysLeft *int      `json:"days_left,omitempty"`
	This     bool      `json:"this"`             // it is the one in the file
	Detail   string    `json:"detail,omitempty"` // why none was seen
}

func (a *app) certStatusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "How long the certificate lasts, and where it is deployed",
		Long: `status reads the certificate's file and looks at what is shown for each of its names over TLS. For the shared name that is what the
region shows which serves now, and may be another provider's own. It exits with 1 when the certificate is due for renewal or missing.`,
		Example: "  polygate cert status -s prod\n  polygate cert status -s prod --json | jq .days_left",
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := a.ownCertificate()
			if err != nil {
				return err
			}
			r, err := a.certReport(cmd.Context(), b)
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(a.out)
				enc.SetIndent("", "  ")
				err = enc.Encode(r)
			} else {
				err = a.certTable(r)
			}
			if err == nil && r.Due != "" {
				return unhealthy{}
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) certReport(ctx context.Context, b brought) (certReport, error) {
	r := certReport{File: b.settings.Certificate.PFX, Names: b.names, RenewDays: b.renewDays(), Deployed: make([]certShown, len(b.names))}
	k, err := b.kept()
	if err != nil {
		return r, err
	}
	now := time.Now()
	if k == nil {
		r.Due = "there is none: " + a.whoIssues(b.settings)
	} else {
		left := k.DaysLeft(now)
		r.Issuer, r.Expires, r.DaysLeft, r.Due = issuer(*k), k.Leaf.NotAfter.UTC(), &left, k.Due(b.names, r.RenewDays, now)
	}
	edge := status.Edge{}
	if b.settings.LocalClouds != nil {
		st, err := a.cloudState(ctx)
		if err != nil {
			a.step("what is deployed cannot be seen: %v", err)
			r.Deployed = []certShown{}
			return r, nil
		}
		edge = status.Edge{Address: st.Edge, CA: st.CA}
	}
	var wg sync.WaitGroup
	for i, name := range b.names {
		wg.Go(func() {
			shown := certShown{Name: name}
			leaf, err := status.Shown(ctx, edge, name, 5*time.Second)
			if err != nil {
				shown.Detail = err.Error()
			} else {
				left := int(leaf.NotAfter.Sub(now).Hours() / 24)
				shown.Expires, shown.DaysLeft, shown.This = leaf.NotAfter.UTC(), &left, k != nil && leaf.Equal(k.Leaf)
			}
			r.Deployed[i] = shown
		})
	}
	wg.Wait()
	return r, ctx.Err()
}

// whoIssues says how a certificate that is not there comes about.
func (a *app) whoIssues(s settings.Settings) string {
	switch {
	case s.Certificate.ACME != nil:
		return fmt.Sprintf("run `polygate cert issue -s %s`", a.stack)
	case s.LocalClouds != nil:
		return fmt.Sprintf("the local clouds make one, run `polygate up -s %s`", a.stack)
	}
	return fmt.Sprintf("have it issued, or set polygate:certificate.acme and run `polygate cert issue -s %s`", a.stack)
}

// certTable prints a report for people.
func (a *app) certTable(r certReport) error {
	if r.DaysLeft == nil {
		a.result("%s  %s\n", r.File, r.Due)
	} else {
		a.result("%s  issued by %s, ends on %s: %s left\n", r.File, r.Issuer, r.Expires.Format(time.DateOnly), settings.Count(*r.DaysLeft, "day"))
		if r.Due != "" {
			a.result("due for renewal: %s\n", r.Due)
		}
	}
	a.result("for %s\n", strings.Join(r.Names, ", "))
	if len(r.Deployed) == 0 {
		return nil
	}
	a.result("\n")
	tw := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "NAME\tSHOWN THERE\tDAYS LEFT\tDETAIL")
	for _, d := range r.Deployed {
		what, left := "none seen", ""
		switch {
		case d.This:
			what = "this one"
		case d.DaysLeft != nil:
			what = "another"
		}
		if d.DaysLeft != nil {
			left = fmt.Sprint(*d.DaysLeft)
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", d.Name, what, left, d.Detail)
	}
	return tw.Flush()
}
