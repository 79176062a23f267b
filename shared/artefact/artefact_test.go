package artefact

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// packed is what testdata/prod/manifest.json says.
func packed() Manifest {
	return Manifest{
		Environment: "prod", Release: "r0123456789ab", Model: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		Front: Front{Country: true, Certificates: &Certificates{
			Anchors: []string{"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, Steps: []string{"-----BEGIN CERTIFICATE-----\nAAAB\n-----END CERTIFICATE-----\n"}, Required: true}},
		Artefacts: []Artefact{
			{Provider: "aws", File: "gateway-aws.zip", SHA256: "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
				Size: 4 << 20, Architecture: "arm64", Runtime: "provided.al2023"},
			{Provider: "gcp", File: "gateway-gcp.zip", SHA256: "fd61a03af4f77d870fc21e05e7e80678095c92d808cfb3b5c279ee04c74aca13",
				Size: 64 << 10, Runtime: "go126"},
		},
	}
}

// The manifest is read by another run of the command, perhaps of another version: its spelling is a contract.
func TestSpelling(t *testing.T) {
	dir := filepath.Join("testdata", "prod")
	want, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	got, err := packed().Encode()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("encoded (+) differs from %s (-):\n%s", ManifestFile, cmp.Diff(string(want), string(got)))
	}
	m, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(packed(), m); diff != "" {
		t.Errorf("read (+) differs from what was packed (-):\n%s", diff)
	}
}

func TestReadIsStrict(t *testing.T) {
	whole, err := packed().Encode()
	if err != nil {
		t.Fatal(err)
	}
	replaced := func(old, now string) string {
		if !strings.Contains(string(whole), old) {
			t.Fatalf("the manifest has no %s to replace", old)
		}
		return strings.Replace(string(whole), old, now, 1)
	}
	for _, c := range []struct{ name, manifest, want string }{
		{"unknown field", replaced(`"environment"`, `"colour": "red", "environment"`), `unknown field "colour"`},
		{"unknown field of an artefact", replaced(`"runtime"`, `"memory": 1, "runtime"`), `unknown field "memory"`},
		{"unknown field of the front", replaced(`"country"`, `"city": true, "country"`), `unknown field "city"`},
		{"text for a number", replaced(`4194304`, `"4194304"`), "size"},
		{"number for text", replaced(`"r0123456789ab"`, `7`), "release"},
		{"one artefact for a list", replaced(`"artefacts": [`, `"artefacts": {}, "x": [`), "artefacts"},
		{"empty", "", "EOF"},
		{"cut short", string(whole[:len(whole)/2]), "unexpected EOF"},
		{"the end of a longer one behind it", string(whole) + "  ]\n}\n", "more after the manifest's end"},
		{"twice", string(whole) + string(whole), "more after the manifest's end"},
		{"no JSON", "environment: prod\n", "invalid character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, ManifestFile)
			if err := os.WriteFile(path, []byte(c.manifest), 0o600); err != nil {
				t.Fatal(err)
			}
			m, err := Read(dir)
			if err == nil {
				t.Fatalf("read as %+v", m)
			}
			for _, part := range []string{path, "damaged", c.want, "`polygate build`"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
			if diff := cmp.Diff(Manifest{}, m); diff != "" {
				t.Errorf("an error came with half a manifest:\n%s", diff)
			}
		})
	}
}

func TestReadSaysWhatIsMissing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "staging")
	_, err := Read(dir)
	want := filepath.Join(dir, ManifestFile) + " does not exist: run `polygate build -s staging` first"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	// Something that is there and cannot be read is another matter than something that was never built.
	if err := os.MkdirAll(filepath.Join(dir, ManifestFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); err == nil || strings.Contains(err.Error(), "does not exist") || !strings.Contains(err.Error(), "read manifest") {
		t.Errorf("error %v for a folder in place of the manifest", err)
	}
}

func TestFor(t *testing.T) {
	m := packed()
	for _, want := range m.Artefacts {
		got, err := m.For(want.Provider)
		if err != nil || got != want {
			t.Errorf("for %s: %+v, %v; want %+v", want.Provider, got, err, want)
		}
	}
	for _, provider := range []string{"azure", "AWS", ""} {
		got, err := m.For(provider)
		if err == nil {
			t.Errorf("for %q: %+v, want an error", provider, got)
			continue
		}
		for _, part := range []string{`"` + provider + `"`, `"prod"`, "[aws gcp]"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("error %q does not say %s", err, part)
			}
		}
	}
}

// The gateway reports this spelling in /health, and status compares it with the topology's.
func TestDigest(t *testing.T) {
	a := packed().Artefacts[0]
	if got, want := a.Digest(), "sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"; got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(a.Digest()) {
		t.Errorf("digest %s is not of the form health.EnvArtefact takes", a.Digest())
	}
}
