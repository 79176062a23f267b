package cli

import (
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/shared/handler"
)

// one is a listener of one connection.
type one struct{ net.Conn }

func (o *one) Accept() (net.Conn, error) {
	if c := o.Conn; c != nil {
		o.Conn = nil
		return c, nil
	}
	return nil, net.ErrClosed
}

func (*one) Close() error   { return nil }
func (*one) Addr() net.Addr { return &net.TCPAddr{} }

// What is served while it is written keeps to the time that a plain server gives bodies.
func TestDevBodies(t *testing.T) {
	getenv := func(string) string { return "" }
	a := &app{output: newOutput(io.Discard, io.Discard, getenv), getenv: getenv}
	d := &devRun{app: a, source: source{file: writeDocument(t, gatewayDocument)}}
	synctest.Test(t, func(t *testing.T) {
		v, _, err := d.read()
		if err != nil {
			t.Fatal(err)
		}
		client, server := net.Pipe()
		s := &http.Server{Handler: v.Handler}
		_ = s.Serve(&one{server}) // until there is no other connection
		began := time.Now()
		client.SetDeadline(began.Add(time.Hour))
		if _, err := io.WriteString(client, "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(client); err != nil || time.Since(began) != handler.BodyTimeout {
			t.Errorf("after %s: %v, want the server to hang up after %s", time.Since(began), err, handler.BodyTimeout)
		}
	})
}
