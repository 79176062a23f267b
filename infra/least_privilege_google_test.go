package infra

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"

	"polygate.example/infra/internal/record"
)

// googleGrant is a role that the program grants on Google Cloud: to whom, on what, and why on no less.
type googleGrant struct {
	on  string         // type of the binding, which says on what kind of resource
	who *regexp.Regexp // the member
	// scope are the inputs that narrow it to one resource, each with its form.
	scope map[string]*regexp.Regexp
	why   string
}

var (
	googleBuild   = regexp.MustCompile(`^serviceAccount:polygate-[a-z]+-[a-z0-9]+-bld@`)
	googleRuntime = regexp.MustCompile(`^serviceAccount:polygate-[a-z]+-[a-z0-9]+-run@`)
	googleSources = regexp.MustCompile(`^resource\.name\.startsWith\("projects/_/buckets/gcf-v2-sources-[0-9]+-[a-z0-9-]+"\)` +
		` \|\| resource\.name\.startsWith\("projects/_/buckets/polygate-[a-z0-9-]+/"\)$`)
	googleStem = regexp.MustCompile(`^polygate-[a-z]+-[a-z0-9]+$`)
)

// googleGrants are all that the program grants, by role.
var googleGrants = map[string]googleGrant{
	"roles/logging.logWriter": {"gcp:projects/iAMMember:IAMMember", googleBuild, nil, "an entry is written to no resource smaller than a project"},
	"roles/storage.objectViewer": {"gcp:projects/iAMMember:IAMMember", googleBuild, map[string]*regexp.Regexp{"condition.expression": googleSources},
		"Google's copy of the source is in a bucket of its own, which is not there before the first build: the condition names it"},
	"roles/artifactregistry.writer": {"gcp:artifactregistry/repositoryIamMember:RepositoryIamMember", googleBuild,
		map[string]*regexp.Regexp{"repository": googleStem}, "one repository"},
	"roles/secretmanager.secretAccessor": {"gcp:secretmanager/secretIamMember:SecretIamMember", googleRuntime, map[string]*regexp.Regexp{
		"secretId": regexp.MustCompile(`^[A-Za-z0-9_-]+$`)}, "one secret"},
	"roles/run.invoker": {"gcp:cloudrunv2/serviceIamMember:ServiceIamMember", regexp.MustCompile(`^allUsers$`), map[string]*regexp.Regexp{"name": googleStem},
		"one service, whose ingress lets load balancers through, which have no identity"},
}

// googleOverreach says what role bindings allow too much, and how many there are.
func googleOverreach(resources []record.Resource) (problems []string, grants int) {
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	shut := map[string]bool{} // services that the internet cannot call
	for _, r := range resources {
		if service, ok := r.Inputs["serviceConfig"].(map[string]any); ok && service["ingressSettings"] == "ALLOW_INTERNAL_AND_GCLB" {
			shut[fmt.Sprint(r.Inputs["location"], "/", r.Inputs["name"])] = true
		}
	}
	for _, r := range resources {
		if !r.Custom || !strings.HasPrefix(r.Type, "gcp:") || !regexp.MustCompile(`(?i)iam`).MatchString(r.Type) {
			continue
		}
		grants++
		role, _ := r.Inputs["role"].(string)
		member, _ := r.Inputs["member"].(string)
		g, ok := googleGrants[role]
		switch {
		case !ok:
			bad("%s grants %s, which is not among the roles that are needed", r.Name, role)
			continue
		case r.Type != g.on:
			bad("%s grants %s by a %s, want a %s: %s", r.Name, role, r.Type, g.on, g.why)
			continue
		case !g.who.MatchString(member):
			bad("%s grants %s to %s, want %s", r.Name, role, member, g.who)
		case member == "allUsers" && !shut[fmt.Sprint(r.Inputs["location"], "/", r.Inputs["name"])]:
			bad("%s lets everyone call a service that takes requests from the internet", r.Name)
		}
		where := texts("", r.Inputs)
		for key, form := range g.scope {
			if !form.MatchString(where["."+key]) {
				bad("%s grants %s with %s %q, want %s: %s", r.Name, role, key, where["."+key], form, g.why)
			}
		}
	}
	return problems, grants
}

