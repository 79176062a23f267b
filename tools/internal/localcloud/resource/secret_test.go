package resource

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	add := func(provider, name, value string, want int) {
		t.Helper()
		if n, err := s.AddSecret(provider, name, value); err != nil || n != want {
			t.Fatalf("a version of %s %s is number %d, %v: want %d", provider, name, n, err, want)
		}
	}
	add("gcp", "projects/p/secrets/key", "first", 1)
	add("aws", "projects/p/secrets/key", "another provider's", 1)
	add("gcp", "projects/p/secrets/key", "second", 2)
	if s, err = Open(dir); err != nil { // they outlive a restart
		t.Fatal(err)
	}
	for version, want := range map[string]string{"1": "first", "2": "second", LatestVersion: "second", "3": "", "": "", "01": ""} {
		if got, ok := s.View().Secret("gcp", "projects/p/secrets/key", version); got.Value != want || ok != (want != "") {
			t.Errorf("version %q is %q, %t: want %q", version, got.Value, ok, want)
		}
	}
	want := []SecretVersion{
		{Provider: "aws", Name: "projects/p/secrets/key", Version: 1},
		{Provider: "gcp", Name: "projects/p/secrets/key", Version: 1}, {Provider: "gcp", Name: "projects/p/secrets/key", Version: 2},
	}
	if diff := cmp.Diff(want, s.View().Secrets()); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if n, err := s.RemoveSecret("gcp", "projects/p/secrets/key"); n != 2 || err != nil {
		t.Errorf("removed %d versions, %v: want 2", n, err)
	}
	if _, ok := s.View().Secret("aws", "projects/p/secrets/key", LatestVersion); !ok {
		t.Error("another provider's secret of that name is gone, too")
	}
	if n, err := s.RemoveSecret("gcp", "projects/p/secrets/key"); n != 0 || err != nil {
		t.Errorf("removed %d versions of nothing, %v", n, err)
	}
}

// A value is in the store's file, which is the owner's alone, and nowhere else that somebody prints.
func TestSecretValuesStayHidden(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddSecret("gcp", "n", "hush-hush"); err != nil {
		t.Fatal(err)
	}
	v, _ := s.View().Secret("gcp", "n", LatestVersion)
	js, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(v), fmt.Sprintf("%v %+v %#v", v, v, v), string(js)} {
		if strings.Contains(shown, "hush") {
			t.Errorf("a value is shown: %s", shown)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "records.log"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the store has mode %v, want 0600", info.Mode().Perm())
	}
}
