package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/failover"
	"polygate.example/infra/failover/cloudflare"
	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/doctor"
	"polygate.example/tools/internal/localcloud"
	localdns "polygate.example/tools/internal/localcloud/dns"
	"polygate.example/tools/internal/localcloud/edge"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/report"
)

// examine runs the doctor on an environment of real clouds that nobody is logged in to, where names do not resolve.
func examine(t *testing.T, root string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	none := func(cloud string) error { return fmt.Errorf("%w for %s", doctor.ErrNoCredentials, cloud) }
	a := &app{output: newOutput(&out, &errs, os.Getenv), getenv: os.Getenv, begun: map[string]bool{}, fakes: &doctor.Clouds{
		AWS:    func(context.Context) (doctor.AWS, error) { return nil, none("AWS") },
		Google: func(context.Context) (doctor.Google, error) { return nil, none("Google Cloud") },
	}, resolve: func(context.Context, *dns.Msg, string) (*dns.Msg, error) { return nil, errors.New("no network") }, hours: []string{"http://127.0.0.1:1"}}
	cmd := a.command()
	cmd.SetArgs(append([]string{"doctor", "-C", root}, args...))
	err := cmd.ExecuteContext(t.Context())
	if err != nil && !errors.As(err, new(unhealthy)) {
		a.fail(err)
	}
	return exitCode(err), out.String(), errs.String()
}

// Without credentials, network and backend each check says so and what to do, and the verb ends with 1.
func TestDoctorWithoutAnything(t *testing.T) {
	noBackend(t)
	root := project(t, map[string]string{"Pulumi.dev.yaml": dev, "dev.gateway.yaml": gatewayDocument})
	write(t, filepath.Join(root, "go.mod"), "module x\n\ngo 1.20\n")
	code, stdout, stderr := examine(t, root, "-s", "dev")
	said := spaces.ReplaceAllString(stdout, " ")
	for _, want := range []string{
		"FAILED aws: credentials no credentials for AWS", "-> log in: `aws sso login`", "SKIPPED aws: Lambda concurrency in us-east-1 not looked at: aws: credentials first", "SKIPPED route53: zone example.com",
		"FAILED gcp: credentials no credentials for Google Cloud", "-> log in: `gcloud auth application-default login`", "SKIPPED gcp: APIs of my-project not looked at: gcp: credentials first",
		"FAILED CAA of api.example.com ask for api.example.com: no network", "SKIPPED names and certificates nothing is deployed", "WARNING stack file polygate:zone is the example's: put in a public DNS zone",
		"FAILED state nobody says where Pulumi keeps the state of \"dev\"", "-> export PULUMI_BACKEND_URL=s3://<bucket>", "SKIPPED certificate the stack brings none, and needs none",
		"FAILED clock no cloud answers", "FAILED Pulumi", "OK Go go1.", "dev: failed (",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said", want)
		}
	}
	if code != ExitFailed || t.Failed() {
		t.Errorf("exit code %d, want 1\n%s%s", code, stdout, stderr)
	}
	code, stdout, _ = examine(t, root, "-s", "dev", "--json")
	var r report.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != ExitFailed || r.Subject != "dev" || r.Result != report.Failed || len(r.Checks) < 12 {
		t.Errorf("as JSON: exit code %d, %v\n%s", code, err, stdout)
	}
}

