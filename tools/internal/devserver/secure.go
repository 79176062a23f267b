package devserver

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// Authority issues the certificates that clients are shown, with their chains, and the keys to them, in PEM.
type Authority interface {
	Issue(names ...string) (certPEM, keyPEM []byte, err error)
}

// maxNames is how many names there are certificates of at a time: names are what clients say they are.
const maxNames = 100

// ownNames are those of this machine, of which a client that names none is shown a certificate.
var ownNames = []string{"localhost", "127.0.0.1", "::1"}

// secured is TLS under every name that clients come by: a document has routes of many hosts, and all of them are tried out here.
type secured struct {
	authority Authority
	current   *atomic.Pointer[serving]

	mu    sync.Mutex
	known map[string]*tls.Certificate
}

// config asks for certificates of clients while the version of the moment goes by them. Whose they are is for the gateway to say, as it is behind
// fronts that believe everybody. Sessions are not taken up again: one would bring back that its client was not asked.
func (s *secured) config() (*tls.Config, error) {
	if _, err := s.certificate(&tls.ClientHelloInfo{}); err != nil { // rather now than with each client
		return nil, err
	}
	plain := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, SessionTicketsDisabled: true, GetCertificate: s.certificate}
	asking := plain.Clone()
	asking.ClientAuth = tls.RequestClientCert
	plain.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if s.current.Load().asks {
			return asking, nil
		}
		return nil, nil
	}
	return plain, nil
}

func (s *secured) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name, names := strings.ToLower(hello.ServerName), ownNames
	if name != "" && name != "localhost" {
		names = []string{name}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.known[names[0]]; c != nil {
		return c, nil
	}
	cert, key, err := s.authority.Issue(names...)
	if err != nil {
		return nil, err
	}
	c, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("the certificate of %s: %w", names[0], err)
	}
	if s.known == nil || len(s.known) >= maxNames {
		s.known = map[string]*tls.Certificate{}
	}
	s.known[names[0]] = &c
	return &c, nil
}

// askedKey is where a connection's context has whether its client was asked for a certificate.
type askedKey struct{}

// remember notes it when a connection is made.
func (s *secured) remember(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, askedKey{}, s.current.Load().asks)
}

// again has a client connect anew that was not asked for a certificate when it did, and is by the version that serves now: what it sends after this
// request comes with one.
func (s *serving) again(w http.ResponseWriter, r *http.Request) {
	if asked, known := r.Context().Value(askedKey{}).(bool); known && !asked && s.asks {
		w.Header().Set("Connection", "close")
	}
}
