package cli

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"polygate.example/tools/internal/routing"
)

// sorts are the orders that routes can be listed in.
var sorts = []string{"priority", "name"}

func (a *app) routesCommand() *cobra.Command {
	var asJSON bool
	by := sorts[0]
	c := &cobra.Command{
		Use:   "routes [document]",
		Short: "List the routes of the environment's gateway document, or of a document, in the order in which they match",
		Long: `routes lists what the gateway takes and what it does with it: methods, host, path, conditions, policies in the order in which a
request passes them, upstream or answer, and timeouts. Of two routes that could take the same request the upper one does,
but for HEAD: a route that lists HEAD goes before one that takes it by GET.`,
		Example: "  polygate routes -s prod\n  polygate routes shop.gateway.yaml --by name\n  polygate routes --json | jq -r .[].path",
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(sorts, by) {
				return usageError{fmt.Errorf("--by is %q: want %s or %s", by, sorts[0], sorts[1])}
			}
			_, book, err := a.book(cmd, args, 0)
			if err != nil {
				return err
			}
			routes := book.Routes(by == "name")
			if asJSON {
				return a.json(routes)
			}
			return routing.Table(a.out, routes)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&by, "by", by, "order: priority or name")
	complete(c, "by", func() []string { return sorts })
	return a.takesDocument(c, 0)
}

// book reads the document of a verb's arguments.
func (a *app) book(cmd *cobra.Command, args []string, before int) (source, *routing.Book, error) {
	s, err := a.source(cmd, args, before)
	if err != nil {
		return s, nil, err
	}
	m, err := a.load(s)
	if err != nil {
		return s, nil, err
	}
	book, err := routing.NewBook(m, s.hosts())
	return s, book, err
}

// json prints a value for programs.
func (a *app) json(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
