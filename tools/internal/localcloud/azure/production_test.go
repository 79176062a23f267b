package azure_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polygate.example/tools/internal/localcloud/azure"
	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

// TestTaken: what is near to what is refused, and taken.
func TestTaken(t *testing.T) {
	for name, provoke := range map[string]func(*kit) error{
		"another region's copy of a storage account":    anotherSKU("Standard_LRS", "Standard_GRS"),
		"another region's copy of a zone-redundant one": anotherSKU("Standard_ZRS", "Standard_GZRS"),
		"two instances in zones":                        inZones(scaled(resource.Props{"alwaysReady": alwaysReady("http", 2)})),
		"one instance outside of zones":                 wrongApp(scaled(resource.Props{"alwaysReady": alwaysReady("http", 1)})),
		"an instance for one function":                  wrongApp(scaled(resource.Props{"alwaysReady": alwaysReady("function:gateway", 1)})),
		"a metric alert":                                wrongMetricAlert(nil, nil),
		"a rule over a component":                       wrongQueryRule(nil, nil),
		"a rule over a workspace": wrongQueryRule(resource.Props{"query": "AppRequests | summarize n = count()"},
			resource.Props{"scopes": []any{groupID + "/providers/Microsoft.OperationalInsights/workspaces/logs"}}),
		"a budget of next month": wrongBudget(resource.Props{"timePeriod": resource.Props{"startDate": month(1)}}),
		"another amount": func(k *kit) error {
			id, _ := k.must(tBudget, budgetInputs(nil))
			_, err := k.update(tBudget, id, budgetInputs(resource.Props{"amount": 200.0}))
			return err
		},
		"no passwords": func(k *kit) error {
			k.app(nil, "")
			return made(k.create(tSCM, in(resource.Props{"name": "gw-app", "allow": false})))
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := provoke(newKit(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestBudgetEnds: a budget without an end ends after ten years. Source: docBudget, BudgetTimePeriod.
func TestBudgetEnds(t *testing.T) {
	k := newKit(t)
	_, out := k.must(tBudget, budgetInputs(nil))
	start, err := time.Parse(time.RFC3339, month(0))
	if got := out.Object("timePeriod").Str("endDate"); err != nil || got != start.AddDate(10, 0, 0).Format(time.RFC3339) {
		t.Errorf("the budget ends %s", got)
	}
}

// TestZoneRedundancyInPlace: a plan is switched over as it is. Source: learn.microsoft.com/azure/reliability/
// reliability-functions, "Update a Flex Consumption plan to be zone-redundant". It then has two instances ready, whatever its
// app asks for.
func TestZoneRedundancyInPlace(t *testing.T) {
	k := newKit(t)
	k.published()
	if f := k.world().Functions[0]; f.Warm != 0 {
		t.Errorf("%d instances are ready", f.Warm)
	}
	diff, err := k.ctl.Diff(tPlan, planInputs(nil), planInputs(resource.Props{"zoneRedundant": true}))
	if err != nil || len(diff.Replaces()) != 0 || len(diff.Changes) == 0 {
		t.Errorf("%+v, %v: want an update", diff, err)
	}
	if _, err := k.update(tPlan, planID, planInputs(resource.Props{"zoneRedundant": true})); err != nil {
		t.Fatal(err)
	}
	if f := k.world().Functions[0]; f.Warm != 2 {
		t.Errorf("%d instances are ready in a zone-redundant plan", f.Warm)
	}
}

// TestScale: what an app says of its scale reaches the runtime.
func TestScale(t *testing.T) {
	for name, c := range map[string]struct {
		scale                  resource.Props
		instances, at, waiting int
	}{
		"defaults":         {resource.Props{}, 100, 16, 0},
		"small":            {resource.Props{"instanceMemoryMB": 512.0}, 100, 4, 0},
		"large":            {resource.Props{"instanceMemoryMB": 4096.0}, 100, 32, 0},
		"as it is told":    {resource.Props{"maximumInstanceCount": 7.0, "triggers": resource.Props{"http": resource.Props{"perInstanceConcurrency": 50.0}}, "alwaysReady": alwaysReady("http", 3)}, 7, 50, 3},
		"for other groups": {resource.Props{"alwaysReady": alwaysReady("durable", 3)}, 100, 16, 0},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t)
			k.storage(goodPackage())
			identity := k.identity(azure.RoleStorageBlobDataReader)
			k.must(tPlan, planInputs(nil))
			k.must(tApp, appInputs(identity, scaled(c.scale)))
			k.must(tDeployment, oneDeploy(nil))
			f := k.world().Functions[0]
			if f.Instances != c.instances || f.Concurrency != c.at || f.Warm != c.waiting {
				t.Errorf("%d instances of %d requests, %d ready", f.Instances, f.Concurrency, f.Warm)
			}
		})
	}
}

const secretURI = "https://our-vault.vault.azure.net/secrets/api-key"

// referring makes an app with the setting KEY, and its package live. Its identity has a role on the secret, or not.
func (k *kit) referring(setting, role string) {
	k.t.Helper()
	k.storage(goodPackage())
	identity := k.identity(azure.RoleStorageBlobDataReader)
	if role != "" {
		k.entitle(role)
		k.settle()
	}
	k.must(tPlan, planInputs(nil))
	k.must(tApp, k.refers(identity, setting))
	k.must(tDeployment, oneDeploy(nil))
}

// refers are the inputs of an app with the setting KEY.
func (k *kit) refers(identity, setting string) resource.Props {
	return appInputs(identity, func(top, _, site resource.Props) {
		top["keyVaultReferenceIdentity"] = identity
		site["appSettings"] = []any{resource.Props{"name": "KEY", "value": setting}}
	})
}

func (k *kit) entitle(role string) {
	k.t.Helper()
	k.must(tRole, roleInputs(k.store.View().List(tIdentity)[0].Computed["principalId"], resource.Props{
		"roleAssignmentName": "0b5ad6ac-3b8a-4a71-9d3a-4f2c7b0d9a12", "scope": secretID,
		"roleDefinitionId": "/subscriptions/" + sub + "/providers/Microsoft.Authorization/roleDefinitions/" + role,
	}))
}

// secret adds a version of the secret.
func (k *kit) secret(value string) {
	k.t.Helper()
	if _, err := k.store.AddSecret("azure", secretID, value); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) key() string { return k.function().Environment["KEY"] }

func (k *kit) function() plane.Function { return k.world().Functions[0] }

func referTo(uri string) string { return "@Microsoft.KeyVault(SecretUri=" + uri + ")" }

// TestReferences: a reference is the secret's value where it can be resolved, and itself where it cannot ("If a reference
// isn't resolved properly, the reference string is used instead"). Source: docReference, docVaultRBAC.
func TestReferences(t *testing.T) {
	const version = "/0000000000000000000000000000000"
	for name, c := range map[string]struct {
		setting, role, want string
	}{
		"newest version":         {referTo(secretURI), azure.RoleKeyVaultSecretsUser, "two"},
		"with a slash":           {referTo(secretURI + "/"), azure.RoleKeyVaultSecretsUser, "two"},
		"one version":            {referTo(secretURI + version + "1"), azure.RoleKeyVaultSecretsUser, "one"},
		"no such version":        {referTo(secretURI + version + "9"), azure.RoleKeyVaultSecretsUser, referTo(secretURI + version + "9")},
		"no role":                {referTo(secretURI), "", referTo(secretURI)},
		"a role of another kind": {referTo(secretURI), azure.RoleContributor, referTo(secretURI)},
		"another secret":         {referTo(secretURI + "-2"), azure.RoleKeyVaultSecretsUser, referTo(secretURI + "-2")},
		"another vault":          {referTo("https://a-vault.vault.azure.net/secrets/api-key"), azure.RoleKeyVaultSecretsUser, referTo("https://a-vault.vault.azure.net/secrets/api-key")},
		"no reference":           {"plain", azure.RoleKeyVaultSecretsUser, "plain"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t)
			k.secret("one")
			k.secret("two")
			k.referring(c.setting, c.role)
			if got := k.key(); got != c.want {
				t.Errorf("the variable holds %q, want %q", got, c.want)
			}
		})
	}
}

