package cli

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"polygate.example/infra/settings"
	"polygate.example/shared/config"
	"polygate.example/tools/internal/localcloud"
	"polygate.example/tools/internal/process"
)

// noBackend takes away all that says where Pulumi keeps its state, and returns Pulumi's home.
func noBackend(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	for name, value := range map[string]string{"PULUMI_HOME": home, "PULUMI_CREDENTIALS_PATH": "", "PULUMI_BACKEND_URL": "", "PULUMI_ACCESS_TOKEN": "", "PULUMI_DEBUG_PROVIDERS": ""} {
		t.Setenv(name, value)
	}
	return home
}

// TestBackend: who says where the state is kept, in Pulumi's order, and what is said when nobody does.
func TestBackend(t *testing.T) {
	home := noBackend(t)
	root := project(t, map[string]string{"Pulumi.dev.yaml": dev, "dev.gateway.yaml": gatewayDocument})
	a := &app{output: newOutput(&bytes.Buffer{}, &bytes.Buffer{}, os.Getenv), getenv: os.Getenv, root: root, stack: "dev"}
	for _, verb := range [][]string{{"up"}, {"preview"}, {"destroy", "--yes"}, {"status"}} {
		code, stdout, stderr := run(t, append(verb, "-C", root, "-s", "dev")...)
		for _, want := range []string{"PULUMI_BACKEND_URL", "backend.url", filepath.Join(home, "credentials.json"), "export PULUMI_BACKEND_URL=s3://", "pulumi stack init dev"} {
			if code != ExitUsage || !strings.Contains(stderr, want) {
				t.Errorf("%s without a backend: exit code %d, want 2 and %q\n%s%s", verb[0], code, want, stdout, stderr)
			}
		}
	}
	for _, c := range []struct {
		prepare func()
		want    string
	}{
		{func() { t.Setenv("PULUMI_ACCESS_TOKEN", "pul-secret") }, "Pulumi Cloud (PULUMI_ACCESS_TOKEN)"},
		{func() {
			write(t, filepath.Join(home, "credentials.json"), `{"current": "gs://states", "accounts": {}}`)
		}, "gs://states (pulumi login)"},
		{func() {
			write(t, filepath.Join(root, "Pulumi.yaml"), "name: polygate\nruntime: go\nbackend: {url: azblob://states}\n")
		}, "azblob://states (backend.url of Pulumi.yaml)"},
		{func() { t.Setenv("PULUMI_BACKEND_URL", "s3://states") }, "s3://states (PULUMI_BACKEND_URL)"},
	} {
		c.prepare()
		if got, err := a.backend(); got != c.want || err != nil {
			t.Errorf("%q, %v, want %q", got, err, c.want)
		}
	}
}

// TestLeftOfLocal: a shell that points Pulumi at local clouds must not take an environment on real clouds there.
func TestLeftOfLocal(t *testing.T) {
	noBackend(t)
	t.Setenv("PULUMI_BACKEND_URL", "file://"+t.TempDir())
	t.Setenv("PULUMI_DEBUG_PROVIDERS", "aws:1")
	root := project(t, map[string]string{"Pulumi.dev.yaml": dev, "dev.gateway.yaml": gatewayDocument})
	for _, verb := range [][]string{{"up"}, {"preview"}, {"destroy", "--yes"}, {"status"}} {
		code, stdout, stderr := run(t, append(verb, "-C", root, "-s", "dev")...)
		if code != ExitUsage || !strings.Contains(stderr, "unset PULUMI_BACKEND_URL PULUMI_DEBUG_PROVIDERS") {
			t.Errorf("%s: exit code %d\n%s%s", verb[0], code, stdout, stderr)
		}
	}
}

