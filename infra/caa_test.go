package infra

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
