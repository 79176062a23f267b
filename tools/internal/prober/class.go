package prober

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"polygate.example/tools/client"
)

// Class is how a request ended.
type Class uint8

// The classes.
const (
	None    Class = iota // right
	DNS                  // the name did not lead to an address, in time or at all
	Connect              // no connection came about
	TLS                  // no TLS connection did, or the certificate is not to be trusted
	Timeout              // the time was over, in whatever came after DNS
	Status               // answered 429 or from 500 on: that no answer can be given
	Body                 // the connection ended before the whole response had come
	Wrong                // a whole response, and not the right one
	Missed               // not sent: the client had too many under way, or the prober was late
	classes
)

// String is the class in one word, as reports have it.
func (c Class) String() string {
	names := [classes]string{"none", "dns", "connect", "tls", "timeout", "status", "body", "wrong", "missed"}
	if c >= classes {
		return fmt.Sprintf("class %d", uint8(c))
	}
	return names[c]
}

// MarshalText writes the class as String does.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// classify says which region answered, how a request ended, and what was wrong with it.
func classify(r client.Result, err error, right func(client.Result) (string, error)) (region string, class Class, detail string) {
	if err != nil {
		return "", classOf(r.Phase, err), cause(err)
	}
	region, err = right(r)
	switch {
	case r.Status == http.StatusTooManyRequests || r.Status >= http.StatusInternalServerError:
		return region, Status, fmt.Sprintf("answered %d", r.Status)
	case err != nil:
		return region, Wrong, cause(err)
	}
	return region, None, ""
}

func classOf(reached client.Phase, err error) Class {
	var network net.Error
	switch {
	case reached == client.Resolving:
		return DNS
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout():
		return Timeout
	case reached == client.Connecting:
		return Connect
	case reached == client.Securing:
		return TLS
	}
	return Body
}

// cause is an error without what was wrapped around it: addresses and ports of one request would make every text another.
func cause(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return fmt.Sprintf("%s: %s", op.Op, op.Err)
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}
