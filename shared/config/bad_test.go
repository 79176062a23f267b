package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polygate.example/shared/goldentest"
)

// Each file under testdata/bad breaks one rule and is named after it; the .txt beside it is the exact message.
func TestBadDocuments(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 45 {
		t.Fatalf("%d bad documents (%v), want at least 45", len(files), err)
	}
	folder, err := os.OpenRoot("testdata/bad")
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			m, err := ParseIn(folder.FS(), filepath.Base(file), src)
			if err == nil || m != nil {
				t.Fatalf("parsed to a model with digest %s", m.Digest())
			}
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("error is a %T, want Problems: %v", err, err)
			}
			goldentest.Compare(t, strings.TrimSuffix(file, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}
