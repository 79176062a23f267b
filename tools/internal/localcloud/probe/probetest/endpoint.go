// Package probetest is the far end of a probe under test.
package probetest

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"
)

// Endpoint is a server at the other end of a pipe: time in a synctest bubble is exact, and nothing is listened on.
type Endpoint struct {
	Connect  time.Duration // before the connection stands
	Response time.Duration // before the response's head
	Body     time.Duration // between head and body
	Head     string        // whole response head; "" is 200 with a length
	Text     string
	Drop     bool // closes after the request instead of answering
	TLS      *tls.Config

	Target  string        // what was dialled, host:port
	Request *http.Request // what it was asked, once done
	SNI     string
}

// Dial is a probe.Dial.
func (e *Endpoint) Dial(ctx context.Context, host string, port int) (net.Conn, error) {
	e.Target = fmt.Sprintf("%s:%d", host, port)
	select {
	case <-time.After(e.Connect):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	client, server := net.Pipe()
	go e.serve(server)
	return client, nil
}

func (e *Endpoint) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	if e.TLS != nil {
		cfg := e.TLS.Clone()
		cfg.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			e.SNI = h.ServerName
			return nil, nil
		}
		conn = tls.Server(conn, cfg)
	}
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	e.Request = req
	time.Sleep(e.Response)
	if e.Drop {
		return
	}
	head := e.Head
	if head == "" {
		head = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(e.Text))
	}
	if _, err := io.WriteString(conn, head); err != nil {
		return
	}
	time.Sleep(e.Body)
	_, _ = io.WriteString(conn, e.Text)
}

// Certificate makes a certificate for a name, signed by nobody, that holds from one moment to another, and the pool that trusts it.
func Certificate(t testing.TB, name string, from, until time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IsCA: true, BasicConstraintsValid: true, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
