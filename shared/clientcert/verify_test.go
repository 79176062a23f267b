package clientcert

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/clientcert/clientcerttest"
)

func unknownCritical(c *x509.Certificate) {
	c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}})
}

func usage(all ...x509.ExtKeyUsage) clientcerttest.Change {
	return func(c *x509.Certificate) { c.ExtKeyUsage = all }
}

func dates(from, until time.Time) clientcerttest.Change {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, until }
}

func record(all ...clientcerttest.Issued) Record {
	var chain []*x509.Certificate
	for _, one := range all {
		chain = append(chain, one.Cert)
	}
	return FromTLS(chain)
}

func trusting(t testing.TB, pem string) Trust {
	t.Helper()
	b, bad := ParseBundle(pem)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	return Trust{CA: b}
}

func cn(c *Certificate) string { return c.CN }

func now() time.Time { return clientcerttest.Now }

// Each way in which a certificate can be wrong, and the right ones beside them.
func TestVerify(t *testing.T) {
	t.Parallel()
	root, other := clientcerttest.Root(t, "Root"), clientcerttest.Root(t, "Root") // of the same name
	sub := root.Sub(t, "Sub")
	low := sub.Sub(t, "Low")
	noCA := root.Client(t, "Not an authority")
	bare := root.Sub(t, "Sub", func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid, c.KeyUsage = false, false, 0 })
	past, future := dates(clientcerttest.Now.AddDate(-1, 0, 0), clientcerttest.Now.Add(-time.Second)), dates(clientcerttest.Now.Add(time.Second), clientcerttest.Now.AddDate(1, 0, 0))
	oldSub, servers := root.Sub(t, "Old", past), root.Sub(t, "Servers", usage(x509.ExtKeyUsageServerAuth))
	flat := root.Sub(t, "Flat", func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true })
	narrow := root.Sub(t, "Narrow", func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains, c.PermittedURIDomains = true, []string{"blue.example"}, []string{"blue.example"}
	})
	named := func(dns, uri string) clientcerttest.Change {
		return func(c *x509.Certificate) {
			if dns != "" {
				c.DNSNames = []string{dns}
			}
			if uri != "" {
				u, err := url.Parse(uri)
				if err != nil {
					t.Fatal(err)
				}
				c.URIs = []*url.URL{u}
			}
		}
	}
	spent := clientcerttest.Root(t, "Spent", past)
	spentSub := spent.Sub(t, "Below")
	rsaKey := func(bits int) *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	good, gone := root.Client(t, "good"), root.Client(t, "gone")
	rootOnly, withSteps := trusting(t, root.PEM()), trusting(t, root.PEM(sub))
	pins := func(all ...clientcerttest.Issued) map[Fingerprint]bool {
		out := map[Fingerprint]bool{}
		for _, one := range all {
			out[sha256.Sum256(one.Cert.Raw)] = true
		}
		return out
	}
	alone := clientcerttest.Alone(t, "alone")
	for _, c := range []struct {
		name  string
		trust Trust
		shown Record
		why   string // "" for one that is right
	}{
		{"of the root", rootOnly, record(good), ""},
		{"for anything", rootOnly, record(root.Client(t, "a", usage(x509.ExtKeyUsageAny))), ""},
		{"that does not say what for", rootOnly, record(root.Client(t, "a", usage())), ""},
		{"for both sides", rootOnly, record(root.Client(t, "a", usage(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth))), ""},
		{"with the step that it needs", rootOnly, record(sub.Client(t, "a"), sub), ""},
		{"with two steps, in another order", rootOnly, record(low.Client(t, "a"), sub, low), ""},
		{"without its step", rootOnly, record(sub.Client(t, "a")), "is of no authority that is trusted"},
		{"whose step is in the bundle", withSteps, record(sub.Client(t, "a")), ""},
		{"of a root, with an authority as the bundle", trusting(t, sub.PEM()), record(good), "is of no authority that is trusted"},
		{"of an authority that is the bundle", trusting(t, sub.PEM()), record(sub.Client(t, "a")), ""},
		{"self-signed", rootOnly, record(alone), "is of no authority that is trusted"},
		{"self-signed, with the root", rootOnly, record(alone, root), "is of no authority that is trusted"},
		{"the same name of another root of the same name", rootOnly, record(other.Client(t, "good")), "is of no authority that is trusted"},
		{"of another root that it brings", rootOnly, record(other.Client(t, "good"), other), "is of no authority that is trusted"},
		{"of a client", rootOnly, record(noCA.Client(t, "a"), noCA), "is of no authority that is trusted"},
		{"of a step without the flag", rootOnly, record(bare.Client(t, "a"), bare), "is of no authority that is trusted"},
		{"too deep", rootOnly, record(flat.Sub(t, "X").Client(t, "a"), flat, flat), "is of no authority that is trusted"},
		{"expired", rootOnly, record(root.Client(t, "a", past)), "has expired"},
		{"not valid yet", rootOnly, record(root.Client(t, "a", future)), "is not valid yet"},
		{"of a step that has expired", rootOnly, record(oldSub.Client(t, "a"), oldSub), "rests on an authority's that is not valid now"},
		{"for servers", rootOnly, record(root.Client(t, "a", usage(x509.ExtKeyUsageServerAuth))), "is not for clients"},
		{"of a step for servers", rootOnly, record(servers.Client(t, "a"), servers), "rests on an authority's that is not for clients"},
		{"not for signatures", rootOnly, record(root.Client(t, "a", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })), "is not for signatures"},
		{"with an unknown extension", rootOnly, record(root.Client(t, "a", unknownCritical)), "has a critical extension that is not known"},
		{"with a short RSA key", rootOnly, record(root.With(t, "a", rsaKey(1024))), "has a weak key"},
		{"with an RSA key", rootOnly, record(root.With(t, "a", rsaKey(2048))), ""},
		{"with a name that it may have", rootOnly, record(narrow.Client(t, "a", named("a.blue.example", "")), narrow), ""},
		{"with a name that it may not have", rootOnly, record(narrow.Client(t, "a", named("a.red.example", "")), narrow), "says what its authority may not say"},
		{"with a URI that it may not have", rootOnly, record(narrow.Client(t, "a", named("", "spiffe://red.example/a")), narrow), "says what its authority may not say"},
		{"whose step is in the bundle, with a root that has expired", trusting(t, spent.PEM(spentSub)), record(spentSub.Client(t, "a")), "rests on an authority's that is not valid now"},
		{"bytes", rootOnly, Record{Chain: [][]byte{{1}}}, "cannot be read"},
		{"bytes after it", rootOnly, Record{Chain: [][]byte{append(append([]byte{}, good.Cert.Raw...), 0)}}, "cannot be read"},
		{"bytes for a step", rootOnly, Record{Chain: [][]byte{good.Cert.Raw, {1}}}, "comes with another that cannot be read"},
		{"a flaw", rootOnly, Flawed("is one of several"), "is one of several"},
		{"pinned", Trust{Pins: pins(alone)}, record(alone), ""},
		{"not pinned", Trust{Pins: pins(alone)}, record(good), "is none of those listed"},
		{"pinned and issued", Trust{CA: rootOnly.CA, Pins: pins(good)}, record(good), ""},
		{"pinned, not issued", Trust{CA: rootOnly.CA, Pins: pins(alone)}, record(alone), "is of no authority that is trusted"},
		{"issued, not pinned", Trust{CA: rootOnly.CA, Pins: pins(alone)}, record(good), "is none of those listed"},
		{"revoked by its fingerprint", Trust{CA: rootOnly.CA, RevokedFingerprints: pins(gone)}, record(gone), "is revoked"},
		{"revoked by its serial", Trust{CA: rootOnly.CA, RevokedSerials: map[string]bool{gone.Cert.SerialNumber.Text(16): true}}, record(gone), "is revoked"},
		{"another is revoked", Trust{CA: rootOnly.CA, RevokedFingerprints: pins(gone), RevokedSerials: map[string]bool{gone.Cert.SerialNumber.Text(16): true}}, record(good), ""},
		{"of a step that is revoked", Trust{CA: rootOnly.CA, RevokedFingerprints: pins(sub)}, record(sub.Client(t, "a"), sub), "rests on an authority's that is revoked or weak"},
		{"of a step that is revoked by its serial", Trust{CA: withSteps.CA, RevokedSerials: map[string]bool{sub.Cert.SerialNumber.Text(16): true}}, record(sub.Client(t, "a")), "rests on an authority's that is revoked or weak"},
		{"pinned and revoked", Trust{Pins: pins(alone), RevokedFingerprints: pins(alone)}, record(alone), "is revoked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := NewVerifier(c.trust, now, cn)
			for range 2 { // what was wrong stays so
				_, err := v.Verify(c.shown)
				if c.why == "" {
					if err != nil {
						t.Error(err)
					}
					continue
				}
				var refused *Refused
				if !errors.As(err, &refused) || refused.Why != c.why || !strings.HasPrefix(err.Error(), "the certificate "+c.why) {
					t.Errorf("%v, want %s", err, c.why)
				}
			}
			if want := map[bool]int{true: 1}[c.why == ""]; len(v.known) != want {
				t.Errorf("%d are remembered", len(v.known))
			}
		})
	}
}

