package gcp

import (
	"net/http"
	"strings"

	"polygate.example/shared/clientcert"
)

// Headers into which a load balancer with a ServerTlsPolicy writes what it has seen of a client's certificate. They are its backend service's custom
// request headers, each with the variable of its name, as in "X-Client-Cert-Leaf:{client_cert_leaf}"; the names are those of Google's own examples.
// What a client sends by the name is written over. A leaf is told only where the balancer has found it valid, and a variable that is not known is empty.
// The private key is asked for in every mode. Source: "Create custom headers in backend services", Mutual TLS custom headers,
// docs.cloud.google.com/load-balancing/docs/https/custom-headers; "Mutual TLS overview", validation modes, .../docs/mtls.
const (
	headerCertPresent  = "X-Client-Cert-Present"
	headerCertVerified = "X-Client-Cert-Chain-Verified"
	headerCertError    = "X-Client-Cert-Error"
	headerCertLeaf     = "X-Client-Cert-Leaf"
	headerCertChain    = "X-Client-Cert-Chain"
)

// certificate is the certificate that the load balancer has written down, and takes the headers off. They count only where the balancer writes
// them and the request has come through it: whoever is let in by a service's default URL writes them as it likes.
func certificate(r *http.Request, written bool) clientcert.Record {
	told := map[string][]string{}
	for _, name := range [...]string{headerCertPresent, headerCertVerified, headerCertError, headerCertLeaf, headerCertChain} {
		if values, there := r.Header[name]; there {
			told[name] = values
			delete(r.Header, name)
		}
	}
	if !written || byDefaultURL(r.Host) || len(told) == 0 {
		return clientcert.Record{}
	}
	one := func(name string) string {
		if len(told[name]) != 1 {
			return ""
		}
		return told[name][0]
	}
	for name, values := range told {
		if len(values) != 1 {
			return clientcert.Flawed("is told of by several headers " + name)
		}
	}
	switch {
	case one(headerCertPresent) == "false", one(headerCertPresent)+one(headerCertLeaf) == "": // the latter of a balancer without a ServerTlsPolicy
		return clientcert.Record{}
	case one(headerCertPresent) != "true":
		return clientcert.Flawed("is told of, and not whether there is one")
	case one(headerCertVerified) != "true" || one(headerCertLeaf) == "":
		return clientcert.Flawed("was not accepted by the load balancer: " + word(one(headerCertError)))
	}
	return clientcert.FromFields(one(headerCertLeaf), one(headerCertChain))
}

// word is one of the load balancer's words for errors, for logs.
func word(s string) string {
	if s == "" || len(s) > 200 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_,") != "" {
		return "it does not say why"
	}
	return s
}
