package harnesstest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"testing"
)

// TestIssued: a client's certificate is good for its own authority alone, and is the same in each of its forms.
func TestIssued(t *testing.T) {
	ours, other := Authority(t, "Partners"), Authority(t, "Partners")
	acme := ours.Client(t, "acme")
	for name, c := range map[string]struct {
		by   Issued
		good bool
	}{"its authority": {ours, true}, "another of that name": {other, false}} {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(c.by.PEM())) {
			t.Fatalf("%s is not PEM", name)
		}
		_, err := acme.cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		if (err == nil) != c.good {
			t.Errorf("by %s: %v, want it good: %v", name, err, c.good)
		}
	}
	path := acme.File(t)
	kept, err := tls.LoadX509KeyPair(path, path)
	if err != nil {
		t.Fatal(err)
	}
	if shown := acme.TLS(); !bytes.Equal(kept.Certificate[0], shown.Certificate[0]) || !acme.key.Equal(kept.PrivateKey) || !acme.key.Equal(shown.PrivateKey) {
		t.Error("the file and what is shown are not the same")
	}
}
