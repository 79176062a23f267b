package azure

import (
	"crypto/sha1" //nolint:gosec // a thumbprint is a SHA-1 by definition; nothing is trusted because of it
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// certificate is what App Service knows of an uploaded PFX.
type certificate struct {
	Leaf       *x509.Certificate
	Thumbprint string // SHA-1 of the leaf, 40 upper-case hex digits
	HostNames  []string
	Chain      []byte // PEM, leaf first
	Key        []byte // PEM, PKCS#8
}

// readPFX opens a PFX as App Service does: base64, its password, a private key that fits the certificate, not expired.
// Source: learn.microsoft.com/azure/app-service/configure-ssl-certificate ("Private certificate requirements"); that a
// wrong password is refused: Azure/azure-cli issue #14729 (the words of the refusal are not confirmed).
func readPFX(blob, password string, now time.Time) (certificate, error) {
	der, err := base64.StdEncoding.DecodeString(blob)
	if err != nil {
		return certificate{}, badRequest("The parameter PfxBlob has an invalid value: it is not base64.")
	}
	key, leaf, chain, err := pkcs12.DecodeChain(der, password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return certificate{}, badRequest("The password specified for the certificate is incorrect.")
	case err != nil:
		return certificate{}, badRequest("The PFX cannot be read: %v. It must hold one private key and its certificate chain.", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return certificate{}, badRequest("The private key in the PFX cannot be used: %v.", err)
	}
	if !now.Before(leaf.NotAfter) {
		return certificate{}, badRequest("The certificate with subject '%s' expired on %s.", leaf.Subject, leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	c := certificate{Leaf: leaf, HostNames: leaf.DNSNames, Thumbprint: thumbprint(leaf)}
	if len(c.HostNames) == 0 {
		return certificate{}, badRequest("The certificate with subject '%s' names no host: browsers and App Service read subject alternative names only.", leaf.Subject)
	}
	for _, x := range append([]*x509.Certificate{leaf}, chain...) {
		c.Chain = append(c.Chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: x.Raw})...)
	}
	c.Key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	return c, nil
}

func thumbprint(c *x509.Certificate) string {
	sum := sha1.Sum(c.Raw) //nolint:gosec // see the import
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// parseLeaf reads the first certificate of a PEM chain.
func parseLeaf(chain []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(chain)
	if block == nil {
		return nil, errors.New("the stored certificate chain is not PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}
