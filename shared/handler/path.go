package handler

import (
	"net/http"
	"net/url"
	"strings"

	"polygate.example/shared/gateway"
)

// refuseDotSegments answers 400 to a path that an upstream might resolve to another one: whoever may ask for /public
// must not get to /admin by way of /public/../admin, in whichever spelling.
func refuseDotSegments(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r)
		path := r.URL.EscapedPath()
		if !strings.HasPrefix(path, "/") {
			fail(http.StatusBadRequest, "The request's target is not a path.").write(w, x.id)
			return
		}
		x.segments = strings.Split(path[1:], "/")
		for i, s := range x.segments {
			text := unescape(s)
			if gateway.HoldsDots(text) {
				fail(http.StatusBadRequest, "The path holds a dot segment; send the path it stands for.").write(w, x.id)
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