// On local clouds that do not run yet nothing is wrong.
func TestDoctorBeforeLocalClouds(t *testing.T) {
	root := project(t, map[string]string{"local.gateway.yaml": gatewayDocument})
	write(t, filepath.Join(root, "go.mod"), "module x\n\ngo 1.20\n")
	write(t, filepath.Join(root, "tools", "pulumi", "go.mod"), "module x\n\nrequire github.com/pulumi/pulumi/pkg/v3 v3.253.0\n")
	stack := strings.Replace(dev, "  aws:region", "  polygate:localClouds: {speed: 10, dns: %s, edge: %s, origin: %s, network: 127.0.0.1}\n  aws:region", 1)
	var free []any
	for range 3 {
		free = append(free, freeAddress(t))
	}
	write(t, filepath.Join(root, "stacks", "Pulumi.local.yaml"), fmt.Sprintf(stack, free...))
	code, stdout, stderr := examine(t, root, "-s", "local")
	said := spaces.ReplaceAllString(stdout, " ")
	for _, want := range []string{"SKIPPED zone example.com the local clouds are not running", "WARNING local clouds not running; all their addresses are free", "-> polygate up -s local", "local: warning ("} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said", want)
		}
	}
	if code != ExitOK || t.Failed() {
		t.Errorf("exit code %d, want 0\n%s%s", code, stdout, stderr)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// The certificate that is brought along is opened, and what is to be done about it depends on who issues it.
func TestDoctorOnTheCertificate(t *testing.T) {
	const azure = `config:
  polygate:hostname: api.example.com
  polygate:zone: example.com
  polygate:manager: route53
  polygate:regions: [aws/us-east-1, azure/eastus]
  polygate:certificate: {pfx: c.pfx, passwordFile: c.password%s}
  azure-native:subscriptionId: 00000000-0000-0000-0000-000000000000
`
	ca, err := pki.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"api.example.com", "eastus.azure.api.example.com"}
	for _, c := range []struct {
		name, dial string
		names      []string
		result     report.Result
		detail     string
		remedy     string
	}{
		{"valid", "", names, report.OK, "days more", ""},
		{"another's", "", names[:1], report.Failed, "does not cover eastus.azure.api.example.com", "have it issued for api.example.com, eastus"},
		{"missing", "", nil, report.Failed, "c.pfx", "set polygate:certificate.acme"},
		{"missing, by ACME", ", acme: {}", nil, report.Failed, "c.pfx", "polygate cert issue -s dev"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := project(t, map[string]string{"Pulumi.dev.yaml": fmt.Sprintf(azure, c.dial)})
			if c.names != nil {
				pfx, err := ca.IssuePFX(c.names, "secret")
				if err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(root, "c.pfx"), string(pfx))
				write(t, filepath.Join(root, "c.password"), "secret\n")
			}
			a := &app{output: newOutput(&bytes.Buffer{}, &bytes.Buffer{}, os.Getenv), root: root, stack: "dev"}
			s, err := a.settings()
			if err != nil {
				t.Fatal(err)
			}
			got := a.broughtCertificate(s)
			if got.Result != c.result || !strings.Contains(got.Detail, c.detail) || !strings.Contains(got.Remedy, c.remedy) {
				t.Errorf("%+v, want %s, %q and %q", got, c.result, c.detail, c.remedy)
			}
		})
	}
}

// What a document goes by wants an API of its own, and what no document can be read of wants none.
func TestDoctorWantsWhatTheDocumentNeeds(t *testing.T) {
	const api = "networksecurity.googleapis.com"
	for name, c := range map[string]struct {
		document string
		want     bool
	}{
		"nothing of clients":   {gatewayDocument, false},
		"certificates":         {strings.Replace(gatewayDocument, "routes:", "policies:\n  who: {clientCertificate: {fingerprints: ["+strings.Repeat("ab", 32)+"]}}\neverywhere: [who]\nroutes:", 1), true},
		"what cannot be read":  {"version: 7\n", false},
		"no document whatever": {"", false},
	} {
		files := map[string]string{"Pulumi.dev.yaml": dev}
		if c.document != "" {
			files["dev.gateway.yaml"] = c.document
		}
		a := &app{output: newOutput(&bytes.Buffer{}, &bytes.Buffer{}, os.Getenv), getenv: os.Getenv, root: project(t, files), stack: "dev"}
		s, err := a.settings()
		if err != nil {
			t.Fatal(err)
		}
		opts, err := a.examination(t.Context(), s)
		if err != nil || slices.Contains(opts.APIs, api) != c.want {
			t.Errorf("%s: %v, %v, want %s in it: %t", name, opts.APIs, err, api, c.want)
		}
	}
}

// Names of what stands on the local clouds of TestDoctorOnEachFront.
const (
	sharedName = "api.example.com"
	awsName    = "use1.aws.api.example.com"
	awsTarget  = "d-1.execute-api.test"
	gcpName    = "usc1.gcp.api.example.com"
)

// fronts stand in for those of local clouds: each shows a certificate of its own for each name.
type fronts struct {
	t  *testing.T
	ca *pki.CA
	by map[string]map[string]tls.Certificate // front -> server name
}

// shows has a front show a certificate for a server name that is for a name, and ends so long from now.
func (f *fronts) shows(front, server, name string, left time.Duration) {
	f.t.Helper()
	now := time.Now()
	certificate, key, err := f.ca.IssueBetween(now.Add(-1000*time.Hour), now.Add(left), name)
	if err != nil {
		f.t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		f.t.Fatal(err)
	}
	if f.by[front] == nil {
		f.by[front] = map[string]tls.Certificate{}
	}
	f.by[front][server] = pair
}

// listen starts a front, which shakes hands and no more.
func (f *fronts) listen(front, at string) plane.Site {
	f.t.Helper()
	l, err := tls.Listen("tcp", at, &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		pair, ok := f.by[front][hello.ServerName]
		if !ok {
			return nil, fmt.Errorf("no such name: %s", hello.ServerName)
		}
		return &pair, nil
	}})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = c.(*tls.Conn).Handshake() // the doctor says what is wrong
			}()
		}
	}()
	site := plane.Site{ID: front, Listen: netip.MustParseAddrPort(l.Addr().String())}
	for name := range f.by[front] {
		site.Hosts = append(site.Hosts, plane.Host{Name: name})
	}
	return site
}

