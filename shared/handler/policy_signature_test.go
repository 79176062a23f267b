package handler

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dunglas/httpsfv"

	"polygate.example/shared/gateway"
	"polygate.example/shared/secret"
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

// newTestSignature compiles a policy at a time.
func newTestSignature(t testing.TB, spec gateway.Signature, now *time.Time) *signature {
	t.Helper()
	env := environment{name: "who", now: func() time.Time { return *now }, secrets: secret.New(vault{"SHARED": rfcSecret}, nil)}
	p := &signature{env: env, spec: spec, keys: map[string]*signatureKey{}}
	for _, k := range spec.Keys {
		h, err := newHolding(k.Holder, "who")
		if err != nil {
			t.Fatal(err)
		}
		key := &signatureKey{holding: h, spec: k, algorithm: k.Algorithm}
		if k.PublicKey != "" {
			if key.public, err = gateway.ParsePublicKey(k.Algorithm, k.PublicKey); err != nil {
				t.Fatal(err)
			}
		}
		p.keys[k.ID] = key
	}
	return p
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
			if covered := strings.Contains(v.input, "content-digest"); covered {
				if _, _, ok, err := p.verify(rfcRequest(v.input, v.signature)); err != nil || !ok {
					t.Errorf("verify: %v, %v", ok, err)
				}
			} else if _, _, _, err := p.verify(rfcRequest(v.input, v.signature)); !errors.Is(err, errDigestMissing) {
				t.Errorf("a body that is not covered: %v", err)
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

// RFC 9421, 2.2: what components are of this request, and what none is.
func TestComponents(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "https://WWW.Example.com:443/a%2Fb/?queryString=x&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something&two=1&two=2&q=*~", nil)
	r.Header["X-Lines"] = []string{" one ", "two"}
	r.Header.Set("X-Dict", `a=1;x, b=("p" q)`)
	r.Header.Set("X-Empty", "")
	for identifier, want := range map[string]string{
		`"@method"`: "GET", `"@authority"`: "www.example.com", `"@scheme"`: "https", `"@path"`: "/a%2Fb/",
		`"@request-target"`: r.URL.RequestURI(), `"@target-uri"`: "https://www.example.com" + r.URL.RequestURI(), `"@query"`: "?" + r.URL.RawQuery,
		`"@query-param";name="bar"`: "with%20plus%20whitespace", `"@query-param";name="fa%C3%A7ade%22%3A%20"`: "something", `"@query-param";name="q"`: "*%7E",
		`"x-lines"`: "one, two", `"x-empty"`: "", `"x-dict";key="a"`: "1;x", `"x-dict";key="b"`: `("p" q)`, `"host"`: "WWW.Example.com:443", `"content-length"`: "0",
		`"@query-param";name="two"`: "!", `"@query-param";name="absent"`: "!", `"@query-param"`: "!", `"@query-param";name="%62ar"`: "!", `"@status"`: "!", `"@signature-params"`: "!",
		`"X-Lines"`: "!", `"x-absent"`: "!", `"x-lines";bs`: "!", `"x-dict";sf`: "!", `"x-lines";tr`: "!", `"@method";req`: "!", `"x-dict";key="c"`: "!", `"x-lines";key="a"`: "!", `7`: "!", `""`: "!",
	} {
		item, err := httpsfv.UnmarshalItem([]string{identifier})
		if err != nil {
			t.Fatal(err)
		}
		got, err := componentValue(r, item)
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("%s is %q, want %q (%v)", identifier, got, want, err)
		}
	}
}

// signer signs requests as the client of a key does.
type signer struct {
	id, label, extra string
	components       string
	created          int64
	nonce            string
}

func sample() signer {
	return signer{id: "test-key-ed25519", label: "sig1", components: `"@method" "@authority" "@path"`, created: rfcCreated, nonce: "n-1"}
}

