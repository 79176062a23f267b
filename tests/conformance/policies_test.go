package conformance

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// TestPolicies: every kind of policy lets the same requests pass and refuses the same, with the same answers, behind the front of every provider
// and on a plain server that has none.
func TestPolicies(t *testing.T) {
	env := deployed(t)
	for _, p := range append(env.providers(), env.plain(t)) {
		t.Run(p.name, func(t *testing.T) {
			for _, x := range policyTable(rand.Text()) {
				t.Run(x.name, func(t *testing.T) {
					header := x.header.Clone()
					if x.sign != nil {
						header = x.sign(p.host)
					}
					a := p.ask(t, x.method, x.target, header, bytes.NewReader(x.body))
					if a.status != x.status {
						t.Fatalf("status %d, want %d\n%v\n%.300s", a.status, x.status, a.header, a.body)
					}
					if x.status >= 400 {
						a.problem(t, x.status)
					}
					if x.check != nil {
						x.check(t, a)
					}
				})
			}
		})
	}
}

// TestEveryKind: the table has a request that passes and one that does not for every policy of the document, and the document one of every kind
// that has a page.
func TestEveryKind(t *testing.T) {
	var doc struct {
		Policies map[string]map[string]any
	}
	if err := yaml.Unmarshal([]byte(policies), &doc); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("../../shared/config/policies/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	kinds := map[string]bool{}
	passes, refused := map[string]bool{}, map[string]bool{"securityHeaders": true, "clientCertificate": true} // one refuses nothing, the other nobody whom the local fronts know
	for _, x := range policyTable("") {
		path, _, _ := strings.Cut(strings.TrimPrefix(x.target, "/p/"), "?")
		for name, policy := range doc.Policies {
			for kind := range policy {
				kinds[kind] = true
				if path != name && path != "basic-"+name {
					continue
				}
				passes[kind], refused[kind] = passes[kind] || x.status < 400, refused[kind] || x.status >= 400
			}
		}
	}
	for kind := range kinds {
		if !passes[kind] || !refused[kind] {
			t.Errorf("%s: a request that passes: %v, one that is refused: %v", kind, passes[kind], refused[kind])
		}
	}
	for _, page := range pages {
		if kind := strings.TrimSuffix(filepath.Base(page), ".md"); !kinds[kind] {
			t.Errorf("the document has no policy of the kind %s", kind)
		}
	}
}

// headers checks headers of an answer; "" is for one that is not there.
func headers(pairs ...string) func(*testing.T, answer) {
	return func(t *testing.T, a answer) {
		t.Helper()
		for i := 0; i < len(pairs); i += 2 {
			equal(t, pairs[i], merged(a.header, pairs[i]), pairs[i+1])
		}
	}
}

// arrived checks headers as the upstream has them.
func arrived(pairs ...string) func(*testing.T, answer) {
	return func(t *testing.T, a answer) {
		t.Helper()
		e := a.echo(t)
		for i := 0; i < len(pairs); i += 2 {
			equal(t, pairs[i]+" upstream", merged(e.Headers, pairs[i]), pairs[i+1])
		}
	}
}

// code checks the code of a problem, and headers.
func code(want string, pairs ...string) func(*testing.T, answer) {
	return func(t *testing.T, a answer) {
		t.Helper()
		var p struct{ Code string }
		if err := json.Unmarshal(a.body, &p); err != nil || p.Code != want {
			t.Errorf("code %q, %v, want %q", p.Code, err, want)
		}
		headers(pairs...)(t, a)
	}
}

func both(checks ...func(*testing.T, answer)) func(*testing.T, answer) {
	return func(t *testing.T, a answer) {
		t.Helper()
		for _, check := range checks {
			check(t, a)
		}
	}
}

// policyTable is the same for every front. A tenant is somebody whom nobody has counted yet.
func policyTable(tenant string) []exchange {
	typed := http.Header{"Content-Type": {"application/json"}}
	user, other := token("orders", time.Hour), token("billing", time.Hour)
	const vary = "Access-Control-Request-Method, Access-Control-Request-Headers, Origin"
	return []exchange{
		{name: "key", target: "/p/api-key", header: http.Header{"X-Api-Key": {"5f1c0b7a9e2d"}, "X-Consumer": {"root"}}, status: 200, check: arrived("X-Consumer", "acme", "X-Plan", "gold", "X-Api-Key", "")},
		{name: "no key", target: "/p/api-key", status: 401, check: code("credential_missing", "WWW-Authenticate", `ApiKey realm="api-key", in="header", name="X-Api-Key"`)},
		{name: "wrong key", target: "/p/api-key", header: http.Header{"X-Api-Key": {"5f1c0b7a9e2e"}}, status: 401, check: code("credential_refused")},
		{name: "two keys", target: "/p/api-key", header: http.Header{"X-Api-Key": {"5f1c0b7a9e2d", "5f1c0b7a9e2e"}}, status: 401},

		{name: "password", target: "/p/basic", header: basic("ada", "open sesame"), status: 200, check: arrived("X-Consumer", "ada")},
		{name: "wrong password", target: "/p/basic", header: basic("ada", "open"), status: 401, check: code("credential_refused", "WWW-Authenticate", `Basic realm="Reports", charset="UTF-8"`)},
		{name: "unknown user", target: "/p/basic", header: basic("eve", "open sesame"), status: 401, check: code("credential_refused")},

		{name: "signed", target: "/p/signature", sign: signed("GET", "/p/signature", 0), status: 200, check: arrived("X-Consumer", "acme")},
		{name: "signed for another path", target: "/p/signature", sign: signed("GET", "/p/api-key", 0), status: 401, check: code("credential_refused")},
		{name: "signed long ago", target: "/p/signature", sign: signed("GET", "/p/signature", time.Hour), status: 401, check: code("credential_refused")},
		{name: "unsigned", target: "/p/signature", status: 401, check: code("credential_missing", "WWW-Authenticate", `Signature realm="signature"`)},

		{name: "token", target: "/p/jwt", header: http.Header{"Authorization": {"Bearer " + user}, "X-User": {"root"}}, status: 200, check: arrived("X-User", "alice", "Authorization", "")},
		{name: "no token", target: "/p/jwt", status: 401, check: code("token_missing", "WWW-Authenticate", `Bearer realm="gateway"`)},
		{name: "token for another audience", target: "/p/jwt", header: http.Header{"Authorization": {"Bearer " + other}}, status: 401, check: code("token_invalid")},
		{name: "token that has expired", target: "/p/jwt", header: http.Header{"Authorization": {"Bearer " + token("orders", -time.Hour)}}, status: 401, check: code("token_expired")},
		{name: "token that was changed", target: "/p/jwt", header: http.Header{"Authorization": {"Bearer " + user[:len(user)-8] + "AAAAAAAA"}}, status: 401, check: code("token_invalid")},

		{name: "address", target: "/p/ip", status: 200},
		{name: "address that says it is another", target: "/p/ip", header: http.Header{"X-Forwarded-For": {"192.0.2.66"}}, status: 200},
		{name: "denied address", target: "/p/not-us", status: 403},
		{name: "another address", target: "/p/office", status: 403},
		{name: "another address that says it is not", target: "/p/office", header: http.Header{"X-Forwarded-For": {"192.0.2.7"}, "Forwarded": {"for=192.0.2.7"}, "X-Real-Ip": {"192.0.2.7"},
			"X-Azure-Clientip": {"192.0.2.7"}, "Cf-Connecting-Ip": {"192.0.2.7"}}, status: 403},

		{name: "first of a tenant", target: "/p/rate-limit", header: http.Header{"X-Tenant": {tenant}}, status: 200, check: headers("RateLimit-Policy", `"rate-limit";q=1;w=86400`, "RateLimit", `"rate-limit";r=0;t=86400`, "Retry-After", "")},
		{name: "second of a tenant", target: "/p/rate-limit", header: http.Header{"X-Tenant": {tenant}}, status: 429, check: func(t *testing.T, a answer) {
			code("rate_limited")(t, a)
			if after := a.header.Get("Retry-After"); !regexp.MustCompile(`^8\d{4}$`).MatchString(after) {
				t.Errorf("Retry-After %q, want close to a day", after)
			}
		}},
		{name: "first of another tenant", target: "/p/rate-limit", header: http.Header{"X-Tenant": {tenant + "2"}}, status: 200},
		{name: "quota", target: "/p/quota", header: http.Header{"X-Tenant": {tenant}}, status: 200},
		{name: "quota used up", target: "/p/quota", header: http.Header{"X-Tenant": {tenant}}, status: 429, check: code("quota_exceeded")},

		{name: "preflight", method: "OPTIONS", target: "/p/cors", header: preflight("https://app.example.com"), status: 204, check: headers("Access-Control-Allow-Origin", "https://app.example.com",
			"Access-Control-Allow-Headers", "Authorization", "Access-Control-Allow-Credentials", "true", "Access-Control-Max-Age", "600", "Vary", vary)},
		{name: "preflight of another origin", method: "OPTIONS", target: "/p/cors", header: preflight("https://evil.example"), status: 403, check: headers("Access-Control-Allow-Origin", "", "Vary", vary)},
		{name: "request of an origin", target: "/p/cors", header: http.Header{"Origin": {"https://app.example.com"}}, status: 200, check: headers("Access-Control-Allow-Origin", "https://app.example.com", "Vary", "Origin")},
		{name: "security headers", target: "/p/security-headers", status: 200, check: headers("X-Content-Type-Options", "nosniff", "X-Frame-Options", "DENY",
			"Strict-Transport-Security", "max-age=31536000; includeSubDomains", "Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")},

		{name: "within the limits", method: "POST", target: "/p/limits", header: typed, body: []byte(`{"items": [{"id": 1}]}`), status: 200, check: func(t *testing.T, a answer) {
			equal(t, "body", a.echo(t).Body, `{"items": [{"id": 1}]}`)
		}},
		{name: "too long a body", method: "POST", target: "/p/limits", header: typed, body: []byte(`{"note": "` + strings.Repeat("x", 64) + `"}`), status: 413},
		{name: "too deep a body", method: "POST", target: "/p/limits", header: typed, body: []byte(`[[[[]]]]`), status: 400, check: code("json_too_deep")},
		{name: "another content type", method: "POST", target: "/p/limits", header: http.Header{"Content-Type": {"text/xml"}}, body: []byte(`<a/>`), status: 415, check: headers("Accept-Post", "application/json")},
		{name: "a compressed body", method: "POST", target: "/p/limits", header: http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"br"}}, body: []byte(`x`), status: 415},
		{name: "too long a uri", target: "/p/limits?" + strings.Repeat("x", 40), status: 414},
		{name: "too many parameters", target: "/p/limits?a=1&b=2&c=3", status: 400},

		{name: "transformed", method: "POST", target: "/p/transform?page=3&a=b", header: http.Header{"Content-Type": {"application/json"}, "X-Debug": {"1"}, "X-Old-Key": {"k"}, "Cookie": {"tracking=1; a=2"}},
			body: []byte(`{"price": 1.10, "isAdmin": true}`), status: 200, check: both(
				arrived("X-Client", "127.0.0.1", "X-Page", "3", "X-Debug", "", "X-Old-Key", "", "X-Key", "k", "Cookie", "a=2"), headers("X-Order", "3"),
				func(t *testing.T, a answer) {
					equal(t, "query", a.echo(t).RawQuery, "a=b&order=7")
					equal(t, "body", a.echo(t).Body, `{"price":1.10,"source":"gateway","version":2}`)
				})},
		{name: "a value that no header carries", target: "/p/transform?page=1%0D%0AX-Admin:%20yes", status: 400, check: code("bad_value")},

		{name: "role", target: "/p/basic-admins", header: basic("ada", "open sesame"), status: 200},
		{name: "another role", target: "/p/basic-admins", header: basic("bob", "open sesame"), status: 403, check: code("not_allowed")},
		{name: "nobody's role", target: "/p/basic-admins", status: 401},
		{name: "condition", target: "/p/basic-when?page=1", header: basic("ada", "open sesame"), status: 200},
		{name: "condition that does not hold", target: "/p/basic-when", header: basic("ada", "open sesame"), status: 403, check: code("not_allowed")},
		{name: "country that nobody has told but the client", target: "/p/home", header: http.Header{"Cf-Ipcountry": {"DE"}, "Cloudfront-Viewer-Country": {"DE"}, "X-Client-Region": {"DE"}, "X-Polygate-Client-Region": {"DE;"}}, status: 403, check: code("not_allowed")},
		{name: "certificate that nobody has seen", target: "/p/client-certificate", header: http.Header{"X-Arr-Clientcert": {"AAAA"}, "X-Client-Cert-Present": {"true"}, "X-Client-Cert-Leaf": {":AAAA:"},
			"Client-Cert": {":AAAA:"}, "X-Consumer": {"root"}}, status: 200, check: arrived("X-Consumer", "", "X-Arr-Clientcert", "", "X-Client-Cert-Present", "", "X-Client-Cert-Leaf", "")},
		{name: "query", method: "POST", target: "/p/graphql", header: typed, body: []byte(`{"query": "{ orders { id } }"}`), status: 200},
		{name: "deep query", method: "POST", target: "/p/graphql", header: typed, body: []byte(`{"query": "{ orders { lines { id } } }"}`), status: 400, check: code("graphql_depth")},
		{name: "query of the schema", method: "POST", target: "/p/graphql", header: typed, body: []byte(`{"query": "{ __schema { types } }"}`), status: 400, check: code("graphql_introspection")},
		{name: "as described", method: "POST", target: "/p/validate?page=2", header: typed, body: []byte(`{"price": 1.10}`), status: 200, check: func(t *testing.T, a answer) {
			equal(t, "body", a.echo(t).Body, `{"price": 1.10}`)
		}},
		{name: "a parameter that is not as described", target: "/p/validate?page=0", status: 400, check: code("bad_parameter")},
		{name: "a body that is not as described", method: "POST", target: "/p/validate", header: typed, body: []byte(`{"price": -1, "isAdmin": true}`), status: 422, check: func(t *testing.T, a answer) {
			code("bad_content")(t, a)
			for _, field := range []string{"#/price", "#/isAdmin"} {
				if !bytes.Contains(a.body, []byte(field)) {
					t.Errorf("the problem does not name %s: %s", field, a.body)
				}
			}
		}},

		{name: "many policies", target: "/p/" + many + "?page=3", header: http.Header{"Authorization": {"Bearer " + user}, "Origin": {"https://app.example.com"}}, status: 200, check: both(
			arrived("X-User", "alice", "X-Page", "3"), headers("X-Frame-Options", "DENY", "Access-Control-Allow-Origin", "https://app.example.com", "X-Order", "3"))},
		{name: "many policies, one refuses", target: "/p/" + many, header: http.Header{"Origin": {"https://app.example.com"}}, status: 401, check: code("token_missing",
			"X-Frame-Options", "DENY", "Access-Control-Allow-Origin", "https://app.example.com", "X-Order", "")},
	}
}

