package cli

import (
	"errors"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/infra/settings"
)

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Check the environment's stack file and gateway document; every problem at its line",
		Long: `check reads stacks/Pulumi.<env>.yaml and stacks/<env>.gateway.yaml and reports every problem of both, each as
file:line:column, what is wrong and what would be right. It changes nothing and needs no cloud.`,
		Example: "  polygate check -s prod",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, settingsErr := a.settings()
			if settingsErr != nil && !errors.As(settingsErr, new(settings.Problems)) {
				return settingsErr // there is no such environment, or its stack file cannot be read
			}
			model, documentErr := a.model(s)
			if err := errors.Join(settingsErr, documentErr); err != nil {
				return usageError{err}
			}
			switch err := a.checkCertificate(s, time.Now()); {
			case errors.Is(err, fs.ErrNotExist): // whoever checks a change need not hold it
				a.step("note: not looked at: %v", err)
			case err != nil:
				return usageError{err}
			}
			if err := a.warnIdle(s); err != nil {
				return err
			}
			a.warnLoopback(s, model)
			a.result("%s: ok, model %s\n", a.stack, model.Digest())
			return nil
		},
	}
}
