package handler

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"polygate.example/shared/gateway"
)

// A handler that is closed keeps no connection to an upstream, nor to a store that it counts in.
func TestClose(t *testing.T) {
	gone := make(chan struct{}, 1)
	up := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	up.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateClosed {
			gone <- struct{}{}
		}
	}
	up.Start()
	t.Cleanup(up.Close)
	store, err := net.Listen("tcp", "127.0.0.1:0") // one that never answers
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	m := model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": upstream(up.URL)},
		Policies: map[string]gateway.Policy{"calls": {RateLimit: &gateway.RateLimit{Rate: 1, Per: gateway.Duration(1e9), Burst: 9, Keys: 1000, By: []gateway.CountBy{{Kind: gateway.ByEveryone}},
			Shared: &gateway.Shared{Redis: gateway.Redis{URL: "redis://" + store.Addr().String()}, Mode: gateway.ShareStrict, Timeout: ms(50), OnStoreError: "allow"}}}},
		Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Policies: []string{"calls"}, Upstream: "up"})})
	h := newHandler(t, m, Options{})
	if resp := ask(h, get("/x")); resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
	if err := h.(io.Closer).Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-gone:
	case <-patience(t).Done():
		t.Error("the connection to the upstream stays")
	}
	c, err := store.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.Copy(io.Discard, c); err != nil { // ends with the connection
		t.Error(err)
	}
}
