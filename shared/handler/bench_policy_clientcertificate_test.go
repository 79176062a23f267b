package handler

import (
	"net/http"
	"testing"

	"polygate.example/shared/clientcert"
	"polygate.example/shared/clientcert/clientcerttest"
	"polygate.example/shared/gateway"
)

// BenchmarkClientCertificate is what a certificate costs a request: known from before, verified anew with a step in between, and not of the authority. Reading
// what a front has written is beside it.
func BenchmarkClientCertificate(b *testing.B) {
	root := clientcerttest.Root(b, "Root")
	sub := root.Sub(b, "Sub")
	one := sub.Client(b, "ada", spiffe("/partner/ada"))
	policy := gateway.ClientCertificate{CA: root.PEM(sub), SANs: gateway.SANs{URI: []string{"spiffe://example.org/partner/*"}}, Consumer: "uri"}
	record := clientcert.Record{Chain: [][]byte{one.Cert.Raw}}
	run := func(name string, policy gateway.ClientCertificate) {
		b.Run(name, func(b *testing.B) {
			benchPolicy(b, gateway.Policy{ClientCertificate: &policy}, Options{Now: certificateNow}, func(r *http.Request) {
				if _, given := r.Context().Value(frontKey{}).(Front); !given {
					*r = *recorded(r, record)
				}
			})
		})
	}
	run("known", policy)
	tells := policy
	tells.Forward, tells.ForwardAs = map[string]string{"Client-Cert": "certificate", "X-Subject": "subject"}, forwarded
	run("known, told to the upstream", tells)
	bundle, bad := clientcert.ParseBundle(policy.CA)
	if len(bad) > 0 {
		b.Fatal(bad)
	}
	verify := func(name string, record clientcert.Record, right bool) {
		b.Run(name, func(b *testing.B) {
			v := clientcert.NewVerifier(clientcert.Trust{CA: bundle}, certificateNow, func(*clientcert.Certificate) int { return 1 })
			b.ReportAllocs()
			for b.Loop() {
				if right {
					v = clientcert.NewVerifier(clientcert.Trust{CA: bundle}, certificateNow, func(*clientcert.Certificate) int { return 1 })
				}
				if _, err := v.Verify(record); (err == nil) != right {
					b.Fatal(err)
				}
			}
		})
	}
	verify("verified", record, true)
	verify("of another authority", clientcert.Record{Chain: [][]byte{clientcerttest.Root(b, "Root").Client(b, "ada").Cert.Raw}}, false)
	pem, field := one.PEM(), clientcert.Field(one.Cert.Raw)
	for name, read := range map[string]func() clientcert.Record{
		"read as PEM":    func() clientcert.Record { return clientcert.FromPEM(pem) },
		"read as base64": func() clientcert.Record { return clientcert.FromBase64(field[1 : len(field)-1]) },
		"read as fields": func() clientcert.Record { return clientcert.FromFields(field, "") },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r := read(); r.Flaw != "" {
					b.Fatal(r.Flaw)
				}
			}
		})
	}
}
