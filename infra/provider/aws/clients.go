package aws

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"

	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
	"polygate.example/shared/clientcert"
	"polygate.example/shared/gateway"
)

// What API Gateway takes into a trust store. Source: "How to turn on mutual TLS authentication for your HTTP APIs in API Gateway",
// docs.aws.amazon.com/apigateway/latest/developerguide/http-api-mutual-tls.html, "Configuring your truststore": "Certificates can have a maximum
// chain length of four", and "SHA-256 or stronger", "RSA-2048 or stronger", "ECDSA-256 or stronger". That the client's own certificate does not
// count in the chain is no word of AWS's; who tried it out says so (javierinthecloud.com/understanding-the-api-gateway-mtls-chain-depth-limit).
// Keys of other kinds, such as Ed25519, are not in that list, which is of all that "are supported in the truststore".
const (
	maxChain = 4
	minEC    = 256 // bits; those of RSA are tested with every document
)

var signatures = []x509.SignatureAlgorithm{
	x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA, x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
	x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512,
}

// certificates says why API Gateway would not hand on the certificates that a policy goes by. Mutual TLS is on for a custom domain name or off, and
// on it is for everybody: "To access an API by using a custom domain name that has mutual TLS enabled, clients must present certificates that you
// trust in API requests" (same page). So it is on where no route of the document can be called without, and off for all otherwise. Health checks
// come by the region's own name, which asks nobody.
//
// Nothing has to come in an order here for a function not to believe what clients say of themselves: API Gateway's record of the certificate is a
// part of the event that no client writes (requestContext.authentication.clientCert), and is not there as long as mutual TLS is off, or on another
// name. Source: "Create AWS Lambda proxy integrations for HTTP APIs", payload format, docs.aws.amazon.com/apigateway/latest/developerguide/
// http-api-develop-integrations-lambda.html. What the order of name and function is for, see alias, is that nobody is refused.
func certificates(s settings.Settings, doc gateway.Spec, policy gateway.ClientCertificate) *provider.Objection {
	if open := doc.Uncertified(); len(open) > 0 {
		return &provider.Objection{
			Reason: fmt.Sprintf("API Gateway asks everybody who calls %s for one, or nobody, and here nobody, as the route %q may be called without", s.Hostname, doc.Routes[open[0]].Name),
			Remedy: "require certificates on every route (everywhere, without optional), move routes to a stack of their own with another hostname, or leave regions of aws out",
		}
	}
	if policy.CA == "" {
		return &provider.Objection{
			Reason: "API Gateway takes certificates of those authorities alone that it is told, and the policy names none",
			Remedy: "write under ca who has issued the certificates, beside their fingerprints, or leave regions of aws out",
		}
	}
	bundle, bad := clientcert.ParseBundle(policy.CA)
	if len(bad) > 0 {
		return nil // reported already
	}
	all := slices.Concat(bundle.Anchors(), bundle.Steps())
	for _, c := range all {
		switch above := chain(c, all); {
		case !slices.Contains(signatures, c.SignatureAlgorithm) || !strong(c.PublicKey):
			return &provider.Objection{
				Reason: fmt.Sprintf("API Gateway does not take the authority %q, signed by %s and with a key of %s: it wants SHA-256 or stronger, with keys of RSA-2048 or ECDSA-256 or stronger",
					c.Subject, c.SignatureAlgorithm, c.PublicKeyAlgorithm),
				Remedy: "use another authority, or leave regions of aws out",
			}
		case above > maxChain:
			return &provider.Objection{
				Reason: fmt.Sprintf("API Gateway takes chains of %d authorities, and the one of %q has %d", maxChain, c.Subject, above),
				Remedy: "use an authority nearer to the root, or leave regions of aws out",
			}
		}
	}
	return nil
}

// strong reports whether API Gateway takes a key into a trust store.
func strong(key any) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return true // its length is tested with every document
	case *ecdsa.PublicKey:
		return key.Params().BitSize >= minEC
	}
	return false
}

// chain is how many authorities are from one up to the root, itself and the root among them, as far as they are listed.
func chain(c *x509.Certificate, all []*x509.Certificate) int {
	for n := 1; ; n++ {
		i := slices.IndexFunc(all, func(by *x509.Certificate) bool {
			return !by.Equal(c) && slices.Equal(by.RawSubject, c.RawIssuer) && c.CheckSignatureFrom(by) == nil
		})
		if i < 0 || n > len(all) {
			return n
		}
		c = all[i]
	}
}
