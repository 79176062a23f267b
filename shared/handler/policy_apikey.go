package handler

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"polygate.example/shared/gateway"
	"polygate.example/shared/secret"
)

// maxKeyBytes is the longest key that is looked at.
const maxKeyBytes = 1024

// digest is the SHA-256 of a key, or its HMAC.
type digest = [sha256.Size]byte

// keyring is where keys are looked up: by what their digest is, never by themselves. What time a lookup takes depends on the digest of what
// was shown, and nobody can choose a key for its digest's sake: a guess that begins like the digest of a true key is no nearer to that key
// (and under a pepper nobody outside can compute a digest at all). So a map is as good as a comparison in constant time with every key,
// and does not become slower with their number.
type keyring struct {
	plain  map[digest]*holding
	hashed map[digest]*holding // by HMAC
}

// apiKey is the compiled policy.
type apiKey struct {
	env       environment
	name      string // of the header, query parameter or cookie
	take      func(r *http.Request, name string, keep bool) []string
	challenge string
	keys      keyring
	pepper    string // name of the secret, "" for none
	list      *secretList[keyring]
	optional  bool
	forward   bool
	introduce introduction
}

// newAPIKey finds out who calls by a key.
func newAPIKey(spec gateway.APIKey, env environment) (policy, error) {
	p := &apiKey{env: env, pepper: spec.PepperSecret(), optional: spec.Optional, forward: spec.Forward, introduce: newIntroduction(spec.ForwardAs),
		keys: keyring{plain: map[digest]*holding{}, hashed: map[digest]*holding{}}}
	place := ""
	switch {
	case spec.Query != "":
		p.name, p.take, place = spec.Query, takeQuery, "query"
	case spec.Cookie != "":
		p.name, p.take, place = spec.Cookie, takeCookie, "cookie"
	default:
		p.name, p.take, place = textproto.CanonicalMIMEHeaderKey(spec.Header), takeHeader, "header"
	}
	p.challenge = fmt.Sprintf(`ApiKey realm="%s", in="%s", name="%s"`, env.name, place, p.name)
	for _, k := range spec.Keys {
		h, err := newHolding(k.Holder, env.name)
		if err != nil {
			return nil, err
		}
		into, text := p.keys.plain, k.SHA256
		if k.HMAC != "" {
			into, text = p.keys.hashed, k.HMAC
		}
		if err := add(into, text, h); err != nil {
			return nil, err
		}
	}
	if spec.Variable != "" {
		list, err := env.variable(spec.Variable, gateway.ParseKeys)
		if err != nil {
			return nil, err
		}
		if err := p.fill(p.keys, list); err != nil {
			return nil, fmt.Errorf("variable %s: %w", spec.Variable, err)
		}
	}
	if spec.Secret != "" {
		p.list = &secretList[keyring]{name: spec.Secret, env: env, compile: p.compile}
	}
	return p.wrap, nil
}

// fill adds the keys of a list.
func (p *apiKey) fill(ring keyring, list []gateway.Listed) error {
	into := ring.plain
	if p.pepper != "" {
		into = ring.hashed
	}
	for i, one := range list {
		h, err := newHolding(one.Holder, p.env.name)
		if err != nil {
			return err
		}
		if err := add(into, one.Credential, h); err != nil {
			return fmt.Errorf("key %d of the list, of consumer %s: %w", i+1, one.Holder.Consumer, err)
		}
	}
	return nil
}

// compile reads the list of a secret. A key of it that is known from elsewhere is not looked up in it; see find.
func (p *apiKey) compile(text string) (keyring, error) {
	ring := keyring{plain: map[digest]*holding{}, hashed: map[digest]*holding{}}
	list, err := gateway.ParseKeys(text)
	if err != nil {
		return ring, err
	}
	return ring, p.fill(ring, list)
}

func add(ring map[digest]*holding, text string, h *holding) error {
	var d digest
	if n, err := hex.Decode(d[:], []byte(text)); err != nil || n != len(d) {
		return fmt.Errorf("its digest cannot be read") // no model has one
	}
	if _, again := ring[d]; again {
		return fmt.Errorf("the key is known from the document or the list already: a key belongs to one consumer")
	}
	ring[d] = h
	return nil
}

