package gateway

import (
	"errors"
	"fmt"
	"strings"
)

// APIKey finds out who calls by a key that the client sends in one place. Of the keys only digests are known here: who reads the
// document, or the list in a secret, cannot call with what stands there.
type APIKey struct {
	Header    string    `json:"header,omitempty"` // one of Header, Query and Cookie
	Query     string    `json:"query,omitempty"`
	Cookie    string    `json:"cookie,omitempty"`
	Pepper    string    `json:"pepper,omitempty"` // ${secret.NAME}: the key of the HMACs
	Keys      []Key     `json:"keys,omitempty"`
	Secret    string    `json:"secret,omitempty"`   // whose text is a list of keys; see ParseKeys
	Variable  string    `json:"variable,omitempty"` // of the environment, with the same text
	Optional  bool      `json:"optional,omitempty"` // who shows no key passes as nobody
	Forward   bool      `json:"forward,omitempty"`  // the key goes upstream
	ForwardAs ForwardAs `json:"forwardAs,omitzero"`
}

// Key is one API key: exactly one of its digests, in 64 lower-case hex digits, and whom it belongs to.
type Key struct {
	SHA256 string `json:"sha256,omitempty"`
	HMAC   string `json:"hmac,omitempty"` // HMAC-SHA-256 under the pepper
	Holder
}

// minPepper is the fewest bytes of a secret that keys an HMAC here: half of what SHA-256 gives (RFC 2104, 3, discourages less than all).
const minPepper = 16

const (
	makeSHA256 = "write the key's SHA-256 in 64 lower-case hex digits, as of: printf %s KEY | sha256sum"
	makeHMAC   = "write the key's HMAC-SHA-256 in 64 lower-case hex digits, as of: printf %s KEY | openssl dgst -sha256 -hmac PEPPER"
)

func (p *APIKey) check(r *report, at Pointer) {
	places := 0
	for _, name := range []string{p.Header, p.Query, p.Cookie} {
		if name != "" {
			places++
		}
	}
	if places != 1 {
		r.value(at, fmt.Sprintf("the key can be in %d places", places), "write one of header, query and cookie: clients send a key in one place")
	}
	if p.Header != "" {
		checkHeaderName(r.value, at.Key("header"), p.Header, requestOwned)
		if strings.EqualFold(p.Header, "Cookie") {
			r.value(at.Key("header"), "a key cannot be the whole of the header Cookie", "write cookie: NAME in place of header")
		}
	}
	if p.Query != "" && (len(p.Query) > maxMark || !isMark(p.Query) || strings.ContainsAny(p.Query, "&=;%+#?")) {
		r.value(at.Key("query"), fmt.Sprintf("query parameter %s is not a name", quote(p.Query)), "use letters, digits, hyphens and underscores")
	}
	if p.Cookie != "" && !isToken(p.Cookie) {
		r.value(at.Key("cookie"), fmt.Sprintf("cookie %s is not a name", quote(p.Cookie)), "use letters, digits, hyphens and underscores")
	}
	if _, err := secretOf(p.Pepper); p.Pepper != "" && err != nil {
		r.value(at.Key("pepper"), "the pepper "+err.Error(), "write ${secret.NAME} alone, in quotes, and put the pepper into that secret")
	}
	p.sources().check(r, at)
	seen := map[string]int{}
	for i, k := range p.Keys {
		at := at.Key("keys").Index(i)
		k.check(r, at, p.Pepper != "")
		k.Holder.check(r, at, false)
		kind, digest := "sha256", k.SHA256
		if k.HMAC != "" {
			kind, digest = "hmac", k.HMAC
		}
		if j, again := seen[kind+digest]; again && digest != "" {
			r.value(at.Key(kind), "the key is listed already", "keep one of them: a key belongs to one consumer")
			r.found[len(r.found)-1].Related = string(at.Parent().Index(j).Key(kind))
			continue
		}
		seen[kind+digest] = i
	}
	taken := p.Header
	p.ForwardAs.check(r, at.Key("forwardAs"), taken)
}

// check tests a key's digests. Their text is in no message: who wrote the key itself there is not to find it in the log of a build.
func (k Key) check(r *report, at Pointer, peppered bool) {
	switch {
	case k.SHA256 == "" && k.HMAC == "":
		r.value(at, "the key has no digest", "write sha256: "+strings.TrimPrefix(makeSHA256, "write "))
		return
	case k.SHA256 != "" && k.HMAC != "":
		r.value(at, "the key has both sha256 and hmac", "keep one of them")
	}
	if k.SHA256 != "" && !digestPattern().MatchString(k.SHA256) {
		r.value(at.Key("sha256"), "this is no SHA-256: a key itself must not stand in the document", makeSHA256)
	}
	if k.HMAC != "" && !digestPattern().MatchString(k.HMAC) {
		r.value(at.Key("hmac"), "this is no HMAC-SHA-256: a key itself must not stand in the document", makeHMAC)
	}
	if k.HMAC != "" && !peppered {
		r.value(at.Key("hmac"), "an hmac needs the policy's pepper", `write pepper: "${secret.NAME}" in the policy, or sha256 here`)
	}
}

func (p *APIKey) sources() sources {
	return sources{listed: len(p.Keys), key: "keys", secret: p.Secret, variable: p.Variable}
}

// ParseKeys reads a list of keys, a line each: <digest> <consumer> [plan] [role,role], with - for no plan before roles. The digest is the
// key's SHA-256 in hex, or its HMAC-SHA-256 in a policy with a pepper. Empty lines and lines that begin with # do not count. The error
// is a *LineError and does not repeat what the line says.
func ParseKeys(text string) ([]Listed, error) {
	return parseList(text, func(digest string) error {
		if !digestPattern().MatchString(digest) {
			return errors.New("is no digest in 64 lower-case hex digits")
		}
		return nil
	}, false)
}

// PepperSecret is the name of the secret that keys the HMACs, "" for none.
func (p *APIKey) PepperSecret() string {
	name, err := secretOf(p.Pepper)
	if err != nil {
		return ""
	}
	return name
}

// secretOf is the name in a value that is one reference to a secret, and nothing else. The error goes on after the value's name.
func secretOf(value string) (string, error) {
	t, err := ParseTemplate(value)
	if name, alone := t.Secret(); err == nil && alone {
		return name, nil
	}
	return "", errors.New("is not a reference to a secret")
}

// CheckPepper tests the text of a pepper.
func CheckPepper(text string) error {
	if len(text) < minPepper {
		return fmt.Errorf("it has fewer than %d bytes", minPepper)
	}
	return nil
}

func (p *APIKey) secrets() []string {
	var out []string
	if name := p.PepperSecret(); name != "" {
		out = append(out, name)
	}
	if p.Secret != "" {
		out = append(out, p.Secret)
	}
	return out
}

// usable tests the text of a secret that the policy reads.
func (p *APIKey) usable(name, text string) error {
	if name == p.PepperSecret() {
		if err := CheckPepper(text); err != nil {
			return err
		}
	}
	if name == p.Secret {
		_, err := ParseKeys(text)
		return err
	}
	return nil
}

func (*APIKey) parts() []Part     { return nil }
func (*APIKey) caller() callerUse { return callerMade }

var (
	_ kind         = (*APIKey)(nil)
	_ secretReader = (*APIKey)(nil)
)
