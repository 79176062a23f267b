package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/spf13/cobra"
	"golang.org/x/mod/modfile"

	"polygate.example/infra"
	"polygate.example/infra/catalog"
	"polygate.example/infra/failover"
	"polygate.example/infra/failover/cloudflare"
	"polygate.example/infra/permission"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
	"polygate.example/shared/artefact"
	"polygate.example/shared/config"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/certificate"
	"polygate.example/tools/internal/deploy"
	"polygate.example/tools/internal/doctor"
	"polygate.example/tools/internal/localcloud"
	localdns "polygate.example/tools/internal/localcloud/dns"
	"polygate.example/tools/internal/localcloud/edge"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/pack"
	"polygate.example/tools/internal/pulumicli"
)

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look at everything a deployment needs, and say what is wrong and what to do",
		Long: `doctor looks, and changes nothing: credentials of each cloud the stack uses, its regions, quotas and APIs, the zone and its
delegation, CAA, names and certificates of what is deployed, the certificate that is brought along, and this machine's clock,
Pulumi, Go and disk. All checks run at the same time, each for at most ten seconds. It exits with 1 when one has failed.`,
		Example: "  polygate doctor -s prod\n  polygate doctor -s prod --json | jq '.checks[] | select(.result != \"ok\")'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.settings()
			if err != nil {
				return err
			}
			opts, err := a.examination(cmd.Context(), s)
			if err != nil {
				return err
			}
			r := doctor.Run(cmd.Context(), opts)
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			write := r.Table
			if asJSON {
				write = r.JSON
			}
			if err := write(a.out); err != nil {
				return err
			}
			if !r.Healthy() {
				return unhealthy{}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// examination says what the doctor is to look at, and where.
func (a *app) examination(ctx context.Context, s settings.Settings) (doctor.Options, error) {
	config, err := settings.FileLookup(settings.Path(a.root, a.stack))
	if err != nil {
		return doctor.Options{}, err
	}
	opts := doctor.Options{
		Settings: s, Config: config, Now: time.Now, Zones: map[string]doctor.Authority{}, Needs: map[string][]failover.Need{}, Dial: doctor.DialNames,
		Phases: cloudflare.Phases(s), APIs: permission.APIs(s, a.front()), ARM: permission.ResourceProviders(s), Clouds: a.clouds(config),
	}
	opts.Fit = func(z doctor.CloudflareZone) error {
		return cloudflare.Fit(cloudflare.Held{Name: s.Zone, Setup: z.Setup, Status: z.Status, Plan: z.Plan}, s)
	}
	for _, m := range catalog.Managers() {
		opts.Zones[m.Spec().Name] = doctor.Authority{Zone: m.Spec().Zone, Issuers: m.Spec().Authorities}
		if c, ok := m.(failover.Counter); ok && slices.Contains(managersOf(s), m.Spec().Name) {
			opts.Needs[m.Spec().Name] = c.Needs(s)
		}
	}
	for _, name := range s.Providers() {
		if p, ok := catalog.Provider(name); ok {
			issuer := doctor.Issuer{Provider: name, Names: p.Spec().Authorities}
			if p.Spec().Certificate && s.Certificate != nil && s.Certificate.Authority != "" {
				issuer.Names = []string{s.Certificate.Authority}
			}
			for _, r := range s.Regions {
				if label, known := p.Spec().Regions[r.Name]; known && r.Provider == name {
					issuer.Hosts = append(issuer.Hosts, provider.OwnName(label, name, s.Hostname))
				}
			}
			opts.Issuers = append(opts.Issuers, issuer)
		}
	}
	opts.Own = append(opts.Own, doctor.Own{Name: "stack file", Run: func(context.Context) doctor.Finding { return a.examineFile(s) }})
	if s.LocalClouds != nil {
		err = a.examineLocal(ctx, s, &opts)
	} else {
		a.examineReal(ctx, s, &opts)
	}
	opts.Own = append(opts.Own, a.examineMachine()...)
	return opts, err
}

// front is what the document needs of the fronts; nothing of one that cannot be read, which is for check to say.
func (a *app) front() artefact.Front {
	model, err := config.Load(a.document())
	if err != nil {
		return artefact.Front{}
	}
	front, err := pack.Front(model)
	if err != nil {
		return artefact.Front{}
	}
	return front
}

// examineFile looks for what a valid stack file has and should not: dials without effect, and values of the examples.
func (a *app) examineFile(s settings.Settings) doctor.Finding {
	found, err := infra.Warnings(a.root, s)
	if err != nil {
		return doctor.Bad("see `polygate check -s "+a.stack+"`", "%v", err)
	}
	if len(found) == 0 {
		return doctor.OK("valid, and every dial in it has an effect")
	}
	lines := make([]string, 0, len(found))
	for _, w := range found {
		lines = append(lines, w.Key+" "+w.Message)
	}
	return doctor.Warn("change "+settings.Path(a.root, a.stack), "%s", strings.Join(lines, "\n"))
}

// clouds are the connections to the real ones; tests have their own.
func (a *app) clouds(config settings.Lookup) doctor.Clouds {
	if a.fakes != nil {
		return *a.fakes
	}
	return doctor.Clouds{
		AWS: func(ctx context.Context) (doctor.AWS, error) {
			profile, _ := config("aws:profile")
			return doctor.NewAWS(ctx, profile)
		},
		Google: doctor.NewGoogle,
		Azure:  doctor.NewAzure,
		Cloudflare: func(context.Context) (doctor.Cloudflare, error) {
			return doctor.NewCloudflare(a.getenv)
		},
	}
}

// examineReal adds what an environment on real clouds is looked at for.
func (a *app) examineReal(ctx context.Context, s settings.Settings, opts *doctor.Options) {
	opts.Resolve = a.resolve
	if opts.Resolve == nil {
		opts.Resolve = doctor.SystemResolver()
	}
	hours := clocks(s)
	if a.hours != nil {
		hours = a.hours
	}
	opts.Deployed = a.deployed(ctx, s)
	opts.Own = append(opts.Own,
		doctor.Own{Name: "state", Run: func(context.Context) doctor.Finding {
			where, err := a.backend()
			if err := errors.Join(a.realClouds(), err); err != nil {
				what, remedy, _ := strings.Cut(err.Error(), ". Say it with")
				return doctor.Bad(strings.TrimSpace(strings.TrimPrefix(remedy, " one of")), "%s", what)
			}
			return doctor.OK("%s", where)
		}},
		doctor.Own{Name: "certificate", Run: func(context.Context) doctor.Finding { return a.broughtCertificate(s) }},
		doctor.Clock(&http.Client{}, time.Now, hours...))
}

// clocks are servers of the clouds in use that tell the time.
func clocks(s settings.Settings) []string {
	of := map[string]string{"aws": "https://sts.amazonaws.com/", "gcp": "https://www.googleapis.com/", "azure": "https://management.azure.com/"}
	var urls []string
	for _, p := range s.Providers() {
		urls = append(urls, of[p])
	}
	return urls
}

// broughtCertificate looks at the certificate that the stack brings along, if it brings one.
func (a *app) broughtCertificate(s settings.Settings) doctor.Finding {
	names, err := infra.CertificateNames(s)
	switch {
	case err != nil:
		return doctor.Bad("see `polygate check -s "+a.stack+"`", "%v", err)
	case s.Certificate == nil || len(names) == 0:
		return doctor.Skip("the stack brings none, and needs none")
	}
	issue, renew := a.issue(s, names), "polygate cert renew -s "+a.stack+" && polygate up -s "+a.stack
	if s.Certificate.ACME == nil {
		renew = "have it renewed, and `polygate up -s " + a.stack + "`"
	}
	if err := a.checkCertificate(s, time.Now()); err != nil {
		return doctor.Bad(issue, "%v", err)
	}
	kept, err := certificate.Files{PFX: a.path(s.Certificate.PFX), Password: a.path(s.Certificate.PasswordFile)}.Read()
	if err != nil {
		return doctor.Bad(issue, "%v", err)
	}
	left := time.Until(kept.Leaf.NotAfter)
	text := fmt.Sprintf("%s is valid for every name it has to cover, %s more", s.Certificate.PFX, settings.Count(int(left.Hours()/24), "day"))
	if left < renewBefore {
		return doctor.Warn(renew, "%s", text)
	}
	return doctor.OK("%s", text)
}

// deployed is what stands, as far as it can be told without building anything: what `up` on this machine saved, else what the
// stack says.
func (a *app) deployed(ctx context.Context, s settings.Settings) *topology.Topology {
	t, _, err := a.savedTopology()
	if err == nil {
		return &t
	}
	if _, err := pulumicli.Present(ctx, a.pulumi()); err != nil {
		return nil
	}
	if t, err = a.askStack(ctx, s); err != nil {
		if !errors.Is(err, deploy.ErrNoStack) && !errors.Is(err, deploy.ErrNoTopology) && !errors.As(err, new(usageError)) {
			a.step("what is deployed could not be told: %v", err)
		}
		return nil
	}
	return &t
}

// examineLocal adds what an environment on local clouds is looked at for.
func (a *app) examineLocal(ctx context.Context, s settings.Settings, opts *doctor.Options) error {
	opts.Local = true
	cloudOpts, err := a.cloudOptions(s)
	if err != nil {
		return err
	}
	st, err := localcloud.ReadState(ctx, a.cloudDir())
	running := err == nil
	if err != nil && !errors.Is(err, localcloud.ErrNotRunning) {
		return err
	}
	if t, _, err := a.savedTopology(); err == nil && running {
		opts.Deployed = &t
	}
	if running {
		opts.Resolve = doctor.NewResolver(st.DNS)
		if opts.Roots, err = pki.Roots(st.CA); err != nil {
			return err
		}
		now, err := localcloud.NewClient(st).Overview(ctx)
		if err != nil {
			return err
		}
		if opts.Dial, err = dialFronts(now.Fronts, opts.Resolve); err != nil {
			return err
		}
	}
	opts.Own = append(opts.Own,
		doctor.Own{Name: "local clouds", Run: func(context.Context) doctor.Finding {
			if running {
				return doctor.OK("running since %s, process %d, %g times as fast as the wall clock", st.Started.Format(time.TimeOnly), st.PID, st.Speed)
			}
			if err := a.addressesFree(cloudOpts); err != nil {
				return doctor.Bad("free the addresses, or give others in the stack file", "not running, and cannot start: %v", err)
			}
			return doctor.Warn("polygate up -s "+a.stack, "not running; all their addresses are free")
		}},
		doctor.Own{Name: "loopback range", Run: func(context.Context) doctor.Finding { return loopback(cloudOpts.Network) }})
	return nil
}

// dialFronts connects to the front that a name leads to by the local DNS. The edge would not do: it goes by the server name that is then
// asked for, and leads the shared one to who is serving, whichever region is looked at. fronts are listen addresses and the names answered
// there.
func dialFronts(fronts map[string][]string, resolve doctor.Resolver) (func(context.Context, string) (net.Conn, error), error) {
	var sites []plane.Site
	for at, names := range fronts {
		listen, err := netip.ParseAddrPort(at)
		if err != nil {
			return nil, fmt.Errorf("where the local clouds say a front listens: %w", err)
		}
		site := plane.Site{Listen: listen}
		for _, name := range names {
			site.Hosts = append(site.Hosts, plane.Host{Name: name})
		}
		sites = append(sites, site)
	}
	d := edge.NewDialer(func(ctx context.Context, name string) (localdns.Resolution, error) {
		return resolution(ctx, resolve, name)
	})
	d.Apply(sites)
	return func(ctx context.Context, host string) (net.Conn, error) { return d.Dial(ctx, host, edge.HTTPS) }, nil
}

// resolution is where a name leads by what a server of the local DNS answers, aliases and all.
func resolution(ctx context.Context, resolve doctor.Resolver, name string) (localdns.Resolution, error) {
	in, err := resolve(ctx, new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA).SetEdns0(1232, false), "")
	if err != nil {
		return localdns.Resolution{}, fmt.Errorf("ask for %s: %w", name, err)
	}
	r := localdns.Resolution{Chain: []string{strings.TrimSuffix(name, ".")}}
	for _, rr := range in.Answer {
		switch rr := rr.(type) {
		case *dns.CNAME:
			r.Chain = append(r.Chain, strings.TrimSuffix(rr.Target, "."))
		case *dns.A:
			if ip, ok := netip.AddrFromSlice(rr.A.To4()); ok {
				r.Addrs = append(r.Addrs, ip)
			}
		}
	}
	if len(r.Addrs) == 0 {
		return localdns.Resolution{}, fmt.Errorf("resolve %s: %w", name, localdns.ErrNoAddress)
	}
	return r, nil
}

