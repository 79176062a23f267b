package cli

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"polygate.example/infra"
	"polygate.example/infra/settings"
	"polygate.example/shared/forecast"
	"polygate.example/tools/internal/deploy"
)

func (a *app) previewCommand() *cobra.Command {
	var exit, asJSON bool
	var how manner
	c := &cobra.Command{
		Use:   "preview",
		Short: "Show what up would change, what failures and months would cost, and change nothing",
		Long: `preview prints Pulumi's own account of the changes; then, computed from the stack file alone, how long each failure can
keep clients without answers, what the providers' service levels come to in a year, and what a month costs without
traffic; and what of these differs from what is deployed. Prices are list prices; stacks/prices.yaml overrides them.`,
		Example: "  polygate preview -s prod --exit-code\n  polygate preview -s prod --json | jq .forecast.monthly_usd",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			a.diffs = a.out
			if asJSON { // standard output is for the one document
				a.diffs = a.err
			}
			how.cutOver = true // it warns, and cuts nobody off
			s, stack, unlock, err := a.prepare(ctx, how)
			if err != nil {
				return err
			}
			defer unlock()
			if err := a.permitted(ctx, s, stack, how); err != nil {
				return err
			}
			stop := a.heartbeat(a.atWork)
			changes, err := stack.Preview(ctx)
			stop()
			if err := errors.Join(err, a.diff.end()); err != nil {
				return err
			}
			view, err := a.look(ctx, s, stack)
			if err != nil {
				return err
			}
			view.Changes = changes
			if view.Warnings, err = a.warnings(ctx, s, stack); err != nil {
				return err
			}
			if err := a.showPreview(view, asJSON); err != nil {
				return err
			}
			if exit && changes.Any() {
				return unhealthy{}
			}
			return nil
		},
	}
	how.flags(a, c)
	c.Flags().BoolVar(&exit, "exit-code", false, "exit with 1 when there are changes")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document; Pulumi's account goes to standard error")
	return c
}

// preview is what the verb has to say beside Pulumi's account of the changes.
type preview struct {
	Stack    string            `json:"stack"`
	Changes  deploy.Changes    `json:"changes"` // resources by what would be done to them
	Forecast forecast.Forecast `json:"forecast"`
	Deployed *forecast.Summary `json:"deployed"` // null on a first deployment, and where an older version deployed
	Differs  []forecast.Change `json:"differs"`  // of the forecast from the deployed one
	Warnings []string          `json:"warnings"` // what up would refuse without a word, and what works
}

// look computes the forecast and holds it against what is deployed.
func (a *app) look(ctx context.Context, s settings.Settings, stack *deploy.Stack) (preview, error) {
	ahead, err := infra.Forecast(a.root, s)
	if err != nil {
		return preview{}, usageError{err} // prices that cannot be read
	}
	p := preview{Stack: a.stack, Forecast: ahead, Differs: []forecast.Change{}}
	deployed, err := stack.Forecast(ctx)
	switch {
	case errors.Is(err, deploy.ErrNoForecast):
	case err != nil && ctx.Err() != nil:
		return preview{}, err
	case err != nil:
		a.step("what is deployed cannot be compared with: %v", err)
	default:
		p.Deployed = &deployed
		p.Differs = append(p.Differs, forecast.Compare(deployed, ahead)...)
	}
	return p, nil
}

func (a *app) showPreview(p preview, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(a.out)
		enc.SetIndent("", "  ")
		return enc.Encode(p)
	}
	if err := forecastTable(a.out, p.Forecast); err != nil {
		return err
	}
	if p.Deployed != nil {
		a.result("\n")
		if err := differences(a.out, p.Differs); err != nil {
			return err
		}
	}
	for _, w := range p.Warnings {
		a.result("\n%s\n", w)
	}
	if !p.Changes.Any() {
		a.result("\n%s: no changes\n", a.stack)
		return nil
	}
	a.result("\n%s: changes: %s\n", a.stack, describe(p.Changes))
	return nil
}
