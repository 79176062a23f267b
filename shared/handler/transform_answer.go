package handler

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// answerChanges are what a transform does to answers whose status fits.
type answerChanges struct {
	fits    func(status int) bool
	headers changes
	json    *jsonChanges // nil for none
}

// filledAnswer is the same for one request.
type filledAnswer struct {
	fits    func(status int) bool
	headers filledChanges
	json    *jsonChanges
}

func (t *transform) fillAnswers(v values) ([]filledAnswer, error) {
	if len(t.answers) == 0 {
		return nil, nil
	}
	out := make([]filledAnswer, len(t.answers))
	for i, a := range t.answers {
		headers, err := a.headers.fill(v.header)
		if err != nil {
			return nil, err
		}
		json, err := a.json.fill(v)
		if err != nil {
			return nil, err
		}
		out[i] = filledAnswer{a.fits, headers, json}
	}
	return out, nil
}

// serveAnswer passes the request on, and changes bodies of JSON that come back.
func (t *transform) serveAnswer(next http.Handler, w http.ResponseWriter, r *http.Request, answers []filledAnswer) {
	var bodies []filledAnswer
	for _, a := range answers {
		if a.json != nil {
			bodies = append(bodies, a)
		}
	}
	if len(bodies) == 0 {
		next.ServeHTTP(w, r)
		return
	}
	askWhole(exchangeOf(r))
	a := &jsonAnswer{wholeAnswer: wholeAnswer{ResponseWriter: w}, t: t, r: r, bodies: bodies, head: r.Method == http.MethodHead}
	a.decide = a.look
	next.ServeHTTP(a, r)
	a.finish()
}

// jsonAnswer holds an answer whose body is to be changed, until it is whole. Every other passes at once.
type jsonAnswer struct {
	wholeAnswer
	t      *transform
	r      *http.Request
	bodies []filledAnswer
	head   bool
	edits  []*jsonChanges // of the status
	bytes  int64          // the least of their bounds
}

// look decides by the head whether the body is to be changed.
func (a *jsonAnswer) look() {
	h := a.Header()
	if allowsBody(a.status) && saysJSON(h) {
		for _, b := range a.bodies {
			if b.fits(a.status) {
				a.edits = append(a.edits, b.json)
				if a.bytes == 0 || b.json.bytes < a.bytes {
					a.bytes = b.json.bytes
				}
			}
		}
	}
	if len(a.edits) == 0 {
		return
	}
	n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	_, plain := contentCoding(h)
	forgetDigests(h)
	delete(h, "Content-Length")
	delete(h, "Accept-Ranges")
	if tag := h.Get("Etag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		h.Set("Etag", "W/"+tag) // what is sent is no longer what the upstream gave the tag to, byte by byte (RFC 9110, 8.8.1)
	}
	switch {
	case a.head: // how long the body would be is not known
		return
	case !plain:
		a.why = "it is compressed, though the gateway asked for one that is not"
	case err == nil && n > a.bytes:
		a.why = "it is too large to be changed"
	}
	a.holding = true
}

// Write keeps or passes on a part of the body.
func (a *jsonAnswer) Write(p []byte) (int, error) {
	a.begin()
	if !a.holding {
		return a.ResponseWriter.Write(p)
	}
	if a.why == "" && int64(a.body.Len()+len(p)) > a.bytes {
		a.why = "it is too large to be changed"
	}
	if a.why != "" {
		a.fail()
		return 0, errTooLarge // ends the copying
	}
	return a.body.Write(p)
}

// fail leaves the answer that is given in place of one that cannot be changed.
func (a *jsonAnswer) fail() {
	x := exchangeOf(a.r)
	if x.failure == nil {
		a.t.env.log.ErrorContext(a.r.Context(), "answer not transformed", "id", x.id, "policy", a.t.env.name, "route", x.route, "target", x.target, "why", a.why)
	}
	x.failure = notPassedOn()
}

// finish sends the answer that was held, changed.
func (a *jsonAnswer) finish() {
	if !a.holding {
		return
	}
	b := a.body.Bytes()
	for _, edit := range a.edits {
		if a.why != "" {
			break
		}
		changed, err := edit.apply(b)
		if errors.Is(err, errNotJSON) {
			a.why = err.Error()
			break
		}
		b = changed // what has no place in it is left out: the shape of answers is the upstream's
	}
	if a.why != "" {
		a.fail()
		panic(http.ErrAbortHandler) // to be answered by what has been left
	}
	a.Header().Set("Content-Length", strconv.Itoa(len(b)))
	a.send(b)
}

var _ http.ResponseWriter = (*jsonAnswer)(nil)
