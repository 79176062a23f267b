package cli

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"

	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
	"polygate.example/shared/artefact"
	"polygate.example/shared/topology"
)

// Taking the records out of the zone that clients are led to is refused with the safe way, and each step of that way is let through.
func TestCutsOff(t *testing.T) {
	for _, c := range []struct {
		name           string
		before         topology.Topology
		manager, spare string
		local          bool
		want           []string // none: let through
	}{
		{"never deployed", topology.Topology{}, "cloudflare", "", false, nil},
		{"as it is", topology.Topology{Manager: "route53"}, "route53", "", false, nil},
		{"another manager", topology.Topology{Manager: "route53"}, "cloudflare", "", false, []string{
			"whoever is led there gets no answer until example.com is delegated to cloudflare",
			"polygate:manager: route53 with polygate:spare: cloudflare, and `up`; delegate example.com to cloudflare in the zone above",
			"then let the two change places, and `up`; and take polygate:spare out in the end"}},
		{"on local clouds", topology.Topology{Manager: "route53"}, "cloudflare", "", true, []string{"`polygate local delegate cloudflare -s prod`"}},
		{"with a third one", topology.Topology{Manager: "route53"}, "cloudflare", "trafficmanager", false, []string{"its records there go"}},
		{"the safe way: a spare", topology.Topology{Manager: "route53"}, "route53", "cloudflare", false, nil},
		{"the safe way: they change places", topology.Topology{Manager: "route53", Spare: "cloudflare"}, "cloudflare", "route53", false, nil},
		{"the safe way: the spare goes", topology.Topology{Manager: "cloudflare", Spare: "route53"}, "cloudflare", "", false, nil},
		{"the spare alone too early", topology.Topology{Manager: "route53", Spare: "cloudflare"}, "cloudflare", "", false, []string{
			"The safe way: delegate example.com to cloudflare", "unless that is done; then polygate:manager: cloudflare with polygate:spare: route53, and `up`"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := settings.Settings{Zone: "example.com", Manager: c.manager, Spare: c.spare}
			if c.local {
				s.LocalClouds = &settings.LocalClouds{}
			}
			before := &c.before
			before.Zone = "example.com"
			if before.Manager == "" {
				before = nil
			}
			got := cutsOff(before, s, "prod")
			if len(c.want) == 0 && got != "" {
				t.Errorf("refused: %s", got)
			}
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q\nlacks %q", got, want)
				}
			}
		})
	}
}

// The manager that the zone above leads to is not taken out, whatever the stack file calls it.
func TestLedElsewhere(t *testing.T) {
	for _, c := range []struct {
		name           string
		before         topology.Topology
		manager, spare string
		servers        string
		want           string // "" lets it through
	}{
		{"the spare goes, and clients are led to the manager", topology.Topology{Manager: "route53", Spare: "cloudflare"}, "route53", "", "ns-1.awsdns-01.com.", ""},
		{"the spare goes, and clients are led to it", topology.Topology{Manager: "route53", Spare: "cloudflare"}, "route53", "", "ada.ns.cloudflare.com.", "is delegated to cloudflare, whose records go"},
		{"another spare, and clients are led to the one before", topology.Topology{Manager: "route53", Spare: "trafficmanager"}, "route53", "cloudflare", "ns1-05.azure-dns.com.",
			"is delegated to trafficmanager, whose records go"},
		{"servers of somebody's own", topology.Topology{Manager: "route53", Spare: "cloudflare"}, "route53", "", "ns1.example.com.", ""},
		{"they change places", topology.Topology{Manager: "route53", Spare: "cloudflare"}, "cloudflare", "route53", "ns-1.awsdns-01.com.", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &app{stack: "prod", resolve: func(_ context.Context, q *dns.Msg, _ string) (*dns.Msg, error) {
				in := new(dns.Msg).SetReply(q)
				in.Answer = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeNS, Class: dns.ClassINET}, Ns: c.servers}}
				return in, nil
			}}
			c.before.Zone = "example.com"
			got := a.why(t.Context(), &c.before, settings.Settings{Zone: "example.com", Manager: c.manager, Spare: c.spare})
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// A front that comes before regions which serve, or shows them another secret, is refused with the way on which nobody is.
func TestShutsOut(t *testing.T) {
	const one, two = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
	for _, c := range []struct {
		name           string
		front          string // that is deployed
		proxied        bool
		secret, before settings.Secret
		want           string // "" lets it through
	}{
		{"no front", "", false, "", "", ""},
		{"a front at once", "", true, one, "", "polygate:frontSecretBefore: open with it, and `up`"},
		{"the safe way: open first", "", true, one, settings.FrontOpen, ""},
		{"the safe way: shut then", one, true, one, "", ""},
		{"another secret at once", one, true, two, "", "the one of before in polygate:frontSecretBefore"},
		{"the safe way: both", one, true, two, one, ""},
		{"no front any more: a preview warns", one, false, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := settings.Settings{Zone: "example.com", Manager: "cloudflare", FrontSecret: c.secret, FrontSecretBefore: c.before}
			s.Cloudflare.Proxied = c.proxied
			deployed := &topology.Topology{Zone: "example.com", Manager: "cloudflare"}
			if c.front != "" {
				deployed.Front = provider.FrontDigest(settings.Secret(c.front))
			}
			a := &app{stack: "prod"}
			got := a.why(t.Context(), deployed, s)
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
			if strings.Contains(got, one) || strings.Contains(got, two) {
				t.Errorf("it shows a secret: %q", got)
			}
		})
	}
}

