package gcp

import (
	"net/http"
	"strings"

	"polygate.example/shared/clientcert"
	"polygate.example/shared/health"
)

// certificate is the certificate that the load balancer has written down, and takes the headers off. They count only where the balancer writes
// them and the request has come through it: whoever is let in by a service's default URL writes them as it likes.
func certificate(r *http.Request, written bool) clientcert.Record {
	told := map[string][]string{}
	for _, name := range [...]string{clientcert.GooglePresent, clientcert.GoogleVerified, clientcert.GoogleError, clientcert.GoogleLeaf, clientcert.GoogleChain} {
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
	present := strings.TrimSuffix(one(clientcert.GooglePresent), health.HeaderEnd)
	switch {
	case present == "false", present+one(clientcert.GoogleLeaf) == "": // the latter of a balancer without a ServerTlsPolicy
		return clientcert.Record{}
	case present != "true":
		return clientcert.Flawed("is told of, and not whether there is one")
	case one(clientcert.GoogleVerified) != "true" || one(clientcert.GoogleLeaf) == "":
		return clientcert.Flawed("was not accepted by the load balancer: " + word(one(clientcert.GoogleError)))
	}
	return clientcert.FromFields(one(clientcert.GoogleLeaf), one(clientcert.GoogleChain))
}

// word is one of the load balancer's words for errors, for logs.
func word(s string) string {
	if s == "" || len(s) > 200 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_,") != "" {
		return "it does not say why"
	}
	return s
}
