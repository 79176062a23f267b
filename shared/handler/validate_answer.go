//go:build !without_schema

package handler

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"polygate.example/shared/gateway"
)

// serveAnswer passes the request on and looks at what comes back, if that is described. The upstream is asked for a whole body that is not
// compressed: another could not be looked into.
func (v *validate) serveAnswer(c *checks, next http.Handler, w http.ResponseWriter, r *http.Request) {
	if v.response == "" || len(c.answers) == 0 {
		next.ServeHTTP(w, r)
		return
	}
	x := exchangeOf(r)
	x.sends = append(x.sends, func(out *http.Request) {
		out.Header.Set("Accept-Encoding", "identity")
		delete(out.Header, "Range")
		delete(out.Header, "If-Range")
	})
	a := &describedAnswer{ResponseWriter: w, v: v, c: c, r: r, x: x}
	next.ServeHTTP(a, r)
	a.finish()
}

// describedAnswer holds an answer of an upstream until it is known to be as described, or, where that is only to be logged, passes it on and
// keeps a copy. Answers of the gateway itself pass.
type describedAnswer struct {
	http.ResponseWriter
	v         *validate
	c         *checks
	r         *http.Request
	x         *exchange
	status    int
	looking   bool
	media     mediaCheck
	mediaType string
	why       string // it is not as described, or cannot be looked into
	body      bytes.Buffer
}

// WriteHeader decides by the head what is to be done with the body.
func (a *describedAnswer) WriteHeader(status int) {
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		a.ResponseWriter.WriteHeader(status)
		return
	}
	if a.status != 0 {
		return
	}
	a.status = status
	if check := a.check(); check != nil {
		a.look(check)
	}
	if a.holds() {
		return
	}
	a.ResponseWriter.WriteHeader(status)
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

func (a *describedAnswer) look(check *bodyCheck) {
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
}

// holds reports whether nothing of the answer goes out before it is known to be right.
func (a *describedAnswer) holds() bool { return a.looking && a.v.response == gateway.ResponseEnforce }

// Write keeps or passes on a part of the body, or both.
func (a *describedAnswer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if a.looking && a.why == "" {
		if int64(a.body.Len()+len(p)) > a.v.maxBody {
			a.why = "it is too large to be looked into"
		} else {
			a.body.Write(p)
		}
	}
	if !a.holds() {
		return a.ResponseWriter.Write(p)
	}
	if a.why != "" {
		a.fail()
		return 0, errTooLarge // ends the copying
	}
	return len(p), nil
}

// FlushError does nothing for an answer that is held.
func (a *describedAnswer) FlushError() error {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if a.holds() {
		return nil
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (a *describedAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

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
	a.x.failure = fail(http.StatusBadGateway, "The upstream's answer is not one that the gateway can pass on.")
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
	if !a.holds() {
		if a.why != "" {
			a.note(slog.LevelWarn, "answer not as described")
		}
		return
	}
	if a.why != "" {
		a.fail()
		panic(http.ErrAbortHandler) // to be answered by what has been left
	}
	a.ResponseWriter.WriteHeader(a.status)
	_, _ = a.ResponseWriter.Write(a.body.Bytes()) // an error here means that the client has gone
}

var _ http.ResponseWriter = (*describedAnswer)(nil)
