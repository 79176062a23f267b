// Package reference writes the reference pages of providers and traffic managers, and the guide to a first deployment, from
// the same data that the checks and the program use, so that they cannot say anything else. `make reference` rewrites them.
package reference

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"polygate.example/infra/catalog"
	"polygate.example/infra/cost"
	"polygate.example/infra/failover"
	"polygate.example/infra/permission"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

// Pages are all there are: their content by their path in the project.
func Pages() (map[string]string, error) {
	prices, err := cost.List()
	if err != nil {
		return nil, err
	}
	pages := map[string]string{}
	for _, p := range catalog.Providers() {
		pages[path.Join("infra", "provider", p.Spec().Name, "REFERENCE.md")] = providerPage(p.Spec(), prices)
	}
	for _, m := range catalog.Managers() {
		pages[path.Join("infra", "failover", m.Spec().Name, "REFERENCE.md")] = managerPage(m, prices)
	}
	guide, err := guidePage()
	if err != nil {
		return nil, err
	}
	pages[path.Join("infra", "FIRST-DEPLOY.md")] = guide
	return pages, nil
}

// page is a page under construction.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// table writes a table; the first row is its head.
func (p *page) table(rows ...[]string) {
	for i, row := range rows {
		p.line("| %s |", strings.Join(row, " | "))
		if i == 0 {
			p.line("|%s", strings.Repeat("---|", len(row)))
		}
	}
	p.line("")
}

const generated = "Generated from the code; `make reference` writes it anew, and a test fails when it is out of date."

// clouds are the first parts of resource types' tokens that differ from the provider's name.
var clouds = map[string]string{"azure": permission.Azure}

func providerPage(spec provider.Spec, prices cost.Prices) string {
	p := &page{}
	p.line("# %s: reference\n\n%s\n", spec.Name, generated)
	p.line("## Dials\n")
	rows := [][]string{{"dial", "what %s takes"}, {"`memory`", spec.Memory.String() + " MB"}, {"`timeout`", spec.Timeout.String() + " seconds"}}
	rows[0][1] = "what " + spec.Name + " takes"
	retention := "not a matter of this dial"
	if spec.LogRetention.Most != 0 || len(spec.LogRetention.Of) > 0 {
		retention = spec.LogRetention.String() + " days"
	}
	architectures := "any: it builds the source itself"
	if len(spec.Architectures) > 0 {
		architectures = settings.List(spec.Architectures)
	}
	certificate := "not wanted: it issues them itself"
	if spec.Certificate {
		certificate = "wanted: it issues none before DNS points at it"
	}
	rows = append(rows, []string{"`logRetentionDays`", retention}, []string{"`architecture`", architectures}, []string{"`certificate`", certificate})
	rows = append(rows, keys(spec.Config)...)
	p.table(rows...)
	limits(p, spec)
	p.line("## Regions\n\nA region's own name is `<label>.%s.<hostname>`.\n", spec.Name)
	rows = [][]string{{"region", "label"}}
	for _, r := range spec.RegionNames() {
		rows = append(rows, []string{"`" + spec.Name + "/" + r + "`", "`" + spec.Regions[r] + "`"})
	}
	p.table(rows...)
	cloud := spec.Name
	if c, ok := clouds[spec.Name]; ok {
		cloud = c
	}
	p.line("## What a region is made of, and what its deployer has to be allowed\n")
	needs(p, cloud, func(token string) bool { return !ofManager(token) })
	costs(p, spec.Name, prices)
	return p.String()
}

// keys are the rows of a cloud's own keys.
func keys(config []provider.ConfigKey) [][]string {
	var rows [][]string
	for _, c := range config {
		wanted := "wanted: "
		if c.Optional {
			wanted = "where it is set: "
		}
		rows = append(rows, []string{"`" + c.Key + "`", wanted + c.What})
	}
	return rows
}

