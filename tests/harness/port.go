package harness

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
)

// Ports that no system hands out by itself: Linux gives outgoing connections those from 32768 on (ip(7),
// ip_local_port_range), macOS from 49152 on. A port that an outgoing connection has, or had until a minute ago, cannot be
// listened on, and tests make thousands of those between the choice of a port and the last time that clouds start on it.
const firstPort, endPort = 20000, 32768

// guard is an address on which nothing serves: who listens there has spoken for the port, for all test processes of the machine.
var guard = netip.AddrFrom4([4]byte{127, 254, 254, 254})

// port is one that is free for TCP and UDP on 127.0.0.1, and spoken for until it is closed.
type port struct {
	addr netip.AddrPort
	io.Closer
}

func freePort() (port, error) {
	for range 100 {
		p := uint16(firstPort + rand.IntN(endPort-firstPort))
		held, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(guard, p)))
		if err != nil {
			continue
		}
		ap := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), p)
		if free(ap) {
			return port{ap, held}, nil
		}
		_ = held.Close() // nobody has come to know of it
	}
	return port{}, fmt.Errorf("found no port from %d to %d that is free for both TCP and UDP", firstPort, endPort-1)
}

func free(ap netip.AddrPort) bool {
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(ap))
	if err != nil {
		return false
	}
	u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(ap))
	if err == nil {
		err = u.Close()
	}
	return errors.Join(err, l.Close()) == nil
}
