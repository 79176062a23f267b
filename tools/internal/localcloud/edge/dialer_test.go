package edge

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"polygate.example/tools/internal/localcloud/dns"
	"polygate.example/tools/internal/localcloud/plane"
)

func site(listen string, names ...string) plane.Site {
	s := plane.Site{ID: listen + names[0], Listen: netip.MustParseAddrPort(listen)}
	for _, n := range names {
		s.Hosts = append(s.Hosts, plane.Host{Name: n})
	}
	return s
}

// book is a Resolve from a list: chain parted by blanks, then "=", then addresses.
func book(entries ...string) Resolve {
	return func(_ context.Context, name string) (dns.Resolution, error) {
		for _, e := range entries {
			chain, addrs, _ := strings.Cut(e, " = ")
			r := dns.Resolution{Chain: strings.Fields(chain)}
			if r.Chain[0] != canonical(name) {
				continue
			}
			for _, a := range strings.Fields(addrs) {
				r.Addrs = append(r.Addrs, netip.MustParseAddr(a))
			}
			return r, nil
		}
		return dns.Resolution{}, dns.ErrNoAddress
	}
}

const (
	awsChain = "api.polygate.test use1.aws.api.polygate.test d-use1.execute-api.example"
	gcpChain = "api2.polygate.test usc1.gcp.api.polygate.test"
)

func TestRoute(t *testing.T) {
	multi := []plane.Site{ // a loopback address for each region
		site("127.0.1.1:8443", "d-use1.execute-api.example", "use1.aws.api.polygate.test", "api.polygate.test"),
		site("127.0.1.2:8443", "usc1.gcp.api.polygate.test", "api.polygate.test"),
		site("127.0.1.2:8444", "gateway-xyz.a.run.example"), // a second front at the same address
	}
	single := []plane.Site{ // one address, regions differ by port
		site("127.0.0.1:9001", "d-use1.execute-api.example", "use1.aws.api.polygate.test", "api.polygate.test"),
		site("127.0.0.1:9002", "USC1.gcp.api.polygate.test.", "api.polygate.test", "api2.polygate.test"),
		site("127.0.0.1:9003", "euw1.aws.api.polygate.test", "api.polygate.test", "api2.polygate.test"),
	}
	shared := []plane.Site{ // two sites behind one listener are one way to go
		site("127.0.0.1:9001", "a.test"), site("127.0.0.1:9001", "b.test"),
	}
	tests := []struct {
		name  string
		sites []plane.Site
		book  string
		host  string
		port  int
		want  string // "" is ErrNoSite
	}{
		{"by address", multi, awsChain + " = 127.0.1.1", "api.polygate.test", 443, "127.0.1.1:8443"},
		{"case and last dot do not matter", multi, awsChain + " = 127.0.1.1", "API.polygate.test.", 443, "127.0.1.1:8443"},
		{"two fronts at an address: by the final owner", multi, gcpChain + " = 127.0.1.2", "api2.polygate.test", 443, "127.0.1.2:8443"},
		{"two fronts at an address: the other", multi, "gateway-xyz.a.run.example = 127.0.1.2", "gateway-xyz.a.run.example", 443, "127.0.1.2:8444"},
		{"the front's own port", multi, gcpChain + " = 127.0.1.2", "api2.polygate.test", 8444, "127.0.1.2:8444"},
		{"a port nobody has", multi, awsChain + " = 127.0.1.1", "api.polygate.test", 80, ""},
		{"an address nobody has", multi, awsChain + " = 127.0.1.9", "api.polygate.test", 443, ""},
		{"one address of two is ours", multi, awsChain + " = 127.0.1.9 127.0.1.1", "api.polygate.test", 443, "127.0.1.1:8443"},
		{"an address instead of a name", multi, "x = ", "127.0.1.1", 443, "127.0.1.1:8443"},
		{"an address with two fronts and no name", multi, "x = ", "127.0.1.2", 443, ""},
		{"single address: by the final owner", single, awsChain + " = 127.0.0.1", "api.polygate.test", 443, "127.0.0.1:9001"},
		{"single address: the owner is an A record's", single, gcpChain + " = 127.0.0.1", "api2.polygate.test", 443, "127.0.0.1:9002"},
		{"single address: an owner no front knows, the name before decides", single,
			"api2.polygate.test euw1.aws.api.polygate.test d-9.example = 127.0.0.1", "api2.polygate.test", 443, "127.0.0.1:9003"},
		{"single address: an alias name only another front knows does not win over the owner", single,
			"euw1.aws.api.polygate.test use1.aws.api.polygate.test = 127.0.0.1", "euw1.aws.api.polygate.test", 443, "127.0.0.1:9001"},
		{"single address: a name all fronts share", single, "api.polygate.test = 127.0.0.1", "api.polygate.test", 443, ""},
		{"one listener for two sites", shared, "b.test = 127.0.0.1", "b.test", 443, "127.0.0.1:9001"},
		{"no sites", nil, "b.test = 127.0.0.1", "b.test", 443, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := NewDialer(book(tt.book))
			d.Apply(tt.sites)
			got, err := d.Route(t.Context(), tt.host, tt.port)
			if tt.want == "" {
				if !errors.Is(err, ErrNoSite) {
					t.Errorf("%v, %v: want ErrNoSite", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != 1 || got[0].String() != tt.want {
				t.Errorf("%v, want %s", got, tt.want)
			}
		})
	}
}

func TestDialContextRefuses(t *testing.T) {
	d := NewDialer(book("b.test = 127.0.0.1"))
	for _, tt := range []struct{ network, address string }{
		{"tcp", "no-port.test"}, {"tcp", "b.test:https"}, {"tcp", "b.test:65536"}, {"udp", "b.test:443"}, {"tcp", "unknown.test:443"},
	} {
		if c, err := d.DialContext(t.Context(), tt.network, tt.address); err == nil {
			t.Errorf("%s %s: no error", tt.network, tt.address)
			_ = c.Close()
		}
	}
}
