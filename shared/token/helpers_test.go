package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"polygate.example/shared/jwk"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a wall's clock that a test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: epoch} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// keyPairs are made once: RSA keys take long.
var keyPairs = sync.OnceValue(func() (k struct {
	rsa, otherRSA     *rsa.PrivateKey
	p256, other, p384 *ecdsa.PrivateKey
}) {
	var errs [5]error
	k.rsa, errs[0] = rsa.GenerateKey(rand.Reader, 2048)
	k.otherRSA, errs[1] = rsa.GenerateKey(rand.Reader, 2048)
	k.p256, errs[2] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k.other, errs[3] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k.p384, errs[4] = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err := errors.Join(errs[:]...); err != nil {
		panic(err)
	}
	return k
})

// sign makes a token.
func sign(t testing.TB, alg string, key any, header, claims map[string]any) string {
	t.Helper()
	tok := jwt.NewWithClaims(jwt.GetSigningMethod(alg), jwt.MapClaims(claims))
	for name, v := range header {
		tok.Header[name] = v
	}
	text, err := tok.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// signRaw makes a token of any bytes, signed by a P-256 key.
func signRaw(t testing.TB, key *ecdsa.PrivateKey, header, claims string) string {
	t.Helper()
	text := b64([]byte(header)) + "." + b64([]byte(claims))
	sig, err := jwt.SigningMethodES256.Sign(text, key)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(sig)
}

// with are claims that do, with some changed; a value of nil takes one out.
func with(changes ...any) map[string]any {
	c := map[string]any{"iss": "me", "aud": "you", "sub": "alice", "exp": epoch.Add(time.Hour).Unix()}
	for i := 0; i < len(changes); i += 2 {
		c[changes[i].(string)] = changes[i+1]
		if changes[i+1] == nil {
			delete(c, changes[i].(string))
		}
	}
	return c
}

var allRules = Rules{Algorithms: jwk.Algorithms(), Issuer: "me", Audience: []string{"you", "us"}, Leeway: 30 * time.Second, RequireExpiry: true}

func key(id string, public crypto.PublicKey) jwk.Key { return jwk.Key{ID: id, Public: public} }

// jwks is a set of P-256 keys by kid, as it is fetched.
func jwks(t testing.TB, keys map[string]*ecdsa.PublicKey) []byte {
	t.Helper()
	var list []map[string]string
	for id, k := range keys {
		raw, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, map[string]string{"kty": "EC", "crv": "P-256", "kid": id, "x": b64(raw[1:33]), "y": b64(raw[33:])})
	}
	b, err := json.Marshal(map[string]any{"keys": list})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// newVerifier is one that makes nothing of claims.
func newVerifier(rules Rules, keys Keys, now func() time.Time) *Verifier[map[string]any] {
	return NewVerifier(rules, keys, now, func(claims map[string]any) map[string]any { return claims })
}

// wantReason verifies a token and expects a reason, "" for none.
func wantReason(t testing.TB, v *Verifier[map[string]any], token string, want Reason) {
	t.Helper()
	_, err := v.Verify(context.Background(), token)
	var got Reason
	if errors.As(err, &got); got != want || err != nil && got == "" {
		t.Errorf("error %v, want %q", err, want)
	}
}
