package clientcert

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/clientcert/clientcerttest"
)

func TestRecords(t *testing.T) {
	t.Parallel()
	root := clientcerttest.Root(t, "Root")
	one, two := root.Client(t, "one"), root.Sub(t, "two")
	der := one.Cert.Raw
	b64 := base64.StdEncoding.EncodeToString(der)
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	for name, c := range map[string]struct {
		got  Record
		want int // certificates
		flaw string
	}{
		"PEM":                               {FromPEM(one.PEM()), 1, ""},
		"no PEM":                            {FromPEM(""), 0, ""},
		"PEM of two":                        {FromPEM(one.PEM(two)), 0, "has something after it"},
		"PEM of a key":                      {FromPEM(key), 0, "is no PEM of a certificate"},
		"PEM that is none":                  {FromPEM(b64), 0, "is no PEM of a certificate"},
		"PEM that is a giant":               {FromPEM(strings.Repeat(" ", 1<<20)), 0, "is too large"},
		"base64":                            {FromBase64(b64), 1, ""},
		"no base64":                         {FromBase64(""), 0, ""},
		"base64 of the other alphabet":      {FromBase64("-_-_"), 0, "is no base64 of a certificate"},
		"base64 with a blank":               {FromBase64(" "), 0, "is no base64 of a certificate"},
		"base64 of two":                     {FromBase64(b64 + "," + b64), 0, "is no base64 of a certificate"},
		"base64 that is a giant":            {FromBase64(strings.Repeat("A", 1<<20)), 0, "is too large"},
		"base64 just too large":             {FromBase64(base64.StdEncoding.EncodeToString(make([]byte, MaxBytes+1))), 0, "is too large"},
		"fields":                            {FromFields(Field(der), ""), 1, ""},
		"fields with a chain":               {FromFields(Field(der), Field(two.Cert.Raw)+", "+Field(root.Cert.Raw)), 3, ""},
		"fields with a chain of many":       {FromFields(Field(der), strings.Repeat(Field([]byte{1})+",", maxChain)+Field([]byte{1})), 0, "comes with too many others"},
		"fields without colons":             {FromFields(b64, ""), 0, "is not in the form of RFC 9440"},
		"fields with one colon":             {FromFields(":", ""), 0, "is not in the form of RFC 9440"},
		"fields with nothing":               {FromFields("::", ""), 0, "is not in the form of RFC 9440"},
		"fields with an empty link":         {FromFields(Field(der), ","), 0, "is not in the form of RFC 9440"},
		"fields with two certificates":      {FromFields(Field(der)+", "+Field(der), ""), 0, "is not in the form of RFC 9440"},
		"fields that are giants":            {FromFields(Field(der), strings.Repeat("A", 1<<20)), 0, "is too large"},
		"fields that are too large at once": {FromFields(Field(make([]byte, MaxBytes)), Field([]byte{1})), 0, "is too large"},
		"TLS":                               {FromTLS([]*x509.Certificate{one.Cert, two.Cert}), 2, ""},
		"no TLS":                            {FromTLS(nil), 0, ""},
		"TLS with a long chain":             {FromTLS(make11(one.Cert)), 0, "comes with too many others"},
	} {
		if len(c.got.Chain) != c.want || c.got.Flaw != c.flaw || c.got.Shown() != (c.want > 0 || c.flaw != "") {
			t.Errorf("%s: %d certificates, flaw %q; want %d, %q", name, len(c.got.Chain), c.got.Flaw, c.want, c.flaw)
		}
		if c.want > 0 && !bytes.Equal(c.got.Chain[0], der) {
			t.Errorf("%s: another certificate", name)
		}
	}
}

func make11(c *x509.Certificate) []*x509.Certificate {
	out := make([]*x509.Certificate, maxChain+1)
	for i := range out {
		out[i] = &x509.Certificate{Raw: c.Raw[:1]}
	}
	return out
}

func FuzzRecord(f *testing.F) {
	f.Add(":AAAA:", ":AA==:, :AAA=:")
	f.Add("AAAA", "")
	f.Add("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", ",")
	f.Fuzz(func(t *testing.T, text, chain string) {
		for _, r := range []Record{FromPEM(text), FromBase64(text), FromFields(text, chain)} {
			size := 0
			for _, der := range r.Chain {
				size += len(der)
				if len(der) == 0 && r.Flaw == "" {
					t.Error("an empty certificate")
				}
			}
			if size > MaxBytes || len(r.Chain) > maxChain || r.Flaw != "" && len(r.Chain) > 0 {
				t.Errorf("%d bytes in %d certificates with flaw %q", size, len(r.Chain), r.Flaw)
			}
			if r.Shown() && r.Flaw == "" {
				if _, err := NewVerifier(Trust{}, time.Now, func(*Certificate) int { return 0 }).Verify(r); err == nil {
					t.Error("random bytes are a certificate")
				}
			}
		}
	})
}
