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
		problems := auditRegions(specs, s)
		for _, name := range s.Providers() {
			if spec, ok := Find(specs, name); ok {
				problems = append(problems, auditDials(spec, s, get)...)
			}
		}
		return problems
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
			bad(i, "%s has no region %q: want one of %s", r.Provider, r.Name, strings.Join(spec.RegionNames(), ", "))
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
	for _, c := range spec.Config {
		if v, ok := get(c.Key); !ok || v == "" {
			problems = append(problems, settings.Problem{Key: c.Key, Message: "is missing: want " + c.What})
		}
	}
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