// loopback looks whether fronts can have addresses of their own.
func loopback(network netip.Addr) doctor.Finding {
	l, err := net.Listen("tcp", netip.AddrPortFrom(network.Next(), 0).String())
	if err != nil {
		return doctor.Warn("nothing has to be done; to have the addresses on macOS: `sudo ifconfig lo0 alias "+network.Next().String()+"`, and so on",
			"%s and up are no addresses here: every front has a port of its own on 127.0.0.1", network.Next())
	}
	l.Close()
	return doctor.OK("fronts have addresses of their own from %s on", network.Next())
}

// examineMachine adds what every environment needs here.
func (a *app) examineMachine() []doctor.Own {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	for { // as much of it as there is
		if _, err := os.Stat(cache); err == nil || cache == filepath.Dir(cache) {
			break
		}
		cache = filepath.Dir(cache)
	}
	checks := []doctor.Own{doctor.Pulumi(a.pulumi()), doctor.Disk(doctor.Free, a.root, cache)}
	want, err := goVersion(a.root)
	if err != nil {
		return append(checks, doctor.Own{Name: "Go", Run: func(context.Context) doctor.Finding {
			return doctor.Warn("run doctor in a checkout of polygate", "nobody says which is wanted: %v", err)
		}})
	}
	return append(checks, doctor.Go(a.root, want))
}

// pulumi says where a Pulumi CLI is looked for.
func (a *app) pulumi() pulumicli.Options {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir() // Find will say so
	}
	return pulumicli.Options{Module: filepath.Join(a.root, "tools", "pulumi"), Cache: filepath.Join(cache, "polygate", "pulumi")}
}

// goVersion is the version of Go that the project's module wants.
func goVersion(root string) (string, error) {
	path := filepath.Join(root, "go.mod")
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	f, err := modfile.ParseLax(path, b, nil)
	if err != nil {
		return "", err
	}
	if f.Go == nil {
		return strings.TrimPrefix(runtime.Version(), "go"), nil
	}
	return f.Go.Version, nil
}