// TestWhenReferencesAreLookedUp: when the app's configuration changes, and else once a day; neither a grant nor a newer
// version is a change of it. Source: docReference, rotation.
func TestWhenReferencesAreLookedUp(t *testing.T) {
	k := newKit(t)
	k.restart(clock.New(1000)) // a day is 86 s
	k.secret("one")
	k.referring(referTo(secretURI), "")
	k.entitle(azure.RoleKeyVaultSecretsUser)
	k.settle()
	if got := k.key(); got != referTo(secretURI) {
		t.Errorf("a grant alone gave the app %q", got)
	}
	update := func() {
		t.Helper()
		if _, err := k.update(tApp, appID, k.refers(k.store.View().List(tIdentity)[0].ID, referTo(secretURI))); err != nil {
			t.Fatal(err)
		}
	}
	update()
	if got := k.key(); got != "one" {
		t.Errorf("after a change the variable holds %q", got)
	}
	k.secret("two")
	if got := k.key(); got != "one" {
		t.Errorf("a newer version shows at once: %q", got)
	}
	k.restart(clock.New(fast))
	if !k.clock.Sleep(t.Context(), 40*time.Hour) {
		t.Fatal(t.Context().Err())
	}
	if got := k.key(); got != "two" {
		t.Errorf("after a day the variable holds %q", got)
	}
}

