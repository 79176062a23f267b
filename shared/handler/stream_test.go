package handler

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

func TestLargeBodies(t *testing.T) {
	up := serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Write(b)
	})
	sent := bytes.Repeat([]byte("0123456789abcdef"), 4<<20/16)
	for name, opts := range map[string]Options{"abort": {}, "marker": {Truncate: TruncateByMarker}, "buffered": {Buffered: true}} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, newHandler(t, toAll(t, upstream(up.URL)), opts))
			resp, err := http.Post(s.URL+"/", "application/octet-stream", bytes.NewReader(sent))
			if err != nil {
				t.Fatal(err)
			}
			if got := body(t, resp); sha256.Sum256([]byte(got)) != sha256.Sum256(sent) {
				t.Errorf("sent %d bytes, got %d others", len(sent), len(got))
			}
		})
	}
	t.Run("more than can be held", func(t *testing.T) {
		huge := serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
			for range maxHeld>>20 + 1 {
				w.Write(sent[:1<<20])
			}
		})
		wantProblem(t, ask(newHandler(t, toAll(t, upstream(huge.URL)), Options{Buffered: true}), get("/")), http.StatusBadGateway)
		resp := ask(newHandler(t, toAll(t, upstream(huge.URL)), Options{Truncate: TruncateByMarker}), get("/"))
		if n := len(body(t, resp)); n != maxHeld+1<<20 || resp.StatusCode != 200 {
			t.Errorf("a streaming front got %d bytes with status %d", n, resp.StatusCode)
		}
	})
}

// What the upstream has sent arrives before it sends more.
func TestStreaming(t *testing.T) {
	for name, opts := range map[string]Options{"abort": {}, "marker": {Truncate: TruncateByMarker}} {
		t.Run(name, func(t *testing.T) {
			next := make(chan struct{})
			up := serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
				if opts.Truncate == TruncateByAbort { // the other front holds what has a length
					w.Header().Set("Content-Length", strconv.Itoa(3*len("event 0\n")))
				}
				for i := range 3 {
					fmt.Fprintf(w, "event %d\n", i)
					w.(http.Flusher).Flush()
					select {
					case <-next:
					case <-r.Context().Done():
						return
					}
				}
			})
			s := serve(t, newHandler(t, toAll(t, upstream(up.URL)), opts))
			req, err := http.NewRequestWithContext(patience(t), "GET", s.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			lines := bufio.NewReader(resp.Body)
			for i := range 3 {
				line, err := lines.ReadString('\n') // the upstream waits for us: if nothing is passed on, nothing comes
				if err != nil || line != fmt.Sprintf("event %d\n", i) {
					t.Fatalf("got %q, %v", line, err)
				}
				next <- struct{}{}
			}
		})
	}
}

// Request and response bodies flow at the same time: each line is echoed before the next one is sent.
func TestFullDuplex(t *testing.T) {
	up := serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		c.EnableFullDuplex()
		c.Flush()
		for in := bufio.NewReader(r.Body); ; c.Flush() {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			io.WriteString(w, "echo "+line)
		}
	})
	for name, opts := range map[string]Options{"abort": {}, "marker": {Truncate: TruncateByMarker}} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, newHandler(t, toAll(t, upstream(up.URL)), opts))
			in, out := io.Pipe()
			ctx := patience(t)
			context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) }) // the client's transport waits for a Read of the body
			req, err := http.NewRequestWithContext(ctx, "POST", s.URL, in)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			lines := bufio.NewReader(resp.Body)
			for i := range 3 {
				fmt.Fprintf(out, "%d\n", i)
				if line, err := lines.ReadString('\n'); err != nil || line != fmt.Sprintf("echo %d\n", i) {
					t.Fatalf("got %q, %v", line, err)
				}
			}
			out.Close()
		})
	}
}

// Trailers of an answer reach the client, those of a request reach nobody.
func TestTrailers(t *testing.T) {
	up := serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Trailer", "X-Sum")
		io.WriteString(w, "body")
		w.Header().Set("X-Sum", fmt.Sprintf("after %d trailers", len(r.Trailer)))
		w.Header().Set(http.TrailerPrefix+"X-Late", "late")
	})
	for name, opts := range map[string]Options{"abort": {}, "marker": {Truncate: TruncateByMarker}, "buffered": {Buffered: true}} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, newHandler(t, toAll(t, upstream(up.URL)), opts))
			req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL, io.MultiReader(strings.NewReader("x")))
			if err != nil {
				t.Fatal(err)
			}
			req.Trailer = http.Header{"X-Request-Sum": {"42"}}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if b := body(t, resp); b != "body" {
				t.Errorf("body is %q", b)
			}
			if want := (http.Header{"X-Sum": {"after 0 trailers"}, "X-Late": {"late"}}); !reflect.DeepEqual(resp.Trailer, want) {
				t.Errorf("trailers are %v, want %v", resp.Trailer, want)
			}
		})
	}
}
