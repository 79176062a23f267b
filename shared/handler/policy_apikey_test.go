package handler

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/health"
	"polygate.example/shared/secret"
)

func sha(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func mac(pepper, key string) string {
	m := hmac.New(sha256.New, []byte(pepper))
	m.Write([]byte(key))
	return hex.EncodeToString(m.Sum(nil))
}

// arrival is what came to the upstream of keyed.
type arrival struct {
	header  http.Header
	query   string
	trailer http.Header
}

// keyed is a gateway with one policy before an upstream that notes what it sees; nil means that nothing came.
func keyed(t testing.TB, p gateway.Policy, opts Options) (http.Handler, **arrival) {
	t.Helper()
	var got *arrival
	opts.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		got = &arrival{header: r.Header, query: r.URL.RawQuery, trailer: r.Trailer}
		return canned{}.RoundTrip(r)
	})
	m := model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": upstream("http://up.example")}, Policies: map[string]gateway.Policy{"who": p, "speaks": speakingOf("X_Consumer", "X.Plan", "X_Subject")},
		Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Upstream: "up", Policies: []string{"who", "speaks"}})})
	return newHandler(t, m, opts), &got
}

// speakingOf is a policy that has its routes speak of headers, and lets all requests through.
func speakingOf(names ...string) gateway.Policy {
	return gateway.Policy{CORS: &gateway.CORS{Origins: []string{"https://nobody.example"}, Headers: names}}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

var forwarded = gateway.ForwardAs{Consumer: "X-Consumer", Plan: "X-Plan"}

func ada(sum string) gateway.Key {
	return gateway.Key{SHA256: sum, Holder: gateway.Holder{Consumer: "ada", Plan: "gold", Roles: []string{"admin"}, Scopes: []string{"read"}, Metadata: map[string]string{"team": "blue"}}}
}

// with is a request with lines of headers.
func with(target string, lines ...string) *http.Request {
	r := get(target)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header[http.CanonicalHeaderKey(name)] = append(r.Header[http.CanonicalHeaderKey(name)], value)
	}
	return r
}

