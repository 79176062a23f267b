package handler

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"polygate.example/shared/gateway"
)

// accepting is the address of something that takes connections and says nothing on them, nor reads.
func accepting(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
		}
	}()
	return l.Addr().String()
}

// hasty is a gateway with one route, and a short time for all of it.
func hasty(t testing.TB, up string, opts Options) http.Handler {
	t.Helper()
	return newHandler(t, model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": upstream(up)},
		Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Upstream: "up", Timeout: ms(50)})}), opts)
}

// A client whose body nobody reads is not late: an upstream is that cannot be connected to in time, or does not take what there is.
func TestRouteTimeoutOfAnUpstreamThatDoesNotRead(t *testing.T) {
	for name, c := range map[string]struct {
		scheme string
		length int
	}{
		"not connected": {"https://", 3},
		"reads nothing": {"http://", 32 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			var log logBuffer
			s := serve(t, hasty(t, c.scheme+accepting(t), Options{Logger: log.logger()}))
			r, err := http.NewRequestWithContext(patience(t), http.MethodPost, s.URL, bytes.NewReader(make([]byte, c.length)))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := s.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			wantProblem(t, resp, http.StatusGatewayTimeout)
			if n := len(log.lines(t, "upstream failed")); n != 1 {
				t.Errorf("%d lines blame the upstream", n)
			}
		})
	}
}

// What is in memory already, as whoever makes a request of a text says, is read without a goroutine and a pipe between.
func TestBodyAtHandIsNotHurried(t *testing.T) {
	var got io.ReadCloser
	h := limitTime(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Body }), ms(50))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader([]byte("abc")))
	if err != nil {
		t.Fatal(err)
	}
	identify(h, "").ServeHTTP(httptest.NewRecorder(), r)
	if got != r.Body {
		t.Errorf("the body is a %T", got)
	}
}
