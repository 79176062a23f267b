package localcloud

import (
	"fmt"
	"log/slog"
	"net/http"

	"polygate.example/tools/internal/localcloud/balancer"
	"polygate.example/tools/internal/localcloud/dns"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/localcloud/place"
)

// startBalancers starts Cloudflare's load balancing. It needs the edge to reach origins and the DNS to find them.
func (c *Clouds) startBalancers(logger *slog.Logger) error {
	ca, err := c.authority()
	if err != nil {
		return err
	}
	b, err := balancer.New(balancer.Options{
		Clock: c.services.Clock, Dial: c.edge.Dialer().Dial, Delay: c.fronts.Delay, Resolve: c.dns.Resolve, Roots: ca.Pool(), Logger: logger,
		Stale: func() bool { return c.faults.Stale(managerCloudflare) },
	})
	if err != nil {
		return err
	}
	c.balancers.Store(b)
	c.closers = append(c.closers, b.Close)
	return nil
}

// authority is the authority that stands for all public ones.
func (c *Clouds) authority() (*pki.CA, error) {
	ca, ok := c.services.CA.(*pki.CA)
	if !ok {
		return nil, fmt.Errorf("the local authority is a %T, which keeps its certificate to itself", c.services.CA)
	}
	return ca, nil
}

// balance answers for the names of load balancers.
func (c *Clouds) balance(name string, from place.Place) (dns.Steered, bool) {
	b := c.balancers.Load()
	if b == nil {
		return dns.Steered{}, false
	}
	return b.Answer(name, from)
}

// proxy finds the proxy of a load balancer.
func (c *Clouds) proxy(id string) (http.Handler, bool) {
	b := c.balancers.Load()
	if b == nil {
		return nil, false
	}
	return b.Proxy(id)
}
