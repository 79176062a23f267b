package gcp_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/infra/internal/record"
	"polygate.example/infra/provider"
	"polygate.example/infra/provider/gcp"
	"polygate.example/infra/settings"
)

// load loads the README's example and changes it.
func load(t *testing.T, change func(*settings.Settings)) settings.Settings {
	t.Helper()
	s, err := record.LoadExample(t.TempDir(), "README.md", provider.Audit([]provider.Spec{gcp.Provider{}.Spec()}))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&s)
	}
	return s
}

// declareWith runs the README's example with a change.
func declareWith(t *testing.T, change func(*settings.Settings)) *record.Recorder {
	t.Helper()
	rec, err := record.Region(gcp.Provider{}, load(t, change), t.TempDir(), config)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

const accountLabels = "managed-by polygate-environment"

func TestOperations(t *testing.T) {
	rec := declare(t)
	labels := map[string]any{"managed-by": "pulumi", "polygate-environment": "dev"}
	regionLabels := map[string]any{"managed-by": "pulumi", "polygate-environment": "dev", "polygate-region": "us-central1"}
	const filter = `(resource.type="cloud_run_revision" AND resource.labels.service_name=~"^polygate-dev-[a-z0-9]+$") OR ` +
		`(resource.type="http_load_balancer" AND resource.labels.forwarding_rule_name=~"^polygate-dev-[a-z0-9]+$")`
	const requests = `resource.type="https_lb_rule" AND metric.type="loadbalancing.googleapis.com/https/request_count" AND resource.labels.forwarding_rule_name="polygate-dev-usc1"`
	by := func(period, aligner, reducer string) []any {
		return []any{map[string]any{"alignmentPeriod": period, "perSeriesAligner": aligner, "crossSeriesReducer": reducer}}
	}
	threshold := func(filter, comparison, duration string, value float64, by []any) map[string]any {
		return map[string]any{"filter": filter, "comparison": comparison, "duration": duration, "thresholdValue": value, "aggregations": by}
	}
	errors := threshold(requests+` AND metric.labels.response_code_class="500"`, "COMPARISON_GT", "0s", 0.02, by("300s", "ALIGN_RATE", "REDUCE_SUM"))
	errors["denominatorFilter"], errors["denominatorAggregations"] = requests, by("300s", "ALIGN_RATE", "REDUCE_SUM")
	for name, want := range map[string]map[string]any{
		"gw-logs": {
			"project": "my-project", "location": "global", "bucketId": "polygate-dev-logs", "description": "Logs of the polygate gateway of dev",
			"retentionDays": 90.0, "deletionPolicy": "ABANDON",
		},
		"gw-logs-sink": {
			"name": "polygate-dev-logs", "description": "Logs of the polygate gateway of dev", "destination": "logging.googleapis.com/gw-logs-id",
			"filter": filter, "uniqueWriterIdentity": false,
		},
		"gw-logs-exclusion": {"name": "polygate-dev-logs", "description": "Logs of the polygate gateway of dev are in a bucket of their own", "filter": filter},
		"gw-alarms-mail": {
			"type": "email", "displayName": "polygate dev, alarms", "labels": map[string]any{"email_address": "ops@example.com"}, "userLabels": labels,
		},
		"gw-budget-mail": {
			"type": "email", "displayName": "polygate dev, budget", "labels": map[string]any{"email_address": "finance@example.com"}, "userLabels": labels,
		},
		"gw-budget": {
			"billingAccount": "012345-6789AB-CDEF01", "displayName": "polygate dev",
			"amount": map[string]any{"specifiedAmount": map[string]any{"currencyCode": "USD", "units": "200"}},
			"budgetFilter": map[string]any{
				"projects": []any{"projects/123456789012"}, "labels": map[string]any{"polygate-environment": "dev"}, "calendarPeriod": "MONTH",
			},
			"thresholdRules": []any{
				map[string]any{"thresholdPercent": 0.8, "spendBasis": "CURRENT_SPEND"}, map[string]any{"thresholdPercent": 1.0, "spendBasis": "FORECASTED_SPEND"},
			},
			"allUpdatesRule": map[string]any{"monitoringNotificationChannels": []any{"projects/test/notificationChannels/gw-budget-mail"}},
		},
		"gw-usc1-uptime": {
			"displayName": "polygate dev in us-central1", "period": "300s", "timeout": "10s", "userLabels": regionLabels,
			"monitoredResource": map[string]any{"type": "uptime_url", "labels": map[string]any{"project_id": "my-project", "host": "usc1.gcp.api.example.com"}},
			"httpCheck": map[string]any{"path": "/health", "port": 443.0, "useSsl": true, "validateSsl": true,
				"acceptedResponseStatusCodes": []any{map[string]any{"statusClass": "STATUS_CLASS_ANY"}}},
		},
		"gw-usc1-alarms": {
			"displayName": "polygate dev in us-central1", "combiner": "OR", "userLabels": regionLabels,
			"notificationChannels": []any{"projects/test/notificationChannels/gw-alarms-mail"},
			"documentation": map[string]any{"mimeType": "text/markdown", "content": "The region gcp/us-central1 of the gateway api.example.com. " +
				"Its own name is usc1.gcp.api.example.com; to take it out of traffic whatever its health, name it in polygate:drained."},
			"conditions": []any{
				map[string]any{"displayName": "More than 2 % server errors", "conditionThreshold": errors},
				map[string]any{"displayName": "The 99th percentile of latency is above 1500 ms", "conditionThreshold": threshold(
					strings.Replace(requests, "request_count", "total_latencies", 1), "COMPARISON_GT", "0s", 1500, by("300s", "ALIGN_DELTA", "REDUCE_PERCENTILE_99"))},
				map[string]any{"displayName": "Nearly all instances are at work", "conditionThreshold": threshold(
					`resource.type="cloud_run_revision" AND metric.type="run.googleapis.com/container/instance_count" AND resource.labels.service_name="polygate-dev-usc1" AND `+
						`resource.labels.location="us-central1" AND metric.labels.state="active"`, "COMPARISON_GT", "300s", 45, by("60s", "ALIGN_MAX", "REDUCE_SUM"))},
				map[string]any{"displayName": "The certificate expires in less than 14 days", "conditionThreshold": threshold(
					`resource.type="uptime_url" AND metric.type="monitoring.googleapis.com/uptime_check/time_until_ssl_cert_expires" AND metric.labels.check_id="gw-usc1-uptime-check"`,
					"COMPARISON_LT", "600s", 14, by("1200s", "ALIGN_NEXT_OLDER", "REDUCE_MIN"))},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, ok := rec.Find(name)
			if !ok {
				t.Fatal("not declared")
			}
			if diff := cmp.Diff(want, r.Inputs); diff != "" {
				t.Errorf("inputs (-want +got):\n%s", diff)
			}
		})
	}
}

// What is not asked for is not there; the logs are always kept for the time that was set.
func TestOperationsAreOptional(t *testing.T) {
	rec := declareWith(t, func(s *settings.Settings) { s.Alarms, s.Budget, s.Secrets = nil, nil, nil })
	for _, r := range rec.All() {
		for _, kind := range []string{"gcp:monitoring/", "gcp:billing/", "gcp:secretmanager/"} {
			if strings.HasPrefix(r.Type, kind) {
				t.Errorf("%s %s is declared", r.Type, r.Name)
			}
		}
	}
	if calls := rec.Calls(); len(calls) != 0 {
		t.Errorf("the program asks for %v", calls)
	}
	if _, ok := rec.Find("gw-logs"); !ok {
		t.Error("there is no log bucket")
	}
}

// An alarm of a region with few instances goes off when all are at work, and not before.
func TestSaturation(t *testing.T) {
	for instances, want := range map[int]float64{1: 0.5, 3: 2.5, 5: 4.5, 100: 90, 1000: 900} {
		rec := declareWith(t, func(s *settings.Settings) { s.Concurrency = instances })
		r, _ := rec.Find("gw-usc1-alarms")
		condition := r.Inputs["conditions"].([]any)[2].(map[string]any)["conditionThreshold"].(map[string]any)
		if got := condition["thresholdValue"]; got != want {
			t.Errorf("of %d instances the alarm is above %v, want %v", instances, got, want)
		}
	}
}

// Secrets are named, never carried; each runtime account may read exactly those it is told of, each once.
func TestSecrets(t *testing.T) {
	rec := declareWith(t, func(s *settings.Settings) {
		s.Secrets["AGAIN"] = map[string]string{"gcp": "projects/my-project/secrets/token/versions/latest"}
		s.Secrets["FOREIGN"] = map[string]string{"gcp": "projects/vault-1/secrets/token"}
	})
	fn, _ := rec.Find("gw-usc1-function")
	variable := func(key, project, secret, version string) map[string]any {
		return map[string]any{"key": key, "projectId": project, "secret": secret, "version": version}
	}
	want := []any{
		variable("AGAIN", "my-project", "token", "latest"), variable("API_KEY", "my-project", "api-key", "3"),
		variable("FOREIGN", "vault-1", "token", "latest"), variable("TOKEN", "my-project", "token", "latest"),
	}
	if diff := cmp.Diff(want, fn.Inputs["serviceConfig"].(map[string]any)["secretEnvironmentVariables"]); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	var got []string
	for _, r := range rec.Of("gcp:secretmanager/secretIamMember:SecretIamMember") {
		got = append(got, strings.Join([]string{r.Inputs["role"].(string), r.Inputs["project"].(string), r.Inputs["secretId"].(string), r.Inputs["member"].(string)}, " "))
		if strings.HasPrefix(r.Name, "gw-usc1-") && !slices.ContainsFunc(fn.DependsOn, func(urn string) bool { return strings.HasSuffix(urn, "::"+r.Name) }) {
			t.Errorf("the function does not wait for %s", r.Name)
		}
	}
	slices.Sort(got)
	var grants []string
	for _, label := range []string{"euw1", "usc1"} {
		for _, secret := range []string{"my-project api-key", "my-project token", "vault-1 token"} {
			grants = append(grants, "roles/secretmanager.secretAccessor "+secret+" serviceAccount:polygate-dev-"+label+"-run@test.iam")
		}
	}
	slices.Sort(grants)
	if diff := cmp.Diff(grants, got); diff != "" {
		t.Errorf("grants (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"gw-secrets-settle", "gw-told-settle"}, fn.BeforeUpdate); diff != "" {
		t.Errorf("hooks before an update (-want +got):\n%s", diff)
	}
}

func TestCheck(t *testing.T) {
	secret := func(variable, reference string) func(*settings.Settings) {
		return func(s *settings.Settings) { s.Secrets = map[string]map[string]string{variable: {"gcp": reference}} }
	}
	const good = "projects/my-project/secrets/api-key"
	for name, c := range map[string]struct {
		change func(*settings.Settings)
		want   string // "": nothing is wrong
	}{
		"the example":                {func(*settings.Settings) {}, ""},
		"a secret by number":         {secret("A", "projects/612345678901/secrets/a_b-C/versions/12"), ""},
		"the latest version":         {secret("A", good+"/versions/latest"), ""},
		"a bare name":                {secret("A", "api-key"), `polygate:secrets.A.gcp: is "api-key": want projects/<project>/secrets/<name>`},
		"no id of a project":         {secret("A", "projects/My_Project/secrets/a"), `polygate:secrets.A.gcp: is "projects/My_Project`},
		"a project's domain":         {secret("A", "projects/example.com:my-project/secrets/a"), ""},
		"version nought":             {secret("A", good+"/versions/0"), "polygate:secrets.A.gcp: is"},
		"another provider's":         {secret("A", "arn:aws:secretsmanager:us-east-1:1:secret:a"), "polygate:secrets.A.gcp: is"},
		"a regional secret":          {secret("A", "projects/p/locations/us-central1/secrets/a"), "polygate:secrets.A.gcp: is"},
		"a variable of Google's":     {secret("K_SERVICE", good), "polygate:secrets.K_SERVICE: is a variable of Cloud Run's own"},
		"no billing account":         {func(s *settings.Settings) { s.Budget.BillingAccount = "" }, "polygate:budget.billingAccount: is missing"},
		"a billing account's name":   {func(s *settings.Settings) { s.Budget.BillingAccount = "billingAccounts/012345-6789AB-CDEF01" }, "polygate:budget.billingAccount: is"},
		"more warm than there are":   {func(s *settings.Settings) { s.Warm, s.Concurrency = 11, 10 }, "polygate:warm: is 11, and gcp may have no more than 10"},
		"all of them warm":           {func(s *settings.Settings) { s.Warm, s.Concurrency = 10, 10 }, ""},
		"concurrency out of bounds":  {func(s *settings.Settings) { s.Concurrency = 0 }, ""}, // reported by the form check
		"ten years of logs":          {func(s *settings.Settings) { s.LogRetentionDays = 3650 }, ""},
		"more years than Google has": {func(s *settings.Settings) { s.LogRetentionDays = 3653 }, "polygate:logRetentionDays: is 3653: gcp has 1 to 3650 days"},
	} {
		t.Run(name, func(t *testing.T) {
			problems := provider.Audit([]provider.Spec{gcp.Provider{}.Spec()})(load(t, c.change), func(key string) (string, bool) { v, ok := config[key]; return v, ok })
			var got string
			for _, p := range problems {
				got += p.String() + "\n"
			}
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("problems are %q, want %q", got, c.want)
			}
		})
	}
}

// unlabelled are the types that take no labels.
var unlabelled = []string{
	"gcp:artifactregistry/repositoryIamMember:RepositoryIamMember", "gcp:billing/budget:Budget", "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
	"gcp:compute/backendService:BackendService", "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup", "gcp:compute/sSLPolicy:SSLPolicy",
	"gcp:compute/targetHttpsProxy:TargetHttpsProxy", "gcp:compute/uRLMap:URLMap", "gcp:logging/projectBucketConfig:ProjectBucketConfig",
	"gcp:logging/projectExclusion:ProjectExclusion", "gcp:logging/projectSink:ProjectSink", "gcp:projects/iAMMember:IAMMember",
	"gcp:secretmanager/secretIamMember:SecretIamMember", "gcp:serviceaccount/account:Account", "gcp:storage/bucketObject:BucketObject",
}

func TestLabels(t *testing.T) {
	for _, r := range declare(t).All() {
		if !r.Custom || !strings.HasPrefix(r.Type, "gcp:") {
			continue
		}
		labels, ok := r.Inputs["userLabels"].(map[string]any)
		if !ok && r.Type != "gcp:monitoring/notificationChannel:NotificationChannel" { // whose labels are its address
			labels, ok = r.Inputs["labels"].(map[string]any)
		}
		if slices.Contains(unlabelled, r.Type) {
			if ok {
				t.Errorf("%s takes labels: it is not to be listed among those that take none", r.Type)
			}
			continue
		}
		want := accountLabels
		if strings.Count(r.Name, "-") > 0 && (strings.HasPrefix(r.Name, "gw-usc1-") || strings.HasPrefix(r.Name, "gw-euw1-")) {
			want += " polygate-region"
		}
		if got := strings.Join(slices.Sorted(maps.Keys(labels)), " "); got != want {
			t.Errorf("%s %s has the labels %q, want %q", r.Type, r.Name, got, want)
		}
	}
}

// What a stack has is not touched by the order of its regions, or by one more, the store aside: names follow from labels alone.
func TestNamesDoNotFollowOrder(t *testing.T) {
	identities := func(change func(*settings.Settings)) map[string]string {
		out := map[string]string{}
		for _, r := range declareWith(t, change).All() {
			physical, _ := r.Inputs["name"].(string)
			out[r.Parent+"::"+r.Type+"::"+r.Name] = physical
		}
		return out
	}
	before := identities(nil)
	for name, change := range map[string]func(*settings.Settings){
		"reversed": func(s *settings.Settings) { slices.Reverse(s.Regions) },
		"one more first": func(s *settings.Settings) {
			s.Regions = slices.Insert(s.Regions, 0, settings.Region{Provider: "gcp", Name: "asia-east1"})
		},
	} {
		after := identities(change)
		for urn, physical := range before {
			if moves := name == "one more first" && strings.HasSuffix(urn, "::gw-state"); moves {
				continue // the store is in the first region by name
			}
			if got, ok := after[urn]; !ok || got != physical {
				t.Errorf("%s: %s, named %q, is %q (there: %t)", name, urn, physical, got, ok)
			}
		}
		if name == "reversed" && len(after) != len(before) {
			t.Errorf("%s: %d resources, want %d", name, len(after), len(before))
		}
	}
}
