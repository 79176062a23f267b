package infra

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/catalog"
	"polygate.example/infra/internal/record"
	"polygate.example/infra/settings"
	"polygate.example/shared/artefact"
	"polygate.example/shared/goldentest"
	"polygate.example/shared/health"
	"polygate.example/shared/topology"
)

// project lays out a project with the artefacts of an environment and returns its folder.
func project(t *testing.T, environment string) string {
	t.Helper()
	dir := t.TempDir()
	dist := Dist(dir, environment)
	if err := os.MkdirAll(dist, 0o755); err != nil {
		t.Fatal(err)
	}
	m := artefact.Manifest{Environment: environment, Release: "r0123456789ab", Model: "sha256:" + strings.Repeat("0", 64)}
	for provider, runtime := range map[string]string{"aws": "provided.al2023", "gcp": "go126", "azure": "custom"} {
		content := zipped(t, provider)
		sum := sha256.Sum256(content)
		a := artefact.Artefact{Provider: provider, File: provider + ".zip", SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content)), Runtime: runtime}
		if provider != "gcp" {
			a.Architecture = "amd64"
		}
		m.Artefacts = append(m.Artefacts, a)
		write(t, filepath.Join(dist, a.File), content)
	}
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dist, artefact.ManifestFile), b)
	write(t, filepath.Join(dir, "cert.pfx"), []byte("a certificate"))
	write(t, filepath.Join(dir, "cert.password"), []byte("a password\nnot this\n"))
	return dir
}

// zipped makes a zip whose bytes depend on nothing but its content.
func zipped(t *testing.T, content string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "bootstrap", Method: zip.Store})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// six is a stack over all providers, two regions of each.
var six = []string{"aws/us-east-1", "gcp/us-central1", "azure/eastus", "aws/eu-west-1", "gcp/europe-west1", "azure/westeurope"}

func dials(regions ...string) map[string]string {
	list, _ := json.Marshal(regions)
	return map[string]string{
		"polygate:hostname": "api.example.com", "polygate:zone": "example.com", "polygate:manager": "route53",
		"polygate:regions": string(list), "polygate:ttl": "30", "polygate:check": `{"interval":10,"threshold":2}`,
		"polygate:certificate":        `{"pfx":"cert.pfx","passwordFile":"cert.password"}`,
		"gcp:project":                 "test-project",
		"azure-native:subscriptionId": "00000000-0000-0000-0000-00000000000a",
	}
}

// operated adds every dial of how regions are run.
func operated(config map[string]string) map[string]string {
	budget := `{"monthly":100,"email":"ops@example.com"}`
	if strings.Contains(config["polygate:regions"], "gcp/") {
		budget = `{"monthly":100,"email":"ops@example.com","billingAccount":"012345-6789AB-CDEF01"}`
	}
	for key, value := range map[string]string{"warm": "2", "concurrency": "50", "alarms": `{"email":"ops@example.com"}`, "budget": budget} {
		config["polygate:"+key] = value
	}
	return config
}

// up runs the program and returns what it declared and the topology it exports.
func up(t *testing.T, environment string, config map[string]string) (*record.Recorder, map[string]any) {
	t.Helper()
	return upFor(t, environment, config, artefact.Front{})
}

