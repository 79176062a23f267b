package status

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"polygate.example/infra/settings"
)

// soonDays is how many days before its end a certificate is spoken of. What renews it has done so before: ACM 60 days before,
// Certificate Manager and ACME clients 30. Sources: docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html;
// docs.cloud.google.com/certificate-manager/docs/core-components; letsencrypt.org/docs/integration-guide.
const soonDays = 30

// Certificate is the end of the one that is shown for a name. It is empty when none was seen.
type Certificate struct {
	CertificateExpires time.Time `json:"certificate_expires,omitzero"`
	CertificateDays    *int      `json:"certificate_days,omitempty"` // whole days left, below 0 when it has expired
}

// endOf is the end of what was shown; nil when nothing was.
func endOf(shown *x509.Certificate, now time.Time) Certificate {
	if shown == nil {
		return Certificate{}
	}
	left := shown.NotAfter.Sub(now)
	days := int(left.Hours() / 24)
	if left < 0 {
		days--
	}
	return Certificate{shown.NotAfter.UTC(), &days}
}

// warning says that a certificate that is still good is about to end, "" when it is not.
func (c Certificate) warning() string {
	if c.CertificateDays == nil || *c.CertificateDays < 0 || *c.CertificateDays >= soonDays {
		return ""
	}
	return "the certificate ends in " + settings.Count(*c.CertificateDays, "day") + ": renew it"
}

// shownBy is the certificate of a connection.
func shownBy(state *tls.ConnectionState) *x509.Certificate {
	if state == nil || len(state.PeerCertificates) == 0 {
		return nil
	}
	return state.PeerCertificates[0]
}

// refusedBy is the certificate that a handshake failed on.
func refusedBy(err error) *x509.Certificate {
	var refused *tls.CertificateVerificationError
	if !errors.As(err, &refused) || len(refused.UnverifiedCertificates) == 0 {
		return nil
	}
	return refused.UnverifiedCertificates[0]
}

// sharedCertificate looks at what clients of the shared name are shown. The error is that they refuse it; whatever else may be
// wrong is the regions' to tell.
func sharedCertificate(ctx context.Context, opts Options, hostname string) (Certificate, error) {
	shown, err := look(ctx, opts, hostname)
	if !errors.As(err, new(*tls.CertificateVerificationError)) {
		err = nil
	} else {
		err = fmt.Errorf("clients refuse the certificate of %s: %w", hostname, err)
	}
	return endOf(shown, time.Now()), err
}

// Shown returns the certificate that is shown for a name, whether clients would take it or not.
func Shown(ctx context.Context, edge Edge, hostname string, timeout time.Duration) (*x509.Certificate, error) {
	shown, err := look(ctx, Options{Edge: edge, Timeout: timeout}, hostname)
	if shown == nil {
		return nil, err
	}
	return shown, nil
}

// look asks for what a name shows, which it does also to clients that it answers only with a certificate of theirs.
func look(ctx context.Context, opts Options, hostname string) (*x509.Certificate, error) {
	var seen atomic.Pointer[x509.Certificate]
	opts.presented = func(state tls.ConnectionState) error {
		seen.Store(shownBy(&state))
		return nil
	}
	client, err := newClient(opts)
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	_, shown, err := fetchHealth(ctx, client, "https://"+hostname+"/health", "", opts.Timeout)
	return cmp.Or(shown, seen.Load()), err
}
