package gateway

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
)

func pemOf(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// Keys of RSA that are marked for PSS alone are read too; short ones, and those of another curve, are not.
func TestParsePublicKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}{pkix.AlgorithmIdentifier{Algorithm: oidPSS}, asn1.BitString{Bytes: x509.MarshalPKCS1PublicKey(&key.PublicKey), BitLength: 8 * len(x509.MarshalPKCS1PublicKey(&key.PublicKey))}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParsePublicKey(AlgorithmPSS, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	if err != nil || !key.PublicKey.Equal(got) {
		t.Errorf("a key for PSS alone: %v", err)
	}
	if _, err := ParsePublicKey(AlgorithmPSS, pemOf(t, &key.PublicKey)); err != nil {
		t.Errorf("a key of RSA: %v", err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small := rsa.PublicKey{N: new(big.Int).Rsh(key.N, 1025), E: key.E}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ algorithm, text, want string }{
		{AlgorithmECDSA, pemOf(t, edwards), "is of another kind"},
		{AlgorithmHMAC, pemOf(t, edwards), "is of another kind"},
		{AlgorithmEd25519, pemOf(t, &key.PublicKey), "is of another kind"},
		{AlgorithmECDSA, pemOf(t, &curve.PublicKey), "is of another kind"},
		{AlgorithmPSS, pemOf(t, &curve.PublicKey), "is of another kind"},
		{AlgorithmPSS, pemOf(t, &small), "has 1023 bits"},
		{AlgorithmHMAC, pemOf(t, &curve.PublicKey), "is of another kind"},
		{AlgorithmECDSA, strings.Repeat(pemOf(t, &curve.PublicKey), 2), "has something after it"},
		{AlgorithmECDSA, strings.ReplaceAll(pemOf(t, &curve.PublicKey), "PUBLIC KEY", "CERTIFICATE"), "is a certificate"},
		{AlgorithmECDSA, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "cannot be read"},
		{AlgorithmECDSA, "", "is no PEM"},
	} {
		if _, err := ParsePublicKey(c.algorithm, c.text); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.algorithm, err, c.want)
		}
	}
}

func TestParseLists(t *testing.T) {
	const digest = "6ab9f1eb8f7d3388f4f9d586f66e99fd54080df2c446f0e58668b09c08a16dd0"
	got, err := ParseKeys("# partners\r\n\r\n" + digest + "\tacme  gold\ta,b\r\n")
	if err != nil || len(got) != 1 || got[0].Credential != digest || got[0].Holder.Consumer != "acme" || got[0].Holder.Plan != "gold" || !slices.Equal(got[0].Holder.Roles, []string{"a", "b"}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ParseKeys(digest + " acme - a"); err != nil || got[0].Holder.Plan != "" || !slices.Equal(got[0].Holder.Roles, []string{"a"}) {
		t.Errorf("%+v, %v", got, err)
	}
	hash := "$2y$10$" + strings.Repeat("a", 53)
	if got, err := ParseUsers(hash + " müller"); err != nil || got[0].Holder.Consumer != "müller" {
		t.Errorf("%+v, %v", got, err)
	}
	// Two users may have one hash, but no user two.
	if _, err := ParseUsers(hash + " a\n" + hash + " b"); err != nil {
		t.Error(err)
	}
	var line *LineError
	if _, err := ParseUsers(hash + " a\n\n" + hash + " a"); !errors.As(err, &line) || line.Line != 3 {
		t.Errorf("%v", err)
	}
	// A name with a character that is a space to some, or none that can be seen, is no name.
	for _, name := range []string{"a\u00a0b", "a\u200bb", "a\x00", "\xff", "a:b", strings.Repeat("a", 129)} {
		if _, err := ParseUsers(hash + " " + name); err == nil {
			t.Errorf("%q is a user", name)
		}
	}
}

// What a secret has to be follows from all that use it.
func TestUsable(t *testing.T) {
	s := sample()
	s.Policies = map[string]Policy{
		"keys":    {APIKey: &APIKey{Header: "X-Api-Key", Pepper: "${secret.PEPPER}", Secret: "KEYS"}},
		"users":   {Basic: &Basic{Realm: "r", Secret: "USERS"}},
		"signers": {Signature: &Signature{Keys: []SignatureKey{{ID: "a", Algorithm: AlgorithmHMAC, Secret: "SHARED", Encoding: EncodingBase64, Holder: Holder{Consumer: "a"}}}, Components: []string{"@method"}, MaxAge: Duration(1e9), Nonce: NonceRequired, MaxBody: 1}},
	}
	s.Everywhere = []string{"keys", "users", "signers"}
	s.Routes[0].Request.Headers.Set = map[string]string{"X-Token": "${secret.TOKEN}", "X-Both": "${secret.PEPPER}"}
	m := mustNew(t, s)
	if got := m.Secrets(); !slices.Equal(got, []string{"KEYS", "PEPPER", "SHARED", "TOKEN", "USERS"}) {
		t.Errorf("secrets %v", got)
	}
	const digest = "6ab9f1eb8f7d3388f4f9d586f66e99fd54080df2c446f0e58668b09c08a16dd0"
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"KEYS", digest + " a\n# two lines", true}, {"KEYS", "hush", false},
		{"USERS", "$2y$10$" + strings.Repeat("a", 53) + " a\n", true}, {"USERS", digest + " a", false},
		{"PEPPER", "sixteen bytes it", true}, {"PEPPER", "short", false}, {"PEPPER", "sixteen bytes and\ntwo lines", false},
		{"SHARED", "MDEyMzQ1Njc4OWFiY2RlZg==", true}, {"SHARED", "MDEy", false}, {"SHARED", "no base64 at all!", false},
		{"TOKEN", "hush", true}, {"TOKEN", "hush\nhush", false},
	} {
		if err := m.Usable(c.name, c.text); (err == nil) != c.want || err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%s %q: %v", c.name, c.text, err)
		}
	}
}
