package infra

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/infra/settings"
)

const (
	amazon  = `0 issue "amazon.com" 0 issue "amazonaws.com" 0 issue "amazontrust.com" 0 issue "awstrust.com"`
	encrypt = `0 issue "letsencrypt.org"`
	google  = `0 issue "pki.goog"`
)

// The record admits those who issue for the stack, and nobody else.
func TestCAA(t *testing.T) {
	for name, c := range map[string]struct {
		regions     []string
		certificate string
		alarms      string
		want        []string
	}{
		"aws":             {[]string{"aws/us-east-1", "aws/eu-west-1"}, "", "", []string{amazon}},
		"gcp":             {[]string{"gcp/us-central1"}, "", "", []string{encrypt, google}},
		"azure":           {[]string{"azure/eastus"}, `{"pfx":"cert.pfx","passwordFile":"cert.password","acme":{}}`, "", []string{encrypt}},
		"azure by GTS":    {[]string{"azure/eastus"}, `{"pfx":"cert.pfx","passwordFile":"cert.password","acme":{"directory":"https://dv.acme-v02.api.pki.goog/directory"}}`, "", []string{google}},
		"azure by others": {[]string{"azure/eastus"}, `{"pfx":"cert.pfx","passwordFile":"cert.password","authority":"digicert.com"}`, "", []string{`0 issue "digicert.com"`}},
		"all": {[]string{"aws/us-east-1", "gcp/us-central1", "azure/eastus"}, `{"pfx":"cert.pfx","passwordFile":"cert.password","acme":{}}`,
			`{"email":"ops@example.com"}`, []string{amazon, encrypt, google, `0 iodef "mailto:ops@example.com"`}},
	} {
		t.Run(name, func(t *testing.T) {
			config := dials(c.regions...)
			config["polygate:caa"] = "true"
			delete(config, "polygate:certificate")
			if c.certificate != "" {
				config["polygate:certificate"] = c.certificate
			}
			if c.alarms != "" {
				config["polygate:alarms"] = c.alarms
			}
			rec, _ := up(t, "staging", config)
			r, ok := rec.Find("gateway-caa")
			if !ok || r.Type != "aws:route53/record:Record" || r.Inputs["name"] != "example.com" || r.Inputs["type"] != "CAA" {
				t.Fatalf("record %+v: want a CAA record at the zone's top", r)
			}
			var got []string
			for _, v := range r.Inputs["records"].([]any) {
				got = append(got, v.(string))
			}
			if diff := cmp.Diff(strings.Join(c.want, " "), strings.Join(got, " ")); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			// An authority looks when it is asked for a certificate, which the proofs and names come before.
			for _, other := range rec.Of("aws:route53/record:Record") {
				kind := other.Inputs["type"]
				if other.Name == "gateway-caa" || other.Inputs["setIdentifier"] != nil || kind == "CAA" {
					continue
				}
				if !strings.Contains(strings.Join(other.DependsOn, " "), "::gateway-caa") {
					t.Errorf("%s does not wait for the CAA record: %v", other.Name, other.DependsOn)
				}
			}
		})
	}
	rec, _ := up(t, "staging", dials(six...))
	if _, ok := rec.Find("gateway-caa"); ok {
		t.Error("a CAA record without polygate:caa")
	}
}

// Who sets polygate:caa is told what becomes of the zone's other names, and of a set that is there.
func TestCAAIsSpokenOf(t *testing.T) {
	const (
		widely = `polygate:caa: lets nobody but the authorities in use issue, for all of example.dev: every other name there without a CAA of its own`
		parent = "pulumi import --stack dev --protect=false --generate-code=false --parent gateway=urn:pulumi:dev::polygate::polygate:index:Gateway::gateway "
		route  = "fails `up` half-way where route53 has a CAA set at the top of example.dev already (dig CAA example.dev): remove it first, in the console or by " +
			"aws route53 change-resource-record-sets, or leave this out until after the first `up` and import it: " + parent + "aws:route53/record:Record gateway-caa <zone id>_example.dev_CAA"
		azure = "az network dns record-set caa delete --resource-group dns --zone-name example.dev --name @, or leave this out until after the first `up` and import it: " + parent +
			"azure-native:dns:RecordSet gateway-caa /subscriptions/<subscription>/resourceGroups/dns/providers/Microsoft.Network/dnsZones/example.dev/CAA/@"
		flare = "where cloudflare has a CAA set at the top of example.dev already (dig CAA example.dev): remove its records first"
	)
	for name, c := range map[string]struct {
		dials string
		want  []string // parts of the warnings
	}{
		"without it":           {"manager: route53", nil},
		"off":                  {"manager: route53\n  polygate:caa: false", nil},
		"Route 53":             {"manager: route53\n  polygate:caa: true", []string{widely, route}},
		"Traffic Manager":      {"manager: trafficmanager\n  polygate:trafficmanager: {zoneGroup: dns}\n  azure-native:subscriptionId: 11111111-2222-4333-8444-555555555555\n  polygate:caa: true", []string{widely, azure}},
		"Route 53 and a spare": {"manager: route53\n  polygate:spare: cloudflare\n  polygate:caa: true", []string{widely, route, flare}},
		"Cloudflare":           {"manager: cloudflare\n  polygate:caa: true", []string{widely, flare}},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			path := settings.Path(root, "dev")
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, path, []byte("config:\n  polygate:hostname: api.example.dev\n  polygate:zone: example.dev\n  polygate:regions: [aws/us-east-1]\n  polygate:"+c.dials+"\n"))
			s, err := Settings(root, "dev")
			if err != nil {
				t.Fatal(err)
			}
			found, err := Warnings(root, s)
			if err != nil {
				t.Fatal(err)
			}
			if len(found) != len(c.want) {
				t.Fatalf("%d warnings, want %d: %v", len(found), len(c.want), found)
			}
			for i, want := range c.want {
				if !strings.Contains(found[i].String(), want) || !strings.HasPrefix(found[i].At, path+":") {
					t.Errorf("%s\nwant %s", found[i], want)
				}
			}
		})
	}
	if found := excludes(settings.Settings{Environment: settings.Local, Zone: "polygate.test", Manager: "route53", CAA: true}, nil); len(found) != 0 {
		t.Errorf("in the local environment: %v", found)
	}
}

// What is imported is called as the program calls it: by another name, or below another resource, it would be made once more.
func TestImportedCAAIsTheStacks(t *testing.T) {
	for _, manager := range []string{"route53", "trafficmanager"} {
		rec, _ := up(t, "staging", everyDial(manager, "", six...))
		r, ok := rec.Find("gateway-caa")
		how, _ := replaceCAA(manager, settings.Settings{Environment: "staging"})
		if !ok || !strings.Contains(how, " "+r.Type+" "+r.Name+" ") || !strings.Contains(how, "--parent gateway="+r.Parent+" ") {
			t.Errorf("%s: declared is %s %s below %s, and imported %s", manager, r.Type, r.Name, r.Parent, how)
		}
	}
}