func (p *apiKey) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.introduce.clean(r)
		shown := p.take(r, p.name, p.forward)
		switch {
		case len(shown) == 0 && p.optional:
			next.ServeHTTP(w, r)
			return
		case len(shown) == 0:
			p.env.refuse(w, r, p.challenge, codeCredentialMissing, "This path needs an API key.", "there is no key")
			return
		case len(shown) > 1 || strings.Contains(shown[0], ","): // fronts join repeated headers by commas
			p.env.refuse(w, r, p.challenge, codeCredentialRefused, "The API key is not accepted.", "there are several keys")
			return
		}
		h, err := p.find(r.Context(), shown[0])
		switch {
		case err != nil:
			p.env.unreadable(w, r, err)
		case h == nil:
			p.env.refuse(w, r, p.challenge, codeCredentialRefused, "The API key is not accepted.", "its key is not known")
		case h.ended(p.env.now()):
			p.env.refuse(w, r, p.challenge, codeCredentialRefused, "The API key is not accepted.", "the key of consumer "+h.caller.Consumer+" has expired")
		default:
			x := exchangeOf(r)
			x.caller = h.caller
			p.introduce.tell(x)
			next.ServeHTTP(w, r)
		}
	})
}

// find looks a key up, in the document and the variable first; nil if nobody has it. A list that cannot be read is an error only for keys that
// are not known without it.
func (p *apiKey) find(ctx context.Context, key string) (*holding, error) {
	if key == "" || len(key) > maxKeyBytes {
		return nil, nil
	}
	plain := sha256.Sum256([]byte(key))
	var hashed digest
	if h := p.keys.plain[plain]; h != nil {
		return h, nil
	}
	if p.pepper != "" {
		pepper, err := p.env.secrets.Value(ctx, p.pepper)
		if err != nil {
			return nil, err
		}
		if err := gateway.CheckPepper(pepper); err != nil {
			return nil, &secret.Error{Name: p.pepper, Reason: secret.Unusable, Detail: err.Error()}
		}
		mac := hmac.New(sha256.New, []byte(pepper))
		_, _ = mac.Write([]byte(key)) // a hash takes everything
		mac.Sum(hashed[:0])
		if h := p.keys.hashed[hashed]; h != nil {
			return h, nil
		}
	}
	if p.list == nil {
		return nil, nil
	}
	ring, err := p.list.get(ctx)
	if err != nil {
		return nil, err
	}
	if p.pepper != "" {
		return ring.hashed[hashed], nil
	}
	return ring.plain[plain], nil
}

// takeHeader returns the values of a header, and takes it off unless it is to be kept.
func takeHeader(r *http.Request, name string, keep bool) []string {
	shown := r.Header[name]
	if !keep {
		delete(r.Header, name)
	}
	return shown
}

// takeQuery returns the values of a query parameter, and takes it off. The rest of the query stays as it came.
func takeQuery(r *http.Request, name string, keep bool) []string {
	var shown, rest []string
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if text, err := url.QueryUnescape(key); err != nil || text != name {
			rest = append(rest, pair)
			continue
		}
		text, err := url.QueryUnescape(value)
		if err != nil || strings.Contains(pair, ";") {
			text = "" // a value that is none of a key
		}
		shown = append(shown, text)
	}
	if len(shown) > 0 && !keep {
		r.URL.RawQuery = strings.Join(rest, "&")
	}
	return shown
}

// takeCookie returns the values of a cookie (RFC 6265, 5.4), and takes it off. Other cookies stay.
func takeCookie(r *http.Request, name string, keep bool) []string {
	var shown, lines []string
	for _, line := range r.Header["Cookie"] {
		var rest []string
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.Trim(pair, " \t")
			key, value, _ := strings.Cut(pair, "=")
			if strings.Trim(key, " \t") == name {
				shown = append(shown, strings.Trim(value, " \t"))
			} else if pair != "" {
				rest = append(rest, pair)
			}
		}
		if len(rest) > 0 {
			lines = append(lines, strings.Join(rest, "; "))
		}
	}
	switch {
	case len(shown) == 0 || keep:
	case len(lines) == 0:
		delete(r.Header, "Cookie")
	default:
		r.Header["Cookie"] = lines
	}
	return shown
}
