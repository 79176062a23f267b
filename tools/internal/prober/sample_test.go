package prober

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"polygate.example/tools/client"
)

// 3,000 requests a second for ten minutes must stay under 200 MB.
func TestStoreIsSmall(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	p := &Prober{}
	p.store.init()
	const n = 3000 * 600
	for i := range n {
		p.store.add(Sample{
			Client: i % 100, At: time.Duration(i) * time.Second / 3000, Took: time.Millisecond, Region: fmt.Sprint("region ", i%10), Status: 200,
			Address: netip.AddrFrom4([4]byte{127, 0, 0, byte(i)}), Detail: fmt.Sprint("error ", i),
		})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 80<<20 {
		t.Errorf("%d samples take %d MB, want at most 80", n, used>>20)
	}
	if got := len(p.Samples(5*time.Minute, 5*time.Minute+time.Second)); got != 3000 {
		t.Errorf("%d samples in one second", got)
	}
	if kept := len(p.store.details.values); kept != maxDetails {
		t.Errorf("%d texts are kept, want %d", kept, maxDetails)
	}
}

func TestSampleComesBackWhole(t *testing.T) {
	p := &Prober{}
	p.store.init()
	late := Sample{
		Client: 9999, At: time.Hour, Took: 3 * time.Microsecond, Late: time.Microsecond, Region: "aws/us-east-1", Err: Status, Detail: "answered 503",
		Status: 503, Attempts: 3, Reused: true, Address: netip.MustParseAddr("2001:db8::1"),
	}
	early := Sample{At: 1, Err: Missed, Detail: strings.Repeat("x", maxDetail), Stale: true}
	p.store.add(late)
	p.store.add(early)
	if got := p.Samples(0, time.Hour+1); !reflect.DeepEqual(got, []Sample{early, late}) {
		t.Errorf("%+v", got)
	}
	if got := p.Samples(1, time.Hour); !reflect.DeepEqual(got, []Sample{early}) {
		t.Errorf("%+v: want those from the first time on and before the second", got)
	}
	p.store.add(Sample{Took: 100 * time.Hour, Detail: strings.Repeat("x", maxDetail+1)})
	if got := p.Samples(0, 1)[0]; got.Took < 71*time.Minute || len(got.Detail) != maxDetail {
		t.Errorf("%+v: want what is too large cut to what there is room for", got)
	}
}

func TestClassify(t *testing.T) {
	read := &net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{Port: 40000}, Err: syscall.ECONNRESET}
	wrap := func(err error) error { return fmt.Errorf("GET https://example.com/: %w", err) }
	tests := []struct {
		name   string
		result client.Result
		err    error
		wrong  error
		class  Class
		detail string
	}{
		{"right", client.Result{Status: 200, Phase: client.Complete}, nil, nil, None, ""},
		{"another one's answer", client.Result{Status: 200, Phase: client.Complete}, nil, errors.New("not what was asked"), Wrong, "not what was asked"},
		{"not found", client.Result{Status: 404, Phase: client.Complete}, nil, errors.New("answered 404"), Wrong, "answered 404"},
		{"unavailable", client.Result{Status: 503, Phase: client.Complete}, nil, errors.New("no document"), Status, "answered 503"},
		{"limited", client.Result{Status: 429, Phase: client.Complete}, nil, nil, Status, "answered 429"},
		{"name server silent", client.Result{Phase: client.Resolving}, wrap(fmt.Errorf("%w: %w", client.ErrServer, context.DeadlineExceeded)), nil, DNS, "name server did not answer: context deadline exceeded"},
		{"refused", client.Result{Phase: client.Connecting}, wrap(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), nil, Connect, "dial: connection refused"},
		{"no SYN answered", client.Result{Phase: client.Connecting}, wrap(context.DeadlineExceeded), nil, Timeout, "context deadline exceeded"},
		{"certificate", client.Result{Phase: client.Securing}, wrap(&tls.CertificateVerificationError{Err: errors.New("expired")}), nil, TLS, "expired"},
		{"handshake cut off", client.Result{Phase: client.Securing}, wrap(read), nil, TLS, "read: connection reset by peer"},
		{"handshake hangs", client.Result{Phase: client.Securing}, wrap(context.DeadlineExceeded), nil, Timeout, "context deadline exceeded"},
		{"reset before the head", client.Result{Phase: client.Asking}, wrap(read), nil, Body, "read: connection reset by peer"},
		{"cut short", client.Result{Phase: client.Reading, Status: 200}, wrap(read), nil, Body, "read: connection reset by peer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			region, class, detail := classify(tt.result, tt.err, func(client.Result) (string, error) { return "r", tt.wrong })
			if class != tt.class || detail != tt.detail || (region == "r") != (tt.err == nil) {
				t.Errorf("region %q, %s, %q: want %s, %q", region, class, detail, tt.class, tt.detail)
			}
		})
	}
	seen := map[string]bool{}
	for c := range classes {
		if text, err := c.MarshalText(); err != nil || len(text) == 0 || seen[string(text)] {
			t.Errorf("class %d is called %q, %v", c, text, err)
		} else {
			seen[string(text)] = true
		}
	}
}

// Whoever asks for what is new gets each request once, in the order in which they ended, while others end.
func TestEnded(t *testing.T) {
	const n = 3*chunkSize + 17
	p := &Prober{}
	p.store.init()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range n {
			p.store.add(Sample{Client: i % 7, At: time.Duration(n - i)}) // those due last end first
		}
	}()
	var got []Sample
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
		}
		got = append(got, p.Ended(len(got))...)
	}
	if len(got) != n || len(p.Ended(n)) != 0 || len(p.Ended(n-1)) != 1 || len(p.Ended(n+chunkSize)) != 0 {
		t.Fatalf("%d came one after the other, then %d; want %d", len(got), len(p.Ended(n)), n)
	}
	for i, s := range got {
		if s.At != time.Duration(n-i) || s.Client != i%7 {
			t.Fatalf("place %d: %+v", i, s)
		}
	}
}

// What is new takes as long, however much there was before.
func BenchmarkEnded(b *testing.B) {
	for _, before := range []int{1 << 12, 1 << 18, 1 << 23} {
		b.Run(fmt.Sprintf("before=%d", before), func(b *testing.B) {
			p := &Prober{}
			p.store.init()
			const fresh = 3000
			for i := range before + fresh {
				p.store.add(Sample{At: time.Duration(i), Region: "one"})
			}
			b.ReportAllocs()
			for b.Loop() {
				if got := p.Ended(before); len(got) != fresh {
					b.Fatalf("%d requests, want %d", len(got), fresh)
				}
			}
		})
	}
}
