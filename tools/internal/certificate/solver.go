package certificate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/providers/dns/cloudflare"
	"github.com/go-acme/lego/v5/providers/dns/route53"

	"polygate.example/infra/settings"
	"polygate.example/tools/internal/localcloud"
)

// Access is where a zone is and who may write into it, beyond what the clouds' own tools find by themselves.
type Access struct {
	Getenv       func(string) string
	Subscription string // Azure: azure-native:subscriptionId of the stack file
}

// Solver writes the answers to challenges into the zone of the stack's traffic manager, with the credentials that the cloud's
// own tools use. Into a spare manager's zone they go as well: which of the two is delegated may have changed by the time that
// a certificate has to be renewed, and the one that is not may be out of reach, which is what it is a spare for.
func Solver(s settings.Settings, access Access, progress func(format string, args ...any)) func(context.Context) (challenge.Provider, error) {
	return func(context.Context) (challenge.Provider, error) {
		main, err := solver(s.Manager, s, access)
		if s.Spare == "" {
			return main, err
		}
		spare, spareErr := solver(s.Spare, s, access)
		both := &zones{progress: progress}
		for _, z := range []struct {
			name string
			challenge.Provider
			err error
		}{{s.Manager, main, err}, {s.Spare, spare, spareErr}} {
			if z.err != nil {
				progress("%s cannot be written to: %v", z.name, z.err)
				continue
			}
			both.all = append(both.all, named{z.name, z.Provider})
		}
		if len(both.all) == 0 {
			return nil, errors.Join(err, spareErr)
		}
		return both, nil
	}
}

// solver is the one of a manager. That its credentials do is seen when the first record is written.
func solver(manager string, s settings.Settings, access Access) (challenge.Provider, error) {
	var p challenge.Provider
	var err error
	var want string
	switch manager {
	case "route53":
		config := route53.NewDefaultConfig()
		config.Region = cmp.Or(access.Getenv("AWS_REGION"), "us-east-1") // Route 53 has none of its own
		p, err = route53.NewDNSProviderConfig(config)
		want = "AWS_PROFILE or another of the AWS CLI's credentials, that may change the zone"
	case "trafficmanager":
		p, err = newAzure(s, access)
		want = "`az login` or another of the Azure CLI's credentials, that may change the zone"
	case "cloudflare":
		config := cloudflare.NewDefaultConfig()
		config.AuthToken = cmp.Or(access.Getenv("CLOUDFLARE_API_TOKEN"), access.Getenv("CLOUDFLARE_DNS_API_TOKEN"))
		config.ZoneToken = config.AuthToken
		p, err = cloudflare.NewDNSProviderConfig(config)
		want = "CLOUDFLARE_API_TOKEN, of a token that may read zones and edit DNS"
	default:
		return nil, fmt.Errorf("there is no way to answer a DNS challenge in a zone of %q: want route53, trafficmanager or cloudflare", manager)
	}
	if err != nil {
		return nil, fmt.Errorf("answer a DNS challenge in the zone of %s: %w; want %s", manager, err, want)
	}
	return credentialed{p, want}, nil
}

// credentialed is a solver whose failures say what it needs.
type credentialed struct {
	challenge.Provider
	want string
}

// Present writes an answer.
func (c credentialed) Present(ctx context.Context, domain, token, keyAuth string) error {
	if err := c.Provider.Present(ctx, domain, token, keyAuth); err != nil {
		return fmt.Errorf("%w; want %s", err, c.want)
	}
	return nil
}

// named is a solver and whose it is.
type named struct {
	name string
	challenge.Provider
}

// zones writes into several zones; one that takes it is enough.
type zones struct {
	all      []named
	progress func(format string, args ...any)
}

// Present writes an answer.
func (z *zones) Present(ctx context.Context, domain, token, keyAuth string) error {
	return z.each(func(p challenge.Provider) error { return p.Present(ctx, domain, token, keyAuth) })
}

// CleanUp takes an answer out again.
func (z *zones) CleanUp(ctx context.Context, domain, token, keyAuth string) error {
	return z.each(func(p challenge.Provider) error { return p.CleanUp(ctx, domain, token, keyAuth) })
}

func (z *zones) each(do func(challenge.Provider) error) error {
	var failed []error
	for _, p := range z.all {
		if err := do(p); err != nil {
			z.progress("%s cannot be written to: %v", p.name, err)
			failed = append(failed, fmt.Errorf("%s: %w", p.name, err))
		}
	}
	if len(failed) == len(z.all) {
		return errors.Join(failed...)
	}
	return nil
}

// Local answers challenges in the DNS of local clouds.
func Local(client *localcloud.Client) func(context.Context) (challenge.Provider, error) {
	return func(context.Context) (challenge.Provider, error) { return local{client}, nil }
}

type local struct{ client *localcloud.Client }

// Present writes an answer.
func (l local) Present(ctx context.Context, domain, _, keyAuth string) error {
	return l.client.PutChallenge(ctx, answer(domain, keyAuth))
}

// CleanUp takes an answer out again.
func (l local) CleanUp(ctx context.Context, domain, _, keyAuth string) error {
	return l.client.DeleteChallenge(ctx, answer(domain, keyAuth))
}

func answer(domain, keyAuth string) localcloud.Challenge {
	return localcloud.Challenge{Name: recordName(domain), Value: recordValue(keyAuth)}
}

// recordName is where the answer to the challenge of a name is looked for, and recordValue what it has to be. Source:
// RFC 8555, section 8.4.
func recordName(domain string) string { return "_acme-challenge." + domain }

func recordValue(keyAuth string) string {
	sum := sha256.Sum256([]byte(keyAuth))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

var (
	_ challenge.Provider = (*zones)(nil)
	_ challenge.Provider = local{}
)
