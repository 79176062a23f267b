package infra

import (
	"slices"
	"strings"
	"testing"

	"polygate.example/shared/artefact"
)

// TestAsksClients: the topology says which regions answer nobody by the shared name who shows no certificate, and their trust stores are nobody
// else's.
func TestAsksClients(t *testing.T) {
	front := artefact.Front{Certificates: &artefact.Certificates{Anchors: []string{"a root"}, Required: true}}
	some := artefact.Front{Certificates: &artefact.Certificates{Anchors: []string{"a root"}}}
	for name, c := range map[string]struct {
		front artefact.Front
		want  string
	}{
		"every route": {front, "aws/us-east-1 aws/eu-west-1"}, "some routes": {some, ""}, "no route": {artefact.Front{}, ""},
	} {
		rec, got := upFor(t, "staging", dials("aws/us-east-1", "aws/eu-west-1"), c.front)
		var asking, stores []string
		for _, r := range got["regions"].([]any) {
			if region := r.(map[string]any); region["asks_clients"] == true {
				asking = append(asking, region["name"].(string))
			}
		}
		if strings.Join(asking, " ") != c.want {
			t.Errorf("%s: %v ask, want %s", name, asking, c.want)
		}
		for _, r := range rec.Of("aws:s3/bucketObjectv2:BucketObjectv2") {
			if strings.HasSuffix(r.Name, "-trust-clients") {
				stores = append(stores, r.Inputs["bucket"].(string))
			}
		}
		if len(stores) != len(asking) || len(stores) == 2 && stores[0] == stores[1] {
			t.Errorf("%s: the trust stores are in %v, for %v", name, stores, asking)
		}
		if problems, documents := overreach(rec.All()); len(problems) > 0 || documents == 0 {
			t.Errorf("%s: of %d policies: %v", name, documents, problems)
		}
	}
}

// TestRegionsWaitForTheFront: no function believes a country before Cloudflare writes it over what clients send.
func TestRegionsWaitForTheFront(t *testing.T) {
	config := proxied(dials("aws/us-east-1", "gcp/europe-west1", "azure/westeurope"))
	config["polygate:manager"] = "cloudflare"
	for _, of := range []bool{true, false} {
		rec, _ := upFor(t, "staging", config, artefact.Front{Country: of})
		for _, token := range []string{"aws:lambda/function:Function", "gcp:cloudfunctionsv2/function:Function", "azure-native:web:WebApp"} {
			all := rec.Of(token)
			if len(all) != 1 {
				t.Fatalf("%d of %s", len(all), token)
			}
			if waits := slices.ContainsFunc(all[0].DependsOn, func(urn string) bool { return strings.HasSuffix(urn, "::gateway-geolocation") }); waits != of {
				t.Errorf("the document goes by countries: %t, and %s waits for the front to tell them: %t", of, all[0].Name, waits)
			}
		}
	}
}
