package handler

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"polygate.example/shared/gateway"
)

// Codes of refusals that a transform gives.
const (
	codePath  = "bad_path"
	codeJSON  = "bad_json"
	codeShape = "bad_shape"
)

// maxRewritten is the longest path that is rewritten, in bytes. RE2 takes time in proportion to it, whatever the pattern.
const maxRewritten = 8 << 10

// transform is a compiled policy of the kind.
type transform struct {
	env                     environment
	secret                  bool // an upstream gets a secret
	headers, query, cookies changes
	pattern                 *regexp.Regexp // nil for none
	replace                 string
	json                    *jsonChanges
	answers                 []answerChanges
}

// newTransform changes requests and answers. References are filled in when the request comes to the policy; what is changed for the
// upstream is changed when all that belongs to the client's connection is off the request, so that no Connection header of a client can take
// it off again. Policies that come later see the request as the client sent it, but for its body of JSON.
func newTransform(p gateway.Transform, env environment) (policy, error) {
	t := &transform{env: env}
	same := func(s string) string { return s }
	var err error
	compile := func(c gateway.Changes, canonical func(string) string) changes {
		out, bad := compileChanges(c, canonical)
		if bad != nil {
			err = bad
		}
		for _, list := range [][]namedTemplate{out.set, out.add} {
			for _, one := range list {
				t.secret = t.secret || len(one.value.Secrets()) > 0
			}
		}
		return out
	}
	if q := p.Request; q != nil {
		t.headers, t.query, t.cookies = compile(q.Headers, http.CanonicalHeaderKey), compile(q.Query, same), compile(q.Cookies, same)
		if q.Path != nil {
			if t.pattern, err = q.Path.Compile(); err != nil {
				return nil, err
			}
			t.replace = q.Path.Replace
		}
		if t.json, err = compileJSON(q.JSON); err != nil {
			return nil, err
		}
	}
	for _, a := range p.Response {
		j, bad := compileJSON(a.JSON)
		if bad != nil {
			return nil, bad
		}
		t.answers = append(t.answers, answerChanges{fits: gateway.StatusTest(a.Status), headers: compile(a.Headers, http.CanonicalHeaderKey), json: j})
	}
	if err != nil {
		return nil, err
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.serve(next, w, r) })
	}, nil
}

func (t *transform) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodTrace && t.secret {
		refuseTrace(w, r, ops{})
		return
	}
	x := exchangeOf(r)
	v := values{r: r, x: x, region: t.env.region, secrets: t.env.secrets}
	answers, err := t.fillAnswers(v)
	if err == nil {
		err = t.request(v)
	}
	if err != nil {
		answerUnfilled(w, r, t.env, err)
		return
	}
	if t.json != nil {
		sent, f, err := t.body(v)
		if err != nil {
			answerUnfilled(w, r, t.env, err)
			return
		}
		if f != nil {
			f.write(w, r)
			return
		}
		r = sent
	}
	x.beforeHead(func(status int, h http.Header) {
		for _, a := range answers {
			if a.fits(status) {
				a.headers.headers(h)
			}
		}
	})
	t.serveAnswer(next, w, r, answers)
}

// request leaves with the exchange what is to be done to the request for the upstream.
func (t *transform) request(v values) error {
	headers, err := t.headers.fill(v.header)
	if err != nil {
		return err
	}
	query, err := t.query.fill(v.text)
	if err != nil {
		return err
	}
	cookies, err := t.cookies.fill(v.cookie)
	if err != nil {
		return err
	}
	if !headers.empty() || !query.empty() || !cookies.empty() {
		v.x.sends = append(v.x.sends, func(out *http.Request) {
			if !cookies.empty() {
				cookies.cookies(out.Header)
			}
			headers.clean(out)
			headers.headers(out.Header)
			if !query.empty() {
				out.URL.RawQuery = query.query(out.URL.RawQuery)
			}
		})
	}
	if t.pattern != nil {
		v.x.paths = append(v.x.paths, t.path)
	}
	return nil
}

