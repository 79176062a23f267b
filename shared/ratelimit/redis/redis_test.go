//go:build !without_redis

package redis

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"polygate.example/shared/ratelimit"
	"polygate.example/shared/ratelimit/ratelimittest"
)

func store(t testing.TB, at Address) ratelimit.Store {
	t.Helper()
	s, err := New(Options{Address: func(context.Context) (Address, error) { return at, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	server := miniredis.RunT(t)
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	server.SetTime(now)
	ratelimittest.Suite(t, store(t, Address{Host: server.Addr()}), func(d time.Duration) {
		now = now.Add(d)
		server.SetTime(now)
		server.FastForward(d)
	}, true)
	for _, key := range server.Keys() {
		if server.TTL(key) <= 0 {
			t.Errorf("key %q stays for ever", key)
		}
	}
}

// The script of a rate does what a limiter alone does, request by request, the server's clock set back now and then.
func TestScriptIsExact(t *testing.T) {
	server := miniredis.RunT(t)
	s := store(t, Address{Host: server.Addr()})
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(10) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
		n, per, burst := 1+rnd.IntN(1000), time.Duration(1+rnd.IntN(3600))*time.Second, 1+rnd.IntN(20)
		rule, err := ratelimit.NewRate(n, per, burst)
		if err != nil {
			t.Fatal(err)
		}
		cost := (int64(per) + int64(n) - 1) / int64(n)
		alone := ratelimit.New(ratelimit.Options{Now: func() time.Time { return now }})
		op := ratelimit.Op{Key: string(rune('a' + seed)), Rate: true, Cost: cost, Capacity: cost * int64(burst), Take: true}
		granted := false
		for i := range 150 {
			step := time.Duration(rnd.Int64N(3 * cost / 2)).Truncate(time.Microsecond) // all that a server tells
			if granted && rnd.IntN(10) == 0 {                                          // of a refusal the script keeps no time
				step = -step
			}
			now = now.Add(step)
			server.SetTime(now)
			want := alone.Take(t.Context(), ratelimit.Key{}, rule)
			got, err := s.Apply(t.Context(), []ratelimit.Op{op}, nil)
			if err != nil {
				t.Fatal(err)
			}
			granted = want.Allowed
			if got[0].Allowed != want.Allowed || got[0].Spent != int64(want.Reset) {
				t.Fatalf("seed %d, request %d: the script says %+v, alone it is %+v", seed, i, got[0], want)
			}
		}
	}
}

// Errors say what is wrong, and neither where the server is nor how to sign in.
func TestErrorsHoldNoSecret(t *testing.T) {
	server := miniredis.RunT(t)
	server.RequireUserAuth("someone", "s3cret-right")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	stderr := capture(t, func() {
		for name, c := range map[string]struct {
			at   Address
			want string
		}{
			"password":   {Address{Host: server.Addr(), Username: "someone", Password: "s3cret-wrong"}, "WRONGPASS"},
			"none":       {Address{Host: server.Addr()}, "NOAUTH"},
			"refused":    {Address{Host: "127.0.0.1:1", Password: "s3cret"}, "refused"},
			"unresolved": {Address{Host: "nowhere.invalid:6379", Password: "s3cret"}, "resolved"},
			"silent":     {Address{Host: silent.Addr().String(), Password: "s3cret"}, "in time"},
			"no TLS":     {Address{Host: server.Addr(), TLS: true, Password: "s3cret"}, "broke"},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			err := store(t, c.at).Open(ctx)
			cancel()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want something of %q", name, err, c.want)
				continue
			}
			for _, secret := range []string{"s3cret", "someone", "127.0.0.1", "nowhere"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%s: %v holds %q", name, err, secret)
				}
			}
		}
	})
	if stderr != "" {
		t.Errorf("the library writes %s", stderr)
	}
	if err := store(t, Address{Host: server.Addr(), Username: "someone", Password: "s3cret-right"}).Open(t.Context()); err != nil {
		t.Errorf("with the right password: %v", err)
	}
}

