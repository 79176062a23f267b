// Package pki is the certificate authority of the local clouds: the one root that every front's certificate comes from.
// It is made once per checkout; whoever talks to the fronts trusts its ca.pem and nothing else does.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// Names of the files in the authority's folder.
const (
	CertFile = "ca.pem"     // mode 0644: clients read it
	KeyFile  = "ca-key.pem" // mode 0600
)

// Lifetimes. Leaves stay under the 825 days beyond which some platforms' verifiers refuse a certificate of any root
// (Apple, "Requirements for trusted certificates in iOS 13 and macOS 10.15").
const (
	caLife   = 10 * 365 * 24 * time.Hour
	leafLife = 397 * 24 * time.Hour
	backdate = time.Hour // for clocks that differ a little
)

// CA issues certificates. It is safe for concurrent use.
type CA struct {
	path string
	cert *x509.Certificate
	pem  []byte
	key  *ecdsa.PrivateKey
}

// Open reads the authority in dir, or makes it when neither file is there. One file without the other, an expired
// certificate or a key that does not fit are errors that say what to remove.
func Open(dir string) (*CA, error) {
	certPath, keyPath := filepath.Join(dir, CertFile), filepath.Join(dir, KeyFile)
	certPEM, certErr := os.ReadFile(certPath)
	keyPEM, keyErr := os.ReadFile(keyPath)
	if errors.Is(certErr, os.ErrNotExist) && errors.Is(keyErr, os.ErrNotExist) {
		var err error
		if certPEM, keyPEM, err = create(dir, certPath, keyPath); err != nil {
			return nil, fmt.Errorf("make the local certificate authority: %w", err)
		}
	} else if err := errors.Join(certErr, keyErr); err != nil {
		return nil, fmt.Errorf("read the local certificate authority: %w; remove %s and %s to have a new one made", err, certPath, keyPath)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("%s and %s do not fit: %w; remove both to have new ones made", certPath, keyPath, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("%s is not an ECDSA certificate authority; remove it and %s to have new ones made", certPath, keyPath)
	}
	if time.Now().After(pair.Leaf.NotAfter) {
		return nil, fmt.Errorf("%s expired on %s; remove it and %s to have new ones made", certPath, pair.Leaf.NotAfter.Format(time.DateOnly), keyPath)
	}
	return &CA{path: certPath, cert: pair.Leaf, pem: certPEM, key: key}, nil
}

// create makes the authority. The key is written first, so that a certificate never stands without one.
func create(dir, certPath, keyPath string) (certPEM, keyPEM []byte, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "polygate local clouds", Organization: []string{"polygate, for this machine only"}},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(caLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if keyPEM, err = encodeKey(key); err != nil {
		return nil, nil, err
	}
	if err := os.WriteFile(keyPath, keyPEM, 0o600); err != nil {
		return nil, nil, err
	}
	return certPEM, keyPEM, os.WriteFile(certPath, certPEM, 0o644) //nolint:gosec // clients must be able to read the root
}

// Roots trusts the authority of a file and no other.
func Roots(file string) (*x509.CertPool, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the local authority's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return pool, nil
}

// Path is where the authority's certificate lies, for clients such as curl --cacert.
func (ca *CA) Path() string { return ca.path }

// PEM is the authority's certificate.
func (ca *CA) PEM() []byte { return ca.pem }

// Pool trusts this authority and no other.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
}

// Issue returns a server certificate with its chain, and its key, in PEM. It is valid from an hour ago for 397 days,
// for all names (DNS names, with * as the left-most label at most, or IP addresses). Each call makes a new one: keep it
// with the resource it was issued for, so that a restart shows the same.
func (ca *CA) Issue(names ...string) (certPEM, keyPEM []byte, err error) {
	return ca.IssueFor(leafLife, names...)
}

// IssueFor is Issue with the life that the authority it stands in for gives its certificates.
func (ca *CA) IssueFor(life time.Duration, names ...string) (certPEM, keyPEM []byte, err error) {
	now := time.Now()
	return ca.IssueBetween(now.Add(-backdate), now.Add(life), names...)
}

// IssueBetween is Issue with a life of its own, which may be over.
func (ca *CA) IssueBetween(from, to time.Time, names ...string) (certPEM, keyPEM []byte, err error) {
	der, key, err := ca.issue(from, to, names)
	if err != nil {
		return nil, nil, err
	}
	if keyPEM, err = encodeKey(key); err != nil {
		return nil, nil, err
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(certPEM, ca.pem...), keyPEM, nil
}

// IssuePFX is Issue in the form in which a certificate is brought to Azure: PKCS #12, encrypted with AES-256 and
// SHA-256 under the password, which may be empty.
func (ca *CA) IssuePFX(names []string, password string) ([]byte, error) {
	now := time.Now()
	der, key, err := ca.issue(now.Add(-backdate), now.Add(leafLife), names)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("issue a certificate: %w", err)
	}
	pfx, err := pkcs12.Modern2023.Encode(key, cert, []*x509.Certificate{ca.cert}, password)
	if err != nil {
		return nil, fmt.Errorf("encode a PFX for %v: %w", names, err)
	}
	return pfx, nil
}

func (ca *CA) issue(from, to time.Time, names []string) ([]byte, *ecdsa.PrivateKey, error) {
	if len(names) == 0 {
		return nil, nil, errors.New("issue a certificate: it needs at least one name")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("issue a certificate: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, nil, fmt.Errorf("issue a certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: commonName(names[0])},
		NotBefore:             from,
		NotAfter:              to,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return nil, nil, fmt.Errorf("issue a certificate for %v: %w", names, err)
	}
	return der, key, nil
}

// commonName cuts a name that is longer than the 64 characters X.520 allows (RFC 5280, ub-common-name); the subject
// alternative names carry it whole.
func commonName(name string) string { return name[:min(len(name), 64)] }

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}