func limits(p *page, spec provider.Spec) {
	l := spec.Limits
	p.line("## One request\n")
	streaming := "no: a response is held until it is whole"
	if l.Streaming {
		streaming = "yes"
	}
	rows := [][]string{
		{"limit", "value"},
		{"body of a request", size(l.RequestBytes)}, {"body of a response", size(l.ResponseBytes)}, {"request line and headers", size(l.HeaderBytes)},
		{"URL", size(l.URLBytes)}, {"streaming of responses", streaming}, {"longest request", fmt.Sprintf("%d s", l.TimeoutSeconds)},
		{"first request of a new instance", fmt.Sprintf("%d to %d ms longer, for guidance", l.ColdStartMS[0], l.ColdStartMS[1])},
		{"loss of a zone", l.ZoneRedundancy}, {"service level of one region", fmt.Sprintf("%g %%, a promise to refund", l.SLA)},
	}
	if len(l.Methods) > 0 {
		rows = append(rows, []string{"methods that never arrive", strings.Join(l.Methods, ", ")})
	}
	for _, r := range l.Reserved {
		what := "`" + r.Path + "`"
		switch {
		case r.Ending:
			what = "paths that end in " + what
		case r.Below:
			what += " and all below"
		}
		if r.Some {
			what += " (some of them)"
		}
		rows = append(rows, []string{"kept for itself", what})
	}
	if len(spec.Authorities) > 0 {
		rows = append(rows, []string{"certificates are issued by", strings.Join(spec.Authorities, ", ") + " (CAA)"})
	}
	p.table(rows...)
}

// size writes bytes in the unit that reads best.
func size(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.0f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}

// ofManager reports whether a resource type is a traffic manager's and not a region's.
func ofManager(token string) bool {
	for _, prefix := range []string{"aws:route53", "azure-native:trafficmanager:", "azure-native:dns:", "cloudflare:"} {
		if strings.HasPrefix(token, prefix) {
			return true
		}
	}
	return false
}

// needs lists resource types and what each needs.
func needs(p *page, cloud string, include func(token string) bool) {
	rows := [][]string{{"resource", "needs", "with the dial"}}
	for _, token := range permission.Types(cloud) {
		if !include(token) {
			continue
		}
		n, _ := permission.Of(token) // it was listed
		what := slices.Concat(n.Actions, n.Roles, n.Groups)
		dial := ""
		if n.Dial != "" {
			dial = "`" + n.Dial + "`"
		}
		if n.Policy != "" {
			dial = "a policy `" + n.Policy + "` in the document"
		}
		rows = append(rows, []string{"`" + token + "`", strings.Join(what, ", "), dial})
	}
	p.table(rows...)
}

// costs lists the prices of a provider or manager.
func costs(p *page, of string, prices cost.Prices) {
	p.line("## List prices\n\nUS dollars; `stacks/prices.yaml` overrides them by item, and `polygate preview` adds them up.\n")
	rows := [][]string{{"item", "price", "read at", "where"}}
	for _, item := range slices.Sorted(maps.Keys(prices)) {
		if !strings.HasPrefix(item, of+".") {
			continue
		}
		price := prices[item]
		when := price.AsOf
		if price.Unconfirmed {
			when += ", not confirmed"
		}
		rows = append(rows, []string{"`" + item + "`", fmt.Sprintf("%s per %s", number(price.USD), price.Per), when, price.Source})
	}
	p.table(rows...)
}

func number(v float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.10f", v), "0"), ".")
}

