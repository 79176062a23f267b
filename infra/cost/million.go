package cost

import (
	"fmt"

	"polygate.example/infra/settings"
	"polygate.example/shared/forecast"
)

// What a request is taken to be, where its price depends on it.
const (
	requestSeconds = 0.1 // of one instance's time
	requestKiB     = 10  // through the front, in and out
	million        = 1e6
	// Azure bills an execution on Flex Consumption as at least a second. Source: "Billing", learn.microsoft.com/azure/
	// azure-functions/flex-consumption-plan.
	leastSecondsAzure = 1.0
)

// PerMillion lists what a million requests come to on each provider of the stack, and a million DNS queries at its
// managers: resolvers keep answers, so that there are fewer of those. Free tiers and data that leaves a cloud are not in it.
func PerMillion(s settings.Settings, prices Prices) ([]forecast.Cost, error) {
	b := &bill{prices: prices}
	gb := gigabytes(s)
	for _, p := range s.Providers() {
		switch p {
		case "aws":
			b.use("aws", "aws.api", 1, "HTTP API")
			b.use("aws", "aws.requests", 1, "invocations of Lambda")
			b.use("aws", "aws.compute."+architecture(s), million*requestSeconds*gb, "Lambda, %g s each at %d MB", requestSeconds, s.Memory)
		case "gcp":
			b.use("gcp", "gcp.requests", 1, "requests to Cloud Run")
			b.use("gcp", "gcp.compute.cpu", million*requestSeconds, "one CPU, %g s each, one request at a time", requestSeconds)
			b.use("gcp", "gcp.compute.memory", million*requestSeconds*gb, "%d MiB, %g s each", s.Memory, requestSeconds)
			b.use("gcp", "gcp.balancer.data", million*requestKiB/(1<<20), "load balancer, %d KiB each", requestKiB)
		case "azure":
			b.use("azure", "azure.requests", 1, "executions")
			b.use("azure", "azure.compute", million*leastSecondsAzure*gb, "%d MB, billed as at least %g s each", s.Memory, leastSecondsAzure)
		}
	}
	for _, m := range []string{s.Manager, s.Spare} {
		switch {
		case m == "route53":
			b.use(m, "route53.queries."+queries(s), 1, "DNS queries")
		case m != "":
			b.use(m, m+".queries", 1, "DNS queries")
		}
	}
	return b.lines, b.err
}

// queries is the kind of query Route 53 charges for.
func queries(s settings.Settings) string {
	switch s.Steering {
	case settings.Latency:
		return "latency"
	case settings.Geo:
		return "geo"
	}
	return "standard"
}

// use puts down so many units of a price.
func (b *bill) use(of, item string, units float64, format string, args ...any) {
	p, ok := b.prices[item]
	if !ok && b.err == nil {
		b.err = fmt.Errorf("there is no price of %q", item)
	}
	b.put(of, item, units, units, p, format, args...)
}
