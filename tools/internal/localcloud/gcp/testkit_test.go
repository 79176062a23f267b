package gcp_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/gcp"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/resource/resourcetest"
)

const project = "polygate-test"

// zone answers CNAME questions from a map.
type zone map[string]string

func (z zone) TXT(resource.View, string) []string        { return nil }
func (z zone) CNAME(_ resource.View, name string) string { return z[strings.TrimSuffix(name, ".")] }
func (z zone) CAA(_ resource.View, name string) []string {
	return strings.FieldsFunc(z["CAA "+name], func(r rune) bool { return r == '\n' })
}

// issuer issues certificates that only name what they are for.
type issuer struct{}

func (issuer) Issue(names ...string) (cert, key []byte, err error) {
	return []byte("cert of " + strings.Join(names, ",")), []byte("key of " + names[0]), nil
}

func (i issuer) IssueFor(_ time.Duration, names ...string) (cert, key []byte, err error) {
	return i.Issue(names...)
}

// kit is a local Google Cloud without an engine.
type kit struct {
	t     *testing.T
	store *resource.Store
	ctl   *resource.Controller
	zone  zone
	built []plane.Function
	fail  error // of the build
}

func newKit(t *testing.T) *kit {
	t.Helper()
	store, err := resource.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	k := &kit{t: t, store: store, zone: zone{}}
	k.ctl, err = resource.NewController(gcp.Cloud(), store, k.services(&resourcetest.Addresses{Port: 443}))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *kit) services(a *resourcetest.Addresses) resource.Services {
	return resource.Services{Addresses: a, DNS: k.zone, CA: issuer{}, Build: func(_ context.Context, f plane.Function) error {
		k.built = append(k.built, f)
		return k.fail
	}}
}

func (k *kit) cloud() resourcetest.Cloud {
	return resourcetest.Cloud{T: k.t, Controller: k.ctl, Config: resource.Props{"project": project}}
}

// create checks and creates as the engine would.
func (k *kit) create(token string, in resource.Props) (string, resource.Props, error) {
	return k.cloud().Create(token, in)
}

// must creates and fails the test if that fails.
func (k *kit) must(token string, in resource.Props) (string, resource.Props) {
	k.t.Helper()
	return k.cloud().Must(token, in)
}

func (k *kit) update(token, id string, outputs, in resource.Props) (resource.Props, error) {
	return k.cloud().Update(token, id, in, outputs, in)
}

func (k *kit) delete(token, id string) error { return k.cloud().Delete(token, id, nil) }

func (k *kit) world() plane.World {
	k.t.Helper()
	w, err := gcp.Project(resource.NewEnv(k.store, gcp.Cloud(), k.services(&resourcetest.Addresses{Port: 443})))
	if err != nil {
		k.t.Fatal(err)
	}
	return w
}

// goodSource is a source archive that the builder takes.
func goodSource() map[string]string {
	return map[string]string{
		"go.mod":             "module gateway.example/fn\n\ngo 1.26.0\n",
		"function.go":        "package fn\n",
		"internal/x/x.go":    "package x\n",
		"vendor/modules.txt": "",
		"vendor/github.com/GoogleCloudPlatform/functions-framework-go/funcframework/f.go": "package funcframework\n",
	}
}

// source writes an archive of files.
func (k *kit) source(files map[string]string) resource.Blob {
	k.t.Helper()
	return k.asset(resourcetest.Zip(k.t, files))
}

// asset is a file as the engine describes it.
func (k *kit) asset(path string) resource.Blob {
	k.t.Helper()
	return resourcetest.Asset(k.t, path)
}

