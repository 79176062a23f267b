// Package settings turns the dials of a stack file into validated Settings. It knows the form of each dial; what a
// provider or a traffic manager allows is told to it as Rules, so that this package links neither Pulumi nor a cloud.
package settings

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Namespace is the Pulumi configuration namespace of the dials: a stack file writes "polygate:hostname" and so on.
const Namespace = "polygate"

// Local is the one environment that runs on the local clouds.
const Local = "local"

// The architectures a stack may ask for, in Go's own spelling (GOARCH).
const (
	ArchitectureHost  = "host" // that of the machine which packs; in the local environment only
	ArchitectureAMD64 = "amd64"
	ArchitectureARM64 = "arm64"
)

// Region names one deployment of the gateway.
type Region struct {
	Provider string // aws, gcp, azure
	Name     string // the provider's own name: us-east-1
	Position int    // place in the stack file's list, from 0: what a message about it points to
}

// String is the region as the stack file writes it: provider/region.
func (r Region) String() string { return r.Provider + "/" + r.Name }

// Check is how the traffic manager probes each region.
type Check struct {
	Interval  int    `json:"interval"`  // seconds between probes; which values there are is the manager's to say
	Threshold int    `json:"threshold"` // 1..10 probes in a row that must agree before a region changes state
	Timeout   int    `json:"timeout"`   // seconds a probe may take, where the manager lets that be set; 0 is the manager's default
	Path      string `json:"path"`      // "/health" or "/ready"
}

// Certificate is a certificate the user brings, for providers that cannot issue one before DNS points at them.
// Paths are absolute, or relative to the project's root.
type Certificate struct {
	PFX          string `json:"pfx"`          // PKCS #12 file with chain and key
	PasswordFile string `json:"passwordFile"` // file whose first line is the PFX's password
	Authority    string `json:"authority"`    // CAA name of whoever issues it; filled in where the ACME directory tells
	ACME         *ACME  `json:"acme"`         // how `polygate cert` has it issued; nil when that is somebody else's work
}

// ACME is an authority that issues by RFC 8555.
type ACME struct {
	Directory string `json:"directory"` // URL of the directory, https; Let's Encrypt's production by default
	Email     string `json:"email"`     // whom the authority may write to; "" for nobody
	RenewDays int    `json:"renewDays"` // days before the end at which it is renewed; 30 by default
	CAFile    string `json:"caFile"`    // PEM file of who signs the directory's own TLS, "" for the system's; path as those above
}

// LocalClouds is where the local clouds listen. All addresses are loopback addresses.
type LocalClouds struct {
	Speed   float64 `json:"speed"`   // cloud seconds per wall second, 1..1000
	DNS     string  `json:"dns"`     // host:port of the authoritative server, UDP and TCP
	Edge    string  `json:"edge"`    // host:port of the way in for every name
	Origin  string  `json:"origin"`  // host:port of the echo origin
	Network string  `json:"network"` // address before those that region fronts listen on; 127.0.0.1 gives each a port of its own there
}

