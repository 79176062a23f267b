package patterns

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"polygate.example/tests/harness"
	"polygate.example/tools/client"
)

// Place is where a client can be, as `polygate local places --json` tells.
type Place struct {
	Code      string `json:"code"`
	Continent string `json:"continent"`
	Country   string `json:"country"`
	Subnet    string `json:"subnet"`
	Source    string `json:"source"`
}

// seat makes clients of a deployed environment, anywhere.
type seat struct {
	status harness.Status
	roots  *x509.CertPool
	edge   netip.AddrPort
	places []Place
}

func newSeat(ctx context.Context, env *harness.Environment) (*seat, error) {
	st, err := env.Status(ctx)
	if err != nil {
		return nil, err
	}
	s := &seat{status: st}
	if s.roots, err = st.Roots(); err != nil {
		return nil, err
	}
	if s.edge, err = netip.ParseAddrPort(st.Edge.Address); err != nil {
		return nil, err
	}
	r, err := env.Must(ctx, "local", "places", "--json")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(r.Stdout), &s.places); err != nil {
		return nil, fmt.Errorf("local places --json: %w", err)
	}
	return s, nil
}

// at makes a client at a place. Its resolver's cache is empty.
func (s *seat) at(p Place) (*client.Client, error) {
	subnet, err := netip.ParsePrefix(p.Subnet)
	if err != nil {
		return nil, err
	}
	source, err := netip.ParseAddr(p.Source)
	if err != nil {
		return nil, err
	}
	resolver, err := client.NewResolver(client.ResolverOptions{Server: s.status.DNS, Speed: s.status.Speed, Subnet: subnet})
	if err != nil {
		return nil, err
	}
	return client.New(client.Options{
		Resolver: resolver, RootCAs: s.roots, Timeout: 5 * time.Second, Source: source,
		Address: func(_ []string, ip netip.Addr, _ int) (netip.AddrPort, error) {
			return netip.AddrPortFrom(ip, s.edge.Port()), nil
		},
	})
}

// who asks a host which region it is, from a place, over TLS with the certificate checked.
func (s *seat) who(ctx context.Context, p Place, host string) (region string, err error) {
	c, err := s.at(p)
	if err != nil {
		return "", err
	}
	defer c.Close()
	return health(ctx, c, host)
}

// health asks a host which region it is.
func health(ctx context.Context, c *client.Client, host string) (region string, err error) {
	res, err := c.Get(ctx, "https://"+host+"/health")
	if err != nil {
		return "", err
	}
	var report struct {
		Region string `json:"region"`
	}
	if err := json.Unmarshal(res.Body, &report); err != nil || res.Status != 200 || report.Region == "" {
		return "", fmt.Errorf("%s answered %d: %s", host, res.Status, res.Body)
	}
	return report.Region, nil
}

// tally asks the shared name n times from each place, from all of them at once and each time with an empty cache, and counts the
// regions that answered.
func (s *seat) tally(ctx context.Context, n int) (map[string]map[string]int, error) {
	var group sync.WaitGroup
	shares, errs := make([]map[string]int, len(s.places)), make([]error, len(s.places))
	for i, p := range s.places {
		group.Go(func() {
			shares[i] = map[string]int{}
			for range n {
				region, err := s.who(ctx, p, s.status.Hostname)
				if err != nil {
					errs[i] = fmt.Errorf("from %s: %w", p.Code, err)
					return
				}
				shares[i][region]++
			}
		})
	}
	group.Wait()
	out := map[string]map[string]int{}
	for i, p := range s.places {
		out[p.Code] = shares[i]
	}
	return out, errors.Join(errs...)
}
