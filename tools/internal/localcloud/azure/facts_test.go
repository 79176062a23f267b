package azure_test

import (
	"cmp"
	"errors"
	"strings"
	"testing"

	"polygate.example/tools/internal/localcloud/azure"
	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/resource/resourcetest"
)

// fact is one rule of Azure's, where it is written down, and something that breaks it.
type fact struct {
	name    string
	source  string
	provoke func(k *kit) error
	code    string // of the refusal; "" where it comes before a request is made
	text    string // part of the message
}

// made runs a create and keeps its error only.
func made(_ string, _ resource.Props, err error) error { return err }

// wrongApp makes what an app needs and then creates one that is wrong.
func wrongApp(change func(top, config, site resource.Props)) func(*kit) error {
	return func(k *kit) error {
		k.storage(nil)
		identity := k.identity("")
		k.must(tPlan, planInputs(nil))
		return made(k.create(tApp, appInputs(identity, change)))
	}
}

// wrongPublication makes an app with a package and then a deployment that is wrong.
func wrongPublication(change func(template, r resource.Props)) func(*kit) error {
	return func(k *kit) error {
		k.app(goodPackage(), azure.RoleStorageBlobDataReader)
		return made(k.create(tDeployment, oneDeploy(change)))
	}
}

func wrongBinding(more resource.Props) func(*kit) error {
	return func(k *kit) error {
		app := k.published()
		k.prove(app, ownName)
		return made(k.create(tBinding, bindingInputs(more)))
	}
}

const (
	docNames     = "learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules"
	docFlex      = "learn.microsoft.com/azure/azure-functions/flex-consumption-plan"
	docSetting   = "learn.microsoft.com/azure/azure-functions/functions-app-settings, Flex Consumption plan deprecations; Azure/azure-cli issue #31414"
	docRBAC      = "learn.microsoft.com/azure/role-based-access-control/troubleshooting"
	docDeploy    = "learn.microsoft.com/azure/azure-functions/functions-deployment-technologies; terraform-provider-azurerm issue #29630"
	docOneApp    = "Azure App Service Team Blog, Custom hostnames with App Service (2017): only one app on a scale unit"
	docDomain    = "learn.microsoft.com/azure/app-service/app-service-web-tutorial-custom-domain"
	docTLS       = "learn.microsoft.com/azure/app-service/configure-ssl-certificate"
	docSharedKey = "pulumi/pulumi-azure-native issue #2015 and PR #3719"
	docStorage   = "learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-storage-account-name"
)

var groupFacts = []fact{
	{"a group name does not end with a period", docNames, func(k *kit) error {
		return made(k.create(tGroup, resource.Props{"resourceGroupName": "gw.", "location": "eastus"}))
	}, "", "ends with a period"},
	{"a group is in a location there is", "az account list-locations", func(k *kit) error {
		return made(k.create(tGroup, resource.Props{"resourceGroupName": "gw", "location": "atlantis"}))
	}, "", "LocationNotAvailableForResourceType"},
	{"group names are case-insensitive", docNames, func(k *kit) error {
		k.group()
		return made(k.create(tGroup, resource.Props{"resourceGroupName": "GW", "location": "eastus"}))
	}, azure.CodeExists, "cannot create already existing resource"},
	{"everything is in a group that exists", "Resource Manager API, ResourceGroupNotFound", func(k *kit) error {
		return made(k.create(tIdentity, in(resource.Props{"resourceName": "gw-id"})))
	}, azure.CodeGroupNotFound, "Resource group 'gw' could not be found."},
	{"a workspace keeps logs for at least 30 days", "learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure", func(k *kit) error {
		k.group()
		return made(k.create(tWorkspace, in(resource.Props{"workspaceName": "logs", "sku": resource.Props{"name": "PerGB2018"}, "retentionInDays": 7.0})))
	}, "InvalidParameter", "doesn't match the SKU limits"},
	{"a component has a workspace", "learn.microsoft.com/azure/azure-monitor/app/create-workspace-resource", func(k *kit) error {
		k.group()
		return made(k.create(tComponent, in(resource.Props{"resourceName": "gw", "kind": "web", "workspaceResourceId": groupID + "/providers/Microsoft.OperationalInsights/workspaces/none"})))
	}, azure.CodeNotFound, "'Microsoft.OperationalInsights/workspaces/none' under resource group 'gw' was not found"},
}

