// Package clienttest has what clients are tried on that is not well: hosts that do not answer, and a clock that is set.
package clienttest

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// Mute is the address of a listener that accepts connections and says nothing, until the test ends.
func Mute(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	var open []net.Conn
	accepting.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open = append(open, c)
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		accepting.Wait()
		for _, c := range open {
			_ = c.Close()
		}
	})
	return l.Addr().String()
}

// Full is the address of a listener whose queue is full, until the test ends: the system answers no SYN, as where
// nothing is.
func Full(t testing.TB) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	own := name.(*syscall.SockaddrInet4)
	at := netip.AddrPortFrom(netip.AddrFrom4(own.Addr), uint16(own.Port)).String()
	for range 10 {
		c, err := net.DialTimeout("tcp", at, 200*time.Millisecond)
		if err != nil {
			return at
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("the queue of a listener with no backlog takes ten connections")
	return ""
}

// Clock is now, on a system whose wall clock is set while its monotonic clock goes on.
type Clock struct {
	Now  func() time.Time // nil is time.Now
	step atomic.Int64     // seconds
}

// Set moves the wall clock, to the second.
func (c *Clock) Set(by time.Duration) { c.step.Add(int64(by / time.Second)) }

// Time is the time as time.Now gives it on such a system: moved, its monotonic reading untouched.
func (c *Clock) Time() time.Time {
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	t := now()
	// package time: "wall" is a bit that says that there is a monotonic reading, 33 bits of seconds and 30 of nanoseconds.
	*(*uint64)(unsafe.Pointer(&t)) += uint64(c.step.Load()) << 30
	return t
}
