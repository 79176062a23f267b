package monitor

import (
	"testing"
	"time"
)

// Names are answered by the profiles and the statuses that were kept while the manager is stale; probing goes on, and what the API tells is
// so.
func TestStale(t *testing.T) {
	within(t, 1, func(b *bench) {
		stale := false
		b.stale = func() bool { return stale }
		one := profile("top", "Priority", external("a", "b")...)
		b.apply(one)
		b.pass(time.Minute)
		b.Freeze()
		b.set(true, "a")
		b.pass(time.Minute)
		want := func(when, answer string, status Status) {
			t.Helper()
			if got := b.answer("top", "IAD"); got != answer {
				t.Errorf("%s the answer is %s, want %s", when, got, answer)
			}
			if got := b.Profiles()[0].Endpoints["a"]; got != status {
				t.Errorf("%s the first endpoint is told to be %s, want %s", when, got, status)
			}
		}
		want("with something kept and nobody stale", "b", Degraded)
		stale = true
		want("stale", "a", Degraded)
		one.Endpoints = one.Endpoints[1:]
		b.apply(one)
		if got := b.answer("top", "IAD"); got != "a" {
			t.Errorf("stale, with the first endpoint removed by the API: %s", got)
		}
		stale = false
		if got := b.answer("top", "IAD"); got != "b" {
			t.Errorf("when it is over: %s", got)
		}
	})
}
