package handler

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
)

// truncatedTrailer marks an answer that ends too early on a front where the connection cannot be cut.
const truncatedTrailer = "X-Polygate-Truncated"

// recoverPanics ends every panic. If the head is not out, the client gets a 500 (or the failure that the panicking
// policy left) with the request id. If it is, the rest cannot be made good: the answer ends as Options.Truncate says.
// http.ErrAbortHandler is how a policy says that an answer broke; only then is there no stack in the log.
func recoverPanics(next http.Handler, log *slog.Logger, opts Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r)
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			err, _ := p.(error)
			aborted := errors.Is(err, http.ErrAbortHandler)
			if !aborted {
				log.ErrorContext(r.Context(), "panic", "id", x.id, "route", x.route, "panic", p, "stack", string(debug.Stack()))
			}
			a := x.answer
			x.left = !a.hijacked && (x.gone() || a.lost)
			switch {
			case a.hijacked:
				return // the connection is the upgraded protocol's and is closed already
			case a.status == 0 && x.left:
				clear(a.Header())                 // what a policy prepared for an answer that is not going to be sent
				a.WriteHeader(statusClientClosed) // for adapters that need an answer; the client is not there to see it
				return
			case a.status == 0:
				clear(a.Header()) // what a policy prepared for an answer that is not going to be sent
				f := x.failure
				if f == nil {
					f = fail(http.StatusInternalServerError, "The gateway failed to answer this request.")
				}
				f.write(a, x.id)
				return
			}
			if !x.left {
				log.ErrorContext(r.Context(), "answer truncated", "id", x.id, "route", x.route, "target", x.target, "sent", a.bytes)
			}
			if opts.Truncate == TruncateByMarker || opts.Buffered {
				a.Header().Set(http.TrailerPrefix+truncatedTrailer, x.id)
				return
			}
			panic(http.ErrAbortHandler)
		}()
		next.ServeHTTP(w, r)
	})
}
