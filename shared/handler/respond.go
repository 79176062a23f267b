package handler

import (
	"net/http"
	"strconv"

	"polygate.example/shared/gateway"
)

// newRespond answers with what the document says. Text without a content type is text/plain in UTF-8, as a document is.
func newRespond(p gateway.Respond, edit ops) http.Handler {
	header := http.Header{}
	body := []byte(p.Body)
	if len(body) > 0 {
		header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	if allowsBody(p.Status) {
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	compileOps(gateway.HeaderOps{Set: p.Headers}).apply(header)
	edit.apply(header)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for name, values := range header {
			h[name] = []string{values[0]}
		}
		w.WriteHeader(p.Status)
		_, _ = w.Write(body) // an error here means that the client has gone
	})
}
