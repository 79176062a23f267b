//go:build !without_expression

package expression

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func values() Values {
	text := func(m map[string]string) func(string) (string, error) {
		return func(name string) (string, error) {
			if v, ok := m[name]; ok || name != "long" {
				return v, nil
			}
			return "", &ValueError{"header long is longer than 4096 bytes"}
		}
	}
	return Values{
		Caller: Caller{Consumer: "ada", Plan: "gold", Roles: []string{"admin", "editor"}, Scopes: []string{"read"},
			Claims: map[string]any{"level": json.Number("7"), "ratio": json.Number("0.5"), "org": map[string]any{"id": "acme", "n": json.Number("3")}, "tags": []any{"a", json.Number("2")}}},
		Request: Request{Method: "GET", Path: "/orders/7", Host: "api.example.com", Header: text(map[string]string{"X-Tenant": "acme"}), Query: text(map[string]string{"page": "2"}), Params: map[string]string{"id": "7"}},
		Client:  Client{IP: "192.0.2.7", Country: "DE"},
		Region:  "aws/us-east-1",
		Time:    At(time.Date(2027, 1, 4, 9, 30, 0, 0, time.FixedZone("", 3600))),
	}
}

func TestTruth(t *testing.T) {
	for text, want := range map[string]bool{
		`caller.consumer == "ada" and caller.plan in ["gold", "tin"]`: true,
		`"admin" in caller.roles && !("root" in caller.roles)`:        true,
		`"write" in caller.scopes`:                                    false,
		`any(caller.roles, # in ["editor"])`:                          true,
		`any(caller.roles, hasPrefix(#, "ed"))`:                       true,
		`caller.claims.level >= 7 and caller.claims.ratio < 1`:        true,
		`caller.claims.org.id == request.header("X-Tenant")`:          true,
		`caller.claims["org"].n == 3`:                                 true,
		`caller.claims?.none?.at?.all == nil`:                         true,
		`caller.claims.none == "x"`:                                   false,
		`2 in caller.claims.tags`:                                     true,
		`request.params.id == "7" and request.params.none == ""`:      true,
		`request.method == "GET" and request.path startsWith "/orders/" and request.host endsWith ".example.com"`: true,
		`request.query("page") == "2" and request.query("none") == ""`:                                            true,
		`client.ip == "192.0.2.7" and client.country == "DE"`:                                                     true,
		`region startsWith "aws/"`: true,
		`time.weekday == "Monday" and time.hour == 8 and time.date == "2027-01-04"`: true,
		`time.unix == 1799051400 and time.minute == 30`:                             true,
		`caller.consumer matches "^a[a-z]+$"`:                                       true,
		`len(filter(caller.roles, # != "admin")) == 1`:                              true,
		`request.path | lower() | hasSuffix("7")`:                                   true,
		`caller.plan == "gold" ? len(caller.roles) > 1 : false`:                     true,
		`split(request.path, "/")[1] == "orders"`:                                   true,
	} {
		p, err := Compile(text, Truth)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := p.Test(values()); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

func TestText(t *testing.T) {
	p, err := Compile(`caller.plan + "/" + request.header("X-Tenant") + "/" + string(caller.claims.level)`, Text)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Text(values()); got != "gold/acme/7" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// What could take more than the request's data times the expression's parts is no expression, and neither is what is not understood.
func TestRefused(t *testing.T) {
	long := strings.Repeat("true and ", 110) + "true"
	for text, want := range map[string]string{
		"":                                "is empty",
		strings.Repeat("x", MaxBytes+1):   "is 1001 bytes long",
		long:                              "more than 200 parts",
		`callr.plan == "x"`:               "names callr, which is not known, at its character 1",
		`caller.pln == "x"`:               "names pln, which caller does not have",
		`caller.plan`:                     "does not give true or false",
		`caller.claims.admin`:             "does not give true or false",
		`caller.plan == `:                 "cannot be understood",
		`caller.plan == 3`:                "cannot be understood",
		`request.header(3) == ""`:         "cannot be understood",
		`all(1..1000000, true)`:           "makes a list of numbers",
		`len(1..1000000) == 1`:            "makes a list of numbers",
		`"a" matches request.header("X")`: "matches a pattern that is not written in it",
		`"a" matches "("`:                 "cannot be understood",
		`any(caller.roles, any(caller.scopes, # == "x"))`:     "goes over a list inside of another",
		`any(caller.roles, # in caller.scopes)`:               "looks for each member of a list in another",
		`any(caller.roles, not (# in caller.scopes))`:         "looks for each member of a list in another",
		`any(caller.roles, len(split(request.path, "")) > 1)`: "splits a text for each member",
		`let a = "x"; a + a == ""`:                            "has a variable",
		`reduce(caller.roles, #acc + #acc, "x") == ""`:        "uses reduce",
		`repeat("x", 1000000) == ""`:                          "uses repeat",
		`replace(request.path, "", request.path) == ""`:       "uses replace",
		`now().Year() == 2027`:                                "uses now",
		`toJSON(caller.claims) == ""`:                         "uses toJSON",
		`$env["cal" + "ler"].plan == "x"`:                     "by $env",
		`map(caller.roles, # + #) == []`:                      "uses map",
		`sortBy(caller.roles, #) == []`:                       "uses sortBy",
		`flatten([caller.roles]) == []`:                       "uses flatten",
	} {
		_, err := Compile(text, Truth)
		var bad *Error
		if !errors.As(err, &bad) || !strings.Contains(bad.What, want) || bad.Remedy == "" || strings.Contains(bad.Error(), "\n") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if _, err := Compile("caller.roles", Text); err == nil || !strings.Contains(err.Error(), "does not give text") {
		t.Errorf("a list as a text: %v", err)
	}
	for _, text := range []string{"caller.claims.org", "caller.claims.level", "caller.claims.none", "string(caller.claims.none)", "string(caller.claims.org)"} {
		p, err := Compile(text, Text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := p.Text(values()); got != "" || err == nil {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
}

// An evaluation that fails is not true, and says nothing of the values.
func TestFails(t *testing.T) {
	for text, want := range map[string]string{
		`caller.claims.none.at.all == ""`:      "fails at its character 20",
		`caller.claims.org > 5`:                "fails at its character",
		`caller.claims.level.x == 1`:           "fails at its character",
		`int(request.header("X-Tenant")) == 1`: "fails at its character",
		`request.header("long") == ""`:         "header long is longer than 4096 bytes",
		`split(request.path, "/")[9] == ""`:    "fails at its character",
		`not (caller.claims.org > 5)`:          "fails at its character",
	} {
		p, err := Compile(text, Truth)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := p.Test(values())
		if got || err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "acme") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

// Whoever calls with as much as a request can carry is answered in time, and made to take no more memory than is allowed.
func TestBounded(t *testing.T) {
	v := values()
	v.Caller.Roles = make([]string, 20_000)
	for i := range v.Caller.Roles {
		v.Caller.Roles[i] = fmt.Sprint("role-", i)
	}
	p, err := Compile(`"role-7" in filter(caller.roles, true)`, Truth)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Test(v); got || err == nil || !strings.Contains(err.Error(), "too much memory") {
		t.Errorf("%v, %v", got, err)
	}
	v.Caller.Roles = v.Caller.Roles[:5_000]
	if got, err := p.Test(v); !got || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

func TestWords(t *testing.T) {
	for text, want := range map[string]bool{`caller.plan == ""`: true, `"x" == caller . plan`: true, `request.header("caller") == ""`: true, `time.hour > 3`: false, `request.header("X-Callers") == ""`: false} {
		if OfCaller(text) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
	if got := fmt.Sprint(Params(`request.params.id == request . params.other and request.header("x") == ""`)); got != "[id other]" {
		t.Error(got)
	}
}

// An expression that may look at the country of the client is told from one that speaks of another country, or of another thing of the client's.
func TestOfCountry(t *testing.T) {
	for text, want := range map[string]bool{
		`client.country == "DE"`:                                      true,
		`client . country == "DE"`:                                    true,
		`client?.country == "DE"`:                                     true,
		`client["country"] in ["DE"]`:                                 true,
		`client?.["country"] == ""`:                                   true,
		`client["\u0063ountry"] == ""`:                                true,
		`client["coun" + "try"] == ""`:                                true,
		`client[caller.plan] == ""`:                                   true,
		`client.ip == "" or client.country == ""`:                     true,
		`client /* its */ .country == ""`:                             true,
		`(client).country == ""`:                                      true,
		`(client ?? client).country == ""`:                            true,
		`(caller.plan == "" ? client : client).country == ""`:         true,
		`any([client], .country == "DE")`:                             true,
		`any(caller.roles, client.country == #)`:                      true,
		`{a: client}.a.country == ""`:                                 true,
		`client in [client]`:                                          true,
		`string(client) == ""`:                                        true,
		`split(client.country, "")[0] == "D"`:                         true,
		`$env.client.country == ""`:                                   true,
		`$env["cli" + "ent"].country == ""`:                           true,
		`let c = client; c.country == ""`:                             true,
		`client.country ==`:                                           true, // no expression
		`client.ip == ""`:                                             false,
		`client["ip"] == ""`:                                          false,
		`request.params.country == "DE"`:                              false,
		`request.params["country"] == "DE"`:                           false,
		`caller.claims.country == "DE" and client.ip != ""`:           false,
		`caller.claims.client.country == "DE"`:                        false,
		`request.query("country") == "client.country"`:                false,
		`any(caller.claims.addresses, .country == "DE")`:              false,
		`caller.plan == "country" // client.country is not asked for`: false,
		`request.header("X-Countryside") == ""`:                       false,
		`request.params.country ==`:                                   false, // no expression
	} {
		if OfCountry(text) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}

func BenchmarkTest(b *testing.B) {
	for _, text := range []string{`caller.plan == "gold"`, `caller.claims.org.id == request.header("X-Tenant") and "admin" in caller.roles and time.hour >= 8`} {
		b.Run(text[:20], func(b *testing.B) {
			p, err := Compile(text, Truth)
			if err != nil {
				b.Fatal(err)
			}
			v := values()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Test(v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(`caller.claims.org.id == request.header("X-Tenant") and "admin" in caller.roles`, Truth); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{`caller.plan == "x"`, `any(caller.roles, # in ["a"])`, `request.query("a") matches "^a"`, `1 ..`, `((((`, `{a: 1}.a == 1`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := Compile(s, Truth); err == nil {
			_, _ = p.Test(values())
		}
	})
}