// What a region's own front shows for the shared name is looked at, whoever leads: the edge would always show the leader's.
func TestDoctorOnEachFront(t *testing.T) {
	const year, month = 365 * 24 * time.Hour, 30 * 24 * time.Hour
	for _, c := range []struct {
		name     string
		change   func(*fronts)
		proxied  bool
		aws, gcp report.Result
		said     string
	}{
		{"all is well", func(*fronts) {}, false, report.OK, report.OK, sharedName + ": 364 days left"},
		{"another's for the shared name", func(f *fronts) { f.shows("aws", sharedName, "other.example.com", year) }, false, report.Failed, report.OK, "for " + sharedName + ":"},
		{"expired for the shared name", func(f *fronts) { f.shows("aws", sharedName, sharedName, -time.Hour) }, false, report.Failed, report.OK, "for " + sharedName + ": tls: failed to verify certificate: x509: certificate has expired"},
		{"expired soon for the shared name", func(f *fronts) { f.shows("aws", sharedName, sharedName, month/2) }, false, report.Warning, report.OK, "14 days left"},
		{"expired for its own name", func(f *fronts) { f.shows("aws", awsName, awsName, -time.Hour) }, false, report.Failed, report.OK, "for " + awsName + ":"},
		{"the leader's is another's", func(f *fronts) { f.shows("gcp", sharedName, gcpName, year) }, false, report.OK, report.Failed, sharedName + ": 364 days left"},
		{"behind the proxy", func(f *fronts) { f.shows("aws", sharedName, sharedName, -time.Hour) }, true, report.Failed, report.OK, "expired"},
		{"the proxy's is another's", func(f *fronts) { f.shows("proxy", sharedName, "other.example.com", year) }, true, report.OK, report.OK, sharedName + ": 364 days left"},
	} {
		for _, network := range []string{"127.88.0.0", "127.0.0.1"} { // an address for each front, or a port
			t.Run(c.name+", "+network, func(t *testing.T) {
				ca, err := pki.Open(t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				f := &fronts{t: t, ca: ca, by: map[string]map[string]tls.Certificate{}}
				for _, front := range [][]string{{"aws", awsName, sharedName}, {"gcp", gcpName, sharedName}, {"proxy", sharedName}} {
					for _, name := range front[1:] {
						f.shows(front[0], name, name, year)
					}
				}
				c.change(f)
				got := certificatesBy(t, f, network, c.proxied)
				if got["aws/us-east-1"].Result != c.aws || got["gcp/us-central1"].Result != c.gcp || !strings.Contains(got["aws/us-east-1"].Detail, c.said) {
					t.Errorf("%+v, want %s with %q, and %s", got, c.aws, c.said, c.gcp)
				}
			})
		}
	}
}

// certificatesBy runs the doctor on local clouds with these fronts, of which that of gcp leads, and returns its findings on certificates.
func certificatesBy(t *testing.T, f *fronts, network string, proxied bool) map[string]report.Check {
	t.Helper()
	listen := make([]string, 3)
	for i := range listen {
		listen[i] = network + ":0"
		if ip := netip.MustParseAddr(network); network != "127.0.0.1" {
			for range i + 1 {
				ip = ip.Next()
			}
			listen[i] = ip.String() + ":0"
			l, err := net.Listen("tcp", listen[i])
			if err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) {
				t.Fatal(err)
			}
			if err != nil {
				t.Skipf("this system has one loopback address, with which the other case deals: %v", err)
			}
			l.Close()
		}
	}
	sites := []plane.Site{f.listen("aws", listen[0]), f.listen("gcp", listen[1])}
	record := func(name, kind, value string) plane.Record {
		return plane.Record{Name: name, Type: kind, TTL: 60, Values: []string{value}}
	}
	records := []plane.Record{record(awsName, "CNAME", awsTarget), record(gcpName, "A", sites[1].Listen.Addr().String())}
	deployed := topology.Topology{Hostname: sharedName, Zone: "example.com", Manager: "route53", Regions: []topology.Region{
		{Name: "aws/us-east-1", Provider: "aws", Hostname: awsName, Target: awsTarget}, {Name: "gcp/us-central1", Provider: "gcp", Hostname: gcpName, Target: sites[1].Listen.Addr().String()}}}
	if proxied {
		sites = append(sites, f.listen("proxy", listen[2]))
		records = append(records, record(sharedName, "A", sites[2].Listen.Addr().String()))
		deployed.Manager, deployed.Details = "cloudflare", map[string]string{"proxied": "true"}
	} else {
		records = append(records, record(sharedName, "CNAME", gcpName))
	}
	free := netip.MustParseAddrPort("127.0.0.1:0")
	server, err := localdns.New(localdns.Options{Listen: free})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	if err := server.Apply([]plane.Zone{{ID: "Z1", Name: "example.com", Records: records},
		{ID: "Z2", Name: "execute-api.test", Records: []plane.Record{record(awsTarget, "A", sites[0].Listen.Addr().String())}}}); err != nil {
		t.Fatal(err)
	}
	e, err := edge.New(edge.Options{Listen: free, Resolve: server.Resolve, Sites: sites})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })

	root := project(t, map[string]string{"local.gateway.yaml": gatewayDocument, "Pulumi.local.yaml": strings.Replace(dev, "  aws:region", fmt.Sprintf(
		"  polygate:localClouds: {speed: 10, dns: %q, edge: %q, origin: %q, network: %s}\n  aws:region", server.Addr(), e.Addr(), freeAddress(t), network), 1)})
	overview := localcloud.Overview{Fronts: map[string][]string{}}
	for _, s := range sites {
		for _, h := range s.Hosts {
			overview.Fronts[s.Listen.String()] = append(overview.Fronts[s.Listen.String()], h.Name)
		}
	}
	answer, err := json.Marshal(overview)
	if err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(root, ".polygate", "local")
	answering(t, filepath.Join(work, "clouds"), map[string]string{"GET /v1/overview": string(answer)})
	var st localcloud.State
	b, err := os.ReadFile(filepath.Join(work, "clouds", "clouds.json"))
	if err == nil {
		err = json.Unmarshal(b, &st)
	}
	st.DNS, st.Edge, st.CA = server.Addr().String(), e.Addr().String(), f.ca.Path()
	said, also := json.Marshal(st)
	stands, wise := json.Marshal(deployed)
	if err := errors.Join(err, also, wise); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(work, "clouds", "clouds.json"), string(said))
	write(t, filepath.Join(work, "topology.json"), string(stands))

	_, stdout, stderr := run(t, "-C", root, "-s", "local", "doctor", "--json")
	var r report.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout, stderr)
	}
	found := map[string]report.Check{}
	for _, check := range r.Checks {
		if region, ok := strings.CutPrefix(check.Name, "certificates of "); ok {
			found[region] = check
		}
	}
	return found
}

