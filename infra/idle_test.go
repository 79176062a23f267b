package infra

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/infra/settings"
)

// everywhere are the dials that have an effect in every stack there is, or whose absence is the same as their default.
var everywhere = []string{
	"hostname", "zone", "pattern", "manager", "regions", "check", "memory", "timeout", "concurrency", "warm", "logRetentionDays", "caa", "protect",
	"variables",
}

// TestNoDialIsIdleInSilence: a dial that is set where it has no effect is refused, or spoken of. Each row is such a stack.
func TestNoDialIsIdleInSilence(t *testing.T) {
	const (
		one, two     = "[aws/us-east-1]", "[aws/us-east-1, aws/eu-west-1]"
		google       = "[gcp/us-central1]"
		groups       = "[aws/us-east-1, gcp/us-central1]"
		proxy        = "manager: cloudflare\n  polygate:cloudflare: {proxied: true}\n  polygate:frontSecret: " + `{"secure": "v1:x:y"}`
		route53      = "manager: route53"
		active       = route53 + "\n  polygate:pattern: active-active"
		nested       = route53 + "\n  polygate:pattern: multi-region"
		refused, say = "refused", "spoken of"
	)
	rows := []struct {
		dial, regions, with, value string
		how, want                  string
	}{
		{"steering", two, route53, "weighted", refused, `polygate:steering: is set, and with the pattern "active-passive" one region serves at a time`},
		{"steering", groups, nested, "latency", refused, "polygate:steering: is set, and no provider has two regions that could share traffic"},
		{"weights", two, route53, "{aws/us-east-1: 1}", refused, "polygate:weights: is set, and with the pattern"},
		{"weights", two, active + "\n  polygate:steering: latency", "{aws/us-east-1: 1}", refused, `polygate:weights: is set, and only the steering "weighted" reads it`},
		{"weights", "[aws/us-east-1, aws/eu-west-1, gcp/us-central1]", nested, "{gcp/us-central1: 1}", refused, "polygate:weights.gcp/us-central1: is alone in its group"},
		{"geo", two, active, "{aws/us-east-1: {default: true}}", refused, `polygate:geo: is set, and only the steering "geo" reads it`},
		{"ramp", two, route53, "[50, 100]", refused, "polygate:ramp: is set, and with the pattern"},
		{"ramp", groups, nested, "[50, 100]", refused, "polygate:ramp: is set, and no provider has two regions"},
		{"drained", two, route53, "[aws/us-east-1, aws/us-east-1]", refused, `polygate:drained[1]: "aws/us-east-1" is listed already`},
		{"spare", one, route53, `""`, refused, "polygate:spare: is empty"},
		{"spare", one, route53, "route53", refused, `polygate:spare: is "route53" as polygate:manager is`},
		{"ttl", one, proxy, "60", say, "polygate:ttl: has no effect"},
		{"route53", one, "manager: cloudflare", "{acceleratedRecovery: true}", refused, `polygate:route53: is set, and the manager is "cloudflare"`},
		{"route53", two, route53, "{atLeastOn: 1}", refused, "polygate:route53.atLeastOn: is 1"},
		{"trafficmanager", one, route53, "{zoneGroup: dns}", refused, `polygate:trafficmanager: is set, and the manager is "route53"`},
		{"cloudflare", one, route53, "{proxied: true}", refused, `polygate:cloudflare: is set, and the manager is "route53"`},
		{"cloudflare", one, "manager: cloudflare", "{failoverAcrossPools: true}", refused, "polygate:cloudflare.failoverAcrossPools: is true"},
		{"architecture", google, route53, "arm64", say, "polygate:architecture: has no effect: all regions are of providers that build the source themselves (gcp)"},
		{"zoneRedundant", groups, route53, "true", say, "polygate:zoneRedundant: has no effect: no region is of a provider that has to be asked for it (aws, gcp)"},
		{"certificate", one, route53, "{pfx: a, passwordFile: b}", say, "polygate:certificate: has no effect: no region is of a provider that takes a certificate you bring (aws)"},
		{"secrets", one, route53, "{KEY: {aws: 'arn:aws:ssm:us-east-1:123456789012:parameter/key', gcp: projects/my-project/secrets/key}}", refused, "polygate:secrets.KEY.gcp: no region of the stack is of gcp"},
		{"frontSecret", one, route53, `{"secure": "v1:x:y"}`, refused, "polygate:frontSecret: is set, and no front shows it"},
		{"frontSecretBefore", one, route53, "open", refused, "polygate:frontSecretBefore: is set, and there is no polygate:frontSecret"},
		{"permissionsBoundary", google, route53, "arn:aws:iam::123456789012:policy/polygate-boundary", say, "polygate:permissionsBoundary: has no effect: no region is of a provider whose roles have one (gcp)"},
		{"alarms", one, route53 + "\n  polygate:timeout: 5", "{email: ops@example.com, latencyMs: 5001}", refused, "polygate:alarms.latencyMs: is 5001, and no request takes longer than 5 seconds"},
		{"alarms", one, route53 + "\n  polygate:timeout: 2", "{email: ops@example.com}", refused, "polygate:alarms.latencyMs: is 3000, and no request takes longer than 2 seconds"},
		{"budget", one, route53, "{email: ops@example.com, monthly: 1, billingAccount: 012345-6789AB-CDEF01}", refused, "polygate:budget.billingAccount: is set, and the budgets of aws are in no billing account"},
		{"localClouds", one, route53, "{speed: 10}", refused, "polygate:localClouds: "},
	}
	seen := slices.Clone(everywhere)
	for _, row := range rows {
		seen = append(seen, row.dial)
		t.Run(row.dial+" "+row.how, func(t *testing.T) {
			root := t.TempDir()
			path := settings.Path(root, "dev")
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, path, []byte("config:\n  gcp:project: my-project\n  polygate:hostname: api.example.dev\n  polygate:zone: example.dev\n  polygate:regions: "+
				row.regions+"\n  polygate:"+row.with+"\n  polygate:"+row.dial+": "+row.value+"\n"))
			s, err := Settings(root, "dev")
			var found settings.Problems
			if !errors.As(err, &found) && err != nil {
				t.Fatal(err)
			}
			if row.how == say {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				if found, err = Warnings(root, s); err != nil {
					t.Fatal(err)
				}
			}
			if len(found) != 1 || !strings.Contains(found[0].String(), row.want) || !strings.HasPrefix(found[0].At, path+":") {
				t.Errorf("%s: %v, want one with its place: %q", row.how, found, row.want)
			}
		})
	}
	for _, key := range settings.Keys() {
		if !slices.Contains(seen, key) {
			t.Errorf("%s: no row shows a stack in which it has no effect, and it is not among those that always have one", key)
		}
	}
}

// No dial of the repository's stacks is idle, and what is to be put in place of the examples is named.
func TestStacksHaveNoIdleDials(t *testing.T) {
	for _, environment := range environments {
		s, err := Settings(root, environment)
		if err != nil {
			t.Fatal(err)
		}
		found, err := Warnings(root, s)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range found {
			got = append(got, strings.Join(append([]string{w.Key}, w.Path...), ".")+": "+w.Message)
		}
		want := []string{ // what the files say that one has to change
			"polygate:zone: is the example's: put in a public DNS zone that you have", "gcp:project: is the example's: put in the id of your Google Cloud project",
			"azure-native:subscriptionId: is the example's: put in the id of your Azure subscription",
		}
		if environment == "prod" {
			want = slices.Insert(want, 1, "polygate:certificate.acme.email: is the example's: put in an address of yours", "polygate:alarms.email: is the example's: put in an address of yours",
				"polygate:budget.email: is the example's: put in an address of yours", "polygate:budget.billingAccount: is the example's: put in the billing account that pays for the Google Cloud project")
		}
		if environment == settings.Local {
			want = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", environment, diff)
		}
	}
}
