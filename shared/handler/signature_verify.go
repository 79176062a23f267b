package handler

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"math/big"

	"github.com/dunglas/httpsfv"

	"polygate.example/shared/gateway"
)

// signs reports whether a signature is the key's, of a base (RFC 9421, 3.3). What the algorithm is, the key alone says: a public key that an
// attacker knows is never taken for the secret of an HMAC. secret is the key of an HMAC.
func (k *signatureKey) signs(base string, signature, secret []byte) bool {
	switch k.algorithm {
	case gateway.AlgorithmHMAC:
		mac := hmac.New(sha256.New, secret)
		_, _ = mac.Write([]byte(base)) // a hash takes everything
		return len(secret) > 0 && hmac.Equal(mac.Sum(nil), signature)
	case gateway.AlgorithmEd25519:
		key, ok := k.public.(ed25519.PublicKey)
		return ok && len(signature) == ed25519.SignatureSize && ed25519.Verify(key, []byte(base), signature)
	case gateway.AlgorithmECDSA:
		key, ok := k.public.(*ecdsa.PublicKey)
		if !ok || len(signature) != 64 { // r and s of 32 bytes, and no ASN.1 (RFC 9421, 3.3.4)
			return false
		}
		sum := sha256.Sum256([]byte(base))
		return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case gateway.AlgorithmPSS:
		key, ok := k.public.(*rsa.PublicKey)
		sum := sha512.Sum512([]byte(base))
		return ok && rsa.VerifyPSS(key, crypto.SHA512, sum[:], signature, &rsa.PSSOptions{SaltLength: 64, Hash: crypto.SHA512}) == nil
	}
	return false
}

// digestMatches tests a body against the header Content-Digest (RFC 9530, 2). Every digest of an algorithm that is known has to be right, and there
// has to be one; those that the RFC calls insecure are not known (5).
func digestMatches(lines []string, body []byte) bool {
	dictionary, err := httpsfv.UnmarshalDictionary(lines)
	if err != nil {
		return false
	}
	tested := false
	for _, name := range dictionary.Names() {
		var want []byte
		switch name {
		case "sha-256":
			sum := sha256.Sum256(body)
			want = sum[:]
		case "sha-512":
			sum := sha512.Sum512(body)
			want = sum[:]
		default:
			continue
		}
		member, _ := dictionary.Get(name)
		item, ok := member.(httpsfv.Item)
		if !ok {
			return false
		}
		given, ok := item.Value.([]byte)
		if !ok || subtle.ConstantTimeCompare(given, want) != 1 {
			return false
		}
		tested = true
	}
	return tested
}
