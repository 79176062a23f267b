package settings

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Names of the dials in the polygate namespace.
const (
	keyHostname     = "hostname"
	keyZone         = "zone"
	keyPattern      = "pattern"
	keyManager      = "manager"
	keyRegions      = "regions"
	keyTTL          = "ttl"
	keyCheck        = "check"
	keyArchitecture = "architecture"
	keyMemory       = "memory"
	keyTimeout      = "timeout"
	keyLogRetention = "logRetentionDays"
	keyCertificate  = "certificate"
	keyProtect      = "protect"
	keyLocalClouds  = "localClouds"

	keySteering       = "steering"
	keyWeights        = "weights"
	keyGeo            = "geo"
	keyRamp           = "ramp"
	keyDrained        = "drained"
	keySpare          = "spare"
	keyRoute53        = "route53"
	keyTrafficManager = "trafficmanager"
	keyCloudflare     = "cloudflare"
	keyCAA            = "caa"
	keyWarm           = "warm"
	keyZoneRedundant  = "zoneRedundant"
	keyConcurrency    = "concurrency"
	keyAlarms         = "alarms"
	keyBudget         = "budget"
	keyVariables      = "variables"
	keySecrets        = "secrets"
	keyFrontSecret    = "frontSecret"
	keyFrontBefore    = "frontSecretBefore"
	keyBoundary       = "permissionsBoundary"
)

// Keys lists every dial there is, in the order a stack file shows them.
func Keys() []string {
	return []string{
		keyHostname, keyZone, keyPattern, keySteering, keyManager, keySpare, keyRegions, keyWeights, keyGeo, keyRamp, keyDrained,
		keyTTL, keyCheck, keyRoute53, keyTrafficManager, keyCloudflare, keyArchitecture, keyMemory, keyTimeout, keyConcurrency,
		keyWarm, keyZoneRedundant, keyLogRetention, keyCertificate, keyCAA, keyVariables, keySecrets, keyFrontSecret, keyFrontBefore, keyBoundary, keyAlarms,
		keyBudget, keyProtect, keyLocalClouds,
	}
}

// Defaults of the dials a stack file may leave out. Everything else is required.
const (
	DefaultTTL          = 60 // seconds
	DefaultInterval     = 30 // seconds
	DefaultThreshold    = 3  // probes
	DefaultPath         = "/health"
	DefaultMemory       = 512 // MB: the smallest that all three providers sell
	DefaultTimeout      = 25  // seconds: below the 30 s at which API Gateway gives up
	DefaultLogRetention = 30  // days
)

// maxEnvironment keeps the names derived from it within the tightest limit of any provider: a Google service
// account id has at most 30 characters, and "polygate-<environment>-<label>-run" with a label of five leaves eleven.
// Source: cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/create, accountId.
const maxEnvironment = 11

// FromConfig validates the dials of one environment. The error, when there is one, is of type Problems and holds
// every problem there is; the settings returned beside it hold what was right.
func FromConfig(environment string, get func(key string) (string, bool), rules ...Rule) (Settings, error) {
	r := &reader{get: get}
	s := Settings{Environment: environment}
	if !isLabel(environment) || len(environment) > maxEnvironment {
		r.problems = append(r.problems, Problem{Key: "environment", Message: "the stack's name is " + quote(environment) +
			": want 1 to " + strconv.Itoa(maxEnvironment) + " of a-z, 0-9 and -, beginning with a letter"})
	}
	s.Hostname = r.domain(keyHostname, "the name clients use, for example api.example.com")
	s.Zone = r.domain(keyZone, "the DNS zone that holds the hostname and exists already, for example example.com")
	if s.Hostname != "" && s.Zone != "" {
		s.Hostname = r.within(s.Hostname, s.Zone)
	}
	s.Manager = r.required(keyManager, "the traffic manager, for example route53")
	s.Regions = r.regions()
	r.sharing(&s)
	r.operations(&s)
	s.TTL = r.whole(keyTTL, DefaultTTL, 1, 86400, "seconds")
	s.Check = r.check()
	s.Architecture = r.architecture(environment)
	s.Memory = r.whole(keyMemory, DefaultMemory, 128, 32768, "MB")
	s.Timeout = r.whole(keyTimeout, DefaultTimeout, 1, 900, "seconds")
	r.reachable(s)
	s.LogRetentionDays = r.whole(keyLogRetention, DefaultLogRetention, 1, 3653, "days")
	s.Certificate = r.certificate(s)
	s.Protect = r.boolean(keyProtect)
	s.LocalClouds = r.localClouds(environment)
	form := len(r.problems)
	for _, rule := range rules {
		for _, p := range r.fresh(rule(s, get), form) {
			if !slices.ContainsFunc(r.problems, p.same) { // a provider and a manager may want the same
				r.problems = append(r.problems, p)
			}
		}
	}
	if len(r.problems) > 0 {
		return s, Problems(r.problems)
	}
	return s, nil
}

// within reports a hostname that its zone cannot hold. The shared name is a CNAME, and a CNAME cannot stand at the
// top of a zone, where SOA and NS records are (RFC 1034, section 3.6.2).
func (r *reader) within(hostname, zone string) string {
	switch {
	case hostname == zone:
		r.bad(keyHostname, nil, "%q is the top of its zone, where DNS allows no CNAME: use a name below it, for example api.%s", hostname, zone)
	case !strings.HasSuffix(hostname, "."+zone):
		r.bad(keyHostname, nil, "%q is not in the zone %q: want a name that ends in .%s", hostname, zone, zone)
	default:
		return hostname
	}
	return ""
}