// TestFreshGrant: an app that is made right after its role is given finds no secret yet. Source: azure.GrantDelay.
func TestFreshGrant(t *testing.T) {
	k := newKit(t)
	k.secret("one")
	k.storage(goodPackage())
	identity := k.identity(azure.RoleStorageBlobDataReader)
	k.restart(clock.New(1))
	k.entitle(azure.RoleKeyVaultSecretsUser)
	k.must(tPlan, planInputs(nil))
	k.must(tApp, k.refers(identity, referTo(secretURI)))
	k.must(tDeployment, oneDeploy(nil))
	if got := k.key(); got != referTo(secretURI) {
		t.Errorf("the variable holds %q before the grant acts", got)
	}
}

// TestSecretsStayHidden: no output of the app shows a secret.
func TestSecretsStayHidden(t *testing.T) {
	k := newKit(t)
	k.secret("one")
	k.referring(referTo(secretURI), azure.RoleKeyVaultSecretsUser)
	app := k.store.View().List(tApp)[0]
	for name, v := range app.Outputs() {
		if p, ok := v.(resource.Props); ok && p.Has("secrets") {
			t.Errorf("output %s holds the secrets", name)
		}
	}
	if app.Outputs().Has("secrets") || k.key() != "one" {
		t.Errorf("outputs %v", app.Outputs().Keys())
	}
}

// TestWebTestRuns: a test that is enabled is run as it says, for the alerts on it that are.
func TestWebTestRuns(t *testing.T) {
	k := newKit(t)
	k.watched()
	id, _ := k.must(tWebTest, webTestInputs(nil))
	alert, _ := k.must(tMetricAlert, testAlertInputs(nil, nil))
	k.must(tMetricAlert, testAlertInputs(nil, resource.Props{"ruleName": "off", "enabled": false}))
	want := []plane.WebTest{{
		ID: id, Host: ownName, Port: 443, TLS: true, Path: "/health", Method: "GET", Headers: map[string]string{},
		Places: []string{"us-va-ash-azr", "emea-nl-ams-azr", "apac-sg-sin-azr"}, Interval: 15 * time.Minute, Timeout: 30 * time.Second, Retried: true,
		Status: -1, Validate: true, Lasting: 15 * 24 * time.Hour, Alarms: []plane.TestAlarm{{ID: alert, Failed: 2}},
	}}
	if diff := cmp.Diff(want, k.world().Tests); diff != "" {
		t.Error(diff)
	}
	if _, err := k.update(tWebTest, id, webTestInputs(func(top, _, _ resource.Props) { top["enabled"] = false })); err != nil {
		t.Fatal(err)
	}
	if w := k.world(); len(w.Tests) > 0 {
		t.Errorf("a disabled test runs: %+v", w.Tests)
	}
}
