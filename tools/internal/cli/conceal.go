package cli

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// concealed stands where a secret was; it is what net/url puts there.
const concealed = "xxxxx"

// secretName tells parameters of a backend's URL that are secrets, like `password` of PostgreSQL and `sig` of Azure, from dials.
var secretName = regexp.MustCompile(`(?i)pass|pwd|secret|token|key|sig|cred|sas`)

// secrets are what must not be written.
type secrets struct {
	url, shown string
	parts      *regexp.Regexp
}

// conceal gives a backend's URL as it can be shown, and keeps its secrets out of all that is written from now on: Pulumi and
// the drivers below it quote the URL, or parts of it, in forms of their own.
func (o *output) conceal(backend string) (shown string) {
	shown = showURL(backend)
	parts := backendSecrets(backend)
	slices.SortFunc(parts, func(a, b string) int { return len(b) - len(a) }) // one may begin with another
	forms := []string{regexp.QuoteMeta(strings.ToValidUTF8(backend, "?"))}
	for _, p := range parts {
		forms = append(forms, inAnyForm(p))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.secrets = &secrets{backend, shown, regexp.MustCompile(strings.Join(forms, "|"))}
	return shown
}

// public is a text without the secrets; mu is held.
func (o *output) public(text string) string {
	if o.secrets == nil {
		return text
	}
	return o.secrets.parts.ReplaceAllStringFunc(text, func(found string) string {
		if found == o.secrets.url {
			return o.secrets.shown
		}
		return concealed
	})
}

// inAnyForm is a pattern for a text whose characters may be escaped as in URLs, or in quotes: programs do not agree on which.
func inAnyForm(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		escaped := ""
		for _, c := range []byte(text[:size]) {
			escaped += fmt.Sprintf("%%%02x", c)
		}
		plain := regexp.QuoteMeta(string(r))
		if r == ' ' {
			plain = "[ +]"
		}
		fmt.Fprintf(&b, `\\?(?:%s|(?i:%s))`, plain, escaped)
		text = text[size:]
	}
	return b.String()
}

// showURL is a URL without password and parameters. Of one that cannot be read nothing but the scheme is known to be harmless.
func showURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		scheme, _, ok := strings.Cut(raw, "://")
		if !ok {
			return concealed
		}
		return scheme + "://" + concealed
	}
	u.RawQuery, u.Fragment = "", ""
	return u.Redacted()
}

// backendSecrets lists the password and the secret parameters of a URL. It reads the URL by hand: one that net/url refuses has
// secrets as well.
func backendSecrets(raw string) []string {
	var found []string
	add := func(secret string) {
		if len(secret) > 3 { // a shorter one would be found in every other word
			found = append(found, secret)
		}
	}
	_, rest, _ := strings.Cut(raw, "://")
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 && readable(raw) {
		authority = rest[:end]
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		if _, password, _ := strings.Cut(authority[:at], ":"); password != "" {
			found = append(found, ":"+password+"@")
			add(plain(url.PathUnescape, password))
		}
	}
	_, query, _ := strings.Cut(rest, "?")
	for parameter := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		if secretName.MatchString(name) {
			add(plain(url.QueryUnescape, value))
		}
	}
	return found
}

func plain(unescape func(string) (string, error), written string) string {
	if text, err := unescape(written); err == nil {
		return text
	}
	return written
}

func readable(raw string) bool {
	_, err := url.Parse(raw)
	return err == nil
}

// wholeLines passes on line by line what a program writes, without the secrets, which would not be found in halves.
type wholeLines struct {
	*output
	to   io.Writer
	rest []byte
}

// Write passes on the lines that are complete.
func (w *wholeLines) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	return len(p), w.pass(bytes.LastIndexByte(w.rest, '\n') + 1)
}

// end passes on what is left.
func (w *wholeLines) end() error { return w.pass(len(w.rest)) }

func (w *wholeLines) pass(n int) error {
	if n == 0 {
		return nil
	}
	w.mu.Lock()
	text := w.public(string(w.rest[:n]))
	w.mu.Unlock()
	w.rest = append(w.rest[:0], w.rest[n:]...)
	_, err := w.to.Write([]byte(text))
	return err
}
