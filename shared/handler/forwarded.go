package handler

import (
	"net/http"
	"net/netip"
	"strings"

	"polygate.example/shared/gateway"
)

// tellsForwarding reports whether a header, in canonical form, is one by which a known proxy, CDN or cloud front says who
// the client is, or which host or URL it asked for. Upstreams believe them: X-Forwarded-User is a login to some, and
// X-Original-Url another path (CVE-2018-14773). A client can write them too, and a front that writes them itself is not on
// every cloud, so none passes. Via does: it is a trace of proxies that nobody is told apart by (RFC 9110, 7.6.3).
func tellsForwarding(name string) bool {
	switch name {
	case "Forwarded", "X-Real-Ip", "X-Client-Ip", "X-Client-Port", "Client-Ip", "True-Client-Ip", "X-Cluster-Client-Ip",
		"Cf-Connecting-Ip", "Cf-Connecting-Ipv6", "Fastly-Client-Ip", "X-Azure-Clientip", "X-Azure-Socketip",
		"X-Appengine-User-Ip", "X-Envoy-External-Address",
		"X-Original-For", "X-Original-Forwarded-For", "X-Original-Host", "X-Original-Proto", "X-Original-Url", "X-Rewrite-Url",
		"Disguised-Host", "Was-Default-Hostname", "X-Waws-Unencoded-Url", "X-Appservice-Proto":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded")
}

// tellsCertificate reports whether a header, in canonical form, is one by which a known proxy, CDN or cloud front tells an upstream of the client's TLS
// certificate. The gateway is not behind them all, so a client could write each; RFC 9440 (4) wants the gateway to take its own off in any case.
func tellsCertificate(name string) bool {
	switch name {
	case "Client-Cert", "Client-Cert-Chain", // RFC 9440
		"X-Arr-Clientcert", // Azure App Service
		"Ssl-Client-Cert":  // ingress-nginx
		return true
	}
	for _, family := range [...]string{
		"X-Client-Cert",  // Google's load balancers, as their documentation names them
		"Cf-Client-Cert", // Cloudflare
		"X-Amzn-Mtls-",   // AWS's application load balancers
		"Cloudfront-Viewer-Cert-",
		"X-Ssl-Client-", "X-Ssl-Cert", // nginx, by custom
	} {
		if strings.HasPrefix(name, family) {
			return true
		}
	}
	return false
}

// tellsMethod reports whether a header, in canonical form, is one by which frameworks take a request for one of another method: routes and policies
// go by the method that is there, so that a POST must not become the DELETE that they would have refused.
func tellsMethod(name string) bool {
	switch name {
	case "X-Http-Method-Override", "X-Http-Method", "X-Method-Override":
		return true
	}
	return false
}

// meantAs is the header, in canonical form, that many servers take a name for: see [gateway.PlainHeader].
func meantAs(name string) string {
	if gateway.PlainHeader(name) {
		return name
	}
	return http.CanonicalHeaderKey(gateway.PlainHeaderOf(name))
}

// setForwarded writes Forwarded (RFC 7239) and X-Forwarded-For, -Host and -Proto to out, for a request that came as in.
// What the client said of the kind is dropped: the entry point has told who the client is.
func setForwarded(out http.Header, in *http.Request, front Front) {
	for name := range out {
		if meant := meantAs(name); tellsForwarding(meant) || tellsCertificate(meant) || tellsMethod(meant) {
			delete(out, name)
		}
	}
	element := "for=unknown"
	if client, known := clientAddr(in.RemoteAddr); known {
		out.Set("X-Forwarded-For", client.String())
		element = "for=" + nodeIdentifier(client)
	}
	if in.Host != "" {
		out.Set("X-Forwarded-Host", in.Host)
		element += ";host=" + quoteUnlessToken(in.Host)
	}
	out.Set("X-Forwarded-Proto", front.Proto)
	out.Set("Forwarded", element+";proto="+front.Proto)
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
