// Package redis is the store that gateways count in together: Redis from version 5 on, Valkey, or what speaks their protocol and
// runs scripts; one server or an endpoint that stands for the one that takes writes, no cluster of slots.
//
// The build tag without_redis leaves the client out of a binary.
package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// ErrAbsent is that the binary was built without the client.
var ErrAbsent = errors.New("this binary was built without redis: build it anew for this document")

// Address is where a server is and how to sign in.
type Address struct {
	Host     string // with port
	Username string
	Password string
	Database int
	TLS      bool
}

// ParseURL reads redis://user:password@host:port/database, or rediss:// for TLS. The error does not repeat any of it.
func ParseURL(text string) (Address, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Hostname() == "" || u.Opaque != "" || u.RawQuery != "" || u.Fragment != "" {
		return Address{}, errors.New("is no URL of the form rediss://user:password@host:port/database")
	}
	a := Address{Host: u.Host, TLS: u.Scheme == "rediss"}
	if u.Scheme != "redis" && u.Scheme != "rediss" {
		return Address{}, errors.New("has another scheme than redis or rediss")
	}
	if u.Port() == "" {
		a.Host += ":6379"
	}
	if u.User != nil {
		a.Username = u.User.Username()
		a.Password, _ = u.User.Password()
	}
	if path := strings.Trim(u.Path, "/"); path != "" {
		if a.Database, err = strconv.Atoi(path); err != nil || a.Database < 0 {
			return Address{}, errors.New("has a path that is no number of a database")
		}
	}
	return a, nil
}

// Options are how a server is found and reached.
type Options struct {
	// Address is asked before each try to connect, so that a password may change; its error must not hold a secret.
	Address func(ctx context.Context) (Address, error)
	// TLS is how a server that wants it is known; nil trusts what the system does.
	TLS *tls.Config
}