func (s signer) input() string {
	text := fmt.Sprintf(`(%s);created=%d;keyid="%s"`, s.components, s.created, s.id)
	if s.created == 0 {
		text = fmt.Sprintf(`(%s);keyid="%s"`, s.components, s.id)
	}
	if s.nonce != "" {
		text += fmt.Sprintf(`;nonce="%s"`, s.nonce)
	}
	return text + s.extra
}

func (s signer) sign(t testing.TB, r *http.Request) *http.Request {
	t.Helper()
	d, err := httpsfv.UnmarshalDictionary([]string{s.label + "=" + s.input()})
	if err != nil {
		t.Fatal(err)
	}
	member, _ := d.Get(s.label)
	base, err := signatureBase(r, member.(httpsfv.InnerList))
	if err != nil {
		t.Fatal(err)
	}
	seed, err := base64.RawURLEncoding.DecodeString(rfcEd25519Seed)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Signature-Input", s.label+"="+s.input())
	r.Header.Set("Signature", s.label+"=:"+base64.StdEncoding.EncodeToString(ed25519.Sign(ed25519.NewKeyFromSeed(seed), []byte(base)))+":")
	return r
}

// signed is a policy as the document makes it by default.
func signed() gateway.Signature {
	return gateway.Signature{Keys: rfcKeys(), Components: []string{"@method", "@authority", "@path"}, MaxAge: ms(300_000), Skew: ms(30_000), Nonce: gateway.NonceRequired, MaxBody: 64, ForwardAs: forwarded}
}

func post(text string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://example.com/foo", strings.NewReader(text))
	sum := sha256.Sum256([]byte(text))
	r.Header.Set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
	return r
}

