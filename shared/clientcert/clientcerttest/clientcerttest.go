// Package clientcerttest issues certificates for tests.
package clientcerttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

// Now is a time at which all certificates are valid that nothing else is said of: they begin a year before and end a year after.
var Now = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// Change is what is different about a certificate.
type Change func(*x509.Certificate)

// Issued is a certificate with its private key. An authority issues others.
type Issued struct {
	Cert *x509.Certificate
	Key  crypto.Signer
}

// Root is an authority that has issued itself.
func Root(t testing.TB, name string, changes ...Change) Issued {
	t.Helper()
	return issue(t, nil, authority(name), newKey(t), changes)
}

// Sub is an authority below another.
func (a Issued) Sub(t testing.TB, name string, changes ...Change) Issued {
	t.Helper()
	return issue(t, &a, authority(name), newKey(t), changes)
}

// Client is a client's certificate.
func (a Issued) Client(t testing.TB, name string, changes ...Change) Issued {
	t.Helper()
	return issue(t, &a, client(name), newKey(t), changes)
}

// Alone is a client's certificate that it has issued itself.
func Alone(t testing.TB, name string, changes ...Change) Issued {
	t.Helper()
	return issue(t, nil, client(name), newKey(t), changes)
}

// With is a client's certificate for a key.
func (a Issued) With(t testing.TB, name string, key crypto.Signer, changes ...Change) Issued {
	t.Helper()
	return issue(t, &a, client(name), key, changes)
}

// PEM is the certificate as PEM, with others after it.
func (a Issued) PEM(others ...Issued) string {
	var b strings.Builder
	for _, one := range append([]Issued{a}, others...) {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: one.Cert.Raw}))
	}
	return b.String()
}

func authority(name string) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
}

func client(name string) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func issue(t testing.TB, by *Issued, template *x509.Certificate, key crypto.Signer, changes []Change) Issued {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = serial, Now.AddDate(-1, 0, 0), Now.AddDate(1, 0, 0)
	for _, change := range changes {
		change(template)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.Cert, by.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return Issued{cert, key}
}