// Tokens, as the SDK registers them.
const (
	tAccount    = "gcp:serviceaccount/account:Account"
	tMember     = "gcp:projects/iAMMember:IAMMember"
	tInvoker    = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
	tRepository = "gcp:artifactregistry/repository:Repository"
	tPush       = "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember"
	tBucket     = "gcp:storage/bucket:Bucket"
	tObject     = "gcp:storage/bucketObject:BucketObject"
	tFunction   = "gcp:cloudfunctionsv2/function:Function"
	tAddress    = "gcp:compute/globalAddress:GlobalAddress"
	tGroup      = "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup"
	tBackend    = "gcp:compute/backendService:BackendService"
	tURLMap     = "gcp:compute/uRLMap:URLMap"
	tPolicy     = "gcp:compute/sSLPolicy:SSLPolicy"
	tProxy      = "gcp:compute/targetHttpsProxy:TargetHttpsProxy"
	tRule       = "gcp:compute/globalForwardingRule:GlobalForwardingRule"
	tAuth       = "gcp:certificatemanager/dnsAuthorization:DnsAuthorization"
	tCert       = "gcp:certificatemanager/certificate:Certificate"
	tMap        = "gcp:certificatemanager/certificateMap:CertificateMap"
	tEntry      = "gcp:certificatemanager/certificateMapEntry:CertificateMapEntry"
	images      = "projects/" + project + "/locations/us-central1/repositories/gw"
	builder     = "serviceAccount:gw-build@" + project + ".iam.gserviceaccount.com"
	ownName     = "usc1.gcp.api.polygate.test"
	mapFullName = "//certificatemanager.googleapis.com/projects/" + project + "/locations/global/certificateMaps/gw"
)

// accounts creates the two accounts of a region.
func (k *kit) accounts() {
	k.t.Helper()
	k.must(tAccount, resource.Props{"accountId": "gw-run"})
	k.must(tAccount, resource.Props{"accountId": "gw-build"})
}

// identities creates the two accounts of a region, the repository of its images and what the build needs.
func (k *kit) identities() {
	k.t.Helper()
	k.accounts()
	k.must(tRepository, repositoryInputs(nil))
	k.must(tMember, logGrant())
	k.must(tPush, pushGrant(nil))
	k.must(tMember, readGrant())
}

// repositoryInputs are those of a good repository.
func repositoryInputs(more resource.Props) resource.Props {
	return resource.Props{"repositoryId": "gw", "location": "us-central1", "format": "DOCKER"}.With(more)
}

// pushGrant lets the build account push to the repository.
func pushGrant(more resource.Props) resource.Props {
	return resource.Props{"repository": "gw", "location": "us-central1", "role": gcp.RoleArtifactWriter, "member": builder}.With(more)
}

// logGrant lets the build account write logs.
func logGrant() resource.Props {
	return resource.Props{"project": project, "role": gcp.RoleLogWriter, "member": builder}
}

// readGrant lets the build account read the copies of sources.
func readGrant() resource.Props {
	return sourceGrant(builder, `resource.name.startsWith("x") || resource.name.startsWith("projects/_/buckets/gcf-v2-sources-")`)
}

// sourceGrant lets a member read what the expression names.
func sourceGrant(member, expression string) resource.Props {
	return resource.Props{
		"project": project, "role": gcp.RoleObjectViewer, "member": member,
		"condition": resource.Props{"title": "source", "expression": expression},
	}
}

// sourceObject creates the bucket and the source object.
func (k *kit) sourceObject(files map[string]string) {
	k.t.Helper()
	k.must(tBucket, resource.Props{"name": "gw-source", "location": "us-central1"})
	k.must(tObject, resource.Props{"bucket": "gw-source", "name": "src.zip", "source": k.source(files)})
}

// functionInputs are those of a good function; change edits the three objects.
func functionInputs(change func(top, build, service resource.Props)) resource.Props {
	build := resource.Props{
		"runtime": "go126", "entryPoint": "Gateway",
		"serviceAccount":   "projects/" + project + "/serviceAccounts/gw-build@" + project + ".iam.gserviceaccount.com",
		"dockerRepository": images,
		"source":           resource.Props{"storageSource": resource.Props{"bucket": "gw-source", "object": "src.zip"}},
	}
	service := resource.Props{
		"availableMemory": "512Mi", "availableCpu": "1", "timeoutSeconds": 30.0, "maxInstanceRequestConcurrency": 80.0,
		"ingressSettings":      gcp.IngressBalancer,
		"serviceAccountEmail":  "gw-run@" + project + ".iam.gserviceaccount.com",
		"environmentVariables": resource.Props{"POLYGATE_REGION": "gcp/us-central1"},
	}
	top := resource.Props{"name": "gw", "location": "us-central1", "buildConfig": build, "serviceConfig": service}
	if change != nil {
		change(top, build, service)
	}
	return top
}

