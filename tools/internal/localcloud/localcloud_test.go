package localcloud

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"

	"polygate.example/tools/internal/localcloud/fault"
	"polygate.example/tools/internal/localcloud/gcp"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/runtime/runtimetest"
)

func start(t *testing.T) (*Clouds, string) {
	t.Helper()
	dir := t.TempDir()
	any := netip.MustParseAddrPort("127.0.0.1:0")
	c, err := Start(t.Context(), Options{
		Dir: dir, Speed: 10, DNS: any, Edge: any, Origin: any, Network: netip.MustParseAddr("127.99.0.0"), Zones: []Zone{{Name: "polygate.test", Manager: "route53"}},
		PFX: &PFX{File: filepath.Join(dir, "cert", "a.pfx"), PasswordFile: filepath.Join(dir, "cert", "password"), Names: []string{"a.polygate.test"}},
		Log: t.Logf,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, dir
}

func TestStartAndStop(t *testing.T) {
	c, dir := start(t)
	st, err := ReadState(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("aws:%d,gcp:%d,azure-native:%d,cloudflare:%d", st.Providers["aws"], st.Providers["gcp"], st.Providers["azure-native"], st.Providers["cloudflare"]); st.DebugProviders() != want {
		t.Errorf("PULUMI_DEBUG_PROVIDERS is %q, want %q", st.DebugProviders(), want)
	}
	for _, secret := range []string{"clouds.json", "cert/a.pfx", "cert/password"} {
		info, err := os.Stat(filepath.Join(dir, secret))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", secret, info.Mode().Perm())
		}
	}
	if _, err := Start(t.Context(), Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("starting twice from one folder: %v", err)
	}
	// Nor does a second one start while the first one has not written its state yet, or is too busy to be asked.
	if err := os.Rename(stateFile(dir), stateFile(dir)+".away"); err != nil {
		t.Fatal(err)
	}
	any := netip.MustParseAddrPort("127.0.0.1:0")
	second, err := Start(t.Context(), Options{Dir: dir, DNS: any, Edge: any, Origin: any, Network: netip.MustParseAddr("127.99.2.0")})
	if err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("starting twice from one folder, without a state: %v", err)
		_ = second.Close()
	}
	if err := os.Rename(stateFile(dir)+".away", stateFile(dir)); err != nil {
		t.Fatal(err)
	}
	if err := NewClient(st).Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Wait(t.Context())
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := ReadState(t.Context(), dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after the end: %v", err)
	}
}

func TestAPIWantsItsToken(t *testing.T) {
	_, dir := start(t)
	st, err := ReadState(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, header := range map[string]string{"none": "", "wrong": "Bearer guess", "bare": st.Token} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+st.API+"/v1/stop", nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			req.Header.Set("Authorization", header)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("token %s: %s", name, res.Status)
		}
	}
	c := NewClient(st)
	err = c.Inject(t.Context(), fault.Fault{Target: "aws/us-east-1", Kind: fault.Down})
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "nothing is; run `polygate up` first") {
		t.Errorf("a fault in a region that is not deployed: %v", err)
	}
	// A control plane can be broken before the first deployment, and its name alone heals it.
	if err := c.Inject(t.Context(), fault.Fault{Target: "aws", Kind: fault.ControlPlane}); err != nil {
		t.Error(err)
	}
	for _, target := range []string{"gcp", "&", "a b"} {
		if n, err := c.Heal(t.Context(), target); !errors.Is(err, ErrRefused) || n != 0 {
			t.Errorf("healing %q, where nothing is broken: %d, %v", target, n, err)
		}
	}
	for _, want := range []int{1, 0} {
		if n, err := c.Heal(t.Context(), ""); err != nil || n != want {
			t.Errorf("healed %d, %v: want %d", n, err, want)
		}
	}
	if err := c.Inject(t.Context(), fault.Fault{Target: "aws", Kind: fault.ControlPlane}); err != nil {
		t.Error(err)
	}
	if n, err := c.Heal(t.Context(), "aws"); err != nil || n != 1 {
		t.Errorf("healed %d, %v: want the fault of a provider that has no region", n, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Overview(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that is called off: %v", err)
	}
}

// The control plane asks the data plane before it takes a function, and what it has taken runs until it is deleted: the
// assembly, without an engine.
func TestFunctionIsTriedThenServed(t *testing.T) {
	c, _ := start(t)
	ctl, err := resource.NewController(gcp.Cloud(), c.store, c.services)
	if err != nil {
		t.Fatal(err)
	}
	config := resource.Props{"project": gcp.DefaultProject}
	create := func(token string, in resource.Props) (string, error) {
		t.Helper()
		checked, failures, err := ctl.Check(t.Context(), resource.Checking{Token: token, Name: "x", New: in, Config: config})
		if err != nil || len(failures) > 0 {
			t.Fatalf("check %s: %v %v", token, failures, err)
		}
		id, _, err := ctl.Create(t.Context(), token, "", checked, config, false)
		return id, err
	}
	zip, _ := runtimetest.Zip(t, runtimetest.FunctionFiles(t))
	source, err := asset.FromPath(zip)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := create("gcp:storage/bucket:Bucket", resource.Props{"name": "gw-source", "location": "us-central1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := create("gcp:storage/bucketObject:BucketObject", resource.Props{"bucket": "gw-source", "name": "src.zip",
		"source": resource.Blob{Source: source.Serialize(), Hash: source.Hash}}); err != nil {
		t.Fatal(err)
	}
	const token = "gcp:cloudfunctionsv2/function:Function"
	function := func(entry string) resource.Props {
		return resource.Props{"name": "gw", "location": "us-central1", "buildConfig": resource.Props{"runtime": "go126", "entryPoint": entry,
			"source": resource.Props{"storageSource": resource.Props{"bucket": "gw-source", "object": "src.zip"}}}}
	}
	if _, err := create(token, function("Other")); resource.Code(err) != gcp.ReasonUnready || !strings.Contains(err.Error(), "no matching function found") {
		t.Errorf("an entry point that is not there: %v", err)
	}
	if n := c.runtimes.Processes(); n != 0 {
		t.Errorf("%d processes after the refusal", n)
	}
	id, err := create(token, function("Gateway"))
	if err != nil {
		t.Fatal(err)
	}
	if got, n := c.overview().Regions, c.runtimes.Processes(); !slices.Equal(got, []string{"gcp/us-central1"}) || n != 1 {
		t.Errorf("regions %v, %d processes: want one of each", got, n)
	}
	if err := ctl.Delete(t.Context(), token, id, nil, config); err != nil {
		t.Fatal(err)
	}
	if n := c.runtimes.Processes(); n != 0 {
		t.Errorf("%d processes after the deletion", n)
	}
}

// A delay is cloud time for the front that waits and for the checker that judges: at speed 10 Route 53 tolerates 1.2 s,
// but not 5 s. The site has no function, so that an answer in time is a 404.
func TestSlowFaultIsJudgedInCloudTime(t *testing.T) {
	c, _ := start(t)
	const name = "slow.polygate.test"
	cert, key, err := c.services.CA.Issue(name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	sites := []plane.Site{{ID: "slow", Region: "gcp/us-central1", Front: plane.RunApp, Listen: at,
		Hosts: []plane.Host{{Name: name, Cert: cert, Key: key}}}}
	if err := c.fronts.Apply(sites); err != nil {
		t.Fatal(err)
	}
	c.edge.Apply(sites)
	for id, tt := range map[string]struct {
		delay time.Duration
		want  string
	}{"tolerated": {1200 * time.Millisecond, "404 Not Found"}, "outage": {5 * time.Second, "i/o timeout"}} {
		if err := c.faults.Inject(fault.Fault{Target: "gcp", Kind: fault.Slow, Delay: tt.delay}); err != nil {
			t.Fatal(err)
		}
		if err := c.checkers.Apply([]plane.HealthCheck{{ID: id, Type: "HTTPS", IP: at.Addr().String(), FQDN: name, Port: int(at.Port()),
			Path: "/", Interval: 10, Threshold: 1, SNI: true, Locations: []string{"us-east-1"}}}); err != nil {
			t.Fatal(err)
		}
		var last probe.Result
		for last.Reason == "" && t.Context().Err() == nil {
			c.services.Clock.Sleep(t.Context(), 100*time.Millisecond)
			st, _ := c.checkers.Status(id)
			last = st.Votes[0].Last
		}
		if !strings.Contains(last.Reason, tt.want) {
			t.Errorf("a delay of %s: %s after %s, want %s", tt.delay, last.Reason, last.Took, tt.want)
		}
	}
}

// The password is the first line of its file, without the line's end; blanks are part of it.
func TestPasswordIsTheFirstLine(t *testing.T) {
	c, dir := start(t)
	p := PFX{File: filepath.Join(dir, "b.pfx"), PasswordFile: filepath.Join(dir, "b.password"), Names: []string{"b.polygate.test"}}
	pfx, err := c.services.CA.(*pki.CA).IssuePFX(p.Names, " it ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.File, pfx, 0o600); err != nil {
		t.Fatal(err)
	}
	for content, want := range map[string]bool{
		" it ": true, " it \n": true, " it \r\n": true, " it \nanother line\n": true,
		"it\n": false, "\n it ": false, " it  ": false,
	} {
		if err := os.WriteFile(p.PasswordFile, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := p.covers(); got != want {
			t.Errorf("the file holds %q: opened %t, want %t", content, got, want)
		}
	}
}

func TestTakenAddress(t *testing.T) {
	c, _ := start(t)
	any := netip.MustParseAddrPort("127.0.0.1:0")
	_, err := Start(t.Context(), Options{Dir: t.TempDir(), Speed: 1, DNS: netip.MustParseAddrPort(c.state.DNS), Edge: any, Origin: any,
		Network: netip.MustParseAddr("127.99.1.0"), Zones: []Zone{{Name: "polygate.test", Manager: "route53"}}})
	if err == nil || !strings.Contains(err.Error(), "polygate:localClouds.dns") || !strings.Contains(err.Error(), "polygate local stop") {
		t.Errorf("error %v, want one that says which dial to turn", err)
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		name          string
		single        bool
		first, second string
		moved         string // the first one after a restart with the edge on another port
	}{
		{"an address each, on the edge's port", false, "127.99.0.1:8443", "127.99.0.2:8443", "127.99.0.1:9443"},
		{"a port each, where there is one address", true, "127.0.0.1:8444", "127.0.0.1:8445", "127.0.0.1:8444"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			open := func(port uint16) *addresses {
				store, err := resource.Open(dir)
				if err != nil {
					t.Fatal(err)
				}
				a, err := newAddresses(netip.MustParseAddr("127.99.0.0"), port, store, t.Logf)
				if err != nil {
					t.Fatal(err)
				}
				a.single = c.single
				return a
			}
			for _, run := range []string{"first", "after a restart"} {
				a := open(8443)
				if got := a.Allocate("aws/us-east-1").String(); got != c.first {
					t.Errorf("%s: %s, want %s", run, got, c.first)
				}
				if got := a.Allocate("gcp/address/x").String(); got != c.second {
					t.Errorf("%s: %s, want %s", run, got, c.second)
				}
				if got := a.Allocate("aws/us-east-1").String(); got != c.first {
					t.Errorf("%s, asked again: %s, want %s", run, got, c.first)
				}
			}
			a := open(9443)
			if got := a.Allocate("aws/us-east-1").String(); got != c.moved {
				t.Errorf("with the edge moved: %s, want %s", got, c.moved)
			}
			if _, err := newAddresses(netip.MustParseAddr("127.98.0.0"), 9443, a.store, t.Logf); err == nil || !strings.Contains(err.Error(), "of the network 127.99.0.0") {
				t.Errorf("with another network: %v", err)
			}
		})
	}
}
