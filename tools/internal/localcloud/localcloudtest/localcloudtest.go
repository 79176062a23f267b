// Package localcloudtest starts local clouds for a test.
package localcloudtest

import (
	"net/netip"
	"testing"

	"polygate.example/tools/internal/localcloud"
)

// Start starts local clouds in a folder that hold a zone of Route 53's, with nothing deployed, at speed 10 and on free ports. They
// end with the test. network is where their fronts would listen: tests of packages that run side by side have one each.
func Start(t *testing.T, dir, network, zone string) localcloud.State {
	t.Helper()
	free := netip.MustParseAddrPort("127.0.0.1:0")
	c, err := localcloud.Start(t.Context(), localcloud.Options{
		Dir: dir, Speed: 10, DNS: free, Edge: free, Origin: free, Network: netip.MustParseAddr(network),
		Zones: []localcloud.Zone{{Name: zone, Manager: "route53"}}, Log: t.Logf,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	st, err := localcloud.ReadState(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return st
}
