package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestNew makes a project of its own: other addresses than the checkout's, in both files, and the bound of its dials.
func TestNew(t *testing.T) {
	root := t.TempDir()
	for name, content := range map[string]string{
		"Pulumi.local.yaml": "config:\n  polygate:manager: route53\n  polygate:ttl: 30\n  polygate:check: {interval: 10, threshold: 2}\n" +
			"  polygate:localClouds: {speed: 10, dns: 127.0.0.1:15353, edge: 127.0.0.1:18443, origin: 127.0.0.1:18080, network: 127.77.0.0}\n",
		"local.gateway.yaml": "url: http://127.0.0.1:18080/base\n",
	} {
		if err := os.MkdirAll(filepath.Join(root, "stacks"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "stacks", name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	e := &Environment{Root: root}
	if err := e.configure(Options{}); err != nil {
		t.Fatal(err)
	}
	if e.Detect != 32 || e.Bound != 62 || e.Speed != 10 { // 2 × (10 + 6), + 30
		t.Errorf("detection within %d s, bound %d s, speed %g; want 32, 62 and 10", e.Detect, e.Bound, e.Speed)
	}
	for _, c := range []struct {
		dials         map[string]any
		detect, bound int
	}{
		{map[string]any{"ttl": 60, "check": map[string]any{"interval": 30, "threshold": 3}}, 108, 168},
		{map[string]any{"manager": "trafficmanager", "ttl": 60, "check": map[string]any{"interval": 30, "threshold": 4, "timeout": 10}}, 130, 190},
		{map[string]any{"manager": "cloudflare", "ttl": 30, "check": map[string]any{"interval": 60, "threshold": 1, "timeout": 5}}, 70, 100},
		{map[string]any{"cloudflare": map[string]any{"proxied": true}}, 70, 70},
		{map[string]any{"cloudflare": nil}, 70, 100},
	} {
		if err := e.Turn(c.dials); err != nil {
			t.Fatal(err)
		}
		if e.Detect != c.detect || e.Bound != c.bound {
			t.Errorf("%v: detection within %d s, bound %d s; want %d and %d", c.dials, e.Detect, e.Bound, c.detect, c.bound)
		}
	}
	doc, err := os.ReadFile(filepath.Join(root, "stacks", "local.gateway.yaml"))
	if err != nil || string(doc) != "url: http://"+e.Origin+"/base\n" {
		t.Errorf("the document is %q, %v", doc, err)
	}
}

// TestFreePort: a port that outgoing connections never get, so that it is still free a minute later, and that nobody else is given
// until it is closed.
func TestFreePort(t *testing.T) {
	first, last := 32768, 60999 // Linux's own range, where this system does not tell
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		if _, err := fmt.Sscan(string(b), &first, &last); err != nil {
			t.Fatal(err)
		}
	}
	given := map[uint16]bool{}
	for range 1000 { // of 12,768: without being spoken for, some would be given twice
		free, err := freePort()
		if err != nil {
			t.Fatal(err)
		}
		defer free.Close()
		p := free.addr.Port()
		if p < 1024 || int(p) >= first && int(p) <= last {
			t.Fatalf("port %d is one that the system hands out, from %d to %d", p, first, last)
		}
		if given[p] {
			t.Fatalf("port %d is given twice", p)
		}
		given[p] = true
	}
}
