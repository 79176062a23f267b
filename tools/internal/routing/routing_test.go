package routing

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"polygate.example/shared/clientcert/clientcerttest"
	"polygate.example/shared/config"
	"polygate.example/shared/gateway"
	"polygate.example/shared/goldentest"
	"polygate.example/tools/internal/schema"
)

func book(t *testing.T, hosts ...string) *Book {
	t.Helper()
	m, err := config.Load("testdata/shop.gateway.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBook(m, hosts)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func asJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func TestRoutes(t *testing.T) {
	b := book(t)
	var text bytes.Buffer
	if err := Table(&text, b.Routes(false)); err != nil {
		t.Fatal(err)
	}
	goldentest.Compare(t, "testdata/routes.txt", text.Bytes())
	goldentest.Compare(t, "testdata/routes.json", asJSON(t, b.Routes(false)))
	var names []string
	for _, r := range b.Routes(true) {
		names = append(names, r.Name)
	}
	if want := "admin assets crash hello order order-v2 orders pets"; strings.Join(names, " ") != want {
		t.Errorf("by name: %v, want %s", names, want)
	}
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		name, method, url string
		headers           []string
		hosts             []string
		all               bool
	}{
		{"route", "GET", "https://api.example.com/orders/7%2F8?debug=1", []string{"X-Version: 3"}, nil, false},
		{"all", "GET", "https://api.example.com/orders/7", nil, nil, true},
		{"operation", "PUT", "https://api.example.com/api/pets/7?dry=1", nil, nil, false},
		{"no-operation", "PUT", "https://api.example.com/api/cats/7", nil, nil, false},
		{"not-found", "GET", "/nothing", nil, nil, false},
		{"method", "DELETE", "https://api.example.com/orders", nil, nil, false},
		{"foreign", "GET", "https://other.example.com/hello", nil, []string{"api.example.com"}, false},
		{"dots", "GET", "https://api.example.com/a/%2e%2e/orders", nil, nil, false},
		{"health", "GET", "/health", nil, nil, false},
		{"preflight", "OPTIONS", "https://api.example.com/orders?page=1", []string{"Origin: https://app.example.com", "Access-Control-Request-Method: POST"}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Request(c.method, c.url, c.headers)
			if err != nil {
				t.Fatal(err)
			}
			a := book(t, c.hosts...).Explain(r, c.hosts, c.all)
			var text bytes.Buffer
			if err := a.Print(&text); err != nil {
				t.Fatal(err)
			}
			goldentest.Compare(t, "testdata/explain-"+c.name+".txt", text.Bytes())
			goldentest.Compare(t, "testdata/explain-"+c.name+".json", asJSON(t, a))
		})
	}
}

func TestRequest(t *testing.T) {
	for _, c := range []struct {
		method, url string
		headers     []string
		want        string // method, host, URI and headers, or the error
	}{
		{"GET", "https://a.example:8443/x?y=1#z", nil, "GET a.example:8443 /x?y=1 map[]"},
		{"GET", "https://a.example", nil, "GET a.example / map[]"},
		{"GET", "/x%2Fy/../z", nil, "GET  /x%2Fy/../z map[]"},
		{"GET", "//x/y", nil, "GET  //x/y map[]"},
		{"PURGE", "/x", []string{"host: b.example", "A: 1", "a:2"}, "PURGE b.example /x map[A:[1 2]]"},
		{"GET", "/a b", nil, "GET  /a%20b map[]"},
		{"GET", "ftp://a.example/", nil, `URL "ftp://a.example/" is none of http or https`},
		{"GET", "mailto:a", nil, `URL "mailto:a" is none of`},
		{"GET", "orders", nil, `URL "orders" has neither a host nor a path`},
		{"GET", "", nil, `URL "" has neither`},
		{"GET", "http://%zz/", nil, `URL "http://%zz/" cannot be read`},
		{"GET", "/%zz", nil, `URL "/%zz" cannot be read`},
		{"GET", "https://u:p@a.example/", nil, "the URL holds a user"},
		{"GE T", "/", nil, "words without spaces"},
		{"", "/", nil, "words without spaces"},
		{"G\r\nX: 1", "/", nil, "words without spaces"},
		{"G(T", "/", nil, "no server takes this request"},
		{"GET", "/", []string{"A"}, `header "A" cannot be read`},
		{"GET", "/", []string{"A: 1\r\nB: 2"}, "cannot be read"},
		{"GET", "/", []string{"A B: 1"}, "no server takes this request"},
		{"GET", "/", []string{"Host: a b"}, "words without spaces"},
		{"GET", "/", []string{"Content-Length: x"}, "no server takes this request"},
		{"GET", "/\r\n", nil, "cannot be read"},
	} {
		r, err := Request(c.method, c.url, c.headers)
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprint(r.Method, " ", r.Host, " ", r.RequestURI, " ", map[string][]string(r.Header))
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s %q %q: %s, want %s", c.method, c.url, c.headers, got, c.want)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("GET", "https://a.example/x", "A: 1")
	f.Add("GET", "//", "")
	m, err := config.Load("testdata/shop.gateway.yaml")
	if err != nil {
		f.Fatal(err)
	}
	b, err := NewBook(m, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, url, header string) {
		if r, err := Request(method, url, []string{header}); err == nil {
			b.Explain(r, nil, true)
		}
	})
}

