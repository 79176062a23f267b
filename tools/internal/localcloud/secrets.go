package localcloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

// MaxSecret is the most bytes a value has. Source: "Quotas and limits" of Secret Manager, secret payload: 64 KiB;
// Secrets Manager takes as much, Key Vault less.
const MaxSecret = 64 << 10

// Secret is a value for the secret store of a provider.
type Secret struct {
	Provider string `json:"provider"` // aws, gcp, azure
	Name     string `json:"name"`     // as the stack file refers to it, without a version
	Value    string `json:"value"`
}

// String names the secret and never shows its value.
func (s Secret) String() string { return s.Provider + " " + s.Name }

// GoString is String: %#v shows no value either.
func (s Secret) GoString() string { return s.String() }

// serveSecrets adds the calls that stand in for making secrets by hand. No call answers with a value.
func (c *Clouds) serveSecrets(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/secrets", func(w http.ResponseWriter, _ *http.Request) { reply(w, c.store.View().Secrets()) })
	mux.HandleFunc("POST /v1/secrets", func(w http.ResponseWriter, r *http.Request) {
		var s Secret
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 8*MaxSecret)).Decode(&s); err != nil {
			refuse(w, errors.New("decode the secret: it is no JSON, or too long")) // the decoder's words quote the text
			return
		}
		version, err := c.addSecret(s)
		if err != nil {
			refuse(w, err)
			return
		}
		reply(w, version)
	})
	mux.HandleFunc("DELETE /v1/secrets", func(w http.ResponseWriter, r *http.Request) {
		provider, name := r.URL.Query().Get("provider"), r.URL.Query().Get("name")
		n, err := c.store.RemoveSecret(provider, name)
		if err == nil && n == 0 {
			err = fmt.Errorf("%s has no secret %q: `polygate local secret list` shows those there are", provider, name)
		}
		if err != nil {
			refuse(w, err)
			return
		}
		reply(w, n)
	})
}

func (c *Clouds) addSecret(s Secret) (version int, err error) {
	i := slices.IndexFunc(c.clouds, func(cl cloud) bool { return cl.Provider == s.Provider })
	switch {
	case i < 0 || c.clouds[i].SecretName == nil:
		var names []string
		for _, cl := range c.clouds {
			if cl.SecretName != nil {
				names = append(names, cl.Provider)
			}
		}
		return 0, fmt.Errorf("%q keeps no secrets: want one of %s", s.Provider, strings.Join(names, ", "))
	case s.Name == "" || strings.ContainsAny(s.Name, " \t\r\n"):
		return 0, fmt.Errorf("%q is no name of a secret: want it as polygate:secrets refers to it", s.Name)
	case s.Value == "":
		return 0, fmt.Errorf("the value of %s is empty", s)
	case len(s.Value) > MaxSecret:
		return 0, fmt.Errorf("the value of %s has %d bytes: a secret has at most %d", s, len(s.Value), MaxSecret)
	case strings.ContainsRune(s.Value, 0):
		return 0, fmt.Errorf("the value of %s has a zero byte, which no variable of an environment can hold", s)
	}
	if err := c.clouds[i].SecretName(s.Name); err != nil {
		return 0, err
	}
	return c.store.AddSecret(s.Provider, s.Name, s.Value)
}

// AddSecret makes a secret, or a newer version of one, and returns the version's number.
func (c *Client) AddSecret(ctx context.Context, s Secret) (version int, err error) {
	return version, c.call(ctx, http.MethodPost, "/v1/secrets", s, &version)
}

// RemoveSecret takes a secret away with all its versions and returns how many there were.
func (c *Client) RemoveSecret(ctx context.Context, provider, name string) (versions int, err error) {
	return versions, c.call(ctx, http.MethodDelete, "/v1/secrets?"+url.Values{"provider": {provider}, "name": {name}}.Encode(), nil, &versions)
}

// Secrets lists every version of every secret, without the values.
func (c *Client) Secrets(ctx context.Context) ([]resource.SecretVersion, error) {
	var out []resource.SecretVersion
	return out, c.call(ctx, http.MethodGet, "/v1/secrets", nil, &out)
}
