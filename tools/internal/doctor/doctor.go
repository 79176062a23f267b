// Package doctor looks at everything that a deployment needs before it touches anything: credentials, regions, quotas, APIs,
// zones and their delegation, CAA, names, certificates and this machine. Each finding comes with what to do about it.
package doctor

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"sync"
	"time"

	"polygate.example/infra/failover"
	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/report"
)

// patience is how long one check may take.
const patience = 10 * time.Second

// Options says what to look at, and by whom.
type Options struct {
	Settings settings.Settings
	Config   settings.Lookup                                          // of the stack file: gcp:project, azure-native:subscriptionId
	Deployed *topology.Topology                                       // nil where nothing is deployed, or it cannot be told
	Clouds   Clouds                                                   // asked only where the stack uses them
	Resolve  Resolver                                                 // the system's, or the local clouds' own; nil while these do not run
	Local    bool                                                     // the clouds are local ones: there is no account to look at
	Zones    map[string]Authority                                     // what each manager of the stack is and may issue by
	Needs    map[string][]failover.Need                               // what the stack takes of each manager's account
	Fit      func(CloudflareZone) error                               // whether a zone at Cloudflare can do what the stack asks, a problem a line
	Phases   []string                                                 // of which the stack makes the ruleset of the zone at Cloudflare; none without its proxy
	Issuers  []Issuer                                                 // who issues the providers' certificates
	APIs     []string                                                 // of Google Cloud that the stack needs: run.googleapis.com
	ARM      []string                                                 // Azure's resource providers that the stack needs: Microsoft.Web
	Dial     func(ctx context.Context, host string) (net.Conn, error) // opens a connection to port 443 of what a name leads to, whichever name is then asked for
	Roots    *x509.CertPool                                           // of the certificates that fronts present; nil is the system's
	Own      []Own                                                    // checks of the caller's
	Now      func() time.Time
	Timeout  time.Duration // of one check; 0 is 10 s
}

// Authority is what a manager's zone is called, and which certificate authorities its own front uses.
type Authority struct {
	Zone    string
	Issuers []string // CAA names
}

// Issuer is who issues certificates for a provider's regions.
type Issuer struct {
	Provider string
	Names    []string // CAA names of all that may
	Hosts    []string // its regions' own names
}

// Own is a check that the caller brings.
type Own struct {
	Name string
	Run  func(context.Context) Finding
}

// Finding is what a check came to.
type Finding struct {
	Result report.Result
	Detail string
	Remedy string
}

// OK is what was hoped for.
func OK(format string, args ...any) Finding {
	return Finding{Result: report.OK, Detail: fmt.Sprintf(format, args...)}
}

// Bad keeps a deployment from working.
func Bad(remedy, format string, args ...any) Finding {
	return Finding{Result: report.Failed, Detail: fmt.Sprintf(format, args...), Remedy: remedy}
}

// Warn works today, and may not tomorrow.
func Warn(remedy, format string, args ...any) Finding {
	return Finding{Result: report.Warning, Detail: fmt.Sprintf(format, args...), Remedy: remedy}
}

// Skip is nothing to look at.
func Skip(format string, args ...any) Finding {
	return Finding{Result: report.Skipped, Detail: fmt.Sprintf(format, args...)}
}

// Run makes all checks at the same time and lists them in a fixed order.
func Run(ctx context.Context, opts Options) report.Report {
	if opts.Timeout == 0 {
		opts.Timeout = patience
	}
	d := &doctor{Options: opts}
	var all []Own
	if !opts.Local {
		all = append(all, d.accounts()...)
	}
	all = append(all, d.zones()...)
	all = append(all, d.names()...)
	all = append(all, opts.Own...)
	checks := make([]report.Check, len(all))
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() { checks[i] = one(ctx, opts.Timeout, c) })
	}
	wg.Wait()
	return report.New(opts.Settings.Environment, opts.Now(), checks)
}

// one runs a check within its time. A check that does not heed its context is given up.
func one(ctx context.Context, timeout time.Duration, c Own) report.Check {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	found := make(chan Finding, 1)
	go func() { found <- c.Run(ctx) }()
	f := Bad("look whether a proxy or firewall keeps this machine from the network, and run it again", "no answer within %s", timeout)
	select {
	case f = <-found:
	case <-ctx.Done():
		select {
		case f = <-found: // it has noticed too, and says more
		case <-time.After(timeout / 10):
		}
	}
	return report.Check{Name: c.Name, Result: f.Result, Detail: f.Detail, Remedy: f.Remedy}
}

// doctor makes the checks.
type doctor struct {
	Options
}

// uses reports whether the stack's zones are at a manager.
func (d *doctor) uses(manager string) bool {
	return d.Settings.Manager == manager || d.Settings.Spare == manager
}

// runs reports whether the stack has a region of a provider.
func (d *doctor) runs(provider string) bool {
	for _, r := range d.Settings.Regions {
		if r.Provider == provider {
			return true
		}
	}
	return false
}

// regions are the names of the stack's regions of a provider.
func (d *doctor) regions(provider string) []string {
	var out []string
	for _, r := range d.Settings.Regions {
		if r.Provider == provider {
			out = append(out, r.Name)
		}
	}
	return out
}
