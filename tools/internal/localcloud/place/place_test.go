package place

import (
	"net/netip"
	"testing"
)

// A client is where its subnet and its source address say, and anybody else is at the first place.
func TestOf(t *testing.T) {
	for _, p := range Clients() {
		for _, a := range []netip.Addr{p.Subnet().Addr().Next(), p.Source()} {
			if got := Of(a); got.Code != p.Code {
				t.Errorf("%s is in %s, want %s", a, got.Code, p.Code)
			}
		}
	}
	for _, a := range []string{"127.0.0.1", "192.0.2.1", "::1", "198.18.200.1", "2001:db8::1"} {
		if got := Of(netip.MustParseAddr(a)); got.Code != "IAD" {
			t.Errorf("%s is in %s, want the first place", a, got.Code)
		}
	}
}

// The nearest region is the one an atlas names.
func TestNearest(t *testing.T) {
	names := []string{"aws/us-east-1", "gcp/us-west1", "azure/westeurope", "aws/ap-northeast-1", "aws/sa-east-1"}
	for code, want := range map[string]string{
		"IAD": "aws/us-east-1", "SFO": "gcp/us-west1", "FRA": "azure/westeurope", "NRT": "aws/ap-northeast-1", "GRU": "aws/sa-east-1", "LOS": "azure/westeurope",
	} {
		client, ok := Client(code)
		if !ok {
			t.Fatalf("no client place %s", code)
		}
		best := ""
		for _, n := range names {
			at, ok := Region(n)
			if !ok {
				t.Fatalf("no region %s", n)
			}
			if b, _ := Region(best); best == "" || RoundTrip(client, at) < RoundTrip(client, b) {
				best = n
			}
		}
		if best != want {
			t.Errorf("nearest to %s is %s, want %s", code, best, want)
		}
	}
}

// Around the world and back: half the equator is 20,015 km.
func TestDistance(t *testing.T) {
	if d := Distance(Place{Lon: 0}, Place{Lon: 180}); d < 20014 || d > 20016 {
		t.Errorf("half the equator is %.0f km", d)
	}
	if d := Distance(clients[0], clients[0]); d != 0 {
		t.Errorf("a place is %f km from itself", d)
	}
}