func TestAPIKeyPlaces(t *testing.T) {
	for _, c := range []struct {
		name    string
		policy  gateway.APIKey
		request *http.Request
		want    int
		code    string
	}{
		{"header", gateway.APIKey{Header: "x-api-key"}, with("/", "X-Api-Key: k1"), 200, ""},
		{"query", gateway.APIKey{Query: "key"}, with("/?a=1&key=k1&b=%20"), 200, ""},
		{"cookie", gateway.APIKey{Cookie: "key"}, with("/", "Cookie: a=1; key=k1; b=2"), 200, ""},
		{"none", gateway.APIKey{Header: "X-Api-Key"}, with("/"), 401, codeCredentialMissing},
		{"another header", gateway.APIKey{Header: "X-Api-Key"}, with("/", "X-Key: k1"), 401, codeCredentialMissing},
		{"query in place of header", gateway.APIKey{Header: "X-Api-Key"}, with("/?X-Api-Key=k1"), 401, codeCredentialMissing},
		{"header in place of query", gateway.APIKey{Query: "key"}, with("/", "Key: k1"), 401, codeCredentialMissing},
		{"query of another case", gateway.APIKey{Query: "key"}, with("/?KEY=k1"), 401, codeCredentialMissing},
		{"unknown", gateway.APIKey{Header: "X-Api-Key"}, with("/", "X-Api-Key: k2"), 401, codeCredentialRefused},
		{"the digest itself", gateway.APIKey{Header: "X-Api-Key"}, with("/", "X-Api-Key: "+sha("k1")), 401, codeCredentialRefused},
		{"empty", gateway.APIKey{Header: "X-Api-Key"}, with("/", "X-Api-Key: "), 401, codeCredentialRefused},
		{"space after", gateway.APIKey{Header: "X-Api-Key"}, with("/", "X-Api-Key: k1 "), 401, codeCredentialRefused},
		{"two headers", gateway.APIKey{Header: "X-Api-Key"}, with("/", "X-Api-Key: k1", "X-Api-Key: k1"), 401, codeCredentialRefused},
		{"joined by a front", gateway.APIKey{Header: "X-Api-Key"}, with("/", "X-Api-Key: k1,k1"), 401, codeCredentialRefused},
		{"joined, the first empty", gateway.APIKey{Header: "X-Api-Key"}, with("/", "X-Api-Key: ,k1"), 401, codeCredentialRefused},
		{"two in the query", gateway.APIKey{Query: "key"}, with("/?key=k1&key=k2"), 401, codeCredentialRefused},
		{"escaped twice in the query", gateway.APIKey{Query: "key"}, with("/?key=k1&%6bey=k1"), 401, codeCredentialRefused},
		{"semicolon in the query", gateway.APIKey{Query: "key"}, with("/?key=k1;b=2"), 401, codeCredentialRefused},
		{"two cookies", gateway.APIKey{Cookie: "key"}, with("/", "Cookie: key=k1", "Cookie: key=k1"), 401, codeCredentialRefused},
		{"optional, none", gateway.APIKey{Header: "X-Api-Key", Optional: true}, with("/"), 200, ""},
		{"optional, wrong", gateway.APIKey{Header: "X-Api-Key", Optional: true}, with("/", "X-Api-Key: k2"), 401, codeCredentialRefused},
		{"optional, empty", gateway.APIKey{Header: "X-Api-Key", Optional: true}, with("/", "X-Api-Key: "), 401, codeCredentialRefused},
		{"long", gateway.APIKey{Header: "X-Api-Key"}, with("/", "X-Api-Key: "+strings.Repeat("k", maxKeyBytes+1)), 401, codeCredentialRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.policy.Keys = []gateway.Key{ada(sha("k1")), {SHA256: sha(strings.Repeat("k", maxKeyBytes+1)), Holder: gateway.Holder{Consumer: "long"}},
				{SHA256: sha("k1,k1"), Holder: gateway.Holder{Consumer: "comma"}}}
			log := &logBuffer{}
			h, got := keyed(t, gateway.Policy{APIKey: &c.policy}, Options{Logger: log.logger()})
			resp := ask(h, c.request)
			if resp.StatusCode != c.want || (*got != nil) != (c.want == 200) {
				t.Fatalf("status %d, upstream saw %v", resp.StatusCode, *got)
			}
			if c.want == 401 {
				challenge := resp.Header.Get("Www-Authenticate")
				if !strings.HasPrefix(challenge, `ApiKey realm="who", in="`) {
					t.Errorf("challenge %q", challenge)
				}
				if text := body(t, resp); !strings.Contains(text, `"code":"`+c.code+`"`) {
					t.Errorf("want code %s: %s", c.code, text)
				}
				if len(log.lines(t, "denied")) != 1 || strings.Contains(log.b.String(), "k1") || strings.Contains(log.b.String(), "k2") {
					t.Errorf("log: %s", log.b.String())
				}
				return
			}
			sent, _ := json.Marshal((*got).header)
			if strings.Contains(string(sent)+(*got).query, "k1") {
				t.Errorf("the key went upstream: %s %s", sent, (*got).query)
			}
		})
	}
}

