package topology

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// deployed is what testdata/topology.json says.
func deployed() Topology {
	region := func(name, provider, role, label, target, check, function, digest string) Region {
		host := label + ".api.example.com"
		return Region{Name: name, Provider: provider, Role: role, Hostname: host, Target: target, URL: "https://" + host + "/",
			HealthURL: "https://" + host + "/health", HealthCheck: "abcdef01-0000-0000-0000-00000000000" + check, Function: function, Digest: digest}
	}
	asking := region("aws/us-east-1", "aws", RolePrimary, "aws-us-east-1", "d-1.execute-api.us-east-1.amazonaws.com", "1", "arn:aws:lambda:us-east-1:123456789012:function:polygate-prod-use1", "sha256:60303ae2")
	asking.AsksClients = true
	return Topology{
		Environment: "prod", Hostname: "api.example.com", Zone: "example.com", Manager: "route53", Pattern: "active-passive", TTL: 60,
		Check: Check{Path: "/health", Interval: 10, Threshold: 3, Timeout: 4}, Detect: 45, Bound: 105, Instances: 100, Release: "r0123456789ab", Model: "sha256:9f86d081",
		Stores: []Store{
			{Provider: "aws", Region: "us-east-1", Name: "polygate-prod-state-use1-9f86d081"},
			{Provider: "azure", Region: "eastus", Name: "polygate60303ae2", Container: "state"},
		},
		Regions: []Region{
			asking,
			region("gcp/us-central1", "gcp", RoleStandby, "gcp-us-central1", "192.0.2.10", "2", "projects/p/locations/us-central1/functions/polygate-prod-usc1", "sha256:fd61a03a"),
		},
	}
}

func golden(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "topology.json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The topology lies in the stack's state and is read by later versions of the command: its spelling is a contract.
func TestSpelling(t *testing.T) {
	want := golden(t)
	got, err := json.MarshalIndent(deployed(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Errorf("encoded (+) differs from topology.json (-):\n%s", diff)
	}
	read, err := Decode(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(deployed(), read); diff != "" {
		t.Errorf("decoded (+) differs from what was deployed (-):\n%s", diff)
	}
}

func TestDecodeIsStrict(t *testing.T) {
	whole := string(golden(t))
	replaced := func(old, now string) string {
		if !strings.Contains(whole, old) {
			t.Fatalf("topology.json has no %s to replace", old)
		}
		return strings.Replace(whole, old, now, 1)
	}
	for _, c := range []struct{ name, document, want string }{
		{"unknown field", replaced(`"zone"`, `"colour": "red", "zone"`), `unknown field "colour"`},
		{"unknown field of the check", replaced(`"threshold"`, `"regions": [], "threshold"`), `unknown field "regions"`},
		{"unknown field of a region", replaced(`"role"`, `"colour": 1, "role"`), `unknown field "colour"`},
		{"text for a number", replaced(`"ttl_seconds": 60`, `"ttl_seconds": "60"`), "ttl_seconds"},
		{"a fraction of a second", replaced(`"bound_seconds": 105`, `"bound_seconds": 105.5`), "bound_seconds"},
		{"number for text", replaced(`"route53"`, `53`), "manager"},
		{"text for a region", replaced(`"regions": [`, `"regions": ["aws/us-east-1",`), "regions"},
		{"empty", "", "EOF"},
		{"cut short", whole[:len(whole)/2], "unexpected EOF"},
		{"twice", whole + whole, "more after its end"},
		{"no JSON", "prod", "invalid character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Decode([]byte(c.document))
			if err == nil {
				t.Fatalf("decoded to %+v", got)
			}
			if !strings.Contains(err.Error(), "decode topology") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want the topology and %q in it", err, c.want)
			}
			if diff := cmp.Diff(Topology{}, got); diff != "" {
				t.Errorf("an error came with half a topology:\n%s", diff)
			}
		})
	}
}
