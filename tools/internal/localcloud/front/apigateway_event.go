package front

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
)

// event is payload format 2.0. Source: "Create AWS Lambda proxy integrations for HTTP APIs in API Gateway", payload
// format structure,
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
type event struct {
	Version               string            `json:"version"`
	RouteKey              string            `json:"routeKey"`
	RawPath               string            `json:"rawPath"`
	RawQueryString        string            `json:"rawQueryString"`
	Cookies               []string          `json:"cookies,omitempty"`
	Headers               map[string]string `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters,omitempty"`
	RequestContext        requestContext    `json:"requestContext"`
	Body                  string            `json:"body,omitempty"`
	IsBase64Encoded       bool              `json:"isBase64Encoded"`
}

type requestContext struct {
	AccountID      string          `json:"accountId"`
	APIID          string          `json:"apiId"`
	Authentication *authentication `json:"authentication,omitempty"`
	DomainName     string          `json:"domainName"`
	DomainPrefix   string          `json:"domainPrefix"`
	HTTP           httpContext     `json:"http"`
	RequestID      string          `json:"requestId"`
	RouteKey       string          `json:"routeKey"`
	Stage          string          `json:"stage"`
	Time           string          `json:"time"`
	TimeEpoch      int64           `json:"timeEpoch"`
}

type httpContext struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// newEvent makes the event of a request whose body has been read.
func newEvent(site plane.Site, r *http.Request, who *authentication, body []byte, id string, now time.Time) event {
	host := hostname(r.Host)
	prefix, _, _ := strings.Cut(host, ".")
	e := event{
		Version: "2.0", RouteKey: "$default",
		RawPath:               r.URL.Path, // decoded: an HTTP API decodes it (a captured event: honojs/hono issue #2156)
		RawQueryString:        r.URL.RawQuery,
		Cookies:               cookies(r),
		Headers:               eventHeaders(r, len(body)),
		QueryStringParameters: queryParameters(r.URL.RawQuery),
		RequestContext: requestContext{
			AccountID: account(site.Function), APIID: apiID(site.ID), Authentication: who, DomainName: host, DomainPrefix: prefix,
			HTTP: httpContext{
				Method: r.Method, Path: r.URL.Path, Protocol: r.Proto, SourceIP: clientIP(r), UserAgent: r.UserAgent(),
			},
			RequestID: id, RouteKey: "$default", Stage: "$default",
			Time: now.UTC().Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: now.UnixMilli(),
		},
	}
	switch {
	case len(body) == 0:
	case isText(r.Header.Get("Content-Type")):
		e.Body = string(body)
	default:
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return e
}

// isText reports whether a body of this type is in the event as it is; every other type is base64, also when there is
// none, and also application/x-www-form-urlencoded. The documentation only says "binary"; the split was verified
// against AWS by the author of ministackorg/ministack pull request 766.
func isText(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	return strings.HasPrefix(media, "text/") ||
		slices.Contains([]string{"application/json", "application/xml", "application/javascript"}, media)
}

// cookies are the request's cookies, one per element. Their header is not in the event's headers.
func cookies(r *http.Request) []string {
	var out []string
	for _, line := range r.Header.Values("Cookie") {
		for c := range strings.SplitSeq(line, ";") {
			if c = strings.TrimSpace(c); c != "" {
				out = append(out, c)
			}
		}
	}
	return out
}

// hopByHop are the headers of one connection only. Source: RFC 9110, section 7.6.1.
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade",
}

// eventHeaders are the request's headers with lower-case names, values of one name joined with a comma ("Duplicate
// headers are combined with commas"), and what the gateway adds. Content-Length is there for every request: captured
// events of GETs have it as 0.
func eventHeaders(r *http.Request, bodyLength int) map[string]string {
	header := r.Header.Clone()
	for _, v := range r.Header.Values("Connection") {
		for token := range strings.SplitSeq(v, ",") {
			header.Del(strings.TrimSpace(token))
		}
	}
	for _, name := range hopByHop {
		header.Del(name)
	}
	header.Del("Cookie")
	out := map[string]string{}
	for name, values := range header {
		out[strings.ToLower(name)] = strings.Join(values, ",")
	}
	out["host"] = r.Host
	out["content-length"] = strconv.Itoa(bodyLength)
	out["x-forwarded-for"] = appendTo(header.Values("X-Forwarded-For"), clientIP(r))
	out["x-forwarded-port"] = "443"
	out["x-forwarded-proto"] = "https"
	if _, ok := out["x-amzn-trace-id"]; !ok {
		out["x-amzn-trace-id"] = traceRoot()
	}
	return out
}

// appendTo adds the address a front saw to the X-Forwarded-For it got.
func appendTo(before []string, addr string) string {
	return strings.Join(append(slices.Clone(before), addr), ", ")
}

// queryParameters are the decoded parameters, values of one name joined with a comma.
func queryParameters(raw string) map[string]string {
	values, _ := url.ParseQuery(raw) // what does not parse is left out; it is in rawQueryString
	if len(values) == 0 {
		return nil
	}
	out := map[string]string{}
	for name, v := range values {
		out[name] = strings.Join(v, ",")
	}
	return out
}

// clientIP is the address of the peer.
func clientIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// account is the account in a function's ARN, arn:aws:lambda:<region>:<account>:function:<name>.
func account(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 4 {
		return parts[4]
	}
	return ""
}

// apiID is the last part of the site's id.
func apiID(siteID string) string {
	return siteID[strings.LastIndexAny(siteID, "/:")+1:]
}

// traceRoot is a new X-Ray trace header. Source: "AWS X-Ray concepts", tracing header.
func traceRoot() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	return fmt.Sprintf("Root=1-%08x-%s", time.Now().Unix(), hex.EncodeToString(b[:]))
}
