package gateway

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"polygate.example/shared/clientcert"
)

// Bounds of a policy for clients' certificates.
const (
	maxCABytes       = 64 << 10
	maxCertificates  = 1_000 // pins, and what is revoked of each kind
	maxNamePatterns  = 64    // of one kind
	maxHolderName    = 256   // bytes, as of a name that a certificate gives
	maxCertificateTo = 16    // headers that tell of it
)

// ClientCertificate finds out who calls by the certificate that the client has shown in TLS, as the front that ended the TLS passes it on: of a
// header that a client can write nothing is believed. See package clientcert for what is tested.
type ClientCertificate struct {
	CA           string              `json:"ca,omitempty"`           // PEM of authorities, see clientcert.Bundle
	Fingerprints []string            `json:"fingerprints,omitempty"` // SHA-256 of certificates' DER, of which it has to be one; 64 lower-case hex digits
	Subjects     []string            `json:"subjects,omitempty"`     // patterns, one of which the common name has to be of
	SANs         SANs                `json:"sans,omitzero"`
	Consumer     string              `json:"consumer"` // field that names who calls
	Holders      []CertificateHolder `json:"holders,omitempty"`
	Revoked      Revoked             `json:"revoked,omitzero"`
	Optional     bool                `json:"optional,omitempty"` // who shows none passes as nobody
	Forward      map[string]string   `json:"forward,omitempty"`  // header to field
	ForwardAs    ForwardAs           `json:"forwardAs,omitzero"`
}

// SANs are patterns of the subject's alternative names. Of each kind that has any, one of the certificate's names has to be of one of them.
type SANs struct {
	DNS   []string `json:"dns,omitempty"`
	URI   []string `json:"uri,omitempty"`
	Email []string `json:"email,omitempty"`
}

// CertificateHolder is what else is known of a client.
type CertificateHolder struct {
	Name   string `json:"name"` // that the certificate has in the field that names who calls
	Holder        // its Consumer, if it has one, stands for the name
}

// Revoked are certificates, of clients and of authorities between them and a root, that are not believed any more.
type Revoked struct {
	Serials      []string `json:"serials,omitempty"` // hex digits, whoever has issued it
	Fingerprints []string `json:"fingerprints,omitempty"`
}

// What a certificate may be told apart by, and what of it upstreams may be told.
var (
	consumerFields = []string{clientcert.FieldCN, clientcert.FieldDNS, clientcert.FieldEmail, clientcert.FieldFingerprint, clientcert.FieldSerial, clientcert.FieldURI}
	forwardFields  = []string{clientcert.FieldCertificate, clientcert.FieldCN, clientcert.FieldDNS, clientcert.FieldEmail, clientcert.FieldFingerprint,
		clientcert.FieldIssuer, clientcert.FieldSerial, clientcert.FieldSubject, clientcert.FieldURI}
)

// NamePatterns is a field with the patterns that it has to be of.
type NamePatterns struct {
	Field, Key, What, Example string
	Patterns                  []string
}

// Names are the fields that have patterns.
func (p *ClientCertificate) Names() []NamePatterns {
	var out []NamePatterns
	for _, n := range []NamePatterns{
		{clientcert.FieldCN, "", "subject", `"partner-*"`, p.Subjects},
		{clientcert.FieldDNS, "dns", "name", `"*.clients.example.com"`, p.SANs.DNS},
		{clientcert.FieldURI, "uri", "URI", `"spiffe://example.org/ns/*/sa/orders"`, p.SANs.URI},
		{clientcert.FieldEmail, "email", "address", `"*@example.com"`, p.SANs.Email},
	} {
		if len(n.Patterns) > 0 {
			out = append(out, n)
		}
	}
	return out
}

const (
	makeFingerprint = "write 64 lower-case hex digits, as of: openssl x509 -in client.pem -outform DER | sha256sum"
	makeSerial      = `write hex digits in quotes, as of: openssl x509 -in client.pem -noout -serial`
)

