package handler

import (
	"net/http"
	"net/url"
	"strings"

	"polygate.example/shared/gateway"
)

// tokenPlace is where a request bears its token.
type tokenPlace struct {
	header string // canonical
	scheme bool   // the header is Authorization, and only what follows Bearer is a token
	cookie string
	query  string
}

func newTokenPlace(p gateway.TokenPlace) tokenPlace {
	switch {
	case p.Cookie != "":
		return tokenPlace{cookie: p.Cookie}
	case p.Query != "":
		return tokenPlace{query: p.Query}
	case p.Header != "":
		return tokenPlace{header: http.CanonicalHeaderKey(p.Header)}
	}
	return tokenPlace{header: "Authorization", scheme: true}
}

// find returns the token and how many there are: with more than one nobody knows which is meant. What is there and is no token is
// found too: it will not be valid.
func (p tokenPlace) find(r *http.Request) (string, int) {
	switch {
	case p.cookie != "":
		cookies := r.CookiesNamed(p.cookie)
		if len(cookies) == 0 {
			return "", 0
		}
		return cookies[0].Value, len(cookies)
	case p.query != "":
		values := r.URL.Query()[p.query]
		if len(values) == 0 {
			return "", 0
		}
		return values[0], len(values)
	}
	values := r.Header[p.header]
	switch {
	case len(values) == 0:
		return "", 0
	case len(values) > 1:
		return "", len(values)
	}
	scheme, rest, _ := strings.Cut(values[0], " ")
	switch isBearer := strings.EqualFold(scheme, "Bearer"); {
	case isBearer:
		return strings.Trim(rest, " "), 1
	case p.scheme: // another scheme's credential is no token (RFC 9110, 11.4)
		return "", 0
	}
	return values[0], 1
}

// remove takes the token out of a request, for an upstream that is not to see it.
func (p tokenPlace) remove(r *http.Request) {
	switch {
	case p.cookie != "":
		lines := r.Header["Cookie"]
		delete(r.Header, "Cookie")
		var kept []string
		for _, line := range lines {
			for pair := range strings.SplitSeq(line, ";") {
				pair = strings.TrimSpace(pair)
				if name, _, _ := strings.Cut(pair, "="); strings.TrimSpace(name) != p.cookie && pair != "" {
					kept = append(kept, pair)
				}
			}
		}
		if len(kept) > 0 {
			r.Header["Cookie"] = []string{strings.Join(kept, "; ")}
		}
	case p.query != "":
		address := *r.URL
		var kept []string
		for pair := range strings.SplitSeq(address.RawQuery, "&") {
			name, _, _ := strings.Cut(pair, "=")
			if plain, err := url.QueryUnescape(name); err != nil || plain != p.query {
				kept = append(kept, pair)
			}
		}
		address.RawQuery = strings.Join(kept, "&")
		r.URL = &address
	default:
		delete(r.Header, p.header)
	}
}
