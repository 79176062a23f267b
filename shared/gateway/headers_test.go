package gateway

import (
	"slices"
	"testing"
)

func TestPlainHeader(t *testing.T) {
	for name, want := range map[string]string{"X-Mode2": "X-Mode2", "x_mode": "x-mode", "X.Mode": "X-Mode", "X!Mo~de": "X-Mo-de", "": "", "é": "--"} {
		if got := PlainHeaderOf(name); got != want || PlainHeader(name) != (got == name && name != "") {
			t.Errorf("%q is %q, plain: %v", name, got, PlainHeader(name))
		}
	}
}

// Every place of a document that names a header of requests is known.
func TestHeaderNames(t *testing.T) {
	forwardAs := func(n string) ForwardAs { return ForwardAs{Consumer: "Consumer_" + n, Plan: "Plan_" + n} }
	by := []CountBy{{Kind: ByHeader, Name: "By_Header"}, {Kind: ByExpression, Name: "request.header( 'By_Expression' ) + request . header(`By_Other`)"}, {Kind: ByIP}}
	header := func(name string) []Parameter {
		return []Parameter{{Name: name, In: InHeader}, {Name: "no_query", In: InQuery}}
	}
	m := &Model{spec: Spec{
		Routes: []Route{{Match: Match{Headers: map[string]Condition{"Match_It": {}, "X-Plain": {}}}, Request: Edit{HeaderOps{Set: map[string]string{"Set_It": "a ${request.header.Set_From} ${region}"}, Remove: []string{"Remove_It"}}},
			Response: Edit{HeaderOps{Set: map[string]string{"no_response": "x"}}}}},
		Policies: map[string]Policy{
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
			"transform": {Transform: &Transform{Request: &RequestTransform{Headers: Changes{Remove: []string{"T_Remove"}, Rename: map[string]string{"T_From": "T_To"}, Set: map[string]string{"T_Set": "x"}, Add: map[string]string{"T_Add": "x"}}},
				Response: []ResponseTransform{{Headers: Changes{Set: map[string]string{"no_answer": "${request.header.T_Told}"}}}}}},
			"validate": {Validate: &Validate{Checks: Checks{Parameters: header("V_One")}, Operations: []Operation{{Checks: Checks{Parameters: header("V_Op")}}}}},
		}}}
	want := []string{"api_key", "by_expression", "by_header", "by_other", "cert_it", "claim_it", "consumer_b", "consumer_c", "consumer_k", "consumer_s", "cors_it", "match_it", "plan_b", "plan_c", "plan_k", "plan_s",
		"remove_it", "set_from", "set_it", "signed_it", "t_add", "t_from", "t_remove", "t_set", "t_to", "t_told", "token_it", "v_one", "v_op", "when_else", "when_it", "x-plain"}
	if got := m.HeaderNames(); !slices.Equal(got, want) {
		t.Errorf("names are\n%q, want\n%q", got, want)
	}
	for _, kind := range KindNames() { // a kind that is new says which headers it goes by
		if _, there := m.spec.Policies[kind]; !there {
			t.Errorf("%s is not tested", kind)
		}
	}
}
