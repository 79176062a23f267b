package gateway

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Algorithms of signatures, as RFC 9421 (3.3) registers them.
const (
	AlgorithmHMAC    = "hmac-sha256"
	AlgorithmEd25519 = "ed25519"
	AlgorithmECDSA   = "ecdsa-p256-sha256"
	AlgorithmPSS     = "rsa-pss-sha512"
)

var algorithms = []string{AlgorithmECDSA, AlgorithmEd25519, AlgorithmHMAC, AlgorithmPSS}

// How a secret of an HMAC is written.
const (
	EncodingText   = "text"
	EncodingBase64 = "base64"
)

// Whether a signature has to have a nonce.
const (
	NonceRequired = "required"
	NonceOptional = "optional"
)

const (
	maxSignatureAge  = Duration(time.Hour) // a nonce is kept for as long as its signature is good
	maxSignatureSkew = Duration(5 * time.Minute)
	maxSignedBody    = 10 << 20 // bytes; it is held in memory, and no front's request is larger by much
	maxSignatureKeys = 1_000
	maxComponents    = 32
)

// Signature finds out who calls by a signature of the request (RFC 9421).
type Signature struct {
	Keys       []SignatureKey `json:"keys"`
	Components []string       `json:"components"`         // that have to be covered; content-digest too where there is a body
	Tag        string         `json:"tag,omitempty"`      // of the signatures that count; "" for any
	MaxAge     Duration       `json:"maxAge"`             // 1 s to 1 h, since created
	Skew       Duration       `json:"skew,omitzero"`      // up to 5 min, by which the client's clock may differ
	Nonce      string         `json:"nonce"`              // NonceRequired or NonceOptional
	MaxBody    int            `json:"maxBody"`            // bytes, 1 to 10 MiB
	Optional   bool           `json:"optional,omitempty"` // who signs nothing passes as nobody
	ForwardAs  ForwardAs      `json:"forwardAs,omitzero"`
}

// SignatureKey is a key by which requests are signed. It is good for its one algorithm and for no other.
type SignatureKey struct {
	ID        string `json:"id"`
	Algorithm string `json:"algorithm"`
	PublicKey string `json:"publicKey,omitempty"` // PEM; of every algorithm but HMAC
	Secret    string `json:"secret,omitempty"`    // name of the secret; of HMAC
	Encoding  string `json:"encoding,omitempty"`  // of the secret
	Holder
}

func (p *Signature) check(r *report, at Pointer) {
	switch n := len(p.Keys); {
	case n == 0:
		r.value(at, "nobody can call: there are no keys", "list some under keys")
	case n > maxSignatureKeys:
		r.value(at.Key("keys"), fmt.Sprintf("there are %d keys", n), fmt.Sprintf("keep to %d", maxSignatureKeys))
	}
	seen := map[string]int{}
	for i, k := range p.Keys {
		at := at.Key("keys").Index(i)
		switch j, again := seen[k.ID]; {
		case !isMark(k.ID):
			r.value(at.Key("id"), fmt.Sprintf("id %s is not a name", quote(k.ID)), markRule)
		case again:
			r.value(at.Key("id"), fmt.Sprintf("id %s is taken", quote(k.ID)), "give every key an id of its own")
			r.found[len(r.found)-1].Related = string(at.Parent().Index(j).Key("id"))
		default:
			seen[k.ID] = i
		}
		k.check(r, at)
		k.Holder.check(r, at, false)
	}
	p.checkComponents(r, at.Key("components"))
	if p.Tag != "" && !isMark(p.Tag) {
		r.value(at.Key("tag"), fmt.Sprintf("tag %s is not a name", quote(p.Tag)), markRule)
	}
	if p.MaxAge < Duration(time.Second) || p.MaxAge > maxSignatureAge {
		r.value(at.Key("maxAge"), fmt.Sprintf("duration %s is out of range", p.MaxAge), fmt.Sprintf("write one from 1s to %s", maxSignatureAge))
	}
	if p.Skew < 0 || p.Skew > maxSignatureSkew {
		r.value(at.Key("skew"), fmt.Sprintf("duration %s is out of range", p.Skew), fmt.Sprintf("write one up to %s", maxSignatureSkew))
	}
	if p.Nonce != NonceRequired && p.Nonce != NonceOptional {
		r.value(at.Key("nonce"), fmt.Sprintf("nonce %s is not known", quote(p.Nonce)), "write required or optional")
	}
	if p.MaxBody < 1 || p.MaxBody > maxSignedBody {
		r.value(at.Key("maxBody"), fmt.Sprintf("a body of %d bytes is out of range", p.MaxBody), fmt.Sprintf("write 1 to %d: a signed body is held in memory until it is known to be right", maxSignedBody))
	}
	p.ForwardAs.check(r, at.Key("forwardAs"), "")
}

