package handler

import (
	"net/http"
	"net/netip"
	"strings"
)

// Headers by which a proxy says who is behind it. A client can write them too, so they are dropped unless the entry
// point vouches for them.
var forwardedHeaders = []string{
	"Forwarded", "X-Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port",
	"X-Forwarded-Server", "X-Forwarded-Ssl", "X-Real-Ip",
}

// setForwarded writes Forwarded (RFC 7239) and X-Forwarded-For, -Host and -Proto to out, for a request that came as in.
// If the front is trusted, what in holds is extended: the client stays the first, and the front's word on host and
// protocol stands.
func setForwarded(out http.Header, in *http.Request, front Front) {
	for _, name := range forwardedHeaders {
		delete(out, name)
	}
	client, known := clientAddr(in.RemoteAddr)
	forwardedFor, element := "", "for=unknown"
	if known {
		forwardedFor, element = client.String(), "for="+nodeIdentifier(client)
	}
	if in.Host != "" {
		element += ";host=" + quoteUnlessToken(in.Host)
	}
	element += ";proto=" + front.Proto
	host, proto := in.Host, front.Proto
	if front.Trusted {
		forwardedFor = appendList(in.Header["X-Forwarded-For"], forwardedFor)
		element = appendList(in.Header["Forwarded"], element)
		host = orElse(in.Header.Get("X-Forwarded-Host"), host)
		proto = orElse(in.Header.Get("X-Forwarded-Proto"), proto)
	}
	for name, value := range map[string]string{
		"Forwarded": element, "X-Forwarded-For": forwardedFor, "X-Forwarded-Host": host, "X-Forwarded-Proto": proto,
	} {
		if value != "" {
			out.Set(name, value)
		}
	}
}

// clientAddr reads a RemoteAddr with or without port.
func clientAddr(remote string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(remote); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	if a, err := netip.ParseAddr(strings.Trim(remote, "[]")); err == nil {
		return a.Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}

// nodeIdentifier is an address in a Forwarded header: IPv6 in brackets and quotes (RFC 7239, 6).
func nodeIdentifier(a netip.Addr) string {
	if a.Is6() {
		return `"[` + a.String() + `]"`
	}
	return a.String()
}

// quoteUnlessToken quotes a value that is not a token, such as a host with a port (RFC 7239, 4).
func quoteUnlessToken(s string) string {
	for i := range len(s) {
		c := s[i]
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
		}
	}
	return s
}

func appendList(have []string, value string) string {
	if value != "" {
		have = append(have[:len(have):len(have)], value)
	}
	return strings.Join(have, ", ")
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}
