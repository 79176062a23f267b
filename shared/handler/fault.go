package handler

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"

	"polygate.example/shared/gateway"
)

// injectFault fails on purpose, so that the way of recovery can be seen on a deployed front. A truncated answer declares
// twice the length it sends before it panics.
func injectFault(kind, route string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if kind == gateway.FaultTruncate {
			half := bytes.Repeat([]byte("polygate\n"), 64)
			h := w.Header()
			h.Set("Content-Type", "text/plain; charset=utf-8")
			h.Set("Content-Length", strconv.Itoa(2*len(half)))
			_, _ = w.Write(half)
			_ = http.NewResponseController(w).Flush() // not every front can; the panic comes either way
		}
		panic(fmt.Sprintf("fault %q injected by route %q", kind, route))
	})
}