// What stands beside the key stays as it came; with forward the key does too.
func TestAPIKeyLeaves(t *testing.T) {
	keys := []gateway.Key{ada(sha("k1"))}
	for _, c := range []struct {
		policy              gateway.APIKey
		target, cookie      string
		wantQuery, wantSent string
	}{
		{gateway.APIKey{Query: "key"}, "/?z=%7e&key=k1&a=", "", "z=%7e&a=", ""},
		{gateway.APIKey{Query: "key"}, "/?key=k1", "", "", ""},
		{gateway.APIKey{Query: "key", Forward: true}, "/?z=1&key=k1", "", "z=1&key=k1", ""},
		{gateway.APIKey{Cookie: "key"}, "/?a", "b=\"2\"; key=k1;c=3", "a", "b=\"2\"; c=3"},
		{gateway.APIKey{Cookie: "key"}, "/", "key=k1", "", ""},
		{gateway.APIKey{Cookie: "key", Forward: true}, "/", "b=2; key=k1", "", "b=2; key=k1"},
	} {
		c.policy.Keys = keys
		h, got := keyed(t, gateway.Policy{APIKey: &c.policy}, Options{})
		r := with(c.target)
		if c.cookie != "" {
			r.Header.Set("Cookie", c.cookie)
		}
		if resp := ask(h, r); resp.StatusCode != 200 || (*got).query != c.wantQuery || (*got).header.Get("Cookie") != c.wantSent {
			t.Errorf("%s %s: %d, query %q, cookie %q", c.target, c.cookie, resp.StatusCode, (*got).query, (*got).header.Get("Cookie"))
		}
	}
}

// The upstream learns who calls from the gateway alone, however a client tries to say it.
func TestForwardAs(t *testing.T) {
	h, got := keyed(t, gateway.Policy{APIKey: &gateway.APIKey{Header: "X-Api-Key", Optional: true, ForwardAs: forwarded, Keys: []gateway.Key{
		ada(sha("k1")), {SHA256: sha("k2"), Holder: gateway.Holder{Consumer: "bob"}}}}}, Options{})
	for _, c := range []struct {
		name           string
		lines          []string
		consumer, plan string
	}{
		{"known", []string{"X-Api-Key: k1"}, "ada", "gold"},
		{"known, with another's name", []string{"X-Api-Key: k1", "X-Consumer: root", "X-Plan: free"}, "ada", "gold"},
		{"no plan, and the client says one", []string{"X-Api-Key: k2", "X-Plan: gold"}, "bob", ""},
		{"anonymous", []string{"X-Consumer: root", "X-Plan: gold"}, "", ""},
		{"underscores", []string{"X_Consumer: root", "x_plan: gold"}, "", ""},
		{"dots", []string{"X.Consumer: root", "x.plan: gold"}, "", ""},
		{"named in Connection, to be taken off on the way", []string{"X-Api-Key: k1", "Connection: X-Consumer, X-Plan"}, "ada", "gold"},
		{"twice", []string{"X-Api-Key: k1", "X-Consumer: root", "X-Consumer: root"}, "ada", "gold"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := with("/", c.lines...)
			r.Trailer = http.Header{"X-Consumer": {"root"}}
			if resp := ask(h, r); resp.StatusCode != 200 {
				t.Fatalf("status %d", resp.StatusCode)
			}
			for name, values := range (*got).header {
				if v := strings.Join(values, "|"); strings.Contains(v, "root") || strings.ContainsAny(name, "_.") {
					t.Errorf("%s: %s went upstream", name, v)
				}
			}
			if a, b := strings.Join((*got).header["X-Consumer"], "|"), strings.Join((*got).header["X-Plan"], "|"); a != c.consumer || b != c.plan {
				t.Errorf("consumer %q, plan %q", a, b)
			}
			if len((*got).trailer) > 0 {
				t.Errorf("trailers %v", (*got).trailer)
			}
		})
	}
}

