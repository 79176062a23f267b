// Package certificate has the certificate issued that a stack brings along, by an authority that speaks ACME (RFC 8555), and
// proves its names by DNS-01 in the zone of the stack's traffic manager.
//
// files.go keeps the certificate, account.go the account's key; issue.go is the order from beginning to end, dns.go what can
// be seen of the zone, solver.go and azure.go who writes into it; renew.go says when it is time.
package certificate

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"software.sslmate.com/src/go-pkcs12"

	"polygate.example/tools/internal/process"
)

// Files is where a certificate is kept; both paths are absolute.
type Files struct {
	PFX      string // PKCS #12: key and chain
	Password string // its password, on the first line
}

// Kept is a certificate that is there.
type Kept struct {
	Leaf  *x509.Certificate
	Chain []*x509.Certificate // without the leaf
}

// ErrUnreadable says that the files are there and do not go together.
var ErrUnreadable = errors.New("cannot be opened")

// Read opens the certificate. A file that is missing is fs.ErrNotExist, one that cannot be opened ErrUnreadable; no error
// holds anything of their contents.
func (f Files) Read() (Kept, error) {
	pfx, pfxErr := os.ReadFile(f.PFX)
	password, passwordErr := f.password()
	if err := errors.Join(pfxErr, passwordErr); err != nil {
		return Kept{}, err
	}
	_, leaf, chain, err := pkcs12.DecodeChain(pfx, password)
	if err != nil {
		return Kept{}, fmt.Errorf("%s %w with the first line of %s: %w; it has to be a PKCS #12 file with one private key and its certificate chain",
			f.PFX, ErrUnreadable, f.Password, err)
	}
	return Kept{Leaf: leaf, Chain: chain}, nil
}

// password is the first line of its file.
func (f Files) password() (string, error) {
	b, err := os.ReadFile(f.Password)
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSuffix(first, "\r"), nil
}

// write keeps a new certificate in place of the one before, in one step: whoever reads meanwhile has either whole. The
// password stays what it is, so that it fits both.
//
// The PFX is encrypted by triple DES, which App Service has documented as what it takes; that it has taken AES-256 since 2025
// is known from a report only. Sources: learn.microsoft.com/azure/app-service/configure-ssl-certificate, "Private certificate
// requirements"; MicrosoftDocs/azure-docs issues #96582 and #110426, PR #126773. What protects the key is that nobody else may
// read the file.
func (f Files) write(key crypto.Signer, leaf *x509.Certificate, chain []*x509.Certificate) error {
	password, err := f.password()
	if errors.Is(err, fs.ErrNotExist) || err == nil && password == "" {
		password = rand.Text()
		err = replace(f.Password, []byte(password+"\n"))
	}
	if err != nil {
		return fmt.Errorf("keep the certificate's password: %w", err)
	}
	pfx, err := pkcs12.LegacyDES.Encode(key, leaf, chain, password)
	if err != nil {
		return fmt.Errorf("encode the certificate: %w", err)
	}
	if err := replace(f.PFX, pfx); err != nil {
		return fmt.Errorf("keep the certificate: %w", err)
	}
	return nil
}

// replace writes a file that only its owner may read, in one step.
func replace(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-") // mode 0600
	if err != nil {
		return err
	}
	_, err = tmp.Write(content)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}

// lock keeps other runs from the certificate: two orders at once would overwrite each other's account.
func (f Files) lock() (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(f.PFX), 0o700); err != nil {
		return nil, fmt.Errorf("make room for the certificate: %w", err)
	}
	unlock, err = process.TryLock(f.PFX + ".lock")
	if errors.Is(err, process.ErrLocked) {
		return nil, fmt.Errorf("another run is at work on %s: wait for its end", f.PFX)
	}
	return unlock, err
}