func managerPage(m failover.Manager, prices cost.Prices) string {
	spec := m.Spec()
	p := &page{}
	p.line("# %s: reference\n\n%s\n", spec.Name, generated)
	p.line("## Dials\n")
	timeout := spec.Timeout.String() + " seconds"
	if len(spec.Timeout.Of) == 1 {
		timeout = fmt.Sprintf("%d seconds, not to be changed", spec.Timeout.Of[0])
	}
	rows := [][]string{
		{"dial", "what " + spec.Name + " takes"}, {"`zone`", spec.Zone + ", which exists already"}, {"`check.interval`", spec.Interval.String() + " seconds"},
		{"`check.threshold`", spec.Threshold.String() + " probes"}, {"`check.timeout`", fmt.Sprintf("%s; %d by default", timeout, spec.ProbeTimeout)}, {"`ttl`", spec.TTL.String() + " seconds"},
	}
	rows = append(rows, keys(spec.Config)...)
	rows = append(rows, []string{"service level", fmt.Sprintf("%g %%, a promise to refund", spec.SLA)})
	if len(spec.Authorities) > 0 {
		rows = append(rows, []string{"certificates of its own front", strings.Join(spec.Authorities, ", ") + " (CAA)"})
	}
	p.table(rows...)
	p.line("## Patterns\n\nFor a stack with two regions on each of the providers; what is refused says why.\n")
	p.table(patterns(m)...)
	p.line("## The longest a client can be without answers\n")
	rows = [][]string{{"interval", "threshold", "TTL", "to notice", "in all"}}
	for _, d := range []struct{ interval, threshold, ttl int }{{30, 3, 60}, {10, 3, 60}, {10, 2, 30}, {10, 1, 30}} {
		s := settings.Settings{Check: settings.Check{Interval: d.interval, Threshold: d.threshold}, TTL: d.ttl}
		if !spec.Interval.Has(d.interval) || !spec.Threshold.Has(d.threshold) || !spec.TTL.Has(d.ttl) {
			continue
		}
		b := m.Bound(s)
		rows = append(rows, []string{fmt.Sprintf("%d s", d.interval), fmt.Sprint(d.threshold), fmt.Sprintf("%d s", d.ttl),
			fmt.Sprintf("%d s", b.Detect/time.Second), fmt.Sprintf("%d s", b.Total()/time.Second)})
	}
	p.table(rows...)
	p.line("## What it is made of, and what its deployer has to be allowed\n")
	prefixes := map[string][]string{
		"route53": {"aws:route53"}, "trafficmanager": {"azure-native:trafficmanager:", "azure-native:dns:"}, "cloudflare": {"cloudflare:"},
	}[spec.Name]
	for _, cloud := range []string{permission.AWS, permission.Azure, permission.Cloudflare} {
		if strings.HasPrefix(prefixes[0], cloud+":") {
			needs(p, cloud, func(token string) bool {
				return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(token, prefix) })
			})
		}
	}
	costs(p, spec.Name, prices)
	return p.String()
}

// patterns are the rows of what a manager can do, for one provider's regions, and for all three's.
func patterns(m failover.Manager) [][]string {
	sets := []struct {
		name    string
		regions []string
	}{
		{"AWS", []string{"aws/us-east-1", "aws/eu-west-1"}}, {"Google", []string{"gcp/us-central1", "gcp/europe-west1"}}, {"Azure", []string{"azure/eastus", "azure/westeurope"}},
		{"all three", []string{"aws/us-east-1", "aws/eu-west-1", "gcp/us-central1", "gcp/europe-west1", "azure/eastus", "azure/westeurope"}},
	}
	rows := [][]string{{"pattern", "steering"}}
	for _, set := range sets {
		rows[0] = append(rows[0], set.name)
	}
	for _, pattern := range settings.Patterns() {
		steerings := settings.Steerings()
		if !pattern.Active() {
			steerings = []settings.Steering{""}
		}
		for _, steering := range steerings {
			row := []string{"`" + string(pattern) + "`", ""}
			if steering != "" {
				row[1] = "`" + string(steering) + "`"
			}
			for _, set := range sets {
				row = append(row, verdict(m, pattern, steering, set.regions))
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// verdict is what the audit says of a stack.
func verdict(m failover.Manager, pattern settings.Pattern, steering settings.Steering, regions []string) string {
	s := settings.Settings{Manager: m.Spec().Name, Pattern: pattern, Steering: steering, Hostname: "api.example.com", Zone: "example.com",
		TrafficManager: settings.TrafficManager{ZoneGroup: "dns"}}
	groups := map[string]bool{}
	for i, name := range regions {
		p, r, _ := strings.Cut(name, "/")
		s.Regions = append(s.Regions, settings.Region{Provider: p, Name: r, Position: i})
		if steering == settings.Geo {
			if s.Geo == nil {
				s.Geo = map[string]settings.Serves{}
			}
			group := ""
			if pattern == settings.MultiRegion {
				group = p
			}
			serves := settings.Serves{Continents: []string{[]string{"EU", "NA", "AS", "AF", "SA", "OC"}[i]}}
			if !groups[group] {
				groups[group], serves = true, settings.Serves{Default: true}
			}
			s.Geo[name] = serves
		}
	}
	if pattern == settings.MultiRegion && len(s.Providers()) == 1 {
		return "-"
	}
	get := func(key string) (string, bool) { return "set", true } // keys of the account are not the question
	if problems := failover.Audit([]failover.Manager{m})(s, get); len(problems) > 0 {
		return "no: " + problems[0].Message
	}
	return "yes"
}