// TestLocalEnvNames: every variable that is given is printed, and can be named when it has to be taken back.
func TestLocalEnvNames(t *testing.T) {
	a := &app{root: t.TempDir(), stack: "local"}
	env, err := a.localEnv(localcloud.State{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range env {
		names = append(names, name)
	}
	if slices.Sort(names); !slices.Equal(names, localEnvNames) {
		t.Errorf("%q, want %q", names, localEnvNames)
	}
}

// TestAddressesFree: everything that is taken is told at once, with who holds it, and nothing stays held afterwards.
func TestAddressesFree(t *testing.T) {
	a := &app{root: "/project", stack: "local"}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := func(addr net.Addr) netip.AddrPort { return netip.MustParseAddrPort(addr.String()) }
	opts := localcloud.Options{DNS: at(udp.LocalAddr()), Edge: netip.MustParseAddrPort("127.0.0.1:0"), Origin: at(tcp.Addr())}
	err = a.addressesFree(opts)
	if err == nil {
		t.Fatal("nothing is taken")
	}
	for _, want := range []string{
		"polygate:localClouds.dns: " + opts.DNS.String() + " over UDP is taken",
		"polygate:localClouds.origin: " + opts.Origin.String() + " over TCP is taken",
		"/project/stacks/Pulumi.local.yaml", "/project/stacks/local.gateway.yaml",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "localClouds.edge") {
		t.Errorf("the edge's address is free: %v", err)
	}
	if _, _, known := process.Listener("tcp", opts.Origin); known && !strings.Contains(err.Error(), fmt.Sprintf("by process %d (", os.Getpid())) {
		t.Errorf("it does not say who holds them: %v", err)
	}
	tcp.Close()
	udp.Close()
	// Somebody else may get a port as soon as nobody has it. Whoever keeps what it tried fails every second time, however often.
	first, second := a.addressesFree(opts), a.addressesFree(opts)
	for tries := 0; (first != nil || second != nil) && tries < 20; tries++ {
		for _, at := range []*netip.AddrPort{&opts.DNS, &opts.Edge, &opts.Origin} {
			*at = unusedAddress(t)
		}
		first, second = a.addressesFree(opts), a.addressesFree(opts)
	}
	if first != nil || second != nil {
		t.Errorf("free addresses are not: %v; %v", first, second)
	}
	opts.Edge = opts.Origin
	if err := a.addressesFree(opts); err == nil || !strings.Contains(err.Error(), "localClouds.origin") {
		t.Errorf("two dials with one address: %v", err)
	}
}

// unusedAddress is one that nobody has, for now.
func unusedAddress(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

func TestLoopbackTargets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "local.gateway.yaml")
	write(t, file, `version: 1
upstreams:
  a:
    targets: [{url: "http://127.0.0.1:18080/base"}, {url: "https://orders.example.com"}]
    regions:
      aws/us-east-1: {targets: [{url: "http://127.0.0.1:9000"}]}
  b: {targets: [{url: "http://localhost:18080"}, {url: "http://localhost:9001/x"}]}
  c: {targets: [{url: "http://127.0.0.2:18080"}]}
routes:
  - {name: a, match: {path: /a}, upstream: a}
  - {name: b, match: {path: /b}, upstream: b}
  - {name: c, match: {path: /c}, upstream: c}
`)
	model, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	got := loopbackTargets(model, netip.MustParseAddrPort("127.0.0.1:18080"))
	if want := []string{"http://127.0.0.1:9000", "http://127.0.0.2:18080", "http://localhost:9001"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	var said bytes.Buffer
	a := &app{output: newOutput(&bytes.Buffer{}, &said, os.Getenv), root: "/project", stack: "local"}
	a.warnLoopback(settings.Settings{LocalClouds: &settings.LocalClouds{Origin: "127.0.0.1:18080"}}, model)
	if strings.Count(said.String(), "note: ") != 3 || !strings.Contains(said.String(), "polygate:localClouds.origin") {
		t.Errorf("it says\n%s", said.String())
	}
}

// TestOneAtATime: a run keeps others out, and clears what a killed one has left of temporary files; its own, and those of
// the programs it starts, are there as well.
func TestOneAtATime(t *testing.T) {
	root, bin := project(t, map[string]string{"Pulumi.dev.yaml": dev, "dev.gateway.yaml": gatewayDocument}), t.TempDir()
	work := filepath.Join(root, ".polygate", "dev")
	left := filepath.Join(work, "tmp", "polygate-pack-1", "bootstrap")
	write(t, left, "half a binary")
	script := filepath.Join(bin, "go")
	write(t, script, "#!/bin/sh\necho $TMPDIR\nls $TMPDIR\nexit 1\n")
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	t.Setenv("TMPDIR", "/before")
	unlock, err := process.TryLock(filepath.Join(work, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := run(t, "-C", root, "-s", "dev", "build"); code != ExitBlocked || !strings.Contains(stderr, `another polygate is at work on "dev"`) {
		t.Errorf("two at a time: exit code %d\n%s", code, stderr)
	}
	if _, err := os.Stat(left); err != nil {
		t.Errorf("what the other one is at work on is gone: %v", err)
	}
	unlock()
	write(t, script, "#!/bin/sh\n[ $TMPDIR = "+filepath.Join(work, "tmp")+" ] && [ -d $TMPDIR ] && echo the folder is right: $(ls $TMPDIR) >&2\nexit 1\n")
	if code, _, stderr := run(t, "-C", root, "-s", "dev", "build"); code != ExitFailed || !strings.Contains(stderr, "the folder is right: \n") && !strings.HasSuffix(stderr, "the folder is right:\n") {
		t.Errorf("exit code %d, want the folder for temporary files, empty\n%s", code, stderr)
	}
	if _, err := os.Stat(filepath.Join(work, "tmp")); !os.IsNotExist(err) {
		t.Errorf("temporary files are left: %v", err)
	}
	if os.Getenv("TMPDIR") != "/before" {
		t.Errorf("TMPDIR is %s afterwards", os.Getenv("TMPDIR"))
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestServeClouds: temporary files of local clouds are in their folder and go with them; those of killed ones go with the next.
func TestServeClouds(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	opts := localcloud.Options{Dir: filepath.Join(t.TempDir(), "clouds"), Speed: 10, Network: netip.MustParseAddr("127.0.0.1")}
	for _, at := range []*netip.AddrPort{&opts.DNS, &opts.Edge, &opts.Origin} {
		*at = netip.MustParseAddrPort("127.0.0.1:0")
	}
	write(t, filepath.Join(opts.Dir, "tmp-killed", "go-build1", "x"), "")
	a := &app{output: newOutput(&bytes.Buffer{}, &bytes.Buffer{}, os.Getenv), stack: "local"}
	folders := func() []string {
		found, err := filepath.Glob(filepath.Join(opts.Dir, "tmp-*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	clouds, end, err := a.serveClouds(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if got := folders(); len(got) != 1 || os.TempDir() != got[0] {
		t.Errorf("temporary files go to %s, there is %q", os.TempDir(), got)
	}
	mine := os.TempDir()
	if _, _, err := a.serveClouds(t.Context(), opts); err == nil {
		t.Error("two clouds share a folder")
	}
	if got := folders(); len(got) != 1 || got[0] != mine {
		t.Errorf("clouds that could not start left %q of %s", got, mine)
	}
	if err := clouds.Close(); err != nil {
		t.Error(err)
	}
	end()
	if got := folders(); len(got) != 0 {
		t.Errorf("they left %q", got)
	}
}
