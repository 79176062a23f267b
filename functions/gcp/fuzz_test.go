package gcp

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// FuzzClient lets a client send any X-Forwarded-For, in any number of lines, through either of Google's fronts. What the
// fronts append is documented: "<client-ip>,<load-balancer-ip>" by an external Application Load Balancer ("External
// Application Load Balancer overview", X-Forwarded-For header), the client's address alone before a default URL. Nothing
// that the client wrote may come out as its address.
//
// The host is a free choice at the balancer, which takes any. A default URL is reached by its own name only, in whichever
// spelling; the fuzzed one stands before its suffix there.
func FuzzClient(f *testing.F) {
	for _, s := range []struct {
		sent, host string
		balancer   bool
		newLine    bool
	}{
		{"", "api.example.com", true, false},
		{"198.51.100.9", "api.example.com", true, true},
		{"198.51.100.9, 10.0.0.1", "api.example.com:443", true, false},
		{"198.51.100.9", "x.a.run.app", true, false},
		{"198.51.100.9\n10.0.0.1,", "x.cloudfunctions.net:443", true, true},
		{"", "gateway-abc-uc.a", false, false},
		{"198.51.100.9, 10.0.0.1", "GATEWAY-abc-uc.a", false, false},
		{",,,\n , \n198.51.100.9", "gateway", false, true},
		{"2001:db8::1", "[::1]", true, false},
		{"unknown, _hidden, \"[2001:db8::1]:80\"", "", true, true},
		{"::ffff:10.0.0.1%eth0", "..", false, false},
	} {
		f.Add(s.sent, s.host, s.balancer, s.newLine)
	}
	const clientIP, balancerIP = "203.0.113.7", "34.120.0.1" // no client of this test has these to send: see below
	f.Fuzz(func(t *testing.T, sent, host string, balancer, newLine bool) {
		if strings.Contains(sent, clientIP) || strings.Contains(sent, balancerIP) {
			return // what was made up could not be told from what was recorded
		}
		appended, want := clientIP+","+balancerIP, map[string]bool{clientIP + ":0": true}
		hosts := []string{host}
		if balancer {
			want[balancerIP+":0"] = true // told a default URL's name, see client
		} else {
			appended = clientIP
			hosts = nil
			for _, suffix := range []string{".run.app", ".cloudfunctions.net", ".RUN.App", ".cloudfunctions.net.", ".run.app:443", ".run.app.:8080"} {
				if !strings.ContainsAny(host, ":[]") { // those would make it another name and a port
					hosts = append(hosts, host+suffix)
				}
			}
		}
		var lines []string
		if sent != "" {
			lines = strings.Split(sent, "\n")
		}
		if newLine || len(lines) == 0 {
			lines = append(lines, appended)
		} else {
			lines[len(lines)-1] += "," + appended
		}
		for _, h := range hosts {
			got := client(&http.Request{Host: h, Header: http.Header{"X-Forwarded-For": lines}})
			if !want[got] {
				t.Errorf("client %q of host %q and lines %q: want one of %v", got, h, lines, want)
			}
		}
		// Without a front nothing can be vouched for, but what comes out must still be an address with the port 0.
		got := client(&http.Request{Host: host, Header: http.Header{"X-Forwarded-For": strings.Split(sent, "\n")}})
		if got == "" {
			return
		}
		ip, port, err := net.SplitHostPort(got)
		if err != nil || port != "0" {
			t.Fatalf("client %q is no host and port: %v", got, err)
		}
		if a, err := netip.ParseAddr(ip); err != nil || a.Zone() != "" {
			t.Errorf("client %q has no address: %v", got, err)
		}
	})
}
