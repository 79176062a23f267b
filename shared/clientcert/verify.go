package clientcert

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Fingerprint is the SHA-256 of a certificate's DER.
type Fingerprint = [sha256.Size]byte

// Trust is what a certificate has to be. Both are asked of it where there are both.
type Trust struct {
	CA   *Bundle              // authorities, one of which has issued it; nil for any
	Pins map[Fingerprint]bool // of certificates, of which it is one; none for any

	// What is not believed any more: certificates of clients, and of the authorities between them and a root.
	RevokedSerials      map[string]bool // as Certificate.Serial
	RevokedFingerprints map[Fingerprint]bool
}

// Refused is why a certificate is not taken, with no more of it than its fingerprint and the beginning of its subject. For logs.
type Refused struct {
	Why     string // goes on after "the certificate"
	Subject string // "" if it cannot be read
	Sum     Fingerprint
}

// Error is for logs.
func (e *Refused) Error() string {
	if e.Sum == (Fingerprint{}) {
		return "the certificate " + e.Why
	}
	return fmt.Sprintf("the certificate %s: sha256 %x, subject %q", e.Why, e.Sum, e.Subject)
}

// maxVerified is how many certificates a verifier remembers, those verified last among them.
const maxVerified = 1024

// Verifier verifies certificates, and remembers each that was right until it, or one that it rests on, ends. What was wrong is verified each
// time, so that nobody's guesses push anything out. It is safe for concurrent use.
type Verifier[T any] struct {
	trust  Trust
	derive func(*Certificate) T
	now    func() time.Time

	mu    sync.RWMutex
	known map[Fingerprint]verified[T]
}

// verified is what was derived from a certificate, and when its chain is good.
type verified[T any] struct {
	value       T
	from, until int64 // Unix seconds; in the last one it is verified again, as that may end in its middle
}

// NewVerifier makes a verifier. derive is called once for each certificate that is verified.
func NewVerifier[T any](trust Trust, now func() time.Time, derive func(*Certificate) T) *Verifier[T] {
	return &Verifier[T]{trust: trust, now: now, derive: derive, known: map[Fingerprint]verified[T]{}}
}

// Verify returns what was derived from the record's certificate. The error is a *Refused. The record is one in which something was shown.
func (v *Verifier[T]) Verify(r Record) (T, error) {
	var none T
	if len(r.Chain) == 0 || r.Flaw != "" {
		return none, &Refused{Why: r.Flaw}
	}
	sum, now := sha256.Sum256(r.Chain[0]), v.now()
	v.mu.RLock()
	known, found := v.known[sum]
	v.mu.RUnlock()
	if found && known.from <= now.Unix() && now.Unix() < known.until {
		return known.value, nil
	}
	leaf, chain, err := v.trust.verify(r, sum, now)
	if err != nil {
		return none, err
	}
	out := verified[T]{value: v.derive(describe(leaf, sum)), from: leaf.NotBefore.Unix(), until: leaf.NotAfter.Unix()}
	for _, c := range chain {
		out.from, out.until = max(out.from, c.NotBefore.Unix()), min(out.until, c.NotAfter.Unix())
	}
	v.add(sum, out, now)
	return out.value, nil
}

// add remembers a certificate, in place of some that has ended or, if none has, of any.
func (v *Verifier[T]) add(sum Fingerprint, one verified[T], now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, again := v.known[sum]; !again && len(v.known) >= maxVerified {
		for old, k := range v.known {
			if k.until <= now.Unix() {
				delete(v.known, old)
			}
		}
		for old := range v.known {
			if len(v.known) < maxVerified {
				break
			}
			delete(v.known, old)
		}
	}
	v.known[sum] = one
}

// verify tests everything, what is cheap first. The chain is the one that it rests on, from the client's own up to the anchor.
func (t Trust) verify(r Record, sum Fingerprint, now time.Time) (*x509.Certificate, []*x509.Certificate, error) {
	refuse := func(subject, why string) (*x509.Certificate, []*x509.Certificate, error) {
		return nil, nil, &Refused{Why: why, Subject: subject[:min(len(subject), 128)], Sum: sum}
	}
	leaf, err := x509.ParseCertificate(r.Chain[0])
	if err != nil {
		return refuse("", "cannot be read")
	}
	subject := leaf.Subject.String()
	if why := t.flaw(leaf, sum, now); why != "" {
		return refuse(subject, why)
	}
	if t.CA == nil {
		return leaf, []*x509.Certificate{leaf}, nil
	}
	steps := t.CA.steps
	if len(r.Chain) > 1 {
		steps = steps.Clone()
		for _, der := range r.Chain[1:] {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return refuse(subject, "comes with another that cannot be read")
			}
			steps.AddCert(c)
		}
	}
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: t.CA.anchors, Intermediates: steps, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return refuse(subject, reason(err))
	}
	i := slices.IndexFunc(chains, func(chain []*x509.Certificate) bool { return !slices.ContainsFunc(chain[1:], t.doubtful) })
	if i < 0 {
		return refuse(subject, "rests on an authority's that is revoked or weak")
	}
	return leaf, chains[i], nil
}

// flaw is what keeps a client's own certificate from being taken, whoever has issued it.
func (t Trust) flaw(c *x509.Certificate, sum Fingerprint, now time.Time) string {
	switch {
	case len(t.Pins) > 0 && !t.Pins[sum]:
		return "is none of those listed"
	case t.RevokedFingerprints[sum] || t.RevokedSerials[c.SerialNumber.Text(16)]:
		return "is revoked"
	case now.Before(c.NotBefore):
		return "is not valid yet"
	case now.After(c.NotAfter):
		return "has expired"
	case !forClients(c):
		return "is not for clients"
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0: // RFC 8446, 4.4.2.2, which holds for clients' too (4.4.2.3)
		return "is not for signatures"
	case len(c.UnhandledCriticalExtensions) > 0:
		return "has a critical extension that is not known"
	case weak(c):
		return "has a weak key"
	}
	return ""
}

// doubtful reports whether an authority's certificate is not to be rested on.
func (t Trust) doubtful(c *x509.Certificate) bool {
	return t.RevokedSerials[c.SerialNumber.Text(16)] || t.RevokedFingerprints[sha256.Sum256(c.Raw)] || weak(c)
}

func weak(c *x509.Certificate) bool {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	return ok && key.N.BitLen() < minRSA
}

// reason says in words of our own why a chain is not valid: those of crypto/x509 hold what the client wrote.
func reason(err error) string {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &unknown):
		return "is of no authority that is trusted"
	case !errors.As(err, &invalid):
		return "has a chain that is not valid"
	}
	switch invalid.Reason {
	case x509.Expired:
		return "rests on an authority's that is not valid now"
	case x509.CANotAuthorizedForThisName, x509.NameConstraintsWithoutSANs, x509.UnconstrainedName, x509.CANotAuthorizedForExtKeyUsage:
		return "says what its authority may not say"
	case x509.NotAuthorizedToSign:
		return "was issued by what is no authority"
	case x509.IncompatibleUsage:
		return "rests on an authority's that is not for clients"
	}
	return "has a chain that is not valid"
}

var _ error = (*Refused)(nil)