// The caller is what the document says of the key.
func TestAPIKeyCaller(t *testing.T) {
	var found caller
	p, err := newAPIKey(gateway.APIKey{Header: "X-Api-Key", Keys: []gateway.Key{ada(sha("k1"))}}, environment{name: "who", now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	end := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { found = exchangeOf(r).caller })
	ask(identify(p(end), ""), with("/", "X-Api-Key: k1"))
	if found.Consumer != "ada" || found.Plan != "gold" || found.Roles[0] != "admin" || found.Scopes[0] != "read" || found.Claims["team"] != "blue" || found.By != "who" {
		t.Errorf("%+v", found)
	}
}

func TestAPIKeyExpires(t *testing.T) {
	k := ada(sha("k1"))
	k.Expires = "2027-01-01T00:00:00Z"
	for now, want := range map[string]int{"2026-12-31T23:59:59Z": 200, "2027-01-01T00:00:00Z": 401} {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		h, _ := keyed(t, gateway.Policy{APIKey: &gateway.APIKey{Header: "X-Api-Key", Keys: []gateway.Key{k}}}, Options{Now: func() time.Time { return at }})
		if resp := ask(h, with("/", "X-Api-Key: k1")); resp.StatusCode != want {
			t.Errorf("%s: %d", now, resp.StatusCode)
		}
	}
}

const pepper = "pepper-of-16-bytes-or-more"

// Keys of the document, of a variable and of a secret are all good, by HMAC where there is a pepper.
func TestAPIKeySources(t *testing.T) {
	list := vault{"PEPPER": pepper, "LIST": "# partners\n" + mac(pepper, "of-secret") + " carol - writer,reader\n"}
	h, got := keyed(t, gateway.Policy{APIKey: &gateway.APIKey{Header: "X-Api-Key", Pepper: "${secret.PEPPER}", Secret: "LIST", Variable: "KEYS", ForwardAs: forwarded, Keys: []gateway.Key{
		ada(sha("plain")), {HMAC: mac(pepper, "peppered"), Holder: gateway.Holder{Consumer: "bob"}}}}},
		Options{Secrets: secret.New(list, nil), Getenv: func(name string) string {
			return map[string]string{"KEYS": mac(pepper, "of-variable") + " dave silver"}[name]
		}})
	for key, consumer := range map[string]string{"plain": "ada", "peppered": "bob", "of-secret": "carol", "of-variable": "dave"} {
		if resp := ask(h, with("/", "X-Api-Key: "+key)); resp.StatusCode != 200 || (*got).header.Get("X-Consumer") != consumer {
			t.Errorf("%s: %d, %v", key, resp.StatusCode, (*got).header)
		}
	}
	if resp := ask(h, with("/", "X-Api-Key: nobody's")); resp.StatusCode != 401 {
		t.Errorf("an unknown key: %d", resp.StatusCode)
	}
	if resp := ask(h, get("/ready")); !strings.Contains(body(t, resp), `"name":"LIST","readable":true`) {
		t.Errorf("a list of several lines is not ready")
	}
}

// What is wrong with a variable stops the start, and names the line without what it says.
func TestAPIKeyVariable(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "there is no variable KEYS",
		"hush ada":                              "line 1: its credential is no digest",
		sha("k1"):                               "line 1: it has 1 fields",
		sha("k1") + " a b c d":                  "line 1: it has 5 fields",
		sha("k1") + " a\"b":                     "line 1: its consumer is no name",
		"\n" + sha("k1") + " a b ,":             "line 2: its roles are no names",
		sha("k1") + " a\n\n" + sha("k1") + " b": "line 3: it repeats line 1",
		sha("listed") + " a":                    "known from the document or the list already",
		"# nothing":                             "there is none with a credential",
	} {
		m := withPolicies(t, map[string]gateway.Policy{"who": {APIKey: &gateway.APIKey{Header: "X-Api-Key", Variable: "KEYS", Keys: []gateway.Key{ada(sha("listed"))}}}}, "who")
		_, err := New(m, Options{Getenv: func(string) string { return text }})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "policy who") {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), sha("k1"))) {
			t.Errorf("the error repeats the line: %v", err)
		}
	}
}

