package jwk

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwk is a public key as a set has it.
func jwk(t testing.TB, public crypto.PublicKey, more map[string]any) string {
	t.Helper()
	m := map[string]any{}
	switch k := public.(type) {
	case *rsa.PublicKey:
		m["kty"], m["n"], m["e"] = "RSA", b64(k.N.Bytes()), "AQAB"
	case *ecdsa.PublicKey:
		raw, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		half := len(raw) / 2
		m["kty"], m["crv"], m["x"], m["y"] = "EC", k.Curve.Params().Name, b64(raw[1:1+half]), b64(raw[1+half:])
	case ed25519.PublicKey:
		m["kty"], m["crv"], m["x"] = "OKP", "Ed25519", b64(k)
	}
	for name, v := range more {
		m[name] = v
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func set(keys ...string) []byte { return []byte(`{"keys": [` + strings.Join(keys, ",") + `]}`) }

// publics are a key of each type.
func publics(t testing.TB) map[string]crypto.PublicKey {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]crypto.PublicKey{"RSA": &r.PublicKey}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		out[curve.Params().Name] = &k.PublicKey
	}
	if out["Ed25519"], _, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	return out
}

// Every type is read, from a set and from PEM, and fits its own algorithms only.
func TestReadAndFits(t *testing.T) {
	fits := map[string][]string{
		"RSA":   {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
		"P-256": {"ES256"}, "P-384": {"ES384"}, "P-521": {"ES512"}, "Ed25519": {"EdDSA"},
	}
	for name, public := range publics(t) {
		t.Run(name, func(t *testing.T) {
			der, err := x509.MarshalPKIXPublicKey(public)
			if err != nil {
				t.Fatal(err)
			}
			block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
			for _, text := range [][]byte{set(jwk(t, public, nil)), block} {
				keys, unusable := Read(text)
				if len(keys) != 1 || len(unusable) != 0 {
					t.Fatalf("%d keys, %v, of %s", len(keys), unusable, text)
				}
				if !keys[0].Public.(interface{ Equal(crypto.PublicKey) bool }).Equal(public) {
					t.Error("it is another key")
				}
				for _, alg := range append(Algorithms(), "none", "HS256", "", "rs256") {
					if got, want := keys[0].Fits(alg), slices.Contains(fits[name], alg); got != want {
						t.Errorf("fits %q: %t, want %t", alg, got, want)
					}
				}
			}
			only := fits[name][0]
			keys, _ := Read(set(jwk(t, public, map[string]any{"alg": only, "kid": "k"})))
			if len(keys) != 1 || keys[0].ID != "k" || !keys[0].Fits(only) {
				t.Fatalf("with alg and kid: %+v", keys)
			}
			for _, other := range fits[name][1:] {
				if keys[0].Fits(other) {
					t.Errorf("a key for %s fits %s", only, other)
				}
			}
		})
	}
}

// What cannot be used is told with the reason, and does not take what can with it.
func TestUnusable(t *testing.T) {
	public := publics(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	good := jwk(t, public["P-256"], nil)
	for name, c := range map[string]struct{ key, want string }{
		"weak":           {jwk(t, &weak.PublicKey, nil), "1024 bits"},
		"even exponent":  {jwk(t, public["RSA"], map[string]any{"e": "Ag"}), "no RSA key"},
		"exponent one":   {jwk(t, public["RSA"], map[string]any{"e": "AQ"}), "no RSA key"},
		"long exponent":  {jwk(t, public["RSA"], map[string]any{"e": b64(make([]byte, 5))}), "can be read"},
		"huge":           {jwk(t, public["RSA"], map[string]any{"n": b64(slices.Repeat([]byte{255}, 1025))}), "8200 bits"},
		"secret":         {`{"kty": "oct", "k": "c2VjcmV0"}`, "is a secret"},
		"private":        {jwk(t, public["Ed25519"], map[string]any{"d": "AA"}), "private part"},
		"private number": {jwk(t, public["Ed25519"], map[string]any{"d": 7}), "private part"},
		"encryption":     {jwk(t, public["RSA"], map[string]any{"use": "enc"}), "not for signatures"},
		"operations":     {jwk(t, public["RSA"], map[string]any{"key_ops": []string{"encrypt"}}), "not for signatures"},
		"foreign alg":    {jwk(t, public["RSA"], map[string]any{"alg": "RSA-OAEP"}), "RSA-OAEP"},
		"HMAC alg":       {jwk(t, public["RSA"], map[string]any{"alg": "HS256"}), "HS256"},
		"other curve":    {jwk(t, public["P-256"], map[string]any{"crv": "P-384"}), "can be read"},
		"off the curve":  {jwk(t, public["P-256"], map[string]any{"y": b64(make([]byte, 32))}), "no point"},
		"short Ed25519":  {jwk(t, public["Ed25519"], map[string]any{"x": "AA"}), "no key of Ed25519"},
		"kid no text":    {jwk(t, public["Ed25519"], map[string]any{"kid": 7}), "not a JWK"},
	} {
		t.Run(name, func(t *testing.T) {
			keys, unusable := Read(set(c.key, good))
			if len(keys) != 1 || len(unusable) != 1 || unusable[0].Key != 1 || !strings.Contains(unusable[0].Error(), c.want) {
				t.Errorf("%d keys, %v, want one of them unusable: %q", len(keys), unusable, c.want)
			}
		})
	}
	for name, text := range map[string]string{
		"empty": "", "brace": "{", "no keys": `{"keys": []}`, "text": "x", "array": "[]", "too many": string(set(slices.Repeat([]string{good}, MaxKeys+1)...)),
		"private PEM": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	} {
		if keys, unusable := Read([]byte(text)); len(keys) != 0 || len(unusable) == 0 {
			t.Errorf("%s: %d keys, %v", name, len(keys), unusable)
		}
	}
}

// No message holds a key.
func FuzzRead(f *testing.F) {
	for name, public := range publics(f) {
		f.Add(set(jwk(f, public, map[string]any{"kid": name})))
	}
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"geheim"},{"kty":"EC","crv":"P-256","x":"","y":""}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, unusable := Read(text)
		for _, k := range keys {
			if !slices.ContainsFunc(Algorithms(), k.Fits) {
				t.Errorf("a key that fits nothing: %+v", k)
			}
		}
		for _, bad := range unusable {
			if bad.What == "" || bad.Remedy == "" || len(bad.Error()) > 400 {
				t.Error(fmt.Sprint("a bad message: ", bad))
			}
		}
	})
}
