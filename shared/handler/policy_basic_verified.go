package handler

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

const (
	maxVerified = 1024             // passwords of one policy
	verifiedFor = 5 * time.Minute  // until bcrypt is asked again
	verifiedKey = sha256.BlockSize // bytes
)

// verified remembers passwords that were right, so that bcrypt, which is slow on purpose, is not paid by every request of a client. What is
// kept is an HMAC of name, password and hash, under a random key that the process alone has: nobody who sees the memory of the map has a
// faster way to the passwords than with the hashes without that key, and another hash of the user's ends what was known of the one before.
type verified struct {
	key [verifiedKey]byte

	mu    sync.Mutex
	until map[digest]int64 // Unix seconds
}

func newVerified() *verified {
	v := &verified{until: map[digest]int64{}}
	_, _ = rand.Read(v.key[:]) // never fails
	return v
}

// has reports whether a password was right a while ago.
func (v *verified) has(name, password, hash string, now time.Time) bool {
	d := v.digest(name, password, hash)
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.until[d] > now.Unix()
}

// add remembers a password. Only what was right is kept, so that guesses push nothing out.
func (v *verified) add(name, password, hash string, now time.Time) {
	d := v.digest(name, password, hash)
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.until) >= maxVerified {
		for old, until := range v.until {
			if until <= now.Unix() {
				delete(v.until, old)
			}
		}
		for old := range v.until {
			if len(v.until) < maxVerified {
				break
			}
			delete(v.until, old) // any: it costs one bcrypt when it comes again
		}
	}
	v.until[d] = now.Add(verifiedFor).Unix()
}

// digest is the HMAC of the three, each after its length, so that no two of them read as others.
func (v *verified) digest(name, password, hash string) digest {
	mac := hmac.New(sha256.New, v.key[:])
	buf := make([]byte, 0, 256)
	for _, s := range []string{name, password, hash} {
		buf = append(binary.BigEndian.AppendUint32(buf, uint32(len(s))), s...)
	}
	_, _ = mac.Write(buf) // a hash takes everything
	var d digest
	mac.Sum(d[:0])
	return d
}
