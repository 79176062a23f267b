package handler

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dunglas/httpsfv"

	"polygate.example/shared/gateway"
	"polygate.example/shared/secret"
)

const (
	headerSignature      = "Signature"
	headerSignatureInput = "Signature-Input"
	headerDigest         = "Content-Digest"

	codeReplayed       = "signature_replayed"
	maxSignatureHeader = 8 << 10 // bytes of either header
	maxNonceBytes      = 256
	componentDigest    = "content-digest"
	componentQuery     = "@query"
)

// withQuery are components that have the whole query in them.
var withQuery = []string{componentQuery, "@request-target", "@target-uri"}

// signature is the compiled policy.
type signature struct {
	env       environment
	spec      gateway.Signature
	keys      map[string]*signatureKey
	challenge string
	accept    string // the header Accept-Signature
	introduce introduction
}

// signatureKey is a compiled key.
type signatureKey struct {
	*holding
	spec      gateway.SignatureKey
	algorithm string
	public    crypto.PublicKey // nil of an HMAC
	nonces    nonces
}

// newSignature finds out who calls by a signature of the request (RFC 9421).
func newSignature(spec gateway.Signature, env environment) (policy, error) {
	p := &signature{env: env, spec: spec, keys: map[string]*signatureKey{}, introduce: newIntroduction(spec.ForwardAs),
		challenge: fmt.Sprintf(`Signature realm="%s"`, env.name), accept: acceptSignature(spec)}
	// A signature may be made as late as skew after now, and is good until maxAge and skew after that.
	window := int64(time.Duration(spec.MaxAge+2*spec.Skew)/time.Second) + 1
	for _, k := range spec.Keys {
		h, err := newHolding(k.Holder, env.name)
		if err != nil {
			return nil, err
		}
		key := &signatureKey{holding: h, spec: k, algorithm: k.Algorithm, nonces: nonces{window: window}}
		if k.Algorithm != gateway.AlgorithmHMAC {
			if key.public, err = gateway.ParsePublicKey(k.Algorithm, k.PublicKey); err != nil {
				return nil, fmt.Errorf("the public key of %s %w", k.ID, err)
			}
		}
		p.keys[k.ID] = key
	}
	return p.wrap, nil
}

// acceptSignature asks for the signature that the policy wants (RFC 9421, 5.1).
func acceptSignature(spec gateway.Signature) string {
	var b strings.Builder
	b.WriteString("sig1=(")
	for _, c := range spec.Components {
		fmt.Fprintf(&b, "%q ", c)
	}
	if !slices.ContainsFunc(spec.Components, func(c string) bool { return slices.Contains(withQuery, c) }) {
		fmt.Fprintf(&b, "%q ", componentQuery) // of a request without one it is "?" (RFC 9421, 2.2.7)
	}
	if !slices.Contains(spec.Components, componentDigest) {
		fmt.Fprintf(&b, "%q ", componentDigest)
	}
	text := strings.TrimSuffix(b.String(), " ") + ");created;keyid"
	if spec.Tag != "" {
		text += fmt.Sprintf(";tag=%q", spec.Tag)
	}
	return text
}

func (p *signature) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.introduce.clean(r)
		if len(r.Header[headerSignature]) == 0 && len(r.Header[headerSignatureInput]) == 0 {
			if p.spec.Optional {
				next.ServeHTTP(w, r)
				return
			}
			p.refuse(w, r, codeCredentialMissing, "This path needs a signature; see Accept-Signature.", "there is no signature")
			return
		}
		key, nonce, covered, err := p.verify(r)
		if err == nil {
			err = p.readBody(r, covered)
		}
		if err == nil && nonce != "" {
			// Last: a request that was changed on its way does not use up the nonce of the true one.
			err = key.nonces.use(nonce, p.env.now().Unix())
		}
		var unreadable *secret.Error
		switch {
		case err == nil:
			x := exchangeOf(r)
			x.caller = key.caller
			p.introduce.tell(x)
			next.ServeHTTP(w, r)
		case errors.As(err, &unreadable):
			p.env.unreadable(w, r, err)
		case errors.Is(err, errLongBody):
			p.env.deny(w, r, fail(http.StatusRequestEntityTooLarge, fmt.Sprintf("A signed body has up to %d bytes here.", p.spec.MaxBody)), err.Error())
		case refusalOf(err) != nil:
			refusalOf(err).write(w, r)
		case errors.Is(err, errBrokenBody):
			fail(http.StatusBadRequest, "The request's body ended early.").write(w, exchangeOf(r).id)
		case errors.Is(err, errManyNonce):
			w.Header().Set("Retry-After", "60")
			p.env.deny(w, r, fail(http.StatusServiceUnavailable, "Too many signed requests; try again later."), err.Error())
		case errors.Is(err, errReplayed):
			p.refuse(w, r, codeReplayed, "The signature was used before; sign every request with a nonce of its own.", err.Error())
		default:
			p.refuse(w, r, codeCredentialRefused, "The signature is not accepted; see Accept-Signature.", err.Error())
		}
	})
}