const many = "security-headers-cors-ip-jwt-transform"

func basic(user, password string) http.Header {
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}}
}

func preflight(origin string) http.Header {
	return http.Header{"Origin": {origin}, "Access-Control-Request-Method": {"PUT"}, "Access-Control-Request-Headers": {"authorization"}}
}

// token is a JWT of the client's, for an audience, that ends in a while.
func token(audience string, lasts time.Duration) string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil { // it is made of what has a JSON form
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(map[string]any{"alg": "EdDSA"}) + "." + part(map[string]any{"sub": "alice", "aud": audience, "scope": "orders:read", "exp": time.Now().Add(lasts).Unix()})
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(pair, []byte(text)))
}

// signed are the headers of a request that was signed some time ago (RFC 9421, 2.5).
func signed(method, path string, ago time.Duration) func(host string) http.Header {
	return func(host string) http.Header {
		params := fmt.Sprintf(`("@method" "@authority" "@path");created=%d;keyid="acme-1";nonce="%s"`, time.Now().Add(-ago).Unix(), rand.Text())
		base := fmt.Sprintf("\"@method\": %s\n\"@authority\": %s\n\"@path\": %s\n\"@signature-params\": %s", method, host, path, params)
		return http.Header{"Signature-Input": {"sig1=" + params}, "Signature": {"sig1=:" + base64.StdEncoding.EncodeToString(ed25519.Sign(pair, []byte(base))) + ":"}}
	}
}

