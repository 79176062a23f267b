package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"polygate.example/infra/settings"
	"polygate.example/tools/internal/schema"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [document | stack]",
		Short: "Print the JSON Schema of gateway documents, or of stack files, for editors",
		Long: `schema prints the JSON Schema (draft 07) of gateway documents, or of stack files: editors complete keys by it and mark what is
wrong while somebody types. It says less than check, which knows every rule.

An editor finds it by a comment at the top of a document, or by its key $schema, which says nothing to the gateway:

  # yaml-language-server: $schema=../gateway.schema.json`,
		Example: "  polygate schema > gateway.schema.json\n  polygate schema stack > stack.schema.json",
		Args:    cobra.MaximumNArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []string{"document", "stack"}, cobra.ShellCompDirectiveNoFileComp
		},
		PreRunE: func(*cobra.Command, []string) error { return nil }, // it is the same in every project
		RunE: func(_ *cobra.Command, args []string) error {
			of := "document"
			if len(args) > 0 {
				of = args[0]
			}
			schemaOf, ok := map[string]func() ([]byte, error){"document": schema.Document, "stack": schema.Stack}[of]
			if !ok {
				return usageError{fmt.Errorf("there is no schema of %q%s: want document or stack", of, settings.Nearest(of, []string{"document", "stack"}))}
			}
			text, err := schemaOf()
			if err != nil {
				return err
			}
			_, err = a.out.Write(text)
			return err
		},
	}
}