// What --without names is a manager of the stack.
func TestWithout(t *testing.T) {
	root := project(t, map[string]string{"Pulumi.dev.yaml": dev, "dev.gateway.yaml": gatewayDocument})
	for _, verb := range []string{"up", "preview"} {
		code, _, stderr := run(t, "-C", root, "-s", "dev", verb, "--without", "cloudflare")
		if code != ExitUsage || !strings.Contains(stderr, "--without cloudflare: want a manager of the stack, route53") {
			t.Errorf("%s: exit code %d, %q", verb, code, stderr)
		}
	}
}

// Regions go by what fronts tell them only where those write it already: what a manager that is left out was asked to, and load balancers that an
// older release has deployed.
func TestNeeds(t *testing.T) {
	proxied, dns := settings.Settings{Zone: "example.com", Manager: "cloudflare"}, settings.Settings{Zone: "example.com", Manager: "route53", Spare: "cloudflare"}
	proxied.Cloudflare.Proxied = true
	answers := settings.Settings{Zone: "example.com", Manager: "cloudflare"}
	proxied.Regions = []settings.Region{{Provider: "aws", Name: "us-east-1"}, {Provider: "gcp", Name: "us-central1"}}
	dns.Regions = proxied.Regions
	leaves := dns
	leaves.Regions = []settings.Region{{Provider: "gcp", Name: "europe-west1"}}
	held := func(kind, name string, inputs map[string]any) apitype.ResourceV3 {
		return apitype.ResourceV3{URN: resource.NewURN("prod", "polygate", "", tokens.Type(kind), name), Type: tokens.Type(kind), ID: "1", Inputs: inputs}
	}
	const country, certificates = `{"country": true}`, `{"certificates": {"anchors": ["a root"]}}`
	setting := held("cloudflare:index/zoneSetting:ZoneSetting", "geo", nil)
	old := held("gcp:compute/backendService:BackendService", "gw-usc1-backend", map[string]any{"name": "gw"})
	function := func(variables map[string]any) apitype.ResourceV3 {
		return held("gcp:cloudfunctionsv2/function:Function", "gw-usc1-function", map[string]any{"serviceConfig": map[string]any{"environmentVariables": variables}})
	}
	known := function(map[string]any{"POLYGATE_COUNTRY": "X-Polygate-Client-Region", "POLYGATE_REGION": "gcp/us-central1"})
	other := held("gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup", "gw-usc1-endpoints", nil)
	without := []string{"--without cloudflare: stacks/prod.gateway.yaml has come to go by the country of clients", "ZoneSetting of example.com", "Nothing was changed", "`polygate up -s prod`"}
	older := []string{"stacks/prod.gateway.yaml goes by more of the countries or certificates", "gw-usc1-backend", "Nothing was changed: `polygate up -s prod` once with the document that is deployed now"}
	for name, c := range map[string]struct {
		settings settings.Settings
		front    string
		without  []string
		held     []apitype.ResourceV3
		want     []string
	}{
		"countries, without the front":                {proxied, country, []string{"cloudflare"}, nil, without},
		"countries, and the front tells them":         {proxied, country, []string{"cloudflare"}, []apitype.ResourceV3{setting}, nil},
		"countries, with the front":                   {proxied, country, nil, nil, nil},
		"no countries":                                {proxied, `{}`, []string{"cloudflare"}, nil, nil},
		"countries, and Cloudflare is no front":       {dns, country, []string{"cloudflare"}, nil, nil},
		"countries, and Cloudflare answers DNS":       {answers, country, []string{"cloudflare"}, nil, nil},
		"countries, and another manager is spare":     {dns, country, []string{"route53"}, nil, nil},
		"countries, on an old balancer":               {dns, country, nil, []apitype.ResourceV3{other, old}, older},
		"certificates, on an old balancer":            {dns, certificates, nil, []apitype.ResourceV3{old}, older},
		"an old balancer behind Cloudflare":           {proxied, country, nil, []apitype.ResourceV3{setting, old}, older},
		"certificates end at Cloudflare":              {proxied, certificates, nil, []apitype.ResourceV3{old}, nil},
		"an old balancer that is believed in nothing": {dns, `{}`, nil, []apitype.ResourceV3{old}, nil},
		"an old balancer of a region that goes":       {leaves, country, nil, []apitype.ResourceV3{old, function(nil)}, nil},
		"an old balancer that is believed already":    {dns, country, nil, []apitype.ResourceV3{known, old}, nil},
		"an old balancer that is to be believed":      {dns, country, nil, []apitype.ResourceV3{function(map[string]any{"POLYGATE_REGION": "gcp/us-central1"}), old}, older},
		"an old balancer, and less is believed":       {dns, `{}`, nil, []apitype.ResourceV3{known, old}, nil},
		"an old balancer, and more is believed":       {dns, certificates, nil, []apitype.ResourceV3{known, old}, older},
	} {
		t.Run(name, func(t *testing.T) {
			a := &app{root: t.TempDir(), stack: "prod"}
			dist := filepath.Join(a.root, "dist", "prod")
			if err := errors.Join(os.MkdirAll(dist, 0o755), os.WriteFile(filepath.Join(dist, artefact.ManifestFile), []byte(`{"front": `+c.front+`}`), 0o600)); err != nil {
				t.Fatal(err)
			}
			needs, err := a.needs(c.settings, c.without)
			if err != nil {
				t.Fatal(err)
			}
			for _, need := range needs {
				err = cmp.Or(err, need(c.held))
			}
			switch {
			case c.want == nil && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != nil && exitCode(err) != ExitUsage:
				t.Errorf("the exit code is %d: %v", exitCode(err), err)
			case c.want != nil:
				for _, part := range c.want {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%q\nlacks %q", err, part)
					}
				}
			}
		})
	}
}
