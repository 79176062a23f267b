// Package status looks at an environment from a client's seat: what the shared name resolves to, and what each region
// answers under its own name over TLS.
package status

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"polygate.example/shared/handler"
	"polygate.example/shared/health"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/report"
)

// Edge is how a tool outside reaches the fronts. Empty on real clouds, where port 443 of what DNS answers is the way.
type Edge struct {
	Address string `json:"address"` // host:port that takes TLS for every name, by server name
	CA      string `json:"ca"`      // PEM file of the authority the certificates are signed by; "" is the system's
}

// Region is one region as seen now.
type Region struct {
	Name      string `json:"name"`
	Provider  string `json:"provider"`
	Role      string `json:"role"`
	Healthy   bool   `json:"healthy"`                // its own name answers /health with 200 and says it is this region
	Serving   bool   `json:"serving"`                // the shared name resolves to it; where several regions serve, this time
	Drained   bool   `json:"drained,omitempty"`      // it is to have no traffic, whatever its health
	Off       bool   `json:"switched_off,omitempty"` // its routing control is off, where that can be told
	URL       string `json:"url"`
	HealthURL string `json:"health_url"`
	Digest    string `json:"digest"`           // artefact digest it reports; the deployed one when it does not answer
	Release   string `json:"release"`          // release it reports
	Model     string `json:"model,omitempty"`  // digest of the model it reports; the deployed one when it does not answer
	Weight    int    `json:"weight,omitempty"` // share under weighted steering, as deployed, relative to the others of its group
	Votes     string `json:"votes,omitempty"`  // "k of n" checkers that call it healthy, where the manager tells
	Detail    string `json:"detail,omitempty"` // why it is not healthy, or what does not fit
	Certificate
	Manager  *Managed  `json:"manager,omitempty"`  // what the traffic manager says of it; null where it could not be asked
	Function *Function `json:"function,omitempty"` // what its provider says of what runs there; null where it could not be asked

	reached bool // somebody answered at its name, whatever it was
}

// Managed is what a traffic manager says of a region.
type Managed struct {
	Healthy bool      `json:"healthy"`
	Drained bool      `json:"drained"`
	State   string    `json:"state"` // in the manager's own word
	Why     string    `json:"why,omitempty"`
	Held    int       `json:"held_percent,omitempty"` // of its share, by a ramp that has not ended
	Votes   []Vote    `json:"votes,omitempty"`        // what each place last found, where the manager tells
	At      time.Time `json:"at,omitzero"`            // of the youngest datum, in the manager's time, where it tells
	Age     *float64  `json:"age_seconds,omitempty"`  // of that, in the manager's seconds
}

