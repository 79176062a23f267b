package imports

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// counts is what an import has to say of a document.
type counts struct {
	operations, imported, skipped, validated int
	leftOut, changed, fillIn                 int // notes
	open                                     int
}

// TestDocuments: real documents are imported without hand-work, what cannot be carried over is listed, and check objects to what the import said and
// to nothing else.
func TestDocuments(t *testing.T) {
	for _, c := range []struct {
		of   document
		want counts
	}{
		{github, counts{operations: 767, imported: 767, validated: 767, changed: 30}},
		{stripe, counts{operations: 494, imported: 494, validated: 494, leftOut: 1, changed: 1, fillIn: 1}},
		{document{ogen, "_testdata/examples/k8s.json"}, counts{operations: 848, imported: 848, validated: 848, fillIn: 2, open: 1}},
		{document{ogen, "_testdata/examples/superset.json"}, counts{operations: 140, imported: 140, validated: 140, leftOut: 1, fillIn: 2, open: 4}},
		{document{ogen, "_testdata/examples/telegram_bot_api.json"}, counts{operations: 82, imported: 82, validated: 82}},
		{document{ogen, "_testdata/examples/openai.yml"}, counts{operations: 28, imported: 28, validated: 28}},
		{document{ogen, "_testdata/examples/manga.json"}, counts{operations: 6, imported: 3, skipped: 3, validated: 3, fillIn: 1, open: 1}},
		{document{ogen, "_testdata/examples/autorest/ApiManagementClient-openapi.json"}, counts{operations: 99, imported: 99, validated: 99, changed: 1, fillIn: 1, open: 2}},
		{document{libopenapi, "test_specs/docusignv3.1.json"}, counts{operations: 402, imported: 402, validated: 402}},
		{document{libopenapi, "test_specs/asana.yaml"}, counts{operations: 152, imported: 152, validated: 152, changed: 1, fillIn: 1, open: 2}},
		{document{libopenapi, "test_specs/digitalocean.yaml"}, counts{operations: 290, imported: 290, validated: 290, fillIn: 1, open: 2}},
	} {
		t.Run(c.of.name(), func(t *testing.T) {
			t.Parallel()
			folder, r := imported(t, c.of)
			got := counts{operations: r.Operations, imported: r.Imported, skipped: r.Skipped, validated: r.Validated, open: len(r.Open)}
			skipped := 0
			for _, n := range r.Notes {
				switch n.Kind {
				case "skipped":
					skipped++
				case "leftOut":
					got.leftOut++
				case "changed":
					got.changed++
				case "fillIn":
					got.fillIn++
				}
			}
			if got != c.want || skipped != r.Skipped {
				t.Errorf("%+v, want %+v\n%+v", got, c.want, r.Notes)
			}
			checked(t, folder, r.Open)
			if len(r.Open) > 0 {
				return // there is no gateway before somebody fills in what only they know
			}
			var listed []struct{ Name string }
			if run(t, folder, &listed, []string{"routes", "gateway.yaml", "--json"}, 0); len(listed) != r.Imported {
				t.Errorf("%d routes of %d operations", len(listed), r.Imported)
			}
		})
	}
}

// checked compares what `polygate check` objects to with what the import said that it would.
func checked(t *testing.T, folder string, open []finding) {
	t.Helper()
	var found struct {
		Valid    bool
		Problems []finding
	}
	run(t, folder, &found, []string{"check", "gateway.yaml", "--json"}, 0, 2)
	if found.Valid != (len(open) == 0) || len(found.Problems)+len(open) > 0 && !reflect.DeepEqual(found.Problems, open) {
		t.Errorf("check finds %+v, and the import said %+v", found.Problems, open)
	}
}

// TestRefused: a document that is wrong is refused whole, with the place.
func TestRefused(t *testing.T) {
	const file = "test_specs/stripe-old.yaml" // one key is there twice
	folder := t.TempDir()
	text, err := os.ReadFile(filepath.Join(folderOf(t, libopenapi), filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "stripe.yaml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), polygate(t), "import", "openapi", "stripe.yaml", "-o", "gateway.yaml")
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "error: stripe.yaml:") || !strings.Contains(string(out), `key "description" is repeated (see line `) {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(folder, "gateway.yaml")); err == nil {
		t.Error("it wrote a gateway document")
	}
}
