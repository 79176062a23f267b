package certificate

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-acme/lego/v5/acme"
	"github.com/go-acme/lego/v5/acme/api"
	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/log"
)

// Order is a certificate to be issued.
type Order struct {
	Files     Files
	Names     []string     // what it has to cover; the first is its subject
	Zone      string       // DNS zone that holds the names
	Directory string       // URL of the authority's directory
	Email     string       // whom the authority may write to; "" for nobody
	Client    *http.Client // to reach the authority by; nil for one that trusts the system's roots
	Solver    func(context.Context) (challenge.Provider, error)
	DNS       DNS
	Poll      time.Duration // between two looks at what is under way; 0 is 2 s
	Patience  time.Duration // for each of the steps that take their time; 0 is 5 min
	Progress  func(format string, args ...any)
}

// keyBits of the certificate's RSA key: App Service wants at least 2048. Source: learn.microsoft.com/azure/app-service/
// configure-ssl-certificate, "Private certificate requirements".
const keyBits = 2048

// order is one at work.
type order struct {
	Order
	core *api.Core
}

// open makes the authority's directory known.
func (o Order) open() (*order, error) {
	// The library logs to standard output, which belongs to the verbs.
	log.SetDefault(slog.New(slog.DiscardHandler))
	o.Poll, o.Patience = cmp.Or(o.Poll, 2*time.Second), cmp.Or(o.Patience, 5*time.Minute)
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 30 * time.Second}
	}
	key, err := o.Files.accountKey()
	if err != nil {
		return nil, err
	}
	core, err := api.New(o.Client, "polygate", o.Directory, "", key)
	if err != nil {
		return nil, fmt.Errorf("reach the ACME authority: %w", err)
	}
	return &order{o, core}, nil
}

// Issue has the certificate issued and keeps it. The one before stays until the new one is whole.
func (o Order) Issue(ctx context.Context) (Kept, error) {
	unlock, err := o.Files.lock()
	if err != nil {
		return Kept{}, err
	}
	defer unlock()
	at, err := o.open()
	if err != nil {
		return Kept{}, err
	}
	return at.issue(ctx, "")
}

// issue goes through the order; replaces names the certificate that is replaced to an authority that knows it.
func (o *order) issue(ctx context.Context, replaces string) (Kept, error) {
	if err := o.checkCAA(ctx); err != nil {
		return Kept{}, err
	}
	if err := o.register(ctx); err != nil {
		return Kept{}, err
	}
	ordered, err := o.core.Orders.New(ctx, o.Names, &api.OrderOptions{ReplacesCertID: replaces})
	if err != nil && replaces != "" && ctx.Err() == nil {
		// To say what is replaced is a courtesy (RFC 9773, section 5). An authority that does not take it, for it was issued to
		// another account or is not on its books yet, still issues.
		o.Progress("ordering again without naming the certificate that is replaced: %v", explain(err))
		ordered, err = o.core.Orders.New(ctx, o.Names, nil)
	}
	if err != nil {
		return Kept{}, fmt.Errorf("order a certificate for %s: %w", strings.Join(o.Names, ", "), explain(err))
	}
	if err := o.prove(ctx, ordered); err != nil {
		return Kept{}, err
	}
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return Kept{}, fmt.Errorf("make the certificate's key: %w", err)
	}
	leaf, chain, err := o.finish(ctx, ordered, key)
	if err != nil {
		return Kept{}, err
	}
	return Kept{leaf, chain}, o.Files.write(key, leaf, chain)
}

// checkCAA looks before anything is asked for whether CAA admits the authority, as it will look itself. A zone that cannot be
// asked now is left to the authority.
func (o *order) checkCAA(ctx context.Context) error {
	ids := o.core.GetDirectory().Meta.CaaIdentities
	if len(ids) == 0 {
		return nil
	}
	for _, name := range o.Names {
		at, records, err := o.DNS.caa(ctx, name)
		if err != nil {
			o.Progress("CAA of %s cannot be looked up from here: %v", name, err)
			continue
		}
		if !admitted(records, ids) {
			var values []string
			for _, r := range records {
				values = append(values, fmt.Sprintf("%d %s %q", r.Flag, r.Tag, r.Value))
			}
			return fmt.Errorf("the CAA record of %s does not let %s issue for %s: it has %s; admit %s there (polygate:caa does, once polygate:certificate.authority names it), or choose another authority",
				at, strings.Join(ids, ", "), name, strings.Join(values, ", "), ids[0])
		}
	}
	return nil
}

