//go:build !without_jwt

package handler

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"polygate.example/shared/gateway"
)

// issuer is who gives a test its tokens.
type issuer struct{ key *ecdsa.PrivateKey }

func newIssuer(t testing.TB) issuer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return issuer{k}
}

// pem is the issuer's public key as a document has it.
func (i issuer) pem(t testing.TB) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&i.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// set is the issuer's public key as a JWK set.
func (i issuer) set(t testing.TB, kid string) string {
	t.Helper()
	raw, err := i.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"keys": [{"kty": "EC", "crv": "P-256", "kid": %q, "x": %q, "y": %q}]}`, kid, b64(raw[1:33]), b64(raw[33:]))
}

// token is one for alice, good for an hour, with claims changed; a value of nil takes one out.
func (i issuer) token(t testing.TB, changes jwt.MapClaims) string {
	t.Helper()
	c := jwt.MapClaims{"sub": "alice", "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	tok := jwt.NewWithClaims(jwt.SigningMethodES256, c)
	tok.Header["kid"] = "k"
	text, err := tok.SignedString(i.key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// spec is a policy by the issuer's key.
func (i issuer) spec(t testing.TB) gateway.JWT {
	return gateway.JWT{Algorithms: []string{"ES256"}, Keys: i.pem(t), RequireExpiry: true, ConsumerClaim: "sub", ForwardToken: true}
}

// behind is a handler with the policies before an upstream.
func behind(t testing.TB, up http.RoundTripper, log io.Writer, policies ...gateway.JWT) http.Handler {
	t.Helper()
	all, names := map[string]gateway.Policy{}, []string{}
	for i, p := range policies {
		names = append(names, fmt.Sprint("p", i))
		all[names[i]] = gateway.Policy{JWT: &p}
	}
	m := model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": upstream("http://a.example")}, Policies: all,
		Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Policies: names, Upstream: "up"})})
	return newHandler(t, m, Options{Transport: up, Logger: slog.New(slog.NewJSONHandler(log, nil))})
}

func bearing(token string, headers ...string) *http.Request {
	r := get("/x")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// wantCode checks status and code of an answer, 200 and "" for one that is not the gateway's.
func wantCode(t testing.TB, resp *http.Response, status int, code string) {
	t.Helper()
	b := body(t, resp)
	var p problem
	if status != 200 {
		if err := json.Unmarshal([]byte(b), &p); err != nil {
			t.Fatalf("status %d with body %q: %v", resp.StatusCode, b, err)
		}
	}
	if resp.StatusCode != status || p.Code != code {
		t.Errorf("answer %d %s, want %d %s", resp.StatusCode, b, status, code)
	}
}

// A token's claims are counted by, and told of, wherever they lie and whether they are text or numbers. Were one not found, the client's address would
// count in its place.
func TestJWTClaimsOfOthers(t *testing.T) {
	i := newIssuer(t)
	p := i.spec(t)
	for _, name := range []string{"tenant", "org.id", "/org/id", "https://a.example/org", "flag"} {
		up := &received{}
		m := model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": upstream("http://a.example")}, Policies: map[string]gateway.Policy{"p": {JWT: &p},
			"r": {RateLimit: &gateway.RateLimit{Rate: 1, Per: gateway.Duration(time.Hour), Burst: 1, Keys: 1000, By: []gateway.CountBy{{Kind: gateway.ByClaim, Name: name}}}}},
			Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Policies: []string{"p", "r"}, Upstream: "up",
				Request: gateway.Edit{Headers: gateway.HeaderOps{Set: map[string]string{"X-Claim": "${claim." + name + "}"}}}})})
		h := newHandler(t, m, Options{Transport: up})
		for n, c := range []struct {
			address string
			id      int
			status  int
		}{{"192.0.2.1:1", 42, 200}, {"192.0.2.2:1", 42, 429}, {"192.0.2.1:1", 43, 200}} {
			changes := jwt.MapClaims{"tenant": c.id, "org": map[string]any{"id": c.id}, "https://a.example/org": fmt.Sprint(c.id), "flag": c.id == 42}
			r := bearing(i.token(t, changes))
			r.RemoteAddr = c.address
			if resp := ask(h, r); resp.StatusCode != c.status {
				t.Errorf("%s, request %d: status %d, want %d", name, n, resp.StatusCode, c.status)
			}
		}
		if got := up.last.Header.Get("X-Claim"); got != "43" && got != "false" {
			t.Errorf("%s: the upstream is told %q", name, got)
		}
	}
}

// The plan of a token's holder is that of limits and of authorize.
func TestJWTPlan(t *testing.T) {
	i := newIssuer(t)
	p := i.spec(t)
	p.PlanClaim = "subscription.plan"
	hour := gateway.Duration(time.Hour)
	m := model(t, gateway.Spec{Policies: map[string]gateway.Policy{"p": {JWT: &p}, "paid": {Authorize: &gateway.Authorize{Plans: []string{"gold", "tin", "7"}}},
		"r": {RateLimit: &gateway.RateLimit{Rate: 1, Per: hour, Burst: 1, Keys: 1000, By: []gateway.CountBy{{Kind: gateway.ByPlan}}, Plans: map[string]gateway.Rates{"gold": {Rate: 2, Per: hour, Burst: 2}}}}},
		Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Policies: []string{"p", "paid", "r"}, Respond: &gateway.Respond{Status: 200}})})
	h := newHandler(t, m, Options{})
	for n, c := range []struct {
		plan   any
		status int
	}{{"gold", 200}, {"gold", 200}, {"gold", 429}, {"tin", 200}, {"tin", 429}, {7, 200}, {nil, 403}, {[]string{"gold", "tin"}, 403}, {"lead", 403}} {
		r := bearing(i.token(t, jwt.MapClaims{"subscription": map[string]any{"plan": c.plan}, "plan": "gold"}))
		if resp := ask(h, r); resp.StatusCode != c.status {
			t.Errorf("request %d, %v: status %d, want %d", n, c.plan, resp.StatusCode, c.status)
		}
	}
}

// What a request gets for its token, and how the answer says so. No token is in the log.
func TestJWTAnswers(t *testing.T) {
	i, log := newIssuer(t), &bytes.Buffer{}
	p := i.spec(t)
	p.Scopes, p.Claims = []string{"read", "list"}, map[string][]string{"tenant": {"acme", "7", "true"}, "/https:~1~1a.example~1plan": {"gold"}}
	h := behind(t, canned{}, log, p)
	full := jwt.MapClaims{"scope": "read write list", "tenant": "acme", "https://a.example/plan": []string{"tin", "gold"}}
	but := func(name string, v any) string {
		c := maps.Clone(full)
		c[name] = v
		return i.token(t, c)
	}
	good := i.token(t, full)
	for name, c := range map[string]struct {
		request   *http.Request
		status    int
		code      string
		challenge string
	}{
		"good":                   {bearing(good), 200, "", ""},
		"bearer in small":        {bearing("", "Authorization", "bearer "+good), 200, "", ""},
		"number":                 {bearing(but("tenant", 7)), 200, "", ""},
		"truth":                  {bearing(but("tenant", true)), 200, "", ""},
		"scp, a list":            {bearing(i.token(t, jwt.MapClaims{"scp": []string{"list", "read"}, "tenant": "acme", "https://a.example/plan": "gold"})), 200, "", ""},
		"scopes in two places":   {bearing(i.token(t, jwt.MapClaims{"scp": "list", "scope": []string{"read"}, "tenant": "acme", "https://a.example/plan": "gold"})), 200, "", ""},
		"none":                   {bearing(""), 401, codeTokenMissing, `Bearer realm="gateway"`},
		"another scheme":         {bearing("", "Authorization", "Basic YTpi"), 401, codeTokenMissing, `Bearer realm="gateway"`},
		"scheme alone":           {bearing("", "Authorization", "Bearer"), 401, codeTokenInvalid, `Bearer realm="gateway", error="invalid_token"`},
		"no token":               {bearing("x"), 401, codeTokenInvalid, `Bearer realm="gateway", error="invalid_token"`},
		"two in one":             {bearing("", "Authorization", "Bearer "+good+", Bearer "+good), 401, codeTokenInvalid, `Bearer realm="gateway", error="invalid_token"`},
		"two":                    {bearing(good, "Authorization", "Bearer "+good), 400, codeTokenTwice, `Bearer realm="gateway", error="invalid_request"`},
		"two, one of none":       {bearing(good, "Authorization", "Basic YTpi"), 400, codeTokenTwice, `Bearer realm="gateway", error="invalid_request"`},
		"in the query":           {httptest.NewRequest("GET", "/x?access_token="+good, nil), 401, codeTokenMissing, `Bearer realm="gateway"`},
		"expired":                {bearing(but("exp", time.Now().Add(-time.Hour).Unix())), 401, codeTokenExpired, `Bearer realm="gateway", error="invalid_token", error_description="The token has expired"`},
		"other key":              {bearing(newIssuer(t).token(t, full)), 401, codeTokenInvalid, `Bearer realm="gateway", error="invalid_token"`},
		"another tenant":         {bearing(but("tenant", "evil")), 401, codeTokenInvalid, `Bearer realm="gateway", error="invalid_token"`},
		"tenant is a mapping":    {bearing(but("tenant", map[string]any{"acme": "acme"})), 401, codeTokenInvalid, `Bearer realm="gateway", error="invalid_token"`},
		"no tenant":              {bearing(but("tenant", nil)), 401, codeTokenInvalid, `Bearer realm="gateway", error="invalid_token"`},
		"nobody":                 {bearing(but("sub", nil)), 401, codeTokenInvalid, `Bearer realm="gateway", error="invalid_token"`},
		"nobody, empty":          {bearing(but("sub", "")), 401, codeTokenInvalid, `Bearer realm="gateway", error="invalid_token"`},
		"two names":              {bearing(but("sub", []string{"a", "b"})), 401, codeTokenInvalid, `Bearer realm="gateway", error="invalid_token"`},
		"a long name":            {bearing(but("sub", strings.Repeat("a", maxConsumer+1))), 401, codeTokenInvalid, `Bearer realm="gateway", error="invalid_token"`},
		"one scope short":        {bearing(but("scope", "read")), 403, codeScope, `Bearer realm="gateway", error="insufficient_scope", scope="read list"`},
		"a scope that begins so": {bearing(but("scope", "read listing")), 403, codeScope, `Bearer realm="gateway", error="insufficient_scope", scope="read list"`},
		"no scopes":              {bearing(but("scope", nil)), 403, codeScope, `Bearer realm="gateway", error="insufficient_scope", scope="read list"`},
		"giant":                  {bearing(strings.Repeat("a", 17<<10)), 401, codeTokenInvalid, `Bearer realm="gateway", error="invalid_token"`},
	} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			resp := ask(h, c.request)
			if got := resp.Header.Get("WWW-Authenticate"); got != c.challenge {
				t.Errorf("challenge %q, want %q", got, c.challenge)
			}
			wantCode(t, resp, c.status, c.code)
			if denied := strings.Contains(log.String(), `"msg":"denied"`); denied != (c.status != 200) {
				t.Errorf("the log says\n%s", log)
			}
			for _, v := range c.request.Header["Authorization"] {
				for part := range strings.SplitSeq(strings.TrimPrefix(v, "Bearer "), ".") {
					if len(part) > 10 && strings.Contains(log.String(), part) {
						t.Errorf("the log has a part of the token:\n%s", log)
					}
				}
			}
		})
	}
}

// Upstreams are told what the document says, and nothing that a client made up.
func TestJWTForward(t *testing.T) {
	i, up := newIssuer(t), &received{}
	p := i.spec(t)
	p.Optional, p.Forward = true, map[string]string{"x-user": "sub", "X-Groups": "realm.groups", "X-Level": "level", "X-Odd": "odd"}
	h := behind(t, up, io.Discard, p)
	token := i.token(t, jwt.MapClaims{"realm": map[string]any{"groups": []string{"a", "b"}}, "level": 12345678901234567, "odd": "Grüße"})
	forged := []string{"X-User", "root", "X_User", "root", "x_uSer", "root", "X-Groups", "admin", "X-Odd", "root", "X-Other-Name", "mine"}
	told := map[string][]string{"X-User": {"alice"}, "X-Groups": {"a, b"}, "X-Level": {"12345678901234567"}, "X-Odd": nil, "X_user": nil, "X-Other-Name": {"mine"}, "Authorization": {"Bearer " + token}}
	untold := map[string][]string{"X-User": nil, "X-Groups": nil, "X-Level": nil, "X-Odd": nil, "X_user": nil, "Authorization": nil}
	for name, c := range map[string]struct {
		request *http.Request
		want    map[string][]string
	}{
		"with a token":    {bearing(token, forged...), told},
		"by Connection":   {bearing(token, append(forged, "Connection", "X-User, X-Groups, X-Level")...), told},
		"without a token": {bearing("", forged...), untold},
	} {
		t.Run(name, func(t *testing.T) {
			wantCode(t, ask(h, c.request), 200, "")
			for header, want := range c.want {
				if got := up.last.Header[header]; !slices.Equal(got, want) {
					t.Errorf("%s is %q, want %q", header, got, want)
				}
			}
		})
	}
	r := bearing(token)
	r.Trailer = http.Header{"X-User": {"root"}}
	if wantCode(t, ask(h, r), 200, ""); len(up.last.Trailer) > 0 {
		t.Errorf("trailers %v", up.last.Trailer)
	}
	// A wrong token is not none.
	wantCode(t, ask(h, bearing(token+"x")), 401, codeTokenInvalid)
	wantCode(t, ask(h, bearing("")), 200, "")
}

// A token is found where the document says, and goes no further if the document says that.
func TestJWTPlaces(t *testing.T) {
	i, up := newIssuer(t), &received{}
	token := i.token(t, nil)
	for name, c := range map[string]struct {
		place     gateway.TokenPlace
		request   func(r *http.Request, token string)
		stays     func(r *http.Request) string // what is left beside the token
		remainder string
	}{
		"Authorization": {gateway.TokenPlace{}, func(r *http.Request, token string) { r.Header.Add("Authorization", "Bearer "+token) }, func(r *http.Request) string { return r.Header.Get("Authorization") }, ""},
		"header":        {gateway.TokenPlace{Header: "x-token"}, func(r *http.Request, token string) { r.Header.Add("X-Token", token) }, func(r *http.Request) string { return r.Header.Get("X-Token") }, ""},
		"cookie": {gateway.TokenPlace{Cookie: "t"}, func(r *http.Request, token string) {
			r.Header["Cookie"] = append(r.Header["Cookie"], "a=b; t="+token+"; tt=1")
		},
			func(r *http.Request) string { return r.Header.Get("Cookie") }, "a=b; tt=1"},
		"query": {gateway.TokenPlace{Query: "t"}, func(r *http.Request, token string) {
			more := "&"
			if r.URL.RawQuery == "" {
				more = ""
			}
			r.URL.RawQuery += more + "a=b%20c&%74=" + token + "&tt=1"
		}, func(r *http.Request) string { return r.URL.RawQuery }, "a=b%20c&tt=1"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, forward := range []bool{true, false} {
				p := i.spec(t)
				p.From, p.ForwardToken = c.place, forward
				h := behind(t, up, io.Discard, p)
				r := get("/x")
				wantCode(t, ask(h, r), 401, codeTokenMissing)
				c.request(r, token)
				wantCode(t, ask(h, r), 200, "")
				if sent := c.stays(up.last); strings.Contains(sent, token) != forward || !forward && sent != c.remainder {
					t.Errorf("forwarded: %t, want %t: %q", strings.Contains(sent, token), forward, sent)
				}
				r = get("/x")
				c.request(r, token)
				c.request(r, token)
				wantCode(t, ask(h, r), 400, codeTokenTwice)
				r = get("/x")
				c.request(r, token[:len(token)-1])
				wantCode(t, ask(h, r), 401, codeTokenInvalid)
			}
		})
	}
	// Of two policies that look at one token, either may keep it back.
	keeps := i.spec(t)
	keeps.ForwardToken = false
	wantCode(t, ask(behind(t, up, io.Discard, i.spec(t), keeps), bearing(token)), 200, "")
	if got := up.last.Header["Authorization"]; got != nil {
		t.Errorf("sent on: %q", got)
	}
}

// Policies after it know who calls, and see no header that a client made up.
func TestJWTCaller(t *testing.T) {
	i := newIssuer(t)
	spec := i.spec(t)
	spec.ConsumerClaim, spec.RolesClaim, spec.Optional, spec.Forward = "client.id", "realm.roles", true, map[string]string{"X-User": "sub"}
	p, err := newJWT(spec, environment{name: "user", log: slog.New(slog.DiscardHandler), now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	var got caller
	var seen string
	h := identify(p(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got, seen = exchangeOf(r).caller, r.Header.Get("X-User") })), "")
	ask(h, bearing(i.token(t, jwt.MapClaims{"client": map[string]any{"id": 42}, "realm": map[string]any{"roles": []string{"a", "b"}}, "scope": "r w"})))
	if got.Consumer != "42" || !slices.Equal(got.Roles, []string{"a", "b"}) || !slices.Equal(got.Scopes, []string{"r", "w"}) || got.By != "user" || got.Claims["sub"] != "alice" {
		t.Errorf("the caller is %+v", got)
	}
	if seen != "alice" {
		t.Errorf("X-User is %q", seen)
	}
	got = caller{Consumer: "left from before"}
	ask(h, bearing("", "X-User", "root"))
	if got.known() || got.Consumer != "" || seen != "" {
		t.Errorf("nobody is %+v, and X-User %q", got, seen)
	}
}

// Without keys a token can be neither right nor wrong: 503. When they are there, it works.
func TestJWTKeysFetched(t *testing.T) {
	i := newIssuer(t)
	var up atomic.Bool
	keys := serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !up.Load():
			w.WriteHeader(http.StatusBadGateway)
		case r.URL.Path == "/.well-known/openid-configuration":
			fmt.Fprintf(w, `{"issuer": "http://%s", "jwks_uri": "http://%[1]s/keys"}`, r.Host)
		default:
			fmt.Fprint(w, i.set(t, "k"))
		}
	})
	base := gateway.JWT{
		Algorithms: []string{"ES256"}, Issuer: keys.URL, Audience: []string{"me"}, RequireExpiry: true, ConsumerClaim: "sub", ForwardToken: true,
		Refresh: gateway.Duration(time.Minute), Cooldown: gateway.Duration(time.Second), MaxStale: gateway.Duration(time.Hour),
	}
	byURL, discovered := base, base
	byURL.JWKSURL, discovered.Discovery = keys.URL+"/keys", true
	for name, spec := range map[string]gateway.JWT{"by URL": byURL, "discovered": discovered} {
		t.Run(name, func(t *testing.T) {
			model(t, gateway.Spec{Policies: map[string]gateway.Policy{"p": {JWT: &spec}}, Everywhere: []string{"p"}, Routes: routes(gateway.Route{Name: "a", Match: gateway.Match{Path: "/"}, Respond: &gateway.Respond{Status: 200}})})
			up.Store(false)
			at := time.Now()
			p, err := newJWT(spec, environment{name: "user", log: slog.New(slog.DiscardHandler), now: func() time.Time { return at }})
			if err != nil {
				t.Fatal(err)
			}
			h := identify(p(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) })), "")
			token := i.token(t, jwt.MapClaims{"iss": keys.URL, "aud": "me"})
			resp := ask(h, bearing(token))
			if resp.Header.Get("Retry-After") != "1" || resp.Header.Get("WWW-Authenticate") != "" {
				t.Errorf("headers %v", resp.Header)
			}
			wantCode(t, resp, 503, codeTokenKeysGone)
			wantCode(t, ask(h, bearing("")), 401, codeTokenMissing)
			up.Store(true)
			at = at.Add(time.Second)
			wantCode(t, ask(h, bearing(token)), 200, "")
			wantCode(t, ask(h, bearing(i.token(t, jwt.MapClaims{"iss": keys.URL, "aud": "you"}))), 401, codeTokenInvalid)
		})
	}
}

// A model's keys can be read; keys that cannot are refused when the handler is made.
func TestJWTBadKeys(t *testing.T) {
	_, err := newJWT(gateway.JWT{Keys: `{"keys": [{"kty": "oct"}]}`}, environment{now: time.Now})
	if err == nil || errors.Unwrap(err) != nil || !strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
}
