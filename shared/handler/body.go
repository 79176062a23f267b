package handler

import (
	"io"
	"net/http/httputil"
	"sync"
)

// requestBody notes whether the client's body was touched, which rules out another attempt, and whether it broke.
type requestBody struct {
	io.ReadCloser
	mu     sync.Mutex // the transport reads in a goroutine of its own
	read   bool
	failed error
}

// Read notes the reading.
func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	b.read = true
	b.mu.Unlock()
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.mu.Lock()
		b.failed = err
		b.mu.Unlock()
	}
	return n, err
}

// touched reports whether some of the body has been read. A nil body has not.
func (b *requestBody) touched() bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read
}

// broke is why reading the body failed, nil if it did not. A nil body has not.
func (b *requestBody) broke() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}

// responseBody notes why a response broke off.
type responseBody struct {
	io.ReadCloser
	routing *routing
}

// Read notes an error.
func (b *responseBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.routing.brokenErr = err
		b.routing.exchange.failure = b.routing.explain(err) // heard only if none of the answer is out yet
	}
	return n, err
}

// buffers are reused for copying bodies.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

// Get returns a buffer of 32 KiB.
func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return p[:]
	}
	return make([]byte, bufferSize)
}

// Put takes a buffer back.
func (b *buffers) Put(p []byte) {
	if cap(p) >= bufferSize {
		b.pool.Put((*[bufferSize]byte)(p[:bufferSize]))
	}
}

var _ httputil.BufferPool = (*buffers)(nil)
