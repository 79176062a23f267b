package cli

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"polygate.example/infra"
	"polygate.example/infra/settings"
	"polygate.example/tools/internal/certificate"
)

// renewBefore is when a certificate that is about to expire is spoken of: what renews it should have done so by then.
const renewBefore = settings.DefaultRenewDays * 24 * time.Hour

// checkCertificate opens the certificate that an environment on real clouds brings along. Health checks do not validate
// certificates, so that a wrong one would show when traffic moves to the regions that present it, and not before. The
// error lists everything that is wrong with it; a missing file is os.ErrNotExist.
func (a *app) checkCertificate(s settings.Settings, now time.Time) error {
	c := s.Certificate
	if c == nil || s.LocalClouds != nil { // the local clouds issue it
		return nil
	}
	names, err := infra.CertificateNames(s)
	if err != nil || len(names) == 0 {
		return err
	}
	kept, err := certificate.Files{PFX: a.path(c.PFX), Password: a.path(c.PasswordFile)}.Read()
	if err != nil {
		return fmt.Errorf("polygate:certificate: %w", err)
	}
	leaf := kept.Leaf
	problems := judgeCertificate(leaf, names, now)
	for i, p := range problems {
		problems[i] = fmt.Errorf("polygate:certificate: %s %w", c.PFX, p)
	}
	if left := leaf.NotAfter.Sub(now); len(problems) == 0 && left < renewBefore {
		a.step("polygate:certificate: %s expires in %s: renew it, and run up again", c.PFX, settings.Count(int(left.Hours()/24), "day"))
	}
	return errors.Join(problems...)
}

// judgeCertificate lists why clients would not take a certificate for the names.
func judgeCertificate(leaf *x509.Certificate, names []string, now time.Time) []error {
	var problems []error
	if now.After(leaf.NotAfter) {
		problems = append(problems, fmt.Errorf("expired on %s: renew it", leaf.NotAfter.UTC().Format(time.DateOnly)))
	}
	if now.Before(leaf.NotBefore) {
		problems = append(problems, fmt.Errorf("is not valid before %s: check this machine's clock, or wait", leaf.NotBefore.UTC().Format(time.RFC3339)))
	}
	for _, name := range names {
		if leaf.VerifyHostname(name) != nil {
			problems = append(problems, fmt.Errorf("does not cover %s: have it issued for %s", name, strings.Join(names, ", ")))
		}
	}
	return problems
}

// issue says how to come by the certificate that a stack brings.
func (a *app) issue(s settings.Settings, names []string) string {
	issue := "polygate cert issue -s " + a.stack
	if s.Certificate.ACME == nil {
		return "have it issued for " + strings.Join(names, ", ") + "; or set polygate:certificate.acme, and `" + issue + "`"
	}
	return issue
}