var storageFacts = []fact{
	{"an account name has no dashes", docStorage, func(k *kit) error {
		k.group()
		return made(k.create(tAccount, accountInputs(resource.Props{"accountName": "gw-store"})))
	}, "", "gw-store is not a valid storage account name."},
	{"an account name has at most 24 characters", docStorage, func(k *kit) error {
		k.group()
		return made(k.create(tAccount, accountInputs(resource.Props{"accountName": "gwstoregwstoregwstoregwst"})))
	}, "", "between 3 and 24 characters"},
	{"an account name is taken once in the world", docStorage, func(k *kit) error {
		k.storage(nil)
		k.must(tGroup, resource.Props{"resourceGroupName": "other", "location": "westeurope"})
		return made(k.create(tAccount, accountInputs(resource.Props{"resourceGroupName": "other"})))
	}, azure.CodeAccountTaken, "The storage account named gwstore is already taken."},
	{"an account without public blobs has no public container", "learn.microsoft.com/azure/storage/blobs/anonymous-read-access-prevent", func(k *kit) error {
		k.storage(nil)
		return made(k.create(tContainer, in(resource.Props{"accountName": "gwstore", "containerName": "open", "publicAccess": "Blob"})))
	}, "PublicAccessNotPermitted", "Public access is not permitted"},
	{"a container name has no capitals", docNames, func(k *kit) error {
		k.storage(nil)
		return made(k.create(tContainer, in(resource.Props{"accountName": "gwstore", "containerName": "Packages"})))
	}, "", "containerName"},
	{"a container is in an account that exists", "Resource Manager API, ResourceNotFound", func(k *kit) error {
		k.group()
		return made(k.create(tContainer, in(resource.Props{"accountName": "gwstore", "containerName": "packages"})))
	}, azure.CodeNotFound, "storageAccounts/gwstore"},
	{"a blob is in a container that exists", "Blob service, ContainerNotFound", func(k *kit) error {
		k.group()
		k.must(tAccount, accountInputs(nil))
		return made(k.create(tBlob, blobInputs(k.pack(goodPackage()))))
	}, azure.CodeContainer, "The specified container does not exist."},
	{"the provider uploads a blob with the account's key", docSharedKey, func(k *kit) error {
		k.group()
		k.must(tAccount, accountInputs(resource.Props{"allowSharedKeyAccess": false}))
		k.must(tContainer, in(resource.Props{"accountName": "gwstore", "containerName": "packages"}))
		return made(k.create(tBlob, blobInputs(k.pack(goodPackage()))))
	}, azure.CodeKeyDenied, "Status=403"},
	{"the provider deletes a blob with the account's key", docSharedKey + "; issue #1364", func(k *kit) error {
		k.storage(goodPackage())
		if _, err := k.update(tAccount, accountID, accountInputs(resource.Props{"allowSharedKeyAccess": false})); err != nil {
			return err
		}
		return k.delete(tBlob, k.store.View().List(tBlob)[0].ID)
	}, azure.CodeKeyDenied, "Key based authentication is not permitted on this storage account."},
}

// role makes an identity and assigns it a role that is wrong.
func wrongRole(more resource.Props) func(*kit) error {
	return func(k *kit) error {
		k.storage(nil)
		_, who := k.must(tIdentity, in(resource.Props{"resourceName": "gw-id"}))
		return made(k.create(tRole, roleInputs(who["principalId"], more)))
	}
}

