package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// fetchLimit is how long a fetch may take, discovery and keys together.
	fetchLimit = 5 * time.Second
	// maxAnswer is the longest answer that is read.
	maxAnswer = 1 << 20
	// maxRedirects is how often an address may send on, within its host.
	maxRedirects = 3
)

// Fetcher gets keys from their address. It asks no proxy that the environment names.
type Fetcher struct {
	client  *http.Client
	address func(ctx context.Context) (string, error)
}

// FromURL fetches a JWK set from an address.
func FromURL(address string) *Fetcher {
	return &Fetcher{client: newClient(), address: func(context.Context) (string, error) { return address, nil }}
}

// FromIssuer asks an issuer for the address of its keys, each time anew (OpenID Connect Discovery 1.0, 4). allowed says what keeps
// an address from being one that keys may come from.
func FromIssuer(issuer string, allowed func(address string) error) *Fetcher {
	f := &Fetcher{client: newClient()}
	f.address = func(ctx context.Context) (string, error) {
		text, err := f.get(ctx, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration")
		if err != nil {
			return "", err
		}
		var told struct {
			Issuer string `json:"issuer"`
			Keys   string `json:"jwks_uri"`
		}
		if err := json.Unmarshal(text, &told); err != nil {
			return "", errors.New("what the issuer says of itself is not JSON")
		}
		if told.Issuer != issuer { // or one issuer could speak for another (4.3)
			return "", fmt.Errorf("the issuer calls itself %.200q: want exactly %q, or change the document", told.Issuer, issuer)
		}
		if err := allowed(told.Keys); err != nil {
			return "", fmt.Errorf("the issuer's jwks_uri: %w", err)
		}
		return told.Keys, nil
	}
	return f
}

// Fetch is the text of the set.
func (f *Fetcher) Fetch(ctx context.Context) ([]byte, error) {
	address, err := f.address(ctx)
	if err != nil {
		return nil, err
	}
	return f.get(ctx, address)
}

// newClient keeps no connection: one is needed every few minutes, and a frozen process cannot see that it has ended.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSHandshakeTimeout: fetchLimit, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			first := via[0].URL
			if r.URL.Scheme != first.Scheme || r.URL.Host != first.Host {
				return fmt.Errorf("it sends on to %s://%s, which the document does not name", r.URL.Scheme, r.URL.Host)
			}
			if len(via) > maxRedirects {
				return errors.New("it sends on too often")
			}
			return nil
		},
	}
}

func (f *Fetcher) get(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json, application/jwk-set+json")
	r.Header.Set("User-Agent", "polygate-keys")
	where := r.URL.Host + r.URL.EscapedPath() // without the query, which may hold anything
	res, err := f.client.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, fmt.Errorf("ask %s: %w", where, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d", where, res.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read from %s: %w", where, err)
	case len(text) > maxAnswer:
		return nil, fmt.Errorf("%s answers with more than %d bytes", where, maxAnswer)
	}
	return text, nil
}
