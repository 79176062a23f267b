package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"polygate.example/infra/settings"
	"polygate.example/tools/internal/localcloud"
)

func (a *app) secretCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "secret",
		Short: "Make what polygate:secrets refers to, in the local clouds' own stores",
		Example: `  polygate local secret set gcp projects/my-project/secrets/api-key < key.txt
  polygate local secret list`,
		RunE: helpOrUnknown,
		Args: cobra.ArbitraryArgs,
	}
	c.AddCommand(a.secretSetCommand(), a.secretListCommand(), a.secretRemoveCommand())
	return c
}

func (a *app) secretSetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "set <provider> <name>",
		Short: "Make a secret, or a newer version of it; the value comes from standard input",
		Long: `Make a secret, or a newer version of it. The value is read from standard input and never from the command line, where
other users of the machine could see it; a newline at its end is not part of it. The name is the one that polygate:secrets
refers to, without a version. It stays until the environment is destroyed.`,
		Example: "  openssl rand -hex 32 | polygate local secret set gcp projects/my-project/secrets/api-key",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.cloudClient(cmd.Context())
			if err != nil {
				return err
			}
			value, err := a.secretValue(cmd.InOrStdin(), args[1])
			if err != nil {
				return err
			}
			version, err := c.AddSecret(cmd.Context(), localcloud.Secret{Provider: args[0], Name: args[1], Value: value})
			if err != nil {
				return refused(err)
			}
			a.result("%s %s: version %d\n", args[0], args[1], version)
			return nil
		},
	}
}

// secretValue reads a value without showing it where it is typed.
func (a *app) secretValue(in io.Reader, name string) (string, error) {
	var b []byte
	var err error
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		a.step("value of %s (it is not shown):", name)
		b, err = term.ReadPassword(int(f.Fd()))
	} else {
		b, err = io.ReadAll(io.LimitReader(in, localcloud.MaxSecret+3)) // one too many shows, whatever its newline
	}
	if err != nil {
		return "", fmt.Errorf("read the value from standard input: %w", err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if value == "" {
		return "", usageError{errors.New("standard input holds no value: pass it with a pipe or with < file")}
	}
	return value, nil
}

func (a *app) secretListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List secrets and their versions, without the values",
		Example: "  polygate local secret list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.cloudClient(cmd.Context())
			if err != nil {
				return err
			}
			all, err := c.Secrets(cmd.Context())
			if err != nil {
				return err
			}
			if len(all) == 0 {
				a.result("there are no secrets\n")
			}
			for _, s := range all {
				a.result("%-6s %s, version %d\n", s.Provider, s.Name, s.Version)
			}
			return nil
		},
	}
}

func (a *app) secretRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "remove <provider> <name>",
		Short:   "Take a secret away with all its versions",
		Example: "  polygate local secret remove gcp projects/my-project/secrets/api-key",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.cloudClient(cmd.Context())
			if err != nil {
				return err
			}
			n, err := c.RemoveSecret(cmd.Context(), args[0], args[1])
			if err != nil {
				return refused(err)
			}
			a.result("%s %s: %s removed\n", args[0], args[1], settings.Count(n, "version"))
			return nil
		},
	}
}