// Settings is one environment's validated dials.
type Settings struct {
	Environment      string // the stack's name
	Hostname         string // the one name clients use, lower case, no trailing dot
	Zone             string // the DNS zone that holds it and exists already, lower case, no trailing dot
	Pattern          Pattern
	Steering         Steering          // how regions that serve at the same time share traffic; "" where one does
	Weights          map[string]int    // by region, under weighted steering; see Weight
	Geo              map[string]Serves // by region, under geo steering
	Ramp             []int             // shares of its weight, in per cent, that a region has on its way back; none: all at once
	Drained          []string          // regions that are to have no traffic, whatever their health: the manual override
	Manager          string            // traffic manager
	Spare            string            // a second manager that holds the same zone, undelegated; "" for none
	Route53          Route53
	TrafficManager   TrafficManager
	Cloudflare       Cloudflare
	Regions          []Region // in failover order; the first is the primary
	TTL              int      // seconds a client may keep a DNS answer
	Check            Check
	Architecture     string // one of the Architecture constants
	Memory           int    // MB of one function instance
	Timeout          int    // seconds one request may take
	LogRetentionDays int
	Warm             int  // instances kept ready in each region
	ZoneRedundant    bool // ask for it where it is not built in
	Concurrency      int  // most instances of a region's function
	CAA              bool // write a CAA record at the zone's top that admits the authorities in use
	Alarms           *Alarms
	Budget           *Budget
	Variables        map[string]string            // of the functions' environment, beside polygate's own
	Secrets          map[string]map[string]string // variable, provider, reference into its secret store
	FrontSecret      Secret                       // what a proxying manager shows to the regions; "" when none does
	// FrontSecretBefore is what the regions take beside it while it is changed: the secret of before, or FrontOpen while a stack
	// that clients come to directly is put behind a front; "" at all other times.
	FrontSecretBefore Secret
	// PermissionsBoundary is the ARN of the IAM policy beyond which no role of the stack on AWS goes, whatever its own policies say;
	// "" for none.
	PermissionsBoundary string
	Certificate         *Certificate // nil when the stack brings none
	Protect             bool         // refuse to delete what an outage would follow from
	LocalClouds         *LocalClouds // set in the local environment, nil elsewhere
}

// Providers lists the providers of the regions, each once, in failover order.
func (s Settings) Providers() []string {
	var names []string
	for _, r := range s.Regions {
		if !slices.Contains(names, r.Provider) {
			names = append(names, r.Provider)
		}
	}
	return names
}

// Wall is how long a span of cloud time lasts on this machine's clock: the same, but for the local clouds' speed.
func (s Settings) Wall(cloud time.Duration) time.Duration {
	if s.LocalClouds == nil {
		return cloud
	}
	return time.Duration(float64(cloud) / s.LocalClouds.Speed)
}

// Path is the stack file of an environment.
func Path(root, environment string) string {
	return filepath.Join(root, "stacks", "Pulumi."+environment+".yaml")
}

// Lookup returns the value of a configuration key such as "polygate:hostname" or "gcp:project", as Pulumi passes
// it to a program: scalars as text, everything else as JSON.
type Lookup func(key string) (string, bool)

// Rule is a check that needs to know more than the form of a dial: a provider's regions, a manager's limits. It is
// called with whatever of the settings has passed so far; what failed has its zero value.
type Rule func(s Settings, get Lookup) []Problem

// Problem is one thing wrong with the settings.
type Problem struct {
	Key     string   // configuration key, "polygate:regions"
	Path    []string // place inside a structured value: an index or a field; empty for the whole
	Message string   // what is wrong and what would be right
	At      string   // "file:line:column" when known
}

// same reports whether another problem says the same of the same place.
func (p Problem) same(q Problem) bool {
	return p.Key == q.Key && slices.Equal(p.Path, q.Path) && p.Message == q.Message
}

// String is the problem on one line.
func (p Problem) String() string {
	where := p.Key
	for _, e := range p.Path {
		if e != "" && strings.Trim(e, "0123456789") == "" {
			where += "[" + e + "]"
			continue
		}
		where += "." + e
	}
	if p.At != "" {
		where = p.At + ": " + where
	}
	return where + ": " + p.Message
}

// Problems is every problem of one stack's settings; it is never empty when returned as an error.
type Problems []Problem

// Error is one problem to a line.
func (ps Problems) Error() string {
	lines := make([]string, 0, len(ps))
	for _, p := range ps {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}

// Problemf makes a problem of a key of the polygate namespace; path leads into a structured value.
func Problemf(key string, path []string, format string, args ...any) Problem {
	return Problem{Key: Namespace + ":" + key, Path: path, Message: fmt.Sprintf(format, args...)}
}

var _ error = Problems(nil)