func TestSignature(t *testing.T) {
	plain := func() *http.Request { return httptest.NewRequest(http.MethodGet, "https://example.com/foo?q=1", nil) }
	whole := sample()
	whole.components += ` "content-digest"`
	change := func(s signer, edit func(*signer)) signer { edit(&s); return s }
	for _, c := range []struct {
		name    string
		spec    func(*gateway.Signature)
		request func(t *testing.T) *http.Request
		want    int
		why     string
	}{
		{"right", nil, func(t *testing.T) *http.Request { return sample().sign(t, plain()) }, 200, ""},
		{"right, with a body", nil, func(t *testing.T) *http.Request { return whole.sign(t, post("hello")) }, 200, ""},
		{"right, body in chunks", nil, func(t *testing.T) *http.Request { r := whole.sign(t, post("hello")); r.ContentLength = -1; return r }, 200, ""},
		{"right, beside another's signature", nil, func(t *testing.T) *http.Request {
			r := sample().sign(t, plain())
			r.Header.Add("Signature-Input", `proxy=("@method");created=1;keyid="other"`)
			r.Header.Add("Signature", "proxy=:AAAA:")
			return r
		}, 200, ""},
		{"none", nil, func(*testing.T) *http.Request { return plain() }, 401, "there is no signature"},
		{"optional, none", func(s *gateway.Signature) { s.Optional = true }, func(*testing.T) *http.Request { return plain() }, 200, ""},
		{"optional, input alone", func(s *gateway.Signature) { s.Optional = true }, func(t *testing.T) *http.Request {
			r := sample().sign(t, plain())
			r.Header.Del("Signature")
			return r
		}, 401, "do not belong together"},
		{"changed method", nil, func(t *testing.T) *http.Request {
			r := sample().sign(t, plain())
			r.Method = http.MethodDelete
			return r
		}, 401, "not that of key"},
		{"changed path", nil, func(t *testing.T) *http.Request {
			r := sample().sign(t, plain())
			r.URL.Path = "/admin"
			return r
		}, 401, "not that of key"},
		{"changed host", nil, func(t *testing.T) *http.Request { r := sample().sign(t, plain()); r.Host = "evil.example"; return r }, 401, "not that of key"},
		{"changed body", nil, func(t *testing.T) *http.Request {
			r := whole.sign(t, post("hello"))
			r.Body = post("jello").Body
			return r
		}, 401, "not that of Content-Digest"},
		{"changed body and digest", nil, func(t *testing.T) *http.Request {
			r, other := whole.sign(t, post("hello")), post("jello")
			r.Body = other.Body
			r.Header.Set("Content-Digest", other.Header.Get("Content-Digest"))
			return r
		}, 401, "not that of key"},
		{"body taken away", nil, func(t *testing.T) *http.Request {
			r := whole.sign(t, post("hello"))
			r.Body, r.ContentLength = http.NoBody, 0
			return r
		}, 401, "not that of Content-Digest"},
		{"body added", nil, func(t *testing.T) *http.Request {
			r := sample().sign(t, plain())
			r.Body, r.ContentLength = post("hello").Body, 5
			return r
		}, 401, "content-digest is not covered"},
		{"body added in chunks", nil, func(t *testing.T) *http.Request {
			r := sample().sign(t, plain())
			r.Body, r.ContentLength = post("hello").Body, -1
			return r
		}, 401, "content-digest is not covered"},
		{"digest of an insecure algorithm", nil, func(t *testing.T) *http.Request {
			r := post("hello")
			r.Header.Set("Content-Digest", "md5=:XUFAKrxLKna5cZ2REBfFkg==:")
			return whole.sign(t, r)
		}, 401, "not that of Content-Digest"},
		{"one of two digests wrong", nil, func(t *testing.T) *http.Request {
			r := post("hello")
			r.Header.Add("Content-Digest", "sha-512=:AAAA:")
			return whole.sign(t, r)
		}, 401, "not that of Content-Digest"},
		{"long body", nil, func(t *testing.T) *http.Request { return whole.sign(t, post(strings.Repeat("x", 65))) }, 413, "longer than"},
		{"long body, told before it is read", nil, func(t *testing.T) *http.Request {
			r := whole.sign(t, post(strings.Repeat("x", 65)))
			r.Body = brokenBody{}
			return r
		}, 413, "longer than"},
		{"long body in chunks", nil, func(t *testing.T) *http.Request {
			r := whole.sign(t, post(strings.Repeat("x", 65)))
			r.ContentLength = -1
			return r
		}, 413, "longer than"},
		{"body that ends early", nil, func(t *testing.T) *http.Request {
			r := whole.sign(t, post("hello"))
			r.Body = brokenBody{}
			return r
		}, 400, ""},
		{"missing component", nil, func(t *testing.T) *http.Request {
			return change(sample(), func(s *signer) { s.components = `"@method" "@authority"` }).sign(t, plain())
		}, 401, "component @path is not covered"},
		{"missing component, covered with a parameter", func(s *gateway.Signature) { s.Components = []string{"x-dict"} }, func(t *testing.T) *http.Request {
			r := plain()
			r.Header.Set("X-Dict", "a=1, b=2")
			return change(sample(), func(s *signer) { s.components = `"x-dict";key="a"` }).sign(t, r)
		}, 401, "component x-dict is not covered"},
		{"component twice", nil, func(t *testing.T) *http.Request {
			r := sample().sign(t, plain())
			r.Header.Set("Signature-Input", strings.Replace(r.Header.Get("Signature-Input"), `"@path"`, `"@path" "@path"`, 1))
			return r
		}, 401, "covered twice"},
		{"header that is not there", nil, func(t *testing.T) *http.Request {
			r := plain()
			r.Header.Set("X-A", "1")
			r = change(sample(), func(s *signer) { s.components += ` "x-a"` }).sign(t, r)
			r.Header.Del("X-A")
			return r
		}, 401, "is not in the request"},
		{"old", nil, func(t *testing.T) *http.Request {
			return change(sample(), func(s *signer) { s.created -= 331 }).sign(t, plain())
		}, 401, "too old"},
		{"old within the skew", nil, func(t *testing.T) *http.Request {
			return change(sample(), func(s *signer) { s.created -= 330 }).sign(t, plain())
		}, 200, ""},
		{"future", nil, func(t *testing.T) *http.Request {
			return change(sample(), func(s *signer) { s.created += 31 }).sign(t, plain())
		}, 401, "in the future"},
		{"future within the skew", nil, func(t *testing.T) *http.Request {
			return change(sample(), func(s *signer) { s.created += 30 }).sign(t, plain())
		}, 200, ""},
		{"no created", nil, func(t *testing.T) *http.Request {
			return change(sample(), func(s *signer) { s.created = 0 }).sign(t, plain())
		}, 401, "does not say when"},
		{"expired", nil, func(t *testing.T) *http.Request {
			return change(sample(), func(s *signer) { s.created -= 60; s.extra = fmt.Sprintf(";expires=%d", rfcCreated-31) }).sign(t, plain())
		}, 401, "has expired"},
		{"expires that is no number", nil, func(t *testing.T) *http.Request {
			return change(sample(), func(s *signer) { s.extra = `;expires="never"` }).sign(t, plain())
		}, 401, "has expired"},
		{"no nonce", nil, func(t *testing.T) *http.Request {
			return change(sample(), func(s *signer) { s.nonce = "" }).sign(t, plain())
		}, 401, "needs a nonce"},
		{"no nonce, optional", func(s *gateway.Signature) { s.Nonce = gateway.NonceOptional }, func(t *testing.T) *http.Request {
			return change(sample(), func(s *signer) { s.nonce = "" }).sign(t, plain())
		}, 200, ""},
		{"long nonce", nil, func(t *testing.T) *http.Request {
			return change(sample(), func(s *signer) { s.nonce = strings.Repeat("n", 257) }).sign(t, plain())
		}, 401, "needs a nonce"},
		{"no tag", func(s *gateway.Signature) { s.Tag = "app" }, func(t *testing.T) *http.Request { return sample().sign(t, plain()) }, 401, "no signature by a key"},
		{"tag", func(s *gateway.Signature) { s.Tag = "app" }, func(t *testing.T) *http.Request {
			return change(sample(), func(s *signer) { s.extra = `;tag="app"` }).sign(t, plain())
		}, 200, ""},
		{"algorithm said right", nil, func(t *testing.T) *http.Request {
			return change(sample(), func(s *signer) { s.extra = `;alg="ed25519"` }).sign(t, plain())
		}, 200, ""},
		{"algorithm of another kind", nil, func(t *testing.T) *http.Request {
			return change(sample(), func(s *signer) { s.extra = `;alg="hmac-sha256"` }).sign(t, plain())
		}, 401, "says another algorithm"},
		{"key of another kind", nil, func(t *testing.T) *http.Request {
			return change(sample(), func(s *signer) { s.id = "test-shared-secret" }).sign(t, plain())
		}, 401, "not that of key"},
		{"unknown key", nil, func(t *testing.T) *http.Request {
			return change(sample(), func(s *signer) { s.id = "nobody" }).sign(t, plain())
		}, 401, "no signature by a key"},
		{"two that could count", nil, func(t *testing.T) *http.Request {
			r := sample().sign(t, plain())
			r.Header.Add("Signature-Input", "sig2="+sample().input())
			return r
		}, 401, "several signatures"},
		{"two of one label", nil, func(t *testing.T) *http.Request {
			r := sample().sign(t, plain())
			r.Header.Add("Signature-Input", `sig1=("@method" "@authority" "@path");created=1618884473;keyid="test-key-ed25519";nonce="n-2"`)
			return r
		}, 401, "not that of key"},
		{"no structured field", nil, func(*testing.T) *http.Request { return with("/", "Signature-Input: sig1=(", "Signature: sig1=:AAAA:") }, 401, "cannot be read"},
		{"no list of components", nil, func(*testing.T) *http.Request { return with("/", "Signature-Input: sig1=1", "Signature: sig1=:AAAA:") }, 401, "no list of components"},
		{"long header", nil, func(*testing.T) *http.Request {
			return with("/", "Signature-Input: sig1=("+strings.Repeat(" ", maxSignatureHeader)+")", "Signature: sig1=:AAAA:")
		}, 401, "more than 8192 bytes"},
		{"key that has expired", func(s *gateway.Signature) { s.Keys[2].Expires = "2021-04-20T00:00:00Z" }, func(t *testing.T) *http.Request { return sample().sign(t, plain()) }, 401, "key test-key-ed25519 has expired"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec, log := signed(), &logBuffer{}
			if c.spec != nil {
				c.spec(&spec)
			}
			h, got := keyed(t, gateway.Policy{Signature: &spec}, Options{Logger: log.logger(), Secrets: secret.New(vault{"SHARED": rfcSecret}, nil), Now: func() time.Time { return time.Unix(rfcCreated, 0) }})
			r := c.request(t)
			r.Header.Set("X-Consumer", "root")
			resp := ask(h, r)
			if resp.StatusCode != c.want || (*got != nil) != (c.want == 200) {
				t.Fatalf("status %d, want %d: %s", resp.StatusCode, c.want, log.b.String())
			}
			if c.want == 200 {
				if who := (*got).header.Get("X-Consumer"); who != "rfc" && !spec.Optional || who == "root" {
					t.Errorf("consumer %q", who)
				}
				return
			}
			if c.want == 401 {
				if resp.Header.Get("Www-Authenticate") != `Signature realm="who"` || !strings.HasPrefix(resp.Header.Get("Accept-Signature"), "sig1=(") {
					t.Errorf("challenge: %v", resp.Header)
				}
			}
			if denied := log.lines(t, "denied"); c.why != "" && (len(denied) != 1 || !strings.Contains(denied[0]["why"].(string), c.why)) {
				t.Errorf("denied: %v, want %s", denied, c.why)
			}
		})
	}
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, http.ErrBodyReadAfterClose }
func (brokenBody) Close() error             { return nil }

