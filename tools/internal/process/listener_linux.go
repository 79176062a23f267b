package process

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Listener finds who holds an address, on network "tcp" or "udp": the process and its command line. It knows nothing of
// processes that belong to somebody else, and then reports false.
func Listener(network string, at netip.AddrPort) (pid int, command []string, ok bool) {
	var sockets []string // as links in /proc/<pid>/fd name them
	for _, table := range []string{network, network + "6"} {
		b, err := os.ReadFile(filepath.Join("/proc/net", table))
		if err != nil {
			continue // without IPv6
		}
		for line := range strings.Lines(string(b)) {
			if inode, found := listens(line, network, at); found {
				sockets = append(sockets, "socket:["+inode+"]")
			}
		}
	}
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil || len(sockets) == 0 {
		return 0, nil, false
	}
	for _, l := range links {
		target, err := os.Readlink(l)
		if err != nil || !slices.Contains(sockets, target) {
			continue
		}
		dir := filepath.Dir(filepath.Dir(l))
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil {
			continue
		}
		if pid, err = strconv.Atoi(filepath.Base(dir)); err == nil {
			return pid, strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00"), true
		}
	}
	return 0, nil, false
}

// listens reads a line of /proc/net/tcp or its like (proc_pid_net(5)): its fields are a number, the local address, the remote
// one, the state and, as the tenth, the socket's inode. A TCP socket that listens has the state 0A; a UDP socket has no such
// state. One that is bound to every address holds this one too.
func listens(line, network string, at netip.AddrPort) (inode string, ok bool) {
	f := strings.Fields(line)
	if len(f) < 10 || network == "tcp" && f[3] != "0A" {
		return "", false
	}
	host, port, _ := strings.Cut(f[1], ":")
	raw, err := hex.DecodeString(host)
	if err != nil || port != fmt.Sprintf("%04X", at.Port()) {
		return "", false
	}
	for word := range slices.Chunk(raw, 4) { // each word of the address in this machine's order, which is little endian
		slices.Reverse(word)
	}
	ip, ok := netip.AddrFromSlice(raw)
	return f[9], ok && (ip.IsUnspecified() || ip.Unmap() == at.Addr().Unmap())
}
