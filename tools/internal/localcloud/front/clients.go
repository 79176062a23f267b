package front

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"polygate.example/shared/clientcert"
	"polygate.example/tools/internal/localcloud/plane"
)

// Bounds of clients' certificates. Sources: "Create custom headers in backend services", client_cert_leaf and client_cert_chain, docs.cloud.google.
// com/load-balancing/docs/https/custom-headers-global; "External Application Load Balancer logging", statusDetails of server certificates, whose
// keys and chains have the same bounds, .../docs/https/https-logging-monitoring.
const (
	maxShown         = 16 << 10 // bytes of certificates in a header, before base64
	maxIntermediates = 10
	minRSA, maxRSA   = 2048, 4096
)

// asked is what Google's load balancer asks clients for.
type asked struct {
	plane.Clients
	anchors, steps *x509.CertPool
}

// newAsked reads whom a front believes; nil for one that asks for no certificate.
func newAsked(c *plane.Clients) (*asked, error) {
	if c == nil {
		return nil, nil
	}
	a := &asked{Clients: *c, anchors: x509.NewCertPool(), steps: x509.NewCertPool()}
	for _, list := range []struct {
		pool  *x509.CertPool
		texts []string
	}{{a.anchors, c.Anchors}, {a.steps, c.Steps}} {
		for _, text := range list.texts {
			if !list.pool.AppendCertsFromPEM([]byte(text)) {
				return nil, fmt.Errorf("an authority of clients' certificates: %w", ErrCertificate)
			}
		}
	}
	return a, nil
}

// demand has a front's TLS ask for a certificate, whose private key the client has to have in every mode.
func (a *asked) demand(config *tls.Config) {
	switch {
	case a == nil:
	case a.Required:
		config.ClientAuth = tls.RequireAnyClientCert
		config.VerifyConnection = func(c tls.ConnectionState) error {
			if failure := a.validate(c.PeerCertificates); failure != "" {
				return errors.New(failure)
			}
			return nil
		}
	default:
		config.ClientAuth = tls.RequestClientCert
	}
}

// validate says why the certificates that a client has shown are not valid, "" if they are. Source: "External Application Load Balancer logging",
// statusDetails that begin with client_cert_. A client's own has to say that it is one (clientAuth); an authority that says what it is for has to
// say so too.
func (a *asked) validate(shown []*x509.Certificate) string {
	if len(shown) == 0 {
		return "client_cert_not_provided"
	}
	for _, c := range shown {
		if word := unsupported(c); word != "" {
			return word
		}
	}
	switch leaf := shown[0]; {
	case len(shown)-1 > maxIntermediates:
		return "client_cert_chain_exceeded_limit"
	case a.Unchecked:
		return "client_cert_validation_not_performed"
	case !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth):
		return "client_cert_chain_invalid_eku"
	}
	steps := a.steps.Clone()
	for _, c := range shown[1:] {
		steps.AddCert(c)
	}
	_, err := shown[0].Verify(x509.VerifyOptions{Roots: a.anchors, Intermediates: steps, CurrentTime: time.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return "client_cert_chain_invalid_eku"
	default:
		return "client_cert_validation_failed"
	}
}

// unsupported says which part of a certificate's key is not taken, "" if it is.
func unsupported(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < minRSA || n > maxRSA {
			return "client_cert_invalid_rsa_key_size"
		}
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() {
			return "client_cert_unsupported_elliptic_curve_key"
		}
	default:
		return "client_cert_unsupported_key_algorithm"
	}
	return ""
}

// tell fills in the variables of what a client has shown. A front that does not ask fills in none.
func (a *asked) tell(shown []*x509.Certificate, variables map[string]string) {
	if a == nil {
		return
	}
	failure := a.validate(shown)
	variables["client_cert_present"] = fmt.Sprint(len(shown) > 0)
	variables["client_cert_chain_verified"] = fmt.Sprint(failure == "")
	if len(shown) > 0 {
		sum := sha256.Sum256(shown[0].Raw)
		variables["client_cert_sha256_fingerprint"] = base64.StdEncoding.EncodeToString(sum[:])
	}
	if failure == "" {
		failure = tellChain(shown, variables)
	}
	variables["client_cert_error"] = failure
}

// tellChain fills in certificates that are valid, and says what was too large for it.
func tellChain(shown []*x509.Certificate, variables map[string]string) (failure string) {
	size := len(shown[0].Raw)
	if size > maxShown {
		return "client_cert_validated_leaf_exceeded_size_limit"
	}
	variables["client_cert_leaf"] = clientcert.Field(shown[0].Raw)
	var chain []string
	for _, c := range shown[1:] {
		size += len(c.Raw)
		chain = append(chain, clientcert.Field(c.Raw))
	}
	if size > maxShown {
		return "client_cert_validated_chain_exceeded_size_limit"
	}
	variables["client_cert_chain"] = strings.Join(chain, ",")
	return ""
}
