package handler

import (
	"fmt"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"polygate.example/shared/gateway"
)

// BenchmarkRateLimit is what a limit adds to a request: alone, with a key that is known or ever new ones, and in a store without a
// network to speak of.
func BenchmarkRateLimit(b *testing.B) {
	server := miniredis.RunT(b)
	shared := func(mode string) *gateway.Shared {
		s := &gateway.Shared{Redis: gateway.Redis{Address: server.Addr()}, Mode: mode, Timeout: gateway.Duration(2 * time.Second), OnStoreError: gateway.StoreErrorDeny}
		if mode == gateway.ShareAsync {
			s.Sync = ms(200)
		}
		return s
	}
	for _, c := range []struct {
		name   string
		shared *gateway.Shared
		fresh  bool
	}{{"none", nil, false}, {"local", nil, false}, {"local, new keys", nil, true}, {"async", shared(gateway.ShareAsync), false}, {"strict", shared(gateway.ShareStrict), false}} {
		b.Run(c.name, func(b *testing.B) {
			p := gateway.RateLimit{Rate: 1_000_000, Per: gateway.Duration(time.Second), Burst: 1_000_000, By: []gateway.CountBy{{Kind: gateway.ByIP}}, Keys: 100_000, Shared: c.shared}
			m := withPolicies(b, map[string]gateway.Policy{"calls": {RateLimit: &p}}, "calls")
			if c.name == "none" {
				m = withPolicies(b, nil)
			}
			h := newHandler(b, m, Options{})
			r := get("/x")
			header := nowhere{map[string][]string{}}
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				if c.fresh {
					r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", i>>16&255, i>>8&255, i&255)
					i++
				}
				clear(header.header)
				h.ServeHTTP(header, r)
			}
		})
	}
}

// BenchmarkQuota is the same of a quota.
func BenchmarkQuota(b *testing.B) {
	p := gateway.Quota{Limit: 1 << 30, Period: "month", Zone: "Europe/Berlin", By: []gateway.CountBy{{Kind: gateway.ByIP}}, Keys: 100_000}
	h := newHandler(b, withPolicies(b, map[string]gateway.Policy{"calls": {Quota: &p}}, "calls"), Options{})
	r := get("/x")
	header := nowhere{map[string][]string{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(header.header)
		h.ServeHTTP(header, r)
	}
}
