package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"polygate.example/tools/internal/localcloud/place"
)

// placeRow is one place of `local places --json`.
type placeRow struct {
	Code      string `json:"code"`
	City      string `json:"city"`
	Continent string `json:"continent"`
	Country   string `json:"country"`
	Subnet    string `json:"subnet"` // to be sent with a DNS query
	Source    string `json:"source"` // to connect from
}

// placesCommand lists where clients of the local clouds can be, and how to be there.
func (a *app) placesCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "places",
		Short: "Where clients can be, and how to ask as one of them",
		Long: `places lists where clients of the local clouds can be. A resolver tells an authoritative server by the client subnet where a
client is (dig +subnet=...), and a front sees the address that a client connects from (curl --interface ...). Any other
address counts as the first place.`,
		Example: "  polygate local places\n  dig @127.0.0.1 -p 15353 +subnet=198.18.7.0/24 api.polygate.test",
		RunE: func(*cobra.Command, []string) error {
			var rows []placeRow
			for _, p := range place.Clients() {
				country := p.Country
				if p.Subdivision != "" {
					country += "-" + p.Subdivision
				}
				rows = append(rows, placeRow{p.Code, p.City, p.Continent, country, p.Subnet().String(), p.Source().String()})
			}
			if asJSON {
				enc := json.NewEncoder(a.out)
				enc.SetIndent("", "  ")
				return enc.Encode(rows)
			}
			var b strings.Builder
			w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "PLACE\tCITY\tCONTINENT\tCOUNTRY\tSUBNET\tSOURCE")
			for _, r := range rows {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Code, r.City, r.Continent, r.Country, r.Subnet, r.Source)
			}
			if err := w.Flush(); err != nil {
				return err
			}
			a.result("%s", b.String())
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
