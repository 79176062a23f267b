package gcp

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"polygate.example/shared/handler"
	"polygate.example/shared/health"
)

// behindGoogle tells the handler what Google's front recorded of the client, and ends aborted answers as aborted. certificates says that the load
// balancer asks clients for certificates: see certificate. The country is in the header of the name countryHeader, which the load balancer sets
// from its variable {client_region} ("Create custom headers in backend services", where it is a region code of Unicode CLDR); "" if it sets none.
func behindGoogle(next http.Handler, certificates bool, countryHeader string) func(http.ResponseWriter, *http.Request) {
	countryHeader = http.CanonicalHeaderKey(countryHeader)
	return func(w http.ResponseWriter, r *http.Request) {
		proto := "https"
		if last(r.Header.Values("X-Forwarded-Proto"), 1) == "http" { // written by the front
			proto = "http"
		}
		front := handler.Front{Proto: proto, Certificate: certificate(r, certificates)}
		// A service's default URL is not the balancer's: there the header is the client's own.
		if told := r.Header[countryHeader]; len(told) == 1 && !byDefaultURL(r.Host) {
			front.Country = strings.TrimSuffix(told[0], health.HeaderEnd)
		}
		delete(r.Header, countryHeader)
		r = r.WithContext(handler.WithFront(r.Context(), front))
		if addr := client(r); addr != "" {
			r.RemoteAddr = addr
		}
		defer cutOff(w)
		next.ServeHTTP(w, r)
	}
}

// client is the address of the client as Google recorded it, "" if it recorded none.
//
// An external Application Load Balancer appends two addresses to what the client sent, "<client-ip>,<load-balancer-ip>",
// and vouches for no others ("External Application Load Balancer overview", X-Forwarded-For header). A service's default
// URL appends the client's alone. The host tells them apart: Google routes by it, so that a request for a default URL's
// name came straight to the service, unless it was sent to the load balancer under a false name; then the address is the
// balancer's own, and still nothing the client made up.
func client(r *http.Request) string {
	n := 2
	if byDefaultURL(r.Host) {
		n = 1
	}
	ip, err := netip.ParseAddr(last(r.Header.Values("X-Forwarded-For"), n))
	if err != nil || ip.Zone() != "" { // a zone means something on the machine that wrote it only
		return ""
	}
	return net.JoinHostPort(ip.String(), "0") // the port is not told
}

// byDefaultURL reports whether a host is one that Google gives to a service itself.
func byDefaultURL(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(host, ".")) // a name means the same in capitals and with the root's dot (RFC 4343)
	return strings.HasSuffix(host, ".run.app") || strings.HasSuffix(host, ".cloudfunctions.net")
}

// last is the n-th element from the end of a list-valued header, 1 being the last; "" if there are fewer.
func last(values []string, n int) string {
	var list []string
	for _, v := range values {
		list = append(list, strings.Split(v, ",")...)
	}
	if len(list) < n {
		return ""
	}
	return strings.TrimSpace(list[len(list)-n])
}

// cutOff ends an answer that the handler aborted (http.ErrAbortHandler) by cutting the connection, as net/http would. The
// framework recovers every panic by writing a sentence into the body and ending it properly: the client would take half
// an answer with that at its end for a whole one. Other panics are the framework's to answer (500, X-Google-Status: crash).
func cutOff(w http.ResponseWriter) {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close() // cut; there is nobody to tell
			return
		}
	}
	panic(p)
}