// What was signed once passes once; a changed body does not use up the nonce of the true request; and a nonce is known for as long as its signature is good.
func TestSignatureReplay(t *testing.T) {
	now := time.Unix(rfcCreated, 0)
	spec := signed()
	h, got := keyed(t, gateway.Policy{Signature: &spec}, Options{Secrets: secret.New(vault{"SHARED": rfcSecret}, nil), Now: func() time.Time { return now }})
	s := sample()
	s.components += ` "content-digest"`
	send := func(text string, want int, code string) {
		t.Helper()
		r := s.sign(t, post("hello"))
		r.Body = post(text).Body
		resp := ask(h, r)
		if answer := body(t, resp); resp.StatusCode != want || code != "" && !strings.Contains(answer, code) {
			t.Errorf("status %d, want %d: %s", resp.StatusCode, want, answer)
		}
	}
	send("jello", 401, codeCredentialRefused)
	send("hello", 200, "")
	*got = nil
	send("hello", 401, codeReplayed)
	for range 12 { // until the signature itself is too old
		now = now.Add(30 * time.Second)
		if now.Unix()-rfcCreated <= 330 {
			send("hello", 401, codeReplayed)
		} else {
			send("hello", 401, codeCredentialRefused)
		}
	}
	if *got != nil {
		t.Error("a replay went upstream")
	}
	s.created, s.nonce = now.Unix(), "n-2"
	send("hello", 200, "")
}

