package azure_test

import (
	"context"
	"encoding/base64"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/azure"
	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/resource/resourcetest"
)

// zone answers TXT and CNAME questions from a map.
type zone map[string]string

func (z zone) TXT(_ resource.View, name string) []string {
	if v, ok := z["TXT "+name]; ok {
		return []string{v}
	}
	return nil
}
func (z zone) CNAME(_ resource.View, name string) string { return z["CNAME "+name] }
func (zone) CAA(resource.View, string) []string          { return nil }

// kit is a local Azure without an engine.
type kit struct {
	t     *testing.T
	store *resource.Store
	ctl   *resource.Controller
	zone  zone
	ca    *pki.CA
	built []plane.Function
	fail  error // of a publication's trial
	clock *clock.Clock
}

// fast is the speed of the kit's clock, at which a grant acts within a millisecond.
const fast = 100_000

const (
	sub     = azure.Account
	ownName = "eastus.azure.api.polygate.test"
)

func newKit(t *testing.T) *kit {
	t.Helper()
	store, err := resource.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	k := &kit{t: t, store: store, zone: zone{}, clock: clock.New(fast)}
	if k.ca, err = pki.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	k.restart(k.clock)
	return k
}

// restart goes on with the same records and another clock.
func (k *kit) restart(c *clock.Clock) {
	k.t.Helper()
	k.clock = c
	var err error
	if k.ctl, err = resource.NewController(azure.Cloud(), k.store, k.services()); err != nil {
		k.t.Fatal(err)
	}
}

// settle waits until every grant so far acts.
func (k *kit) settle() {
	k.t.Helper()
	if !k.clock.Sleep(k.t.Context(), azure.GrantDelay+time.Second) { // times are whole seconds
		k.t.Fatal(k.t.Context().Err())
	}
}

func (k *kit) services() resource.Services {
	return resource.Services{Addresses: &resourcetest.Addresses{Port: 443}, DNS: k.zone, CA: k.ca, Clock: k.clock, Build: func(_ context.Context, f plane.Function) error {
		k.built = append(k.built, f)
		return k.fail
	}}
}

var config = resource.Props{"subscriptionId": sub}

func (k *kit) cloud() resourcetest.Cloud {
	return resourcetest.Cloud{T: k.t, Controller: k.ctl, Config: config}
}

func (k *kit) create(token string, in resource.Props) (string, resource.Props, error) {
	return k.cloud().Create(token, in)
}

func (k *kit) must(token string, in resource.Props) (string, resource.Props) {
	k.t.Helper()
	return k.cloud().Must(token, in)
}

func (k *kit) update(token, id string, in resource.Props) (resource.Props, error) {
	return k.cloud().Update(token, id, in, nil, in)
}

func (k *kit) delete(token, id string) error { return k.cloud().Delete(token, id, nil) }

func (k *kit) world() plane.World {
	k.t.Helper()
	w, err := azure.Project(resource.NewEnv(k.store, azure.Cloud(), k.services()))
	if err != nil {
		k.t.Fatal(err)
	}
	return w
}

// Tokens, as the SDK registers them.
const (
	tGroup      = "azure-native:resources:ResourceGroup"
	tWorkspace  = "azure-native:operationalinsights:Workspace"
	tComponent  = "azure-native:applicationinsights:Component"
	tIdentity   = "azure-native:managedidentity:UserAssignedIdentity"
	tRole       = "azure-native:authorization:RoleAssignment"
	tAccount    = "azure-native:storage:StorageAccount"
	tContainer  = "azure-native:storage:BlobContainer"
	tBlob       = "azure-native:storage:Blob"
	tPlan       = "azure-native:web:AppServicePlan"
	tApp        = "azure-native:web:WebApp"
	tDeployment = "azure-native:resources:Deployment"
	tCert       = "azure-native:web:SiteCertificate"
	tBinding    = "azure-native:web:WebAppHostNameBinding"

	groupID     = "/subscriptions/" + sub + "/resourceGroups/gw"
	accountID   = groupID + "/providers/Microsoft.Storage/storageAccounts/gwstore"
	containerID = accountID + "/blobServices/default/containers/packages"
	planID      = groupID + "/providers/Microsoft.Web/serverfarms/gw"
	appID       = groupID + "/providers/Microsoft.Web/sites/gw-app"
	packageURL  = "https://gwstore.blob.core.windows.net/packages/" + azure.ReleasedPackage
)

