package handler

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

func TestBufferPool(t *testing.T) {
	var b buffers
	b.Put(make([]byte, 10)) // a foreign buffer is not kept
	if got := b.Get(); len(got) != bufferSize {
		t.Errorf("buffer of %d bytes", len(got))
	}
}

// A proxied request does not cost a copy buffer of its own.
func TestBuffersAreUsedAgain(t *testing.T) {
	h := newHandler(t, toAll(t, upstream("http://a.example")), Options{Transport: canned{}})
	const n = 200
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		h.ServeHTTP(nowhere{http.Header{}}, get("/"))
	}
	runtime.ReadMemStats(&after)
	// Under the race detector a sync.Pool loses a quarter of what it gets, on purpose.
	if each := (after.TotalAlloc - before.TotalAlloc) / n; each >= bufferSize {
		t.Errorf("a request allocates %d bytes, a whole buffer is %d", each, bufferSize)
	}
}

// A body's silence counts while somebody reads it: a slow client is not the upstream's fault.
func TestIdleCountsWhileReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool{idle: time.Second}
		ctx, cancel := context.WithCancelCause(t.Context())
		in, out := io.Pipe()
		body := p.watch(in, cancel)
		wait(time.Minute) // the client takes the head slowly
		for range 2 {
			go out.Write([]byte("x"))
			if _, err := body.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			wait(time.Minute) // and then each part
		}
		if ctx.Err() != nil {
			t.Fatalf("cancelled while nobody read: %v", context.Cause(ctx))
		}
		go body.Read(make([]byte, 1))
		wait(time.Second - 1)
		synctest.Wait()
		if ctx.Err() != nil {
			t.Fatal("cancelled too early")
		}
		wait(1)
		synctest.Wait()
		if !errors.Is(context.Cause(ctx), errIdle) {
			t.Errorf("after a silent second the cause is %v", context.Cause(ctx))
		}
		out.Close()
	})
}

// A target is what the document says, whatever HTTP_PROXY says: the environment of a function is not the document's.
func TestNoProxyFromTheEnvironment(t *testing.T) {
	// Asked of the transport itself: net/http reads the variables once for the whole process, and never for loopback.
	if newTransport(upstream().Timeouts).Proxy != nil {
		t.Error("the transport asks for a proxy")
	}
}

// A target that is down is tried last, until its cool-down has passed.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		name := func(s string) *target { return &target{url: &url.URL{Host: s}} }
		a, b, c := name("a"), name("b"), name("c")
		p := &pool{tiers: [][]*target{{a, b}, {c}}}
		hosts := func() string {
			var out string
			for _, t := range p.order() {
				out += t.url.Host
			}
			return out
		}
		if first, second := hosts(), hosts(); first == second || first+second != "bac"+"abc" && first+second != "abc"+"bac" {
			t.Errorf("orders are %s and %s, want abc and bac in turn", first, second)
		}
		a.markDown()
		if got := []string{hosts(), hosts()}; !reflect.DeepEqual(got, []string{"bca", "bca"}) {
			t.Errorf("with a down: %v", got)
		}
		b.markDown()
		if got := hosts(); got[0] != 'c' {
			t.Errorf("with a and b down: %s", got)
		}
		wait(coolDown + 1)
		if got := []string{hosts(), hosts()}; got[0] == got[1] || got[0][2] != 'c' {
			t.Errorf("after the cool-down: %v", got)
		}
	})
}
