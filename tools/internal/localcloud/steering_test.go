package localcloud

import (
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/azure"
	"polygate.example/tools/internal/localcloud/cloudflare"
	"polygate.example/tools/internal/localcloud/fault"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

// client is one of the clouds' control API.
func client(t *testing.T, dir string) *Client {
	t.Helper()
	st, err := ReadState(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return NewClient(st)
}

// Of the zones of one name, one is delegated: the first that the clouds were started with, until another is said, which is
// remembered.
func TestDelegation(t *testing.T) {
	c, dir := start(t)
	api := client(t, dir)
	zones := func() []plane.Zone {
		return []plane.Zone{{Name: "polygate.test", Manager: "cloudflare"}, {Name: "polygate.test", Manager: "route53"}, {Name: "execute-api.test"}, {Name: "other.test", Manager: "cloudflare"}}
	}
	holding := "" // the manager whose zone has records
	led := func() string {
		z := zones()
		for i := range z {
			z[i].Records = []plane.Record{{Name: z[i].Name, Type: "NS"}, {Name: z[i].Name, Type: "SOA"}}
			if z[i].Manager == holding {
				z[i].Records = append(z[i].Records, plane.Record{Name: "api." + z[i].Name, Type: "CNAME"})
			}
		}
		if err := c.delegate(z); err != nil {
			t.Error(err)
		}
		var out []string
		for _, z := range z {
			if !z.Undelegated {
				out = append(out, z.Name+" "+z.Manager)
			}
		}
		return strings.Join(out, ", ")
	}
	if got, want := led(), "polygate.test route53, execute-api.test , other.test cloudflare"; got != want {
		t.Errorf("at first clients are led to %s, want %s", got, want)
	}
	holding = "cloudflare" // of what is deployed, or of a first deployment that writes to the spare's zone before the manager's
	if got, want := led(), "polygate.test cloudflare, execute-api.test , other.test cloudflare"; got != want {
		t.Errorf("with an empty zone elsewhere clients are led to %s, want %s", got, want)
	}
	holding = "route53"
	if got, want := led(), "polygate.test route53, execute-api.test , other.test cloudflare"; got != want {
		t.Errorf("after the first deployment clients are led to %s, want %s", got, want)
	}
	holding = "cloudflare" // what is deployed elsewhere afterwards changes nothing at the zone above
	if got, want := led(), "polygate.test route53, execute-api.test , other.test cloudflare"; got != want {
		t.Errorf("after a deployment with another manager clients are led to %s, want %s", got, want)
	}
	holding = ""
	c.world.Store(&plane.World{Zones: zones()})
	if err := api.Delegate(t.Context(), Delegation{Zone: "Polygate.test.", Manager: "cloudflare"}); err != nil {
		t.Fatal(err)
	}
	if got, want := led(), "polygate.test cloudflare, execute-api.test , other.test cloudflare"; got != want {
		t.Errorf("then clients are led to %s, want %s", got, want)
	}
	if note, ok := c.store.Note(delegationNote("polygate.test")); !ok || note != "cloudflare" {
		t.Errorf("remembered is %q", note)
	}
	// What holds the zone now is only Route 53's: clients are led there, whatever was said of one that has gone.
	o, err := api.Overview(t.Context())
	if err != nil || o.Delegations["polygate.test"] != "route53" {
		t.Errorf("delegations %v, %v", o.Delegations, err)
	}
	for want, d := range map[string]Delegation{
		"cloudflare does not hold the zone polygate.test: want route53": {"polygate.test", "cloudflare"},
		`there is no zone "example.com"`:                                {"example.com", "route53"},
	} {
		if err := api.Delegate(t.Context(), d); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", d, err, want)
		}
	}
}

// Cloudflare looks a minute after a change of the delegation, and the status of its zone follows; a zone that has been led elsewhere
// has moved. Starting the clouds again changes nothing, whichever manager comes first.
func TestActivation(t *testing.T) {
	dir := t.TempDir()
	any := netip.MustParseAddrPort("127.0.0.1:0")
	open := func(managers ...string) *Clouds {
		var zones []Zone
		for _, m := range managers {
			zones = append(zones, Zone{Name: "polygate.test", Manager: m})
		}
		c, err := Start(t.Context(), Options{Dir: dir, Speed: 200, DNS: any, Edge: any, Origin: any, Network: netip.MustParseAddr("127.99.3.0"), Zones: zones, Log: t.Logf})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	status := func(c *Clouds, want string) {
		t.Helper()
		var got string
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			for _, r := range c.store.View().List("cloudflare:index/zone:Zone") {
				got = r.Computed.Str("status")
			}
			if got == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("the zone is %q, want %q", got, want)
			}
		}
	}
	c := open("route53", "cloudflare")
	status(c, "pending")
	begun := c.services.Clock.Now()
	if err := client(t, dir).Delegate(t.Context(), Delegation{Zone: "polygate.test", Manager: "cloudflare"}); err != nil {
		t.Fatal(err)
	}
	status(c, "active")
	if took := c.services.Clock.Now().Sub(begun); took < activationCheck {
		t.Errorf("active after %v: the first check occurs after 60 seconds (Zone status, Pending)", took)
	}
	if err := client(t, dir).Delegate(t.Context(), Delegation{Zone: "polygate.test", Manager: "route53"}); err != nil {
		t.Fatal(err)
	}
	status(c, "moved")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open("cloudflare", "route53") // they have changed places in the stack file, and not in the zone above
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	status(c, "moved")
	if o, err := client(t, dir).Overview(t.Context()); err != nil || o.Delegations["polygate.test"] != "route53" {
		t.Errorf("delegations %v, %v", o.Delegations, err)
	}
	if err := client(t, dir).Delegate(t.Context(), Delegation{Zone: "polygate.test", Manager: "cloudflare"}); err != nil {
		t.Fatal(err)
	}
	status(c, "active")
}

