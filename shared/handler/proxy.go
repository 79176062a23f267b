package handler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"polygate.example/shared/gateway"
	"polygate.example/shared/secret"
)

// proxy sends requests to one upstream. One ReverseProxy serves all of its routes; what is the route's own travels in
// the request's context.
//
// Upgrades to websocket pass on fronts that let a handler hijack its connection, and last until either side or the route's
// timeout ends them; elsewhere they are answered 501. Other upgrades are not passed on, and the request is answered as if
// it had not asked (RFC 9110, 7.8): by one to h2c a client could send an upstream requests that no route has seen. HTTP/2
// extended CONNECT is not supported.
//
// Query strings pass as they came, except that parameters which Go cannot parse (a semicolon, a bad escape) are dropped:
// the gateway's conditions have not seen them, so the upstream shall not either.
type proxy struct {
	pool       *pool
	reverse    *httputil.ReverseProxy
	secrets    *secret.Store
	region     string
	log        *slog.Logger
	canUpgrade bool
}

// routing is the route's part of a proxied request.
type routing struct {
	path      string // escaped
	request   ops
	response  ops
	front     Front
	body      *requestBody // nil if there is none
	brokenErr error        // why the response's body ended early
	exchange  *exchange
	ctx       context.Context // of the exchange with the upstream
}

type routingKey struct{}

func newProxy(p *pool, log *slog.Logger, opts Options) *proxy {
	out := &proxy{pool: p, secrets: opts.Secrets, region: opts.Instance.Region, log: log, canUpgrade: !opts.Buffered && opts.Truncate == TruncateByAbort}
	out.reverse = &httputil.ReverseProxy{
		Transport:     p,
		FlushInterval: -1, // pass on what the upstream sends when it sends it
		BufferPool:    &buffers{},
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelDebug), // failures are logged with their request, below
		Rewrite:       out.rewrite,
		ModifyResponse: func(resp *http.Response) error {
			rt := routingOf(resp.Request.Context())
			if resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols {
				return fmt.Errorf("status %03d is no final status", resp.StatusCode) // net/http reads it but cannot write it
			}
			rt.exchange.answered = true
			rt.response.apply(resp.Header)
			if resp.StatusCode == http.StatusSwitchingProtocols {
				resp.Header.Set(requestIDHeader, rt.exchange.id) // written past our ResponseWriter, to the connection
			} else {
				resp.Body = &responseBody{ReadCloser: resp.Body, routing: rt}
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) { out.failed(w, r, err, log) },
	}
	return out
}

// serve returns the endpoint of a route.
func (p *proxy) serve(spec gateway.Route, pattern gateway.Pattern) http.Handler {
	path := rewritePath(spec.Rewrite, pattern)
	request, response := compileOps(spec.Request.Headers), compileOps(spec.Response.Headers)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r)
		if !asksWebsocket(r) {
			delete(r.Header, "Upgrade") // before ReverseProxy looks at it
		} else if !p.canUpgrade {
			response.apply(w.Header())
			fail(http.StatusNotImplemented, "This front of the gateway cannot switch protocols.").write(w, x.id)
			return
		}
		if r.Method == http.MethodTrace && request.hasSecrets() {
			refuseTrace(w, r, response)
			return
		}
		sent, err := request.fill(values{r: r, x: x, region: p.region, secrets: p.secrets})
		if err != nil {
			response.apply(w.Header())
			answerUnfilled(w, r, environment{name: x.route, log: p.log}, err)
			return
		}
		target := path(x)
		for _, edit := range x.paths {
			var f *refusal
			if target, f = edit(target); f != nil {
				response.apply(w.Header())
				f.write(w, r)
				return
			}
		}
		rt := &routing{path: target, request: sent, response: response, front: frontOf(r), exchange: x, ctx: r.Context()}
		r = r.WithContext(context.WithValue(r.Context(), routingKey{}, rt))
		if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
			rt.body = &requestBody{ReadCloser: r.Body}
			r.Body = rt.body
			// An upstream may answer while the request's body is still on its way; without this, net/http's HTTP/1 server
			// would swallow the rest of the body as soon as the answer begins. Not every front can; it is the same then.
			_ = http.NewResponseController(w).EnableFullDuplex()
		}
		p.reverse.ServeHTTP(w, r)
		// Outside a net/http server ReverseProxy does not panic when the response's body breaks, it just returns.
		if rt.brokenErr != nil {
			panic(http.ErrAbortHandler)
		}
	})
}

