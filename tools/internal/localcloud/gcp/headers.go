package gcp

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

// Bounds of a backend service's custom request headers. Source: "Create custom headers in backend services", Limitations,
// docs.cloud.google.com/load-balancing/docs/https/custom-headers-global: "must not exceed 8 KB or 16 request headers".
const (
	maxCustomHeaders     = 16
	maxCustomHeaderBytes = 8 << 10 // names and values together, before variables
)

// variables are those that may stand in a custom header's value, beside those of plane.GoogleVariables, which the local front knows.
// Source: the same page, Variables supported with header values, and Mutual TLS custom headers.
var variables = []string{
	"cdn_cache_id", "cdn_cache_status", "client_cert_dnsname_sans", "client_cert_issuer_dn", "client_cert_serial_number", "client_cert_spiffe_id",
	"client_cert_subject_dn", "client_cert_uri_sans", "client_cert_valid_not_after", "client_cert_valid_not_before", "client_city", "client_city_lat_long",
	"client_encrypted", "client_ip_address", "client_port", "client_protocol", "client_region_subdivision", "client_rtt_msec", "device_request_type",
	"origin_request_header", "server_ip_address", "server_port", "tls_cipher_suite", "tls_ja3_fingerprint", "tls_ja4_fingerprint", "tls_sni_hostname",
	"tls_version", "user_agent_family",
}

// Names that no custom header may have. Source: the same page, How custom headers work: "Host can be configured, but is subject to certain
// limitations", and is refused here.
var (
	fieldName    = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$") // RFC 7230, 3.2.6
	fieldValue   = regexp.MustCompile(`^[\x20-\x7e\t]*$`)
	keptNames    = []string{"authority", "cdn-loop", "connection", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade", "x-user-ip"}
	keptPrefixes = []string{"x-google", "x-goog-", "x-gfe", "x-amz-"}
)

// checkHeaders holds the rules of custom request headers. The words are not known, and are ours.
func checkHeaders(in resource.Props) error {
	all := in.Strings("customRequestHeaders")
	if len(all) > maxCustomHeaders {
		return invalidField("customRequestHeaders", len(all), "A backend service can have at most %d custom request headers.", maxCustomHeaders)
	}
	size := 0
	seen := map[string]bool{}
	for i, text := range all {
		field := fmt.Sprintf("customRequestHeaders[%d]", i)
		h, why := customHeader(text)
		name := strings.ToLower(h.Name)
		switch {
		case why != "":
			return invalidField(field, text, "%s", why)
		case seen[name]:
			return invalidField(field, text, "A header name must not appear more than once in the list of added headers.")
		}
		seen[name] = true
		for _, part := range h.Value {
			if part.Variable != "" && !slices.Contains(plane.GoogleVariables, part.Variable) {
				return &resource.Error{Code: resource.CodeUnsupported, Message: fmt.Sprintf("the local clouds do not have the header variable {%s}; they have %s",
					part.Variable, strings.Join(plane.GoogleVariables, ", "))}
			}
		}
		size += len(text)
	}
	if size > maxCustomHeaderBytes {
		return invalidField("customRequestHeaders", size, "The total size of custom request headers must not exceed %d bytes.", maxCustomHeaderBytes)
	}
	return nil
}

// customHeader reads "name:value", with variables in braces and braces that mean themselves twice, or says why it is none.
func customHeader(text string) (h plane.Header, why string) {
	name, value, ok := strings.Cut(text, ":")
	lower := strings.ToLower(name)
	switch {
	case !ok:
		return h, "The header must contain a colon separating the header name and header value."
	case !fieldName.MatchString(name), slices.Contains(keptNames, lower), slices.ContainsFunc(keptPrefixes, func(p string) bool { return strings.HasPrefix(lower, p) }):
		return h, "The header name '" + name + "' is not allowed."
	case !fieldValue.MatchString(value):
		return h, "The header value is not a valid HTTP header field."
	}
	h.Name = name
	literal := ""
	for rest := strings.TrimSpace(value); rest != ""; {
		switch {
		case strings.HasPrefix(rest, "{{"), strings.HasPrefix(rest, "}}"):
			literal += rest[:1]
			rest = rest[2:]
		case rest[0] == '{':
			variable, after, closed := strings.Cut(rest[1:], "}")
			if !closed || !slices.Contains(variables, variable) && !slices.Contains(plane.GoogleVariables, variable) {
				return h, "The header value has the unknown variable '" + variable + "'."
			}
			h.Value = append(h.Value, plane.Text{Literal: literal}, plane.Text{Variable: variable})
			literal, rest = "", after
		case rest[0] == '}':
			return h, "The header value has a closing brace without an opening one."
		default:
			literal += rest[:1]
			rest = rest[1:]
		}
	}
	h.Value = append(h.Value, plane.Text{Literal: literal})
	h.Value = slices.DeleteFunc(h.Value, func(t plane.Text) bool { return t == plane.Text{} })
	return h, ""
}

// headersOf are what a backend service has set on requests. It has passed checkHeaders.
func headersOf(backend resource.Record) []plane.Header {
	var out []plane.Header
	for _, text := range backend.Inputs.Strings("customRequestHeaders") {
		if h, why := customHeader(text); why == "" {
			out = append(out, h)
		}
	}
	return out
}
