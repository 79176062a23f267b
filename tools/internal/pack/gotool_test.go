package pack

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestOwnSettingsDoNotCount: what a person has set for their own builds, in the environment or by `go env -w`, decides
// nothing about an artefact; what they have set about where modules come from still counts.
func TestOwnSettingsDoNotCount(t *testing.T) {
	root := t.TempDir()
	put(t, root, "go.mod", "module tiny.example\n\ngo 1.26.0\n")
	settings := func() map[string]string {
		g, err := findGo(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		out, err := g.run(t.Context(), root, target{goos: "linux", goarch: "amd64"}, "env", "-json")
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]string
		if err := json.Unmarshal(out, &all); err != nil {
			t.Fatal(err)
		}
		delete(all, "GOGCCFLAGS") // names a temporary folder
		return all
	}
	want := settings()
	file := filepath.Join(t.TempDir(), "env")
	t.Setenv("GOENV", file)
	text := "GOEXPERIMENT=jsonv2\nGOFLAGS=-mod=mod -tags=private\nGOAMD64=v3\nGOARM64=v9.0\nCGO_ENABLED=1\nGO111MODULE=auto\nGOFIPS140=latest\n" +
		"GOOS=plan9\nGOARCH=386\nGOPRIVATE=private.example\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"GOFLAGS": "-race -ldflags=-X=a.b=c", "GOWORK": filepath.Join(root, "go.work"), "CGO_CFLAGS": "", "GODEBUG": "gotypesalias=0"} {
		t.Setenv(name, value)
	}
	got := settings()
	if got["GOPRIVATE"] != "private.example" || got["GONOPROXY"] != "private.example" {
		t.Errorf("GOPRIVATE is %q, GONOPROXY %q: where modules come from is the user's to say", got["GOPRIVATE"], got["GONOPROXY"])
	}
	for name, value := range want {
		switch name {
		case "GOENV", "GOPRIVATE", "GONOPROXY", "GONOSUMDB":
		default:
			if got[name] != value {
				t.Errorf("%s is %q, without the user's settings it is %q", name, got[name], value)
			}
		}
	}
}

// TestFilesOfTheCheckout: neither modes and times of the files, nor links to them, nor the user's umask or home come through.
func TestFilesOfTheCheckout(t *testing.T) {
	a := built(t)
	root := copied(t)
	link := filepath.Join(t.TempDir(), "checkout")
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	host := filepath.Join(root, "functions", "azure", "host.json")
	elsewhere := filepath.Join(t.TempDir(), "host.json")
	if err := os.Rename(host, elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, host); err != nil {
		t.Fatal(err)
	}
	if err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.Type()&os.ModeSymlink != 0 {
			return err
		}
		if err := os.Chtimes(path, epoch, epoch); err != nil {
			return err
		}
		return os.Chmod(path, 0o700)
	}); err != nil {
		t.Fatal(err)
	}
	umask(t, 0o077)
	for name, value := range map[string]string{"TZ": "Asia/Tokyo", "LC_ALL": "tr_TR.UTF-8", "GOFLAGS": "-tags=private"} {
		t.Setenv(name, value)
	}
	b, err := buildIn(link, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, art := range a.manifest.Artefacts {
		if !bytes.Equal(get(t, a.out, art.File), get(t, b.out, art.File)) {
			t.Errorf("%s differs", art.File)
		}
	}
}
