// Package jwk reads the public keys by which signed tokens are told from others: a JWK set (RFC 7517, 5) or PEM text.
//
// It takes the keys that a gateway verifies with and no others: RSA from 2048 bits, the NIST curves of RFC 7518 and Ed25519. A
// private or a secret key is never one of them: who verifies needs none, and a secret that is published is none.
package jwk

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
)

const (
	// MaxKeys is the most that a set may have. Providers publish two to a dozen.
	MaxKeys = 100
	// minRSA and maxRSA are the bits of a modulus: at least what RFC 7518 (3.3 and 3.5) demands, at most what is checked quickly.
	minRSA, maxRSA = 2048, 8192
)

// Key is a public key that tokens may be signed with.
type Key struct {
	ID     string           // its kid, "" for none
	Alg    string           // the one algorithm that it is for, "" for any that fits
	Public crypto.PublicKey // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// An Error is a key, or a whole text, that cannot be used. It never holds the key.
type Error struct {
	Key    int    // its place in the text, from 1; 0 for the text as a whole
	What   string // goes on after "the text" or "key 1"
	Remedy string
}

// Error names the key, what is wrong, and what would be right.
func (e *Error) Error() string { return e.Subject() + " " + e.What + "; " + e.Remedy }

// Subject is what the error is about: "the text" or "key 3".
func (e *Error) Subject() string {
	if e.Key == 0 {
		return "the text"
	}
	return "key " + strconv.Itoa(e.Key)
}

const (
	remedyText   = `write a JWK set, {"keys": [...]}, or one or more PEM blocks of type PUBLIC KEY`
	remedyPublic = "write the public key alone, which is all that is needed to verify"
)

// Read reads a JWK set or, where the text does not begin with a brace, PEM. It returns the keys that can be used and, for each of
// the others, why not. What a set holds for other purposes, such as encryption, or of a type that is not known (RFC 7517, 5) is
// among those.
func Read(text []byte) ([]Key, []*Error) {
	text = bytes.TrimSpace(text)
	if !bytes.HasPrefix(text, []byte("{")) {
		return readPEM(text)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil { // without the decoder's words, which quote what they read
		return nil, []*Error{{What: "is not JSON", Remedy: remedyText}}
	}
	switch {
	case len(set.Keys) == 0:
		return nil, []*Error{{What: "holds no keys", Remedy: remedyText}}
	case len(set.Keys) > MaxKeys:
		return nil, []*Error{{What: fmt.Sprintf("holds %d keys", len(set.Keys)), Remedy: fmt.Sprintf("keep to %d", MaxKeys)}}
	}
	var keys []Key
	var unusable []*Error
	for i, one := range set.Keys {
		k, bad := readKey(one)
		if bad != nil {
			bad.Key = i + 1
			unusable = append(unusable, bad)
			continue
		}
		keys = append(keys, k)
	}
	return keys, unusable
}

// member is a JWK (RFC 7517, 4; RFC 7518, 6; RFC 8037, 2). Of the private members only their presence is looked at.
type member struct {
	Kty    string   `json:"kty"`
	Use    string   `json:"use"`
	KeyOps []string `json:"key_ops"`
	Alg    string   `json:"alg"`
	Kid    string   `json:"kid"`
	Crv    string   `json:"crv"`
	X      string   `json:"x"`
	Y      string   `json:"y"`
	N      string   `json:"n"`
	E      string   `json:"e"`

	D json.RawMessage `json:"d"`
	P json.RawMessage `json:"p"`
	Q json.RawMessage `json:"q"`
}

func readKey(text []byte) (Key, *Error) {
	var m member
	if err := json.Unmarshal(text, &m); err != nil {
		return Key{}, &Error{What: "is not a JWK", Remedy: `write an object with "kty" and the members of its type, all of them text`}
	}
	switch {
	case m.Kty == "oct":
		return Key{}, &Error{What: "is a secret (kty oct)", Remedy: remedyPublic + ": signatures by a shared secret are not taken"}
	case m.D != nil || m.P != nil || m.Q != nil:
		return Key{}, &Error{What: "holds its private part", Remedy: remedyPublic + ", and replace this one: it is not private any more"}
	case m.Use != "" && m.Use != "sig", len(m.KeyOps) > 0 && !slices.Contains(m.KeyOps, "verify"):
		return Key{}, &Error{What: "is not for signatures", Remedy: `write one whose use is "sig", or leave use and key_ops out`}
	}
	k := Key{ID: m.Kid, Alg: m.Alg}
	var bad *Error
	switch m.Kty {
	case "RSA":
		k.Public, bad = readRSA(m)
	case "EC":
		k.Public, bad = readEC(m)
	case "OKP":
		k.Public, bad = readOKP(m)
	default:
		return Key{}, &Error{What: fmt.Sprintf("has kty %.20q", m.Kty), Remedy: "want RSA, EC or OKP"}
	}
	if bad != nil {
		return Key{}, bad
	}
	if k.Alg != "" && !slices.ContainsFunc(Algorithms(), k.Fits) {
		return Key{}, &Error{What: fmt.Sprintf("is for alg %.20q, which does not fit its type", m.Alg), Remedy: "write one of the algorithms of its type, or leave alg out"}
	}
	return k, nil
}

func readRSA(m member) (crypto.PublicKey, *Error) {
	n, errN := decode(m.N)
	e, errE := decode(m.E)
	if errN != nil || errE != nil || len(n) == 0 || len(e) == 0 || len(e) > 4 {
		return nil, &Error{What: "has no modulus n and exponent e that can be read", Remedy: "write both in base64url (RFC 7518, 6.3.1)"}
	}
	return checkRSA(&rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())})
}