var roleFacts = []fact{
	{"an assignment's name is a GUID", docRBAC, wrongRole(resource.Props{"roleAssignmentName": "reader"}), "", "must be a GUID"},
	{"a role definition exists", docRBAC, wrongRole(resource.Props{
		"roleDefinitionId": "/subscriptions/" + sub + "/providers/Microsoft.Authorization/roleDefinitions/00000000-0000-0000-0000-000000000001",
	}), azure.CodeRoleUnknown, "'00000000-0000-0000-0000-000000000001' does not exist."},
	{"a principal exists", docRBAC + "; HubAndSpokeResearchEnclave issue #50", wrongRole(resource.Props{"principalId": "00000000-0000-0000-0000-000000000002"}), azure.CodeNoPrincipal, "does not exist in the directory"},
	{"a managed identity is a service principal", docRBAC, wrongRole(resource.Props{"principalType": "User"}), "UnmatchedPrincipalType", "different from specified PrincipalType 'User'"},
	{"a scope exists", docRBAC, wrongRole(resource.Props{"scope": accountID + "/blobServices/default/containers/none"}), azure.CodeNotFound, "none' under resource group 'gw' was not found"},
	{"equal assignments exist once", docRBAC + "; Azure/azure-cli issue #9868", func(k *kit) error {
		k.storage(nil)
		k.identity(azure.RoleStorageBlobDataReader)
		who := k.store.View().List(tIdentity)[0].Computed["principalId"]
		return made(k.create(tRole, roleInputs(who, resource.Props{"roleAssignmentName": "0b5ad6ac-3b8a-4a71-9d3a-4f2c7b0d9a12"})))
	}, azure.CodeRoleExists, "The role assignment already exists."},
}