func (p *signature) refuse(w http.ResponseWriter, r *http.Request, code, detail, why string) {
	w.Header().Set("Accept-Signature", p.accept)
	p.env.refuse(w, r, p.challenge, code, detail, why)
}

// verify finds the request's signature and tests it. It returns its key, its nonce, and whether it covers the body's digest.
func (p *signature) verify(r *http.Request) (*signatureKey, string, bool, error) {
	input, given, key, err := p.candidate(r)
	if err != nil {
		return nil, "", false, err
	}
	nonce, err := p.fresh(input.Params, key)
	if err != nil {
		return nil, "", false, err
	}
	plain := map[string]bool{}
	for _, item := range input.Items {
		if name, ok := item.Value.(string); ok && len(item.Params.Names()) == 0 {
			plain[name] = true
		}
	}
	for _, c := range p.spec.Components {
		if !plain[c] && !(c == componentDigest && !hasBody(r)) {
			return nil, "", false, fmt.Errorf("component %s is not covered", c)
		}
	}
	if hasBody(r) && r.ContentLength > 0 && !plain[componentDigest] { // of unknown length: known when it has been read
		return nil, "", false, errDigestMissing
	}
	if !coversQuery(r, input) {
		return nil, "", false, errQueryMissing
	}
	base, err := signatureBase(r, input)
	if err != nil {
		return nil, "", false, err
	}
	var shared []byte
	if key.algorithm == gateway.AlgorithmHMAC {
		if shared, err = p.shared(r.Context(), key); err != nil {
			return nil, "", false, err
		}
	}
	if !key.signs(base, given, shared) {
		return nil, "", false, fmt.Errorf("the signature is not that of key %s", key.spec.ID)
	}
	return key, nonce, plain[componentDigest], nil
}

// candidate is the one signature that can count: by a key that is known, and with the policy's tag if it has one. A request may have others beside it,
// of other signers and for other readers; of two that could both count neither does.
func (p *signature) candidate(r *http.Request) (httpsfv.InnerList, []byte, *signatureKey, error) {
	var none httpsfv.InnerList
	inputs, err := dictionaryOf(r, headerSignatureInput)
	if err != nil {
		return none, nil, nil, err
	}
	signatures, err := dictionaryOf(r, headerSignature)
	if err != nil {
		return none, nil, nil, err
	}
	var found httpsfv.InnerList
	var key *signatureKey
	label := ""
	for _, name := range inputs.Names() {
		member, _ := inputs.Get(name)
		input, ok := member.(httpsfv.InnerList)
		if !ok {
			return none, nil, nil, errors.New("Signature-Input holds what is no list of components")
		}
		id := textParam(input.Params, "keyid")
		if k := p.keys[id]; k != nil && (p.spec.Tag == "" || textParam(input.Params, "tag") == p.spec.Tag) {
			if key != nil {
				return none, nil, nil, errors.New("there are several signatures that could count")
			}
			found, key, label = input, k, name
		}
	}
	if key == nil {
		return none, nil, nil, errors.New("there is no signature by a key that is known, with the tag that is wanted")
	}
	member, _ := signatures.Get(label)
	item, ok := member.(httpsfv.Item)
	if !ok {
		return none, nil, nil, errors.New("the headers Signature and Signature-Input do not belong together")
	}
	given, ok := item.Value.([]byte)
	if !ok {
		return none, nil, nil, errors.New("the signature is no byte sequence")
	}
	return found, given, key, nil
}

