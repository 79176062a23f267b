package handler

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/gateway"
)

// wait lets time pass inside a synctest bubble, where it costs none.
func wait(d time.Duration) { time.Sleep(d) }

func TestUpstreamFailures(t *testing.T) {
	hanging := serveFunc(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	closing := serveFunc(t, func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	impatient := upstream(hanging.URL)
	impatient.Timeouts.Response = ms(50)
	mute := upstream("https://" + backlog(t).String()) // connections come about, and no handshake is answered
	mute.Timeouts.Connect = ms(50)
	for name, c := range map[string]struct {
		up      gateway.Upstream
		timeout gateway.Duration
		want    int
	}{
		"refused":          {upstream(deadAddress(t)), 0, http.StatusBadGateway},
		"closed":           {upstream(closing.URL), 0, http.StatusBadGateway},
		"response timeout": {impatient, 0, http.StatusGatewayTimeout},
		"no TLS handshake": {mute, 0, http.StatusGatewayTimeout},
		"route timeout":    {upstream(hanging.URL), ms(50), http.StatusGatewayTimeout},
	} {
		for front, opts := range map[string]Options{"abort": {}, "marker": {Truncate: TruncateByMarker}, "buffered": {Buffered: true}} {
			t.Run(name+"/"+front, func(t *testing.T) {
				t.Parallel()
				var log logBuffer
				opts.Logger = log.logger()
				m := model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": c.up}, Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/"}, Upstream: "up", Timeout: c.timeout,
					Response: gateway.Edit{Headers: gateway.HeaderOps{Set: map[string]string{"X-Frame-Options": "DENY"}}}})})
				resp := ask(newHandler(t, m, opts), get("/").WithContext(patience(t)))
				wantProblem(t, resp, c.want)
				if resp.Header.Get("X-Frame-Options") != "DENY" {
					t.Error("the route's response headers are not on its error answer")
				}
				if l := log.lines(t, "upstream failed"); len(l) != 1 || l[0]["upstream"] != "up" || l[0]["target"] == "" || l[0]["error"] == nil {
					t.Errorf("log has %v", l)
				}
			})
		}
	}
}

// backlog is the address of a listener that nobody accepts from: its connections wait in the kernel.
func backlog(t *testing.T) net.Addr {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr()
}

// breaking is an upstream that dies in the middle of its body.
func breaking(t *testing.T, length string) *httptest.Server {
	return serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
		if length != "" {
			w.Header().Set("Content-Length", length)
		}
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
}

func TestUpstreamDiesInItsBody(t *testing.T) {
	for _, length := range []string{"8", ""} {
		up := breaking(t, length)
		m := toAll(t, upstream(up.URL))
		t.Run("abort cuts the connection, length "+length, func(t *testing.T) {
			var log logBuffer
			s := serve(t, newHandler(t, m, Options{Logger: log.logger()}))
			resp, err := http.Get(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err == nil || string(b) != "half" {
				t.Errorf("got %q and error %v: want a visibly broken body", b, err)
			}
			s.Close() // waits for the handler, whose log line comes last
			if l := log.lines(t, "answer truncated"); len(l) != 1 || l[0]["sent"] != 4.0 {
				t.Errorf("log has %v", l)
			}
		})
		t.Run("abort panics to an adapter, length "+length, func(t *testing.T) {
			defer func() {
				p := recover()
				if err, ok := p.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
					t.Errorf("recovered %v", p)
				}
			}()
			ask(newHandler(t, m, Options{}), get("/"))
			t.Error("the handler returned as if the answer were whole")
		})
		t.Run("buffered answers 502, length "+length, func(t *testing.T) {
			wantProblem(t, ask(newHandler(t, m, Options{Buffered: true}), get("/")), http.StatusBadGateway)
		})
	}
	t.Run("marker answers 502 in place of a declared length", func(t *testing.T) {
		wantProblem(t, ask(newHandler(t, toAll(t, upstream(breaking(t, "8").URL)), Options{Truncate: TruncateByMarker}), get("/")), http.StatusBadGateway)
	})
	// An aborted connection makes the Azure Functions host call a custom handler again, POST too (observed on host
	// 4.1045): the answer has to end like a whole one.
	t.Run("marker marks a stream", func(t *testing.T) {
		s := serve(t, newHandler(t, toAll(t, upstream(breaking(t, "").URL)), Options{Truncate: TruncateByMarker}))
		resp, err := http.Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		if b := body(t, resp); b != "half" || resp.Trailer.Get(truncatedTrailer) == "" || resp.Trailer.Get(truncatedTrailer) != resp.Header.Get("X-Request-Id") {
			t.Errorf("body %q, trailer %v", b, resp.Trailer)
		}
	})
	t.Run("marker streams what is too large to hold without its length", func(t *testing.T) {
		s := serve(t, newHandler(t, toAll(t, upstream(breaking(t, "99999999").URL)), Options{Truncate: TruncateByMarker}))
		resp, err := http.Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		if b := body(t, resp); b != "half" || resp.ContentLength != -1 || resp.Trailer.Get(truncatedTrailer) == "" {
			t.Errorf("body %q, length %d, trailer %v", b, resp.ContentLength, resp.Trailer)
		}
	})
}

