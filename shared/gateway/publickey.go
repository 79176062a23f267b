package gateway

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

const (
	minRSA = 2048 // bits; NIST SP 800-131A allows no less
	maxRSA = 8192 // bits; a larger one costs more than it protects
)

// ParsePublicKey reads the PEM of a public key (RFC 7468, 13) for an algorithm of signatures. A key of another kind is refused, which is
// what keeps a signature of one algorithm from being read as one of another. The error goes on after the key's name.
func ParsePublicKey(algorithm, text string) (crypto.PublicKey, error) {
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return nil, errors.New("is no PEM")
	case strings.Contains(block.Type, "PRIVATE"):
		return nil, errors.New("is a private one, which belongs to the client alone")
	case block.Type != "PUBLIC KEY":
		return nil, fmt.Errorf("is a %s", strings.ToLower(block.Type))
	case strings.TrimSpace(string(rest)) != "":
		return nil, errors.New("has something after it")
	}
	key, err := parsePKIX(block.Bytes)
	if err != nil {
		return nil, errors.New("cannot be read")
	}
	switch key := key.(type) {
	case ed25519.PublicKey:
		if algorithm == AlgorithmEd25519 {
			return key, nil
		}
	case *ecdsa.PublicKey:
		if algorithm == AlgorithmECDSA && key.Curve == elliptic.P256() {
			return key, nil
		}
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); algorithm == AlgorithmPSS && (bits < minRSA || bits > maxRSA) {
			return nil, fmt.Errorf("has %d bits: want %d to %d", bits, minRSA, maxRSA)
		}
		if algorithm == AlgorithmPSS {
			return key, nil
		}
	}
	return nil, errors.New("is of another kind than its algorithm")
}

// oidPSS marks RSA keys that are for PSS alone (RFC 4055, 1.2), which crypto/x509 does not read. The key itself is as any of RSA.
var oidPSS = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}

func parsePKIX(der []byte) (any, error) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if rest, err := asn1.Unmarshal(der, &info); err == nil && len(rest) == 0 && info.Algorithm.Algorithm.Equal(oidPSS) {
		return x509.ParsePKCS1PublicKey(info.Key.RightAlign())
	}
	return x509.ParsePKIXPublicKey(der)
}