func TestNonces(t *testing.T) {
	n := nonces{window: 360}
	if n.use("a", 1000) != nil || !errors.Is(n.use("a", 1000), errReplayed) || !errors.Is(n.use("a", 1359), errReplayed) {
		t.Error("a nonce is not remembered")
	}
	if n.use("b", 1360) != nil || !errors.Is(n.use("a", 1360), errReplayed) || !errors.Is(n.use("b", 1719), errReplayed) {
		t.Error("a nonce is forgotten when the generation changes")
	}
	if n.use("c", 1720) != nil || !errors.Is(n.use("b", 1720), errReplayed) {
		t.Error("the younger one is forgotten too")
	}
	if n.use("a", 3000) != nil {
		t.Error("a nonce is remembered for ever")
	}
	for i := range maxNonces - 1 {
		if err := n.use(fmt.Sprint(i), 3000); err != nil {
			t.Fatalf("nonce %d: %v", i, err)
		}
	}
	if err := n.use("more", 3000); !errors.Is(err, errManyNonce) {
		t.Errorf("one too many: %v", err)
	}
	if err := n.use("5", 3000); !errors.Is(err, errReplayed) {
		t.Errorf("a replay when it is full: %v", err)
	}
	if err := n.use("more", 3720); err != nil {
		t.Errorf("when the others are over: %v", err)
	}
}

