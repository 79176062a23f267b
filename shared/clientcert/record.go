// Package clientcert knows clients by the certificates that they show in TLS, as the front that ended the TLS wrote them down.
//
// The front has tested that the client has the certificate's private key; nothing that comes after the handshake can show that again. All
// else is tested here: who issued it, for what, until when, and whether it is one of those that may call. So it does not matter how strict
// the front's own list of authorities is.
//
// Revocation lists and responders (RFC 5280, 5; RFC 6960) are not asked: a certificate is revoked here when the document says so.
package clientcert

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
)

const (
	// MaxBytes is the most that a record may have, in bytes of DER. It is what Google's load balancers take for the certificate and its
	// chain together ("Create custom headers in backend services", client_cert_chain).
	MaxBytes = 16 << 10
	// maxText is how long MaxBytes may be in base64, as PEM, with its lines.
	maxText = MaxBytes/3*4 + 1024
	// maxChain is the most certificates that one record may have.
	maxChain = 10
)

// Record is what a front has written down of the certificate that a client showed. The zero value is of a client that showed none.
type Record struct {
	Chain [][]byte // DER: the client's own first, then those that it sent to prove it
	Flaw  string   // why it cannot be read, "" if it can. The client showed something, and is known by nothing
}

// Shown reports whether the client showed anything.
func (r Record) Shown() bool { return len(r.Chain) > 0 || r.Flaw != "" }

// Flawed is a record that cannot be read. The text is for logs and goes on after "the certificate".
func Flawed(why string) Record { return Record{Flaw: why} }

// FromTLS is the record of a server that has ended the TLS itself.
func FromTLS(certificates []*x509.Certificate) Record {
	var r Record
	for _, c := range certificates {
		r.Chain = append(r.Chain, c.Raw)
	}
	return r.bounded()
}

// FromPEM reads one certificate as PEM (RFC 7468, 5). Empty text is of a client that showed none.
func FromPEM(text string) Record {
	if text == "" {
		return Record{}
	}
	if len(text) > maxText {
		return Flawed("is too large")
	}
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil || block.Type != "CERTIFICATE":
		return Flawed("is no PEM of a certificate")
	case strings.TrimSpace(string(rest)) != "":
		return Flawed("has something after it")
	}
	return Record{Chain: [][]byte{block.Bytes}}.bounded()
}

// FromBase64 reads one certificate as base64 of its DER. Empty text is of a client that showed none.
func FromBase64(text string) Record {
	if text == "" {
		return Record{}
	}
	if len(text) > maxText {
		return Flawed("is too large")
	}
	der, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(der) == 0 {
		return Flawed("is no base64 of a certificate")
	}
	return Record{Chain: [][]byte{der}}.bounded()
}

// FromFields reads the values of the fields Client-Cert and Client-Cert-Chain (RFC 9440, 2): a byte sequence, and a list of them.
func FromFields(certificate, chain string) Record {
	if len(certificate) > maxText || len(chain) > maxText+maxChain*len(":=, :") {
		return Flawed("is too large")
	}
	texts := []string{certificate}
	if chain = strings.Trim(chain, " "); chain != "" {
		texts = append(texts, strings.SplitN(chain, ",", maxChain+1)...)
	}
	var r Record
	for _, text := range texts {
		text = strings.Trim(text, " \t")
		inner, begins := strings.CutPrefix(text, ":")
		inner, ends := strings.CutSuffix(inner, ":")
		der, err := base64.StdEncoding.Strict().DecodeString(inner)
		if !begins || !ends || err != nil || len(der) == 0 {
			return Flawed("is not in the form of RFC 9440")
		}
		r.Chain = append(r.Chain, der)
	}
	return r.bounded()
}

// Field is a certificate as the value of the field Client-Cert (RFC 9440, 2.2).
func Field(der []byte) string { return ":" + base64.StdEncoding.EncodeToString(der) + ":" }

func (r Record) bounded() Record {
	size := 0
	for _, der := range r.Chain {
		size += len(der)
	}
	switch {
	case size > MaxBytes:
		return Flawed("is too large")
	case len(r.Chain) > maxChain:
		return Flawed("comes with too many others")
	}
	return r
}
