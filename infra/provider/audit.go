package provider

import (
	"slices"
	"strconv"
	"strings"

	"polygate.example/infra/settings"
)

// Find looks a provider's spec up by name.
func Find(specs []Spec, name string) (Spec, bool) {
	i := slices.IndexFunc(specs, func(s Spec) bool { return s.Name == name })
	if i < 0 {
		return Spec{}, false
	}
	return specs[i], true
}

// Audit is the rule that compares settings with what the known providers can do.
func Audit(specs []Spec) settings.Rule {
	return func(s settings.Settings, get settings.Lookup) []settings.Problem {
		problems := slices.Concat(auditRegions(specs, s), auditWarm(specs, s), auditBilling(specs, s))
		for _, name := range s.Providers() {
			if spec, ok := Find(specs, name); ok {
				problems = append(problems, auditDials(spec, s, get)...)
			}
		}
		return problems
	}
}

// auditWarm wants no more instances kept warm than there may be. One dial has one message, however many providers it is of.
func auditWarm(specs []Spec, s settings.Settings) []settings.Problem {
	within := slices.DeleteFunc(s.Providers(), func(name string) bool {
		spec, ok := Find(specs, name)
		return !ok || !spec.WarmWithin
	})
	if len(within) == 0 || s.Concurrency == 0 || s.Warm <= s.Concurrency { // zero did not pass the form check
		return nil
	}
	return []settings.Problem{settings.Problemf("warm", nil, "is %d, and %s may have no more than %d, as polygate:concurrency says: raise that, or lower this",
		s.Warm, strings.Join(within, " and "), s.Concurrency)}
}

// auditBilling refuses a billing account that no provider of the stack asks for.
func auditBilling(specs []Spec, s settings.Settings) []settings.Problem {
	asks := slices.ContainsFunc(s.Providers(), func(name string) bool {
		spec, ok := Find(specs, name)
		return !ok || spec.BillingAccount // an unknown one is reported already
	})
	if s.Budget == nil || s.Budget.BillingAccount == "" || asks || len(s.Regions) == 0 {
		return nil
	}
	return []settings.Problem{settings.Problemf("budget", []string{"billingAccount"}, "is set, and the budgets of %s are in no billing account: take it out",
		strings.Join(s.Providers(), " and "))}
}

// Idle is the rule that finds dials which are valid and have no effect with the stack's regions. None is refused: a region may
// have been taken out in haste, and may come back.
func Idle(specs []Spec) settings.Rule {
	return func(s settings.Settings, get settings.Lookup) []settings.Problem {
		var certificate, zones, architecture, boundary bool
		for _, name := range s.Providers() {
			if spec, ok := Find(specs, name); ok {
				certificate = certificate || spec.Certificate
				zones = zones || spec.Limits.ZoneRedundancy == ZonesOnRequest
				architecture = architecture || len(spec.Architectures) > 0
				boundary = boundary || spec.Boundary
			}
		}
		var found []settings.Problem
		idle := func(key, why string) {
			found = append(found, settings.Problemf(key, nil, "has no effect: %s (%s)", why, strings.Join(s.Providers(), ", ")))
		}
		if s.Certificate != nil && !certificate {
			idle("certificate", "no region is of a provider that takes a certificate you bring")
		}
		if s.ZoneRedundant && !zones {
			idle("zoneRedundant", "no region is of a provider that has to be asked for it")
		}
		if _, set := get(settings.Namespace + ":architecture"); set && !architecture {
			idle("architecture", "all regions are of providers that build the source themselves")
		}
		if s.PermissionsBoundary != "" && !boundary {
			idle("permissionsBoundary", "no region is of a provider whose roles have one")
		}
		return found
	}
}

func auditRegions(specs []Spec, s settings.Settings) []settings.Problem {
	var problems []settings.Problem
	bad := func(i int, format string, args ...any) {
		problems = append(problems, settings.Problemf("regions", []string{strconv.Itoa(i)}, format, args...))
	}
	for _, r := range s.Regions {
		i := r.Position
		spec, ok := Find(specs, r.Provider)
		if !ok {
			bad(i, "%q names no known provider: want %s", r, settings.List(names(specs)))
			continue
		}
		label, ok := spec.Regions[r.Name]
		if !ok {
			bad(i, "%s has no region %q%s: want one of %s", r.Provider, r.Name, settings.Nearest(r.Name, spec.RegionNames()), strings.Join(spec.RegionNames(), ", "))
			continue
		}
		own := OwnName(label, r.Provider, s.Hostname)
		if s.Hostname == "" {
			continue // reported already
		}
		if most, why := spec.maxOwnName(); len(own) > most {
			bad(i, "its own name would be %s, of %d characters: %s %d; shorten the hostname", own, len(own), why, most)
		}
	}
	return problems
}

func auditDials(spec Spec, s settings.Settings, get settings.Lookup) []settings.Problem {
	var problems []settings.Problem
	for _, d := range []struct {
		key     string
		value   int
		allowed Allowed
		unit    string
	}{
		{"memory", s.Memory, spec.Memory, "MB"},
		{"timeout", s.Timeout, spec.Timeout, "seconds"},
		{"logRetentionDays", s.LogRetentionDays, spec.LogRetention, "days"},
	} {
		// Zero did not pass the form check and is reported already.
		if d.value != 0 && !d.allowed.Has(d.value) {
			problems = append(problems, settings.Problemf(d.key, nil, "is %d: %s has %s %s", d.value, spec.Name, d.allowed, d.unit))
		}
	}
	// One stack is built for one architecture. The local clouds run the machine's own, whatever the real ones have.
	known := append([]string{"", settings.ArchitectureHost}, spec.Architectures...)
	if len(spec.Architectures) > 0 && !slices.Contains(known, s.Architecture) {
		problems = append(problems, settings.Problemf("architecture", nil, "is %q: %s runs %s",
			s.Architecture, spec.Name, settings.List(spec.Architectures)))
	}
	if _, set := get(settings.Namespace + ":certificate"); spec.Certificate && !set {
		problems = append(problems, settings.Problemf("certificate", nil,
			"is missing: a region of %s needs a certificate you bring; want {pfx: path, passwordFile: path}", spec.Name))
	}
	problems = append(problems, AuditConfig(spec.Config, get)...)
	if spec.Check != nil {
		problems = append(problems, spec.Check(s, get)...)
	}
	return problems
}

func names(specs []Spec) []string {
	out := make([]string, 0, len(specs))
	for _, s := range specs {
		out = append(out, s.Name)
	}
	return out
}