// The secret of an HMAC that cannot be used: 503, and nothing passes.
func TestSignatureSecret(t *testing.T) {
	for _, v := range []vault{{}, {"SHARED": "no base64!"}, {"SHARED": "c2hvcnQ="}} {
		spec := signed()
		spec.Nonce, spec.Components = gateway.NonceOptional, []string{"@authority"}
		log := &logBuffer{}
		h, _ := keyed(t, gateway.Policy{Signature: &spec}, Options{Logger: log.logger(), Secrets: secret.New(v, nil), Now: func() time.Time { return time.Unix(rfcCreated, 0) }})
		r := rfcRequest(rfcVectors[3].input, rfcVectors[3].signature)
		r.Body, r.ContentLength = http.NoBody, 0
		if resp := ask(h, r); resp.StatusCode != 503 || !strings.Contains(body(t, resp), codeSecret) {
			t.Errorf("%v: %d", v, resp.StatusCode)
		}
		if text := log.b.String(); v["SHARED"] != "" && strings.Contains(text, v["SHARED"]) {
			t.Errorf("the secret is in the log: %s", text)
		}
	}
	spec := signed()
	spec.Nonce, spec.Components = gateway.NonceOptional, []string{"@authority"}
	h, got := keyed(t, gateway.Policy{Signature: &spec}, Options{Secrets: secret.New(vault{"SHARED": rfcSecret}, nil), Now: func() time.Time { return time.Unix(rfcCreated, 0) }})
	r := rfcRequest(rfcVectors[3].input, rfcVectors[3].signature)
	r.Body, r.ContentLength = http.NoBody, 0
	if resp := ask(h, r); resp.StatusCode != 200 || *got == nil {
		t.Errorf("the right one: %d", resp.StatusCode)
	}
}

// A public key, which anybody may have, is no secret of an HMAC.
func TestAlgorithmConfusion(t *testing.T) {
	now := time.Unix(rfcCreated, 0)
	p := newTestSignature(t, gateway.Signature{Keys: rfcKeys()}, &now)
	forged := &signatureKey{algorithm: gateway.AlgorithmHMAC}
	for id, key := range p.keys {
		if key.algorithm == gateway.AlgorithmHMAC {
			continue
		}
		h := hmacOf(key.spec.PublicKey)
		if !forged.signs("base", h, []byte(key.spec.PublicKey)) {
			t.Fatal("the forgery is no HMAC")
		}
		if key.signs("base", h, nil) {
			t.Errorf("%s takes an HMAC under its public key", id)
		}
	}
	if forged.signs("base", hmacOf(""), nil) {
		t.Error("an HMAC under an empty secret is taken")
	}
	if _, err := gateway.ParsePublicKey(gateway.AlgorithmEd25519, rfcECDSA); err == nil {
		t.Error("a key of ECDSA is one of Ed25519")
	}
}

func TestReadBodyPasses(t *testing.T) {
	now := time.Unix(rfcCreated, 0)
	p := newTestSignature(t, signed(), &now)
	r := post("hello")
	if err := p.readBody(r, true); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(r.Body); err != nil || b.String() != "hello" || r.ContentLength != 5 {
		t.Errorf("what goes on is %q of %d bytes (%v)", b.String(), r.ContentLength, err)
	}
}

func hmacOf(key string) []byte {
	b, err := hex.DecodeString(mac(key, "base"))
	if err != nil {
		panic(err)
	}
	return b
}
