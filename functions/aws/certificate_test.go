package main

import (
	"encoding/json"
	"strings"
	"testing"

	"polygate.example/shared/clientcert"
	"polygate.example/shared/clientcert/clientcerttest"
	"polygate.example/shared/handler"
	"polygate.example/shared/handler/handlertest"
)

// TestClientCertificate: the front's own record counts, where each front has it, and no header does.
func TestClientCertificate(t *testing.T) {
	root := clientcerttest.Root(t, "Root")
	acme := root.Client(t, "acme")
	pem := strings.ReplaceAll(acme.PEM(), "\n", `\n`)
	field := clientcert.Field(acme.Cert.Raw)
	spoofed := `"client-cert":"` + field + `","x-arr-clientcert":"` + strings.Trim(field, ":") + `","x-amzn-mtls-clientcert-leaf":"` + pem + `","x-client-cert-present":"true","x-client-cert-chain-verified":"true","x-client-cert-leaf":"` + field + `"`
	v2 := func(cert string) string {
		return `{"version":"2.0","rawPath":"/","headers":{` + spoofed + `},"requestContext":{"http":{"method":"GET"},"authentication":` + cert + `}}`
	}
	rest := func(cert string) string {
		return `{"httpMethod":"GET","path":"/","headers":{` + spoofed + `},"requestContext":{"identity":{"clientCert":` + cert + `}}}`
	}
	for _, c := range []struct {
		name, event string
		status      int
	}{
		{"HTTP API", v2(`{"clientCert":{"clientCertPem":"` + pem + `","subjectDN":"CN=acme"}}`), 200},
		{"HTTP API, none", v2(`null`), 401},
		{"HTTP API, none either", v2(`{"clientCert":null}`), 401},
		{"HTTP API, only a subject", v2(`{"clientCert":{"subjectDN":"CN=acme","serialNumber":"1"}}`), 401},
		{"HTTP API, two", v2(`{"clientCert":{"clientCertPem":"` + pem + pem + `"}}`), 401},
		{"HTTP API, self-signed", v2(`{"clientCert":{"clientCertPem":"` + strings.ReplaceAll(clientcerttest.Alone(t, "acme").PEM(), "\n", `\n`) + `"}}`), 401},
		{"REST API", rest(`{"clientCertPem":"` + pem + `"}`), 200},
		{"REST API, none", rest(`null`), 401},
		{"load balancer, which tells in headers", `{"httpMethod":"GET","path":"/","headers":{` + spoofed + `},"requestContext":{"elb":{}}}`, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := handlertest.WantsCertificate(t, root, handler.Options{Buffered: true})
			out, err := (&adapter{log: quiet, next: h}).Invoke(t.Context(), []byte(c.event))
			if err != nil {
				t.Fatal(err)
			}
			var got struct{ StatusCode int }
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			same(t, "status", got.StatusCode, c.status)
		})
	}
}