// Pins say which certificate it is; it still has to be one for clients, and its time.
func TestPinsAreNotAll(t *testing.T) {
	t.Parallel()
	for why, change := range map[string]clientcerttest.Change{
		"has expired":                                dates(clientcerttest.Now.AddDate(-1, 0, 0), clientcerttest.Now.Add(-time.Second)),
		"is not valid yet":                           dates(clientcerttest.Now.Add(time.Second), clientcerttest.Now.AddDate(1, 0, 0)),
		"is not for clients":                         usage(x509.ExtKeyUsageServerAuth),
		"is not for signatures":                      func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement },
		"has a critical extension that is not known": unknownCritical,
	} {
		one := clientcerttest.Alone(t, "a", change)
		_, err := NewVerifier(Trust{Pins: map[Fingerprint]bool{sha256.Sum256(one.Cert.Raw): true}}, now, cn).Verify(record(one))
		var refused *Refused
		if !errors.As(err, &refused) || refused.Why != why {
			t.Errorf("%v, want %s", err, why)
		}
	}
}

// A certificate is remembered for no longer than all of its chain is valid, and is asked for what it is only once.
func TestRemembers(t *testing.T) {
	t.Parallel()
	root := clientcerttest.Root(t, "Root")
	end := clientcerttest.Now.Add(time.Hour)
	sub := root.Sub(t, "Sub", dates(clientcerttest.Now.AddDate(-1, 0, 0), end))
	at, derived := clientcerttest.Now, 0
	v := NewVerifier(trusting(t, root.PEM()), func() time.Time { return at }, func(*Certificate) int { derived++; return derived })
	shown := record(sub.Client(t, "a"), sub)
	for _, c := range []struct {
		at   time.Time
		want int // 0 for a refusal
	}{{clientcerttest.Now, 1}, {end.Add(-time.Second), 1}, {end, 2}, {end.Add(time.Second), 0}, {end.Add(-time.Minute), 2}, {clientcerttest.Now.AddDate(-1, 0, -1), 0}} {
		at = c.at
		if got, err := v.Verify(shown); got != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("at %s: %d, %v; want %d", c.at, got, err, c.want)
		}
	}
	// Known from before, without what it was sent with.
	at = clientcerttest.Now
	if got, err := v.Verify(Record{Chain: shown.Chain[:1]}); err != nil || got != 2 {
		t.Errorf("%d, %v", got, err)
	}
}

