package gateway

import (
	"slices"
	"strings"
	"testing"
)

func TestPlainHeader(t *testing.T) {
	for name, want := range map[string]string{"X-Mode2": "X-Mode2", "x_mode": "x-mode", "X.Mode": "X-Mode", "X!Mo~de": "X-Mo-de", "": "", "é": "--"} {
		if got := PlainHeaderOf(name); got != want || PlainHeader(name) != (got == name && name != "") {
			t.Errorf("%q is %q, plain: %v", name, got, PlainHeader(name))
		}
	}
}

// Every place of a route and of a policy that names a header of requests is known.
func TestHeaders(t *testing.T) {
	forwardAs := func(n string) ForwardAs { return ForwardAs{Consumer: "Consumer_" + n, Plan: "Plan_" + n} }
	by := []CountBy{{Kind: ByHeader, Name: "By_Header"}, {Kind: ByExpression, Name: "request.header( 'By_Expression' ) + request . header(`By_Other`)"}, {Kind: ByIP}}
	header := func(name string) []Parameter {
		return []Parameter{{Name: name, In: InHeader}, {Name: "no_query", In: InQuery}}
	}
	route := Route{Match: Match{Headers: map[string]Condition{"Match_It": {}, "X-Plain": {}}}, Request: Edit{HeaderOps{Set: map[string]string{"Set_It": "a ${request.header.Set_From} ${region}"}, Remove: []string{"no_removal"}}},
		Response: Edit{HeaderOps{Set: map[string]string{"no_response": "x"}}}}
	policies := map[string]Policy{
		"apiKey":            {APIKey: &APIKey{Header: "api_key", ForwardAs: forwardAs("k")}},
		"authorize":         {Authorize: &Authorize{When: `request.header("When_It") == "x" and request?.header("When_Else") != ""`}},
		"basic":             {Basic: &Basic{ForwardAs: forwardAs("b")}},
		"clientCertificate": {ClientCertificate: &ClientCertificate{ForwardAs: forwardAs("c"), Forward: map[string]string{"Cert_It": "cn"}}},
		"cors":              {CORS: &CORS{Headers: []string{"Cors_It"}}},
		"graphql":           {GraphQL: &GraphQL{}},
		"ip":                {IP: &IP{}},
		"jwt":               {JWT: &JWT{From: TokenPlace{Header: "Token_It"}, Forward: map[string]string{"Claim_It": "sub"}}},
		"limits":            {Limits: &Limits{}},
		"quota":             {Quota: &Quota{By: by[:1]}},
		"rateLimit":         {RateLimit: &RateLimit{By: by[1:]}},
		"securityHeaders":   {SecurityHeaders: &SecurityHeaders{}},
		"signature":         {Signature: &Signature{Components: []string{"@method", "signed_it"}, ForwardAs: forwardAs("s")}},
		"transform": {Transform: &Transform{Request: &RequestTransform{Headers: Changes{Remove: []string{"no_removal"}, Rename: map[string]string{"T_From": "T_To"}, Set: map[string]string{"T_Set": "x"}, Add: map[string]string{"T_Add": "x"}}},
			Response: []ResponseTransform{{Headers: Changes{Set: map[string]string{"no_answer": "${request.header.T_Told}"}}}}}},
		"validate": {Validate: &Validate{Checks: Checks{Parameters: header("V_One")}, Operations: []Operation{{Checks: Checks{Parameters: header("V_Op")}}}}},
	}
	want := map[string]string{
		"":                  "Match_It Set_From X-Plain > Set_It",
		"apiKey":            "api_key > Consumer_k Plan_k",
		"authorize":         "When_Else When_It > ",
		"basic":             " > Consumer_b Plan_b",
		"clientCertificate": " > Cert_It Consumer_c Plan_c",
		"cors":              "Cors_It > ",
		"graphql":           " > ",
		"ip":                " > ",
		"jwt":               "Token_It > Claim_It",
		"limits":            " > ",
		"quota":             "By_Header > ",
		"rateLimit":         "By_Expression By_Other > ",
		"securityHeaders":   " > ",
		"signature":         "signed_it > Consumer_s Plan_s",
		"transform":         "T_From T_Told > T_Add T_Set T_To",
		"validate":          "V_One V_Op > ",
	}
	told := func(h Headers) string {
		slices.Sort(h.Reads)
		slices.Sort(h.Writes)
		return strings.Join(h.Reads, " ") + " > " + strings.Join(h.Writes, " ")
	}
	if got := told(route.Headers()); got != want[""] {
		t.Errorf("of a route: %q, want %q", got, want[""])
	}
	for _, kind := range KindNames() { // a kind that is new says which headers it goes by
		if got := told(policies[kind].Headers()); got != want[kind] || want[kind] == "" {
			t.Errorf("of %s: %q, want %q", kind, got, want[kind])
		}
	}
}
