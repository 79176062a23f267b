package origin

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func open(t *testing.T) *Origin {
	t.Helper()
	o, err := New(Options{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Name: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

// raw sends bytes as they are and reads the response.
func raw(t *testing.T, o *Origin, request string) (*http.Response, []byte) {
	t.Helper()
	c, err := net.Dial("tcp", o.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

// The echo shows targets that a router would have tidied, and both the raw and the decoded form.
func TestEcho(t *testing.T) {
	o := open(t)
	sum := func(s string) string {
		b := sha256.Sum256([]byte(s))
		return hex.EncodeToString(b[:])
	}
	empty := sum("")
	tests := []struct {
		name, request string
		want          Echo
	}{
		{"query", "GET /orders/7?q=a+b&q=%2F&r=%26 HTTP/1.1\r\nHost: api.test\r\n\r\n", Echo{Method: "GET", Host: "api.test",
			URI: "/orders/7?q=a+b&q=%2F&r=%26", Path: "/orders/7", RawQuery: "q=a+b&q=%2F&r=%26",
			Query: url.Values{"q": {"a b", "/"}, "r": {"&"}}, Headers: http.Header{}, BodySHA256: empty}},
		{"untidy path", "GET /a//b/../c%2Fd%20e HTTP/1.1\r\nHost: api.test\r\n\r\n", Echo{Method: "GET", Host: "api.test",
			URI: "/a//b/../c%2Fd%20e", Path: "/a//b/../c/d e", Query: url.Values{}, Headers: http.Header{}, BodySHA256: empty}},
		{"bad query", "GET /a?x=%zz&y=1 HTTP/1.1\r\nHost: api.test\r\n\r\n", Echo{Method: "GET", Host: "api.test", URI: "/a?x=%zz&y=1",
			Path: "/a", RawQuery: "x=%zz&y=1", Query: url.Values{"y": {"1"}}, QueryError: `invalid URL escape "%zz"`, Headers: http.Header{}, BodySHA256: empty}},
		{"repeated headers", "GET / HTTP/1.1\r\nHost: api.test\r\nX-A: 1\r\nX-A: 2, 3\r\nCookie: a=1; b=2\r\n\r\n", Echo{Method: "GET",
			Host: "api.test", URI: "/", Path: "/", Query: url.Values{}, Headers: http.Header{"X-A": {"1", "2, 3"}, "Cookie": {"a=1; b=2"}}, BodySHA256: empty}},
		{"text body", "POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 5\r\n\r\nhello", Echo{Method: "POST", Host: "api.test", URI: "/", Path: "/",
			Query: url.Values{}, Headers: http.Header{"Content-Length": {"5"}}, ContentLength: 5, BodyBytes: 5, BodySHA256: sum("hello"), Body: "hello"}},
		{"binary body is not shown", "PUT / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\n\r\n\xff\xfe\x00", Echo{Method: "PUT", Host: "api.test", URI: "/", Path: "/",
			Query: url.Values{}, Headers: http.Header{"Content-Length": {"3"}}, ContentLength: 3, BodyBytes: 3, BodySHA256: sum("\xff\xfe\x00")}},
		{"chunked with a trailer", "POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n",
			Echo{Method: "POST", Host: "api.test", URI: "/", Path: "/", Query: url.Values{}, Headers: http.Header{}, Trailers: http.Header{"X-Sum": {"9"}},
				ContentLength: -1, TransferEncoding: []string{"chunked"}, BodyBytes: 3, BodySHA256: sum("abc"), Body: "abc"}},
		{"unknown method", "FROBNICATE /x HTTP/1.1\r\nHost: api.test\r\n\r\n", Echo{Method: "FROBNICATE", Host: "api.test", URI: "/x", Path: "/x",
			Query: url.Values{}, Headers: http.Header{}, BodySHA256: empty}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Origin, tt.want.Proto = "orders", "HTTP/1.1"
			want, err := json.Marshal(tt.want)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the same both times
				resp, body := raw(t, o, tt.request)
				if resp.StatusCode != 200 || !bytes.Equal(bytes.TrimSpace(body), want) {
					t.Errorf("%d\n%s\nwant\n%s", resp.StatusCode, body, want)
				}
			}
		})
	}
	t.Run("large body is hashed, not shown", func(t *testing.T) {
		big := strings.Repeat("x", maxShown+1)
		_, body := raw(t, o, fmt.Sprintf("POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: %d\r\n\r\n%s", len(big), big))
		var e Echo
		if err := json.Unmarshal(body, &e); err != nil {
			t.Fatal(err)
		}
		if e.Body != "" || e.BodyBytes != int64(len(big)) || e.BodySHA256 != sum(big) {
			t.Errorf("%d bytes shown, %d counted", len(e.Body), e.BodyBytes)
		}
	})
	t.Run("HEAD", func(t *testing.T) {
		resp, body := raw(t, o, "HEAD /x HTTP/1.1\r\nHost: api.test\r\n\r\n")
		if resp.StatusCode != 200 || len(body) != 0 || resp.ContentLength <= 0 {
			t.Errorf("%d, %d bytes, length %d", resp.StatusCode, len(body), resp.ContentLength)
		}
	})
}

func TestEndpoints(t *testing.T) {
	o := open(t)
	pattern := make([]byte, 70000)
	Pattern(pattern, 0)
	tests := []struct {
		path   string
		status int
		check  func(*http.Response, []byte) bool
	}{
		{"/health", 200, func(_ *http.Response, b []byte) bool { return string(b) == `{"origin":"orders","status":"ok"}`+"\n" }},
		{"/bytes/0", 200, func(r *http.Response, b []byte) bool { return len(b) == 0 && r.ContentLength == 0 }},
		{"/bytes/70000", 200, func(_ *http.Response, b []byte) bool { return bytes.Equal(b, pattern) }},
		{"/bytes/67108865", 400, nil},
		{"/bytes/x", 400, nil},
		{"/bytes", 400, nil},
		{"/status/204", 204, func(r *http.Response, b []byte) bool { return len(b) == 0 && r.Header.Get("Content-Type") == "" }},
		{"/status/304", 304, func(_ *http.Response, b []byte) bool { return len(b) == 0 }},
		{"/status/302", 302, func(r *http.Response, _ []byte) bool { return r.Header.Get("Location") == "/health" }},
		{"/status/503", 503, func(_ *http.Response, b []byte) bool { return len(b) > 0 }},
		{"/status/101", 400, nil},
		{"/cookies", 200, func(r *http.Response, _ []byte) bool { return len(r.Header.Values("Set-Cookie")) == 2 }},
		{"/headers", 200, func(r *http.Response, _ []byte) bool {
			return slices.Equal(r.Header.Values("X-Repeated"), []string{"one", "two"}) && r.Header.Get("X-Comma") == "a, b"
		}},
		{"/stream?chunks=3&delay=0", 200, func(r *http.Response, b []byte) bool {
			return r.ContentLength == -1 && string(b) == "chunk 1 of 3\nchunk 2 of 3\nchunk 3 of 3\n"
		}},
		{"/stream?chunks=0", 400, nil},
		{"/stream?chunks=1000&delay=61", 400, nil}, // more than a minute in all
		{"/slow/1", 200, nil},
		{"/slow/60001", 400, nil},
		{"/trailers", 200, func(r *http.Response, b []byte) bool {
			sum := sha256.Sum256(b)
			return r.Trailer.Get("X-Checksum") == hex.EncodeToString(sum[:]) && r.Trailer.Get("X-Unannounced") == "yes"
		}},
		{"/empty", 200, func(r *http.Response, b []byte) bool { return len(b) == 0 && r.ContentLength == 0 }},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			resp, body := raw(t, o, "GET "+tt.path+" HTTP/1.1\r\nHost: api.test\r\n\r\n")
			if resp.StatusCode != tt.status || tt.check != nil && !tt.check(resp, body) {
				t.Errorf("status %d, want %d; headers %v, trailers %v, body %.200q", resp.StatusCode, tt.status, resp.Header, resp.Trailer, body)
			}
		})
	}
}

// A pattern read in pieces is the pattern read at once.
func TestPattern(t *testing.T) {
	whole := make([]byte, 1000)
	Pattern(whole, 65000)
	part := make([]byte, 300)
	Pattern(part, 65300)
	if !bytes.Equal(part, whole[300:600]) {
		t.Error("the offset does not count")
	}
}

func TestStreamArrivesInPieces(t *testing.T) {
	o := open(t)
	resp, err := http.Get(o.URL() + "/stream?chunks=2&delay=30000")
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if err != nil || line != "chunk 1 of 2\n" { // arrives half a minute before the second
		t.Errorf("%q, %v", line, err)
	}
	_ = resp.Body.Close() // gone before the end
	waitFor(t, o, func(s Stats) bool { return s.Cancelled == 1 && s.Active == 0 })
}

// waitFor waits for the counters: the server notices a client's leaving on its own time.
func waitFor(t *testing.T, o *Origin, want func(Stats) bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !want(o.Stats()); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("counters are %+v", o.Stats())
		}
	}
}