var appFacts = []fact{
	{"a Flex plan runs Linux", docFlex, func(k *kit) error {
		k.group()
		return made(k.create(tPlan, planInputs(resource.Props{"reserved": false})))
	}, azure.CodeBadRequest, "reserved must be true"},
	{"other plans are not there", "the local Azure's own limit", func(k *kit) error {
		k.group()
		return made(k.create(tPlan, planInputs(resource.Props{"sku": resource.Props{"name": "Y1", "tier": "Dynamic"}})))
	}, azure.CodeBadRequest, "The SKU 'Y1' (tier 'Dynamic') is not available"},
	{"an app has a plan that exists", "Resource Manager API, ResourceNotFound", wrongApp(func(top, _, _ resource.Props) { top["serverFarmId"] = planID + "2" }), azure.CodeNotFound, "serverfarms/gw2"},
	{"functionAppConfig is required", docFlex, wrongApp(func(top, _, _ resource.Props) { delete(top, "functionAppConfig") }), azure.CodeBadRequest, "Site.FunctionAppConfig is invalid."},
	{"FUNCTIONS_WORKER_RUNTIME is refused", docSetting + "; vscode-azurefunctions issue #4142", wrongApp(func(_, _, site resource.Props) {
		site["appSettings"] = []any{resource.Props{"name": "FUNCTIONS_WORKER_RUNTIME", "value": "custom"}}
	}), azure.CodeBadRequest, "The following app setting (Site.SiteConfig.AppSettings.FUNCTIONS_WORKER_RUNTIME) for Flex Consumption sites is invalid.  Please remove or rename it before retrying."},
	{"WEBSITE_RUN_FROM_PACKAGE is refused", docSetting, wrongApp(func(_, _, site resource.Props) {
		site["appSettings"] = []any{resource.Props{"name": "WEBSITE_RUN_FROM_PACKAGE", "value": "1"}}
	}), azure.CodeBadRequest, "WEBSITE_RUN_FROM_PACKAGE"},
	{"several refused settings are listed", docSetting, wrongApp(func(_, _, site resource.Props) {
		site["appSettings"] = []any{resource.Props{"name": "WEBSITE_CONTENTSHARE", "value": "x"}, resource.Props{"name": "ENABLE_ORYX_BUILD", "value": "true"}}
	}), azure.CodeBadRequest, "The following list of 2 app settings ("},
	{"linuxFxVersion is refused", docSetting, wrongApp(func(_, _, site resource.Props) { site["linuxFxVersion"] = "" }), azure.CodeBadRequest, "Site.SiteConfig.LinuxFxVersion"},
	{"functionAppScaleLimit is refused", "azure-pipelines-tasks issue #22254", wrongApp(func(_, _, site resource.Props) { site["functionAppScaleLimit"] = 1.0 }), azure.CodeBadRequest, "Site.SiteConfig.FunctionAppScaleLimit"},
	{"the SDK's netFrameworkVersion is refused", "pulumi-azure-native issue #4168", wrongApp(func(_, _, site resource.Props) { site["netFrameworkVersion"] = "v4.6" }), azure.CodeBadRequest, "Site.SiteConfig.NetFrameworkVersion"},
	{"memory is one of three sizes", docFlex, wrongApp(func(_, config, _ resource.Props) {
		config["scaleAndConcurrency"] = resource.Props{"instanceMemoryMB": 1024.0}
	}), azure.CodeBadRequest, "Only the following values are allowed: 512, 2048, 4096."},
	{"there are at most 1000 instances", docFlex, wrongApp(func(_, config, _ resource.Props) {
		config["scaleAndConcurrency"] = resource.Props{"maximumInstanceCount": 1001.0}
	}), azure.CodeBadRequest, "is outside 1 to 1000"},
	{"there is at least one instance", "terraform-provider-azurerm PR #31392", wrongApp(func(_, config, _ resource.Props) {
		config["scaleAndConcurrency"] = resource.Props{"maximumInstanceCount": 0.0}
	}), azure.CodeBadRequest, "is outside 1 to 1000"},
	{"the runtime is a custom handler", "the local Azure's own limit; the version: Azure/Azure-Functions issue #2666", wrongApp(func(_, config, _ resource.Props) {
		config["runtime"] = resource.Props{"name": "custom", "version": "1"}
	}), azure.CodeBadRequest, "name 'custom', version '1'"},
	{"the deployment storage is a container", docFlex, wrongApp(func(_, config, _ resource.Props) {
		config.Object("deployment").Object("storage")["value"] = "https://gwstore.blob.core.windows.net/"
	}), azure.CodeBadRequest, "is no container URL"},
	{"the deployment identity is the app's", docFlex, wrongApp(func(top, _, _ resource.Props) { top["identity"] = resource.Props{"type": "None"} }), azure.CodeBadRequest, "is not assigned to the app"},
	{"an assigned identity exists", "Resource Manager API, FailedIdentityOperation", wrongApp(func(top, _, _ resource.Props) {
		top["identity"] = resource.Props{"type": "UserAssigned", "userAssignedIdentities": []any{groupID + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ghost"}}
	}), azure.CodeIdentityFailed, "ghost"},
	{"an app name is taken once in the world", docNames, func(k *kit) error {
		identity, _ := k.app(nil, "")
		k.must(tGroup, resource.Props{"resourceGroupName": "other", "location": "westeurope"})
		return made(k.create(tApp, appInputs(identity, func(top, _, _ resource.Props) { top["resourceGroupName"], top["name"] = "other", "GW-app" })))
	}, azure.CodeConflict, "Website with given name GW-app already exists."},
	{"a Flex plan has one app", docFlex, func(k *kit) error {
		identity, _ := k.app(nil, "")
		return made(k.create(tApp, appInputs(identity, func(top, _, _ resource.Props) { top["name"] = "second" })))
	}, azure.CodeBadRequest, "hosts one app: 'gw-app' is in 'gw' already"},
	{"a plan with an app stays", "App Service API, 409", func(k *kit) error {
		k.app(nil, "")
		return k.delete(tPlan, planID)
	}, azure.CodeConflict, "Server farm 'gw' cannot be deleted because it has web app(s) gw-app assigned to it."},
}

var publicationFacts = []fact{
	{"the template has one resource", "the local Azure's own limit", wrongPublication(func(template, _ resource.Props) { template["resources"] = []any{} }), azure.CodeTemplate, "exactly one resource"},
	{"the template's resource is OneDeploy", "the local Azure's own limit", wrongPublication(func(_, r resource.Props) { r["type"] = "Microsoft.Web/sites" }), azure.CodeTemplate, "type 'Microsoft.Web/sites' is not supported"},
	{"OneDeploy is named after its app", docDeploy, wrongPublication(func(_, r resource.Props) { r["name"] = "gw-app/zipdeploy" }), azure.CodeTemplate, "must be named <app>/onedeploy"},
	{"an unknown property is named", "the local Azure's own limit", wrongPublication(func(_, r resource.Props) { r.Object("properties")["clean"] = true }), azure.CodeTemplate, "The property 'clean'"},
	{"parameters are not evaluated", "the local Azure's own limit", wrongPublication(func(template, _ resource.Props) {
		template["parameters"] = resource.Props{"x": resource.Props{"type": "string"}}
	}), azure.CodeTemplate, "does not evaluate template parameters"},
	{"a custom handler is not built remotely", docDeploy, wrongPublication(func(_, r resource.Props) { r.Object("properties")["remoteBuild"] = true }), azure.CodeTemplate, "remote build"},
	{"the app exists", docDeploy, wrongPublication(func(_, r resource.Props) { r["name"] = "ghost/onedeploy" }), azure.CodeNotFound, "Microsoft.Web/sites/ghost"},
	{"the package has its one name", docDeploy, wrongPublication(func(_, r resource.Props) {
		r.Object("properties")["packageUri"] = "https://gwstore.blob.core.windows.net/packages/app.zip"
	}), azure.CodeBadRequest, "is not the blob released-package.zip"},
	{"the package exists", docDeploy, func(k *kit) error {
		k.app(nil, azure.RoleStorageBlobDataReader)
		return made(k.create(tDeployment, oneDeploy(nil)))
	}, azure.CodeBlobNotFound, "The specified blob does not exist."},
	{"the app may read the package", docDeploy, func(k *kit) error {
		k.app(goodPackage(), "")
		return made(k.create(tDeployment, oneDeploy(nil)))
	}, azure.CodeStorageDenied, "This request is not authorized to perform this operation using this permission."},
	{"a fresh grant does not act yet", docRBAC + "; terraform-provider-azurerm issue #29630", func(k *kit) error {
		k.restart(clock.New(1)) // a test is over before the delay is
		k.storage(goodPackage())
		identity, who := k.must(tIdentity, in(resource.Props{"resourceName": "gw-id"}))
		k.must(tRole, roleInputs(who["principalId"], nil))
		k.must(tPlan, planInputs(nil))
		k.must(tApp, appInputs(identity, nil))
		return made(k.create(tDeployment, oneDeploy(nil)))
	}, azure.CodeStorageDenied, "InaccessibleStorageException"},
	{"Contributor is no data role", "learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory", func(k *kit) error {
		k.app(goodPackage(), azure.RoleContributor)
		return made(k.create(tDeployment, oneDeploy(nil)))
	}, azure.CodeStorageDenied, "Status=403"},
	{"the package has a host.json", "learn.microsoft.com/azure/azure-functions/deployment-zip-push", func(k *kit) error {
		k.app(map[string]string{"app/host.json": "{}"}, azure.RoleStorageBlobDataReader)
		return made(k.create(tDeployment, oneDeploy(nil)))
	}, azure.CodeBadRequest, "has no host.json at its root"},
	{"host.json has version 2.0", "learn.microsoft.com/azure/azure-functions/functions-host-json", func(k *kit) error {
		k.app(map[string]string{"host.json": `{"version":"1.0"}`}, azure.RoleStorageBlobDataReader)
		return made(k.create(tDeployment, oneDeploy(nil)))
	}, azure.CodeBadRequest, "host.json has version '1.0'"},
	{"host.json names the custom handler", "learn.microsoft.com/azure/azure-functions/functions-custom-handlers", func(k *kit) error {
		k.app(map[string]string{"host.json": `{"version":"2.0"}`}, azure.RoleStorageBlobDataReader)
		return made(k.create(tDeployment, oneDeploy(nil)))
	}, azure.CodeBadRequest, "has no customHandler"},
	{"the host starts on the package", "Azure/Azure-Functions issue #2666", func(k *kit) error {
		k.app(goodPackage(), azure.RoleStorageBlobDataReader)
		k.fail = errors.New("no function.json")
		return made(k.create(tDeployment, oneDeploy(nil)))
	}, azure.CodeBadRequest, "from host runtime: no function.json"},
}

var domainFacts = []fact{
	{"a PFX wants its password", docTLS + "; Azure/azure-cli issue #14729", func(k *kit) error {
		k.app(nil, "")
		return made(k.create(tCert, in(resource.Props{"name": "gw-app", "certificateName": "gw", "pfxBlob": k.pfx("secret", ownName), "password": "wrong"})))
	}, azure.CodeBadRequest, "The password specified for the certificate is incorrect."},
	{"a PFX is PKCS #12", docTLS, func(k *kit) error {
		k.app(nil, "")
		return made(k.create(tCert, in(resource.Props{"name": "gw-app", "certificateName": "gw", "pfxBlob": "bm90IGEgcGZ4"})))
	}, azure.CodeBadRequest, "The PFX cannot be read"},
	{"a certificate belongs to an app", "Microsoft.Web/sites/certificates template reference", func(k *kit) error {
		k.group()
		return made(k.create(tCert, in(resource.Props{"name": "gw-app", "certificateName": "gw", "pfxBlob": k.pfx("", ownName)})))
	}, azure.CodeNotFound, "Microsoft.Web/sites/gw-app"},
	{"ownership of a name is proved", docDomain + "; Lets-Encrypt-Auto issue #25", func(k *kit) error {
		k.published()
		return made(k.create(tBinding, bindingInputs(nil)))
	}, azure.CodeBadRequest, "A TXT record pointing from asuid." + ownName + " to " + azure.VerificationID(sub) + " was not found."},
	{"another subscription's proof does not count", docDomain, func(k *kit) error {
		k.published()
		k.zone["TXT asuid."+ownName] = azure.VerificationID("00000000-0000-0000-0000-000000000003")
		return made(k.create(tBinding, bindingInputs(nil)))
	}, azure.CodeBadRequest, "was not found."},
	{"SNI wants a thumbprint", docTLS, wrongBinding(resource.Props{"sslState": "SniEnabled"}), azure.CodeBadRequest, "Thumbprint is required"},
	{"the thumbprint is of the app's certificate", docTLS, wrongBinding(resource.Props{"sslState": "SniEnabled", "thumbprint": "0123456789ABCDEF0123456789ABCDEF01234567"}), "NotFound", "was not found in app 'gw-app'"},
	{"the certificate covers the name", docTLS, func(k *kit) error {
		app := k.published()
		k.prove(app, ownName)
		return made(k.create(tBinding, bindingInputs(resource.Props{"sslState": "SniEnabled", "thumbprint": k.certificate("other.polygate.test")})))
	}, azure.CodeBadRequest, "does not match the host name"},
	{"IP-based TLS is not on Flex", docFlex, wrongBinding(resource.Props{"sslState": "IpBasedEnabled"}), "", "sslState"},
	{"a name is bound to one app of a deployment unit", docOneApp, func(k *kit) error {
		k.bound()
		k.must(tPlan, planInputs(resource.Props{"name": "second"}))
		identity := k.store.View().List(tIdentity)[0].ID
		k.must(tApp, appInputs(identity, func(top, _, _ resource.Props) {
			top["name"], top["serverFarmId"] = "second", strings.TrimSuffix(planID, "gw")+"second"
		}))
		return made(k.create(tBinding, bindingInputs(resource.Props{"name": "second", "siteName": "second"})))
	}, azure.CodeConflict, "Hostname '" + ownName + "' already exists."},
	{"a certificate in use stays", docTLS, func(k *kit) error {
		k.bound()
		return k.delete(tCert, appID+"/certificates/gw")
	}, azure.CodeConflict, "is used by host name '" + ownName + "'"},
}

// TestFacts breaks one documented rule after the other and wants Azure's own kind of refusal, by its code.
func TestFacts(t *testing.T) {
	for topic, facts := range map[string][]fact{
		"group": groupFacts, "storage": storageFacts, "role": roleFacts, "app": appFacts, "publication": publicationFacts, "domain": domainFacts, "profile": profileFacts, "dns": dnsFacts,
		"scale": scaleFacts, "secret": secretFacts, "alert": alertFacts, "web test": webTestFacts, "budget": budgetFacts,
	} {
		for _, f := range facts {
			t.Run(topic+"/"+f.name, func(t *testing.T) {
				resourcetest.Refused(t, f.provoke(newKit(t)), cmp.Or(f.code, "Check"), f.text, f.source)
			})
		}
	}
}

// TestWords keeps the whole form of an error.
func TestWords(t *testing.T) {
	_, _, err := newKit(t).create(tIdentity, in(resource.Props{"resourceName": "gw-id"}))
	want := `Status=404 Code="ResourceGroupNotFound" Message="Resource group 'gw' could not be found."`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