// capture returns what f makes the process write to its standard error output.
func capture(t *testing.T, f func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	old := os.Stderr
	os.Stderr = w
	f()
	os.Stderr = old
	w.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A password that changed is read when the server does not take the old one any more.
func TestAddressChanges(t *testing.T) {
	server := miniredis.RunT(t)
	server.RequireAuth("old")
	at := Address{Host: server.Addr(), Password: "old"}
	asked := errors.New("cannot be read")
	var fails bool
	s, err := New(Options{Address: func(context.Context) (Address, error) {
		if fails {
			return Address{}, asked
		}
		return at, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.RequireAuth("new")
	at.Password = "new"
	if err := s.Open(t.Context()); err != nil {
		t.Errorf("with the new password: %v", err)
	}
	if _, err := s.Apply(t.Context(), []ratelimit.Op{{Key: "a", Cost: 1, Capacity: 1, Take: true, Keep: time.Second}}, nil); err != nil {
		t.Errorf("with the new password: %v", err)
	}
	fails = true
	if err := s.Open(t.Context()); !errors.Is(err, asked) {
		t.Errorf("without an address: %v", err)
	}
}

// Until a connection is signed in nothing is sent, and the store's time has not begun.
func TestSentWhenSignedIn(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s := store(t, Address{Host: silent.Addr().String(), Password: "p"})
	for _, n := range []int{1, 2} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := s.Open(ctx); err == nil {
			t.Fatal("it opens")
		}
		if _, err := s.Apply(ctx, make([]ratelimit.Op, n), func() { t.Errorf("%d operations are sent", n) }); err == nil {
			t.Error("it answers")
		}
		cancel()
	}
}

// Over TLS the server is known by its name, and what had come when the time was over is read all the same.
func TestTLS(t *testing.T) {
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	server := miniredis.NewMiniRedis()
	if err := server.StartTLS(&tls.Config{Certificates: web.TLS.Certificates}); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	_, port, err := net.SplitHostPort(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	for host, works := range map[string]bool{"127.0.0.1": true, "localhost": false} { // which the certificate does not name
		s, err := New(Options{TLS: &tls.Config{RootCAs: roots}, Address: func(context.Context) (Address, error) {
			return Address{Host: net.JoinHostPort(host, port), TLS: true}, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Open(t.Context()); (err == nil) != works || !works && !strings.Contains(err.Error(), "trusted") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// What has come is read after the time is over, as it came before a process ran again; and for what has not come nobody waits.
func TestPatient(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p, err := (&Client{}).dial(Address{})(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	b := make([]byte, 9)
	for _, said := range []string{"", "answer"} {
		if _, err := io.WriteString(far, said); err != nil {
			t.Fatal(err)
		}
		if err := p.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := p.Read(b); string(b[:n]) != said || (err == nil) != (said != "") || err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q, %v, want %q", b[:n], err, said)
		}
	}
}

// A connection more is made while those that are there are in use.
func TestGrow(t *testing.T) {
	server := miniredis.RunT(t)
	s := store(t, Address{Host: server.Addr()})
	if err := s.(ratelimit.Grower).Grow(t.Context()); !errors.Is(err, errNotOpened) {
		t.Errorf("before it is open: %v", err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(t.Context(), make([]ratelimit.Op, 3), nil); err != nil || server.TotalConnectionCount() != 1 {
		t.Errorf("%d connections for what goes one after the other: %v", server.TotalConnectionCount(), err)
	}
	ops := []ratelimit.Op{{Key: "a", Cost: 1, Capacity: 9, Take: true, Keep: time.Hour}}
	grown := false
	if _, err := s.Apply(t.Context(), ops, func() {
		grown = s.(ratelimit.Grower).Grow(t.Context()) == nil
	}); err != nil || !grown || server.TotalConnectionCount() != 2 {
		t.Errorf("%d connections, want one more: %v", server.TotalConnectionCount(), err)
	}
}

// A store that is closed has no connection, and makes none.
func TestClose(t *testing.T) {
	server := miniredis.RunT(t)
	s := store(t, Address{Host: server.Addr()})
	guard := ratelimit.NewGuard(s, time.Now, nil)
	closeOf := func() {
		t.Helper()
		if err := guard.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeOf()
	for server.CurrentConnectionCount() > 0 { // the server takes a moment to see it
		if t.Context().Err() != nil {
			t.Fatal("connections stay")
		}
		runtime.Gosched()
	}
	if err := s.Open(t.Context()); !errors.Is(err, errClosed) {
		t.Errorf("it opens again: %v", err)
	}
	if _, err := s.Apply(t.Context(), []ratelimit.Op{{Key: "a"}}, nil); err == nil || server.CurrentConnectionCount() > 0 {
		t.Errorf("it is asked all the same: %v", err)
	}
	closeOf()
}

func TestParseURL(t *testing.T) {
	for text, want := range map[string]Address{
		"redis://h":                      {Host: "h:6379"},
		"rediss://u:p%40@h.example:1/2":  {Host: "h.example:1", Username: "u", Password: "p@", Database: 2, TLS: true},
		" redis://:pw@[2001:db8::1]:7/ ": {Host: "[2001:db8::1]:7", Password: "pw"},
	} {
		if got, err := ParseURL(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "h:6379", "http://h", "redis://", "redis://h/x", "redis://h/-1", "redis://h?a=1", "redis://h#a", "redis:h", "redis://s3cret:%zz@h"} {
		if _, err := ParseURL(text); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// BenchmarkApply is a decision in a store without a network to speak of.
func BenchmarkApply(b *testing.B) {
	server := miniredis.RunT(b)
	s := store(b, Address{Host: server.Addr()})
	if err := s.Open(b.Context()); err != nil {
		b.Fatal(err)
	}
	for name, n := range map[string]int{"one": 1, "batch of 500": 500} {
		ops := make([]ratelimit.Op, n)
		for i := range ops {
			ops[i] = ratelimit.Op{Key: "a", Rate: true, Cost: 1, Capacity: 1 << 40, Take: true}
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Apply(b.Context(), ops, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
