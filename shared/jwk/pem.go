package jwk

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
)

// readPEM reads blocks of type PUBLIC KEY (RFC 7468, 13). Such keys have no kid.
func readPEM(text []byte) ([]Key, []*Error) {
	var keys []Key
	var unusable []*Error
	n := 0
	for len(text) > 0 {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		if n++; n > MaxKeys {
			return nil, []*Error{{What: "holds too many keys", Remedy: fmt.Sprintf("keep to %d", MaxKeys)}}
		}
		k, bad := readBlock(block)
		if bad != nil {
			bad.Key = n
			unusable = append(unusable, bad)
			continue
		}
		keys = append(keys, k)
	}
	if n == 0 || strings.TrimSpace(string(text)) != "" {
		unusable = append(unusable, &Error{What: "is neither a JWK set nor PEM", Remedy: remedyText})
	}
	return keys, unusable
}

func readBlock(block *pem.Block) (Key, *Error) {
	switch {
	case strings.Contains(block.Type, "PRIVATE"):
		return Key{}, &Error{What: "is a private key", Remedy: remedyPublic + " (openssl pkey -pubout), and replace this one: it is not private any more"}
	case block.Type != "PUBLIC KEY":
		return Key{}, &Error{What: fmt.Sprintf("is a PEM block of type %.40q", block.Type), Remedy: "want PUBLIC KEY: openssl pkey -pubout, or openssl x509 -pubkey -noout for a certificate"}
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return Key{}, &Error{What: "cannot be read", Remedy: "write it as its owner publishes it"}
	}
	switch k := parsed.(type) {
	case *rsa.PublicKey:
		public, bad := checkRSA(k)
		return Key{Public: public}, bad
	case *ecdsa.PublicKey:
		if curveOf(k.Curve.Params().Name) != nil {
			return Key{Public: k}, nil
		}
	case ed25519.PublicKey:
		return Key{Public: k}, nil
	}
	return Key{}, &Error{What: "is of a type that no algorithm here fits", Remedy: "want RSA, P-256, P-384, P-521 or Ed25519"}
}
