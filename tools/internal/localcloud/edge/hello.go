package edge

import (
	"encoding/binary"
	"errors"
	"strings"
)

// maxHello bounds what is read before a server name must have been seen: a ClientHello fits one TLS record of 16 KiB
// many times over.
const maxHello = 1 << 16

var (
	errNeedMore = errors.New("client hello is not complete yet")
	errNotTLS   = errors.New("not a TLS client hello")
	errNoName   = errors.New("client hello without a server name")
)

// serverName reads the server name (RFC 6066, 3) out of the first bytes a TLS client sends. errNeedMore asks for
// more bytes; every other error is final. The name is lower case and has no trailing dot.
func serverName(b []byte) (string, error) {
	hello, err := handshake(b)
	if err != nil {
		return "", err
	}
	// ClientHello (RFC 8446, 4.1.2): version, random, session id, cipher suites, compression methods, extensions.
	c := cursor(hello)
	if !c.skip(2+32) || !c.skipVector(1) || !c.skipVector(2) || !c.skipVector(1) {
		return "", errNotTLS
	}
	if len(c) == 0 {
		return "", errNoName // TLS 1.2 allows a hello without extensions
	}
	extensions, ok := c.vector(2)
	if !ok || len(c) != 0 {
		return "", errNotTLS
	}
	for len(extensions) > 0 {
		kind, ok := extensions.uint(2)
		if !ok {
			return "", errNotTLS
		}
		body, ok := extensions.vector(2)
		if !ok {
			return "", errNotTLS
		}
		if kind == 0 {
			return hostName(body)
		}
	}
	return "", errNoName
}

// handshake collects the ClientHello's body from as many TLS records as it is spread over.
func handshake(b []byte) ([]byte, error) {
	const header, recordHandshake, clientHello = 5, 22, 1
	var msg []byte
	for {
		if len(b) > 0 && b[0] != recordHandshake || len(b) > 1 && b[1] != 3 {
			return nil, errNotTLS
		}
		if len(b) < header {
			return nil, errNeedMore
		}
		n := int(binary.BigEndian.Uint16(b[3:]))
		if n == 0 || n > 1<<14 { // RFC 8446, 5.1: no empty handshake records, none above 2^14
			return nil, errNotTLS
		}
		part := b[header:min(len(b), header+n)]
		msg = append(msg, part...)
		if len(msg) > 0 && msg[0] != clientHello {
			return nil, errNotTLS
		}
		if len(msg) >= 4 {
			size := int(msg[1])<<16 | int(msg[2])<<8 | int(msg[3])
			if size > maxHello {
				return nil, errNotTLS
			}
			if len(msg) >= 4+size {
				return msg[4 : 4+size], nil
			}
		}
		if len(part) < n {
			return nil, errNeedMore
		}
		b = b[header+n:]
	}
}

// hostName reads the extension's body: a list of names, of which the first and only host name counts.
func hostName(body cursor) (string, error) {
	list, ok := body.vector(2)
	if !ok || len(body) != 0 {
		return "", errNotTLS
	}
	for len(list) > 0 {
		kind, ok := list.uint(1)
		if !ok {
			return "", errNotTLS
		}
		name, ok := list.vector(2)
		if !ok {
			return "", errNotTLS
		}
		if kind == 0 {
			if len(name) == 0 {
				return "", errNoName
			}
			return canonical(string(name)), nil
		}
	}
	return "", errNoName
}

// cursor reads length-prefixed fields; it only ever shrinks.
type cursor []byte

func (c *cursor) skip(n int) bool {
	if len(*c) < n {
		return false
	}
	*c = (*c)[n:]
	return true
}

// uint reads a number of 1 or 2 bytes.
func (c *cursor) uint(size int) (int, bool) {
	b := *c
	if !c.skip(size) {
		return 0, false
	}
	v := 0
	for _, x := range b[:size] {
		v = v<<8 | int(x)
	}
	return v, true
}

// vector reads a field preceded by its length of size bytes.
func (c *cursor) vector(size int) (cursor, bool) {
	n, ok := c.uint(size)
	if !ok {
		return nil, false
	}
	b := *c
	if !c.skip(n) {
		return nil, false
	}
	return b[:n:n], true
}

func (c *cursor) skipVector(size int) bool {
	_, ok := c.vector(size)
	return ok
}

func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
