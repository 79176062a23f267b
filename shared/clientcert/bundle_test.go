package clientcert

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"polygate.example/shared/clientcert/clientcerttest"
)

func TestBundleRefuses(t *testing.T) {
	t.Parallel()
	root := clientcerttest.Root(t, "Root")
	rsa1024, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(*x509.Certificate)) clientcerttest.Issued { return root.Sub(t, "Sub", f) }
	small := root.With(t, "Small", rsa1024, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
	})
	for name, c := range map[string]struct{ text, want string }{
		"nothing":           {"", "has no certificate in PEM"},
		"no PEM":            {"MIIB", "has no certificate in PEM"},
		"half of one":       {root.PEM() + root.PEM()[:200], "has 2 blocks that begin, and 1 that can be read"},
		"a private key":     {string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: []byte("never told")})), "has a private key as its block 1"},
		"a public key":      {root.PEM() + string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: root.Cert.RawSubjectPublicKeyInfo})), "has a public key as its block 2"},
		"bytes":             {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})), "cannot be read as its block 1"},
		"a client's":        {root.PEM(root.Client(t, "one")), "number 2, that is not an authority's"},
		"may not sign":      {change(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }).PEM(), "may not sign certificates"},
		"for servers":       {change(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }).PEM(), "is not for clients"},
		"a short RSA key":   {small.PEM(), "has an RSA key of 1024 bits"},
		"twice":             {root.PEM(root), "number 2, for the second time"},
		"too many":          {strings.Repeat(root.PEM(), maxBundle+1), "has more than 64 certificates"},
		"unknown extension": {change(unknownCritical).PEM(), "has a critical extension"},
	} {
		b, bad := ParseBundle(c.text)
		if b != nil || len(bad) == 0 || !strings.Contains(bad[len(bad)-1].Error(), c.want) || strings.Contains(bad[0].Error(), "never told") {
			t.Errorf("%s: %v, want %s", name, bad, c.want)
		}
	}
	if _, bad := ParseBundle(root.Client(t, "a").PEM(root.Client(t, "b"))); len(bad) != 2 {
		t.Errorf("%d problems of two: %v", len(bad), bad)
	}
}