func checkRSA(k *rsa.PublicKey) (crypto.PublicKey, *Error) {
	switch bits := k.N.BitLen(); {
	case bits < minRSA:
		return nil, &Error{What: fmt.Sprintf("has %d bits", bits), Remedy: fmt.Sprintf("use an RSA key of %d bits or more (RFC 7518, 3.3)", minRSA)}
	case bits > maxRSA:
		return nil, &Error{What: fmt.Sprintf("has %d bits", bits), Remedy: fmt.Sprintf("use an RSA key of at most %d bits: each token costs what its key does", maxRSA)}
	case k.N.Bit(0) == 0 || k.E < 3 || k.E&1 == 0 || k.E > 1<<31-1:
		return nil, &Error{What: "is no RSA key", Remedy: "want an odd modulus and an odd exponent from 3 to 2147483647"}
	}
	return k, nil
}

// curveOf is a curve of RFC 7518, 6.2.1.1, nil for another. It is no map: making all of them would cost every binary at its start.
func curveOf(name string) elliptic.Curve {
	switch name {
	case "P-256":
		return elliptic.P256()
	case "P-384":
		return elliptic.P384()
	case "P-521":
		return elliptic.P521()
	}
	return nil
}

func readEC(m member) (crypto.PublicKey, *Error) {
	curve := curveOf(m.Crv)
	if curve == nil {
		return nil, &Error{What: fmt.Sprintf("has crv %.20q", m.Crv), Remedy: "want P-256, P-384 or P-521"}
	}
	size := (curve.Params().BitSize + 7) / 8
	x, errX := decode(m.X)
	y, errY := decode(m.Y)
	if errX != nil || errY != nil || len(x) != size || len(y) != size {
		return nil, &Error{What: "has no coordinates x and y that can be read", Remedy: fmt.Sprintf("write both in base64url, %d bytes each (RFC 7518, 6.2.1)", size)}
	}
	k, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, &Error{What: "is no point of " + m.Crv, Remedy: "write the key as its owner publishes it"}
	}
	return k, nil
}

func readOKP(m member) (crypto.PublicKey, *Error) {
	x, err := decode(m.X)
	if m.Crv != "Ed25519" || err != nil || len(x) != ed25519.PublicKeySize {
		return nil, &Error{What: "is no key of Ed25519", Remedy: `want crv "Ed25519" and x, 32 bytes in base64url (RFC 8037, 2)`}
	}
	return ed25519.PublicKey(x), nil
}

// decode reads base64url without padding (RFC 7515, 2).
func decode(s string) ([]byte, error) { return base64.RawURLEncoding.Strict().DecodeString(s) }

var _ error = (*Error)(nil)
