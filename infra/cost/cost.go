// Package cost computes what a stack costs: the monthly base, which is paid without any traffic, line by line, and what a
// million requests come to on top. It knows settings and prices, and neither Pulumi nor a cloud.
package cost

import (
	"fmt"
	"math"

	"polygate.example/infra/settings"
	"polygate.example/shared/forecast"
)

// Base lists what is paid each month without any traffic, and the sum of it in US dollars. What costs nothing is listed
// with its price where one might look for it. Not in it, because it comes with traffic: logs, storage of artefacts and
// data that leaves a cloud.
func Base(s settings.Settings, prices Prices) ([]forecast.Cost, float64, error) {
	b := &bill{prices: prices}
	for _, m := range []string{s.Manager, s.Spare} {
		switch m {
		case "route53":
			b.route53(s)
		case "trafficmanager":
			b.trafficManager(s)
		case "cloudflare":
			b.cloudflare(s)
		}
	}
	for _, p := range s.Providers() {
		switch p {
		case "aws":
			b.aws(s)
		case "gcp":
			b.gcp(s)
		case "azure":
			b.azure(s)
		}
	}
	total := 0.0
	for _, l := range b.lines {
		total += l.USD
	}
	return b.lines, cents(total), b.err
}

// bill collects lines.
type bill struct {
	prices Prices
	lines  []forecast.Cost
	err    error
}

// add puts down something that is held all month; quantity is how many of them, or how many GB or CPUs. Nothing is not put
// down.
func (b *bill) add(of, item string, quantity float64, format string, args ...any) {
	if quantity == 0 {
		return
	}
	p, ok := b.prices[item]
	if !ok && b.err == nil {
		b.err = fmt.Errorf("there is no price of %q", item)
	}
	b.put(of, item, quantity, quantity*monthly[p.Per], p, format, args...)
}

// put puts down a line that uses so many units of its price.
func (b *bill) put(of, item string, quantity, units float64, p Price, format string, args ...any) {
	b.lines = append(b.lines, forecast.Cost{
		Item: item, Of: of, What: fmt.Sprintf(format, args...), Quantity: quantity, Unit: p.Per, Price: p.USD,
		USD: cents(units * p.USD), AsOf: p.AsOf, Source: p.Source, Unconfirmed: p.Unconfirmed,
	})
}

// cents rounds to them. The little that is added makes up for what a binary fraction lacks of half a cent.
func cents(usd float64) float64 { return math.Round(usd*100+1e-9) / 100 }

// count is how many regions of a provider there are.
func count(s settings.Settings, provider string) float64 {
	n := 0.0
	for _, r := range s.Regions {
		if r.Provider == provider {
			n++
		}
	}
	return n
}

// gigabytes is the memory of one instance. All three clouds count in units of 1,024 MB.
func gigabytes(s settings.Settings) float64 { return float64(s.Memory) / 1024 }

func (b *bill) aws(s settings.Settings) {
	const of = "aws"
	regions := count(s, of)
	b.add(of, "aws.certificate", regions, "ACM certificates")
	b.add(of, "aws.warm."+architecture(s), float64(s.Warm)*gigabytes(s)*regions, "GB of provisioned concurrency: %s in each region", settings.Count(s.Warm, "instance"))
	b.add(of, "aws.store", stored, "GB of the stack's topology and lock")
	b.operations(s, of, regions*alarmsAWS)
	for _, name := range sorted(s.Secrets) {
		item, copies := "aws.secret", regions // a replica is paid as a secret is
		if isParameter(s.Secrets[name][of]) {
			item = "aws.parameter"
		}
		b.add(of, item, copies, "secret %s, in each region", name)
	}
}

func (b *bill) gcp(s settings.Settings) {
	const of = "gcp"
	regions := count(s, of)
	b.add(of, "gcp.balancer.first", 1, "forwarding rules of load balancers, up to five together")
	b.add(of, "gcp.balancer.more", max(0, regions-5), "forwarding rules beyond five")
	b.add(of, "gcp.certificate", regions, "certificates of Certificate Manager")
	b.add(of, "gcp.warm.cpu", float64(s.Warm)*regions, "CPUs of idle minimum instances: %d in each region", s.Warm)
	b.add(of, "gcp.warm.memory", float64(s.Warm)*gigabytes(s)*regions, "GiB of idle minimum instances")
	b.add(of, "gcp.store", stored, "GB of the stack's topology and lock")
	b.operations(s, of, regions*alarmsGCP)
	b.add(of, "gcp.secret", float64(len(s.Secrets)), "secrets of Secret Manager")
}

func (b *bill) azure(s settings.Settings) {
	const of = "azure"
	regions := count(s, of)
	warm := s.Warm
	if s.ZoneRedundant {
		warm = max(warm, zoneRedundantInstances)
	}
	b.add(of, "azure.certificate", regions, "bindings of your certificate")
	b.add(of, "azure.warm", float64(warm)*gigabytes(s)*regions, "GB of always-ready instances: %d in each region", warm)
	b.add(of, "azure.store", stored, "GB of the stack's topology and lock")
	b.operations(s, of, regions*alarmsAzure)
	if s.Alarms != nil {
		b.add(of, "azure.query", regions*queriesAzure, "log search alerts, every five minutes")
		b.add(of, "azure.webtest", regions*executionsAzure, "web tests of the certificates, every 15 minutes from three places")
	}
	b.add(of, "azure.secret", float64(len(s.Secrets)), "secrets of Key Vault")
}

// zoneRedundantInstances are the always-ready instances that a zone-redundant Flex plan has at least. Source: "Reliability
// in Azure Functions", learn.microsoft.com/azure/reliability/reliability-functions.
const zoneRedundantInstances = 2

// operations puts down alarms and budget, which every provider has.
func (b *bill) operations(s settings.Settings, of string, alarms float64) {
	if s.Alarms != nil {
		b.add(of, of+".alarm", alarms, "alarms")
	}
	if s.Budget != nil {
		b.add(of, of+".budget", 1, "budget")
	}
}

// architecture is the one that is paid for. The local environment's is that of the machine, and no cloud's.
func architecture(s settings.Settings) string {
	if s.Architecture == settings.ArchitectureARM64 {
		return settings.ArchitectureARM64
	}
	return settings.ArchitectureAMD64
}
