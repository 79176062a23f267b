// Package handlertest makes gateways for tests of the fronts before them.
package handlertest

import (
	"net/http"
	"testing"
	"time"

	"polygate.example/shared/clientcert/clientcerttest"
	"polygate.example/shared/gateway"
	"polygate.example/shared/handler"
)

// WantsCertificate is a gateway that answers 200 to clients with a certificate of the root, and 401 to all others. Its time is
// clientcerttest.Now.
func WantsCertificate(t testing.TB, root clientcerttest.Issued, opts handler.Options) http.Handler {
	t.Helper()
	m, err := gateway.New(gateway.Spec{
		Version:  gateway.Version,
		Policies: map[string]gateway.Policy{"who": {ClientCertificate: &gateway.ClientCertificate{CA: root.PEM(), Consumer: "cn"}}},
		Routes:   []gateway.Route{{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Policies: []string{"who"}, Respond: &gateway.Respond{Status: http.StatusOK}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	opts.Now = func() time.Time { return clientcerttest.Now }
	h, err := handler.New(m, opts)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
