package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"polygate.example/shared/clientcert"
	"polygate.example/shared/clientcert/clientcerttest"
	"polygate.example/shared/handler"
	"polygate.example/shared/handler/handlertest"
)

// TestClientCertificate: the header counts where the site asks for certificates, and no other does.
func TestClientCertificate(t *testing.T) {
	root := clientcerttest.Root(t, "Root")
	field := clientcert.Field(root.Client(t, "acme").Cert.Raw)
	b64 := strings.Trim(field, ":")
	google := http.Header{"X-Client-Cert-Present": {"true"}, "X-Client-Cert-Chain-Verified": {"true"}, "X-Client-Cert-Leaf": {field}, "Client-Cert": {field}}
	for _, c := range []struct {
		name   string
		asks   bool
		header http.Header
		status int
		code   string
	}{
		{"shown", true, http.Header{"X-Arr-Clientcert": {b64}}, 200, ""},
		{"none", true, http.Header{}, 401, "certificate_missing"},
		{"empty", true, http.Header{"X-Arr-Clientcert": {""}}, 401, "certificate_missing"},
		{"what other fronts write", true, google, 401, "certificate_missing"},
		{"a site that does not ask", false, http.Header{"X-Arr-Clientcert": {b64}}, 401, "certificate_missing"},
		{"two headers", true, http.Header{"X-Arr-Clientcert": {b64, b64}}, 401, "certificate_invalid"},
		{"two headers that the host has joined", true, http.Header{"X-Arr-Clientcert": {b64 + ", " + b64}}, 401, "certificate_invalid"},
		{"a giant", true, http.Header{"X-Arr-Clientcert": {strings.Repeat("A", 1<<20)}}, 401, "certificate_invalid"},
		{"in the form of another front", true, http.Header{"X-Arr-Clientcert": {field}}, 401, "certificate_invalid"},
		{"of nobody's", true, http.Header{"X-Arr-Clientcert": {strings.Trim(clientcert.Field(clientcerttest.Alone(t, "acme").Cert.Raw), ":")}}, 401, "certificate_invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := handlertest.WantsCertificate(t, root, handler.Options{Truncate: handler.TruncateByMarker})
			r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
			r.Header = c.header
			behindHost(h, quiet, c.asks).ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.code) {
				t.Errorf("status %d, %s; want %d, %s", w.Code, w.Body, c.status, c.code)
			}
			if r.Header["X-Arr-Clientcert"] != nil {
				t.Error("the header stays")
			}
		})
	}
}