// Every kind of policy says what it does, and none says what must not be read.
func TestDoes(t *testing.T) {
	places, err := schema.NewPlaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range gateway.KindNames() {
		if _, text := places.Of("/policies/name/" + kind); text == "" {
			t.Errorf("%s is not in the table of kinds of shared/config/README.md", kind)
		}
	}
	for want, p := range map[string]gateway.Policy{
		"wants an API key in the header X-Api-Key, or none at all":                   {APIKey: &gateway.APIKey{Header: "X-Api-Key", Optional: true, Keys: []gateway.Key{{SHA256: "abc"}}}},
		"wants an API key in the cookie k":                                           {APIKey: &gateway.APIKey{Cookie: "k"}},
		"wants a name and password (Authorization: Basic)":                           {Basic: &gateway.Basic{}},
		"refuses addresses of a, b, c and 1 more, and wants an address of d":         {IP: &gateway.IP{Deny: []string{"a", "b", "c", "x"}, Allow: []string{"d"}}},
		"wants a signed token in the query parameter t of i for x with the scopes s": {JWT: &gateway.JWT{From: gateway.TokenPlace{Query: "t"}, Issuer: "i", Audience: []string{"x"}, Scopes: []string{"s"}}},
		"wants a signed token in the header Authorization: Bearer":                   {JWT: &gateway.JWT{}},
		"lets 5 requests pass in each day, counted by claim tenant and ip, in each gateway by itself": {Quota: &gateway.Quota{Limit: 5, Period: "day",
			By: []gateway.CountBy{{Kind: "claim", Name: "tenant"}, {Kind: "ip"}}}},
		"lets 5 requests pass in 1s, 9 at once, counted by ip, in all gateways together": {RateLimit: &gateway.RateLimit{Rate: 5, Per: 1e9, Burst: 9,
			By: []gateway.CountBy{{Kind: "ip"}}, Shared: &gateway.Shared{}}},
		"wants one of the roles admin, owner, the scopes a, b, the plan gold, the consumer ann, the claim org.id to be 5, the claim x to be one of 1, 2 and that caller.claims.team == request.params.team and true": {
			Authorize: &gateway.Authorize{Roles: []string{"admin", "owner"}, Scopes: []string{"a", "b"}, Plans: []string{"gold"}, Consumers: []string{"ann"},
				Claims: map[string][]string{"x": {"1", "2"}, "org.id": {"5"}}, When: "caller.claims.team == request.params.team\n  and true"}},
		"wants that " + strings.Repeat("a", 160) + "…":                                                                            {Authorize: &gateway.Authorize{When: strings.Repeat("a", 161)}},
		"wants the scope s and a country of DE, AT, which has to be known":                                                        {Authorize: &gateway.Authorize{Scopes: []string{"s"}, Geo: &gateway.Geo{Allow: []string{"DE", "AT"}, Unknown: gateway.UnknownDeny}}},
		"wants none of FR, or one that is not known":                                                                              {Authorize: &gateway.Authorize{Geo: &gateway.Geo{Deny: []string{"FR"}, Unknown: gateway.UnknownAllow}}},
		"lets operations of GraphQL pass of depth 10, 1 alias, 5 fields at the root and cost 1000 at most, without introspection": {GraphQL: &gateway.GraphQL{Depth: 10, Aliases: 1, RootFields: 5, Cost: 1000}},
		"lets operations of GraphQL pass of depth 10, 0 aliases, 1 field at the root and cost 1 at most, with introspection":      {GraphQL: &gateway.GraphQL{Depth: 10, RootFields: 1, Cost: 1, Introspection: true}},
		"wants a client certificate of 2 fingerprints and with a URI of spiffe://a/*, or none at all": {ClientCertificate: &gateway.ClientCertificate{Fingerprints: []string{"a", "b"},
			SANs: gateway.SANs{URI: []string{"spiffe://a/*"}}, Optional: true}},
		"wants a client certificate issued under CN=Root, with a common name of a-*, with a DNS name of *.a.example and with an address of *@a.example": {ClientCertificate: &gateway.ClientCertificate{
			CA: clientcerttest.Root(t, "Root").PEM(), Subjects: []string{"a-*"}, SANs: gateway.SANs{DNS: []string{"*.a.example"}, Email: []string{"*@a.example"}}}},
		"wants path id, query q (required), page, header X-A and a body of a/b, application/json (required); no other query parameters": {Validate: &gateway.Validate{UnknownQuery: gateway.UnknownDeny,
			Checks: gateway.Checks{Parameters: []gateway.Parameter{{Name: "X-A", In: "header"}, {Name: "q", In: "query", Required: true}, {Name: "page", In: "query"}, {Name: "id", In: "path", Required: true}},
				Body: &gateway.BodyCheck{Required: true, Content: gateway.Content{"application/json": nil, "a/b": nil}}}}},
		"wants a request for one of its operations, as it is described: GET /a, PUT /a": {Validate: &gateway.Validate{Operations: []gateway.Operation{{Method: "GET", Path: "/a"}, {Method: "PUT", Path: "/a"}}}},
		"wants a signature (RFC 9421) of @method":                                       {Signature: &gateway.Signature{Components: []string{"@method"}}},
	} {
		if got := does(p, places); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
