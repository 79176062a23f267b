package law

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// partTag is a tag that leaves a part out of a gateway, in the constraint of a file.
var partTag = regexp.MustCompile(`\bwithout_[a-z0-9]+\b`)

// tagged are the tags that files below a folder are chosen by, and the folders that such files are in.
func tagged(t *testing.T, root, folder string) (tags, folders []string) {
	t.Helper()
	seen, in := map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(filepath.Join(root, folder), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		head, _, _ := strings.Cut(string(b), "\npackage ")
		for line := range strings.Lines(head) {
			if !strings.HasPrefix(line, "//go:build ") {
				continue
			}
			for _, tag := range partTag.FindAllString(line, -1) {
				rel, err := filepath.Rel(root, filepath.Dir(path))
				if err != nil {
					return err
				}
				seen[tag], in["./"+filepath.ToSlash(rel)] = true, true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(seen)), slices.Sorted(maps.Keys(in))
}

// TestTestsWithoutParts: tests of the packages that parts can be left out of compile without each of the parts, and without all. `go vet` looks at
// test files too, and links nothing.
func TestTestsWithoutParts(t *testing.T) {
	root := filepath.Join("..", "..")
	tags, folders := tagged(t, root, "shared")
	if len(tags) < 5 || !slices.Contains(folders, "./shared/handler") {
		t.Fatalf("found the tags %v in %v", tags, folders)
	}
	for _, without := range append(slices.Clone(tags), strings.Join(tags, ",")) {
		t.Run(without, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "go", append([]string{"vet", "-tags", without}, folders...)...)
			cmd.Dir = root
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("go vet: %v\n%s", err, out)
			}
		})
	}
}
