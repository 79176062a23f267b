package clientcert

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
)

const (
	// minRSA is the fewest bits of an RSA key, of authorities and clients alike; NIST SP 800-131A allows no less.
	minRSA = 2048
	// maxBundle is the most certificates of a bundle.
	maxBundle = 64
)

// Bundle are authorities whose certificates are believed. One that no other of the bundle has issued is trusted for itself, be it a root or
// not; one that another has issued is only a step on the way, for clients that do not send it and fronts that do not pass it on.
type Bundle struct {
	anchors, steps             *x509.CertPool
	listedAnchors, listedSteps []*x509.Certificate // what is in them, in the order of the text
}

// Anchors are the certificates that are trusted for themselves.
func (b *Bundle) Anchors() []*x509.Certificate { return slices.Clone(b.listedAnchors) }

// Unrooted are the anchors that are no roots: another has issued them, which the bundle does not have. Nothing is amiss with that here, and elsewhere
// they may be worth nothing: whoever verifies by RFC 5280, 6.1.1 (d) takes any key for an anchor that it is told to, as crypto/x509 does of its roots,
// and whoever looks for a certificate that has issued itself, as OpenSSL does without X509_V_FLAG_PARTIAL_CHAIN, finds no end of the chain.
func (b *Bundle) Unrooted() []*x509.Certificate {
	return slices.DeleteFunc(b.Anchors(), func(c *x509.Certificate) bool { return issues(c, c) })
}

// Steps are those that are only on the way to an anchor.
func (b *Bundle) Steps() []*x509.Certificate { return slices.Clone(b.listedSteps) }

// BundleError says what is wrong with a bundle, and what would be right. It never repeats what the bundle has.
type BundleError struct{ What, Remedy string }

// Error is both parts in one line.
func (e *BundleError) Error() string { return e.What + "; " + e.Remedy }

// ParseBundle reads certificates of authorities as PEM (RFC 7468, 5). There is no bundle if there are errors: each is a *BundleError, whose
// words go on after "the bundle".
func ParseBundle(text string) (*Bundle, []error) {
	var bad []error
	wrong := func(remedy, format string, args ...any) {
		bad = append(bad, &BundleError{fmt.Sprintf(format, args...), remedy})
	}
	var all []*x509.Certificate
	rest, blocks := []byte(text), 0
	for {
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		rest = after
		blocks++
		switch c, err := x509.ParseCertificate(block.Bytes); {
		case blocks > maxBundle:
			wrong("keep those that have issued clients' certificates, and what is above them", "has more than %d certificates", maxBundle)
			return nil, bad
		case strings.Contains(block.Type, "PRIVATE"):
			wrong("take it out, and give the authority a new one: whoever reads the document could issue certificates", "has a private key as its block %d", blocks)
		case block.Type != "CERTIFICATE":
			wrong("keep certificates alone", "has a %s as its block %d", strings.ToLower(block.Type), blocks)
		case err != nil:
			wrong("copy it again, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----", "has a certificate that cannot be read as its block %d", blocks)
		default:
			if what, remedy := unfit(c); what != "" {
				wrong(remedy, "has a certificate, number %d, that %s", blocks, what)
			} else if slices.ContainsFunc(all, c.Equal) {
				wrong("keep it once", "has a certificate, number %d, for the second time", blocks)
			}
			all = append(all, c)
		}
	}
	if begun := strings.Count(text, "-----BEGIN "); begun != blocks {
		wrong("copy it again, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----", "has %d blocks that begin, and %d that can be read", begun, blocks)
	} else if blocks == 0 {
		wrong("write certificates between -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----, under ca: |", "has no certificate in PEM")
	}
	if len(bad) > 0 {
		return nil, bad
	}
	b := &Bundle{anchors: x509.NewCertPool(), steps: x509.NewCertPool()}
	for i, c := range all {
		issued := !issues(c, c) && slices.ContainsFunc(slices.Concat(all[:i:i], all[i+1:]), func(by *x509.Certificate) bool { return issues(by, c) })
		if issued {
			b.steps.AddCert(c)
			b.listedSteps = append(b.listedSteps, c)
			continue
		}
		b.anchors.AddCert(c)
		b.listedAnchors = append(b.listedAnchors, c)
	}
	if len(b.listedAnchors) == 0 {
		wrong("add the root", "has authorities that have issued each other, and none above them")
		return nil, bad
	}
	return b, nil
}

// unfit says why a certificate is not one of an authority for clients' certificates.
func unfit(c *x509.Certificate) (what, remedy string) {
	rsaKey, isRSA := c.PublicKey.(*rsa.PublicKey)
	switch {
	case !c.BasicConstraintsValid || !c.IsCA:
		return "is not an authority's: its basicConstraints do not say CA:TRUE", "write the certificate of its issuer, or list a client's own under fingerprints"
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return "may not sign certificates: its keyUsage does not have keyCertSign", "write one of an authority that may"
	case len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 0 && !forClients(c):
		return "is not for clients: its extendedKeyUsage does not have clientAuth", "write one of an authority for clients' certificates"
	case len(c.UnhandledCriticalExtensions) > 0:
		return "has a critical extension that is not known here", "write one without: none that it has issued would be taken"
	case isRSA && rsaKey.N.BitLen() < minRSA:
		return fmt.Sprintf("has an RSA key of %d bits", rsaKey.N.BitLen()), fmt.Sprintf("use an authority with at least %d", minRSA)
	}
	return "", ""
}

// forClients reports whether a certificate is for clients of TLS: one that does not say what it is for is for everything (RFC 5280, 4.2.1.12).
func forClients(c *x509.Certificate) bool {
	return len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

func issues(by, c *x509.Certificate) bool {
	return bytes.Equal(by.RawSubject, c.RawIssuer) && c.CheckSignatureFrom(by) == nil
}

var _ error = (*BundleError)(nil)