// A list that cannot be read: 503 for keys that are not known without it. One that becomes bad is refused as a whole, and /ready says so.
func TestAPIKeySecretList(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	v := vault{}
	log := &logBuffer{}
	list := &secretList[keyring]{name: "LIST", env: environment{name: "who", log: log.logger(), secrets: secret.New(v, nil)}, compile: (&apiKey{env: environment{name: "who"}}).compile}
	if _, err := list.get(t.Context()); secret.ReasonOf(err) != secret.Denied {
		t.Errorf("absent: %v", err)
	}
	h, got := keyed(t, gateway.Policy{APIKey: &gateway.APIKey{Header: "X-Api-Key", Secret: "LIST", Keys: []gateway.Key{ada(sha("k1"))}}},
		Options{Secrets: secret.New(v, nil), Logger: log.logger(), Instance: health.Instance{}, Now: func() time.Time { return now }})
	if resp := ask(h, with("/", "X-Api-Key: k1")); resp.StatusCode != 200 || *got == nil {
		t.Errorf("a key of the document: %d", resp.StatusCode)
	}
	if resp := ask(h, with("/", "X-Api-Key: k2")); resp.StatusCode != 503 || !strings.Contains(body(t, resp), codeSecret) {
		t.Errorf("a key of the list: %d", resp.StatusCode)
	}

	texts := []string{"bad line of hush", sha("k2") + " bob", sha("k2") + " bob\nhush hush", sha("k3") + " carol"}
	wants := []string{"", sha("k2"), sha("k2"), sha("k3")}
	for i, text := range texts {
		list.env.secrets = secret.New(vault{"LIST": text}, nil)
		ring, err := list.get(t.Context())
		if wants[i] == "" {
			if secret.ReasonOf(err) != secret.Unusable || strings.Contains(err.Error(), "hush") {
				t.Errorf("%d: %v", i, err)
			}
			continue
		}
		d, _ := hex.DecodeString(wants[i])
		if err != nil || ring.plain[digest(d)] == nil || len(ring.plain) != 1 {
			t.Errorf("%d: %v, %d keys", i, err, len(ring.plain))
		}
	}
	if text := log.b.String(); strings.Contains(text, "hush") || !strings.Contains(text, "line 2: its credential") {
		t.Errorf("log: %s", text)
	}
	h, _ = keyed(t, gateway.Policy{APIKey: &gateway.APIKey{Header: "X-Api-Key", Secret: "LIST"}}, Options{Secrets: secret.New(vault{"LIST": "hush"}, nil)})
	if text := body(t, ask(h, get("/ready"))); !strings.Contains(text, `"name":"LIST","readable":false,"error":"its value cannot be used"`) || strings.Contains(text, "hush") {
		t.Errorf("/ready: %s", text)
	}
}

// Without the pepper nothing by HMAC passes, and a short one is none.
func TestPepper(t *testing.T) {
	for text, want := range map[string]int{pepper: 200, "short": 503, "": 503, "another-pepper-of-16-bytes": 401} {
		v := vault{"PEPPER": text}
		if text == "" {
			delete(v, "PEPPER")
		}
		h, _ := keyed(t, gateway.Policy{APIKey: &gateway.APIKey{Header: "X-Api-Key", Pepper: "${secret.PEPPER}", Keys: []gateway.Key{{HMAC: mac(pepper, "k"), Holder: gateway.Holder{Consumer: "bob"}}}}},
			Options{Secrets: secret.New(v, nil)})
		if resp := ask(h, with("/", "X-Api-Key: k")); resp.StatusCode != want {
			t.Errorf("pepper %q: %d, want %d", text, resp.StatusCode, want)
		}
	}
}

// A key is looked up by its digest alone: the ring holds no key, and what it holds has the length of a digest.
func TestKeyringHoldsDigests(t *testing.T) {
	p := &apiKey{env: environment{name: "who"}}
	ring, err := p.compile(sha("k1") + " ada\n" + sha("k2") + " bob")
	if err != nil || len(ring.plain) != 2 || len(ring.hashed) != 0 {
		t.Fatalf("%v: %v", ring, err)
	}
	if h := ring.plain[sha256.Sum256([]byte("k1"))]; h == nil || h.caller.Consumer != "ada" {
		t.Errorf("k1 is not found by its digest")
	}
}
