package pki_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"polygate.example/tools/internal/localcloud/pki"
)

func open(t *testing.T, dir string) *pki.CA {
	t.Helper()
	ca, err := pki.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// TestOpen makes the authority once, with the key for its owner only.
func TestOpen(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "folder")
	first := open(t, dir)
	if again := open(t, dir); !bytes.Equal(first.PEM(), again.PEM()) {
		t.Error("opening again made another authority")
	}
	for name, want := range map[string]os.FileMode{pki.CertFile: 0o644, pki.KeyFile: 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want %v", name, info.Mode(), err, want)
		}
	}
	if first.Path() != filepath.Join(dir, pki.CertFile) {
		t.Errorf("path %s", first.Path())
	}
}

// TestOpenDamaged never replaces half an authority: clients trust the other half.
func TestOpenDamaged(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(dir string) error{
		"no key":      func(dir string) error { return os.Remove(filepath.Join(dir, pki.KeyFile)) },
		"no cert":     func(dir string) error { return os.Remove(filepath.Join(dir, pki.CertFile)) },
		"broken cert": func(dir string) error { return os.WriteFile(filepath.Join(dir, pki.CertFile), []byte("x"), 0o600) },
		"other key": func(dir string) error {
			other := t.TempDir()
			if _, err := pki.Open(other); err != nil {
				return err
			}
			return os.Rename(filepath.Join(other, pki.KeyFile), filepath.Join(dir, pki.KeyFile))
		},
		"a leaf": func(dir string) error {
			ca, err := pki.Open(dir)
			if err != nil {
				return err
			}
			cert, key, err := ca.Issue("leaf.test")
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, pki.CertFile), cert, 0o600); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, pki.KeyFile), key, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			open(t, dir)
			if err := spoil(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := pki.Open(dir); err == nil {
				t.Error("opened")
			}
		})
	}
}

// TestIssue: the certificate is good for its names under this root, and no other.
func TestIssue(t *testing.T) {
	t.Parallel()
	ca := open(t, t.TempDir())
	cert, key, err := ca.Issue("use1.aws.api.polygate.test", "*.polygate.test", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	other := open(t, t.TempDir())
	for _, tc := range []struct {
		name string
		pool *x509.CertPool
		ok   bool
	}{
		{"use1.aws.api.polygate.test", ca.Pool(), true},
		{"x.polygate.test", ca.Pool(), true},
		{"127.0.0.1", ca.Pool(), true},
		{"polygate.test", ca.Pool(), false},
		{"use1.aws.api.polygate.test", other.Pool(), false},
	} {
		_, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: tc.name, Roots: tc.pool})
		if (err == nil) != tc.ok {
			t.Errorf("%s: %v, want ok %t", tc.name, err, tc.ok)
		}
	}
	// Apple, "Requirements for trusted certificates in iOS 13 and macOS 10.15": 825 days at most.
	if life := pair.Leaf.NotAfter.Sub(pair.Leaf.NotBefore); life > 825*24*time.Hour {
		t.Errorf("valid for %s", life)
	}
	if _, _, err := ca.Issue(); err == nil {
		t.Error("issued for nobody")
	}
}

// TestIssuePFX: what Azure takes: the chain and the key under the password.
func TestIssuePFX(t *testing.T) {
	t.Parallel()
	ca := open(t, t.TempDir())
	pfx, err := ca.IssuePFX([]string{"api.polygate.test"}, "geheim")
	if err != nil {
		t.Fatal(err)
	}
	key, leaf, chain, err := pkcs12.DecodeChain(pfx, "geheim")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "api.polygate.test", Roots: ca.Pool()}); err != nil {
		t.Error(err)
	}
	if key == nil || len(chain) != 1 || !chain[0].IsCA {
		t.Errorf("key %T, chain %v", key, chain)
	}
	if _, _, _, err := pkcs12.DecodeChain(pfx, "falsch"); err == nil {
		t.Error("another password opened it")
	}
}
