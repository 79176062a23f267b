package azure_test

import (
	"crypto/sha1" //nolint:gosec // a thumbprint is a SHA-1
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/goldentest"
	"polygate.example/tools/internal/localcloud/azure"
	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

// golden compares what is the same in every run with testdata/<name>; of certificates that is whom they are for.
func golden(t *testing.T, name string, w plane.World) {
	t.Helper()
	for i := range w.Functions {
		w.Functions[i].Package, w.Functions[i].Digest, w.Functions[i].Architecture = "", "", ""
	}
	type host struct {
		Name, CertificateFor string
	}
	hosts := map[string][]host{}
	for i, s := range w.Sites {
		for _, h := range s.Hosts {
			hosts[s.ID] = append(hosts[s.ID], host{h.Name, certificateFor(t, h.Cert)})
		}
		w.Sites[i].Hosts = nil
	}
	got, err := json.MarshalIndent(map[string]any{"world": w, "hosts": hosts}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	goldentest.Compare(t, filepath.Join("testdata", name), append(got, '\n'))
}

func leaf(t *testing.T, chain []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(chain)
	if block == nil {
		t.Fatal("the chain is not PEM")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func certificateFor(t *testing.T, chain []byte) string {
	if len(chain) == 0 {
		return ""
	}
	return strings.Join(leaf(t, chain).DNSNames, ",")
}

// TestProject keeps the projection of an app without a package, with one, and with its own name bound.
func TestProject(t *testing.T) {
	k := newKit(t)
	_, app := k.app(goodPackage(), azure.RoleStorageBlobDataReader)
	t.Run("without a package", func(t *testing.T) { golden(t, "empty.json", k.world()) })
	k.must(tDeployment, oneDeploy(nil))
	t.Run("published", func(t *testing.T) { golden(t, "published.json", k.world()) })
	k.prove(app, ownName)
	k.must(tBinding, bindingInputs(resource.Props{"sslState": "SniEnabled", "thumbprint": k.certificate(ownName)}))
	t.Run("bound", func(t *testing.T) { golden(t, "bound.json", k.world()) })
}

// TestProjectProtocols: what the site's configuration says of TLS and HTTP/2 reaches the front.
func TestProjectProtocols(t *testing.T) {
	k := newKit(t)
	k.app(goodPackage(), azure.RoleStorageBlobDataReader)
	if s := k.world().Sites[0]; !s.HTTP2 || s.TLS13 {
		t.Errorf("HTTP/2 %t, TLS 1.3 %t: want the SDK's default, and 1.2 as it was asked for", s.HTTP2, s.TLS13)
	}
	rec := k.store.View().List(tApp)[0]
	site := rec.Inputs.Object("siteConfig").With(resource.Props{"http20Enabled": false, "minTlsVersion": "1.3"})
	if _, err := k.ctl.Update(t.Context(), tApp, rec.ID, rec.Outputs(), rec.Inputs.With(resource.Props{"siteConfig": site}), nil, false); err != nil {
		t.Fatal(err)
	}
	if s := k.world().Sites[0]; s.HTTP2 || !s.TLS13 {
		t.Errorf("HTTP/2 %t, TLS 1.3 %t after they were turned", s.HTTP2, s.TLS13)
	}
}

// TestPublication keeps that a package is live from its publication on and not from its upload on.
// Source: learn.microsoft.com/azure/azure-functions/functions-deployment-technologies (one deploy).
func TestPublication(t *testing.T) {
	k := newKit(t)
	k.published()
	before := k.world().Functions[0]
	other := goodPackage()
	other["handler"] = "y"
	if err := k.delete(tBlob, containerID+"/blobs/"+azure.ReleasedPackage); err != nil {
		t.Fatal(err)
	}
	k.must(tBlob, blobInputs(k.pack(other)))
	between := k.world().Functions[0]
	if between.Digest != before.Digest {
		t.Errorf("the uploaded package is live before it was published")
	}
	if _, err := os.Stat(between.Package); err != nil {
		t.Errorf("the published package is gone: %v", err)
	}
	again := oneDeploy(nil).With(resource.Props{"tags": resource.Props{"digest": "2"}})
	if _, err := k.update(tDeployment, groupID+"/providers/Microsoft.Resources/deployments/gw-publish", again); err != nil {
		t.Fatal(err)
	}
	if after := k.world().Functions[0]; after.Digest == before.Digest {
		t.Error("the package is not live after it was published")
	}
	if len(k.built) != 2 {
		t.Errorf("packages were tried %d times, want once for each publication", len(k.built))
	}
}

// TestBlobReplaced keeps which changes make another blob of it, and that the old one goes first then: both have one name.
// Source: pulumi-azure-native, provider/pkg/resources/customresources/custom_storage_azidentity.go (WillReplaceOnChanges).
func TestBlobReplaced(t *testing.T) {
	k := newKit(t)
	old := blobInputs(k.pack(goodPackage()))
	for property, c := range map[string]struct {
		value   any
		replace bool
	}{
		"source":        {k.pack(map[string]string{"host.json": "{}"}), true},
		"containerName": {"other", true},
		"accountName":   {"other", true},
		"blobName":      {"other.zip", true},
		"contentType":   {"application/zip", false},
		"metadata":      {resource.Props{"release": "2"}, false},
	} {
		t.Run(property, func(t *testing.T) {
			d, err := k.ctl.Diff(tBlob, old, old.With(resource.Props{property: c.value}))
			if err != nil {
				t.Fatal(err)
			}
			if len(d.Changes) != 1 || d.Changes[0].Replace != c.replace {
				t.Errorf("changes are %+v, want one of %s with replace %v", d.Changes, property, c.replace)
			}
			if property == "source" && !d.DeleteBeforeReplace {
				t.Error("the old blob would be deleted after the new one has taken its name")
			}
		})
	}
}

// TestGrantActs keeps that a refused publication goes through once the grant acts, by the same call again.
// Source: "Troubleshoot Azure RBAC", role assignment changes are not being detected.
func TestGrantActs(t *testing.T) {
	k := newKit(t)
	k.restart(clock.New(1)) // everything below is quicker than the delay
	k.storage(goodPackage())
	identity, who := k.must(tIdentity, in(resource.Props{"resourceName": "gw-id"}))
	k.must(tRole, roleInputs(who["principalId"], nil))
	k.must(tPlan, planInputs(nil))
	k.must(tApp, appInputs(identity, nil))
	if _, _, err := k.create(tDeployment, oneDeploy(nil)); resource.Code(err) != azure.CodeStorageDenied {
		t.Fatalf("a fresh grant acts at once: %v", err)
	}
	k.restart(clock.New(fast)) // from here on the delay is nothing
	k.settle()
	if _, _, err := k.create(tDeployment, oneDeploy(nil)); err != nil {
		t.Errorf("the same publication later: %v", err)
	}
}

// TestGrantFromBeforeRestart keeps that a grant acts although the clock was ahead when it was made.
func TestGrantFromBeforeRestart(t *testing.T) {
	k := newKit(t)
	k.clock.Sleep(t.Context(), 24*time.Hour)
	k.app(goodPackage(), azure.RoleStorageBlobDataReader)
	k.restart(clock.New(1))
	if _, _, err := k.create(tDeployment, oneDeploy(nil)); err != nil {
		t.Errorf("a grant made before a restart does not act: %v", err)
	}
}

// TestPublicationSurvives keeps that an app keeps its package when only its settings change.
func TestPublicationSurvives(t *testing.T) {
	k := newKit(t)
	k.published()
	identity := k.store.View().List(tIdentity)[0].ID
	changed := appInputs(identity, func(_, _, site resource.Props) {
		site["appSettings"] = []any{resource.Props{"name": "POLYGATE_RELEASE", "value": "r2"}}
	})
	if _, err := k.update(tApp, appID, changed); err != nil {
		t.Fatal(err)
	}
	w := k.world()
	if len(w.Functions) != 1 {
		t.Fatalf("%d functions after a change of settings", len(w.Functions))
	}
	if diff := cmp.Diff(map[string]string{"POLYGATE_RELEASE": "r2"}, w.Functions[0].Environment); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

// TestCertificate keeps what App Service tells of an uploaded certificate.
// Source: provider schema, web.SiteCertificate; a thumbprint is the SHA-1 of the certificate in upper-case hex.
func TestCertificate(t *testing.T) {
	k := newKit(t)
	k.bound()
	rec := k.store.View().List(tCert)[0]
	c := leaf(t, k.world().Sites[0].Hosts[1].Cert)
	sum := sha1.Sum(c.Raw) //nolint:gosec // see the import
	if got, want := rec.Computed.Str("thumbprint"), strings.ToUpper(hex.EncodeToString(sum[:])); got != want {
		t.Errorf("thumbprint %s, want %s", got, want)
	}
	if got := rec.Computed.Str("subjectName"); got != ownName {
		t.Errorf("subject %q", got)
	}
	if diff := cmp.Diff([]any{ownName}, rec.Computed["hostNames"]); diff != "" {
		t.Errorf("host names (-want +got):\n%s", diff)
	}
	for _, secret := range []string{"cert", "key"} {
		if _, ok := rec.Outputs()[secret]; ok {
			t.Errorf("%s is an output", secret)
		}
	}
}

// TestOwnership keeps the two ways to prove that a name is ours.
func TestOwnership(t *testing.T) {
	for name, record := range map[string][2]string{
		"TXT record":                  {"TXT asuid." + ownName, azure.VerificationID(azure.Account)},
		"TXT record in lower case":    {"TXT asuid." + ownName, strings.ToLower(azure.VerificationID(azure.Account))},
		"CNAME that leads to the app": {"CNAME " + ownName, "gw-app.azurewebsites.net"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t)
			k.published()
			k.zone[record[0]] = record[1]
			k.must(tBinding, bindingInputs(nil))
		})
	}
}

// TestOutputs keeps the outputs a program reads, and the ids.
func TestOutputs(t *testing.T) {
	k := newKit(t)
	_, app := k.app(goodPackage(), "")
	account, _, _ := k.ctl.Read(tAccount, accountID, nil)
	blob, _, _ := k.ctl.Read(tBlob, containerID+"/blobs/"+azure.ReleasedPackage, nil)
	plan, _, _ := k.ctl.Read(tPlan, planID, nil)
	for what, c := range map[string]struct{ got, want string }{
		"default host name":  {app.Str("defaultHostName"), "gw-app.azurewebsites.net"},
		"verification id":    {app.Str("customDomainVerificationId"), azure.VerificationID(azure.Account)},
		"location of group":  {app.Str("location"), "eastus"},
		"blob endpoint":      {account.Computed.Object("primaryEndpoints").Str("blob"), "https://gwstore.blob.core.windows.net/"},
		"blob url":           {blob.Computed.Str("url"), packageURL},
		"type":               {app.Str("type"), "Microsoft.Web/sites"},
		"kind of plan":       {plan.Computed.Object("sku").Str("tier"), "FlexConsumption"},
		"client of identity": {app.Object("identity").Object("userAssignedIdentities").Object(k.store.View().List(tIdentity)[0].ID).Str("clientId"), k.store.View().List(tIdentity)[0].Computed.Str("clientId")},
	} {
		t.Run(what, func(t *testing.T) {
			if c.got == "" || c.got != c.want {
				t.Errorf("got %q, want %q", c.got, c.want)
			}
		})
	}
	if got := plan.Computed.Int("numberOfSites"); got != 1 {
		t.Errorf("the plan reports %d apps", got)
	}
}

// TestGroupTakesAll keeps that a resource group takes with it what is in it, and nothing else.
// Source: "Azure Resource Manager resource group and resource deletion".
func TestGroupTakesAll(t *testing.T) {
	k := newKit(t)
	k.bound()
	k.must(tGroup, resource.Props{"resourceGroupName": "gw2", "location": "westeurope"})
	if err := k.delete(tGroup, groupID); err != nil {
		t.Fatal(err)
	}
	left := k.store.View().All()
	if len(left) != 1 || left[0].ID != groupID+"2" {
		t.Errorf("left are %v, want the other group", left)
	}
	if w := k.world(); len(w.Functions)+len(w.Sites)+len(w.Zones) > 0 {
		t.Errorf("the world is not empty: %+v", w)
	}
}

// TestTeardown deletes a region in the order of the engine: nothing is refused.
func TestTeardown(t *testing.T) {
	k := newKit(t)
	k.bound()
	k.cloud().Teardown(k.store)
}

// TestClientConfig keeps the invoke.
func TestClientConfig(t *testing.T) {
	k := newKit(t)
	out, failures, err := k.ctl.Invoke(t.Context(), "azure-native:authorization:getClientConfig", nil, resource.Props{"subscriptionId": "11111111-2222-4333-8444-555555555555"}, false)
	if err != nil || len(failures) > 0 {
		t.Fatal(err, failures)
	}
	if got := out.Str("subscriptionId"); got != "11111111-2222-4333-8444-555555555555" {
		t.Errorf("subscription %q", got)
	}
}
