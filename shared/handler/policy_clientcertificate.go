package handler

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"polygate.example/shared/clientcert"
	"polygate.example/shared/gateway"
)

// Codes of answers to requests whose client's certificate does not do.
const (
	codeCertificateMissing    = "certificate_missing"
	codeCertificateInvalid    = "certificate_invalid"
	codeCertificateNotAllowed = "certificate_not_allowed"
)

// certified is the compiled policy.
type certified struct {
	environment
	verifier  *clientcert.Verifier[bearerOf]
	challenge string
	consumer  string // field
	names     []namesOf
	held      map[string]*holding // by the name in the certificate
	given     map[string]bool     // names of consumers that the document gives in place of a certificate's
	optional  bool
	forward   []certificateHeader
	forged    forged
	introduce introduction
}

// namesOf is a field, one of whose values has to be of one of the patterns.
type namesOf struct {
	field    string
	patterns []clientcert.Pattern
}

// certificateHeader is a field of the certificate that upstreams are told of.
type certificateHeader struct {
	header string // canonical
	field  string
}

// bearerOf is what a certificate says, as far as the policy looks at it.
type bearerOf struct {
	caller caller
	until  *holding // of the holder's, which may end before the certificate; nil for one who is not listed
	why    string   // it may not call, "" if it may
	values []string // of the headers of forward, in their order; "" for a field that is not there
}

// newClientCertificate finds out who calls by the certificate that the front has seen.
func newClientCertificate(spec gateway.ClientCertificate, env environment) (policy, error) {
	p := &certified{environment: env, challenge: fmt.Sprintf("ClientCertificate realm=%q", env.name), consumer: spec.Consumer, optional: spec.Optional,
		introduce: newIntroduction(spec.ForwardAs), held: map[string]*holding{}, given: map[string]bool{}}
	trust := clientcert.Trust{RevokedSerials: map[string]bool{}}
	if spec.CA != "" {
		bundle, bad := clientcert.ParseBundle(spec.CA)
		if len(bad) > 0 {
			return nil, bad[0] // no model has one
		}
		trust.CA = bundle
	}
	var err error
	if trust.Pins, err = fingerprints(spec.Fingerprints); err != nil {
		return nil, err
	}
	if trust.RevokedFingerprints, err = fingerprints(spec.Revoked.Fingerprints); err != nil {
		return nil, err
	}
	for _, serial := range spec.Revoked.Serials {
		trust.RevokedSerials[gateway.SerialOf(serial)] = true
	}
	if trust.CA == nil && len(trust.Pins) == 0 {
		return nil, fmt.Errorf("nothing says which certificates are believed") // no model has such a one
	}
	for _, n := range spec.Names() {
		one := namesOf{field: n.Field}
		for _, text := range n.Patterns {
			pattern, err := clientcert.ParsePattern(n.Field, text)
			if err != nil {
				return nil, err // no model has one
			}
			one.patterns = append(one.patterns, pattern)
		}
		p.names = append(p.names, one)
	}
	for _, h := range spec.Holders {
		if h.Consumer == "" {
			h.Consumer = h.Name
		}
		p.given[h.Consumer] = true
		if p.held[h.Name], err = newHolding(h.Holder, env.name); err != nil {
			return nil, err
		}
	}
	for header, field := range spec.Forward {
		p.forward, p.forged = append(p.forward, certificateHeader{http.CanonicalHeaderKey(header), field}), append(p.forged, header)
	}
	p.verifier = clientcert.NewVerifier(trust, env.now, p.bearer)
	return p.wrap, nil
}

func fingerprints(texts []string) (map[clientcert.Fingerprint]bool, error) {
	out := map[clientcert.Fingerprint]bool{}
	for _, text := range texts {
		var sum clientcert.Fingerprint
		if n, err := hex.Decode(sum[:], []byte(text)); err != nil || n != len(sum) {
			return nil, fmt.Errorf("a fingerprint cannot be read") // no model has one
		}
		out[sum] = true
	}
	return out, nil
}

