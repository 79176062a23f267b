package gateway

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func checkUpstream(r *report, at Pointer, name string, u Upstream) {
	if what, remedy := checkName("upstream", name); what != "" {
		r.key(at, what, remedy)
	}
	checkTargets(r, at.Key("targets"), u.Targets)
	regions := slices.Sorted(maps.Keys(u.Regions))
	checkFallback(r, at.Key("fallback"), at.Key("regions"), u.Fallback, "", regions)
	if len(u.Targets) == 0 && len(u.Fallback) == 0 {
		what, remedy := fmt.Sprintf("upstream %s has no targets", quote(name)), "list at least one under targets"
		if len(u.Regions) > 0 {
			what = fmt.Sprintf("upstream %s has targets for its listed regions only", quote(name))
			remedy = "add targets or a fallback beside regions, for every region that is not listed"
		}
		r.key(at, what, remedy)
	}
	for _, region := range regions {
		at, reg := at.Key("regions").Key(region), u.Regions[region]
		if !regionPattern.MatchString(region) {
			r.key(at, fmt.Sprintf("region name %s is not provider/region", quote(region)), `write it such as "aws/us-east-1"`)
		}
		checkTargets(r, at.Key("targets"), reg.Targets)
		checkFallback(r, at.Key("fallback"), at.Parent(), reg.Fallback, region, regions)
		if len(reg.Targets) == 0 && len(reg.Fallback) == 0 {
			r.key(at, fmt.Sprintf("region %s has neither targets nor a fallback", quote(region)), "add one of them, or remove the region so that it uses the general targets")
		}
		if cycle := u.fallbackCycle(region); len(cycle) > 2 {
			r.value(at.Key("fallback"), "the fallback goes in a circle: "+strings.Join(cycle, " -> "), "give one region of the circle targets of its own")
		}
	}
	checkTimeout(r, at.Key("timeouts").Key("connect"), u.Timeouts.Connect)
	checkTimeout(r, at.Key("timeouts").Key("response"), u.Timeouts.Response)
	checkTimeout(r, at.Key("timeouts").Key("idle"), u.Timeouts.Idle)
	if p := u.Ready.Path; p != "" {
		if what := requestPath(p); what != "" {
			r.value(at.Key("ready").Key("path"), fmt.Sprintf("ready path %s %s", quote(p), what), `write a plain path such as "/health"`)
		}
	}
}

func checkTargets(r *report, at Pointer, targets []Target) {
	if len(targets) > maxTargets {
		r.value(at, fmt.Sprintf("there are %d targets", len(targets)), fmt.Sprintf("keep to %d", maxTargets))
		return
	}
	first := map[string]int{}
	for i, t := range targets {
		at := at.Index(i).Key("url")
		if what, remedy := checkURL(t.URL); what != "" {
			r.value(at, what, remedy)
		}
		if j, ok := first[t.URL]; ok {
			r.value(at, fmt.Sprintf("target %s is listed twice", quote(t.URL)), "list it once: targets share requests evenly")
			r.found[len(r.found)-1].Related = string(at.Parent().Parent().Index(j).Key("url"))
			continue
		}
		first[t.URL] = i
	}
}

// checkFallback tests a list of regions to fall back to; regionsAt is where the upstream's regions
// stand, own the region the list belongs to, "" for the general one.
func checkFallback(r *report, at, regionsAt Pointer, fallback []string, own string, regions []string) {
	seen := map[string]bool{}
	for i, name := range fallback {
		at := at.Index(i)
		switch {
		case own != "" && name == own:
			r.value(at, fmt.Sprintf("region %s falls back to itself", quote(name)), "name another region")
		case seen[name]:
			r.value(at, fmt.Sprintf("fallback region %s is listed twice", quote(name)), "list it once")
		case !slices.Contains(regions, name):
			r.value(at, fmt.Sprintf("fallback region %s is not a region of this upstream", quote(name)), suggest(name, regions))
			r.found[len(r.found)-1].Premise = string(regionsAt)
		}
		seen[name] = true
	}
}

// checkURL tests the address of a target.
func checkURL(s string) (what, remedy string) {
	const example = `write it such as "https://orders.internal.example"`
	if s == "" {
		return "the url is missing", example
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return fmt.Sprintf("url %s cannot be read", quote(s)), example
	case u.Scheme != "http" && u.Scheme != "https":
		if u.Scheme == "" {
			return fmt.Sprintf("url %s has no scheme", quote(s)), "put https:// (or http://) before it"
		}
		return fmt.Sprintf("url %s has scheme %s", quote(s), quote(u.Scheme)), "only http and https can be proxied; websockets go over them too"
	case u.Hostname() == "" || u.Opaque != "":
		return fmt.Sprintf("url %s has no host", quote(s)), example
	case u.User != nil:
		// The URL is not repeated here: it holds a password.
		return fmt.Sprintf("the url of host %s holds a user name or password", quote(u.Host)), "take it out: secrets do not belong in a gateway document, and a route sends one as a header, ${secret.NAME}"
	case u.Fragment != "" || strings.HasSuffix(s, "#"):
		return fmt.Sprintf("url %s has a fragment", quote(s)), "remove everything from the #: it never reaches a server"
	case u.RawQuery != "" || u.ForceQuery:
		return fmt.Sprintf("url %s has a query", quote(s)), "remove everything from the ?: the query is the client's"
	case !validPort(u):
		return fmt.Sprintf("url %s has port %s", quote(s), quote(u.Port())), "write a port from 1 to 65535, or none"
	case !validHost(u.Hostname()) && net.ParseIP(u.Hostname()) == nil:
		return fmt.Sprintf("url %s has host %s, which is not a host name or address", quote(s), quote(u.Hostname())), example
	}
	if p := u.EscapedPath(); p != "" {
		if what := requestPath(p); what != "" {
			return fmt.Sprintf("the path of url %s %s", quote(s), what), "write a plain base path or none"
		}
	}
	return "", ""
}

func validPort(u *url.URL) bool {
	p := u.Port()
	if p == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(p, 10, 16)
	return err == nil && n > 0
}

// validHost tests a DNS name: letters, digits, hyphens and underscores in labels of 1 to 63, 253 in all (RFC 1123, 2.1;
// underscores are no host names by the letter but occur in private zones).
func validHost(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if !(c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
				return false
			}
		}
	}
	return true
}

// requestPath says what keeps s from being a path to send to a server, or "".
func requestPath(s string) string {
	p, err := ParsePattern(s)
	var bad *PatternError
	switch {
	case errors.As(err, &bad):
		return "is not a path (" + bad.What + ")"
	case err != nil:
		return "is not a path (" + err.Error() + ")"
	case len(p.Params()) > 0:
		return "has parameters"
	}
	return ""
}
