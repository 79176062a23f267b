package gcp

import (
	"archive/zip"
	"bytes"
	"errors"
	"strings"
	"testing"
)

// TestGoLine keeps that a go line may not be newer than the builder's Go.
// Source: GoogleCloudPlatform/buildpacks issue #528: the toolchain is the builder's, and a newer one is not supported.
func TestGoLine(t *testing.T) {
	for name, c := range map[string]struct {
		line, runtime, toolchain string
		refused                  string
	}{
		"the first release of the runtime":    {"1.26.0", "go126", "go1.26.8", ""},
		"no patch":                            {"1.26", "go126", "go1.26.8", ""},
		"the builder's own patch":             {"1.26.8", "go126", "go1.26.8", ""},
		"a newer patch":                       {"1.26.9", "go126", "go1.26.8", "requires go >= 1.26.9 (running go 1.26.8"},
		"a newer language":                    {"1.27", "go126", "go1.26.8", "requires go >= 1.27"},
		"an older runtime on a newer machine": {"1.26.0", "go125", "go1.26.8", "requires go >= 1.26.0 (running go 1.25;"},
		"an older line":                       {"1.24.5", "go125", "go1.26.8", ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := builder{runtime: c.runtime, toolchain: c.toolchain}.check(archive(t, map[string]string{
				"go.mod": "module gateway.example/fn\n\ngo " + c.line + "\n", "fn.go": "package fn\n",
			}))
			switch {
			case c.refused == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.refused != "" && !errors.Is(err, errBuild):
				t.Errorf("got %v, want a failed build", err)
			case c.refused != "" && !strings.Contains(err.Error(), c.refused):
				t.Errorf("got %v, want %q", err, c.refused)
			}
		})
	}
}

func archive(t *testing.T, files map[string]string) *zip.Reader {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// FuzzSource makes sure that no archive brings the builder's checks down.
func FuzzSource(f *testing.F) {
	f.Add("module gateway.example/fn\n\ngo 1.26.0\n", "package fn\n")
	f.Add("module x", "package main")
	f.Add("go 1.26\n", "")
	f.Fuzz(func(t *testing.T, mod, src string) {
		err := builder{runtime: "go126", toolchain: "go1.26.8"}.check(archive(t, map[string]string{"go.mod": mod, "fn.go": src}))
		if err != nil && !errors.Is(err, errBuild) {
			t.Errorf("an error that is no failed build: %v", err)
		}
	})
}

// TestMemory keeps the spellings of a memory size. Source: provider schema, serviceConfig.availableMemory.
func TestMemory(t *testing.T) {
	for in, want := range map[string]int64{
		"512M": 512 << 20, "512Mi": 512 << 20, "1Gi": 1 << 30, "1G": 1 << 30, "1.5Gi": 3 << 29, "268435456": 256 << 20, "262144k": 256 << 20,
		"": 0, "512MB": 0, "Mi": 0, "-1Gi": 0, "64Mi": 0, "33Gi": 0,
	} {
		t.Run(in, func(t *testing.T) {
			got, err := parseMemory(in)
			if want == 0 && err == nil || want != 0 && err != nil || got != want {
				t.Errorf("got %d, %v; want %d", got, err, want)
			}
		})
	}
}
