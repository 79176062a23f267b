package cli

import (
	"time"

	"github.com/spf13/cobra"
)

func (a *app) certIssueCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "issue",
		Short: "Have the certificate issued, unless a good one is there",
		Long: `issue has the certificate issued. By it you agree to the authority's terms of service. One that is good for all the names and not
due for renewal is left alone, because authorities issue no more than so many a week.`,
		Example: "  polygate cert issue -s prod",
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := a.ownCertificate()
			if err != nil {
				return err
			}
			o, err := a.order(cmd.Context(), b)
			if err != nil {
				return err
			}
			// One that cannot be opened is no good either, and its place is asked for.
			if k, err := b.kept(); err == nil && k != nil && !force && k.Due(b.names, b.renewDays(), time.Now()) == "" {
				a.step("there is a good one: --force replaces it")
				a.told(b, *k)
				return nil
			}
			a.step("asking %s", o.Directory)
			k, err := o.Issue(cmd.Context())
			if err != nil {
				return err
			}
			a.told(b, k)
			return nil
		},
	}
	c.Flags().BoolVar(&force, "force", false, "also when a good one is there")
	return c
}