// in is an input in the group gw.
func in(p resource.Props) resource.Props { return resource.Props{"resourceGroupName": "gw"}.With(p) }

func (k *kit) group() {
	k.t.Helper()
	k.must(tGroup, resource.Props{"resourceGroupName": "gw", "location": "eastus"})
}

func accountInputs(more resource.Props) resource.Props {
	return in(resource.Props{
		"accountName": "gwstore", "kind": "StorageV2", "sku": resource.Props{"name": "Standard_LRS"},
		"allowSharedKeyAccess": true, "allowBlobPublicAccess": false, "minimumTlsVersion": "TLS1_2",
	}).With(more)
}

// goodPackage is a package the host takes.
func goodPackage() map[string]string {
	return map[string]string{
		"host.json": `{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"handler"}}}`, "handler": "x",
		"gateway/function.json": `{}`,
	}
}

// pack writes a zip of files.
func (k *kit) pack(files map[string]string) resource.Blob {
	k.t.Helper()
	return k.file(resourcetest.Zip(k.t, files))
}

func (k *kit) file(path string) resource.Blob {
	k.t.Helper()
	return resourcetest.Asset(k.t, path)
}

func blobInputs(source resource.Blob) resource.Props {
	return in(resource.Props{"accountName": "gwstore", "containerName": "packages", "blobName": azure.ReleasedPackage, "type": "Block", "source": source})
}

// storage creates the group, the account, the container and, unless files is nil, the package.
func (k *kit) storage(files map[string]string) {
	k.t.Helper()
	k.group()
	k.must(tAccount, accountInputs(nil))
	k.must(tContainer, in(resource.Props{"accountName": "gwstore", "containerName": "packages"}))
	if files != nil {
		k.must(tBlob, blobInputs(k.pack(files)))
	}
}

func roleInputs(principal any, more resource.Props) resource.Props {
	return resource.Props{
		"roleAssignmentName": "0b5ad6ac-3b8a-4a71-9d3a-4f2c7b0d9a11", "scope": containerID, "principalId": principal, "principalType": "ServicePrincipal",
		"roleDefinitionId": "/subscriptions/" + sub + "/providers/Microsoft.Authorization/roleDefinitions/" + azure.RoleStorageBlobDataReader,
	}.With(more)
}

func planInputs(more resource.Props) resource.Props {
	return in(resource.Props{
		"name": "gw", "kind": "functionapp", "reserved": true, "sku": resource.Props{"name": "FC1", "tier": "FlexConsumption"},
		"hyperV": false, "isXenon": false, "perSiteScaling": false, "zoneRedundant": false, // the SDK's own defaults
	}).With(more)
}

// appInputs are those of a good app; change edits the top, functionAppConfig and siteConfig.
func appInputs(identity string, change func(top, config, site resource.Props)) resource.Props {
	config := resource.Props{
		"runtime":             resource.Props{"name": "custom", "version": "1.0"},
		"scaleAndConcurrency": resource.Props{"instanceMemoryMB": 512.0, "maximumInstanceCount": 100.0},
		"deployment": resource.Props{"storage": resource.Props{
			"type": "blobContainer", "value": "https://gwstore.blob.core.windows.net/packages",
			"authentication": resource.Props{"type": "UserAssignedIdentity", "userAssignedIdentityResourceId": identity},
		}},
	}
	site := resource.Props{
		"appSettings":   []any{resource.Props{"name": "POLYGATE_REGION", "value": "azure/eastus"}},
		"minTlsVersion": "1.2",
		"http20Enabled": true, "http20ProxyFlag": 0.0, "localMySqlEnabled": false, // the SDK's own defaults
	}
	top := in(resource.Props{
		"name": "gw-app", "kind": "functionapp,linux", "serverFarmId": planID, "reserved": true, "httpsOnly": true, "functionAppConfig": config, "siteConfig": site,
		"identity": resource.Props{"type": "UserAssigned", "userAssignedIdentities": []any{identity}},
		"hyperV":   false, "isXenon": false, "scmSiteAlsoStopped": false,
	})
	if change != nil {
		change(top, config, site)
	}
	return top
}

