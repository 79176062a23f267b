package gcp_test

import (
	"strings"
	"testing"

	"polygate.example/tools/internal/localcloud/gcp"
	"polygate.example/tools/internal/localcloud/resource"

	"github.com/google/go-cmp/cmp"
)

// TestPush keeps all the ways in which a build account may come to push its image.
// Source: cloud.google.com/functions/docs/securing/build-custom-sa.
func TestPush(t *testing.T) {
	onProject := func(role string) func(*kit) {
		return func(k *kit) { k.must(tMember, logGrant().With(resource.Props{"role": role})) }
	}
	onRepository := func(change resource.Props) func(*kit) {
		return func(k *kit) { k.must(tPush, pushGrant(change)) }
	}
	byDefault := func(_, build, _ resource.Props) { delete(build, "dockerRepository") }
	for name, c := range map[string]struct {
		change func(top, build, service resource.Props)
		grant  func(*kit)
		into   string
	}{
		"on the repository":                      {nil, onRepository(nil), images},
		"on the repository, named in full":       {nil, onRepository(resource.Props{"repository": images, "location": nil}), images},
		"on the repository, named by location":   {nil, onRepository(resource.Props{"repository": "us-central1/gw", "location": nil}), images},
		"on the repository, named with project":  {nil, onRepository(resource.Props{"repository": project + "/us-central1/gw"}), images},
		"on the repository, as its admin":        {nil, onRepository(resource.Props{"role": "roles/artifactregistry.repoAdmin"}), images},
		"on the project":                         {nil, onProject(gcp.RoleArtifactWriter), images},
		"on the project, as builder":             {nil, onProject("roles/cloudbuild.builds.builder"), images},
		"on the project, making what is missing": {byDefault, onProject("roles/artifactregistry.createOnPushWriter"), strings.TrimSuffix(images, "gw") + "gcf-artifacts"},
		"on the default repository": {byDefault, func(k *kit) {
			k.must(tRepository, repositoryInputs(resource.Props{"repositoryId": "gcf-artifacts"}))
			k.must(tPush, pushGrant(resource.Props{"repository": "gcf-artifacts"}))
		}, strings.TrimSuffix(images, "gw") + "gcf-artifacts"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t)
			k.accounts()
			k.must(tRepository, repositoryInputs(nil))
			k.must(tMember, logGrant())
			k.must(tMember, readGrant())
			c.grant(k)
			k.sourceObject(goodSource())
			_, out := k.must(tFunction, functionInputs(c.change))
			if got := out.Object("buildConfig").Str("dockerRepository"); got != c.into {
				t.Errorf("built into %s, want %s", got, c.into)
			}
		})
	}
}

// TestRepositoryChanges keeps which properties of a repository and of a grant on it replace them. A repository that keeps
// its name goes before the new one comes.
// Source: hashicorp/terraform-provider-google, services/artifactregistry (ForceNew).
func TestRepositoryChanges(t *testing.T) {
	k := newKit(t)
	for name, c := range map[string]struct {
		token    string
		was, now resource.Props
		replaces string // the one property that does; "" for an update
		same     bool
	}{
		"id":              {tRepository, nil, resource.Props{"repositoryId": "other"}, "repositoryId", false},
		"location":        {tRepository, nil, resource.Props{"location": "europe-west1"}, "location", false},
		"format":          {tRepository, nil, resource.Props{"format": "NPM"}, "format", false},
		"format in lower": {tRepository, nil, resource.Props{"format": "docker"}, "", true},
		"labels":          {tRepository, nil, resource.Props{"labels": resource.Props{"a": "b"}}, "", false},
		"description":     {tRepository, nil, resource.Props{"description": "images"}, "", false},
		"cleanup":         {tRepository, nil, resource.Props{"cleanupPolicies": []any{keepNewest}}, "", false},
		"order of cleanup": {tRepository, resource.Props{"cleanupPolicies": []any{keepNewest, deleteOld}},
			resource.Props{"cleanupPolicies": []any{deleteOld, keepNewest}}, "", true},
		"grant's repository": {tPush, nil, resource.Props{"repository": "other"}, "repository", false},
		"grant's location":   {tPush, nil, resource.Props{"location": "europe-west1"}, "location", false},
		"grant's role":       {tPush, nil, resource.Props{"role": "roles/artifactregistry.reader"}, "role", false},
		"grant's member":     {tPush, nil, resource.Props{"member": "user:a@example.com"}, "member", false},
		"grant's condition":  {tPush, nil, onName("projects/"), "condition", false},
	} {
		t.Run(name, func(t *testing.T) {
			inputs := repositoryInputs
			if c.token == tPush {
				inputs = pushGrant
			}
			d, err := k.ctl.Diff(c.token, inputs(c.was), inputs(c.now))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(d.Replaces(), ","); got != c.replaces {
				t.Errorf("%q replaces, want %q", got, c.replaces)
			}
			if first := c.replaces == "format"; d.DeleteBeforeReplace != first {
				t.Errorf("the old one goes first: %t, want %t", d.DeleteBeforeReplace, first)
			}
			if (len(d.Changes) == 0) != c.same {
				t.Errorf("changes: %v, want none: %t", d.Changes, c.same)
			}
		})
	}
}

// TestRepositoryUpdate: labels and policies change in place.
func TestRepositoryUpdate(t *testing.T) {
	k := newKit(t)
	id, out := k.must(tRepository, repositoryInputs(resource.Props{"cleanupPolicies": []any{keepNewest, deleteOld}}))
	got, err := k.update(tRepository, id, out, repositoryInputs(resource.Props{"labels": resource.Props{"a": "b"}}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(resource.Props{"a": "b", "goog-pulumi-provisioned": "true"}, got.Object("effectiveLabels")); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if got.Has("cleanupPolicies") {
		t.Errorf("policies are left: %v", got["cleanupPolicies"])
	}
}

// TestMultiRegion: repositories, unlike functions, may lie in one.
func TestMultiRegion(t *testing.T) {
	k := newKit(t)
	_, out := k.must(tRepository, repositoryInputs(resource.Props{"location": "us"}))
	if got := out.Str("registryUri"); got != "us-docker.pkg.dev/"+project+"/gw" {
		t.Errorf("the registry is %s", got)
	}
	k.must(tRepository, repositoryInputs(resource.Props{"location": "europe"})) // the same id elsewhere is another repository
}

// TestRepositoryGoes: a repository goes while its image is in use, the function runs on, and the grants go with it: one made
// anew has none.
func TestRepositoryGoes(t *testing.T) {
	k := newKit(t)
	id, out := k.function(nil)
	if err := k.delete(tRepository, images); err != nil {
		t.Fatal(err)
	}
	if n := len(k.world().Functions); n != 1 {
		t.Errorf("%d functions run, want the one there was", n)
	}
	entry := functionInputs(func(_, build, _ resource.Props) { build["entryPoint"] = "Other" })
	if _, err := k.update(tFunction, id, out, entry); resource.Code(err) != gcp.ReasonNotFound {
		t.Errorf("a build into a repository that is gone: %v", err)
	}
	k.must(tRepository, repositoryInputs(nil))
	if _, err := k.update(tFunction, id, out, entry); resource.Code(err) != gcp.ReasonBuild || !strings.Contains(err.Error(), gcp.RoleArtifactWriter) {
		t.Errorf("a build into a repository made anew, without a grant: %v", err)
	}
	k.must(tPush, pushGrant(nil))
	if _, err := k.update(tFunction, id, out, entry); err != nil {
		t.Error(err)
	}
}
