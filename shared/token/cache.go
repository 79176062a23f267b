package token

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// maxCached is how many verified tokens a verifier keeps: with those of up to maxCachedToken bytes, some 10 MB at the very worst.
	maxCached      = 1024
	maxCachedToken = 4 << 10
	// maxCachedFor bounds how long a token without an end is kept.
	maxCachedFor = time.Hour
)

// cache keeps what was made of tokens that were verified, by the hash of the whole token, so that a token's second request costs a
// hundredth of its first. What is kept was verified by one set of keys and is good with that one only: when a key is withdrawn,
// so are its tokens.
//
// It is in two halves: what is asked for moves to the young one, and when that is full it becomes the old one, and what was old is
// forgotten.
type cache[T any] struct {
	half int

	mu         sync.Mutex
	young, old map[[sha256.Size]byte]cached[T]
}

type cached[T any] struct {
	made  T
	set   *Set
	until time.Time
}

func newCache[T any](size int) *cache[T] {
	return &cache[T]{half: max(size/2, 1), young: map[[sha256.Size]byte]cached[T]{}}
}

func (c *cache[T]) get(hash [sha256.Size]byte, set *Set, now time.Time) (T, bool) {
	var none T
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.young[hash]
	if !ok {
		if found, ok = c.old[hash]; !ok {
			return none, false
		}
	}
	if found.set != set || !now.Before(found.until) {
		delete(c.young, hash)
		delete(c.old, hash)
		return none, false
	}
	c.keep(hash, found)
	return found.made, true
}

func (c *cache[T]) put(hash [sha256.Size]byte, entry cached[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(hash, entry)
}

// keep puts an entry into the young half. The lock is held.
func (c *cache[T]) keep(hash [sha256.Size]byte, entry cached[T]) {
	if _, ok := c.young[hash]; !ok && len(c.young) >= c.half {
		c.old, c.young = c.young, make(map[[sha256.Size]byte]cached[T], c.half)
	}
	c.young[hash] = entry
}

// size is how many entries there are, those that lie in both halves twice.
func (c *cache[T]) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.young) + len(c.old)
}
