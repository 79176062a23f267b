package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"polygate.example/shared/gateway"
)

// FuzzParse: no text makes the decoder panic; what it refuses it refuses with a position inside the file; what it takes
// survives encoding and decoding with the same digest. Beside the corpus in testdata/fuzz, every document of testdata is
// a seed, so that plain tests run them all.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds for %s (%v)", pattern, err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		m, err := Parse("fuzz.yaml", src)
		if err != nil {
			var problems Problems
			if m != nil || !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("model %v, error %T %v: want no model and Problems", m, err, err)
			}
			// A carriage return alone ends a line too (YAML 1.2, 5.4).
			lines := bytes.Count(src, []byte("\n")) + bytes.Count(src, []byte("\r")) + 1
			for _, p := range problems {
				if p.Line < 1 || p.Line > lines || p.Column < 1 || p.What == "" || p.Remedy == "" {
					t.Fatalf("problem %+v of a document of %d lines", p, lines)
				}
			}
			return
		}
		b, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := gateway.Decode(b)
		if err != nil {
			t.Fatalf("the model does not decode: %v\n%s", err, b)
		}
		if again.Digest() != m.Digest() {
			t.Fatalf("digest %s became %s", m.Digest(), again.Digest())
		}
	})
}