// Vote is what one place that looks at a region last found.
type Vote struct {
	From    string    `json:"from"`
	Healthy bool      `json:"healthy"`
	Why     string    `json:"why,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

// Function is what a provider says of a function.
type Function struct {
	Ready   bool      `json:"ready"`
	State   string    `json:"state"` // in the provider's own word
	Why     string    `json:"why,omitempty"`
	Updated time.Time `json:"updated,omitzero"`
}

// Report is one look at an environment.
type Report struct {
	Environment  string         `json:"environment"`
	Hostname     string         `json:"hostname"`
	Status       string         `json:"status"` // the worst of the checks, see the constants
	DNS          string         `json:"dns"`    // host:port of the name server asked
	Edge         Edge           `json:"edge"`
	BoundSeconds int            `json:"bound_seconds"` // longest time without answers after a failure, in cloud time
	Speed        float64        `json:"speed"`         // cloud seconds per second; 1 on real clouds
	Manager      string         `json:"manager,omitempty"`
	Pattern      string         `json:"pattern,omitempty"`
	Steering     string         `json:"steering,omitempty"` // where several regions serve
	Serving      string         `json:"serving"`            // region the shared name resolves to, "" when it resolves to none; where several serve, this time
	Detail       string         `json:"detail,omitempty"`   // why it resolves to none, or why clients that it leads there fail
	Certificate                 // shown for the shared name
	Regions      []Region       `json:"regions"`
	Led          string         `json:"led,omitempty"`            // manager whose servers clients are led to, where that can be told
	Unasked      []string       `json:"unasked,omitempty"`        // of managers and providers, who could not be asked, and why
	Checked      time.Time      `json:"checked"`                  // when clients' seat was taken
	Control      time.Time      `json:"control_checked,omitzero"` // when the control seat was: what manager and providers say is of then
	Spare        string         `json:"spare,omitempty"`          // manager that holds the same zone
	Answers      []Answer       `json:"answers,omitempty"`        // of servers that were asked for the shared name
	Checks       []report.Check `json:"checks,omitempty"`

	refused   bool // clients refuse the certificate of the shared name
	unreached bool // nothing and nobody could be asked
}

// Sum is the report as doctor and drills have it.
func (r Report) Sum() report.Report { return report.New(r.Environment, r.Checked, r.Checks) }

// Well reports whether nothing failed: every region answers, and clients are served.
func (r Report) Well() bool { return r.Status == OK || r.Status == Warned }

// Status values of a Report.
const (
	OK       = "ok"       // every part of it
	Warned   = "warning"  // every region answers, and something is to be looked at
	Degraded = "degraded" // something failed, and clients are served
	Down     = "down"     // clients are not served
	Unknown  = "unknown"  // nothing could be asked from here
)

// Options says what to look at and through which door.
type Options struct {
	Topology topology.Topology
	DNS      string        // host:port; "" asks the first server of /etc/resolv.conf
	Edge     Edge          // see Edge
	Speed    float64       // 0 is 1
	Timeout  time.Duration // of one probe; 0 is 5 s
	Votes    func(healthCheck string) string
	Off      func(region string) bool // its routing control is off; nil where nobody can tell
	// Control is the control seat, asked at the same time; nil has none.
	Control func(ctx context.Context) Control
	// Front is what the traffic manager's front shows to the regions, which answer nobody else; "" where it has none. It is sent
	// to regions' own names only.
	Front string
	// Certificates are shown by whatever name asks for one.
	Certificates []tls.Certificate
	// Authorities finds the servers of the zone that clients are led to; nil asks none.
	Authorities func(context.Context) ([]Server, error)
	Resolvers   []Server // asked beside
	Spare       []Server // of the spare manager, as far as they are known
	// Now is the time of the manager's data; nil is this machine's.
	Now func() time.Time

	presented func(tls.ConnectionState) error                        // sees what a front shows, before it asks for what clients show
	authority func(ctx context.Context, name string) (string, error) // server of the zone of a name, host:port
}

// Control is what the control seat knows of the regions, by name.
type Control struct {
	Managed   map[string]control.Region
	Functions map[string]control.Function
	Led       string
	Unasked   []string
	At        time.Time // when it was taken
}

// tell writes into a report what the control seat knows.
func (c Control) tell(r *Report, now time.Time) {
	r.Led, r.Unasked, r.Control = c.Led, c.Unasked, c.At
	for i := range r.Regions {
		seen := &r.Regions[i]
		if m, ok := c.Managed[seen.Name]; ok {
			seen.Manager = &Managed{Healthy: m.Healthy, Drained: m.Drained, State: m.State, Why: m.Why, Held: m.Held, At: m.At}
			if !m.At.IsZero() {
				age := max(0, now.Sub(m.At).Seconds())
				seen.Manager.Age = &age
			}
			for _, v := range m.Votes {
				seen.Manager.Votes = append(seen.Manager.Votes, Vote(v))
			}
			if m.Of > 0 {
				seen.Votes = fmt.Sprintf("%d of %d", m.Passing, m.Of)
			}
		}
		if f, ok := c.Functions[seen.Name]; ok {
			seen.Function = &Function{Ready: f.Ready, State: f.State, Why: f.Why, Updated: f.Updated}
		}
	}
}

// Collect takes one look. All regions are probed at once, so that it lasts no longer than the slowest probe.
func Collect(ctx context.Context, opts Options) (Report, error) {
	opts.Timeout = cmp.Or(opts.Timeout, 5*time.Second)
	t := opts.Topology
	if opts.DNS == "" {
		system, err := SystemResolvers()
		if err != nil {
			return Report{}, err
		}
		opts.DNS = system[0].Address
	}
	client, err := newClient(opts)
	if err != nil {
		return Report{}, err
	}
	defer client.CloseIdleConnections()
	r := Report{
		Environment: t.Environment, Hostname: t.Hostname, Manager: t.Manager, Pattern: t.Pattern, Steering: t.Steering, DNS: opts.DNS, Edge: opts.Edge, BoundSeconds: t.Bound,
		Speed: cmp.Or(opts.Speed, 1), Regions: make([]Region, len(t.Regions)), Checked: time.Now().UTC(), Spare: t.Spare,
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Authorities != nil {
		opts.authority = func(ctx context.Context, name string) (string, error) {
			found, err := FindServers(ctx, opts.DNS, name)
			if err != nil {
				return "", err
			}
			return found[0].Address, nil
		}
	}
	names, resolveErr := resolve(ctx, opts, t.Hostname)
	var wg sync.WaitGroup
	var refused error
	wg.Go(func() { r.Certificate, refused = sharedCertificate(ctx, opts, t.Hostname) })
	for i, reg := range t.Regions {
		wg.Go(func() { r.Regions[i] = probe(ctx, client, t, reg, opts) })
	}
	wg.Go(func() { r.Answers = opts.askServers(ctx) })
	var seat Control
	if opts.Control != nil {
		wg.Go(func() { seat = opts.Control(ctx) })
	}
	wg.Wait()
	seat.tell(&r, opts.Now())
	if err := ctx.Err(); err != nil {
		return Report{}, err // whatever was not reached because of it is not down
	}
	for i, reg := range t.Regions {
		seen := &r.Regions[i]
		for _, n := range names {
			if strings.EqualFold(n, reg.Hostname) {
				seen.Serving, r.Serving = true, reg.Name
			}
		}
	}
	if resolveErr == nil && len(names) == 0 {
		askWho(ctx, client, t, &r, opts)
	}
	switch {
	case resolveErr != nil:
		r.Detail = resolveErr.Error()
	case r.Serving == "" && len(names) == 0:
		r.Detail = fmt.Sprintf("%s does not say which region it is: %s", t.Hostname, r.Detail)
	case r.Serving == "":
		r.Detail = fmt.Sprintf("%s leads to %s, which is no region of this environment", t.Hostname, strings.Join(names, ", "))
	case refused != nil:
		r.Detail = refused.Error()
	default:
		r.Detail = r.Certificate.warning()
	}
	r.refused, r.unreached = refused != nil, r.nobody(resolveErr, seat)
	r.Judge(t)
	return r, nil
}

// Judge says what follows from what was seen of a topology: of each answer, of each part, and of the whole.
func (r *Report) Judge(t topology.Topology) {
	r.hold(t)
	r.Checks = r.checks(t)
	r.Status = r.worst(r.Sum())
}

// nobody reports whether nothing could be asked from here: no name server, no region and no API answered anything. That is as likely this
// machine's network as everybody's end.
func (r *Report) nobody(resolving error, seat Control) bool {
	answered := func(a Answer) bool { return a.Verdict != NoAnswer }
	return errors.As(resolving, new(net.Error)) && !slices.ContainsFunc(r.Answers, answered) && len(seat.Managed)+len(seat.Functions) == 0 &&
		!slices.ContainsFunc(r.Regions, func(reg Region) bool { return reg.reached })
}

// askWho finds who serves by asking the shared name, as a client does who does not care.
func askWho(ctx context.Context, client *http.Client, t topology.Topology, r *Report, opts Options) {
	if t.AsksClients() && len(opts.Certificates) == 0 {
		r.Detail = "clients have to show it a TLS certificate, and this machine shows none: name a PEM file with one and its private key in " + EnvCertificate
		return
	}
	h, _, err := fetchHealth(ctx, client, "https://"+t.Hostname+"/health", "", opts.Timeout)
	if err != nil {
		r.Detail = err.Error()
		return
	}
	for i := range r.Regions {
		if r.Regions[i].Name == h.Region {
			r.Regions[i].Serving, r.Serving = true, h.Region
		}
	}
	if r.Serving == "" {
		r.Detail = fmt.Sprintf("it is answered by %s, which is no region of this environment", h.Region)
	}
}

// probe asks one region for its health under its own name.
func probe(ctx context.Context, client *http.Client, t topology.Topology, reg topology.Region, opts Options) Region {
	out := Region{Name: reg.Name, Provider: reg.Provider, Role: reg.Role, Drained: reg.Drained, URL: reg.URL, HealthURL: reg.HealthURL, Digest: reg.Digest, Release: t.Release, Model: t.Model}
	if t.Steering == "weighted" {
		out.Weight = reg.Weight
	}
	out.Off = opts.Off != nil && opts.Off(reg.Name)
	if opts.Votes != nil {
		out.Votes = opts.Votes(reg.HealthCheck)
	}
	h, shown, err := fetchHealth(ctx, client, reg.HealthURL, opts.Front, opts.Timeout)
	out.Certificate = endOf(shown, time.Now())
	out.reached = err == nil || shown != nil || !errors.As(err, new(net.Error)) || errors.Is(err, syscall.ECONNREFUSED)
	switch {
	case err != nil:
		out.Detail = err.Error()
	case h.Region != reg.Name:
		out.Detail = fmt.Sprintf("its name is answered by %s", h.Region)
	default:
		out.Healthy = true
		out.Digest, out.Release, out.Model = h.Artefact, h.Release, h.Model
		if h.Artefact != reg.Digest {
			out.Detail = "runs another artefact than was deployed"
		} else {
			out.Detail = out.Certificate.warning()
		}
	}
	return out
}

// fetchHealth asks for a health document, and shows what the front shows where there is one. The certificate that is shown on
// the way is known, too, when it is refused.
func fetchHealth(ctx context.Context, client *http.Client, target, front string, timeout time.Duration) (health.Report, *x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return health.Report{}, nil, err
	}
	if front != "" {
		req.Header.Set(handler.HeaderFront, front)
	}
	res, err := client.Do(req)
	if err != nil {
		shown := refusedBy(err)
		// The URL is in the report already; what is of interest is why.
		if u := new(url.Error); errors.As(err, &u) {
			err = u.Err
		}
		return health.Report{}, shown, err
	}
	defer res.Body.Close()
	shown := shownBy(res.TLS)
	if res.StatusCode != http.StatusOK {
		return health.Report{}, shown, fmt.Errorf("answered %s", res.Status)
	}
	var h health.Report
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&h); err != nil {
		return health.Report{}, shown, fmt.Errorf("answered something that is no health report: %w", err)
	}
	return h, shown, nil
}

// newClient makes a client that verifies certificates and, where there is an edge, dials it for every name.
func newClient(opts Options) (*http.Client, error) {
	config := &tls.Config{Certificates: opts.Certificates, MinVersion: tls.VersionTLS12, VerifyConnection: opts.presented}
	tr := &http.Transport{DisableKeepAlives: true, TLSHandshakeTimeout: opts.Timeout, TLSClientConfig: config, ForceAttemptHTTP2: opts.Edge.CA == "" && opts.Edge.Address == ""}
	if opts.Edge.CA != "" {
		pool, err := pki.Roots(opts.Edge.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = pool
	}
	if opts.Edge.Address != "" {
		var d net.Dialer
		tr.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return d.DialContext(ctx, network, opts.Edge.Address)
		}
	}
	// A redirect would be another region's or another service's answer.
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// addressing are the managers that answer the shared name with addresses, which name nobody: Cloudflare resolves the regions'
// names itself, or stands before them.
var addressing = []string{"cloudflare"}

// resolve returns the names a client meets on its way from the shared name: the targets of all CNAMEs. There are none where the
// manager answers with addresses.
func resolve(ctx context.Context, opts Options, name string) ([]string, error) {
	in, err := query(ctx, opts.DNS, name, true, opts.Timeout)
	if err != nil {
		return nil, err
	}
	names := chain(in)
	// The zone may be delegated to the spare's servers.
	answers := slices.Contains(addressing, opts.Topology.Manager) || slices.Contains(addressing, opts.Topology.Spare)
	if len(names) == 0 && (len(in.Answer) == 0 || !answers) {
		return nil, fmt.Errorf("%s has no CNAME for %s", opts.DNS, name)
	}
	return names, nil
}

// SystemResolvers are the name servers of /etc/resolv.conf, the one that is asked first before the others; at least one.
func SystemResolvers() ([]Server, error) {
	conf, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil || len(conf.Servers) == 0 {
		return nil, fmt.Errorf("find the system's name server: %w", cmp.Or(err, errors.New("none is configured")))
	}
	var out []Server
	for _, s := range conf.Servers {
		out = append(out, Server{s, net.JoinHostPort(s, conf.Port)})
	}
	return out, nil
}
