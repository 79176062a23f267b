package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/infra/settings"
)

func (a *app) certRenewCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "renew",
		Short: "Have the certificate issued anew when it is time",
		Long: `renew does nothing until polygate:certificate.acme.renewDays before the end, 30 unless set, so that it can run every day. It is also
time when a name is not covered, and when the authority advises it, as before it revokes (ACME Renewal Information).`,
		Example: "  polygate cert renew -s prod && polygate up -s prod",
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := a.ownCertificate()
			if err != nil {
				return err
			}
			o, err := a.order(cmd.Context(), b)
			if err != nil {
				return err
			}
			k, err := b.kept()
			if err != nil {
				return err
			}
			if k == nil {
				return fmt.Errorf("there is no certificate to renew at %s: run `polygate cert issue -s %s`", b.files.PFX, a.stack)
			}
			if life := k.Life(); b.renewDays() >= life {
				return usageError{fmt.Errorf("polygate:certificate.acme.renewDays is %d, and the certificate was issued for %s: each renew would order another, until the authority refuses more; set it to %d",
					b.renewDays(), settings.Count(life, "day"), max(1, life/3))}
			}
			due := k.Due(b.names, b.renewDays(), time.Now())
			if due == "" && force {
				due = "--force"
			}
			renewed, reason, err := o.Renew(cmd.Context(), *k, due)
			if err != nil {
				return err
			}
			if reason == "" {
				a.step("not due")
			}
			a.told(b, renewed)
			return nil
		},
	}
	c.Flags().BoolVar(&force, "force", false, "also when it is not due")
	return c
}
