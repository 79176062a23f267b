package handler

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/gateway"
)

// The keys of RFC 9421, B.1: test-key-rsa-pss, test-key-ecc-p256, test-key-ed25519 and test-shared-secret. They are public, private ones too.
const (
	rfcPSS = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2
+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+
oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq
gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W
Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4
aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI
2wIDAQAB
-----END PUBLIC KEY-----
`
	rfcECDSA = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----
`
	rfcEd25519 = `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
`
	rfcEd25519Seed = "n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU"
	rfcSecret      = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
)

const rfcCreated = 1618884473

func rfcKeys() []gateway.SignatureKey {
	holder := gateway.Holder{Consumer: "rfc"}
	return []gateway.SignatureKey{
		{ID: "test-key-rsa-pss", Algorithm: gateway.AlgorithmPSS, PublicKey: rfcPSS, Holder: holder},
		{ID: "test-key-ecc-p256", Algorithm: gateway.AlgorithmECDSA, PublicKey: rfcECDSA, Holder: holder},
		{ID: "test-key-ed25519", Algorithm: gateway.AlgorithmEd25519, PublicKey: rfcEd25519, Holder: holder},
		{ID: "test-shared-secret", Algorithm: gateway.AlgorithmHMAC, Secret: "SHARED", Encoding: gateway.EncodingBase64, Holder: holder},
	}
}

// rfcRequest is test-request of RFC 9421, B.2, signed.
func rfcRequest(input, signature string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://example.com/foo?param=Value&Pet=dog", strings.NewReader(`{"hello": "world"}`))
	for name, value := range map[string]string{
		"Date": "Tue, 20 Apr 2021 02:07:55 GMT", "Content-Type": "application/json", "Content-Length": "18",
		"Content-Digest":  "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
		"Signature-Input": input, "Signature": signature,
	} {
		r.Header.Set(name, value)
	}
	return r
}

var rfcVectors = []struct {
	section, input, signature, base string
}{
	{"B.2.1", `sig-b21=();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"`,
		"sig-b21=:d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==:",
		`"@signature-params": ();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"`},
	{"B.2.2", `sig-b22=("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example"`,
		"sig-b22=:LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==:",
		`"@authority": example.com
"content-digest": sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:
"@query-param";name="Pet": dog
"@signature-params": ("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example"`},
	{"B.2.3", `sig-b23=("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss"`,
		"sig-b23=:bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==:",
		`"date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@query": ?param=Value&Pet=dog
"@authority": example.com
"content-type": application/json
"content-digest": sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:
"content-length": 18
"@signature-params": ("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss"`},
	{"B.2.5", `sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"`,
		"sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:",
		`"date": Tue, 20 Apr 2021 02:07:55 GMT
"@authority": example.com
"content-type": application/json
"@signature-params": ("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"`},
	{"B.2.6", `sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`,
		"sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
		`"date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@authority": example.com
"content-type": application/json
"content-length": 18
"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`},
}

// The vectors of RFC 9421 for requests, B.2.1 to B.2.6 without B.2.4: the base is as printed, and the signature is right.
func TestRFC9421Requests(t *testing.T) {
	now := time.Unix(rfcCreated, 0)
	p := newTestSignature(t, gateway.Signature{Keys: rfcKeys(), MaxAge: ms(300_000), Nonce: gateway.NonceOptional, MaxBody: 100}, &now)
	for _, v := range rfcVectors {
		t.Run(v.section, func(t *testing.T) {
			r := rfcRequest(v.input, v.signature)
			input, given, key, err := p.candidate(r)
			if err != nil {
				t.Fatal(err)
			}
			base, err := signatureBase(r, input)
			if err != nil || base != v.base {
				t.Fatalf("%v, base is\n%s\nwant\n%s", err, base, v.base)
			}
			shared, _ := base64.StdEncoding.DecodeString(rfcSecret)
			if !key.signs(base, given, shared) {
				t.Error("the signature of the RFC is not taken")
			}
			if key.signs(base+" ", given, shared) {
				t.Error("the signature is taken for another base")
			}
			given[0] ^= 1
			if key.signs(base, given, shared) {
				t.Error("another signature is taken")
			}
			// Right as they are, a request is taken by them only if they cover all that it asks for.
			var want error
			switch {
			case !strings.Contains(v.input, "content-digest"):
				want = errDigestMissing
			case !strings.Contains(v.input, `"@query"`):
				want = errQueryMissing
			}
			if _, _, ok, err := p.verify(rfcRequest(v.input, v.signature)); !errors.Is(err, want) || ok != (want == nil) {
				t.Errorf("verify: %v, %v, want %v", ok, err, want)
			}
		})
	}
}

// B.2.4 is a response, which no policy verifies; its base and signature test ECDSA.
func TestRFC9421Response(t *testing.T) {
	const base = `"@status": 200
"content-type": application/json
"content-digest": sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:
"content-length": 23
"@signature-params": ("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256"`
	given, err := base64.StdEncoding.DecodeString("wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(rfcCreated, 0)
	p := newTestSignature(t, gateway.Signature{Keys: rfcKeys()}, &now)
	if !p.keys["test-key-ecc-p256"].signs(base, given, nil) {
		t.Error("the signature of the RFC is not taken")
	}
	if p.keys["test-key-ecc-p256"].signs(base, given[:63], nil) || p.keys["test-key-ecc-p256"].signs(base+"x", given, nil) {
		t.Error("another is")
	}
	for id, key := range p.keys {
		if id != "test-key-ecc-p256" && key.signs(base, given, []byte(rfcECDSA)) {
			t.Errorf("a key of %s takes a signature of ECDSA", key.algorithm)
		}
	}
}
