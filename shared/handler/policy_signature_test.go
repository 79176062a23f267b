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
	plain := func() *http.Request { return httptest.NewRequest(http.MethodGet, "https://example.com/foo", nil) }
	asking := func(query string) *http.Request { return get("https://example.com/foo?" + query) }
	covering := func(components string) signer { s := sample(); s.components += " " + components; return s }
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
		{"right, with a query", nil, func(t *testing.T) *http.Request { return covering(`"@query"`).sign(t, asking("to=bob")) }, 200, ""},
		{"right, with a target", nil, func(t *testing.T) *http.Request { return covering(`"@target-uri"`).sign(t, asking("to=bob")) }, 200, ""},
		{"right, with all parameters", nil, func(t *testing.T) *http.Request {
			return covering(`"@query-param";name="to" "@query-param";name="a%20b"`).sign(t, asking("a+b=1&to=bob"))
		}, 200, ""},
		{"query that is not signed", nil, func(t *testing.T) *http.Request { return sample().sign(t, asking("to=bob")) }, 401, "@query is not covered"},
		{"query added", nil, func(t *testing.T) *http.Request {
			r := sample().sign(t, plain())
			r.URL.RawQuery = "to=eve"
			return r
		}, 401, "@query is not covered"},
		{"query changed", nil, func(t *testing.T) *http.Request {
			r := covering(`"@query"`).sign(t, asking("to=bob"))
			r.URL.RawQuery = "to=eve"
			return r
		}, 401, "not that of key"},
		{"parameter added", nil, func(t *testing.T) *http.Request {
			r := covering(`"@query-param";name="to"`).sign(t, asking("to=bob"))
			r.URL.RawQuery += "&amount=9"
			return r
		}, 401, "@query is not covered"},
		{"parameter added that cannot be read", nil, func(t *testing.T) *http.Request {
			r := covering(`"@query-param";name="to"`).sign(t, asking("to=bob"))
			r.URL.RawQuery += "&%zz"
			return r
		}, 401, "@query is not covered"},
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
		r.Body, r.ContentLength, r.URL.RawQuery = http.NoBody, 0, ""
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
	r.Body, r.ContentLength, r.URL.RawQuery = http.NoBody, 0, ""
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
