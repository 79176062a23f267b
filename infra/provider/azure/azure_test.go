package azure_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/infra/internal/record"
	"polygate.example/infra/provider"
	"polygate.example/infra/provider/azure"
	"polygate.example/infra/settings"
)

const subscription = "00000000-0000-0000-0000-00000000000a"

var config = map[string]string{"azure-native:subscriptionId": subscription}

// example lays out the files the README's example names.
func example(t *testing.T) (settings.Settings, string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"gateway.pfx": "a certificate", "gateway.password": "secret\r\nmore"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := record.LoadExample(dir, "README.md", provider.Audit([]provider.Spec{azure.Provider{}.Spec()}))
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func declare(t *testing.T) *record.Recorder {
	t.Helper()
	return declareAs(t, "api.example.com")
}

// declareAs runs the README's example under another hostname.
func declareAs(t *testing.T, hostname string) *record.Recorder {
	t.Helper()
	return declareWith(t, func(s *settings.Settings) { s.Hostname = hostname })
}

func TestResources(t *testing.T) {
	tags := map[string]any{"managed-by": "pulumi", "polygate-environment": "dev", "polygate-region": "eastus"}
	rec := declare(t)
	app, ok := rec.Find("gw-eastus-app")
	if !ok {
		t.Fatal("there is no app")
	}
	name := app.Inputs["name"].(string)
	digits := strings.TrimPrefix(name, "polygate-dev-eastus-")
	for resource, want := range map[string]map[string]any{
		// Source: "Flex Consumption plan deprecations": the runtime is in functionAppConfig only.
		"gw-eastus-app": {
			"resourceGroupName": "polygate-dev-eastus", "name": name, "location": "eastus", "kind": "functionapp,linux",
			"serverFarmId": "gw-eastus-plan-id", "reserved": true, "httpsOnly": true, "tags": tags,
			"keyVaultReferenceIdentity": "gw-eastus-identity-id",
			"identity":                  map[string]any{"type": "UserAssigned", "userAssignedIdentities": []any{"gw-eastus-identity-id"}},
			"functionAppConfig": map[string]any{
				"runtime": map[string]any{"name": "the-runtime", "version": "1.0"},
				"scaleAndConcurrency": map[string]any{
					"instanceMemoryMB": 2048.0, "maximumInstanceCount": 200.0, "triggers": map[string]any{"http": map[string]any{"perInstanceConcurrency": 16.0}},
					"alwaysReady": []any{map[string]any{"name": "http", "instanceCount": 3.0}},
				},
				"deployment": map[string]any{"storage": map[string]any{
					"type": "blobContainer", "value": "https://polygate" + digits + "z.blob.test/packages",
					"authentication": map[string]any{"type": "UserAssignedIdentity", "userAssignedIdentityResourceId": "gw-eastus-identity-id"},
				}},
			},
			"hyperV": false, "isXenon": false, "scmSiteAlsoStopped": false, // the SDK's own defaults
			"siteConfig": map[string]any{
				"http20Enabled": true, "http20ProxyFlag": 0.0, "localMySqlEnabled": false, // the SDK's own defaults, less netFrameworkVersion
				"minTlsVersion": "1.2", "scmMinTlsVersion": "1.2",
				"appSettings": []any{
					setting("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "ClientId=client;Authorization=AAD"),
					setting("APPLICATIONINSIGHTS_CONNECTION_STRING", "InstrumentationKey=gw-eastus-insights"),
					setting("AzureWebJobsDisableHomepage", "true"),
					setting("AzureWebJobsStorage__accountName", "polygate"+digits+"z"),
					setting("AzureWebJobsStorage__clientId", "client"),
					setting("AzureWebJobsStorage__credential", "managedidentity"),
					setting("BACKEND_KEY", "@Microsoft.KeyVault(SecretUri=https://our-vault.vault.azure.net/secrets/backend-key)"),
					setting("POLYGATE_ARTEFACT", "sha256:"+strings.Repeat("ab", 32)),
					setting("POLYGATE_HOSTS", "api.example.com,eastus.azure.api.example.com"),
					setting("POLYGATE_REGION", "azure/eastus"),
					setting("POLYGATE_RELEASE", "r1"),
				},
			},
		},
		"gw-eastus-plan": {
			"resourceGroupName": "polygate-dev-eastus", "name": "polygate-dev-eastus", "location": "eastus", "kind": "functionapp", "reserved": true,
			"sku": map[string]any{"name": "FC1", "tier": "FlexConsumption"}, "zoneRedundant": true, "tags": tags,
			"hyperV": false, "isXenon": false, "perSiteScaling": false, // the SDK's own defaults
		},
		"gw-eastus-scm-passwords": {"resourceGroupName": "polygate-dev-eastus", "name": name, "allow": false},
		"gw-eastus-ftp-passwords": {"resourceGroupName": "polygate-dev-eastus", "name": name, "allow": false},
		"gw-eastus-storage": {
			"resourceGroupName": "polygate-dev-eastus", "accountName": "polygate" + digits + "z", "location": "eastus", "kind": "StorageV2",
			"sku": map[string]any{"name": "Standard_ZRS"}, "allowSharedKeyAccess": true, "allowBlobPublicAccess": false,
			"enableHttpsTrafficOnly": true, "minimumTlsVersion": "TLS1_2", "tags": tags,
		},
		// Source: terraform-provider-azurerm issue #29630: the package is a blob of exactly this name.
		"gw-eastus-package": {
			"resourceGroupName": "polygate-dev-eastus", "accountName": "polygate" + digits + "z", "containerName": "packages",
			"blobName": "released-package.zip", "type": "Block", "contentType": "application/zip", "source": "/dist/dev/it.zip",
		},
		"gw-eastus-certificate": {
			"resourceGroupName": "polygate-dev-eastus", "name": name, "certificateName": "polygate-dev-eastus-9c5984af", "location": "eastus",
			"serverFarmId": "gw-eastus-plan-id", "pfxBlob": base64.StdEncoding.EncodeToString([]byte("a certificate")), "password": "secret", "tags": tags,
		},
		"gw-eastus-shared-binding": {
			"resourceGroupName": "polygate-dev-eastus", "name": name, "siteName": name, "hostName": "api.example.com",
			"hostNameType": "Verified", "customHostNameDnsRecordType": "CName", "sslState": "SniEnabled", "thumbprint": "THUMB",
		},
	} {
		t.Run(resource, func(t *testing.T) {
			r, ok := rec.Find(resource)
			if !ok {
				t.Fatal("not declared")
			}
			if diff := cmp.Diff(want, r.Inputs); diff != "" {
				t.Errorf("inputs (-want +got):\n%s", diff)
			}
		})
	}
}

// settingOf is an app setting's value, nil if there is none of the name.
func settingOf(app record.Resource, name string) any {
	for _, s := range app.Inputs["siteConfig"].(map[string]any)["appSettings"].([]any) {
		if s := s.(map[string]any); s["name"] == name {
			return s["value"]
		}
	}
	return nil
}

func setting(name, value string) map[string]any { return map[string]any{"name": name, "value": value} }

// OneDeploy is the one template resource, and another artefact changes the deployment, whose package has one address
// for ever.
func TestPublish(t *testing.T) {
	r, ok := declare(t).Find("gw-eastus-publish")
	if !ok {
		t.Fatal("not declared")
	}
	template := r.Inputs["properties"].(map[string]any)["template"].(map[string]any)
	resources := template["resources"].([]any)
	one := resources[0].(map[string]any)
	if len(resources) != 1 || one["type"] != "Microsoft.Web/sites/extensions" || !strings.HasSuffix(one["name"].(string), "/onedeploy") {
		t.Errorf("the template holds %v: want one OneDeploy", resources)
	}
	want := map[string]any{"packageUri": "https://blob.test/packages/released-package.zip", "remoteBuild": false}
	if diff := cmp.Diff(want, one["properties"]); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
	if got := r.Inputs["tags"].(map[string]any)["polygate-artefact"]; got != "sha256:"+strings.Repeat("ab", 32) {
		t.Errorf("the deployment is tagged with %v: want the digest", got)
	}
	for _, grant := range []string{"gw-eastus-storage-role", "gw-eastus-telemetry-role"} {
		if !slices.ContainsFunc(r.DependsOn, func(urn string) bool { return strings.HasSuffix(urn, "::"+grant) }) {
			t.Errorf("the publication does not wait for %s", grant)
		}
	}
}

// Another hostname is another binding of the same app, which is told of it: a new app would begin without its package,
// beside the old one for which the plan has the only place.
func TestAnotherHostname(t *testing.T) {
	before, after := declare(t), declareAs(t, "www.example.com")
	for _, name := range []string{"gw-eastus-plan", "gw-eastus-app", "gw-eastus-storage", "gw-eastus-package", "gw-eastus-storage-role"} {
		old, ok := before.Find(name)
		now, _ := after.Find(name)
		if name == "gw-eastus-app" {
			if hosts := settingOf(now, "POLYGATE_HOSTS"); hosts != "www.example.com,eastus.azure.www.example.com" {
				t.Errorf("the app answers for %v", hosts)
			}
			delete(old.Inputs["siteConfig"].(map[string]any), "appSettings")
			delete(now.Inputs["siteConfig"].(map[string]any), "appSettings")
		}
		if diff := cmp.Diff(old.Inputs, now.Inputs); !ok || diff != "" {
			t.Errorf("%s changes (-before +after):\n%s", name, diff)
		}
	}
	if b, ok := after.Find("gw-eastus-shared-binding"); !ok || b.Inputs["hostName"] != "www.example.com" {
		t.Errorf("the app is bound to %v", b.Inputs["hostName"])
	}
}

// A new package has the name of the old one, which must be gone before.
func TestPackageIsDeletedFirst(t *testing.T) {
	blob, ok := declare(t).Find("gw-eastus-package")
	if !ok || !blob.DeleteBeforeReplace {
		t.Error("the old package would be deleted after the new one has taken its name")
	}
}

// Each hook is one for all regions, and stands where a grant is needed.
func TestHooks(t *testing.T) {
	rec := declareWith(t, func(s *settings.Settings) { s.Secrets = nil })
	for _, name := range []string{"gw-eastus-publish", "gw-westeurope-publish"} {
		r, ok := rec.Find(name)
		if !ok {
			t.Fatalf("%s is not declared", name)
		}
		if diff := cmp.Diff([]string{"gw-grants-settle"}, r.BeforeCreate); diff != "" {
			t.Errorf("hooks before %s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff([]string{"gw-publish-again"}, r.OnError); diff != "" {
			t.Errorf("error hooks of %s (-want +got):\n%s", name, diff)
		}
	}
}

// A second run must find the same role assignments, and no two may share a name.
func TestRoleAssignmentNames(t *testing.T) {
	names := func() map[string]string {
		out := map[string]string{}
		for _, r := range declare(t).Of("azure-native:authorization:RoleAssignment") {
			out[r.Name] = r.Inputs["roleAssignmentName"].(string)
		}
		return out
	}
	first := names()
	if diff := cmp.Diff(first, names()); diff != "" {
		t.Errorf("names differ from run to run:\n%s", diff)
	}
	seen := map[string]bool{}
	for _, n := range first {
		if seen[n] {
			t.Errorf("%s is the name of two assignments", n)
		}
		seen[n] = true
	}
	if len(first) != 6 {
		t.Errorf("%d assignments for two regions, want 6", len(first))
	}
}

// The verification id is the subscription's: two regions, one record of the shared name.
func TestOwnership(t *testing.T) {
	rec := declare(t)
	var got []string
	for _, r := range rec.Of("test:index:Record") {
		got = append(got, r.Name+" "+r.Inputs["name"].(string)+" "+r.Inputs["type"].(string)+" "+r.Inputs["value"].(string))
	}
	want := []string{
		"gw-eastus-ownership asuid.eastus.azure.api.example.com TXT verification",
		"gw-ownership asuid.api.example.com TXT verification",
		"gw-westeurope-ownership asuid.westeurope.azure.api.example.com TXT verification",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// App Service takes one change of a site at a time.
func TestChangesOfASiteComeOneAfterTheOther(t *testing.T) {
	rec := declare(t)
	for _, c := range []struct{ name, before string }{
		{"gw-eastus-scm-passwords", "gw-eastus-app"},
		{"gw-eastus-ftp-passwords", "gw-eastus-scm-passwords"},
		{"gw-eastus-publish", "gw-eastus-ftp-passwords"},
		{"gw-eastus-certificate", "gw-eastus-publish"},
		{"gw-eastus-own-binding", "gw-eastus-certificate"},
		{"gw-eastus-shared-binding", "gw-eastus-own-binding"},
	} {
		r, ok := rec.Find(c.name)
		if !ok || !slices.ContainsFunc(r.DependsOn, func(urn string) bool { return strings.HasSuffix(urn, "::"+c.before) }) {
			t.Errorf("%s does not wait for %s", c.name, c.before)
		}
	}
}

func TestCertificateFiles(t *testing.T) {
	for name, missing := range map[string][]string{
		"pfx": {"gateway.pfx"}, "password": {"gateway.password"}, "both": {"gateway.pfx", "gateway.password"},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := example(t)
			for _, file := range missing {
				if err := os.Remove(filepath.Join(dir, file)); err != nil {
					t.Fatal(err)
				}
			}
			rec, err := record.Region(azure.Provider{}, s, dir, config)
			for _, file := range missing {
				if err == nil || !strings.Contains(err.Error(), file) {
					t.Errorf("the error is %v: want one that names %s", err, file)
				}
			}
			for _, r := range rec.All() {
				if r.Custom {
					t.Errorf("%s is declared although the certificate cannot be read", r.Name)
				}
			}
		})
	}
}