// derived are the components of a request that are no headers, and that need no parameter (RFC 9421, 2.2).
var derived = []string{"@authority", "@method", "@path", "@query", "@request-target", "@scheme", "@target-uri"}

func (p *Signature) checkComponents(r *report, at Pointer) {
	if len(p.Components) == 0 {
		r.value(at, "no component has to be signed", "list some, such as \"@method\", \"@authority\" and \"@path\": a signature of nothing is good for every request")
	}
	if len(p.Components) > maxComponents {
		r.value(at, fmt.Sprintf("there are %d components", len(p.Components)), fmt.Sprintf("keep to %d", maxComponents))
		return
	}
	for i, c := range p.Components {
		switch {
		case strings.HasPrefix(c, "@") && !slices.Contains(derived, c):
			r.value(at.Index(i), fmt.Sprintf("component %s is not known", quote(c)), "known are "+strings.Join(derived, ", ")+", and headers in lower case")
		case !strings.HasPrefix(c, "@") && (!isToken(c) || c != strings.ToLower(c)):
			r.value(at.Index(i), fmt.Sprintf("component %s is no header's name in lower case", quote(c)), "write "+quote(strings.ToLower(c))+", as RFC 9421 has it")
		case slices.Contains([]string{"signature", "signature-input"}, c):
			r.value(at.Index(i), fmt.Sprintf("component %s is made by signing", quote(c)), "take it out")
		case slices.Contains(p.Components[:i], c):
			r.value(at.Index(i), fmt.Sprintf("component %s is listed twice", quote(c)), "list it once")
		}
	}
}

// check tests what the key itself is. What stands where a secret's name or a public key should is not repeated.
func (k SignatureKey) check(r *report, at Pointer) {
	switch {
	case !slices.Contains(algorithms, k.Algorithm):
		r.value(at.Key("algorithm"), fmt.Sprintf("algorithm %s is not known", quote(k.Algorithm)), "write one of "+strings.Join(algorithms, ", "))
		return
	case k.Algorithm == AlgorithmHMAC && k.PublicKey != "":
		r.value(at.Key("publicKey"), "an HMAC has no public key", "name the secret that both sides have under secret")
	case k.Algorithm == AlgorithmHMAC && !isSecretName(k.Secret):
		r.value(at.Key("secret"), "an HMAC needs the name of a secret", "write secret: NAME, the name that polygate:secrets has: A-Z, 0-9 and _, beginning with a letter and not with POLYGATE_")
	case k.Algorithm != AlgorithmHMAC && k.Secret != "":
		r.value(at.Key("secret"), "a key of "+k.Algorithm+" has no secret here", "write its publicKey: the client alone has the private one")
	case k.Algorithm != AlgorithmHMAC && k.PublicKey == "":
		r.value(at, "the key has no publicKey", "write its PEM, as of: openssl pkey -in key.pem -pubout")
	case k.Algorithm != AlgorithmHMAC:
		if _, err := ParsePublicKey(k.Algorithm, k.PublicKey); err != nil {
			r.value(at.Key("publicKey"), "the public key "+err.Error(), "write the PEM of a public key for "+k.Algorithm+", as of: openssl pkey -in key.pem -pubout")
		}
	}
	if k.Encoding != "" && (k.Algorithm != AlgorithmHMAC || k.Encoding != EncodingText && k.Encoding != EncodingBase64) {
		r.value(at.Key("encoding"), fmt.Sprintf("encoding %s is not known", quote(k.Encoding)), "write text or base64, of the secret of an HMAC")
	}
}

// Bytes are what the text of the key's secret stands for. The error goes on after the secret's name, and does not repeat its text.
func (k SignatureKey) Bytes(text string) ([]byte, error) {
	key := []byte(text)
	if k.Encoding == EncodingBase64 {
		var err error
		if key, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, errors.New("is no base64")
		}
	}
	if len(key) < minPepper {
		return nil, fmt.Errorf("has fewer than %d bytes", minPepper)
	}
	return key, nil
}

func (p *Signature) secrets() []string {
	var out []string
	for _, k := range p.Keys {
		if k.Secret != "" {
			out = append(out, k.Secret)
		}
	}
	return out
}

// usable tests the text of a secret that the policy reads.
func (p *Signature) usable(name, text string) error {
	for _, k := range p.Keys {
		if k.Secret == name {
			if _, err := k.Bytes(text); err != nil {
				return errors.New("it " + err.Error())
			}
		}
	}
	return nil
}

func (*Signature) parts() []Part     { return nil }
func (*Signature) caller() callerUse { return callerMade }

var (
	_ kind         = (*Signature)(nil)
	_ secretReader = (*Signature)(nil)
)