func (p *ClientCertificate) check(r *report, at Pointer) {
	if p.CA == "" && len(p.Fingerprints) == 0 {
		r.value(at, "nothing says which certificates are believed", "write ca, the certificates of those who issue them, or fingerprints of the certificates themselves")
	}
	p.checkCA(r, at.Key("ca"))
	checkFingerprints(r, at.Key("fingerprints"), p.Fingerprints)
	for _, n := range p.Names() {
		at := at.Key("subjects")
		if n.Key != "" {
			at = at.Parent().Key("sans").Key(n.Key)
		}
		if len(n.Patterns) > maxNamePatterns {
			r.value(at, fmt.Sprintf("there are %d in the list", len(n.Patterns)), fmt.Sprintf("keep to %d", maxNamePatterns))
			continue
		}
		for i, text := range n.Patterns {
			if _, err := clientcert.ParsePattern(n.Field, text); err != nil {
				r.value(at.Index(i), fmt.Sprintf("%s %s %v", n.What, quote(text), err), "write one such as "+n.Example)
			} else if slices.Contains(n.Patterns[:i], text) {
				r.value(at.Index(i), fmt.Sprintf("%s %s is listed twice", n.What, quote(text)), "list it once")
			}
		}
	}
	if !slices.Contains(consumerFields, p.Consumer) {
		r.value(at.Key("consumer"), fmt.Sprintf("field %s names nobody", quote(p.Consumer)), suggest(p.Consumer, consumerFields))
	}
	p.checkHolders(r, at.Key("holders"))
	checkFingerprints(r, at.Key("revoked").Key("fingerprints"), p.Revoked.Fingerprints)
	p.checkSerials(r, at.Key("revoked").Key("serials"))
	forward{fields: p.Forward, most: maxCertificateTo, instead: "use another, such as X-Client-Subject", field: checkCertificateField}.check(r, at.Key("forward"))
	p.ForwardAs.check(r, at.Key("forwardAs"), "")
	for _, one := range []struct{ key, name string }{{"consumer", p.ForwardAs.Consumer}, {"plan", p.ForwardAs.Plan}} {
		for _, name := range slices.Sorted(maps.Keys(p.Forward)) {
			if one.name != "" && strings.EqualFold(one.name, name) {
				r.value(at.Key("forwardAs").Key(one.key), fmt.Sprintf("header %s is one of forward already", quote(one.name)), "give it one of its own")
				break
			}
		}
	}
}

func (p *ClientCertificate) checkCA(r *report, at Pointer) {
	switch {
	case p.CA == "":
		return
	case len(p.CA) > maxCABytes:
		r.value(at, fmt.Sprintf("the bundle is %d bytes long", len(p.CA)), fmt.Sprintf("keep it within %d: it is part of every artefact", maxCABytes))
		return
	}
	_, bad := clientcert.ParseBundle(p.CA)
	for _, err := range bad {
		var one *clientcert.BundleError
		if errors.As(err, &one) {
			r.value(at, "the bundle "+one.What, one.Remedy)
		}
	}
}

func checkFingerprints(r *report, at Pointer, all []string) {
	if len(all) > maxCertificates {
		r.value(at, fmt.Sprintf("there are %d fingerprints", len(all)), fmt.Sprintf("keep to %d", maxCertificates))
		return
	}
	for i, text := range all {
		switch {
		case !digestPattern().MatchString(text):
			r.value(at.Index(i), fmt.Sprintf("%s is no SHA-256", quote(cutName(text))), makeFingerprint)
		case slices.Contains(all[:i], text):
			r.value(at.Index(i), "the fingerprint is listed twice", "list it once")
		}
	}
}

// serialPattern is a serial number of at most 20 octets (RFC 5280, 4.1.2.2), as openssl prints it.
var serialPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-Fa-f]{1,40}$`) })

func (p *ClientCertificate) checkSerials(r *report, at Pointer) {
	all := p.Revoked.Serials
	if len(all) > maxCertificates {
		r.value(at, fmt.Sprintf("there are %d serial numbers", len(all)), fmt.Sprintf("keep to %d", maxCertificates))
		return
	}
	for i, text := range all {
		if !serialPattern().MatchString(text) {
			r.value(at.Index(i), fmt.Sprintf("%s is no serial number", quote(text)), makeSerial)
		}
	}
}

// SerialOf is a serial number in the form in which certificates are compared: lower case, without zeros before.
func SerialOf(text string) string {
	if text = strings.TrimLeft(strings.ToLower(text), "0"); text == "" {
		return "0"
	}
	return text
}

func (p *ClientCertificate) checkHolders(r *report, at Pointer) {
	if len(p.Holders) > maxCredentials {
		r.value(at, fmt.Sprintf("there are %d holders", len(p.Holders)), fmt.Sprintf("keep to %d", maxCredentials))
		return
	}
	seen := map[string]int{}
	for i, h := range p.Holders {
		at := at.Index(i)
		switch j, again := seen[h.Name]; {
		case h.Name == "":
			r.value(at.Key("name"), "the holder has no name", "write name, what the certificate has in the field that consumer names")
		case len(h.Name) > maxHolderName:
			r.value(at.Key("name"), fmt.Sprintf("name %s is %d bytes long", quote(h.Name), len(h.Name)), fmt.Sprintf("keep it within %d: longer names name nobody", maxHolderName))
		case again:
			r.value(at.Key("name"), fmt.Sprintf("name %s is listed already", quote(h.Name)), "keep one of them")
			r.found[len(r.found)-1].Related = string(at.Parent().Index(j).Key("name"))
		default:
			seen[h.Name] = i
		}
		if h.Consumer != "" && !isMark(h.Consumer) {
			r.value(at.Key("consumer"), fmt.Sprintf("consumer %s is not a name", quote(h.Consumer)), markRule)
		}
		h.Holder.check(r, at, true)
	}
}

func checkCertificateField(r *report, at Pointer, field string) {
	if !slices.Contains(forwardFields, field) {
		r.value(at, fmt.Sprintf("field %s is none of a certificate", quote(field)), suggest(field, forwardFields))
	}
}

func (*ClientCertificate) secrets() []string { return nil }
func (*ClientCertificate) parts() []Part     { return nil }
func (*ClientCertificate) caller() callerUse { return callerMade }

var _ kind = (*ClientCertificate)(nil)
