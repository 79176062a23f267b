package cli

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"polygate.example/shared/forecast"
)

// forecastTable prints a forecast for people.
func forecastTable(w io.Writer, f forecast.Forecast) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "\nIF THIS FAILS\tWITHOUT ANSWERS\tBECAUSE")
	for _, x := range f.Failures {
		fmt.Fprintf(tw, "%s\t%s\t%s\n", x.Subject(), boundText(float64(x.Seconds)), x.Words)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	availability(w, f.Availability)
	fmt.Fprintln(tw, "\nA MONTH WITHOUT TRAFFIC\tWHAT\tNUMBER\tPRICE\tUSD\tPRICE OF")
	for _, c := range f.Costs {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s per %s\t%.2f\t%s\n", c.Of, c.What, number(c.Quantity), number(c.Price), c.Unit, c.USD, asOf(c))
	}
	fmt.Fprintf(tw, "sum\t\t\t\t%.2f\n", f.Monthly)
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(tw, "\nA MILLION REQUESTS MORE\tWHAT\tUSD\tPRICE OF")
	for _, c := range f.PerMillion {
		fmt.Fprintf(tw, "%s\t%s\t%.2f\t%s\n", c.Of, c.What, c.USD, asOf(c))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, "List prices in US dollars, before free tiers, discounts, logs and data that leaves a cloud; ? was not confirmed at the vendor's own page.")
	return nil
}

// availability says what the service levels come to, and what they are.
func availability(w io.Writer, a forecast.Availability) {
	fmt.Fprintf(w, "\nA year by the providers' service levels: %s without answers when every failover works, %s when one in twenty does not", span(a.Year), span(a.Failing))
	if a.Manager > 0 {
		fmt.Fprintf(w, "; the traffic manager's own leaves up to %s beside it", span(a.Manager))
	}
	fmt.Fprintf(w, ".\nWith outages of %g h; were failovers instant it would be %s. ", a.OutageHours, span(a.Textbook))
	if a.AssumesEqually {
		fmt.Fprint(w, "Where clients are is not known: equal shares were taken. ")
	}
	fmt.Fprintln(w, "A service level is a promise to refund, not a measured rate,\nand what all regions share (DNS, identity, a bug of one's own) is not in it.")
}

// differences prints what changes against what is deployed.
func differences(w io.Writer, changes []forecast.Change) error {
	if len(changes) == 0 {
		fmt.Fprintln(w, "Bounds and monthly cost are those of what is deployed.")
		return nil
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "AGAINST WHAT IS DEPLOYED\tBEFORE\tAFTER")
	for _, c := range changes {
		text := func(v *float64) string {
			switch {
			case v == nil:
				return "-"
			case c.IsBound():
				return boundText(*v)
			}
			return fmt.Sprintf("%.2f USD", *v)
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\n", c.What, text(c.Before), text(c.After))
	}
	return tw.Flush()
}

func boundText(seconds float64) string {
	if seconds == 0 {
		return "no bound"
	}
	return fmt.Sprintf("up to %.0f s", seconds)
}

// span is a time in the unit that reads best.
func span(minutes float64) string {
	switch d := time.Duration(minutes * float64(time.Minute)); {
	case d < 100*time.Millisecond:
		return "less than 0.1 s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.1f minutes", d.Minutes())
	default:
		return fmt.Sprintf("%.1f hours", d.Hours())
	}
}

func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func asOf(c forecast.Cost) string {
	if c.Unconfirmed {
		return c.AsOf + " ?"
	}
	return c.AsOf
}
