package front

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"

	"polygate.example/tools/internal/localcloud/fault"
	"polygate.example/tools/internal/localcloud/place"
	"polygate.example/tools/internal/localcloud/plane"
)

// google is Google's front end, as global external Application Load Balancer before a serverless NEG or as the default
// run.app URL of a service. Both stream, and both cancel the request when the client goes away.
type google struct {
	site      plane.Site
	functions Functions
	faults    *fault.Set
	asked     *asked // nil: clients are asked for no certificate
}

// ServeHTTP passes a request on to Cloud Run.
func (g *google) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	balanced := g.site.Front == plane.GoogleALB
	if balanced {
		w.Header().Set("Via", "1.1 google")
		if g.faults.Region(g.site.Region).Down {
			// Source: "Troubleshoot external Application Load Balancers", failed_to_connect_to_backend.
			page(w, http.StatusBadGateway)
			return
		}
	}
	f, ok := g.functions.Serve(g.site.Function)
	switch {
	case g.site.Function == "", !ok, f.HTTP == nil:
		// The balancer has no backend to pick (502, failed_to_pick_backend); run.app knows no such service (404).
		if balanced {
			page(w, http.StatusBadGateway)
		} else {
			page(w, http.StatusNotFound)
		}
		return
	case g.site.InvokeError:
		// Source: "Troubleshoot Cloud Run issues", 403: the caller has no run.routes.invoke permission.
		page(w, http.StatusForbidden)
		return
	}
	out := r.Clone(r.Context())
	// Source: "External Application Load Balancer overview", X-Forwarded-For header: "<client-ip>,<load-balancer-ip>"
	// after what the client sent. Cloud Run's own front adds the client's address alone.
	forwarded := clientIP(r)
	if balanced {
		forwarded += "," + g.site.Listen.Addr().String()
		out.Header.Add("Via", "1.1 google")
	}
	if before := r.Header.Values("X-Forwarded-For"); len(before) > 0 {
		forwarded = strings.Join(before, ",") + "," + forwarded
	}
	out.Header.Set("X-Forwarded-For", forwarded)
	out.Header.Set("X-Forwarded-Proto", "https")
	g.setHeaders(out)
	setTrace(out.Header)
	// Source: responses of Cloud Run services; a function's own Server header is replaced.
	f.HTTP.ServeHTTP(&named{ResponseWriter: w, server: "Google Frontend"}, out)
}

// setHeaders sets the custom headers of the backend service: "Headers added by the load balancer overwrite any existing headers that have the same
// name", and a variable that is not known is empty. Source: "Create custom headers in backend services", docs.cloud.google.com/load-balancing/docs/
// https/custom-headers-global. That a header whose value is empty is written over too is how that is read here.
func (g *google) setHeaders(out *http.Request) {
	if len(g.site.Headers) == 0 {
		return
	}
	variables := map[string]string{"client_region": place.Of(clientAddr(out)).Country}
	if out.TLS != nil {
		g.asked.tell(out.TLS.PeerCertificates, variables)
	}
	for _, h := range g.site.Headers {
		value := ""
		for _, part := range h.Value {
			value += part.Literal + variables[part.Variable]
		}
		out.Header.Set(h.Name, strings.TrimSpace(value))
	}
}

// clientAddr is where a request comes from.
func clientAddr(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil { // it is net/http's own
		return netip.Addr{}
	}
	return ap.Addr()
}

// setTrace gives a request without one a trace. Sources: "Trace context", X-Cloud-Trace-Context: TRACE_ID/SPAN_ID;o=OPTIONS;
// W3C Trace Context, traceparent.
func setTrace(h http.Header) {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	trace, span := hex.EncodeToString(b[:16]), b[16:]
	if h.Get("X-Cloud-Trace-Context") == "" {
		h.Set("X-Cloud-Trace-Context", fmt.Sprintf("%s/%d;o=0", trace, binary.BigEndian.Uint64(span)))
	}
	if h.Get("Traceparent") == "" {
		h.Set("Traceparent", "00-"+trace+"-"+hex.EncodeToString(span)+"-00")
	}
}

// named sets the Server header last.
type named struct {
	http.ResponseWriter
	server string
	sent   bool
}

// WriteHeader sends the header with the server's name.
func (n *named) WriteHeader(status int) {
	n.sent = status >= 200
	n.Header().Set("Server", n.server)
	n.ResponseWriter.WriteHeader(status)
}

// Write sends the header first if the function has not.
func (n *named) Write(b []byte) (int, error) {
	if !n.sent {
		n.WriteHeader(http.StatusOK)
	}
	return n.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach what is underneath.
func (n *named) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// page is a front's own answer as a small HTML page; the wording is ours.
func page(w http.ResponseWriter, status int) {
	title := http.StatusText(status)
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<!DOCTYPE html>\n<html lang=en><meta charset=utf-8><title>"+title+
		"</title>\n<h1>Error: "+title+"</h1>\n</html>\n") // the client may be gone
}

var (
	_ http.Handler        = (*google)(nil)
	_ http.ResponseWriter = (*named)(nil)
)