// rewrite prepares the outgoing request, all but the target, which the pool chooses.
func (p *proxy) rewrite(pr *httputil.ProxyRequest) {
	x, rt := exchangeOf(pr.In), routingOf(pr.In.Context())
	pr.Out.URL.Path, pr.Out.URL.RawPath = unescape(rt.path), rt.path
	// What is in trailers is not known until the body has been sent, no policy looks at them, and some servers add them to the headers: a client would
	// write X-User behind the back of who is told it by a header. They may be "discarded in transit" (RFC 9110, 6.5.1).
	pr.Out.Trailer = nil
	setForwarded(pr.Out.Header, pr.In, rt.front)
	pr.Out.Header.Set(requestIDHeader, x.id)
	for _, h := range x.told {
		pr.Out.Header.Set(h.name, h.value)
	}
	for _, send := range x.sends {
		send(pr.Out)
	}
	rt.request.apply(pr.Out.Header) // last: what the document says stands, and no model has it touch the lines above
}

// failed answers for an upstream that did not.
func (p *proxy) failed(w http.ResponseWriter, r *http.Request, err error, log *slog.Logger) {
	x, rt := exchangeOf(r), routingOf(r.Context())
	// A policy's refusal comes first: to end the reading of a body, a server takes the client for gone.
	if f := rt.refused(); f != nil {
		rt.response.apply(w.Header())
		f.write(w, r)
		return
	}
	if x.gone() {
		x.left = true
		w.WriteHeader(statusClientClosed)
		return
	}
	answer := rt.explain(err)
	log.ErrorContext(r.Context(), "upstream failed", "id", x.id, "route", x.route, "upstream", p.pool.name, "target", x.target, "status", answer.Status, "error", err)
	rt.response.apply(w.Header())
	answer.write(w, x.id)
}

// refused is the refusal of a policy that has seen the body, nil if there is none.
func (rt *routing) refused() *refusal {
	if f := refusalOf(rt.body.broke()); f != nil {
		return f
	}
	return refusalOf(context.Cause(rt.ctx))
}

// explain turns a failed exchange into the answer that a client can act on.
func (rt *routing) explain(err error) *problem {
	cause := context.Cause(rt.ctx)
	if f := rt.refused(); f != nil {
		return f.answer
	}
	switch {
	case rt.body.broke() != nil:
		return fail(http.StatusBadRequest, "The request's body ended early.")
	case errors.Is(cause, errRouteTimeout), errors.Is(cause, errIdle), errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return fail(http.StatusGatewayTimeout, "The upstream did not answer in time.")
	}
	return fail(http.StatusBadGateway, "The upstream could not be reached or broke the connection.")
}

// rewritePath compiles a rewrite: from the segments of a request, which stay escaped as the client sent them, to the
// path for the upstream.
func rewritePath(w gateway.Rewrite, pattern gateway.Pattern) func(*exchange) string {
	switch {
	case w.StripPrefix != "":
		n := strings.Count(w.StripPrefix, "/")
		return func(x *exchange) string { return "/" + strings.Join(x.segments[n:], "/") }
	case w.Path != "":
		target, err := gateway.ParsePattern(w.Path)
		if err != nil {
			break // no model has one
		}
		index := map[string]int{}
		for _, s := range pattern.Segments {
			if s.Kind != gateway.SegmentLiteral {
				index[s.Text] = len(index)
			}
		}
		return func(x *exchange) string {
			var b strings.Builder
			for _, s := range target.Segments {
				b.WriteByte('/')
				switch s.Kind {
				case gateway.SegmentLiteral:
					b.WriteString(url.PathEscape(s.Text))
				case gateway.SegmentParam:
					b.WriteString(x.segments[x.captured[index[s.Text]]])
				case gateway.SegmentRest:
					b.WriteString(strings.Join(x.segments[x.captured[index[s.Text]]:], "/"))
				}
			}
			return b.String()
		}
	}
	return func(x *exchange) string { return "/" + strings.Join(x.segments, "/") }
}

func routingOf(ctx context.Context) *routing { return ctx.Value(routingKey{}).(*routing) }

// asksWebsocket reports whether a request asks for a websocket, and for nothing else (RFC 6455, 4.1).
func asksWebsocket(r *http.Request) bool {
	protocol := r.Header["Upgrade"]
	return r.ProtoMajor == 1 && len(protocol) == 1 && strings.EqualFold(protocol[0], "websocket") && tokenListed(r.Header["Connection"], "upgrade")
}

// tokenListed reports whether a comma-separated header holds a token.
func tokenListed(lines []string, token string) bool {
	for _, line := range lines {
		for t := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}
