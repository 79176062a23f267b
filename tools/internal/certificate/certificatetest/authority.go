// Package certificatetest is test support: an ACME server in the test's own process.
package certificatetest

import (
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

// CAA is the name by which CAA records admit the authority.
const CAA = "pebble.letsencrypt.org"

// Life is how long its certificates last, in days.
const Life = 90

// Authority is Pebble, Let's Encrypt's own ACME server for tests. It does not look at CAA.
type Authority struct {
	Directory string         // URL
	Client    *http.Client   // reaches it
	Roots     *x509.CertPool // sign what it issues
	PEM       []byte         // signs its own TLS

	mu    sync.Mutex
	asked map[string]int // requests, by the first part of the path
}

// New starts an authority that finds names by a DNS server, host:port, over TCP. It ends with the test.
func New(t *testing.T, dnsServer string) *Authority {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")      // it waits up to 15 s by itself otherwise
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0") // it refuses one request in twenty by itself otherwise
	t.Setenv("PEBBLE_AUTHZREUSE", "0")      // it takes half of the names as proved by itself otherwise
	logger := slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	store := db.NewMemoryStore()
	issuer := ca.New(logger, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "the only one", ValidityPeriod: Life * 24 * 3600}})
	front := wfe.New(logger, store, va.New(logger, 0, 0, false, dnsServer, store), issuer, []string{CAA}, false, false, 1, 1)
	a := &Authority{asked: map[string]int{}, Roots: x509.NewCertPool()}
	handler := front.Handler()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		a.mu.Lock()
		a.asked[kind]++
		a.mu.Unlock()
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	if !a.Roots.AppendCertsFromPEM(issuer.GetRootCert(0).PEM()) {
		t.Fatal("the authority's root is no certificate")
	}
	a.Directory, a.Client = s.URL+wfe.DirectoryPath, s.Client()
	a.PEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return a
}

// Orders is how many certificates were ordered.
func (a *Authority) Orders() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked["order-plz"]
}