// plain starts the gateway's entry point without a cloud on the model that was packed for the clouds.
func (e *environment) plain(t *testing.T) provider {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "server"), "./functions/server")
	build.Dir = e.Root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the plain server: %v\n%s", err, out)
	}
	packed, err := zip.OpenReader(filepath.Join(e.Root, "dist", "local", "aws.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	model, err := packed.Open("model.json")
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	encoded, err := io.ReadAll(model)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "model.json"), encoded, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command(filepath.Join(dir, "server"), "-model", filepath.Join(dir, "model.json"), "-listen", "127.0.0.1:0")
	server.Env = slices.Concat(os.Environ(), []string{"PARTNER_KEY=p", "SIGNING_KEY=s", "LONG_KEY=l"})
	said, err := server.StderrPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	t.Cleanup(func() {
		if err := server.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		for lines.Scan() { // until it has ended
		}
		if err := server.Wait(); err != nil {
			t.Errorf("the plain server ended with %v", err)
		}
	})
	at := regexp.MustCompile(`url=(http://\S+)`)
	for lines.Scan() {
		if found := at.FindStringSubmatch(lines.Text()); found != nil {
			u, err := url.Parse(found[1])
			if err != nil {
				t.Fatal(err)
			}
			return provider{name: "server", host: "server.example", plain: u.Host, env: e}
		}
	}
	t.Fatalf("the plain server did not say where it listens: %v", lines.Err())
	return provider{}
}
