package handler

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/shared/gateway"
)

// pipes is a listener whose connections are net.Pipes, which have deadlines, and cost no time in a synctest bubble.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// takesBody is an upstream that answers when it has the body, and after a time.
type takesBody struct{ after time.Duration }

func (u takesBody) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	select {
	case <-time.After(u.after):
		return canned{}.RoundTrip(r)
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}

// onServer has a server with a body timeout of a minute answer on one connection, and asks on it.
func onServer(t *testing.T, up http.RoundTripper, ask func(c net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		own := func(path string, timeout time.Duration, policies ...string) gateway.Route {
			return gateway.Route{Name: path[1:], Match: gateway.Match{Path: path}, Upstream: "up", Timeout: gateway.Duration(timeout), Policies: policies}
		}
		u := upstream("http://a.example")
		u.Timeouts.Response = gateway.Duration(10 * time.Minute)
		h := newHandler(t, model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": u},
			Policies: map[string]gateway.Policy{"slow": {Limits: &gateway.Limits{BodyTimeout: gateway.Duration(5 * time.Minute)}}, "fast": {Limits: &gateway.Limits{BodyTimeout: gateway.Duration(time.Second)}}},
			Routes: routes(own("/plain", 0), own("/patient", 5*time.Minute), own("/slow", 0, "slow"), own("/fast", 0, "fast"),
				gateway.Route{Name: "said", Match: gateway.Match{Path: "/said"}, Respond: &gateway.Respond{Status: 200, Body: "hello"}}),
		}), Options{Transport: up, BodyTimeout: BodyTimeout})
		l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		s := &http.Server{Handler: h}
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(l) }()
		client, server := net.Pipe()
		l.conns <- server
		ask(client)
		client.Close()
		s.Close()
		<-ended
	})
}

// A body that never comes to an end keeps neither its request nor its connection for longer than it may, whether a route wants it, reads it or knows it.
func TestBodyWithoutEnd(t *testing.T) {
	for _, c := range []struct {
		path   string
		status int
		after  time.Duration
	}{
		{"/plain", 408, time.Minute},
		{"/patient", 408, 5 * time.Minute},
		{"/slow", 408, 5 * time.Minute},
		{"/fast", 408, time.Second},
		{"/said", 200, time.Minute},
		{"/nowhere", 404, time.Minute},
		{"/health", 405, time.Minute},
	} {
		for _, head := range []string{"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "Content-Length: 100\r\n\r\nabc"} {
			t.Run(c.path[1:]+" "+head[:1], func(t *testing.T) {
				onServer(t, takesBody{}, func(conn net.Conn) {
					began := time.Now()
					_ = conn.SetDeadline(began.Add(time.Hour))
					if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: a\r\n%s", c.path, head); err != nil {
						t.Fatal(err)
					}
					all, err := io.ReadAll(conn)
					if err != nil || !strings.HasPrefix(string(all), fmt.Sprintf("HTTP/1.1 %d ", c.status)) || strings.Count(string(all), "HTTP/1.1") != 1 {
						t.Errorf("%v, %q", err, all)
					}
					if took := time.Since(began); took != c.after {
						t.Errorf("it took %s, want %s", took, c.after)
					}
				})
			})
		}
	}
}

// The time is the body's: an upstream may take longer for its answer, and the connection serves on.
func TestBodyInTime(t *testing.T) {
	onServer(t, takesBody{after: 3 * time.Minute}, func(conn net.Conn) {
		answers := bufio.NewReader(conn)
		for _, path := range []string{"/plain", "/slow", "/said", "/plain"} {
			if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc", path); err != nil {
				t.Fatal(err)
			}
			wait(50 * time.Second)
			if _, err := io.WriteString(conn, "def"); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 || resp.Close {
				t.Errorf("%s: %s, %q, %v", path, resp.Status, b, err)
			}
		}
	})
}

// A body that keeps coming has the time that it takes, and one that drips has not, however long it keeps coming.
func TestBodyThatKeepsComing(t *testing.T) {
	for name, c := range map[string]struct {
		piece, every int // bytes, seconds
		whole        bool
	}{"16 KB each second": {16 << 10, 1, true}, "30 KB each 50 seconds": {30 << 10, 50, true}, "a byte each 20 seconds": {1, 20, false}, "4 KB each 20 seconds": {4 << 10, 20, false}} {
		t.Run(name, func(t *testing.T) {
			onServer(t, takesBody{}, func(conn net.Conn) {
				const lasts = 20 * 60
				pieces := lasts / c.every
				began := time.Now()
				sent := make(chan bool)
				go func() { // until the server hangs up
					defer close(sent)
					fmt.Fprintf(conn, "POST /plain HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", pieces*c.piece)
					for range pieces {
						if _, err := conn.Write(make([]byte, c.piece)); err != nil {
							return
						}
						wait(time.Duration(c.every) * time.Second)
					}
				}()
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				took := time.Since(began)
				conn.Close()
				<-sent
				if resp.StatusCode == 200 != c.whole || c.whole && took < (lasts-60)*time.Second || !c.whole && took > 4*time.Minute {
					t.Errorf("%s after %s, want it whole: %t", resp.Status, took, c.whole)
				}
			})
		})
	}
}
