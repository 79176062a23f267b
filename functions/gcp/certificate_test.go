package gcp

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

// TestClientCertificate: the load balancer's headers count where it writes them, all of them, and no other does.
func TestClientCertificate(t *testing.T) {
	root := clientcerttest.Root(t, "Root")
	sub := root.Sub(t, "Sub")
	direct, below := clientcert.Field(root.Client(t, "acme").Cert.Raw), clientcert.Field(sub.Client(t, "acme").Cert.Raw)
	told := func(present, verified, failure, leaf, chain string) http.Header {
		return http.Header{"X-Client-Cert-Present": {present}, "X-Client-Cert-Chain-Verified": {verified}, "X-Client-Cert-Error": {failure}, "X-Client-Cert-Leaf": {leaf}, "X-Client-Cert-Chain": {chain}}
	}
	azure := http.Header{"X-Arr-Clientcert": {strings.Trim(direct, ":")}, "Client-Cert": {direct}}
	twice := told("true", "true", "", direct, "")
	twice["X-Client-Cert-Leaf"] = []string{direct, direct}
	added := told("false", "false", "", "", "")
	added["X-Client-Cert-Present"] = []string{"true", "false"}
	const ours, service = "api.example.com", "gateway-abc-uc.a.run.app"
	for _, c := range []struct {
		name   string
		host   string
		asks   bool
		header http.Header
		status int
		code   string
	}{
		{"shown", ours, true, told("true", "true", "", direct, ""), 200, ""},
		{"shown, and told of with an end", ours, true, told("true;", "true", "", direct, ""), 200, ""},
		{"not shown, and told of with an end", ours, true, told("false;", "false", "client_cert_not_provided", "", ""), 401, "certificate_missing"},
		{"a balancer that does not ask, over what the client says", ours, true, told(";", "true", "", direct, ""), 401, "certificate_invalid"},
		{"a balancer that does not ask, and nothing said", ours, true, told(";", "", "", "", ""), 401, "certificate_missing"},
		{"shown with its chain", ours, true, told("true", "true", "", below, clientcert.Field(sub.Cert.Raw)), 200, ""},
		{"shown without the chain that it needs", ours, true, told("true", "true", "", below, ""), 401, "certificate_invalid"},
		{"not shown", ours, true, told("false", "false", "client_cert_not_provided", "", ""), 401, "certificate_missing"},
		{"not shown, with a certificate that the client has written", ours, true, told("false", "true", "", direct, ""), 401, "certificate_missing"},
		{"not shown, with a header beside the balancer's", ours, true, added, 401, "certificate_invalid"},
		{"not verified", ours, true, told("true", "false", "client_cert_chain_invalid_eku", "", ""), 401, "certificate_invalid"},
		{"not verified, with a certificate", ours, true, told("true", "false", "", direct, ""), 401, "certificate_invalid"},
		{"too large for the balancer", ours, true, told("true", "true", "client_cert_validated_leaf_exceeded_size_limit", "", ""), 401, "certificate_invalid"},
		{"verified by the balancer alone", ours, true, told("true", "true", "", clientcert.Field(clientcerttest.Alone(t, "acme").Cert.Raw), ""), 401, "certificate_invalid"},
		{"two", ours, true, twice, 401, "certificate_invalid"},
		{"two in one", ours, true, told("true", "true", "", direct+", "+direct, ""), 401, "certificate_invalid"},
		{"a giant", ours, true, told("true", "true", "", ":"+strings.Repeat("A", 1<<20)+":", ""), 401, "certificate_invalid"},
		{"only a leaf", ours, true, http.Header{"X-Client-Cert-Leaf": {direct}}, 401, "certificate_invalid"},
		{"variables that are empty", ours, true, told("", "", "", "", ""), 401, "certificate_missing"},
		{"nothing", ours, true, http.Header{}, 401, "certificate_missing"},
		{"what other fronts write", ours, true, azure, 401, "certificate_missing"},
		{"by the service's own name", service, true, told("true", "true", "", direct, ""), 401, "certificate_missing"},
		{"by the service's own name in capitals, with the root's dot and a port", "X.A.RUN.APP.:443", true, told("true", "true", "", direct, ""), 401, "certificate_missing"},
		{"a balancer that does not ask", ours, false, told("true", "true", "", direct, ""), 401, "certificate_missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := handlertest.WantsCertificate(t, root, handler.Options{})
			r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
			r.Host, r.Header = c.host, c.header
			behindGoogle(h, c.asks, "")(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.code) {
				t.Errorf("status %d, %s; want %d, %s", w.Code, w.Body, c.status, c.code)
			}
			for name := range r.Header {
				if strings.HasPrefix(name, "X-Client-Cert") {
					t.Errorf("%s stays", name)
				}
			}
		})
	}
}

// TestErrorOfTheBalancer: its words are for the log, and nothing else is.
func TestErrorOfTheBalancer(t *testing.T) {
	for in, want := range map[string]string{"client_cert_chain_invalid_eku": "client_cert_chain_invalid_eku", "a_1,b_2": "a_1,b_2", "": "it does not say why", "a\nb": "it does not say why", strings.Repeat("a", 201): "it does not say why"} {
		if got := word(in); got != want {
			t.Errorf("%q is %q", in, got)
		}
	}
}
