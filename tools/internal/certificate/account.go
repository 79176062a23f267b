package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// account is the file of the key by which an authority knows us. It is beside the certificate, and like it never committed.
func (f Files) account() string { return f.PFX + ".account.pem" }

// accountKey reads the account's key, or makes it. Losing it costs nothing but the authority's memory of us: the next run
// opens another account.
func (f Files) accountKey() (crypto.Signer, error) {
	b, err := os.ReadFile(f.account())
	if errors.Is(err, fs.ErrNotExist) {
		return f.newAccountKey()
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of the ACME account: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM file: remove it to have another ACME account opened", f.account())
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, fmt.Errorf("%s holds no private key: remove it to have another ACME account opened", f.account())
	}
	return signer, nil
}

func (f Files) newAccountKey() (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of the ACME account: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make the key of the ACME account: %w", err)
	}
	if err := replace(f.account(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
		return nil, fmt.Errorf("keep the key of the ACME account: %w", err)
	}
	return key, nil
}