// fresh tests the parameters of a signature (RFC 9421, 2.3), and returns the nonce, "" for none.
func (p *signature) fresh(params *httpsfv.Params, key *signatureKey) (string, error) {
	now, skew := p.env.now().Unix(), int64(time.Duration(p.spec.Skew)/time.Second)
	if alg, there := params.Get("alg"); there && alg != key.algorithm {
		return "", fmt.Errorf("the signature says another algorithm than %s, which is the key's", key.algorithm)
	}
	created, ok := numberParam(params, "created")
	switch {
	case !ok:
		return "", errors.New("the signature does not say when it was created")
	case created > now+skew:
		return "", errors.New("the signature was created in the future")
	case now-created > int64(time.Duration(p.spec.MaxAge)/time.Second)+skew:
		return "", errors.New("the signature is too old")
	}
	if _, there := params.Get("expires"); there {
		if expires, ok := numberParam(params, "expires"); !ok || now > expires+skew || expires < created {
			return "", errors.New("the signature has expired")
		}
	}
	if key.ended(p.env.now()) {
		return "", fmt.Errorf("key %s has expired", key.spec.ID)
	}
	nonce := textParam(params, "nonce")
	if _, there := params.Get("nonce"); (there || p.spec.Nonce == gateway.NonceRequired) && (nonce == "" || len(nonce) > maxNonceBytes) {
		return "", fmt.Errorf("the signature needs a nonce of 1 to %d bytes", maxNonceBytes)
	}
	return nonce, nil
}

// shared reads the secret of an HMAC. The error is a *secret.Error.
func (p *signature) shared(ctx context.Context, key *signatureKey) ([]byte, error) {
	name := key.spec.Secret
	value, err := p.env.secrets.Value(ctx, name)
	if err != nil {
		return nil, err
	}
	out, err := key.spec.Bytes(value)
	if err != nil {
		return nil, &secret.Error{Name: name, Reason: secret.Unusable, Detail: "it " + err.Error()}
	}
	return out, nil
}

var (
	errQueryMissing  = errors.New("@query is not covered, and there is a query")
	errDigestMissing = errors.New("content-digest is not covered, and there is a body")
	errDigestWrong   = errors.New("the body is not that of Content-Digest")
	errLongBody      = errors.New("the body is longer than a signed one may be")
	errBrokenBody    = errors.New("the body ended early")
)

// coversQuery reports whether a signature is of all of a request's query: as a whole, or of each parameter. As with a body, nobody on the way may change
// what a signed request asks for.
func coversQuery(r *http.Request, input httpsfv.InnerList) bool {
	if r.URL.RawQuery == "" {
		return true
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	for _, item := range input.Items {
		name, _ := item.Value.(string)
		switch {
		case len(item.Params.Names()) == 0 && slices.Contains(withQuery, name):
			return true
		case name == "@query-param":
			if one, err := url.QueryUnescape(textParam(item.Params, "name")); err == nil {
				delete(query, one) // that it is there once, the base sees to
			}
		}
	}
	return err == nil && len(query) == 0
}

func hasBody(r *http.Request) bool {
	return r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0
}

// readBody reads the body into memory and tests it against its digest. Nobody but a client with a key gets here.
func (p *signature) readBody(r *http.Request, covered bool) error {
	var body []byte
	if hasBody(r) {
		if r.ContentLength > int64(p.spec.MaxBody) {
			return errLongBody
		}
		var err error
		if body, err = io.ReadAll(io.LimitReader(r.Body, int64(p.spec.MaxBody)+1)); err != nil {
			if f := refusalOf(err); f != nil {
				return f
			}
			return errBrokenBody
		}
		if len(body) > p.spec.MaxBody {
			return errLongBody
		}
		// The length stays as the client told it: an upstream that wanted a body in chunks gets it so.
		r.Body = &readAgain{Reader: bytes.NewReader(body), Closer: r.Body}
	}
	switch {
	case !covered && len(body) > 0:
		return errDigestMissing
	case covered && !digestMatches(r.Header[headerDigest], body):
		return errDigestWrong
	}
	return nil
}

// readAgain is a body that was read into memory.
type readAgain struct {
	io.Reader
	io.Closer
}

// dictionaryOf reads a header that is a dictionary.
func dictionaryOf(r *http.Request, name string) (*httpsfv.Dictionary, error) {
	size := 0
	for _, line := range r.Header[name] {
		size += len(line)
	}
	if size > maxSignatureHeader {
		return nil, fmt.Errorf("%s has more than %d bytes", name, maxSignatureHeader)
	}
	dictionary, err := httpsfv.UnmarshalDictionary(r.Header[name])
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read", name)
	}
	return dictionary, nil
}

// textParam is a parameter that is text, "" for any other.
func textParam(params *httpsfv.Params, name string) string {
	value, _ := params.Get(name)
	s, _ := value.(string)
	return s
}

// numberParam is a parameter that is a whole number.
func numberParam(params *httpsfv.Params, name string) (int64, bool) {
	value, _ := params.Get(name)
	n, ok := value.(int64)
	return n, ok
}
