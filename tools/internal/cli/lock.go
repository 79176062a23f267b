package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/tools/internal/lock"
	"polygate.example/tools/internal/store"
)

func (a *app) lockCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "lock",
		Short: "Who is at work on an environment, wherever they are",
		Long: `One operation at a time works on an environment: up, destroy, failover, failback, drain, undrain and drills hold its lock, in a store at every
provider. A lock ends by itself when its holder has died. Each holder has a token, higher than any before.`,
		Example: "  polygate lock show -s prod\n  polygate lock break -s prod --token 12",
		RunE:    helpOrUnknown,
		Args:    cobra.ArbitraryArgs,
	}
	c.AddCommand(a.lockShowCommand(), a.lockBreakCommand())
	return c
}

func (a *app) lockShowCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "show",
		Short:   "Who holds the lock, and what each store says",
		Example: "  polygate lock show -s prod --json | jq .holder",
		RunE: func(cmd *cobra.Command, _ []string) error {
			stores, err := a.lockStores(cmd.Context())
			if err != nil {
				return err
			}
			state := lock.Show(cmd.Context(), stores, time.Now())
			if asJSON {
				enc := json.NewEncoder(a.out)
				enc.SetIndent("", "  ")
				return enc.Encode(state)
			}
			return a.lockTable(state)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) lockBreakCommand() *cobra.Command {
	var token uint64
	c := &cobra.Command{
		Use:   "break --token <token>",
		Short: "Take the lock from a holder that is gone",
		Long: `break takes the lock from the holder of a token, in every store that answers. A holder that still lives notices within seconds: a drill
mends and stops, and any other verb is ended where it is, with exit code 7; a destroy goes on. A holder that has died is taken over by itself when its lease has ended.`,
		Example: "  polygate lock break -s prod --token 12",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if token == 0 {
				return usageError{errors.New("--token is missing: `polygate lock show` tells the holder's")}
			}
			stores, err := a.lockStores(cmd.Context())
			if err != nil {
				return err
			}
			n, err := lock.Break(cmd.Context(), stores, token, lock.Options{Owner: owner(), Notice: func(format string, args ...any) { a.step("%s", oneLine(fmt.Errorf(format, args...))) }})
			if errors.Is(err, lock.ErrNotInForce) {
				return blocked{fmt.Errorf("%w: `polygate lock show -s %s` tells who has it", err, a.stack)}
			}
			if err != nil {
				return err
			}
			a.step("the lock with token %d is broken, in %d of %d stores", token, n, len(stores))
			return nil
		},
	}
	c.Flags().Uint64Var(&token, "token", 0, "the token of the holder that is gone")
	return c
}

// lockStores are the stores of what stands.
func (a *app) lockStores(ctx context.Context) ([]*store.Store, error) {
	s, err := a.settings()
	if err != nil {
		return nil, err
	}
	t, err := a.loadTopology(ctx, s)
	if err != nil {
		return nil, err
	}
	return a.stores(ctx, s, &t)
}

// lockTable prints a lock for people.
func (a *app) lockTable(s lock.State) error {
	switch h := s.Holder; {
	case h == nil && s.Token == 0:
		a.result("nobody holds the lock of %s, and nobody ever has\n\n", a.stack)
	case h == nil:
		a.result("nobody holds the lock of %s; the last token was %d\n\n", a.stack, s.Token)
	case s.Ended:
		a.result("%s held the lock of %s for a %s since %s, with token %d; its lease ended at %s\n\n", h.Owner, a.stack, h.Purpose, h.Since.Format(time.RFC3339), h.Token, h.Until.Format(time.RFC3339))
	default:
		a.result("%s holds the lock of %s for a %s since %s, at least until %s, with token %d\n\n", h.Owner, a.stack, h.Purpose, h.Since.Format(time.RFC3339), h.Until.Format(time.RFC3339), h.Token)
	}
	tw := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "STORE\tTOKEN\tHELD\tBY\tDETAIL")
	for _, at := range s.Stores {
		token, by := "", ""
		if at.Last != nil {
			token, by = fmt.Sprint(at.Last.Token), at.Last.Owner+" for a "+at.Last.Purpose
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", at.Where, token, yesNo(at.Held), by, at.Detail)
	}
	return tw.Flush()
}
