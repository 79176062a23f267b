package client

import (
	"math/rand/v2"
	"net/http"
	"time"
)

// maxDoublings of the pause between two attempts.
const maxDoublings = 5

// again waits before the next attempt and reports whether there is to be one after the nth.
func (c *Client) again(req *http.Request, r Result, err error, n int) bool {
	if !repeatable(req) || !worthwhile(r, err) {
		return false
	}
	t := time.NewTimer(c.pause(n))
	defer t.Stop()
	select {
	case <-t.C:
	case <-req.Context().Done():
		return false
	}
	return true
}

// pause is drawn for after the nth attempt: the "full jitter" of the AWS Architecture Blog's Exponential Backoff And Jitter.
func (c *Client) pause(n int) time.Duration {
	return rand.N(c.o.Backoff<<min(n-1, maxDoublings) + 1)
}

// repeatable reports requests that have the same effect made twice (RFC 9110, 9.2.2), and whose body can be sent again.
func repeatable(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
	default:
		return false
	}
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

// worthwhile reports outcomes that may be another the next time. The statuses are those of a gateway that had no answer
// (RFC 9110, 15.6.3 to 15.6.5) and of a limit (RFC 6585, 4).
func worthwhile(r Result, err error) bool {
	if err != nil {
		return !permanent(err)
	}
	switch r.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
