package front

import (
	"net/http"

	"polygate.example/tools/internal/localcloud/plane"
)

// proxied is the front of a name that Cloudflare proxies. The proxy is looked up for each request: which origins it has
// changes more often than the sites do.
func (f *Fronts) proxied(p plane.Site) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.o.Proxies != nil {
			if h, ok := f.o.Proxies(p.ID); ok {
				h.ServeHTTP(w, r)
				return
			}
		}
		page(w, http.StatusBadGateway) // the load balancer went away, and its site is about to
	})
}
