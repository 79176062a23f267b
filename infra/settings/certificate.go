package settings

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"strings"
)

// Defaults of polygate:certificate.acme.
const (
	DefaultDirectory = "https://acme-v02.api.letsencrypt.org/directory" // source: letsencrypt.org/docs/acme-protocol-updates
	DefaultRenewDays = 30                                               // of 90: what renews daily has 30 tries left
)

// LetsEncrypt is the CAA name of Let's Encrypt. Source: letsencrypt.org/docs/caa.
const LetsEncrypt = "letsencrypt.org"

// authorities are the CAA names of ACME directories by their hosts, each as its own directory gives it in caaIdentities
// (RFC 8555, section 9.7.6) and its documentation says: letsencrypt.org/docs/caa; pki.goog/faq (CAA);
// help.zerossl.com "Invalid CAA records"; www.ssl.com/faqs (CAA).
var authorities = map[string]string{
	"acme-v02.api.letsencrypt.org":         LetsEncrypt,
	"acme-staging-v02.api.letsencrypt.org": LetsEncrypt,
	"dv.acme-v02.api.pki.goog":             "pki.goog",
	"acme.zerossl.com":                     "sectigo.com",
	"acme.ssl.com":                         "ssl.com",
}

// certificate reads the certificate that the user brings, and how it is issued. Whether CAA is written is read already.
func (r *reader) certificate(s Settings) *Certificate {
	var c Certificate
	if !r.object(keyCertificate, &c) {
		return nil
	}
	if c.PFX == "" {
		r.bad(keyCertificate, []string{"pfx"}, "is missing: want the path of a PKCS #12 file")
	}
	if c.PasswordFile == "" {
		r.bad(keyCertificate, []string{"passwordFile"}, "is missing: want the path of a file with the password of the PKCS #12 file")
	}
	if c.ACME != nil {
		c.ACME = r.acme(s.Environment)
	}
	r.authority(&c, s)
	return &c
}

// acme reads how the certificate is issued. Names of the local environment exist on this machine only, so that no authority
// elsewhere could ever see them.
func (r *reader) acme(environment string) *ACME {
	a := ACME{RenewDays: DefaultRenewDays}
	if environment != Local {
		a.Directory = DefaultDirectory
	}
	text, _ := r.lookup(keyCertificate)
	var whole struct {
		ACME json.RawMessage `json:"acme"`
	}
	if json.Unmarshal([]byte(text), &whole) != nil || !r.fields(keyCertificate, []string{"acme"}, string(whole.ACME), &a) {
		return nil
	}
	bad := func(field, format string, args ...any) {
		r.bad(keyCertificate, []string{"acme", field}, format, args...)
	}
	u, err := url.Parse(a.Directory)
	switch {
	case environment == Local && a.Directory == "":
		bad("directory", "is missing: the %s environment's names can be seen on this machine only; want the URL of an ACME server on a loopback address", Local)
	case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil:
		bad("directory", "is %s: want the https URL of an ACME directory, for example %s", quote(a.Directory), DefaultDirectory)
	case environment == Local && !isLoopback(u.Hostname()):
		bad("directory", "is at %s, which cannot see names of the %s environment: want an ACME server on a loopback address", u.Hostname(), Local)
	}
	if a.Email != "" && !isEmail(a.Email) {
		bad("email", "is %s: want an address to write to, for example ops@example.com, or none", quote(a.Email))
	}
	if a.RenewDays < 1 || a.RenewDays > 365 {
		bad("renewDays", "is %d: want 1 to 365 days", a.RenewDays)
	}
	return &a
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// authority fills in who issues the certificate, and wants it where CAA has to admit them. The local authority stands in for
// Let's Encrypt, unless it is told for whom.
func (r *reader) authority(c *Certificate, s Settings) {
	if c.Authority != "" {
		if strings.Trim(c.Authority, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" || !strings.Contains(c.Authority, ".") {
			r.bad(keyCertificate, []string{"authority"}, "is %s: want an authority's name as CAA records have it, for example %s", quote(c.Authority), LetsEncrypt)
		}
		return
	}
	switch {
	case c.ACME != nil:
		if u, err := url.Parse(c.ACME.Directory); err == nil {
			c.Authority = authorities[u.Hostname()]
		}
	case s.Environment == Local:
		c.Authority = LetsEncrypt
	}
	if s.CAA && c.Authority == "" {
		r.bad(keyCertificate, []string{"authority"}, "is missing: with polygate:%s, want the CAA name of whoever issues the certificate, for example %s", keyCAA, LetsEncrypt)
	}
}
