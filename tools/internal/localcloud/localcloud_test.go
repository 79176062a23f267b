package localcloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polygate.example/tools/internal/localcloud/fault"
	"polygate.example/tools/internal/localcloud/resource"
)

func start(t *testing.T) (*Clouds, string) {
	t.Helper()
	dir := t.TempDir()
	any := netip.MustParseAddrPort("127.0.0.1:0")
	c, err := Start(t.Context(), Options{
		Dir: dir, Speed: 10, DNS: any, Edge: any, Origin: any, Network: netip.MustParseAddr("127.99.0.0"), Zones: []string{"polygate.test"},
		PFX: &PFX{File: filepath.Join(dir, "cert", "a.pfx"), PasswordFile: filepath.Join(dir, "cert", "password"), Names: []string{"a.polygate.test"}},
		Log: t.Logf,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, dir
}

func TestStartAndStop(t *testing.T) {
	c, dir := start(t)
	st, err := ReadState(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("aws:%d,gcp:%d,azure-native:%d", st.Providers["aws"], st.Providers["gcp"], st.Providers["azure-native"]); st.DebugProviders() != want {
		t.Errorf("PULUMI_DEBUG_PROVIDERS is %q, want %q", st.DebugProviders(), want)
	}
	for _, secret := range []string{"clouds.json", "cert/a.pfx", "cert/password"} {
		info, err := os.Stat(filepath.Join(dir, secret))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", secret, info.Mode().Perm())
		}
	}
	if _, err := Start(t.Context(), Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("starting twice from one folder: %v", err)
	}
	if err := NewClient(st).Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Wait(t.Context())
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := ReadState(t.Context(), dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after the end: %v", err)
	}
}

func TestAPIWantsItsToken(t *testing.T) {
	_, dir := start(t)
	st, err := ReadState(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, header := range map[string]string{"none": "", "wrong": "Bearer guess", "bare": st.Token} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+st.API+"/v1/stop", nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			req.Header.Set("Authorization", header)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("token %s: %s", name, res.Status)
		}
	}
	c := NewClient(st)
	err = c.Inject(t.Context(), fault.Fault{Target: "aws/us-east-1", Kind: fault.Down})
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "nothing is; run `polygate up` first") {
		t.Errorf("a fault in a region that is not deployed: %v", err)
	}
	if _, err := c.Heal(t.Context(), ""); err != nil {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Overview(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that is called off: %v", err)
	}
}

func TestTakenAddress(t *testing.T) {
	c, _ := start(t)
	any := netip.MustParseAddrPort("127.0.0.1:0")
	_, err := Start(t.Context(), Options{Dir: t.TempDir(), Speed: 1, DNS: netip.MustParseAddrPort(c.state.DNS), Edge: any, Origin: any,
		Network: netip.MustParseAddr("127.99.1.0"), Zones: []string{"polygate.test"}})
	if err == nil || !strings.Contains(err.Error(), "polygate:localClouds.dns") || !strings.Contains(err.Error(), "polygate local stop") {
		t.Errorf("error %v, want one that says which dial to turn", err)
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		name          string
		single        bool
		first, second string
	}{
		{"an address each, on the edge's port", false, "127.99.0.1:8443", "127.99.0.2:8443"},
		{"a port each, where there is one address", true, "127.0.0.1:8444", "127.0.0.1:8445"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, run := range []string{"first", "after a restart"} {
				store, err := resource.Open(dir)
				if err != nil {
					t.Fatal(err)
				}
				a := newAddresses(netip.MustParseAddr("127.99.0.0"), 8443, store, t.Logf)
				a.single = c.single
				if got := a.Allocate("aws/us-east-1").String(); got != c.first {
					t.Errorf("%s: %s, want %s", run, got, c.first)
				}
				if got := a.Allocate("gcp/address/x").String(); got != c.second {
					t.Errorf("%s: %s, want %s", run, got, c.second)
				}
				if got := a.Allocate("aws/us-east-1").String(); got != c.first {
					t.Errorf("%s, asked again: %s, want %s", run, got, c.first)
				}
			}
		})
	}
}