func TestStats(t *testing.T) {
	o := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.URL()+"/slow/60000", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := http.DefaultClient.Do(req)
		done <- err
	}()
	waitFor(t, o, func(s Stats) bool { return s.Active == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("client: %v", err)
	}
	waitFor(t, o, func(s Stats) bool { return s.Cancelled == 1 && s.Active == 0 })

	resp, err := http.Get(o.URL() + "/abort")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(b) != 100 {
		t.Errorf("abort: %d bytes, %v; want 100 and an unexpected end", len(b), err)
	}
	_, body := raw(t, o, "GET /stats HTTP/1.1\r\nHost: api.test\r\n\r\n")
	if want := `{"requests":2,"active":0,"cancelled":1,"aborted":1}` + "\n"; string(body) != want {
		t.Errorf("stats %s, want %s", body, want)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	o, err := New(Options{Listen: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		resp, err := http.Get(o.URL() + "/slow/60000")
		if err == nil {
			_ = resp.Body.Close()
		}
		done <- err
	}()
	idle, err := net.Dial("tcp", o.Addr().String()) // connected, has said nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = idle.Close() }()
	waitFor(t, o, func(s Stats) bool { return s.Active == 1 })
	for range 2 {
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err == nil {
		t.Error("the slow request got an answer")
	}
	if s := o.Stats(); s.Active != 0 {
		t.Errorf("after Close: %+v", s)
	}
	if c, err := net.Dial("tcp", o.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("the port is still open")
	}
}

func TestNewRefusesAddressesOffLoopback(t *testing.T) {
	if o, err := New(Options{Listen: netip.MustParseAddrPort("0.0.0.0:0")}); err == nil {
		t.Error("no error")
		_ = o.Close()
	}
}
