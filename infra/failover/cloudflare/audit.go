package cloudflare

import (
	"slices"
	"strconv"
	"strings"

	"polygate.example/infra/failover"
	"polygate.example/infra/settings"
)

// Audit reports what Cloudflare cannot do.
func (Manager) Audit(s settings.Settings) []settings.Problem {
	return slices.Concat(auditSharing(s), auditGeo(s), auditWeights(s), auditProxy(s), auditCheck(s))
}

func auditSharing(s settings.Settings) []settings.Problem {
	var out []settings.Problem
	if s.Pattern == settings.MultiRegion && s.Steering == settings.Latency {
		out = append(out, settings.Problemf("steering", nil, "is %q, and within a pool Cloudflare chooses by weight only: use %q or %q with the pattern %q, or the pattern %q",
			s.Steering, settings.Weighted, settings.Geo, s.Pattern, settings.ActiveActive))
	}
	if s.Pattern == settings.MultiRegion && len(s.Ramp) > 0 {
		out = append(out, settings.Problemf("ramp", nil, "is set, and a pool takes an address only once, so that a region of the pattern %q cannot come back in steps: take it out, or use the pattern %q",
			s.Pattern, settings.ActiveActive))
	}
	return out
}

func auditGeo(s settings.Settings) []settings.Problem {
	var out []settings.Problem
	for _, r := range s.Regions {
		for i, c := range s.Geo[r.String()].Countries {
			at := []string{r.String(), "countries", strconv.Itoa(i)}
			country, _, subdivision := strings.Cut(c, "-")
			switch {
			case subdivision:
				out = append(out, settings.Problemf("geo", at, "is %q, and Cloudflare steers by country and no closer: use %q, or the manager route53", c, country))
			case continentOf(country) == "":
				out = append(out, settings.Problemf("geo", at, "is %q, which is no country of ISO 3166-1", c))
			}
		}
	}
	return out
}

// auditWeights refuses shares that hundredths cannot express: such a region would get nothing.
func auditWeights(s settings.Settings) []settings.Problem {
	if s.Steering != settings.Weighted || len(s.Regions) == 0 || s.Pattern == settings.MultiRegion && len(s.Ramp) > 0 {
		return nil
	}
	members := make([]failover.Member, 0, len(s.Regions))
	for _, r := range s.Regions {
		members = append(members, failover.Member{Region: r})
	}
	var out []settings.Problem
	for _, g := range groupsOf(failover.Plan(s, members)) {
		for i, steps := range shares(s, g) {
			if r := g.Shares[i].Member.Region; slices.Min(steps) == 0 {
				out = append(out, settings.Problemf("weights", []string{r.String()}, "is %d, of which the smallest step is less than a hundredth of the largest, and Cloudflare counts in hundredths: raise it%s",
					g.Shares[i].Weight, orRamp(s)))
			}
		}
	}
	return out
}

func orRamp(s settings.Settings) string {
	if len(s.Ramp) == 0 {
		return ""
	}
	return ", or begin polygate:ramp with a larger share"
}

func auditProxy(s settings.Settings) []settings.Problem {
	var out []settings.Problem
	bad := func(key string, path []string, format string, args ...any) {
		out = append(out, settings.Problemf(key, path, format, args...))
	}
	proxied := s.Cloudflare.Proxied
	if s.Cloudflare.FailoverAcrossPools && (!proxied || s.Manager != name) {
		works := "set proxied: true as well, or take it out"
		if s.Manager != name { // which is refused for a spare
			works = "take it out, as a spare Cloudflare answers DNS only"
		} else if s.Spare != "" {
			works = "take it out; or set proxied: true, and take polygate:spare out"
		}
		bad("cloudflare", []string{"failoverAcrossPools"}, "is true, and only a proxy sees requests fail: %s", works)
	}
	if !proxied {
		return out
	}
	if s.Manager != name {
		bad("cloudflare", []string{"proxied"}, "is true, and as a spare Cloudflare can answer DNS only: until it takes over, clients come to the regions directly, and these cannot tell them from who comes around Cloudflare")
		return out
	}
	if s.FrontSecret == "" {
		bad("frontSecret", nil, "is missing, and without it everybody could come to the regions around Cloudflare: `openssl rand -hex 32 | pulumi config set --stack <env> --secret polygate:frontSecret`")
	}
	if s.Spare != "" {
		bad("spare", nil, "is %q, and behind Cloudflare's proxy the regions refuse whom it does not bring, clients led by %s too: take it out, or answer DNS only (polygate:cloudflare: {proxied: false}, without failoverAcrossPools)", s.Spare, s.Spare)
	}
	// Source: "Limitations for Universal SSL", Hostname coverage, developers.cloudflare.com/ssl/edge-certificates/
	// universal-ssl/limitations.
	if name, ok := strings.CutSuffix(s.Hostname, "."+s.Zone); ok && s.Zone != "" && strings.Contains(name, ".") {
		first := name[strings.LastIndex(name, ".")+1:]
		bad("hostname", nil, "is %q, and Cloudflare's certificate covers names directly below the zone %q only: use a name like %s-%s.%s, or a zone of its own for %s",
			s.Hostname, s.Zone, strings.ReplaceAll(strings.TrimSuffix(name, "."+first), ".", "-"), first, s.Zone, first+"."+s.Zone)
	}
	return out
}

// auditCheck keeps Cloudflare's "interval has to be larger than (retries+1) * probe_timeout" (source: as for retries).
func auditCheck(s settings.Settings) []settings.Problem {
	if s.Check.Interval == 0 || s.Check.Interval > timeout(s)*(retries+1) {
		return nil
	}
	return []settings.Problem{settings.Problemf("check", []string{"timeout"}, "is %d, and Cloudflare wants the interval of %d seconds to be longer than %d of them: want at most %d",
		timeout(s), s.Check.Interval, retries+1, (s.Check.Interval-1)/(retries+1))}
}
