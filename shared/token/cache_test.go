package token

import (
	"crypto/sha256"
	"strconv"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/jwk"
)

// A token that was verified is good until it ends, and no longer.
func TestCachedUntilItEnds(t *testing.T) {
	k, c := keyPairs(), newClock()
	v := newVerifier(allRules, NewFixed([]jwk.Key{key("", &k.p256.PublicKey)}), c.now)
	token := sign(t, "ES256", k.p256, nil, with("exp", epoch.Add(time.Minute).Unix()))
	wantReason(t, v, token, "")
	c.pass(time.Minute + allRules.Leeway - time.Second)
	wantReason(t, v, token, "")
	if v.cache.size() != 1 {
		t.Errorf("%d are kept, want 1", v.cache.size())
	}
	c.pass(time.Second)
	wantReason(t, v, token, Expired)
	if v.cache.size() != 0 {
		t.Errorf("%d are kept, want none", v.cache.size())
	}
}

// What is refused is not kept, nor what is long.
func TestNotCached(t *testing.T) {
	k, c := keyPairs(), newClock()
	v := newVerifier(allRules, NewFixed([]jwk.Key{key("", &k.p256.PublicKey)}), c.now)
	wantReason(t, v, sign(t, "ES256", k.other, nil, with()), BadSignature)
	wantReason(t, v, sign(t, "ES256", k.p256, nil, with("a", strings.Repeat("a", maxCachedToken))), "")
	if v.cache.size() != 0 {
		t.Errorf("%d are kept, want none", v.cache.size())
	}
}

// The cache stays within its size, and what is asked for stays in it.
func TestCacheBounded(t *testing.T) {
	c, set := newCache[int](64), NewSet(nil)
	hash := func(s string) [sha256.Size]byte { return sha256.Sum256([]byte(s)) }
	c.put(hash("busy"), cached[int]{0, set, epoch.Add(time.Hour)})
	for i := range 10_000 {
		c.put(hash(strconv.Itoa(i)), cached[int]{0, set, epoch.Add(time.Hour)})
		if _, ok := c.get(hash("busy"), set, epoch); !ok {
			t.Fatalf("after %d others the busy one is gone", i)
		}
		if n := c.size(); n > 64 {
			t.Fatalf("%d entries", n)
		}
	}
	if _, ok := c.get(hash("busy"), NewSet(nil), epoch); ok {
		t.Error("it is good with other keys")
	}
}
