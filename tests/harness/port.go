package harness

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
)

// Ports that no system hands out by itself: Linux gives outgoing connections those from 32768 on (ip(7),
// ip_local_port_range), macOS from 49152 on. A port that an outgoing connection has, or had until a minute ago, cannot be
// listened on, and tests make thousands of those between the choice of a port and the last time that clouds start on it.
const firstPort, endPort = 20000, 32768

// freePort finds a port that is free for TCP and UDP.
func freePort() (uint16, error) {
	for range 100 {
		ap := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(firstPort+rand.IntN(endPort-firstPort)))
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(ap))
		if err != nil {
			continue
		}
		u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(ap))
		_ = l.Close() // both were only tried
		if err == nil {
			_ = u.Close()
			return ap.Port(), nil
		}
	}
	return 0, errors.New("found no port that is free for both TCP and UDP")
}