// upFor runs it for a document that needs something of the fronts.
func upFor(t *testing.T, environment string, config map[string]string, front artefact.Front) (*record.Recorder, map[string]any) {
	t.Helper()
	dir := project(t, environment)
	rec := &record.Recorder{}
	var got map[string]any
	err := rec.Run(environment, config, func(ctx *pulumi.Context) error {
		s, err := settings.FromConfig(environment, ctx.GetConfig, catalog.Rules()...)
		if err != nil {
			return err
		}
		m, err := artefact.Read(Dist(dir, environment))
		if err != nil {
			return err
		}
		m.Front = front
		packages, err := checkPackages(Dist(dir, environment), m, s)
		if err != nil {
			return err
		}
		gw, err := NewGateway(ctx, "gateway", GatewayArgs{Settings: s, Manifest: m, Packages: packages, Root: dir, Config: ctx.GetConfig})
		if err != nil {
			return err
		}
		gw.Topology.ApplyT(func(v map[string]any) map[string]any { got = v; return v })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rec, got
}

func TestGatewayDeclaresNoMoreAndNoLess(t *testing.T) {
	rec, _ := up(t, "staging", dials(six...))
	var lines []string
	for _, r := range rec.All() {
		lines = append(lines, r.Type+" "+r.Name)
	}
	goldentest.Compare(t, "testdata/resources.golden", strings.Join(lines, "\n")+"\n")
	if want := []string{"aws:route53/getZone:getZone", "aws:index/getCallerIdentity:getCallerIdentity"}; !slices.Equal(rec.Calls(), want) {
		t.Errorf("invokes %v, want %v", rec.Calls(), want)
	}
}

func TestEveryChildHasAParent(t *testing.T) {
	rec, _ := up(t, "staging", operated(dials(six...)))
	for _, r := range rec.All() {
		if r.Type == "polygate:index:Gateway" || r.Type == "pulumi:pulumi:Stack" {
			continue
		}
		if !strings.Contains(r.Parent, "polygate:") || strings.HasSuffix(r.Parent, "polygate-staging") {
			t.Errorf("%s %s has the parent %q: want a component of ours", r.Type, r.Name, r.Parent)
		}
	}
}

func TestTopology(t *testing.T) {
	_, got := up(t, "staging", dials(six...))
	b, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	goldentest.Compare(t, "testdata/topology.golden.json", append(b, '\n'))
	decoded, err := topology.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if decoded.Bound != 62 || len(decoded.Regions) != 6 || decoded.Regions[0].Role != topology.RolePrimary || decoded.Regions[5].Role != topology.RoleStandby {
		t.Errorf("decoded topology is %+v", decoded)
	}
}

func TestTopologyOfOneRegionHasNoBound(t *testing.T) {
	_, got := up(t, "dev", dials("aws/us-east-1"))
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := topology.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if decoded.Bound != 0 {
		t.Errorf("bound %d, want none: there is nothing to fail over to", decoded.Bound)
	}
}

// The function of each region is told who it is, and what the stack file has for it, whatever the provider calls its environment.
func TestEnvironment(t *testing.T) {
	config := dials("aws/us-east-1", "gcp/us-central1", "azure/eastus")
	config["polygate:variables"] = `{"PARTNERS":"one\ntwo"}`
	rec, got := up(t, "staging", config)
	regions := got["regions"].([]any)
	for i, c := range []struct {
		name string
		env  func(map[string]any) map[string]any
	}{
		{"gateway-aws-use1-function", func(in map[string]any) map[string]any {
			return in["environment"].(map[string]any)["variables"].(map[string]any)
		}},
		{"gateway-gcp-usc1-function", func(in map[string]any) map[string]any {
			return in["serviceConfig"].(map[string]any)["environmentVariables"].(map[string]any)
		}},
		{"gateway-azure-eastus-app", func(in map[string]any) map[string]any {
			out := map[string]any{}
			for _, s := range in["siteConfig"].(map[string]any)["appSettings"].([]any) {
				out[s.(map[string]any)["name"].(string)] = s.(map[string]any)["value"]
			}
			return out
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, ok := rec.Find(c.name)
			if !ok {
				t.Fatal("not declared")
			}
			region := regions[i].(map[string]any)
			want := map[string]any{
				health.EnvRegion: region["name"], health.EnvArtefact: region["digest"], health.EnvRelease: "r0123456789ab",
				health.EnvHosts: "api.example.com," + region["hostname"].(string), "PARTNERS": "one\ntwo",
			}
			env := c.env(r.Inputs)
			maps.DeleteFunc(env, func(k string, _ any) bool { return k != "PARTNERS" && !strings.HasPrefix(k, "POLYGATE_") })
			if diff := cmp.Diff(want, env); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
		})
	}
}

// Everything that can be marked as ours is.
func TestTags(t *testing.T) {
	untaggable := []string{
		"aws:acm/certificateValidation", "aws:apigatewayv2/apiMapping", "aws:apigatewayv2/integration", "aws:apigatewayv2/route:",
		"aws:iam/rolePolicy", "aws:lambda/alias:", "aws:lambda/permission", "aws:lambda/provisionedConcurrencyConfig", "aws:route53/record",
		"aws:s3/bucketLifecycleConfiguration", "aws:s3/bucketPolicy", "aws:s3/bucketPublicAccessBlock", "aws:s3/bucketVersioning", "aws:sns/topicPolicy", "aws:sns/topicSubscription", "azure-native:authorization:RoleAssignment",
		"azure-native:consumption:Budget", "azure-native:storage:Blob", "azure-native:web:WebAppFtpAllowed", "azure-native:web:WebAppHostNameBinding",
		"azure-native:web:WebAppScmAllowed",
		"gcp:artifactregistry/repositoryIamMember", "gcp:cloudrunv2/serviceIamMember",
		"gcp:compute/backendService", "gcp:compute/regionNetworkEndpointGroup", "gcp:compute/sSLPolicy",
		"gcp:compute/targetHttpsProxy", "gcp:compute/uRLMap", "gcp:billing/budget", "gcp:logging/", "gcp:projects/iAMMember", "gcp:serviceaccount/account",
		"gcp:storage/bucketObject",
	}
	label := regexp.MustCompile(`^[a-z0-9_-]{1,63}$`) // Google's form, the narrowest
	rec, _ := up(t, "staging", operated(dials(six...)))
	for _, r := range rec.All() {
		if !r.Custom || slices.ContainsFunc(untaggable, func(p string) bool { return strings.HasPrefix(r.Type, p) }) {
			continue
		}
		tags, ok := r.Inputs["tags"].(map[string]any)
		if !ok {
			tags, ok = r.Inputs["userLabels"].(map[string]any) // Google's alarms: the labels of a channel are its address
		}
		if !ok {
			tags, ok = r.Inputs["labels"].(map[string]any)
		}
		if !ok || tags["polygate-environment"] != "staging" {
			t.Errorf("%s %s bears the tags %v", r.Type, r.Name, tags)
		}
		for k, v := range tags {
			if k == "Name" || k == "polygate-artefact" || strings.HasPrefix(k, "hidden-link:") { // Azure's own, which tie a web test to its component
				continue
			}
			if !label.MatchString(k) || !label.MatchString(fmt.Sprint(v)) {
				t.Errorf("%s has the tag %s=%v, which Google does not take", r.Name, k, v)
			}
		}
	}
}

func TestProtect(t *testing.T) {
	for _, c := range []struct{ dial, environment string }{{"true", "prod"}, {"false", "staging"}} {
		t.Run(c.dial, func(t *testing.T) {
			config := dials(six...)
			config["polygate:protect"] = c.dial
			rec, _ := up(t, c.environment, config)
			for _, r := range rec.All() {
				// What ordinary work replaces must stay deletable, or the engine would refuse the next release, the next
				// certificate (every 90 days for most), another interval of the checks, and storage of another redundancy.
				replaced := slices.Contains([]string{
					"gcp:storage/bucketObject:BucketObject", "azure-native:storage:Blob", "azure-native:resources:Deployment",
					"azure-native:web:SiteCertificate", "aws:route53/healthCheck:HealthCheck", "azure-native:storage:StorageAccount", "azure-native:storage:BlobContainer",
				}, r.Type) || r.Type == "azure-native:authorization:RoleAssignment" && strings.HasSuffix(r.Name, "-storage-role")
				// Of the shared name's records one is there for every plan; the others go when the pattern or the order does.
				slot := regexp.MustCompile(`-route53-\d+-(primary|secondary)$`).MatchString(r.Name)
				replaced = replaced || slot && !strings.HasSuffix(r.Name, "-route53-1-primary")
				// A store holds what the next `up` puts there again, and moves with the first region of its provider.
				replaced = replaced || regexp.MustCompile(`^gateway-(aws|gcp|azure)-(state|topology)`).MatchString(r.Name)
				if want := c.dial == "true" && !replaced && r.Type != "pulumi:pulumi:Stack"; r.Protect != want {
					t.Errorf("%s %s: protect is %t, want %t", r.Type, r.Name, r.Protect, want)
				}
			}
		})
	}
}

// What exists once per stack is declared once, whatever the number of regions.
func TestSharedOnce(t *testing.T) {
	rec, _ := up(t, "staging", dials(six...))
	names := map[string]int{}
	for _, r := range rec.Of("aws:route53/record:Record") {
		if r.Inputs["setIdentifier"] == nil {
			names[r.Inputs["name"].(string)]++
		}
	}
	for _, want := range []string{"_proof.api.example.com", "_acme-challenge_x.api.example.com", "asuid.api.example.com"} {
		if names[want] != 1 {
			t.Errorf("the record %s is declared %d times, want once", want, names[want])
		}
	}
	for name, n := range names {
		if n > 1 {
			t.Errorf("the record %s is declared %d times", name, n)
		}
	}
}

// A region that is added or moved up gets traffic when all of it is there and not before: its target is known long before
// its code is published.
func TestTrafficWaitsForTheWholeRegion(t *testing.T) {
	parts := map[string][]string{
		"gateway-aws-use1":     {"function", "permission", "route", "stage", "own-mapping", "shared-mapping", "name"},
		"gateway-gcp-usc1":     {"function", "invoker", "rule", "certificate-own", "certificate-shared", "name"},
		"gateway-azure-eastus": {"app", "publish", "certificate", "own-binding", "shared-binding", "name"},
	}
	rec, _ := up(t, "staging", dials("aws/us-east-1", "gcp/us-central1", "azure/eastus"))
	for region := range parts {
		t.Run(region, func(t *testing.T) {
			check, ok := rec.Find(strings.Replace(region, "gateway-", "gateway-route53-", 1))
			if !ok {
				t.Fatal("there is no health check")
			}
			before := waitsFor(rec, check)
			for _, part := range parts[region] {
				if !before[region+"-"+part] {
					t.Errorf("the health check does not wait for %s-%s", region, part)
				}
			}
		})
	}
}

// waitsFor lists the names of all that a resource waits for, and what they wait for in turn.
func waitsFor(rec *record.Recorder, r record.Resource) map[string]bool {
	out := map[string]bool{}
	var add func(record.Resource)
	add = func(r record.Resource) {
		for _, urn := range r.DependsOn {
			name := urn[strings.LastIndex(urn, "::")+2:]
			if next, ok := rec.Find(name); ok && !out[name] {
				out[name] = true
				add(next)
			}
		}
	}
	add(r)
	return out
}

func TestSecrets(t *testing.T) {
	rec, _ := up(t, "staging", dials("azure/eastus"))
	for _, r := range rec.Of("azure-native:web:SiteCertificate") {
		if want := []string{"password", "pfxBlob"}; !slices.Equal(r.Secrets, want) {
			t.Errorf("%s has the secrets %v, want %v", r.Name, r.Secrets, want)
		}
		if r.Inputs["password"] != "a password" {
			t.Error("the password is not the first line of its file")
		}
	}
}

// Names are unique within their kind and keep to the tightest limits.
func TestPhysicalNames(t *testing.T) {
	limits := map[string]struct {
		key  string
		form *regexp.Regexp
	}{
		"gcp:serviceaccount/account:Account":                             {"accountId", regexp.MustCompile(`^[a-z][-a-z0-9]{4,28}[a-z0-9]$`)},
		"gcp:storage/bucket:Bucket":                                      {"name", regexp.MustCompile(`^[a-z0-9][-a-z0-9]{1,61}[a-z0-9]$`)},
		"gcp:compute/backendService:BackendService":                      {"name", regexp.MustCompile(`^[a-z][-a-z0-9]{0,61}[a-z0-9]$`)},
		"aws:iam/role:Role":                                              {"name", regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)},
		"aws:lambda/function:Function":                                   {"name", regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`)},
		"azure-native:storage:StorageAccount":                            {"accountName", regexp.MustCompile(`^[a-z0-9]{3,24}$`)},
		"azure-native:web:WebApp":                                        {"name", regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,58}[a-z0-9]$`)},
		"azure-native:authorization:RoleAssignment":                      {"roleAssignmentName", regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)},
		"gcp:certificatemanager/certificate:Certificate":                 {"name", regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)},
		"azure-native:operationalinsights:Workspace":                     {"workspaceName", regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]$`)},
		"azure-native:managedidentity:UserAssignedIdentity":              {"resourceName", regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9-_]{2,127}$`)},
		"aws:route53/healthCheck:HealthCheck":                            {"fqdn", regexp.MustCompile(`^[a-z0-9.-]{1,253}$`)},
		"gcp:cloudfunctionsv2/function:Function":                         {"name", regexp.MustCompile(`^[a-z][-a-z0-9]{0,61}[a-z0-9]$`)},
		"gcp:certificatemanager/certificateMapEntry:CertificateMapEntry": {"name", regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)},
	}
	// The longest of everything: environment, and each provider's longest labels.
	rec, _ := up(t, "environment", dials("aws/ap-southeast-1", "aws/us-east-1", "gcp/northamerica-northeast1", "gcp/us-central1", "azure/germanywestcentral", "azure/southafricanorth"))
	for token, l := range limits {
		seen := map[string]bool{}
		resources := rec.Of(token)
		if len(resources) == 0 {
			t.Errorf("there is no %s", token)
		}
		for _, r := range resources {
			name, _ := r.Inputs[l.key].(string)
			if !l.form.MatchString(name) || seen[name] {
				t.Errorf("%s %s: %s is %q: not unique or not of the form %s", token, r.Name, l.key, name, l.form)
			}
			seen[name] = true
		}
	}
}
