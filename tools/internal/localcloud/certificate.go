package localcloud

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/localcloud/resource"
)

// PFX is a certificate for a provider that wants one brought along.
type PFX struct {
	File, PasswordFile string
	Names              []string
	Authority          string // CAA name of the authority that the local one stands in for; "" for one that looks at no CAA
}

// covers reports whether the files hold a certificate for all the names.
func (p *PFX) covers() bool {
	b, err := os.ReadFile(p.File)
	if err != nil {
		return false
	}
	password, err := os.ReadFile(p.PasswordFile)
	if err != nil {
		return false
	}
	first, _, _ := strings.Cut(string(password), "\n") // the rule of polygate:certificate.passwordFile
	_, leaf, _, err := pkcs12.DecodeChain(b, strings.TrimSuffix(first, "\r"))
	if err != nil {
		return false
	}
	for _, name := range p.Names {
		if leaf.VerifyHostname(name) != nil {
			return false
		}
	}
	return true
}

// expired issues a certificate that ended yesterday, for the fault of that kind.
func (c *Clouds) expired(name string) (cert, key []byte, err error) {
	ca, ok := c.services.CA.(*pki.CA)
	if !ok {
		return nil, nil, errors.New("the local authority cannot issue certificates of another time")
	}
	end := time.Now().Add(-24 * time.Hour)
	return ca.IssueBetween(end.Add(-90*24*time.Hour), end, name)
}

// bringCertificate issues the certificate that in production the user brings, unless the files hold one for all names.
func (c *Clouds) bringCertificate(p *PFX) error {
	if p.covers() {
		return nil
	}
	env := resource.NewEnv(c.store, c.clouds[0].Cloud, c.services)
	for _, name := range p.Names {
		if p.Authority != "" && !env.Admitted(name, p.Authority) {
			return fmt.Errorf("issue the certificate of %s as %s would: CAA does not admit it for %s: %s", strings.Join(p.Names, ", "), p.Authority, name, strings.Join(env.CAA(name), ", "))
		}
	}
	password := rand.Text()
	ca, err := c.authority()
	if err != nil {
		return err
	}
	b, err := ca.IssuePFX(p.Names, password)
	if err != nil {
		return err
	}
	for file, content := range map[string][]byte{p.PasswordFile: []byte(password + "\n"), p.File: b} {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return fmt.Errorf("keep the certificate: %w", err)
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			return fmt.Errorf("keep the certificate: %w", err)
		}
	}
	return nil
}
