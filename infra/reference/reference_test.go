package reference

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"polygate.example/infra/catalog"
	"polygate.example/infra/permission"
	"polygate.example/shared/goldentest"
)

// root is the project's folder as seen from this package.
const root = "../.."

// A page that is out of date says what is no longer so.
func TestPages(t *testing.T) {
	pages, err := Pages()
	if err != nil {
		t.Fatal(err)
	}
	if want := len(catalog.Providers()) + len(catalog.Managers()) + 1; len(pages) != want {
		t.Errorf("%d pages, want %d: one of each provider and manager, and the guide", len(pages), want)
	}
	for name, now := range pages {
		t.Run(name, func(t *testing.T) {
			goldentest.Compare(t, filepath.Join(root, filepath.FromSlash(name)), now)
			if t.Failed() {
				t.Log("the page is out of date: run `make reference`")
			}
		})
	}
}

// The documents to paste are documents.
func TestGuide(t *testing.T) {
	guide, err := guidePage()
	if err != nil {
		t.Fatal(err)
	}
	documents := 0
	for i, part := range strings.Split(guide, "```json\n") {
		if i == 0 {
			continue
		}
		text, _, _ := strings.Cut(part, "```")
		documents++
		var doc map[string]any
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			t.Errorf("document %d: %v", i, err)
		}
	}
	if documents != 6 {
		t.Errorf("%d JSON documents, want AWS's policy, that of the store, boundary, policy of bounded roles and policy of drills, and Azure's role", documents)
	}
	for _, want := range []string{"cloudbuild.googleapis.com", "roles/compute.loadBalancerAdmin", "--namespace Microsoft.Web", "`roles/billing.costsManager` on the billing account", "Zone: DNS Write",
		"polygate:permissionsBoundary: arn:aws:iam::<account>:policy/polygate-boundary",
		"--role roles/resourcemanager.projectIamAdmin \\\n      --condition '^:^title=roles of polygate:expression=api.getAttribute(\"iam.googleapis.com/modifiedGrantsByRole\", []).hasOnly([\"roles/logging.logWriter\", \"roles/storage.objectViewer\"])'\n",
		`--condition "$(cat polygate-deployer-condition.txt)" --condition-version "2.0"`,
	} {
		if !strings.Contains(guide, want) {
			t.Errorf("%q is not in it", want)
		}
	}
	// In the loop it would be granted without its condition.
	if loop, _, _ := strings.Cut(guide, "; do\n"); strings.Contains(loop, permission.ProjectIAM) {
		t.Errorf("%s is granted without a condition", permission.ProjectIAM)
	}
}
