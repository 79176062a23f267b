package ratelimit

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// distance puts a server further away: what it answers arrives so much later, over any number of connections. It returns the port.
func distance(t *testing.T, port string, delay time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return // closed
			}
			far, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err != nil {
				near.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(far, near) // ends with either
				far.Close()
			}()
			go later(near, far, delay)
		}
	}()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// later copies, each piece so much after it came.
func later(to, from net.Conn, delay time.Duration) {
	type piece struct {
		bytes []byte
		due   time.Time
	}
	pieces := make(chan piece, 1024)
	go func() {
		defer to.Close()
		for p := range pieces {
			time.Sleep(time.Until(p.due)) // the delay that the proxy is for
			_, _ = to.Write(p.bytes)      // who is gone needs nothing more
		}
	}()
	defer close(pieces)
	for {
		b := make([]byte, 64<<10)
		n, err := from.Read(b)
		if n > 0 {
			pieces <- piece{b[:n], time.Now().Add(delay)}
		}
		if err != nil {
			return
		}
	}
}
