package catalog

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// A folder below provider or failover is a provider or a manager: it is in the catalog under its name, and has the
// shape that every such folder has.
func TestEveryFolderIsListed(t *testing.T) {
	var providers, managers []string
	for _, s := range Specs() {
		providers = append(providers, s.Name)
	}
	for _, m := range Managers() {
		managers = append(managers, m.Spec().Name)
	}
	for _, c := range []struct {
		dir    string
		listed []string
	}{{"../provider", providers}, {"../failover", managers}} {
		t.Run(filepath.Base(c.dir), func(t *testing.T) {
			entries, err := os.ReadDir(c.dir)
			if err != nil {
				t.Fatal(err)
			}
			var folders []string
			for _, e := range entries {
				if !e.IsDir() {
					continue
				}
				folders = append(folders, e.Name())
				for _, file := range []string{"README.md", "spec.go", e.Name() + "_test.go"} {
					if _, err := os.Stat(filepath.Join(c.dir, e.Name(), file)); err != nil {
						t.Errorf("%s has no %s", e.Name(), file)
					}
				}
			}
			slices.Sort(c.listed)
			if !slices.Equal(folders, c.listed) {
				t.Errorf("folders %v, catalog %v: want the same", folders, c.listed)
			}
		})
	}
}

// Labels become DNS labels and parts of the names of resources.
func TestLabels(t *testing.T) {
	form := regexp.MustCompile(`^[a-z][a-z0-9]*$`)
	for _, s := range Specs() {
		t.Run(s.Name, func(t *testing.T) {
			seen := map[string]string{}
			for region, label := range s.Regions {
				if !form.MatchString(label) {
					t.Errorf("the label of %s is %q: want a-z and 0-9", region, label)
				}
				if other, dup := seen[label]; dup {
					t.Errorf("%s and %s have the label %s both", region, other, label)
				}
				seen[label] = region
			}
			if len(seen) == 0 {
				t.Error("there is no region")
			}
		})
	}
}

func TestUnknownNames(t *testing.T) {
	if _, ok := Provider("ibm"); ok {
		t.Error("there is a provider ibm")
	}
	if _, ok := Manager("bind"); ok {
		t.Error("there is a manager bind")
	}
}
