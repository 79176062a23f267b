//go:build !without_schema

package handler

import (
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"polygate.example/shared/gateway"
)

// serveAnswer passes the request on and looks at what comes back, if that is described.
func (v *validate) serveAnswer(c *checks, next http.Handler, w http.ResponseWriter, r *http.Request) {
	if v.response == "" || len(c.answers) == 0 {
		next.ServeHTTP(w, r)
		return
	}
	x := exchangeOf(r)
	askWhole(x)
	a := &describedAnswer{wholeAnswer: wholeAnswer{ResponseWriter: w}, v: v, c: c, r: r, x: x}
	a.decide = a.look
	next.ServeHTTP(a, r)
	a.finish()
}

// describedAnswer holds an answer of an upstream until it is known to be as described, or, where that is only to be logged, passes it on and
// keeps a copy. Answers of the gateway itself pass.
type describedAnswer struct {
	wholeAnswer
	v         *validate
	c         *checks
	r         *http.Request
	x         *exchange
	looking   bool // into the body
	media     mediaCheck
	mediaType string
}

// check is what an answer of the status has to be; nil for any, and for one without a body.
func (a *describedAnswer) check() *bodyCheck {
	if !a.x.answered || !allowsBody(a.status) || a.r.Method == http.MethodHead {
		return nil
	}
	for _, one := range a.c.answers {
		if one.fits(a.status) {
			return one.body
		}
	}
	return nil
}

// look decides by the head what is to be done with the body.
func (a *describedAnswer) look() {
	check := a.check()
	if check == nil {
		return
	}
	h := a.Header()
	t, err := contentType(h)
	m, ok := check.of(t)
	n, bad := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	_, plain := contentCoding(h)
	a.looking, a.media, a.mediaType = true, m, t
	switch {
	case !ok || err != nil:
		a.why = "its content type is not one of those described"
	case !gateway.Structured(t):
		a.looking = false
	case !plain:
		a.why = "it is compressed, though the gateway asked for one that is not"
	case bad == nil && n > a.v.maxBody:
		a.why = "it is too large to be looked into"
	}
	a.holding = a.looking && a.v.response == gateway.ResponseEnforce
}

// Write keeps or passes on a part of the body, or both.
func (a *describedAnswer) Write(p []byte) (int, error) {
	a.begin()
	if a.looking && a.why == "" {
		if int64(a.body.Len()+len(p)) > a.v.maxBody {
			a.why = "it is too large to be looked into"
		} else {
			a.body.Write(p)
		}
	}
	if !a.holding {
		return a.ResponseWriter.Write(p)
	}
	if a.why != "" {
		a.fail()
		return 0, errTooLarge // ends the copying
	}
	return len(p), nil
}

// note leaves a line in the log about an answer that is not as described.
func (a *describedAnswer) note(level slog.Level, what string) {
	a.v.env.log.LogAttrs(a.r.Context(), level, what, slog.String("id", a.x.id), slog.String("policy", a.v.env.name), slog.String("route", a.x.route),
		slog.String("target", a.x.target), slog.Int("status", a.status), slog.String("why", a.why))
}

// fail leaves the answer that is given in place of the upstream's.
func (a *describedAnswer) fail() {
	if a.x.failure == nil {
		a.note(slog.LevelError, "answer refused")
	}
	a.x.failure = notPassedOn()
}

// finish looks at an answer that is whole, and sends it if it was held.
func (a *describedAnswer) finish() {
	if !a.looking {
		return
	}
	if a.why == "" {
		failed, err := a.media.hold(a.mediaType, a.body.Bytes(), false)
		switch {
		case err != nil:
			a.why = err.Error()
		case len(failed) > 0:
			a.why = fmt.Sprintf("its body has %d errors, the first by %s", len(failed), failed[0].Rule)
		}
	}
	if !a.holding {
		if a.why != "" {
			a.note(slog.LevelWarn, "answer not as described")
		}
		return
	}
	if a.why != "" {
		a.fail()
		panic(http.ErrAbortHandler) // to be answered by what has been left
	}
	a.send(a.body.Bytes())
}

var _ http.ResponseWriter = (*describedAnswer)(nil)
