package infra

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"polygate.example/infra/catalog"
	"polygate.example/infra/internal/record"
	"polygate.example/infra/permission"
	"polygate.example/infra/settings"
	"polygate.example/shared/artefact"
)

// everyDial turns on all there is, for a manager and, unless it is "", another as the spare.
func everyDial(manager, spare string, regions ...string) map[string]string {
	config := operated(dials(regions...))
	var providers []string
	for _, r := range regions {
		p, _, _ := strings.Cut(r, "/")
		providers = append(providers, p)
	}
	secrets := map[string]map[string]string{"ONE": {}, "TWO": {}}
	for variable, all := range map[string]map[string]string{
		"ONE": {"aws": "arn:aws:secretsmanager:{region}:123456789012:secret:one-a1B2c3", "gcp": "projects/my-project/secrets/one",
			"azure": "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v-one/secrets/one"},
		"TWO": {"aws": "arn:aws:ssm:{region}:123456789012:parameter/polygate/two", "gcp": "projects/my-project/secrets/two",
			"azure": "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v-one/secrets/two"},
	} {
		for _, p := range providers {
			secrets[variable][p] = all[p]
		}
	}
	text, _ := json.Marshal(secrets)
	maps.Copy(config, map[string]string{"polygate:manager": manager, "polygate:secrets": string(text), "polygate:caa": "true",
		"polygate:certificate": `{"pfx":"cert.pfx","passwordFile":"cert.password","authority":"letsencrypt.org"}`})
	if slices.Contains(providers, "azure") {
		config["polygate:zoneRedundant"] = "true"
	}
	if spare != "" {
		config["polygate:spare"] = spare
	}
	if manager == "route53" || spare == "route53" {
		config["polygate:route53"] = `{"routingControls":true}`
	}
	if manager == "trafficmanager" || spare == "trafficmanager" {
		config["polygate:trafficmanager"] = `{"zoneGroup":"dns"}`
	}
	return config
}

// proxied has Cloudflare stand in front.
func proxied(config map[string]string) map[string]string {
	config["polygate:cloudflare"] = `{"proxied":true}`
	config["polygate:frontSecret"] = strings.Repeat("s", 64)
	return config
}

// everyStack is a stack of each kind there is, by name: every manager and every pattern and steering it can do.
func everyStack(t *testing.T) map[string]map[string]string {
	t.Helper()
	stacks := map[string]map[string]string{}
	for _, m := range catalog.Managers() {
		spec := m.Spec()
		for _, pattern := range spec.Patterns {
			for _, steering := range append([]settings.Steering{""}, spec.Steerings...) {
				config := everyDial(spec.Name, "", six...)
				config["polygate:pattern"] = string(pattern)
				if pattern.Active() != (steering != "") {
					continue
				}
				if steering != "" {
					config["polygate:steering"] = string(steering)
				}
				if steering == settings.Geo {
					config["polygate:geo"] = `{"aws/us-east-1":{"default":true},"aws/eu-west-1":{"continents":["EU"]},"gcp/us-central1":{"default":true},` +
						`"gcp/europe-west1":{"continents":["EU"]},"azure/eastus":{"default":true},"azure/westeurope":{"continents":["EU"]}}`
					if pattern == settings.ActiveActive {
						config["polygate:geo"] = `{"aws/us-east-1":{"default":true},"aws/eu-west-1":{"continents":["EU"]},"gcp/us-central1":{"continents":["NA"]},` +
							`"gcp/europe-west1":{"continents":["AF"]},"azure/eastus":{"continents":["SA"]},"azure/westeurope":{"continents":["AS"]}}`
					}
				}
				name := fmt.Sprintf("%s %s %s", spec.Name, pattern, steering)
				get := func(key string) (string, bool) { v, ok := config[key]; return v, ok }
				if _, err := settings.FromConfig("staging", get, catalog.Rules()...); err != nil {
					if steering == settings.Weighted || steering == "" { // of the others some managers cannot do all
						t.Errorf("%s: %v", name, err)
					}
					continue
				}
				stacks[name] = config
			}
		}
		if spec.Name == "cloudflare" {
			stacks["cloudflare, proxied"] = proxied(everyDial("cloudflare", "", six...))
		}
	}
	return stacks
}

