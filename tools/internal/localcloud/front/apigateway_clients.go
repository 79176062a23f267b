package front

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// clients is the trust store of a name. Source of what is tested: "How to turn on mutual TLS authentication for your HTTP APIs in API Gateway",
// docs.aws.amazon.com/apigateway/latest/developerguide/http-api-mutual-tls.html, "Configuring your truststore": syntax, integrity, validity, and
// "Name chaining / key chaining: The names and subjects of certificates must form an unbroken chain. Certificates can have a maximum chain length of
// four". What a certificate is for is not among it, nor whether it is revoked.
type clients struct {
	roots, others *x509.CertPool
}

// maxClientChain is how many authorities there may be: the client's own does not count (javierinthecloud.com/
// understanding-the-api-gateway-mtls-chain-depth-limit).
const maxClientChain = 4

// newClients reads a trust store. Only what has issued itself ends a chain here: AWS does not say whether an authority does whose own is missing
// ("API Gateway can't find the issuer of the client certificate in your truststore", repost.aws/knowledge-center/api-gateway-mutual-tls-403-errors).
func newClients(text []byte) (*clients, error) {
	c := &clients{roots: x509.NewCertPool(), others: x509.NewCertPool()}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("trust store: %w", err)
		}
		if bytes.Equal(one.RawSubject, one.RawIssuer) && one.CheckSignatureFrom(one) == nil {
			c.roots.AddCert(one)
		} else {
			c.others.AddCert(one)
		}
	}
	return c, nil
}

// admit is what the event tells of a client, nil for one that is refused. Certificates that a client sends beside its own are not looked at: who
// left an intermediate out of the trust store was refused although clients sent it (weblineglobal.com/blog/aws-api-gateway-mtls-403-ca-chain-fix).
func (c *clients) admit(r *http.Request, now time.Time) *clientCert {
	if len(r.TLS.PeerCertificates) == 0 { // the connection is for another name
		return nil
	}
	leaf := r.TLS.PeerCertificates[0]
	if !supported(leaf) {
		return nil
	}
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: c.roots, Intermediates: c.others, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil || !slices.ContainsFunc(chains, func(chain []*x509.Certificate) bool { return len(chain)-1 <= maxClientChain }) {
		return nil
	}
	return toldOf(leaf)
}

// began reports whether a connection for the name of its request was there before the name asked clients for certificates: it goes on as it began.
// AWS does not say what becomes of such a connection.
func began(r *http.Request) bool {
	c, ok := r.Context().Value(connKey{}).(*conn)
	if !ok || c == nil || c.asked.Load() {
		return false
	}
	name := c.name.Load()
	return name != nil && *name == hostname(r.Host)
}

// supported reports whether a client's certificate is of the algorithms that a trust store takes: one that "doesn't use a supported algorithm" is
// refused ("Invoke an API by using a custom domain name that requires mutual TLS").
func supported(c *x509.Certificate) bool {
	switch c.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.DSAWithSHA256, x509.ECDSAWithSHA1, x509.PureEd25519, x509.UnknownSignatureAlgorithm:
		return false
	}
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= 2048
	case *ecdsa.PublicKey:
		return key.Params().BitSize >= 256
	}
	return false
}

// clientCert is what an event tells of the client's certificate, "requestContext": {"authentication": {"clientCert": …}}. Source: as for event, whose
// example has a serial number of octets in hexadecimal with colons, and times as "May 28 12:30:02 2019 GMT" and "Aug  5 09:36:04 2021 GMT". How
// names are written it does not show; here as RFC 2253 has them.
type clientCert struct {
	ClientCertPem string         `json:"clientCertPem"`
	SubjectDN     string         `json:"subjectDN"`
	IssuerDN      string         `json:"issuerDN"`
	SerialNumber  string         `json:"serialNumber"`
	Validity      clientValidity `json:"validity"`
}

type clientValidity struct {
	NotBefore string `json:"notBefore"`
	NotAfter  string `json:"notAfter"`
}

// authentication is how a client has proved who it is; nil for a name that asks nobody.
type authentication struct {
	ClientCert *clientCert `json:"clientCert"`
}

func toldOf(c *x509.Certificate) *clientCert {
	const layout = "Jan _2 15:04:05 2006"
	return &clientCert{
		ClientCertPem: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})), SubjectDN: c.Subject.String(), IssuerDN: c.Issuer.String(),
		SerialNumber: strings.ReplaceAll(fmt.Sprintf("% x", c.SerialNumber.Bytes()), " ", ":"),
		Validity:     clientValidity{c.NotBefore.UTC().Format(layout) + " GMT", c.NotAfter.UTC().Format(layout) + " GMT"},
	}
}
