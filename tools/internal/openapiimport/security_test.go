package openapiimport_test

import (
	"strings"
	"testing"

	"polygate.example/tools/internal/openapiimport"
)

// What is to be filled in is in a policy that is there: of a scheme that no list of policies can have a part in, nothing is.
func TestNotesOfPoliciesThatAreThere(t *testing.T) {
	const schemes = `
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-Key }
    login: { type: openIdConnect, openIdConnectUrl: https://id.example/.well-known/openid-configuration }
    oauth: { type: oauth2, flows: {} }
    mutual: { type: mutualTLS }
`
	for security, want := range map[string]bool{
		"[{ key: [], login: [a], oauth: [], mutual: [] }, {}]": false,
		"[{ login: [a] }, { oauth: [b] }, { mutual: [] }, {}]": false,
		"[{ login: [], oauth: [], mutual: [] }]":               true,
	} {
		src := "openapi: 3.1.0\npaths: { /a: { get: { security: " + security + ", responses: {} } } }" + schemes
		made := imported(t, "a.yaml", []byte(src), nil)
		told := map[string]bool{}
		for _, n := range made.Report.Notes {
			if n.Kind == openapiimport.FillIn || strings.Contains(n.What, "OAuth") {
				told[string(n.Pointer)] = true
			}
		}
		for _, scheme := range []string{"login", "oauth", "mutual"} {
			if told["/components/securitySchemes/"+scheme] != want {
				t.Errorf("%s: of %s it is told: %v, want %v\n%s", security, scheme, !want, want, made.Text)
			}
		}
	}
}