// Who deploys has to be allowed every type that any stack declares, and FIRST-DEPLOY.md asks for no more than that.
func TestEveryTypeHasAPermission(t *testing.T) {
	declared := map[string]bool{}
	for name, config := range everyStack(t) {
		rec, _ := upFor(t, "staging", config, artefact.Front{Country: true, Certificates: &artefact.Certificates{Anchors: []string{"a root"}}})
		for _, r := range rec.All() {
			if !r.Custom || declared[r.Type] {
				continue
			}
			declared[r.Type] = true
			n, ok := permission.Of(r.Type)
			if !ok {
				t.Errorf("%s (%s in the stack %q) is in no table of infra/permission: say what its deployer has to be allowed", r.Type, r.Name, name)
				continue
			}
			if len(n.Actions)+len(n.Roles)+len(n.Groups) == 0 {
				t.Errorf("%s needs nothing: that cannot be", r.Type)
			}
		}
	}
	for _, cloud := range []string{permission.AWS, permission.Google, permission.Azure, permission.Cloudflare} {
		for _, token := range permission.Types(cloud) {
			if !declared[token] {
				t.Errorf("%s is declared by no stack: take it out of infra/permission", token)
			}
		}
	}
}

// What AWS's part names itself is named as the deployer's policy has it: another name would be refused on a real account.
func TestDeployerMayTouchWhatIsNamed(t *testing.T) {
	rec, _ := up(t, "staging", everyDial("route53", "", six...))
	kind := regexp.MustCompile(`^arn:aws:[a-z]+:\*?:\*?:(?:function:|role/|alarm:|log-group:|budget/)?`)
	seen := map[string]bool{}
	for _, r := range rec.All() {
		name, named := r.Inputs["name"].(string)
		n, ok := permission.Of(r.Type)
		if !ok || !named || !strings.Contains(strings.Join(n.Resources, " "), "polygate-") {
			continue
		}
		seen[r.Type] = true
		if strings.Contains(r.Type, "rolePolicy") || strings.Contains(r.Type, "alias") {
			continue // named within the role and the function
		}
		if !slices.ContainsFunc(n.Resources, func(on string) bool {
			form := strings.TrimSuffix(kind.ReplaceAllString(on, ""), "*")
			return strings.HasPrefix(name, form)
		}) {
			t.Errorf("%s %s is named %q, and its deployer is allowed %v", r.Type, r.Name, name, n.Resources)
		}
	}
	for _, want := range []string{"aws:lambda/function:Function", "aws:iam/role:Role", "aws:cloudwatch/logGroup:LogGroup", "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:sns/topic:Topic", "aws:budgets/budget:Budget"} {
		if !seen[want] {
			t.Errorf("no %s was looked at", want)
		}
	}
}

// A bill counts what is declared, no more and no less.
func TestCostsCountWhatIsDeclared(t *testing.T) {
	of := func(token string, when func(in map[string]any) bool) func(*record.Recorder) float64 {
		return func(rec *record.Recorder) float64 {
			n := 0.0
			for _, r := range rec.Of(token) {
				if when == nil || when(r.Inputs) {
					n++
				}
			}
			return n
		}
	}
	derived := func(in map[string]any) bool { return in["type"] == "CALCULATED" || in["type"] == "RECOVERY_CONTROL" }
	counts := map[string]func(*record.Recorder) float64{
		"route53.check.derived":   of("aws:route53/healthCheck:HealthCheck", derived),
		"route53.check.":          of("aws:route53/healthCheck:HealthCheck", nil),
		"route53.arc.cluster":     of("aws:route53recoverycontrol/cluster:Cluster", nil),
		"aws.alarm":               metrics,
		"gcp.alarm":               conditions,
		"azure.alarm":             series,
		"trafficmanager.endpoint": endpoints,
		"cloudflare.endpoint":     func(rec *record.Recorder) float64 { return max(0, origins(rec)-2) },
		"azure.query":             of("azure-native:monitor:ScheduledQueryRule", nil),
		"azure.webtest":           executions,
		"aws.budget":              of("aws:budgets/budget:Budget", nil),
		"gcp.budget":              of("gcp:billing/budget:Budget", nil),
		"azure.budget":            of("azure-native:consumption:Budget", nil),
	}
	stacks := everyStack(t)
	for name, config := range maps.Clone(stacks) {
		if config["polygate:manager"] == "route53" && config["polygate:steering"] == "weighted" {
			ramp := maps.Clone(config)
			ramp["polygate:ramp"] = "[5, 25, 50, 100]"
			stacks[name+", in steps"] = ramp
		}
	}
	for name, config := range stacks {
		t.Run(name, func(t *testing.T) {
			rec, _ := up(t, "staging", config)
			get := func(key string) (string, bool) { v, ok := config[key]; return v, ok }
			s, err := settings.FromConfig("staging", get, catalog.Rules()...)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Forecast(root, s)
			if err != nil {
				t.Fatal(err)
			}
			for item, count := range counts {
				got := 0.0
				for _, c := range f.Costs {
					if strings.HasPrefix(c.Item, item) {
						got += c.Quantity
					}
				}
				if want := count(rec); got != want {
					t.Errorf("%s: %g are paid for, and %g declared", item, got, want)
				}
			}
		})
	}
}

