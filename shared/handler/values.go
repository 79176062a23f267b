package handler

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"polygate.example/shared/gateway"
	"polygate.example/shared/secret"
)

// maxReferred is the longest text that a reference may stand for, in bytes.
const maxReferred = 4096

// codeBadValue is of a request that has, where the document refers to it, what cannot go where it is to go.
const codeBadValue = "bad_value"

// badValue is why a reference cannot be filled in from a request.
type badValue struct {
	ref gateway.Reference
	why string
}

// Error is for logs: it names the reference and not its value.
func (e *badValue) Error() string {
	return fmt.Sprintf("%s %s %s", strings.TrimSuffix(string(e.ref.Kind), "."), e.ref.Name, e.why)
}

// values fill in the references of templates from one request.
type values struct {
	r       *http.Request
	x       *exchange
	region  string
	secrets *secret.Store
}

// of is what a reference stands for; "" for what the request does not have.
func (v values) of(ref gateway.Reference) (string, error) {
	text := ""
	switch ref.Kind {
	case gateway.RefSecret:
		return v.secrets.Value(v.r.Context(), ref.Name)
	case gateway.RefMethod:
		text = v.r.Method
	case gateway.RefPath:
		text = v.r.URL.EscapedPath()
	case gateway.RefHost:
		text = v.r.Host
	case gateway.RefID:
		text = v.x.id
	case gateway.RefHeader:
		if text = strings.Join(v.r.Header[http.CanonicalHeaderKey(ref.Name)], ", "); strings.EqualFold(ref.Name, "Host") {
			text = v.r.Host
		}
	case gateway.RefQuery:
		text = v.r.URL.Query().Get(ref.Name)
	case gateway.RefParam:
		text = v.param(ref.Name)
	case gateway.RefClient:
		if a, known := clientAddr(v.r.RemoteAddr); known {
			text = a.String()
		}
	case gateway.RefRegion:
		text = v.region
	case gateway.RefConsumer:
		text = v.x.caller.Consumer
	case gateway.RefPlan:
		text = v.x.caller.Plan
	case gateway.RefClaim:
		text = claimText(v.x.caller.claim(ref.Name))
	}
	if len(text) > maxReferred {
		return "", &badValue{ref, fmt.Sprintf("is longer than %d bytes", maxReferred)}
	}
	return text, nil
}

// param is what a parameter of the route's path took, decoded.
func (v values) param(name string) string {
	for i, param := range v.x.params {
		if param != name || i >= len(v.x.captured) {
			continue
		}
		first := v.x.captured[i]
		if v.x.rest && i == len(v.x.params)-1 {
			return unescape(strings.Join(v.x.segments[first:], "/"))
		}
		return unescape(v.x.segments[first])
	}
	return ""
}

// claimText is a claim as text: of a list its members with commas between, of an object nothing.
func claimText(claim any) string {
	switch c := claim.(type) {
	case string:
		return c
	case bool:
		return strconv.FormatBool(c)
	case json.Number:
		return c.String()
	case float64:
		return strconv.FormatFloat(c, 'f', -1, 64)
	case []string:
		return strings.Join(c, ",")
	case []any:
		texts := make([]string, len(c))
		for i, one := range c {
			texts[i] = claimText(one)
		}
		return strings.Join(texts, ",")
	}
	return ""
}

// header fills in a header's value. A control character in what comes from the request is an error: a line break would begin another
// header. Of what is beyond ASCII each byte is written as in a URL.
func (v values) header(t gateway.Template) (string, error) {
	text, err := t.Fill(func(ref gateway.Reference) (string, error) {
		if ref.Kind == gateway.RefSecret {
			return headerSecret(v.r.Context(), v.secrets, ref.Name)
		}
		text, err := v.of(ref)
		if err != nil {
			return "", err
		}
		return headerText(ref, text)
	})
	return strings.Trim(text, " "), err
}

func headerText(ref gateway.Reference, text string) (string, error) {
	ascii := true
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == 0x7f {
			return "", &badValue{ref, "holds a control character"}
		} else if c > 0x7f {
			ascii = false
		}
	}
	if ascii {
		return text, nil
	}
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c > 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

// cookie fills in a cookie's value; what comes from the request is escaped as in a path, which leaves nothing that ends a cookie.
func (v values) cookie(t gateway.Template) (string, error) {
	return t.Fill(func(ref gateway.Reference) (string, error) {
		text, err := v.of(ref)
		return url.PathEscape(text), err
	})
}

// text fills in what is escaped as a whole by whoever writes it.
func (v values) text(t gateway.Template) (string, error) { return t.Fill(v.of) }

// answerUnfilled answers a request for which a reference could not be filled in: 400 if that is the request's doing, else 503.
func answerUnfilled(w http.ResponseWriter, r *http.Request, env environment, err error) {
	var bad *badValue
	if !errors.As(err, &bad) {
		unavailable(w, r, env.log, err)
		return
	}
	answer := fail(http.StatusBadRequest, "The request has a value that cannot be passed on.")
	answer.Code = codeBadValue
	env.deny(w, r, answer, err.Error())
}

var _ error = (*badValue)(nil)
