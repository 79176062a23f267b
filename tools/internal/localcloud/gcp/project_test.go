package gcp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/goldentest"
	"polygate.example/tools/internal/localcloud/gcp"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

// golden compares what is the same on every machine with testdata/<name>.
func golden(t *testing.T, name string, w plane.World) {
	t.Helper()
	for i := range w.Functions {
		w.Functions[i].Package, w.Functions[i].Digest, w.Functions[i].Architecture = "", "", ""
	}
	got, err := json.MarshalIndent(w, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	goldentest.Compare(t, filepath.Join("testdata", name), append(got, '\n'))
}

// TestProject keeps the projection of a whole region: certificate waiting, then issued.
func TestProject(t *testing.T) {
	k := newKit(t)
	authorization := k.balancer()
	t.Run("waiting for the record", func(t *testing.T) { k.t = t; golden(t, "waiting.json", k.world()) })
	k.authorize(authorization)
	t.Run("authorised", func(t *testing.T) { k.t = t; golden(t, "authorised.json", k.world()) })
}

// TestOneRequestAtATime: a function that says nothing takes one request at a time in each instance, as on Google Cloud.
func TestOneRequestAtATime(t *testing.T) {
	for name, change := range map[string]func(top, build, service resource.Props){
		"of concurrency": func(_, _, service resource.Props) { delete(service, "maxInstanceRequestConcurrency") },
		"of the service": func(top, _, _ resource.Props) { delete(top, "serviceConfig") },
	} {
		t.Run("says nothing "+name, func(t *testing.T) {
			k := newKit(t)
			k.function(change)
			if got := k.world().Functions[0].Concurrency; got != 1 {
				t.Errorf("concurrency %d, want 1", got)
			}
		})
	}
}

// TestUnready: a function that builds and does not start is refused as such, with its own last words; one that was called
// off is not said to be at fault.
func TestUnready(t *testing.T) {
	k := newKit(t)
	k.identities()
	k.sourceObject(goodSource())
	k.fail = fmt.Errorf("%w: panic: no config", resource.ErrUnready)
	_, _, err := k.create(tFunction, functionInputs(nil))
	if resource.Code(err) != gcp.ReasonUnready || !strings.Contains(err.Error(), "Could not create or update Cloud Run service gw, Container Healthcheck failed.") ||
		!strings.Contains(err.Error(), "panic: no config") {
		t.Errorf("got %s: %v", resource.Code(err), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k.fail = ctx.Err()
	checked, _, err := k.ctl.Check(t.Context(), resource.Checking{Token: tFunction, Name: "name", New: functionInputs(nil), Config: resource.Props{"project": project}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.ctl.Create(ctx, tFunction, "", checked, resource.Props{"project": project}, false); !errors.Is(err, context.Canceled) || resource.Code(err) != "" {
		t.Errorf("called off: %s %v", resource.Code(err), err)
	}
	if n := len(k.store.View().List(tFunction)); n != 0 {
		t.Errorf("%d functions were made", n)
	}
}

// TestObjects: an upload overwrites, and a bucket that is told to takes its objects along.
func TestObjects(t *testing.T) {
	k := newKit(t)
	bucket, out := k.must(tBucket, resource.Props{"name": "gw-source", "location": "us-central1", "forceDestroy": true})
	object := resource.Props{"bucket": "gw-source", "name": "src.zip", "content": "one"}
	_, one := k.must(tObject, object)
	_, two := k.must(tObject, object.With(resource.Props{"content": "two"}))
	if one.Str("md5hash") == two.Str("md5hash") {
		t.Error("the second upload did not replace the first")
	}
	if n := len(k.store.View().List(tObject)); n != 1 {
		t.Errorf("%d objects, want 1", n)
	}
	if err := k.ctl.Delete(t.Context(), tBucket, bucket, out, nil); err != nil {
		t.Fatal(err)
	}
	if n := len(k.store.View().List(tObject)); n != 0 {
		t.Errorf("%d objects outlived their bucket", n)
	}
}

// TestProjectPolicy: the least version of TLS in the proxy's policy reaches the front.
func TestProjectPolicy(t *testing.T) {
	k := newKit(t)
	k.authorize(k.balancer())
	front := func() plane.Site {
		t.Helper()
		sites := k.world().Sites
		i := slices.IndexFunc(sites, func(s plane.Site) bool { return s.Front == plane.GoogleALB })
		if i < 0 {
			t.Fatal("no balancer")
		}
		return sites[i]
	}
	if front().TLS13 {
		t.Error("TLS 1.3 is wanted where 1.2 was asked for")
	}
	rec := k.store.View().List(tPolicy)[0]
	in := rec.Inputs.With(resource.Props{"profile": "RESTRICTED", "minTlsVersion": "TLS_1_3"})
	if _, err := k.ctl.Update(t.Context(), tPolicy, rec.ID, rec.Outputs(), in, nil, false); err != nil {
		t.Fatal(err)
	}
	if !front().TLS13 {
		t.Error("TLS 1.2 is taken where 1.3 was asked for")
	}
}

// TestProjectFunction keeps what the golden files leave out: the package is the very file that was uploaded.
func TestProjectFunction(t *testing.T) {
	k := newKit(t)
	k.function(nil)
	f := k.world().Functions[0]
	if _, err := os.Stat(f.Package); err != nil {
		t.Errorf("the package is not there: %v", err)
	}
	if filepath.Base(f.Package) != f.Digest {
		t.Errorf("package %s is not stored under its digest %s", f.Package, f.Digest)
	}
	if len(k.built) != 1 || k.built[0].Digest != f.Digest {
		t.Errorf("built %v, want the one function once", k.built)
	}
}

// sites returns the two sites of a region: of the default URL and of the load balancer.
func sites(t *testing.T, w plane.World) (native, balancer plane.Site) {
	t.Helper()
	if len(w.Sites) != 2 {
		t.Fatalf("got %d sites, want the default URL and the load balancer", len(w.Sites))
	}
	return w.Sites[0], w.Sites[1]
}

// TestIngress keeps who reaches a function, and what the fronts answer else.
// Source: cloud.google.com/run/docs/securing/ingress and .../authenticating/public.
func TestIngress(t *testing.T) {
	for name, c := range map[string]struct {
		ingress          string
		revoke           bool
		native, balancer bool // the site leads to the function
	}{
		"everyone":                         {gcp.IngressAll, false, true, true},
		"load balancers":                   {gcp.IngressBalancer, false, false, true},
		"inside only":                      {gcp.IngressInternal, false, false, false},
		"everyone, without the role":       {gcp.IngressAll, true, true, true},
		"load balancers, without the role": {gcp.IngressBalancer, true, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t)
			k.balancer()
			id := "projects/" + project + "/locations/us-central1/functions/gw"
			in := functionInputs(func(_, _, service resource.Props) { service["ingressSettings"] = c.ingress })
			if _, err := k.update(tFunction, id, nil, in); err != nil {
				t.Fatal(err)
			}
			if c.revoke {
				if err := k.delete(tInvoker, "projects/"+project+"/locations/us-central1/services/gw/roles/run.invoker/allUsers"); err != nil {
					t.Fatal(err)
				}
			}
			native, balancer := sites(t, k.world())
			if got := native.Function == id; got != c.native {
				t.Errorf("the default URL leads to the function: %v, want %v", got, c.native)
			}
			if got := balancer.Function == id; got != c.balancer {
				t.Errorf("the load balancer leads to the function: %v, want %v", got, c.balancer)
			}
			for _, s := range []plane.Site{native, balancer} {
				if s.Function != "" && s.InvokeError != c.revoke {
					t.Errorf("%s: invoke error %v, want %v", s.ID, s.InvokeError, c.revoke)
				}
			}
		})
	}
}

// TestIssued keeps that a certificate which was issued stays when its record goes.
func TestIssued(t *testing.T) {
	k := newKit(t)
	id, authorization := k.must(tAuth, resource.Props{"name": "gw-own", "domain": ownName, "type": gcp.ProjectRecord})
	k.authorize(authorization)
	_, out := k.must(tCert, resource.Props{"name": "gw", "managed": resource.Props{
		"domains": resource.List[any](ownName), "dnsAuthorizations": resource.List[any](id),
	}})
	if got := out.Object("managed").Str("state"); got != gcp.StateActive {
		t.Fatalf("state is %q with the record in the DNS", got)
	}
	clear(k.zone)
	rec, ok, err := k.ctl.Read(tCert, "projects/"+project+"/locations/global/certificates/gw", nil)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if got := rec.Computed.Object("managed").Str("state"); got != gcp.StateActive {
		t.Errorf("state is %q after the record went, want it to stay %s", got, gcp.StateActive)
	}
}

// TestRecords keeps where the two types of authorisation want their record.
// Source: cloud.google.com/certificate-manager/docs/dns-authorizations.
func TestRecords(t *testing.T) {
	k := newKit(t)
	record := func(name, domain, kind string) resource.Props {
		_, out := k.must(tAuth, resource.Props{"name": name, "domain": domain, "type": kind})
		return out.Objects("dnsResourceRecords")[0]
	}
	fixed, own := record("a", "api.polygate.test", gcp.FixedRecord), record("b", "api.polygate.test", gcp.ProjectRecord)
	if got := fixed.Str("name"); got != "_acme-challenge.api.polygate.test." {
		t.Errorf("the fixed record is at %s", got)
	}
	label, rest, _ := strings.Cut(own.Str("name"), ".")
	if suffix, ok := strings.CutPrefix(label, "_acme-challenge_"); !ok || len(suffix) != 16 || rest != "api.polygate.test." {
		t.Errorf("the record of the project is at %s, want _acme-challenge_<16 characters>.api.polygate.test.", own.Str("name"))
	}
	if !strings.HasSuffix(own.Str("data"), ".authorize.certificatemanager.goog.") {
		t.Errorf("the record leads to %s", own.Str("data"))
	}
	if diff := cmp.Diff(own, record("c", "api.polygate.test", gcp.ProjectRecord)); diff != "" {
		t.Errorf("two authorisations of a domain want different records:\n%s", diff)
	}
}

// TestDeploy keeps when a function is built: when its source, runtime, repository or service changes, and not for a label.
func TestDeploy(t *testing.T) {
	k := newKit(t)
	id, out := k.function(nil)
	if _, err := k.update(tFunction, id, out, functionInputs(func(top, _, _ resource.Props) { top["labels"] = resource.Props{"a": "b"} })); err != nil {
		t.Fatal(err)
	}
	if len(k.built) != 1 {
		t.Errorf("a label made it build %d times", len(k.built))
	}
	if _, err := k.update(tFunction, id, out, functionInputs(func(_, build, _ resource.Props) { build["entryPoint"] = "Other" })); err != nil {
		t.Fatal(err)
	}
	if len(k.built) != 2 {
		t.Errorf("another entry point made it build %d times, want once more", len(k.built))
	}
	k.must(tRepository, repositoryInputs(resource.Props{"repositoryId": "other"}))
	k.must(tPush, pushGrant(resource.Props{"repository": "other"}))
	elsewhere := strings.TrimSuffix(images, "gw") + "other"
	moved, err := k.update(tFunction, id, out, functionInputs(func(_, build, _ resource.Props) {
		build["entryPoint"], build["dockerRepository"] = "Other", elsewhere
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got := moved.Object("buildConfig").Str("dockerRepository"); len(k.built) != 3 || got != elsewhere {
		t.Errorf("another repository made it build %d times, want once more, into %s", len(k.built), got)
	}
	k.fail = errors.New("undefined: x")
	_, err = k.update(tFunction, id, out, functionInputs(func(_, build, _ resource.Props) { build["entryPoint"] = "Third" }))
	if resource.Code(err) != gcp.ReasonBuild || !strings.Contains(err.Error(), "undefined: x") {
		t.Errorf("got %v, want the failed build", err)
	}
	if f := k.world().Functions[0]; f.Entry != "Other" {
		t.Errorf("after a failed build the entry point is %q, want the one before", f.Entry)
	}
}

// TestOutputs keeps the outputs a program reads, and the ids.
func TestOutputs(t *testing.T) {
	k := newKit(t)
	id, f := k.function(nil)
	record := k.store.View().List(tRepository)[0]
	repository, registry := record.ID, record.Outputs()
	_, account := k.must(tAccount, resource.Props{"accountId": "gateway"})
	group, neg := k.must(tGroup, resource.Props{"name": "gw", "region": "us-central1", "cloudRun": resource.Props{"service": "gw"}})
	_, address := k.must(tAddress, resource.Props{"name": "gw"})
	for what, c := range map[string]struct{ got, want string }{
		"function id":       {id, "projects/" + project + "/locations/us-central1/functions/gw"},
		"function url":      {f.Str("url"), "https://us-central1-" + project + ".cloudfunctions.net/gw"},
		"repository id":     {repository, images},
		"repository name":   {registry.Str("name"), "gw"},
		"registry":          {registry.Str("registryUri"), "us-central1-docker.pkg.dev/" + project + "/gw"},
		"image repository":  {f.Object("buildConfig").Str("dockerRepository"), images},
		"function service":  {f.Object("serviceConfig").Str("service"), "projects/" + project + "/locations/us-central1/services/gw"},
		"account email":     {account.Str("email"), "gateway@" + project + ".iam.gserviceaccount.com"},
		"account member":    {account.Str("member"), "serviceAccount:gateway@" + project + ".iam.gserviceaccount.com"},
		"account name":      {account.Str("name"), "projects/" + project + "/serviceAccounts/gateway@" + project + ".iam.gserviceaccount.com"},
		"endpoint group id": {group, "projects/" + project + "/regions/us-central1/networkEndpointGroups/gw"},
		"self link":         {neg.Str("selfLink"), "https://www.googleapis.com/compute/v1/" + group},
		"address":           {address.Str("address"), "127.9.0.1"},
	} {
		t.Run(what, func(t *testing.T) {
			if c.got != c.want {
				t.Errorf("got %q, want %q", c.got, c.want)
			}
		})
	}
	uri := f.Object("serviceConfig").Str("uri")
	if !strings.HasPrefix(uri, "https://gw-") || !strings.HasSuffix(uri, "-uc.a.run.app") {
		t.Errorf("the default URL is %q", uri)
	}
}

// TestTeardown deletes a region in the order of the engine: nothing is left and nothing is refused.
func TestTeardown(t *testing.T) {
	k := newKit(t)
	k.balancer()
	k.cloud().Teardown(k.store)
	if w := k.world(); len(w.Functions)+len(w.Sites)+len(w.Zones) > 0 {
		t.Errorf("the world is not empty: %+v", w)
	}
}
