package openapiimport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"polygate.example/shared/config"
)

// Bounds of a fetch.
const (
	fetchTimeout = 30 * time.Second // of all of it, the body included
	maxRedirects = 5
)

// Fetched is a document from elsewhere.
type Fetched struct {
	Text []byte
	Name string   // for a file, by its address and type: letters, digits and ._- only, with .json or .yaml at the end
	From *url.URL // where it was found, after redirects
}

// Fetch loads a document of at most config.MaxAPIBytes by https, or by http from this machine. An address that redirects leads to such as well.
func Fetch(ctx context.Context, address string) (*Fetched, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the URL cannot be read; write such as https://api.example.com/openapi.json") // err would repeat it, with what may be a password
	}
	if err := fetchable(u); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json, application/yaml;q=0.9, */*;q=0.1")
	client := &http.Client{CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		return fetchable(r.URL)
	}}
	res, err := client.Do(req)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("%s did not answer within %s; save the document to a file and import that", u.Host, fetchTimeout)
	}
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s; name the URL of the document itself", u.Redacted(), res.Status)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, config.MaxAPIBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", u.Redacted(), err)
	}
	if len(text) > config.MaxAPIBytes {
		return nil, fmt.Errorf("the document has more than %d MiB; take out what the gateway does not need, or divide it", config.MaxAPIBytes>>20)
	}
	return &Fetched{text, fileName(res.Request.URL, res.Header.Get("Content-Type"), text), res.Request.URL}, nil
}

// fetchable tests where a document may come from: what it says decides who may call, so nobody on the way may write it.
func fetchable(u *url.URL) error {
	switch {
	case u.Host == "":
		return errors.New("the URL has no host; write such as https://api.example.com/openapi.json")
	case u.User != nil:
		return errors.New("the URL holds a user name or password; save the document to a file and import that")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()):
		return nil
	}
	return fmt.Errorf("%s is neither by https nor on this machine; use https, or save the document to a file and import that", u.Redacted())
}

func fileName(u *url.URL, contentType string, text []byte) string {
	base := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r):
			return r
		}
		return '-'
	}, path.Base(u.Path))
	extension := path.Ext(base)
	stem := strings.Trim(strings.TrimSuffix(base, extension), ".-")
	if stem == "" {
		stem = "openapi"
	}
	switch extension {
	case ".json", ".yaml", ".yml":
		return stem + extension
	}
	media, _, _ := mime.ParseMediaType(contentType) // none is as good as a wrong one
	if strings.HasSuffix(media, "json") || strings.HasPrefix(strings.TrimSpace(string(text)), "{") {
		return stem + ".json"
	}
	return stem + ".yaml"
}
