package devserver

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

// serving is a version's handler, and how many requests it is at.
type serving struct {
	http.Handler
	asks bool // clients for certificates

	mu      sync.Mutex
	at      int
	retired bool
}

// serve has a request served by the version of the moment.
func serve(current *atomic.Pointer[serving], w http.ResponseWriter, r *http.Request) {
	v := current.Load()
	for !v.enter() { // it was replaced meanwhile
		v = current.Load()
	}
	defer v.leave()
	v.again(w, r)
	v.ServeHTTP(w, r)
}

func (s *serving) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.retired {
		return false
	}
	s.at++
	return true
}

func (s *serving) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at--; s.at == 0 && s.retired {
		_ = closeOf(s.Handler) // nobody is there to hear of it
	}
}

// retire takes no more requests, and closes the handler when those are served that it has.
func (s *serving) retire() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired = true
	if s.at > 0 {
		return nil
	}
	return closeOf(s.Handler)
}

func closeOf(h http.Handler) error {
	if c, ok := h.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