// function creates a whole function that anyone may call.
func (k *kit) function(change func(top, build, service resource.Props)) (string, resource.Props) {
	k.t.Helper()
	k.identities()
	k.sourceObject(goodSource())
	id, out := k.must(tFunction, functionInputs(change))
	k.must(tInvoker, resource.Props{"name": "gw", "location": "us-central1", "role": gcp.RoleInvoker, "member": "allUsers"})
	return id, out
}

// backendInputs are those of a good backend service.
func backendInputs(more resource.Props) resource.Props {
	return resource.Props{
		"name": "gw", "loadBalancingScheme": gcp.SchemeManaged, "protocol": "HTTPS",
		"backends": []any{resource.Props{"group": "projects/" + project + "/regions/us-central1/networkEndpointGroups/gw"}},
	}.With(more)
}

// backend creates a function, its endpoint group and the backend service.
func (k *kit) backend() {
	k.t.Helper()
	k.function(nil)
	k.must(tGroup, resource.Props{"name": "gw", "region": "us-central1", "cloudRun": resource.Props{"service": "gw"}})
	k.must(tBackend, backendInputs(nil))
}

// certificates creates an authorisation, a certificate, its map and the entry of the region's own name.
func (k *kit) certificates() (authorization resource.Props) {
	k.t.Helper()
	id, authorization := k.must(tAuth, resource.Props{"name": "gw-own", "domain": ownName, "type": gcp.ProjectRecord})
	certificate, _ := k.must(tCert, resource.Props{"name": "gw", "managed": resource.Props{
		"domains": resource.List[any](ownName), "dnsAuthorizations": resource.List[any](id),
	}})
	k.must(tMap, resource.Props{"name": "gw"})
	k.must(tEntry, resource.Props{"name": "gw-own", "map": "gw", "hostname": ownName, "certificates": resource.List[any](certificate)})
	return authorization
}

// proxy creates everything up to the HTTPS proxy.
func (k *kit) proxy() (authorization resource.Props) {
	k.t.Helper()
	k.backend()
	authorization = k.certificates()
	_, urls := k.must(tURLMap, resource.Props{"name": "gw", "defaultService": "projects/" + project + "/global/backendServices/gw"})
	_, policy := k.must(tPolicy, resource.Props{"name": "gw", "profile": "MODERN", "minTlsVersion": "TLS_1_2"})
	k.must(tProxy, resource.Props{"name": "gw", "urlMap": urls["selfLink"], "sslPolicy": policy["selfLink"], "certificateMap": mapFullName})
	return authorization
}

func ruleInputs(more resource.Props) resource.Props {
	return resource.Props{
		"name": "gw", "target": "projects/" + project + "/global/targetHttpsProxies/gw", "portRange": "443", "ipProtocol": "TCP",
		"ipAddress": "projects/" + project + "/global/addresses/gw", "loadBalancingScheme": gcp.SchemeManaged,
	}.With(more)
}

// balancer creates a whole load balancer.
func (k *kit) balancer() (authorization resource.Props) {
	k.t.Helper()
	authorization = k.proxy()
	_, address := k.must(tAddress, resource.Props{"name": "gw"})
	k.must(tRule, ruleInputs(resource.Props{"ipAddress": address["address"]}))
	return authorization
}

// authorize puts the record of an authorisation into the DNS.
func (k *kit) authorize(authorization resource.Props) {
	r := authorization.Objects("dnsResourceRecords")[0]
	k.zone[strings.TrimSuffix(r.Str("name"), ".")] = strings.TrimSuffix(r.Str("data"), ".")
}