func (p *certified) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.introduce.clean(r)
		p.forged.clean(r)
		record := certificateOf(r)
		if !record.Shown() {
			if p.optional {
				next.ServeHTTP(w, r)
				return
			}
			p.refuse(w, r, p.challenge, codeCertificateMissing, "This path needs a client certificate.", "the front has seen no certificate")
			return
		}
		who, err := p.verifier.Verify(record)
		if err != nil {
			p.refuse(w, r, p.challenge, codeCertificateInvalid, "The client certificate is not accepted.", err.Error())
			return
		}
		x := exchangeOf(r)
		if who.why == "" && who.until != nil && who.until.ended(p.now()) {
			who.why = "its holder's time is over"
		}
		if who.why != "" {
			answer := fail(http.StatusForbidden, "The client certificate does not give the right to this.")
			answer.Code = codeCertificateNotAllowed
			p.deny(w, r, answer, "the certificate "+who.why)
			return
		}
		x.caller = who.caller
		p.introduce.tell(x)
		for i, f := range p.forward {
			if who.values[i] != "" {
				r.Header[f.header] = []string{who.values[i]}
				x.toUpstream(f.header, who.values[i])
			}
		}
		next.ServeHTTP(w, r)
	})
}

// bearer finds out who a certificate is of, and whether it may call. It is asked once for each that has been verified.
func (p *certified) bearer(c *clientcert.Certificate) bearerOf {
	marked := func(why string) bearerOf {
		return bearerOf{why: fmt.Sprintf("%s: sha256 %s, subject %q", why, c.Fingerprint, c.Subject[:min(len(c.Subject), 128)])}
	}
	for _, n := range p.names {
		if !slices.ContainsFunc(c.Values(n.field), func(value string) bool {
			return slices.ContainsFunc(n.patterns, func(pattern clientcert.Pattern) bool { return pattern.Match(value) })
		}) {
			return marked("has no " + n.field + " that is allowed")
		}
	}
	name, ok := c.Name(p.consumer)
	if !ok {
		return marked("has not one " + p.consumer + " that says who calls")
	}
	out := bearerOf{caller: caller{Consumer: name, By: p.name}}
	if h := p.held[name]; h != nil {
		out.caller, out.until = h.caller, h
	} else if p.given[name] { // what the document calls one client, the certificate of another may say
		return marked("has the name that a holder is given")
	}
	claims := map[string]any{}
	for key, value := range out.caller.Claims {
		claims[key] = value
	}
	for _, field := range []string{clientcert.FieldCN, clientcert.FieldDNS, clientcert.FieldEmail, clientcert.FieldFingerprint, clientcert.FieldIssuer,
		clientcert.FieldSerial, clientcert.FieldSubject, clientcert.FieldURI} {
		delete(claims, field) // what the document says of a holder is never taken for what the certificate says
		switch values := c.Values(field); {
		case field == clientcert.FieldDNS || field == clientcert.FieldEmail || field == clientcert.FieldURI:
			if len(values) > 0 {
				claims[field] = values
			}
		case len(values) == 1:
			claims[field] = values[0]
		}
	}
	out.caller.Claims = claims
	for _, f := range p.forward {
		out.values = append(out.values, headerOf(c.Values(f.field)))
	}
	return out
}

// headerOf are names as one header carries them. Of what is not visible ASCII each byte is written as in a URL, and so are the % that would make that
// ambiguous and, in one of several, the comma.
func headerOf(values []string) string {
	var b strings.Builder
	for i, value := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		for j := range len(value) {
			c := value[j]
			if c < ' ' || c > '~' || c == '%' || c == ',' && len(values) > 1 || c == ' ' && (j == 0 || j == len(value)-1) {
				fmt.Fprintf(&b, "%%%02X", c)
			} else {
				b.WriteByte(c)
			}
		}
	}
	return b.String()
}