// net/http reads a status that it cannot write. Whatever the front, that is a 502 and not a cut connection or a 200.
func TestUpstreamStatusThatIsNone(t *testing.T) {
	for _, status := range []string{"000", "042", "099"} {
		up := serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			rw.WriteString("HTTP/1.1 " + status + " Strange\r\nContent-Length: 2\r\n\r\nok")
			rw.Flush()
		})
		for front, opts := range map[string]Options{"abort": {}, "marker": {Truncate: TruncateByMarker}, "buffered": {Buffered: true}} {
			t.Run(status+"/"+front, func(t *testing.T) {
				resp, err := http.Get(serve(t, newHandler(t, toAll(t, upstream(up.URL)), opts)).URL)
				if err != nil {
					t.Fatal(err)
				}
				wantProblem(t, resp, http.StatusBadGateway)
			})
		}
	}
}

func TestIdleTimeout(t *testing.T) {
	up := serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	u := upstream(up.URL)
	u.Timeouts.Idle = ms(50)
	wantProblem(t, ask(newHandler(t, toAll(t, u), Options{Buffered: true}), get("/").WithContext(patience(t))), http.StatusGatewayTimeout)
	s := serve(t, newHandler(t, toAll(t, u), Options{}))
	req, err := http.NewRequestWithContext(patience(t), "GET", s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err == nil || string(b) != "half" {
		t.Errorf("got %q and error %v", b, err)
	}
}

// When the client goes, the upstream's request is cancelled and the log says 499, not an error.
func TestClientGone(t *testing.T) {
	for name, head := range map[string]bool{"before the head": false, "in the body": true} {
		t.Run(name, func(t *testing.T) {
			arrived, cancelled := make(chan struct{}), make(chan struct{}) // the request upstream, or half the body at the client
			up := serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
				if head {
					io.WriteString(w, "half")
					w.(http.Flusher).Flush()
				} else {
					close(arrived)
				}
				<-r.Context().Done()
				close(cancelled)
			})
			var log logBuffer
			s := serve(t, newHandler(t, toAll(t, upstream(up.URL)), Options{Logger: log.logger()}))
			ctx, cancel := context.WithCancel(t.Context())
			req, err := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error)
			go func() {
				resp, err := http.DefaultClient.Do(req)
				if err == nil {
					defer resp.Body.Close()
					if _, err = io.ReadFull(resp.Body, make([]byte, len("half"))); err == nil {
						close(arrived)
						_, err = io.ReadAll(resp.Body)
					}
				}
				done <- err
			}()
			<-arrived
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("client got %v", err)
			}
			<-cancelled // hangs if the upstream is not told
			s.Close()
			if l := log.lines(t, "request"); len(l) != 1 || l[0]["status"] != 499.0 {
				t.Errorf("log has %v", l)
			}
			for _, message := range []string{"upstream failed", "answer truncated", "panic"} {
				if l := log.lines(t, message); len(l) != 0 {
					t.Errorf("a client that left was logged as %v", l)
				}
			}
		})
	}
}

// unread is a client that has gone, of which the server has not told the request's context yet.
type unread struct{ *httptest.ResponseRecorder }

func (unread) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// A client that is found gone by writing to it is logged like one whose request was cancelled.
func TestClientGoneAtAWrite(t *testing.T) {
	up, _ := recording(t)
	var log logBuffer
	h := newHandler(t, toAll(t, upstream(up.URL)), Options{Logger: log.logger()})
	func() {
		defer func() {
			if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				t.Errorf("recovered %v", err)
			}
		}()
		ctx := context.WithValue(t.Context(), http.ServerContextKey, &http.Server{}) // ReverseProxy panics on a server only
		h.ServeHTTP(unread{httptest.NewRecorder()}, get("/").WithContext(ctx))
	}()
	if l := log.lines(t, "request"); len(l) != 1 || l[0]["status"] != 499.0 {
		t.Errorf("log has %v", l)
	}
	if l := log.lines(t, "answer truncated"); len(l) != 0 {
		t.Errorf("a client that left was logged as %v", l)
	}
}

// A deadline of the invocation is not a client that left: somebody waits for the answer.
func TestInvocationDeadline(t *testing.T) {
	up := serveFunc(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	wantProblem(t, ask(newHandler(t, toAll(t, upstream(up.URL)), Options{Buffered: true}), get("/").WithContext(ctx)), http.StatusGatewayTimeout)
}

func TestClientBodyBreaks(t *testing.T) {
	up := serveFunc(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader("half"), errorReader{}))
	r.ContentLength = 100
	wantProblem(t, ask(newHandler(t, toAll(t, upstream(up.URL)), Options{}), r), http.StatusBadRequest)
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
