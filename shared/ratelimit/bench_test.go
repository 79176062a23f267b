package ratelimit_test

import (
	"testing"
	"time"

	"polygate.example/shared/ratelimit"
	"polygate.example/shared/ratelimit/ratelimittest"
)

// BenchmarkTake is one decision: alone, of a key that is known or of ever new ones with the table full, and on a shared count.
func BenchmarkTake(b *testing.B) {
	r := rate(b, 1_000_000, time.Second, 1_000_000)
	alone := ratelimit.New(ratelimit.Options{Now: time.Now})
	full := ratelimit.New(ratelimit.Options{Now: time.Now, Keys: 100_000})
	for i := range uint64(100_000) {
		full.Take(b.Context(), key(i+1<<40), r)
	}
	for _, c := range []struct {
		name  string
		l     *ratelimit.Limiter
		fresh bool
	}{{"known key", alone, false}, {"new keys", full, true}, {"async", gateway(&ratelimittest.Memory{}, period, ratelimit.Local, nil), false}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			k, i := key(0), uint64(0)
			for b.Loop() {
				if c.fresh {
					i++
					k = key(i)
				}
				c.l.Take(b.Context(), k, r)
			}
		})
	}
}
