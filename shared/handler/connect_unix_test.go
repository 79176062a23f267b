//go:build unix

package handler

import (
	"errors"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// full is the address of a listener whose backlog is full: who connects gets no answer, as from a host that is not there.
func full(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var again error // listen(2) on a socket that listens sets its backlog anew
	if err := errors.Join(raw.Control(func(fd uintptr) { again = syscall.Listen(int(fd), 0) }), again); err != nil {
		t.Fatal(err)
	}
	for range 64 { // kernels take a few more than they are told
		conn, err := net.DialTimeout("tcp", l.Addr().String(), 300*time.Millisecond)
		if isTimeout(err) {
			return l.Addr().String()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("a backlog of none took 64 connections: this kernel cannot show a connect that hangs")
	return ""
}

// A connect that is not answered ends with the upstream's connect timeout, and the next target is asked.
func TestConnectTimeout(t *testing.T) {
	silent := "http://" + full(t)
	u := upstream(silent)
	u.Timeouts.Connect = ms(100)
	wantProblem(t, ask(newHandler(t, toAll(t, u), Options{}), get("/").WithContext(patience(t))), http.StatusGatewayTimeout)

	good := serveFunc(t, func(http.ResponseWriter, *http.Request) {})
	u = upstream(silent, good.URL)
	u.Timeouts.Connect = ms(500) // in which the good one has to be reached
	h := newHandler(t, toAll(t, u), Options{})
	for range 2 { // whichever target comes first
		if resp := ask(h, get("/").WithContext(patience(t))); resp.StatusCode != http.StatusOK {
			t.Errorf("status %d with a second target", resp.StatusCode)
		}
	}
}
