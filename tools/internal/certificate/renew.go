package certificate

import (
	"context"
	"time"

	"github.com/go-acme/lego/v5/acme/api"
	"github.com/go-acme/lego/v5/certificate"

	"polygate.example/infra/settings"
)

// DaysLeft are the whole days until a certificate ends, below 0 when it has.
func (k Kept) DaysLeft(now time.Time) int {
	left := k.Leaf.NotAfter.Sub(now)
	if left < 0 {
		return int(left.Hours()/24) - 1
	}
	return int(left.Hours() / 24)
}

// Life is for how many whole days the certificate was issued.
func (k Kept) Life() int {
	return int(k.Leaf.NotAfter.Sub(k.Leaf.NotBefore).Round(time.Hour).Hours() / 24)
}

// Due says why a certificate is to be issued anew, "" when it is not: a name that it does not cover, or no more than so many
// days left.
func (k Kept) Due(names []string, days int, now time.Time) string {
	for _, name := range names {
		if k.Leaf.VerifyHostname(name) != nil {
			return "it does not cover " + name
		}
	}
	switch left := k.DaysLeft(now); {
	case left < 0:
		return "it expired on " + k.Leaf.NotAfter.UTC().Format(time.DateOnly)
	case left < days:
		return "it has " + settings.Count(left, "day") + " left"
	}
	return ""
}

// Renew has the certificate issued anew when there is a reason to: the one given, or else that the authority advises it by
// ACME Renewal Information, which it does early before it revokes. It returns the reason, "" when there is none and nothing has
// been done. Source: RFC 9773.
func (o Order) Renew(ctx context.Context, kept Kept, reason string) (Kept, string, error) {
	unlock, err := o.Files.lock()
	if err != nil {
		return kept, "", err
	}
	defer unlock()
	at, err := o.open()
	if err != nil {
		if reason == "" { // nothing is due; an authority that is away changes nothing about that
			o.Progress("the authority cannot be asked whether it advises renewal: %v", err)
			return kept, "", nil
		}
		return kept, reason, err
	}
	known, advised := at.advised(ctx, kept)
	if reason == "" {
		if reason = advised; reason == "" {
			return kept, "", nil
		}
	}
	o.Progress("renewing: %s", reason)
	renewed, err := at.issue(ctx, known)
	if err != nil {
		return kept, reason, err
	}
	return renewed, reason, nil
}

// advised asks the authority what it advises about a certificate, and returns the certificate's id with it where it is known
// there: an authority takes it amiss when an order replaces what is none of its own.
func (o *order) advised(ctx context.Context, kept Kept) (id, reason string) {
	id, err := api.MakeARICertID(kept.Leaf)
	if err != nil {
		return "", ""
	}
	info, err := o.core.Certificates.GetRenewalInfo(ctx, id)
	if err != nil {
		return "", "" // it has no such service, or is not who issued the certificate
	}
	if (&certificate.RenewalInfo{ExtendedRenewalInfo: info}).ShouldRenewAt(time.Now(), 0) == nil {
		return id, ""
	}
	reason = "the authority advises it"
	if info.ExplanationURL != "" {
		reason += ": " + info.ExplanationURL
	}
	return id, reason
}
