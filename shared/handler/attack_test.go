package handler

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"polygate.example/shared/gateway"
)

// TestOnTheWire: what is sent so that the gateway and whoever stands before or behind it read different requests from the same bytes is refused, or
// arrives as one request that both read alike. Framing is net/http's (RFC 9112, 6.3); that nothing of ours undoes it is what this sees.
func TestOnTheWire(t *testing.T) {
	const line, host, key = "POST /x HTTP/1.1\r\n", "Host: a.example\r\n", "X-Api-Key: k1\r\n"
	const hidden = "GET /admin HTTP/1.1\r\nHost: a.example\r\n\r\n"
	for _, c := range []struct {
		name, sent string
		status     string // of the first answer
		arrives    string // of requests upstream, "" for none
	}{
		{"as it should be", line + host + key + "Content-Length: 2\r\n\r\nhi", "200", `POST /x "hi" whole=true host=[a.example] consumer=[ada] length=2 coding=[]`},
		{"a length and chunks: chunks count, what follows is a request of its own, without a key", line + host + key + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n" + hidden,
			"200", `POST /x "hi" whole=true host=[a.example] consumer=[ada] length=-1 coding=[chunked]`},
		{"two lengths", line + host + key + "Content-Length: 2\r\nContent-Length: 40\r\n\r\nhi" + hidden, "400", ""},
		{"two lengths in one", line + host + key + "Content-Length: 2, 40\r\n\r\nhi" + hidden, "400", ""},
		{"a length with a sign", line + host + key + "Content-Length: +2\r\n\r\nhi", "400", ""},
		{"a coding that is none", line + host + key + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501", ""},
		{"two codings", line + host + key + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "501", ""},
		{"a coding twice", line + host + key + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", "501", ""},
		{"a space before the colon", line + host + key + "Content-Length : 2\r\n\r\nhi", "400", ""},
		{"a chunk without an end", line + host + key + "Transfer-Encoding: chunked\r\n\r\n2\r\nhiX0\r\n\r\n", "400", `POST /x "hi" whole=false host=[a.example] consumer=[ada] length=-1 coding=[chunked]`},
		{"two hosts", line + host + "Host: b.example\r\n" + key + "Content-Length: 0\r\n\r\n", "400", ""},
		{"no host", line + key + "Content-Length: 0\r\n\r\n", "400", ""},
		{"a host with a path", line + "Host: a.example/admin\r\n" + key + "Content-Length: 0\r\n\r\n", "400", ""},
		{"another host in the target", "POST http://b.example/x HTTP/1.1\r\n" + host + key + "Content-Length: 0\r\n\r\n", "421", ""},
		{"the host in the target counts", "POST http://a.example/x HTTP/1.1\r\nHost: b.example\r\n" + key + "Content-Length: 0\r\n\r\n", "200",
			`POST /x "" whole=true host=[a.example] consumer=[ada] length=0 coding=[]`},
		{"a carriage return in a header", line + host + key + "X-A: a\rX-Consumer: root\r\nContent-Length: 0\r\n\r\n", "400", ""},
		{"a zero in a header", line + host + key + "X-A: a\x00b\r\nContent-Length: 0\r\n\r\n", "400", ""},
		{"a line feed that ends a header", line + host + key + "X-A: a\nX-Consumer: root\r\nContent-Length: 0\r\n\r\n", "200", `POST /x "" whole=true host=[a.example] consumer=[ada] length=0 coding=[]`},
		{"a header by another spelling", line + host + key + "X_Consumer: root\r\nx-consumer: root\r\nContent-Length: 0\r\n\r\n", "200", `POST /x "" whole=true host=[a.example] consumer=[ada] length=0 coding=[]`},
		{"a header of the gateway's that is to be taken off on the way", line + host + key + "Connection: X-Consumer\r\nContent-Length: 0\r\n\r\n", "200", `POST /x "" whole=true host=[a.example] consumer=[ada] length=0 coding=[]`},
		{"a header of the client's that is to be taken off on the way", line + host + key + "Connection: X-Api-Key\r\nContent-Length: 0\r\n\r\n", "401", ""},
		{"a header after the body", line + host + key + "Trailer: X-Consumer\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Consumer: root\r\n\r\n", "200",
			`POST /x "" whole=true host=[a.example] consumer=[ada] length=-1 coding=[chunked]`},
		{"around the key by a dot segment", "GET /open/../x HTTP/1.1\r\n" + host + "\r\n", "400", ""},
		{"by one that is encoded", "GET /open/%2e%2e/x HTTP/1.1\r\n" + host + "\r\n", "400", ""},
		{"by one with an encoded slash", "GET /open/..%2fx HTTP/1.1\r\n" + host + "\r\n", "400", ""},
		{"by one with a backslash", "GET /open/..%5cx HTTP/1.1\r\n" + host + "\r\n", "400", ""},
		{"by one with a parameter", "GET /open/..;a=b/x HTTP/1.1\r\n" + host + "\r\n", "400", ""},
		{"by one with a space", "GET /open/..%20/x HTTP/1.1\r\n" + host + "\r\n", "400", ""},
		{"by one with a zero", "GET /open/%00../x HTTP/1.1\r\n" + host + "\r\n", "400", ""},
		{"by one that is encoded twice, and stays so", "GET /open/%252e%252e/x HTTP/1.1\r\n" + host + "\r\n", "200", `GET /open/%252e%252e/x "" whole=true host=[a.example] consumer=[] length=0 coding=[]`},
		{"by two slashes", "GET //open/x HTTP/1.1\r\n" + host + "\r\n", "401", ""},
		{"by another case", "GET /OPEN/x HTTP/1.1\r\n" + host + "\r\n", "401", ""},
		{"by an encoded letter, which is the letter", "GET /%6fpen/x HTTP/1.1\r\n" + host + "\r\n", "200", `GET /%6fpen/x "" whole=true host=[a.example] consumer=[] length=0 coding=[]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, arrived := wired(t)
			answers := onTheWire(t, s.Listener.Addr().String(), c.sent)
			if !strings.HasPrefix(answers, "HTTP/1.1 "+c.status+" ") {
				t.Errorf("answered %.200q, want %s", answers, c.status)
			}
			if got := strings.Join(arrived(), "\n"); got != c.arrives {
				t.Errorf("upstream got\n%s\nwant\n%s", got, c.arrives)
			}
		})
	}
}

// wired is a gateway and an upstream of its own. What has arrived there is complete: both are closed first.
func wired(t *testing.T) (*httptest.Server, func() []string) {
	t.Helper()
	var mu sync.Mutex
	var arrived []string
	up := serveFunc(t, func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		arrived = append(arrived, fmt.Sprintf("%s %s %q whole=%t host=%v consumer=%v length=%d coding=%v", r.Method, r.RequestURI, b, err == nil, r.Header["X-Forwarded-Host"], r.Header["X-Consumer"], r.ContentLength, r.TransferEncoding))
	})
	h := newHandler(t, model(t, gateway.Spec{
		Upstreams: map[string]gateway.Upstream{"up": upstream(up.URL)},
		Policies:  map[string]gateway.Policy{"who": {APIKey: &gateway.APIKey{Header: "X-Api-Key", ForwardAs: forwarded, Keys: []gateway.Key{ada(sha("k1"))}}}},
		Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Upstream: "up", Policies: []string{"who"}},
			gateway.Route{Name: "open", Match: gateway.Match{Path: "/open/{rest...}"}, Upstream: "up"}),
	}), Options{Hosts: []string{"a.example"}})
	s := serve(t, h)
	return s, func() []string {
		s.Close()
		up.Close()
		return arrived
	}
}

// onTheWire sends bytes as they are, and returns all that is answered until the other side has done with them.
func onTheWire(t *testing.T, address, sent string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// A request without a key, after which the gateway closes.
	if _, err := io.WriteString(c, sent+"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(c)
	if err != nil && len(all) == 0 { // a server may close while something of ours is still unread
		t.Fatal(err)
	}
	return string(all)
}
