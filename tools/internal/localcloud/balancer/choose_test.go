package balancer

import (
	"fmt"
	"testing"

	"polygate.example/tools/internal/localcloud/place"
	"polygate.example/tools/internal/localcloud/plane"
)

func disabled(p plane.Pool) plane.Pool {
	p.Disabled = true
	return p
}

func at(p plane.Pool, lat, lon float64) plane.Pool {
	p.Lat, p.Lon = lat, lon
	return p
}

// What a client is answered where everything is known at once: nothing is probed, and what is disabled counts as down. The
// die shows what the row says.
func TestSteering(t *testing.T) {
	const steering = "developers.cloudflare.com/load-balancing/understand-basics/traffic-steering/steering-policies/"
	const health = "developers.cloudflare.com/load-balancing/understand-basics/health-details"
	p1, p2, p3 := unmonitored("p1", "o1"), unmonitored("p2", "o2"), unmonitored("p3", "o3")
	dead := monitored("dead", "o4") // never probed at this speed
	geo := func(lb *plane.Balancer) {
		lb.Steering, lb.Default = "geo", []string{"p1", "p2"}
		lb.Regions, lb.Countries = map[string][]string{"WEU": {"p2", "p1"}, "NEAS": {"p3"}}, map[string][]string{"DE": {"p3", "p1"}}
	}
	random := func(weights ...float64) func(*plane.Balancer) {
		return func(lb *plane.Balancer) {
			lb.Steering, lb.Weights = "random", map[string]float64{}
			for i, w := range weights {
				lb.Weights[fmt.Sprintf("p%d", i+1)] = w
			}
		}
	}
	weighed := unmonitored("p1", "o1", "o2", "o3")
	weighed.Origins[0].Weight, weighed.Origins[1].Weight, weighed.Origins[2].Weight = 0.25, 0.5, 0
	spent := unmonitored("p1", "o1", "o3") // all but the one of weight 0 are gone
	spent.Origins[0].Disabled, spent.Origins[1].Weight = true, 0
	for _, c := range []struct {
		name, source string
		change       func(*plane.Balancer)
		pools        []plane.Pool
		draw         float64
		client, want string
	}{
		{"off: the first", steering + "standard-options", nil, []plane.Pool{p1, p2}, 0, "IAD", "o1 30"},
		{"off: the next after a disabled one", steering + "standard-options", nil, []plane.Pool{disabled(p1), p2, p3}, 0, "IAD", "o2 30"},
		{"not probed yet is down", health + ": Origins are considered down when ... the health status is still unknown", nil, []plane.Pool{p1, dead}, 0, "IAD", "o1 30"},
		{"not probed yet is passed over", health, func(lb *plane.Balancer) { lb.Default = []string{"dead", "p1"} }, []plane.Pool{p1, dead}, 0, "IAD", "o1 30"},
		{"the fallback pool's health does not count", health + ", Fallback pools", nil, []plane.Pool{dead, disabled(p1)}, 0, "IAD", "o4 30"},
		{"a disabled fallback pool is no answer", health + ": you will see the SOA record", nil, []plane.Pool{disabled(p1), disabled(p2)}, 0, "IAD", "none"},
		{"fewer healthy ones than the threshold", health + ": Critical", func(lb *plane.Balancer) { lb.Pools[0].MinimumOrigins = 2 },
			[]plane.Pool{unmonitored("p1", "o1"), p2}, 0, "IAD", "o2 30"},
		{"the TTL is the balancer's", "pulumi-cloudflare, LoadBalancerArgs.Ttl", func(lb *plane.Balancer) { lb.TTL = 45 }, []plane.Pool{p1}, 0, "IAD", "o1 45"},
		{"a disabled balancer leaves the name to the records", "developers.cloudflare.com/load-balancing/load-balancers/dns-records, Disabling a load balancer",
			func(lb *plane.Balancer) { lb.Disabled = true }, []plane.Pool{p1}, 0, "IAD", "not ours"},
		{"proxied: Cloudflare's own address, for the automatic TTL", "developers.cloudflare.com/dns/manage-dns-records/reference/ttl",
			func(lb *plane.Balancer) { lb.Proxied = true }, []plane.Pool{p1}, 0, "IAD", "edge 300"},

		{"random: the first share", steering + "standard-options, Random steering", random(0.25, 0.75), []plane.Pool{p1, p2}, 0.24, "IAD", "o1 30"},
		{"random: the second share", steering + "standard-options, Random steering", random(0.25, 0.75), []plane.Pool{p1, p2}, 0.26, "IAD", "o2 30"},
		{"random: shares of those left", health + ", Traffic distribution: All other methods", random(0.5, 0.25, 0.75), []plane.Pool{disabled(p1), p2, p3}, 0.9, "IAD", "o3 30"},
		{"random: none for weight 0", "pulumi-cloudflare, LoadBalancerRandomSteering", random(0, 1), []plane.Pool{p1, p2}, 0, "IAD", "o2 30"},
		{"random: weight 0 is no way out", "pulumi-cloudflare, LoadBalancerRandomSteering", random(0, 1, 0), []plane.Pool{p3, p1, disabled(p2)}, 0, "IAD", "o3 30"},

		{"proximity: the nearest", steering + "proximity-steering", func(lb *plane.Balancer) { lb.Steering = "proximity" }, []plane.Pool{at(p1, 39, -77), at(p2, 50, 9), at(p3, 35, 139)}, 0, "FRA", "o2 30"},
		{"proximity: elsewhere", steering + "proximity-steering", func(lb *plane.Balancer) { lb.Steering = "proximity" }, []plane.Pool{at(p1, 39, -77), at(p2, 50, 9), at(p3, 35, 139)}, 0, "SYD", "o3 30"},
		{"proximity: the next nearest", steering + "proximity-steering", func(lb *plane.Balancer) { lb.Steering = "proximity" }, []plane.Pool{at(p1, 39, -77), disabled(at(p2, 50, 9)), at(p3, 35, 139)}, 0, "FRA", "o1 30"},

		{"geo: the country", steering + "geo-steering, Country steering", geo, []plane.Pool{p1, p2, p3}, 0, "FRA", "o3 30"},
		{"geo: the region without a country", steering + "geo-steering: fall back to using the corresponding region_pool", geo, []plane.Pool{p1, p2, p3}, 0, "LHR", "o2 30"},
		{"geo: the default for the others", steering + "geo-steering: and finally to associated default pools", geo, []plane.Pool{p1, p2, p3}, 0, "GRU", "o1 30"},
		{"geo: failover order within a place", steering + "geo-steering: in failover order", geo, []plane.Pool{p1, p2, disabled(p3)}, 0, "FRA", "o1 30"},
		{"geo: the fallback pool where a place has no other", steering + "geo-steering, Failover behavior", geo, []plane.Pool{p1, p2, disabled(p3)}, 0, "NRT", "o1 30"},

		{"origins: by weight", "developers.cloudflare.com/load-balancing, Weights", nil, []plane.Pool{weighed}, 0.32, "IAD", "o1 30"},
		{"origins: the larger share", "developers.cloudflare.com/load-balancing, Weights", nil, []plane.Pool{weighed}, 0.34, "IAD", "o2 30"},
		{"origins: none for weight 0", "developers.cloudflare.com/load-balancing, Weights", nil, []plane.Pool{weighed}, 0.999, "IAD", "o2 30"},
		{"origins: weight 0 is no way out", "developers.cloudflare.com/load-balancing, Weights", nil, []plane.Pool{spent, p2}, 0, "IAD", "o2 30"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newBed(t, 4, 1)
			d.draw = c.draw
			d.balance(c.change, c.pools...)
			if got := d.asks(c.client); got != c.want {
				t.Errorf("answer is %q, want %q (%s)", got, c.want, c.source)
			}
		})
	}
}

// Over many draws the shares are the weights'.
func TestShares(t *testing.T) {
	d := newBed(t, 3, 1)
	d.balance(func(lb *plane.Balancer) {
		lb.Steering, lb.Weights = "random", map[string]float64{"p1": 0.1, "p2": 0.3, "p3": 0.6}
	}, unmonitored("p1", "o1"), unmonitored("p2", "o2"), unmonitored("p3", "o3"))
	counts := map[string]int{}
	for i := range 1000 {
		d.draw = float64(i) / 1000
		counts[d.asks("IAD")]++
	}
	for name, want := range map[string]int{"o1 30": 100, "o2 30": 300, "o3 30": 600} {
		if got := counts[name]; got < want-1 || got > want+1 {
			t.Errorf("%s has %d of 1000, want %d", name, got, want)
		}
	}
}

// Every place that a client can be at lies in a region.
func TestRegionOf(t *testing.T) {
	for _, p := range place.Clients() {
		if RegionOf(p) == "" {
			t.Errorf("%s (%s) is in no region", p.Code, p.City)
		}
	}
}