// While a manager's API is lost it refuses everything that is its own, and nothing else of the provider it belongs to.
func TestLostAPI(t *testing.T) {
	c, dir := start(t)
	api := client(t, dir)
	for _, m := range []struct {
		manager     string
		cloud       *resource.Cloud
		own, others []string
	}{
		{"route53", aws.Cloud(), []string{"aws:route53/record:Record", "aws:route53/healthCheck:HealthCheck"}, []string{"aws:iam/role:Role"}},
		{"trafficmanager", azure.Cloud(), []string{"azure-native:dns:RecordSet", "azure-native:trafficmanager:Profile"}, []string{"azure-native:web:WebApp"}},
		{"cloudflare", cloudflare.Cloud(), []string{"cloudflare:index/dnsRecord:DnsRecord"}, nil},
	} {
		c.world.Store(&plane.World{Zones: []plane.Zone{{Name: "polygate.test", Manager: m.manager}}})
		if err := api.Inject(t.Context(), fault.Fault{Target: m.manager, Kind: fault.ControlPlane}); err != nil {
			t.Fatal(err)
		}
		ctl, err := resource.NewController(m.cloud, c.store, c.services)
		if err != nil {
			t.Fatal(err)
		}
		read := func(token string) error {
			_, _, err := ctl.Read(token, "x", nil)
			return err
		}
		for _, token := range m.own {
			if read(token) == nil {
				t.Errorf("%s: %s is read through a lost API", m.manager, token)
			}
		}
		for _, token := range m.others {
			if err := read(token); err != nil {
				t.Errorf("%s: %s: %v", m.manager, token, err)
			}
		}
		if _, err := api.Heal(t.Context(), m.manager); err != nil {
			t.Fatal(err)
		}
		for _, token := range m.own {
			if err := read(token); err != nil {
				t.Errorf("%s, healed: %s: %v", m.manager, token, err)
			}
		}
	}
	if err := api.Inject(t.Context(), fault.Fault{Target: "cloudflare", Kind: fault.Slow, Delay: time.Second}); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "its API control-plane") {
		t.Errorf("a slow manager: %v", err)
	}
}

