package clientcert

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fields are what a certificate says.
const (
	FieldCN          = "cn"    // common name of the subject
	FieldDNS         = "dns"   // of the subject's alternative names (RFC 5280, 4.2.1.6)
	FieldURI         = "uri"   // of the same, such as a SPIFFE id
	FieldEmail       = "email" // of the same
	FieldFingerprint = "fingerprint"
	FieldSerial      = "serial"
	FieldSubject     = "subject"
	FieldIssuer      = "issuer"
	FieldCertificate = "certificate" // the whole, as RFC 9440 writes it
)

// maxName is the longest name, in bytes, that a client may be known by.
const maxName = 256

// Certificate is one that has been verified.
type Certificate struct {
	Fingerprint string   // SHA-256 of the DER, 64 lower-case hex digits
	Serial      string   // lower-case hex digits without zeros before
	Subject     string   // RFC 2253
	Issuer      string   // RFC 2253
	CN          string   // "" if the subject has none, or several
	DNS         []string // in lower case
	URI         []string
	Email       []string // the domain in lower case
	DER         []byte
}

var oidCN = asn1.ObjectIdentifier{2, 5, 4, 3}

func describe(c *x509.Certificate, sum Fingerprint) *Certificate {
	out := &Certificate{Fingerprint: hex.EncodeToString(sum[:]), Serial: c.SerialNumber.Text(16), Subject: c.Subject.String(), Issuer: c.Issuer.String(), DER: c.Raw}
	found := 0
	for _, a := range c.Subject.Names {
		if a.Type.Equal(oidCN) {
			found++
			out.CN, _ = a.Value.(string)
		}
	}
	if found != 1 { // of several nobody knows which is meant
		out.CN = ""
	}
	for _, name := range c.DNSNames {
		out.DNS = append(out.DNS, strings.ToLower(name))
	}
	for _, u := range c.URIs {
		out.URI = append(out.URI, u.String())
	}
	for _, address := range c.EmailAddresses {
		out.Email = append(out.Email, lowerDomain(address))
	}
	return out
}

func lowerDomain(address string) string {
	i := strings.LastIndexByte(address, '@')
	return address[:i+1] + strings.ToLower(address[i+1:])
}

// Values are what a certificate has in a field.
func (c *Certificate) Values(field string) []string {
	one := ""
	switch field {
	case FieldDNS:
		return c.DNS
	case FieldURI:
		return c.URI
	case FieldEmail:
		return c.Email
	case FieldCN:
		one = c.CN
	case FieldFingerprint:
		one = c.Fingerprint
	case FieldSerial:
		one = c.Serial
	case FieldSubject:
		one = c.Subject
	case FieldIssuer:
		one = c.Issuer
	case FieldCertificate:
		one = Field(c.DER)
	}
	if one == "" {
		return nil
	}
	return []string{one}
}

// Name is the one name that a certificate has in a field, if it can name somebody: up to 256 bytes that can be printed. With several nobody
// knows which is meant.
func (c *Certificate) Name(field string) (string, bool) {
	all := c.Values(field)
	if len(all) != 1 {
		return "", false
	}
	name := all[0]
	return name, len(name) <= maxName && utf8.ValidString(name) && name == strings.TrimSpace(name) && strings.IndexFunc(name, func(c rune) bool { return !unicode.IsPrint(c) }) < 0
}
