package handler

import (
	"crypto/sha256"
	"errors"
	"sync"
)

// maxNonces is how many nonces of one key are remembered at most: some 8 MB. With a window of six minutes it is 270 requests a second.
const maxNonces = 100_000

var (
	errReplayed  = errors.New("its nonce was used before")
	errManyNonce = errors.New("too many nonces of the key are remembered")
)

// nonces remember what one key has signed, for as long as a signature is good. They belong to the process: another instance does not know them.
// There are two generations, and when the younger is as old as the window the older goes, so that nothing has to be searched for what is over.
type nonces struct {
	window int64 // seconds for which a nonce has to be known

	mu    sync.Mutex
	since int64 // Unix seconds, of young
	young map[[16]byte]struct{}
	old   map[[16]byte]struct{}
}

// use notes a nonce; an error if it is known, or if no more can be noted. Then nothing may pass: a nonce that is forgotten early could be used again.
func (n *nonces) use(nonce string, now int64) error {
	sum := sha256.Sum256([]byte(nonce))
	key := [16]byte(sum[:16])
	n.mu.Lock()
	defer n.mu.Unlock()
	switch age := now - n.since; {
	case n.young == nil || age >= 2*n.window:
		n.young, n.old, n.since = map[[16]byte]struct{}{}, nil, now
	case age >= n.window:
		n.young, n.old, n.since = map[[16]byte]struct{}{}, n.young, now
	}
	if _, known := n.young[key]; known {
		return errReplayed
	}
	if _, known := n.old[key]; known {
		return errReplayed
	}
	if len(n.young)+len(n.old) >= maxNonces {
		return errManyNonce
	}
	n.young[key] = struct{}{}
	return nil
}
