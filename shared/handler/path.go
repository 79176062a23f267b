package handler

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"polygate.example/shared/gateway"
)

// refuseDotSegments answers 400 to a path that an upstream might resolve to another one: whoever may ask for /public
// must not get to /admin by way of /public/../admin, in whichever spelling.
func refuseDotSegments(next http.Handler, log *slog.Logger) http.Handler {
	guard := guarding("paths", log)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r)
		path := r.URL.EscapedPath()
		if !strings.HasPrefix(path, "/") {
			guard.deny(w, r, fail(http.StatusBadRequest, "The request's target is not a path."), "its target is no path")
			return
		}
		x.segments = strings.Split(path[1:], "/")
		for i, s := range x.segments {
			text := unescape(s)
			if gateway.HoldsDots(text) {
				guard.deny(w, r, fail(http.StatusBadRequest, "The path holds a dot segment; send the path it stands for."), "its path holds a dot segment")
				return
			}
			x.doubtful = x.doubtful || s == "" && i < len(x.segments)-1 || strings.ContainsAny(text, `;/\`)
		}
		next.ServeHTTP(w, r)
	})
}

// unescape decodes a segment of an escaped path. url.URL.EscapedPath is always well-formed; if it were not, the segment
// stands for itself.
func unescape(segment string) string {
	if strings.IndexByte(segment, '%') < 0 {
		return segment
	}
	text, err := url.PathUnescape(segment)
	if err != nil {
		return segment
	}
	return text
}