// Azure's budget is over every resource group that a stack has there, whoever declares it.
func TestBudgetHoldsEveryGroup(t *testing.T) {
	for name, config := range map[string]map[string]string{
		"Route 53":                 everyDial("route53", "", six...),
		"Traffic Manager":          everyDial("trafficmanager", "", six...),
		"Traffic Manager in spare": everyDial("cloudflare", "trafficmanager", six...),
	} {
		t.Run(name, func(t *testing.T) {
			rec, _ := up(t, "staging", config)
			var declared []string
			for _, r := range rec.Of("azure-native:resources:ResourceGroup") {
				declared = append(declared, fmt.Sprint(r.Inputs["resourceGroupName"]))
			}
			var held []string
			for _, b := range rec.Of("azure-native:consumption:Budget") {
				filter, _ := b.Inputs["filter"].(map[string]any)
				dimensions, _ := filter["dimensions"].(map[string]any)
				values, _ := dimensions["values"].([]any)
				for _, v := range values {
					held = append(held, fmt.Sprint(v))
				}
			}
			slices.Sort(declared)
			slices.Sort(held)
			if len(declared) == 0 || !slices.Equal(declared, held) {
				t.Errorf("the budget holds %v, and there are %v", held, declared)
			}
		})
	}
}

// metrics counts those that AWS's alarms watch: each is paid for.
func metrics(rec *record.Recorder) float64 {
	n := 0.0
	for _, r := range rec.Of("aws:cloudwatch/metricAlarm:MetricAlarm") {
		queries, _ := r.Inputs["metricQueries"].([]any)
		if len(queries) == 0 {
			n++
		}
		for _, q := range queries {
			if _, metric := q.(map[string]any)["metric"]; metric {
				n++
			}
		}
	}
	return n
}

// conditions counts those of Google's alert policies: each is paid for.
func conditions(rec *record.Recorder) float64 {
	n := 0.0
	for _, r := range rec.Of("gcp:monitoring/alertPolicy:AlertPolicy") {
		all, _ := r.Inputs["conditions"].([]any)
		n += float64(len(all))
	}
	return n
}

// executions counts how often Azure's web tests run in a month of 730 hours, at all of their places together.
func executions(rec *record.Recorder) float64 {
	n := 0.0
	for _, r := range rec.Of("azure-native:applicationinsights:WebTest") {
		places, _ := r.Inputs["locations"].([]any)
		every, _ := r.Inputs["frequency"].(float64)
		n += float64(len(places)) * 730 * 3600 / every
	}
	return n
}

// series counts what Azure's metric alerts watch: each criterion of one is a time series, and so is a web test.
func series(rec *record.Recorder) float64 {
	n := 0.0
	for _, r := range rec.Of("azure-native:monitor:MetricAlert") {
		criteria, _ := r.Inputs["criteria"].(map[string]any)
		all, _ := criteria["allOf"].([]any)
		n += float64(len(all))
		if criteria["webTestId"] != nil {
			n++
		}
	}
	return n
}

// endpoints counts those of Traffic Manager's profiles that are probed: each is paid for, in each profile it is in.
func endpoints(rec *record.Recorder) float64 {
	n := 0.0
	for _, r := range rec.Of("azure-native:trafficmanager:Profile") {
		all, _ := r.Inputs["endpoints"].([]any)
		for _, e := range all {
			if kind, _ := e.(map[string]any)["type"].(string); strings.HasSuffix(strings.ToLower(kind), "externalendpoints") {
				n++
			}
		}
	}
	return n
}

// origins counts the endpoints of Cloudflare's pools, each once however many pools it is in.
func origins(rec *record.Recorder) float64 {
	found := map[any]bool{}
	for _, r := range rec.Of("cloudflare:index/loadBalancerPool:LoadBalancerPool") {
		all, _ := r.Inputs["origins"].([]any)
		for _, o := range all {
			found[o.(map[string]any)["address"]] = true
		}
	}
	return float64(len(found))
}