func (t *transform) refuse(status int, detail, code, why string) *refusal {
	p := fail(status, detail)
	p.Code = code
	return &refusal{answer: p, why: why, env: t.env}
}

// path rewrites an escaped path. What comes out is looked at as what comes in is: a capture must not become a way to elsewhere.
func (t *transform) path(escaped string) (string, *refusal) {
	if len(escaped) > maxRewritten {
		return "", t.refuse(http.StatusRequestURITooLong, fmt.Sprintf("The path is longer than %d bytes.", maxRewritten), "", "its path is too long to be rewritten")
	}
	m := t.pattern.FindStringSubmatchIndex(escaped)
	if m == nil {
		return escaped, nil
	}
	out := string(t.pattern.ExpandString(nil, t.replace, escaped, m))
	if !soundPath(out) {
		return "", t.refuse(http.StatusBadRequest, "The path stands for one that cannot be passed on.", codePath, "its path, rewritten, is none or leads elsewhere")
	}
	return out, nil
}

// soundPath reports whether an escaped path is one, without dot segments in any spelling, encoded slashes, or a host at its beginning.
func soundPath(p string) bool {
	if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsAny(p, "?#\\") {
		return false
	}
	for i := range len(p) {
		if p[i] <= ' ' || p[i] > '~' {
			return false
		}
	}
	for s := range strings.SplitSeq(p[1:], "/") {
		text, err := url.PathUnescape(s)
		if err != nil || gateway.HoldsDots(text) || strings.ContainsAny(text, `/\`) {
			return false
		}
	}
	return true
}

// body changes a body of JSON, which is held for it. A body of another type, and none, passes.
func (t *transform) body(v values) (*http.Request, *refusal, error) {
	r := v.r
	if !hasBody(r) || !saysJSON(r.Header) {
		return r, nil, nil
	}
	edit, err := t.json.fill(v)
	if err != nil {
		return nil, nil, err
	}
	if _, plain := contentCoding(r.Header); !plain {
		return nil, t.refuse(http.StatusUnsupportedMediaType, "The request's body is compressed, which is not taken here.", "", "its body is compressed"), nil
	}
	tooLarge := func() *refusal {
		return t.refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("The request's body is larger than %d bytes.", edit.bytes), "", "its body is too large to be changed")
	}
	if r.ContentLength > edit.bytes {
		return nil, tooLarge(), nil
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, edit.bytes+1))
	switch f := refusalOf(err); {
	case f != nil:
		return nil, f, nil
	case err != nil:
		return nil, t.refuse(http.StatusBadRequest, "The request's body ended early.", "", "its body ended early"), nil
	case int64(len(b)) > edit.bytes:
		return nil, tooLarge(), nil
	}
	if len(b) > 0 {
		switch b, err = edit.apply(b); {
		case err == nil:
		case errors.Is(err, errShape):
			return nil, t.refuse(http.StatusBadRequest, "The request's JSON does not have the shape that this path takes.", codeShape, err.Error()), nil
		default:
			return nil, t.refuse(http.StatusBadRequest, "The request's body is not JSON.", codeJSON, err.Error()), nil
		}
	}
	sent := *r
	sent.Header = r.Header.Clone()
	forgetDigests(sent.Header)
	sent.Header.Set("Content-Length", strconv.Itoa(len(b)))
	sent.ContentLength = int64(len(b))
	sent.TransferEncoding = nil
	sent.GetBody = nil // a transport that sends it again would send it as it came
	sent.Body = struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(b), r.Body}
	return &sent, nil, nil
}

// forgetDigests takes off what is true of a body as it was (RFC 9530, and those before it).
func forgetDigests(h http.Header) {
	for _, name := range []string{"Content-Digest", "Repr-Digest", "Digest", "Content-Md5"} {
		delete(h, name)
	}
}
