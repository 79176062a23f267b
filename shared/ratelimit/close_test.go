package ratelimit_test

import (
	"sync/atomic"
	"testing"
	"time"

	"polygate.example/shared/ratelimit"
	"polygate.example/shared/ratelimit/ratelimittest"
)

// closable is a store that refuses everything once it is closed, as one without a connection does.
type closable struct{ *ratelimittest.Memory }

func (c closable) Close() error { c.Set(true, false, false); return nil }

// What a limiter still had to tell is told as its store is closed, and nothing fails after that: not what its timer would have sent, not what the last
// requests were granted, nor a try to reach the store.
func TestClose(t *testing.T) {
	for name, hangs := range map[string]bool{"serves": false, "hangs": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				store := closable{&ratelimittest.Memory{Latency: 4 * time.Millisecond}}
				var closed atomic.Bool
				guard := ratelimit.NewGuard(store, time.Now, func(err error) {
					if closed.Load() || !hangs {
						t.Errorf("told of %v", err)
					}
				})
				l := ratelimit.New(ratelimit.Options{Now: time.Now, After: time.AfterFunc,
					Shared: &ratelimit.Sharing{Guard: guard, Sync: period, Timeout: timeout, OnError: ratelimit.Local}})
				r := rate(t, 1, time.Hour, 100)
				for range 5 {
					l.Take(t.Context(), key(1), r)
				}
				store.Set(false, hangs, false)
				began := time.Now()
				if err := guard.Close(); err != nil {
					t.Error(err)
				}
				closed.Store(true)
				if took := time.Since(began); took > timeout {
					t.Errorf("it took %v", took)
				}
				want := int64(5)
				if hangs {
					want = 1
				}
				if n := (store.Spent() + int64(time.Minute)) / int64(time.Hour); n != want {
					t.Errorf("the store knows of %d, want %d", n, want)
				}
				for range 3 {
					l.Take(t.Context(), key(1), r)
					wait(2 * time.Second)
				}
			})
		})
	}
}