func TestRemembersBounded(t *testing.T) {
	t.Parallel()
	v := NewVerifier(Trust{}, now, cn)
	sum := func(i int) Fingerprint { return sha256.Sum256(fmt.Append(nil, i)) }
	v.add(sum(-1), verified[string]{until: clientcerttest.Now.Unix() - 1}, clientcerttest.Now)
	for i := range maxVerified {
		v.add(sum(i), verified[string]{until: clientcerttest.Now.Unix() + 1}, clientcerttest.Now)
	}
	if _, there := v.known[sum(-1)]; there || len(v.known) != maxVerified {
		t.Errorf("%d are remembered, one that has ended: %v", len(v.known), there)
	}
	for i := range 2 * maxVerified {
		v.add(sum(i), verified[string]{until: clientcerttest.Now.Unix() + 1}, clientcerttest.Now)
		if _, there := v.known[sum(i)]; !there || len(v.known) > maxVerified {
			t.Fatalf("%d are remembered, the last: %v", len(v.known), there)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	root := clientcerttest.Root(t, "Root")
	u1, u2 := &url.URL{Scheme: "spiffe", Host: "example.org", Path: "/a"}, &url.URL{Scheme: "spiffe", Host: "example.org", Path: "/b"}
	one := root.Client(t, "ada", func(c *x509.Certificate) {
		c.SerialNumber = big.NewInt(0x0abc)
		c.DNSNames, c.URIs, c.EmailAddresses = []string{"A.Example"}, []*url.URL{u1}, []string{"Ada@Example.COM"}
	})
	c := describe(one.Cert, sha256.Sum256(one.Cert.Raw))
	for field, want := range map[string]string{FieldCN: "ada", FieldDNS: "a.example", FieldURI: "spiffe://example.org/a", FieldEmail: "Ada@example.com", FieldSerial: "abc",
		FieldFingerprint: fmt.Sprintf("%x", sha256.Sum256(one.Cert.Raw)), FieldSubject: "CN=ada", FieldIssuer: "CN=Root"} {
		if got, ok := c.Name(field); got != want || !ok {
			t.Errorf("%s is %q, %v; want %q", field, got, ok, want)
		}
	}
	if v := c.Values(FieldCertificate); len(v) != 1 || FromFields(v[0], "").Flaw != "" || string(FromFields(v[0], "").Chain[0]) != string(one.Cert.Raw) {
		t.Errorf("the certificate is %v", v)
	}
	for name, change := range map[string]clientcerttest.Change{
		"two common names": func(c *x509.Certificate) {
			c.Subject = pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{{Type: oidCN, Value: "ada"}, {Type: oidCN, Value: "root"}}}
		},
		"none":                 func(c *x509.Certificate) { c.Subject = pkix.Name{Organization: []string{"x"}} },
		"a line break":         func(c *x509.Certificate) { c.Subject.CommonName = "ada\nroot" },
		"a zero byte":          func(c *x509.Certificate) { c.Subject.CommonName = "ada\x00root" },
		"a right-to-left mark": func(c *x509.Certificate) { c.Subject.CommonName = "ada\u202etoor" },
		"a blank":              func(c *x509.Certificate) { c.Subject.CommonName = " ada" },
		"a long one":           func(c *x509.Certificate) { c.Subject.CommonName = strings.Repeat("a", maxName+1) },
	} {
		odd := root.Client(t, "x", change)
		if got, ok := describe(odd.Cert, Fingerprint{}).Name(FieldCN); ok {
			t.Errorf("%s: %q names somebody", name, got)
		}
	}
	two := root.Client(t, "x", func(c *x509.Certificate) { c.URIs = []*url.URL{u1, u2} })
	if got, ok := describe(two.Cert, Fingerprint{}).Name(FieldURI); ok {
		t.Errorf("one of two URIs, %q, names somebody", got)
	}
}