// Every role that the program grants on Google Cloud is on as little as can be, and to whom it is for.
func TestGoogleLeastPrivilege(t *testing.T) {
	config := operated(dials("gcp/us-central1", "gcp/europe-west1"))
	config["polygate:secrets"] = `{"ONE":{"gcp":"projects/my-project/secrets/one/versions/4"},"TWO":{"gcp":"projects/my-project/secrets/two"}}`
	rec, _ := up(t, "staging", config)
	problems, grants := googleOverreach(rec.All())
	for _, p := range problems {
		t.Error(p)
	}
	if want := 2 * (4 + 2); grants != want { // in each region: three of the build, the invoker, the secrets
		t.Errorf("%d role bindings were read, want %d", grants, want)
	}
}

// What the reader of role bindings must see.
func TestGoogleOverreachIsSeen(t *testing.T) {
	const bld = "serviceAccount:polygate-dev-usc1-bld@p.iam.gserviceaccount.com"
	function := record.Resource{Type: "gcp:cloudfunctionsv2/function:Function", Name: "f", Custom: true, Inputs: map[string]any{
		"name": "polygate-dev-usc1", "location": "us-central1", "serviceConfig": map[string]any{"ingressSettings": "ALLOW_INTERNAL_AND_GCLB"},
	}}
	onProject := func(more map[string]any) record.Resource {
		in := map[string]any{"project": "p", "role": "roles/logging.logWriter", "member": bld}
		maps.Copy(in, more)
		return record.Resource{Type: "gcp:projects/iAMMember:IAMMember", Name: "x", Custom: true, Inputs: in}
	}
	invoker := func(more map[string]any) record.Resource {
		in := map[string]any{"name": "polygate-dev-usc1", "location": "us-central1", "role": "roles/run.invoker", "member": "allUsers"}
		maps.Copy(in, more)
		return record.Resource{Type: "gcp:cloudrunv2/serviceIamMember:ServiceIamMember", Name: "x", Custom: true, Inputs: in}
	}
	open := function
	open.Inputs = maps.Clone(function.Inputs)
	open.Inputs["serviceConfig"] = map[string]any{"ingressSettings": "ALLOW_ALL"}
	for name, c := range map[string]struct {
		resources []record.Resource
		want      string // part of the one problem; "" for none
	}{
		"as it should be":             {[]record.Resource{onProject(nil), function, invoker(nil)}, ""},
		"an owner":                    {[]record.Resource{onProject(map[string]any{"role": "roles/owner"})}, "grants roles/owner, which is not among"},
		"an editor":                   {[]record.Resource{onProject(map[string]any{"role": "roles/editor"})}, "grants roles/editor"},
		"a whole policy":              {[]record.Resource{{Type: "gcp:projects/iAMPolicy:IAMPolicy", Name: "x", Custom: true, Inputs: map[string]any{"policyData": "{}"}}}, "x grants"},
		"secrets of the project":      {[]record.Resource{onProject(map[string]any{"role": "roles/secretmanager.secretAccessor"})}, "want a gcp:secretmanager/secretIamMember"},
		"everyone on the project":     {[]record.Resource{onProject(map[string]any{"member": "allUsers"})}, "to allUsers, want"},
		"sources without a condition": {[]record.Resource{onProject(map[string]any{"role": "roles/storage.objectViewer"})}, `with condition.expression ""`},
		"everyone where it is open":   {[]record.Resource{open, invoker(nil)}, "takes requests from the internet"},
		"everyone on another service": {[]record.Resource{function, invoker(map[string]any{"location": "us-east1"})}, "takes requests from the internet"},
	} {
		t.Run(name, func(t *testing.T) {
			problems, _ := googleOverreach(c.resources)
			if c.want == "" && len(problems) == 0 {
				return
			}
			if len(problems) != 1 || c.want == "" || !strings.Contains(problems[0], c.want) {
				t.Errorf("problems %q, want one with %q", problems, c.want)
			}
		})
	}
}
