package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"polygate.example/shared/clientcert"
	"polygate.example/shared/handler"
)

// seen is what a front saw of a request, beside its body.
type seen struct {
	method string
	target string // path and query as on the request line
	header http.Header
	domain string // stands in for a missing Host header
	client string // the peer's address as the front recorded it
	https  bool
	shown  clientcert.Record // the client's certificate, as the front recorded it
}

// dress makes r, of which only body and context are of use, the request that s describes. The vendor's converters build
// the URL by gluing strings ("https://" + domain + path), which fails on decoded paths and reads "//host" as a host.
func dress(r *http.Request, s seen) error {
	u, err := url.ParseRequestURI(s.target)
	if err != nil {
		return fmt.Errorf("the request target is malformed: %w", err)
	}
	r.Method, r.URL, r.RequestURI, r.Header = s.method, u, s.target, s.header
	r.Host = s.header.Get("Host")
	if r.Host == "" {
		r.Host = s.domain
	}
	// What net/http takes out of the headers of a request it reads, or derives from them.
	r.Header.Del("Host")
	r.Header.Del("Transfer-Encoding")
	if r.Header.Get("Content-Length") != "" {
		r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	if r.ContentLength == 0 {
		r.Body, r.GetBody = http.NoBody, nil
	}
	r.RemoteAddr = remoteAddr(s.client)
	if s.https {
		// The front ended TLS; that it did is all that is known of it.
		r.TLS = &tls.ConnectionState{HandshakeComplete: true, ServerName: r.Host}
	}
	if s.shown.Shown() {
		*r = *r.WithContext(handler.WithFront(r.Context(), handler.Front{Certificate: s.shown}))
	}
	return nil
}

// remoteAddr is an address in the form net/http has it, ip:port, with port 0 where the front did not tell it. What is no
// address gives "": API Gateway's test console, for one, calls itself "test-invoke-source-ip".
func remoteAddr(s string) string {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.String()
	}
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return ""
	}
	return net.JoinHostPort(ip.String(), "0")
}

// headers takes a front's two spellings of headers, the multi-valued one first.
func headers(single map[string]string, multi map[string][]string) http.Header {
	h := make(http.Header, max(len(single), len(multi)))
	if len(multi) > 0 {
		for name, values := range multi {
			for _, v := range values {
				h.Add(name, v)
			}
		}
		return h
	}
	for name, v := range single {
		h.Set(name, v)
	}
	return h
}

// query rebuilds a query from a front's map, keys in sorted order, each passed through escape.
func query(single map[string]string, multi map[string][]string, escape func(string) string) string {
	if len(multi) == 0 {
		multi = make(map[string][]string, len(single))
		for k, v := range single {
			multi[k] = []string{v}
		}
	}
	keys := make([]string, 0, len(multi))
	for k := range multi {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var b strings.Builder
	for _, k := range keys {
		for _, v := range multi[k] {
			if b.Len() > 0 {
				b.WriteByte('&')
			}
			b.WriteString(escape(k))
			b.WriteByte('=')
			b.WriteString(escape(v))
		}
	}
	return b.String()
}

// escapeQuery escapes a decoded key or value. A space becomes %20, which every reader takes for a space; "+" only those
// that read queries as forms do.
func escapeQuery(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// verbatim leaves what is still encoded as it is.
func verbatim(s string) string { return s }

// target joins an encoded path and a query. A front that sends no path means the root.
func target(path, rawQuery string) string {
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if rawQuery == "" {
		return path
	}
	return path + "?" + rawQuery
}
