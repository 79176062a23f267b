package process

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
)

func TestListener(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), l.Addr().(*net.TCPAddr).AddrPort().Port())
		if pid, command, ok := Listener("tcp", at); !ok || pid != os.Getpid() || !slices.Equal(command, os.Args) {
			t.Errorf("%s: process %d, %q, %v", address, pid, command, ok)
		}
		if pid, _, ok := Listener("udp", at); ok && pid == os.Getpid() {
			t.Errorf("%s: TCP was taken for UDP", address)
		}
		l.Close()
		if pid, _, ok := Listener("tcp", at); ok && pid == os.Getpid() {
			t.Errorf("%s is held after it was closed", address)
		}
	}
	u, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	at := u.LocalAddr().(*net.UDPAddr).AddrPort()
	if pid, _, ok := Listener("udp", at); !ok || pid != os.Getpid() {
		t.Errorf("UDP: process %d, %v", pid, ok)
	}
	elsewhere := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), at.Port())
	if pid, _, ok := Listener("udp", elsewhere); ok && pid == os.Getpid() {
		t.Error("an address that is not held is")
	}
}
