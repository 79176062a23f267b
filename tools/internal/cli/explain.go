package cli

import (
	"cmp"

	"github.com/spf13/cobra"

	"polygate.example/tools/internal/routing"
)

func (a *app) explainCommand() *cobra.Command {
	var asJSON, all bool
	var headers []string
	c := &cobra.Command{
		Use:   "explain <method> <url> [document]",
		Short: "Say which route takes a request, by which policies it goes, and why the other routes do not take it",
		Long: `explain asks the gateway's own router what it would do with a request, and sends nothing. It says which route takes it, with the
parameters of its path; the policies in the order in which the request passes them, and what each wants; and of the other
routes the first thing, in the order host, path, method, headers, query, for which they do not take it.

The URL is a whole one or a path; a path is asked for at the environment's hostname, or at localhost. With an environment
the gateway answers for its hostname and the regions' own names only, as it does when it is deployed.`,
		Example: "  polygate explain GET https://api.example.com/orders/7 -s prod\n  polygate explain POST /orders shop.gateway.yaml --header 'X-Version: 2'",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, book, err := a.book(cmd, args, 2)
			if err != nil {
				return err
			}
			r, err := routing.Request(args[0], args[1], headers)
			if err != nil {
				return usageError{err}
			}
			r.Host = cmp.Or(r.Host, s.settings.Hostname, "localhost")
			answer := book.Explain(r, s.hosts(), all)
			if asJSON {
				return a.json(answer)
			}
			return answer.Print(a.out)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&all, "all", false, "tell of every other route, also of those that have nothing in common with the request")
	c.Flags().StringArrayVarP(&headers, "header", "H", nil, "a header of the request, \"Name: value\"; again for more")
	complete(c, "header", func() []string { return nil })
	c = a.takesDocument(c, 2)
	file := c.ValidArgsFunction
	c.ValidArgsFunction = func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, cobra.ShellCompDirectiveNoFileComp
		}
		return file(cmd, args, word)
	}
	return c
}
