package token

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A fetch stays with the host that the document names, reads so much and no more, and tells what went wrong without the query.
func TestFetch(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another host was asked") }))
	t.Cleanup(other.Close)
	mux := http.NewServeMux()
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.RawQuery) })
	mux.HandleFunc("/error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat(" ", maxAnswer+1)) })
	mux.HandleFunc("/just", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat(" ", maxAnswer)) })
	mux.Handle("/here", http.RedirectHandler("/keys?moved", http.StatusFound))
	mux.Handle("/circle", http.RedirectHandler("/circle", http.StatusFound))
	mux.Handle("/there", http.RedirectHandler(other.URL, http.StatusFound))
	mux.Handle("/file", http.RedirectHandler("file:///etc/passwd", http.StatusFound))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	for path, want := range map[string]string{
		"/keys?secret": "secret", "/here": "moved", "/just": strings.Repeat(" ", maxAnswer),
		"/error?secret": "answers 500", "/long?secret": "more than 1048576 bytes", "/circle?secret": "too often", "/there?secret": "which the document does not name",
		"/file?secret": "which the document does not name",
	} {
		text, err := FromURL(s.URL + path).Fetch(t.Context())
		switch {
		case err == nil && string(text) != want:
			t.Errorf("%s: %q", path, text)
		case err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")):
			t.Errorf("%s: %v", path, err)
		}
	}
	s.Close()
	if _, err := FromURL(s.URL + "/keys?secret").Fetch(t.Context()); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("of a server that is gone: %v", err)
	}
}

// An issuer speaks for itself only, and sends to addresses that the document could name.
func TestDiscovery(t *testing.T) {
	var said string
	mux := http.NewServeMux()
	mux.HandleFunc("/realm/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, said) })
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the keys") })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	allowed := func(address string) error {
		if !strings.HasPrefix(address, s.URL) {
			return fmt.Errorf("%q is not allowed", address)
		}
		return nil
	}
	for name, c := range map[string]struct{ issuer, said, want string }{
		"good":              {"/realm", `{"issuer": "%[1]s/realm", "jwks_uri": "%[1]s/keys"}`, ""},
		"with a slash":      {"/realm/", `{"issuer": "%[1]s/realm/", "jwks_uri": "%[1]s/keys"}`, ""},
		"another slash":     {"/realm", `{"issuer": "%[1]s/realm/", "jwks_uri": "%[1]s/keys"}`, "calls itself"},
		"another issuer":    {"/realm", `{"issuer": "https://evil.example", "jwks_uri": "%[1]s/keys"}`, "calls itself"},
		"no issuer":         {"/realm", `{"jwks_uri": "%[1]s/keys"}`, "calls itself"},
		"a file":            {"/realm", `{"issuer": "%[1]s/realm", "jwks_uri": "file:///etc/passwd"}`, "is not allowed"},
		"no address":        {"/realm", `{"issuer": "%[1]s/realm"}`, "is not allowed"},
		"not JSON":          {"/realm", `<html>`, "not JSON"},
		"nobody by the way": {"/other", ``, "answers 404"},
	} {
		t.Run(name, func(t *testing.T) {
			said = c.said
			if strings.Contains(said, "%") {
				said = fmt.Sprintf(said, s.URL)
			}
			text, err := FromIssuer(s.URL+c.issuer, allowed).Fetch(t.Context())
			switch {
			case c.want == "" && (err != nil || string(text) != "the keys"):
				t.Errorf("%q, %v", text, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
