package localcloud

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/azure"
	"polygate.example/tools/internal/localcloud/gcp"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/localcloud/probe"
	"polygate.example/tools/internal/localcloud/wire"
)

// api is one of the clouds' management APIs, by the host that it has in production.
type api struct {
	serves  func(host string) bool
	handler http.Handler
}

// management is every API that the control seat of a gateway asks.
func (c *Clouds) management() []api {
	access := wire.Access{Token: c.state.Token, Lost: c.lostAPI}
	stores := wire.Access{Token: c.state.Token, Lost: c.faults.Lost} // data planes: lost with the whole provider, not with its control plane
	is := func(name string) func(string) bool { return func(host string) bool { return host == name } }
	in := func(before, after string) func(string) bool {
		return func(host string) bool { return strings.HasPrefix(host, before) && strings.HasSuffix(host, after) }
	}
	return []api{
		{is("route53.amazonaws.com"), wire.Route53(access, c.store, c.checkers.Status)},
		{in("lambda.", ".amazonaws.com"), wire.Lambda(access, c.store, c.services.Clock.Now)},
		{in("sts.", ".amazonaws.com"), wire.STS(stores)},
		{func(host string) bool {
			return strings.Contains(host, ".s3.") && strings.HasSuffix(host, ".amazonaws.com")
		}, wire.S3(stores, c.store)},
		{is("storage.googleapis.com"), wire.CloudStorage(stores, c.store)},
		{in("", ".blob.core.windows.net"), wire.Blobs(stores, c.store)},
		{in("host-", ".example.test"), wire.Recovery(access, c.store, c.services.Clock.Now)}, // as aws names a cluster's endpoints
		{is("management.azure.com"), wire.ARM(access, c.store, c.controllers[azure.Cloud().Package], c.profiles.Profiles)},
		{is("cloudfunctions.googleapis.com"), wire.Functions(access, c.store, c.controllers[gcp.Cloud().Package])},
		{is("api.cloudflare.com"), wire.Cloudflare(access, c.store, c.services.Clock, func(check string) (probe.Status, bool) {
			s, ok := c.balancers.Load().Checks()[check]
			return s, ok
		})},
	}
}

// lostAPI reports whether the API of a provider or manager is broken on purpose.
func (c *Clouds) lostAPI(name string) bool { return c.faults.Refuses(name) }

// serveManagement opens the management APIs, on one port of 127.0.0.1 for all of them: a client that goes there for every host meets the
// one that it asked for, with a certificate for it.
func (c *Clouds) serveManagement() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("serve the management APIs: %w", err)
	}
	apis := c.management()
	c.state.Management = l.Addr().String()
	srv := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.managementCertificate(apis)},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			host, _, err := net.SplitHostPort(r.Host)
			if err != nil {
				host = r.Host
			}
			for _, a := range apis {
				if a.serves(host) {
					a.handler.ServeHTTP(w, r)
					return
				}
			}
			http.Error(w, "the local clouds have no API at "+host, http.StatusMisdirectedRequest)
		}),
	}
	done := make(chan error, 1)
	go func() { done <- srv.ServeTLS(l, "", "") }()
	c.closers = append(c.closers, func() error {
		err := srv.Close()
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	})
	return nil
}

// managementCertificate issues a certificate for each host when it is first asked for.
func (c *Clouds) managementCertificate(apis []api) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	var mu sync.Mutex
	issued := map[string]*tls.Certificate{}
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		mu.Lock()
		defer mu.Unlock()
		host := hello.ServerName
		if have := issued[host]; have != nil {
			return have, nil
		}
		known := false
		for _, a := range apis {
			known = known || a.serves(host)
		}
		if !known {
			return nil, fmt.Errorf("the local clouds have no API at %q", host)
		}
		cert, key, err := c.services.CA.Issue(host)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, err
		}
		issued[host] = &pair
		return &pair, nil
	}
}

// ManagementClient makes calls to the clouds' management APIs end at these clouds, whatever host they are for.
func (s State) ManagementClient() (*http.Client, error) {
	roots, err := pki.Roots(s.CA)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return d.DialContext(ctx, network, s.Management)
		},
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true, // a seat asks seldom
	}}, nil
}