// register opens the account, or finds it again by its key. Whoever runs this agrees to the authority's terms.
func (o *order) register(ctx context.Context) error {
	meta := o.core.GetDirectory().Meta
	if meta.ExternalAccountRequired {
		return fmt.Errorf("%s wants accounts bound to one of its own (external account binding), which is not supported: use another authority, for example Let's Encrypt", o.Directory)
	}
	account := acme.Account{TermsOfServiceAgreed: true}
	if o.Email != "" {
		account.Contact = []string{"mailto:" + o.Email}
	}
	if meta.TermsOfService != "" {
		o.Progress("by its terms at %s", meta.TermsOfService)
	}
	if _, err := o.core.Accounts.New(ctx, account); err != nil {
		return fmt.Errorf("open the ACME account: %w", explain(err))
	}
	return nil
}

// proof is one name being proved.
type proof struct {
	name, url, record, value string
	challenge                acme.Challenge
	keyAuth                  string
}

// prove answers the challenge of every name that is not proved yet, and takes the answers out again whatever happens.
func (o *order) prove(ctx context.Context, ordered acme.ExtendedOrder) error {
	var proofs []proof
	for _, url := range ordered.Authorizations {
		p, done, err := o.proofOf(ctx, url)
		if err != nil {
			return err
		}
		if !done {
			proofs = append(proofs, p)
		}
	}
	if len(proofs) == 0 {
		return nil
	}
	solver, err := o.Solver(ctx)
	if err != nil {
		return err
	}
	for _, p := range proofs {
		o.Progress("writing %s", p.record)
		// What is written halfway has to go as well, and also when the user has had enough.
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			if err := solver.CleanUp(ctx, p.name, p.challenge.Token, p.keyAuth); err != nil {
				o.Progress("the TXT record %s could not be taken out, and may be by hand: %v", p.record, err)
			}
		}()
		if err := solver.Present(ctx, p.name, p.challenge.Token, p.keyAuth); err != nil {
			return fmt.Errorf("write the TXT record %s: %w", p.record, err)
		}
	}
	for _, p := range proofs {
		if err := o.visible(ctx, p); err != nil {
			return err
		}
	}
	for _, p := range proofs {
		if _, err := o.core.Challenges.New(ctx, p.challenge.URL); err != nil {
			return fmt.Errorf("have %s proved: %w", p.name, explain(err))
		}
	}
	for _, p := range proofs {
		o.Progress("waiting for the authority to find %s", p.record)
		if err := o.proved(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// proofOf reads an authorization and what answers its challenge (RFC 8555, section 8.4).
func (o *order) proofOf(ctx context.Context, url string) (p proof, done bool, err error) {
	a, err := o.core.Authorizations.Get(ctx, url)
	if err != nil {
		return p, false, fmt.Errorf("read what has to be proved: %w", explain(err))
	}
	p = proof{name: a.Identifier.Value, url: url, record: recordName(a.Identifier.Value)}
	if a.Status == acme.StatusValid {
		return p, true, nil
	}
	i := slices.IndexFunc(a.Challenges, func(c acme.Challenge) bool { return c.Type == string(challenge.DNS01) })
	if i < 0 {
		return p, false, fmt.Errorf("the authority proves %s by other ways than DNS-01 only", p.name)
	}
	p.challenge = a.Challenges[i]
	if p.keyAuth, err = o.core.GetKeyAuthorization(p.challenge.Token); err != nil {
		return p, false, fmt.Errorf("answer the challenge of %s: %w", p.name, err)
	}
	p.value = recordValue(p.keyAuth)
	return p, false, nil
}

// visible waits until every server that the authority may ask shows the record.
func (o *order) visible(ctx context.Context, p proof) error {
	servers, err := o.DNS.authoritative(ctx, o.Zone)
	if err != nil {
		return err
	}
	var last error
	told := false
	err = o.wait(ctx, func() (bool, error) {
		last = nil
		for _, s := range servers {
			ok, err := shows(ctx, s, p.record, p.value)
			if err != nil || !ok {
				last = cmp.Or(err, fmt.Errorf("%s does not have it", s))
				if !told {
					o.Progress("waiting for %s to show %s", s, p.record)
					told = true
				}
				return false, nil
			}
		}
		return true, nil
	})
	if errors.Is(err, errPatience) {
		return fmt.Errorf("the TXT record %s = %q is not in the DNS after %s: %w; see that %s is delegated to the traffic manager whose zone it was written into",
			p.record, p.value, o.Patience, last, o.Zone)
	}
	return err
}

// proved waits for the authority's verdict on a name.
func (o *order) proved(ctx context.Context, p proof) error {
	err := o.wait(ctx, func() (bool, error) {
		a, err := o.core.Authorizations.Get(ctx, p.url)
		if err != nil {
			return false, fmt.Errorf("ask whether %s is proved: %w", p.name, explain(err))
		}
		switch a.Status {
		case acme.StatusValid:
			return true, nil
		case acme.StatusPending, acme.StatusProcessing:
			return false, nil
		}
		for _, c := range a.Challenges {
			if c.Error != nil {
				return false, fmt.Errorf("the authority did not take %s as proved by the TXT record %s = %q: %w", p.name, p.record, p.value, explain(c.Error))
			}
		}
		return false, fmt.Errorf("the authority says that %s is %s", p.name, a.Status)
	})
	if errors.Is(err, errPatience) {
		return fmt.Errorf("the authority has not said after %s whether %s is proved: try again later", o.Patience, p.name)
	}
	return err
}

// finish asks for the certificate and fetches it.
func (o *order) finish(ctx context.Context, ordered acme.ExtendedOrder, key crypto.Signer) (*x509.Certificate, []*x509.Certificate, error) {
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: o.Names}, key)
	if err != nil {
		return nil, nil, fmt.Errorf("ask for the certificate: %w", err)
	}
	o.Progress("waiting for the certificate")
	state, err := o.core.Orders.UpdateForCSR(ctx, ordered.Finalize, csr)
	if err != nil {
		return nil, nil, fmt.Errorf("ask for the certificate: %w", explain(err))
	}
	err = o.wait(ctx, func() (bool, error) {
		if state.Status == acme.StatusValid && state.Certificate != "" {
			return true, nil
		}
		if state, err = o.core.Orders.Get(ctx, ordered.Location); err != nil {
			return false, fmt.Errorf("ask for the certificate: %w", explain(err))
		}
		if state.Status == acme.StatusInvalid {
			return false, fmt.Errorf("the authority did not issue the certificate: %w", explain(state.Err()))
		}
		return false, nil
	})
	if errors.Is(err, errPatience) {
		return nil, nil, fmt.Errorf("the authority has not issued the certificate after %s: try again later", o.Patience)
	}
	if err != nil {
		return nil, nil, err
	}
	raw, err := o.core.Certificates.Get(ctx, state.Certificate, true)
	if err != nil {
		return nil, nil, fmt.Errorf("fetch the certificate: %w", explain(err))
	}
	return o.read(raw.Cert, key)
}

// read checks what came: the authority's word that it is what was asked for is not enough to put it before clients.
func (o *order) read(bundle []byte, key crypto.Signer) (*x509.Certificate, []*x509.Certificate, error) {
	var chain []*x509.Certificate
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("read the certificate that was issued: %w", err)
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return nil, nil, errors.New("the authority sent no certificate")
	}
	leaf := chain[0]
	if public, ok := leaf.PublicKey.(*rsa.PublicKey); !ok || !public.Equal(key.Public()) {
		return nil, nil, errors.New("the authority sent a certificate for another key")
	}
	for _, name := range o.Names {
		if err := leaf.VerifyHostname(name); err != nil {
			return nil, nil, fmt.Errorf("the authority sent a certificate that does not cover %s", name)
		}
	}
	return leaf, chain[1:], nil
}

// errPatience says that something took longer than the order's patience.
var errPatience = errors.New("took too long")

// wait asks again and again until it is done.
func (o *order) wait(ctx context.Context, done func() (bool, error)) error {
	end := time.NewTimer(o.Patience)
	defer end.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-time.After(o.Poll):
		case <-end.C:
			return errPatience
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