// A manager's servers are lost and come back; they cannot be slow, and a manager without a zone is none.
func TestLostManager(t *testing.T) {
	c, dir := start(t)
	api := client(t, dir)
	answered := func() bool {
		q := new(mdns.Msg)
		q.SetQuestion("polygate.test.", mdns.TypeSOA)
		dns := mdns.Client{Timeout: 300 * time.Millisecond}
		_, _, err := dns.ExchangeContext(t.Context(), q, c.dns.Addr().String())
		if n := net.Error(nil); err != nil && (!errors.As(err, &n) || !n.Timeout()) {
			t.Errorf("asking for the zone: %v", err)
		}
		return err == nil
	}
	if !answered() {
		t.Fatal("no answer before anything is broken")
	}
	if err := api.Inject(t.Context(), fault.Fault{Target: "route53", Kind: fault.Down}); err != nil {
		t.Fatal(err)
	}
	if answered() {
		t.Error("an answer by servers that are lost")
	}
	if n, err := api.Heal(t.Context(), "route53"); n != 1 || err != nil || !answered() {
		t.Errorf("healed %d, %v, answered %t", n, err, answered())
	}
	if n, err := api.Heal(t.Context(), "route53"); n != 0 || err != nil {
		t.Errorf("healing what is well: %d, %v", n, err)
	}
	for want, f := range map[string]fault.Fault{
		"can only be down or stale and its API control-plane, not slow": {Target: "route53", Kind: fault.Slow, Delay: time.Second},
		`"cloudflare" is not deployed`:                                  {Target: "cloudflare", Kind: fault.Down},
	} {
		if err := api.Inject(t.Context(), f); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", f, err, want)
		}
	}
}

// A routing control that is switched moves the health check that follows it, at once.
func TestSwitches(t *testing.T) {
	c, dir := start(t)
	api := client(t, dir)
	if _, err := api.Switch(t.Context(), Switches{"aws/us-east-1": true}); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "routingControls: true") {
		t.Errorf("without any control: %v", err)
	}
	ctl, err := resource.NewController(aws.Cloud(), c.store, c.services)
	if err != nil {
		t.Fatal(err)
	}
	create := func(token string, in resource.Props) string {
		t.Helper()
		checked, failures, err := ctl.Check(t.Context(), resource.Checking{Token: token, Name: "x", New: in})
		if err != nil || len(failures) > 0 {
			t.Fatalf("check %s: %v %v", token, failures, err)
		}
		id, _, err := ctl.Create(t.Context(), token, "", checked, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	cluster := create("aws:route53recoverycontrol/cluster:Cluster", resource.Props{"name": "c"})
	panel := create("aws:route53recoverycontrol/controlPanel:ControlPanel", resource.Props{"name": "p", "clusterArn": cluster})
	checks, controls := map[string]string{}, map[string]string{}
	for _, region := range []string{"aws/us-east-1", "gcp/us-central1"} {
		controls[region] = create("aws:route53recoverycontrol/routingControl:RoutingControl", resource.Props{"name": region, "clusterArn": cluster, "controlPanelArn": panel})
		checks[region] = create("aws:route53/healthCheck:HealthCheck", resource.Props{"type": "RECOVERY_CONTROL", "routingControlArn": controls[region]})
	}
	create("aws:route53recoverycontrol/safetyRule:SafetyRule", resource.Props{"name": "one", "controlPanelArn": panel, "waitPeriodMs": 0.0,
		"assertedControls": resource.List(slices.Sorted(maps.Values(controls))...), "ruleConfig": resource.Props{"type": "ATLEAST", "threshold": 1.0, "inverted": false}})
	for _, step := range []struct {
		set     Switches
		refused string
		want    Switches
	}{
		{Switches{"aws/us-east-1": true}, "", Switches{"aws/us-east-1": true, "gcp/us-central1": false}},
		{Switches{"aws/us-east-1": false}, "The safety rule one would not hold: it asserts ATLEAST 1 of its controls on, and 0 would be", Switches{"aws/us-east-1": true, "gcp/us-central1": false}},
		{Switches{"aws/us-east-1": false, "gcp/us-central1": true}, "", Switches{"aws/us-east-1": false, "gcp/us-central1": true}},
	} {
		all, err := api.Switch(t.Context(), step.set)
		if step.refused == "" && (err != nil || !maps.Equal(all, step.want)) || step.refused != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), step.refused)) {
			t.Errorf("%v: %v, %v", step.set, all, err)
		}
		o, err := api.Overview(t.Context())
		if err != nil || !maps.Equal(o.Switches, step.want) {
			t.Errorf("after %v: %v, %v; want %v", step.set, o.Switches, err, step.want)
		}
		for region, on := range step.want {
			if o.Checks[checks[region]].Healthy != on || c.checkers.Healthy(checks[region]) != on {
				t.Errorf("after %v the check of %s is %+v", step.set, region, o.Checks[checks[region]])
			}
		}
	}
}
