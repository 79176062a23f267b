package handler

import (
	"log/slog"
	"net/http"
	"time"
)

// statusClientClosed is what the log shows for a client that left before its answer was whole; nobody receives it. The
// number is nginx's ("499 client has closed connection"), which log tools know.
const statusClientClosed = 499

// logRequests writes one line for every request, also for one that ends in a panic further down.
func logRequests(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started, x := time.Now(), exchangeOf(r)
		defer func() {
			level := slog.LevelInfo
			if isHealthPath(r.URL.Path) {
				level = slog.LevelDebug // probes come every few seconds from a dozen places
			}
			status := x.answer.status
			if x.left {
				status = statusClientClosed
			}
			log.LogAttrs(r.Context(), level, "request",
				slog.String("id", x.id), slog.String("method", r.Method), slog.String("host", r.Host), slog.String("path", r.URL.EscapedPath()),
				slog.String("client", r.RemoteAddr), slog.String("route", x.route), slog.String("target", x.target),
				slog.Int("status", status), slog.Int64("bytes", x.answer.bytes), slog.Duration("took", time.Since(started)))
		}()
		next.ServeHTTP(w, r)
	})
}