func (r *reader) regions() []Region {
	names, ok := r.strings(keyRegions)
	if !ok {
		return nil
	}
	if len(names) == 0 {
		r.bad(keyRegions, nil, "is empty: want at least one provider/region, for example aws/us-east-1; the first is the primary")
	}
	first := map[string]int{}
	regions := make([]Region, 0, len(names))
	for i, name := range names {
		at := []string{strconv.Itoa(i)}
		provider, region, ok := strings.Cut(name, "/")
		if !ok || !isLabel(provider) || !isLabel(region) {
			r.bad(keyRegions, at, "%q is not a region: want provider/region, for example aws/us-east-1", name)
			continue
		}
		if before, dup := first[name]; dup {
			r.bad(keyRegions, at, "%q is listed already, as number %d: each region is deployed once", name, before+1)
			continue
		}
		first[name] = i
		regions = append(regions, Region{Provider: provider, Name: region, Position: i})
	}
	return regions
}

// checkPaths are the paths of the gateway's own health document.
var checkPaths = []string{DefaultPath, "/ready"}

func (r *reader) check() Check {
	c := Check{Interval: DefaultInterval, Threshold: DefaultThreshold, Path: DefaultPath}
	if !r.object(keyCheck, &c) {
		return c
	}
	if c.Interval < 1 {
		r.bad(keyCheck, []string{"interval"}, "is %d: want seconds above 0, for example 10 or 30", c.Interval)
		c.Interval = 0
	}
	if c.Timeout < 0 || c.Timeout > 60 {
		r.bad(keyCheck, []string{"timeout"}, "is %d: want seconds that a probe may take, or 0 for the manager's own default", c.Timeout)
		c.Timeout = 0
	}
	if c.Threshold < 1 || c.Threshold > 10 {
		r.bad(keyCheck, []string{"threshold"}, "is %d: want 1 to 10 probes", c.Threshold)
		c.Threshold = 0
	}
	// A probe of any other path would fail everywhere or follow an upstream, and who reads the region's health URL of the
	// topology would not learn which region and release it is.
	if !slices.Contains(checkPaths, c.Path) {
		r.bad(keyCheck, []string{"path"}, "is %q: want %s, which the gateway answers itself", c.Path, List(checkPaths))
		c.Path = ""
	}
	return c
}

func (r *reader) architecture(environment string) string {
	fallback := ArchitectureAMD64 // the one that every provider runs
	if environment == Local {
		fallback = ArchitectureHost
	}
	a := r.oneOf(keyArchitecture, fallback, ArchitectureHost, ArchitectureAMD64, ArchitectureARM64)
	if a == ArchitectureHost && environment != Local {
		r.bad(keyArchitecture, nil, "is %q, which only the %s environment has: want amd64 or arm64, so that every machine packs the same bytes", a, Local)
		return ""
	}
	return a
}

func (r *reader) localClouds(environment string) *LocalClouds {
	var l LocalClouds
	_, set := r.lookup(keyLocalClouds)
	switch {
	case environment != Local && set:
		r.bad(keyLocalClouds, nil, "is set in %q: only the %s environment has local clouds; take it out", environment, Local)
		return nil
	case environment != Local:
		return nil
	case !set:
		r.bad(keyLocalClouds, nil, "is missing: the %s environment needs speed, dns, edge, origin and network", Local)
		return nil
	}
	if !r.object(keyLocalClouds, &l) {
		return nil
	}
	if l.Speed < 1 || l.Speed > 1000 {
		r.bad(keyLocalClouds, []string{"speed"}, "is %g: want 1 to 1000 cloud seconds per second", l.Speed)
	}
	var taken []dialled
	for _, a := range []struct{ field, value string }{{"dns", l.DNS}, {"edge", l.Edge}, {"origin", l.Origin}} {
		ap, err := netip.ParseAddrPort(a.value)
		if err != nil || !ap.Addr().IsLoopback() || ap.Port() == 0 {
			r.bad(keyLocalClouds, []string{a.field}, "is %q: want a loopback address and port, for example %s",
				a.value, net.JoinHostPort("127.0.0.1", "15353"))
			continue
		}
		if i := slices.IndexFunc(taken, func(d dialled) bool { return d.at == ap }); i >= 0 {
			r.bad(keyLocalClouds, []string{a.field}, "is %s as %s is: want an address or a port of its own", ap, taken[i].field)
		}
		taken = append(taken, dialled{a.field, ap})
	}
	r.network(l.Network, taken)
	return &l
}

// dialled is an address that a field names.
type dialled struct {
	field string
	at    netip.AddrPort
}

// network checks where the fronts of the local clouds get their addresses from; taken are those of the other parts.
func (r *reader) network(text string, taken []dialled) {
	bad := func(format string, args ...any) {
		r.bad(keyLocalClouds, []string{"network"}, "is %q: "+format+", for example 127.77.0.0", append([]any{text}, args...)...)
	}
	network, err := netip.ParseAddr(text)
	switch {
	case err != nil || !network.IsLoopback() || !network.Is4():
		bad("want an IPv4 loopback address")
		return
	case network == oneAddress:
		return
	}
	last := offset(network, frontAddresses)
	if !last.IsLoopback() {
		bad("the fronts get the %d addresses after it, and all have to be loopback ones; want a lower one", frontAddresses)
	}
	for _, d := range taken {
		if ip := d.at.Addr(); network.Less(ip) && ip.Compare(last) <= 0 {
			bad("the fronts get the %d addresses after it, and %s of %s is among them; want another", frontAddresses, ip, d.field)
			return
		}
	}
}

// frontAddresses is how many loopback addresses are kept for the fronts of the local clouds.
const frontAddresses = 255

// oneAddress as the network means that all fronts share it.
var oneAddress = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// offset is the IPv4 address so many after another.
func offset(a netip.Addr, n uint32) netip.Addr {
	b := a.As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+n)
	return netip.AddrFrom4(b)
}
