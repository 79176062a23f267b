package localcloud

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"polygate.example/tools/internal/localcloud/resource"
)

// addresses gives every front a loopback address of its own, all on the edge's port, so that a client that follows DNS
// needs to know one port only. Where the system has a single loopback address, as macOS does, every front gets a port of
// its own on 127.0.0.1 instead. What was given out is kept in the store.
type addresses struct {
	network netip.Addr // the first front gets the address after it
	port    uint16
	single  bool
	store   *resource.Store
	log     func(format string, args ...any)

	mu sync.Mutex
}

var _ resource.Addresses = (*addresses)(nil)

// one is the loopback address that every system has. Given as the network, it asks for a port each on it.
var one = netip.AddrFrom4([4]byte{127, 0, 0, 1})

const (
	lastNote    = "addresses/last"    // counts the addresses given out
	networkNote = "addresses/network" // the network they are of
)

// newAddresses refuses another network than the one that addresses were given out of: they are in DNS records and outputs.
func newAddresses(network netip.Addr, port uint16, store *resource.Store, log func(string, ...any)) (*addresses, error) {
	if given, ok := store.Note(networkNote); ok && given != network.String() {
		return nil, fmt.Errorf("what is deployed has addresses of the network %s, and polygate:localClouds.network is %s: put it back, or `polygate destroy` first", given, network)
	}
	a := &addresses{network: network, port: port, store: store, log: log}
	if network == one {
		a.single = true
		return a, nil
	}
	l, err := net.Listen("tcp", netip.AddrPortFrom(network.Next(), 0).String())
	if err != nil {
		a.single = true
		return a, nil
	}
	l.Close()
	return a, nil
}

// Allocate returns the key's address, a new one for a new key.
func (a *addresses) Allocate(key string) netip.AddrPort {
	a.mu.Lock()
	defer a.mu.Unlock()
	note := "addresses/" + key
	if text, ok := a.store.Note(note); ok {
		if ap, err := netip.ParseAddrPort(text); err == nil {
			if !a.single { // the dial of the edge may have been turned since
				ap = netip.AddrPortFrom(ap.Addr(), a.port)
			}
			return ap
		}
	}
	text, _ := a.store.Note(lastNote)
	last, err := strconv.Atoi(text)
	if err != nil {
		last = 0 // none was given out yet
	}
	last++
	var ap netip.AddrPort
	if a.single {
		ap = netip.AddrPortFrom(one, a.port+uint16(last))
	} else {
		ip := a.network
		for range last {
			ip = ip.Next()
		}
		ap = netip.AddrPortFrom(ip, a.port)
	}
	for k, v := range map[string]string{lastNote: fmt.Sprint(last), networkNote: a.network.String(), note: ap.String()} {
		if err := a.store.SetNote(k, v); err != nil {
			a.log("the address of %s is not kept: %v", key, err)
		}
	}
	return ap
}
