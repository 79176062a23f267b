package gcp_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/infra/internal/record"
	"polygate.example/infra/provider/gcp"
	"polygate.example/infra/settings"
)

var config = map[string]string{"gcp:project": "my-project"}

// declare runs the README's example.
func declare(t *testing.T) *record.Recorder {
	t.Helper()
	return declareAs(t, "api.example.com")
}

// declareAs runs it under another hostname.
func declareAs(t *testing.T, hostname string) *record.Recorder {
	t.Helper()
	return declareWith(t, func(s *settings.Settings) { s.Hostname = hostname })
}

func TestResources(t *testing.T) {
	labels := map[string]any{"managed-by": "pulumi", "polygate-environment": "dev", "polygate-region": "us-central1"}
	rec := declare(t)
	for name, want := range map[string]map[string]any{
		"gw-usc1-function": {
			"name": "polygate-dev-usc1", "location": "us-central1", "description": "polygate gateway of dev", "labels": labels,
			"buildConfig": map[string]any{
				"runtime": "the-runtime", "entryPoint": "Gateway",
				"serviceAccount":   "projects/test/serviceAccounts/polygate-dev-usc1-bld@test.iam",
				"dockerRepository": "gw-usc1-images-id",
				"source": map[string]any{"storageSource": map[string]any{
					"bucket": "polygate-dev-usc1-1c7cd944", "object": strings.Repeat("ab", 32) + ".zip",
				}},
			},
			"serviceConfig": map[string]any{
				"availableCpu": "1", "availableMemory": "512Mi", "timeoutSeconds": 60.0, "maxInstanceCount": 50.0, "minInstanceCount": 1.0,
				"maxInstanceRequestConcurrency": 80.0, "ingressSettings": "ALLOW_INTERNAL_AND_GCLB",
				"allTrafficOnLatestRevision": true, "serviceAccountEmail": "polygate-dev-usc1-run@test.iam",
				"secretEnvironmentVariables": []any{
					map[string]any{"key": "API_KEY", "projectId": "my-project", "secret": "api-key", "version": "3"},
					map[string]any{"key": "TOKEN", "projectId": "my-project", "secret": "token", "version": "latest"},
				},
				"environmentVariables": map[string]any{
					"POLYGATE_REGION": "gcp/us-central1", "POLYGATE_RELEASE": "r1", "POLYGATE_ARTEFACT": "sha256:" + strings.Repeat("ab", 32),
					"POLYGATE_HOSTS": "api.example.com,usc1.gcp.api.example.com",
				},
			},
		},
		"gw-usc1-images": {
			"repositoryId": "polygate-dev-usc1", "location": "us-central1", "format": "DOCKER", "labels": labels,
			"description": "Images of the polygate gateway of dev",
			"cleanupPolicies": []any{
				map[string]any{"id": "delete-old", "action": "DELETE", "condition": map[string]any{"tagState": "ANY", "olderThan": "86400s"}},
				map[string]any{"id": "keep-newest", "action": "KEEP", "mostRecentVersions": map[string]any{"keepCount": 5.0}},
			},
		},
		"gw-usc1-build-image": {
			"project": "my-project", "location": "us-central1", "repository": "polygate-dev-usc1",
			"role": "roles/artifactregistry.writer", "member": "serviceAccount:polygate-dev-usc1-bld@test.iam",
		},
		"gw-usc1-source": {
			"name": "polygate-dev-usc1-1c7cd944", "location": "us-central1", "uniformBucketLevelAccess": true,
			"publicAccessPrevention": "enforced", "labels": labels,
		},
		"gw-usc1-endpoints": {
			"name": "polygate-dev-usc1", "region": "us-central1", "networkEndpointType": "SERVERLESS",
			"cloudRun": map[string]any{"service": "polygate-dev-usc1"},
		},
		"gw-usc1-proxy": {
			"name": "polygate-dev-usc1", "urlMap": "https://test/gw-usc1-urls", "sslPolicy": "https://test/gw-usc1-tls",
			"certificateMap": "//certificatemanager.googleapis.com/gw-usc1-certificate-map-id",
		},
		"gw-usc1-rule": {
			"name": "polygate-dev-usc1", "loadBalancingScheme": "EXTERNAL_MANAGED", "ipProtocol": "TCP", "ipAddress": "192.0.2.1",
			"portRange": "443", "target": "https://test/gw-usc1-proxy", "labels": labels,
		},
		// The default FIXED_RECORD would sit at _acme-challenge.<name> and block Azure's DNS-01. Source: "Domain
		// authorization for Google-managed certificates".
		"gw-usc1-authorization": {"name": "polygate-dev-usc1-53573825", "domain": "usc1.gcp.api.example.com", "type": "PER_PROJECT_RECORD", "labels": labels},
		"gw-usc1-certificate": {
			"name": "polygate-dev-usc1-360e2ed4", "labels": labels,
			"managed": map[string]any{
				"domains":           []any{"usc1.gcp.api.example.com", "api.example.com"},
				"dnsAuthorizations": []any{"gw-usc1-authorization-id", "gw-authorization-id"},
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

// Certificate Manager replaces what is for another name and refuses to delete what is in use: the new resource must be
// able to stand beside the old one. Everything else stays what it is.
func TestAnotherHostname(t *testing.T) {
	physical := func(rec *record.Recorder) map[string]any {
		out := map[string]any{}
		for _, r := range rec.All() {
			if name, ok := r.Inputs["name"]; ok && r.Type != "test:index:Record" {
				out[r.Type+" "+r.Name] = name
			}
		}
		return out
	}
	before, after := physical(declare(t)), physical(declareAs(t, "www.example.com"))
	for key, name := range before {
		moves := slices.ContainsFunc([]string{"dnsAuthorization:", "certificate:", "certificateMapEntry:"}, func(kind string) bool {
			return strings.Contains(key, "gcp:certificatemanager/"+kind)
		})
		if moves != (after[key] != name) {
			t.Errorf("%s is named %v and %v under another hostname: want another name %t", key, name, after[key], moves)
		}
	}
}

// The runtime identity has no role but on secrets, see TestSecrets; the build identity has the three a build needs, and on the project only what cannot be
// had on less: the log, and sources by a condition. Images are pushed to the region's own repository.
func TestRoles(t *testing.T) {
	var got []string
	rec := declare(t)
	for _, r := range slices.Concat(rec.Of("gcp:projects/iAMMember:IAMMember"), rec.Of("gcp:artifactregistry/repositoryIamMember:RepositoryIamMember")) {
		on := "project"
		if repository, ok := r.Inputs["repository"]; ok {
			on = fmt.Sprintf("%v/%v", r.Inputs["location"], repository)
		}
		grant := fmt.Sprintf("%v on %s to %v", r.Inputs["role"], on, r.Inputs["member"])
		if condition, ok := r.Inputs["condition"].(map[string]any); ok {
			grant += " if " + condition["expression"].(string)
		}
		got = append(got, grant)
	}
	slices.Sort(got)
	var want []string
	for label, region := range map[string]string{"usc1": "us-central1", "euw1": "europe-west1"} {
		to := " to serviceAccount:polygate-dev-" + label + "-bld@test.iam"
		bucket := map[string]string{"usc1": "polygate-dev-usc1-1c7cd944", "euw1": "polygate-dev-euw1-1c7cd944"}[label]
		want = append(
			want,
			"roles/artifactregistry.writer on "+region+"/polygate-dev-"+label+to,
			"roles/logging.logWriter on project"+to,
			"roles/storage.objectViewer on project"+to+` if resource.name.startsWith("projects/_/buckets/gcf-v2-sources-123456789012-`+region+
				`") || resource.name.startsWith("projects/_/buckets/`+bucket+`/")`,
		)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
}

// A build that starts before its identity may read the source or push the image fails.
func TestFunctionWaitsForGrants(t *testing.T) {
	r, ok := declare(t).Find("gw-usc1-function")
	if !ok {
		t.Fatal("not declared")
	}
	for _, grant := range []string{"gw-usc1-build-log", "gw-usc1-build-image", "gw-usc1-build-source"} {
		if !slices.ContainsFunc(r.DependsOn, func(urn string) bool { return strings.HasSuffix(urn, "::"+grant) }) {
			t.Errorf("the function does not wait for %s", grant)
		}
	}
	if diff := cmp.Diff([]string{"gw-grants-settle"}, r.BeforeCreate); diff != "" {
		t.Errorf("hooks before the first build (-want +got):\n%s", diff)
	}
}

func TestProjectIsNeeded(t *testing.T) {
	s, err := record.LoadExample(t.TempDir(), "README.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := record.Region(gcp.Provider{}, s, t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "gcp:project is not set") {
		t.Errorf("the error is %v: want one about gcp:project", err)
	}
}