// declared takes what a program declares, and finds it the zone it asks for.
type declared struct {
	mu     sync.Mutex
	phases []string
}

func (d *declared) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	if args.TypeToken == "cloudflare:index/ruleset:Ruleset" {
		d.mu.Lock()
		d.phases = append(d.phases, args.Inputs["phase"].StringValue())
		d.mu.Unlock()
	}
	return args.Name + "-id", args.Inputs, nil
}

func (d *declared) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) {
	return resource.NewPropertyMapFromMap(map[string]any{"zoneId": "Z1", "id": "Z1", "type": "full", "status": "active", "account": map[string]any{"id": "A1"}, "plan": map[string]any{"legacyId": "enterprise"}}), nil
}

// The phases that the doctor looks at are those of which the program makes rulesets, behind the proxy and without it.
func TestPhases(t *testing.T) {
	for _, proxied := range []bool{true, false} {
		s := settings.Settings{Environment: "dev", Hostname: sharedName, Zone: "example.com", Manager: "cloudflare", Pattern: settings.ActivePassive, TTL: 30,
			Check: settings.Check{Interval: 60, Threshold: 2, Path: "/health"}, FrontSecret: "0123456789abcdef0123456789abcdef",
			Regions: []settings.Region{{Provider: "aws", Name: "us-east-1"}}}
		s.Cloudflare.Proxied = proxied
		d := &declared{}
		err := pulumi.RunErr(func(ctx *pulumi.Context) error {
			zone, err := cloudflare.Manager{}.Open(ctx, "gw", failover.ZoneArgs{Settings: s})
			if err != nil {
				return err
			}
			_, err = zone.Steer(ctx, "gw", failover.Plan(s, []failover.Member{{Region: s.Regions[0], Label: "use1", OwnName: awsName}}))
			return err
		}, pulumi.WithMocks("polygate", "dev", d))
		if err != nil {
			t.Fatal(err)
		}
		want := cloudflare.Phases(s)
		slices.Sort(want)
		slices.Sort(d.phases)
		if diff := cmp.Diff(want, d.phases); diff != "" || proxied != (len(want) > 0) {
			t.Errorf("proxied %t (-said +declared):\n%s", proxied, diff)
		}
	}
}