// identity creates the app's identity and grants it a role, "" for none.
func (k *kit) identity(role string) string {
	k.t.Helper()
	id, who := k.must(tIdentity, in(resource.Props{"resourceName": "gw-id"}))
	if role != "" {
		k.must(tRole, roleInputs(who["principalId"], resource.Props{
			"roleDefinitionId": "/subscriptions/" + sub + "/providers/Microsoft.Authorization/roleDefinitions/" + role,
		}))
		k.settle()
	}
	return id
}

// app creates everything up to the app. files is its package, role what its identity may do with it.
func (k *kit) app(files map[string]string, role string) (identity string, out resource.Props) {
	k.t.Helper()
	k.storage(files)
	identity = k.identity(role)
	k.must(tPlan, planInputs(nil))
	_, out = k.must(tApp, appInputs(identity, nil))
	return identity, out
}

// oneDeploy is a deployment that publishes; change edits the template and its resource.
func oneDeploy(change func(template, r resource.Props)) resource.Props {
	r := resource.Props{
		"type": "Microsoft.Web/sites/extensions", "apiVersion": "2024-04-01", "name": "gw-app/onedeploy",
		"properties": resource.Props{"packageUri": packageURL, "remoteBuild": false},
	}
	template := resource.Props{
		"$schema":        "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
		"contentVersion": "1.0.0.0", "resources": []any{r},
	}
	if change != nil {
		change(template, r)
	}
	return in(resource.Props{"deploymentName": "gw-publish", "properties": resource.Props{"mode": "Incremental", "template": template}})
}

// published creates an app whose package is live.
func (k *kit) published() (app resource.Props) {
	k.t.Helper()
	_, app = k.app(goodPackage(), azure.RoleStorageBlobDataReader)
	k.must(tDeployment, oneDeploy(nil))
	return app
}

// pfx issues a certificate for names, as the user would bring it.
func (k *kit) pfx(password string, names ...string) string {
	k.t.Helper()
	b, err := k.ca.IssuePFX(names, password)
	if err != nil {
		k.t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// certificate uploads a certificate for the region's own name and returns its thumbprint.
func (k *kit) certificate(names ...string) string {
	k.t.Helper()
	_, out := k.must(tCert, in(resource.Props{"name": "gw-app", "certificateName": "gw", "pfxBlob": k.pfx("secret", names...), "password": "secret", "serverFarmId": planID}))
	return out.Str("thumbprint")
}

func bindingInputs(more resource.Props) resource.Props {
	return in(resource.Props{"name": "gw-app", "siteName": "gw-app", "hostName": ownName, "hostNameType": "Verified", "customHostNameDnsRecordType": "CName", "sslState": "Disabled"}).With(more)
}

// prove puts the ownership record of a name into the DNS.
func (k *kit) prove(app resource.Props, name string) {
	k.zone["TXT asuid."+name] = app.Str("customDomainVerificationId")
}

// bound creates an app whose package is live and that answers for its region's own name.
func (k *kit) bound() {
	k.t.Helper()
	app := k.published()
	k.prove(app, ownName)
	k.must(tBinding, bindingInputs(resource.Props{"sslState": "SniEnabled", "thumbprint": k.certificate(ownName)}))
}
