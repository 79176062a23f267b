package main

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"

	"polygate.example/shared/clientcert"
	"polygate.example/shared/handler"
)

// behindHost undoes what the Functions host does to a request, and sees to it that every request is answered. certificates says that the site asks
// clients for certificates: see certificate.
func behindHost(next http.Handler, log *slog.Logger, certificates bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proto := last(r.Header.Values("X-Forwarded-Proto"))
		if p := r.Header.Get("X-AppService-Proto"); p != "" { // the front's own record, which the host does not touch
			proto = p
		}
		r = r.WithContext(handler.WithFront(r.Context(), handler.Front{Proto: strings.ToLower(proto), Certificate: certificate(r.Header, certificates)}))
		// The host proxies to 127.0.0.1 and keeps the name the client used here. A client's own header of the name does not
		// come through it.
		if host := last(r.Header.Values("X-Forwarded-Host")); host != "" {
			r.Host = host
		}
		if addr := client(r.Header); addr != "" {
			r.RemoteAddr = addr
		}
		restorePath(r)
		a := &answered{ResponseWriter: w}
		defer a.recover(log)
		next.ServeHTTP(a, r)
	})
}

// client is the client's address as the App Service front recorded it, "" if there is no record. The host replaces
// X-Forwarded-For by its own peer, which in Azure is the front; the front's other records (X-Client-IP and X-Client-Port,
// which it writes itself) come through. Without them, as under the host's local tools, the peer is the client.
func client(h http.Header) string {
	addr := h.Get("X-Client-IP")
	if len(h.Values("X-Client-IP")) != 1 {
		addr = last(h.Values("X-Forwarded-For"))
	} else if port := h.Get("X-Client-Port"); port != "" {
		if ap, err := netip.ParseAddrPort(net.JoinHostPort(addr, port)); err == nil {
			return ap.String()
		}
	}
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		return ap.String()
	}
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return ""
	}
	return net.JoinHostPort(ip.String(), "0")
}

// headerCertificate is where the App Service front puts the certificate that a client has shown it, as base64 of its DER, where the site has
// clientCertEnabled. The front tests that the client has the private key, and nothing else of it. Source: "Configure TLS mutual authentication for Azure
// App Service", "Access client certificate", learn.microsoft.com/azure/app-service/app-service-web-configure-tls-mutual-auth.
const headerCertificate = "X-Arr-Clientcert"

// certificate is the certificate that the front has written down, and takes the header off. It counts only where the front writes it: no document
// of Microsoft's says what becomes of a header of this name that a client sends to a site that asks for no certificate, so there it is the
// client's word. Two, whoever has written them, are no certificate.
func certificate(h http.Header, written bool) clientcert.Record {
	values := h[headerCertificate]
	delete(h, headerCertificate)
	switch {
	case !written || len(values) == 0:
		return clientcert.Record{}
	case len(values) > 1 || strings.Contains(values[0], ","): // the host joins repeated headers
		return clientcert.Flawed("is one of several")
	}
	return clientcert.FromBase64(values[0])
}

// last is the last element of a list-valued header: the one the nearest hop wrote.
func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	v := values[len(values)-1]
	return strings.TrimSpace(v[strings.LastIndexByte(v, ',')+1:])
}

// answered notes whether an answer has begun.
type answered struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader implements http.ResponseWriter.
func (a *answered) WriteHeader(status int) {
	a.begun = a.begun || status >= 200 || status == http.StatusSwitchingProtocols
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answered) Write(p []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(p)
}

// Flush implements http.Flusher.
func (a *answered) Flush() {
	a.begun = true
	_ = http.NewResponseController(a.ResponseWriter).Flush() // a broken connection shows at the next write
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// recover is the last resort: the gateway recovers its own panics, and this those of what is around it. http.ErrAbortHandler
// is one of them here, because a cut connection makes the host send the request again.
func (a *answered) recover(log *slog.Logger) {
	p := recover()
	if p == nil {
		return
	}
	log.Error("panic outside the gateway's own recovery", "panic", p, "stack", string(debug.Stack()), "answer_begun", a.begun)
	if a.begun {
		return // what is out is out
	}
	body, err := json.Marshal(map[string]any{
		"type": "about:blank", "title": "Internal Server Error", "status": 500, "detail": "The gateway failed to answer this request.",
	})
	if err != nil { // a map of strings and a number: cannot be
		body = nil
	}
	h := a.Header()
	clear(h)
	h.Set("Content-Type", "application/problem+json")
	a.ResponseWriter.WriteHeader(http.StatusInternalServerError)
	_, _ = a.ResponseWriter.Write(body) // an error means that the host has gone
}

var (
	_ http.ResponseWriter = (*answered)(nil)
	_ http.Flusher        = (*answered)(nil)
)
