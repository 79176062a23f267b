package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/infra"
	"polygate.example/infra/settings"
	"polygate.example/tools/internal/certificate"
	"polygate.example/tools/internal/localcloud"
)

func (a *app) certCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "cert",
		Short: "The certificate that the stack brings along: have it issued, renew it, see how long it lasts",
		Long: `cert has the certificate of polygate:certificate issued by ACME, for the shared name and the own names of the regions whose
provider issues none itself. The names are proved by DNS-01 in the zone of the traffic manager. What was issued is deployed by
the next up, which puts it before clients without a gap.`,
		Example: "  polygate cert issue -s prod\n  polygate cert renew -s prod && polygate up -s prod",
		RunE:    helpOrUnknown,
		Args:    cobra.ArbitraryArgs,
	}
	c.AddCommand(a.certIssueCommand(), a.certRenewCommand(), a.certStatusCommand())
	return c
}

// brought is the certificate that a stack brings along.
type brought struct {
	settings settings.Settings
	files    certificate.Files
	names    []string
}

// ownCertificate reads what the stack file says of the certificate.
func (a *app) ownCertificate() (brought, error) {
	s, err := a.settings()
	if err != nil {
		return brought{}, err
	}
	names, err := infra.CertificateNames(s)
	switch {
	case err != nil:
		return brought{}, err
	case len(names) == 0:
		return brought{}, usageError{fmt.Errorf("no region of %q needs a certificate of yours: the providers of all of them issue their own", a.stack)}
	case s.Certificate == nil:
		return brought{}, usageError{fmt.Errorf("polygate:certificate is not set for %q: say there where the certificate is to be kept", a.stack)}
	}
	return brought{s, certificate.Files{PFX: a.path(s.Certificate.PFX), Password: a.path(s.Certificate.PasswordFile)}, names}, nil
}

// renewDays is how many days before its end the certificate is renewed.
func (b brought) renewDays() int {
	if b.settings.Certificate.ACME == nil {
		return settings.DefaultRenewDays
	}
	return b.settings.Certificate.ACME.RenewDays
}

// order is how the certificate is had.
func (a *app) order(ctx context.Context, b brought) (certificate.Order, error) {
	s, acme := b.settings, b.settings.Certificate.ACME
	if acme == nil {
		remedy := "`acme: {}` has Let's Encrypt issue it"
		if s.LocalClouds != nil {
			remedy = "the local clouds have made one; to try this, `acme: {directory: URL}` names an ACME server on a loopback address"
		}
		return certificate.Order{}, usageError{fmt.Errorf("polygate:certificate.acme is not set for %q, so that the certificate is somebody else's to issue: %s", a.stack, remedy)}
	}
	client, err := a.acmeClient(acme.CAFile)
	if err != nil {
		return certificate.Order{}, err
	}
	o := certificate.Order{
		Files: b.files, Names: b.names, Zone: s.Zone, Directory: acme.Directory, Email: acme.Email, Client: client, Progress: a.step,
	}
	if s.LocalClouds == nil {
		subscription, err := settings.Value(settings.Path(a.root, a.stack), "azure-native:subscriptionId")
		if err != nil {
			return o, err
		}
		o.Solver = certificate.Solver(s, certificate.Access{Getenv: a.getenv, Subscription: cmp.Or(subscription, a.getenv("ARM_SUBSCRIPTION_ID"))}, a.step)
		return o, nil
	}
	st, err := a.cloudState(ctx)
	if err != nil {
		return o, err
	}
	o.Solver, o.DNS, o.Poll = certificate.Local(localcloud.NewClient(st)), certificate.DNS{Server: st.DNS}, 100*time.Millisecond
	return o, nil
}

// acmeClient reaches an authority whose own TLS is signed by the roots of a file, or by the system's for "".
func (a *app) acmeClient(caFile string) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		pem, err := os.ReadFile(a.path(caFile))
		if err != nil {
			return nil, usageError{fmt.Errorf("polygate:certificate.acme.caFile: %w", err)}
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usageError{fmt.Errorf("polygate:certificate.acme.caFile: %s holds no certificate in PEM", caFile)}
		}
	}
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment}}, nil
}

// kept reads the certificate that is there; nil when there is none.
func (b brought) kept() (*certificate.Kept, error) {
	k, err := b.files.Read()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("polygate:certificate: %w", err)
	}
	return &k, nil
}

// told says what certificate there is now, and what comes next.
func (a *app) told(b brought, k certificate.Kept) {
	a.result("%s: %s, issued by %s, %s\n", b.settings.Certificate.PFX, strings.Join(b.names, ", "), issuer(k), settings.Count(k.DaysLeft(time.Now()), "day"))
}

// issuer is who issued a certificate, as people call it.
func issuer(k certificate.Kept) string {
	of := k.Leaf.Issuer
	return cmp.Or(strings.Join(append(of.Organization, of.CommonName), " "), of.String())
}
