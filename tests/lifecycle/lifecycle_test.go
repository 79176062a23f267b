// Package lifecycle takes an environment from nothing to nothing: deployed, previewed, stopped and started, interrupted,
// refused, changed, destroyed.
package lifecycle

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"polygate.example/tests/harness"
	"polygate.example/tests/harness/harnesstest"
)

var regions = []string{"aws/us-east-1", "gcp/us-central1", "azure/eastus"}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	env := harnesstest.New(t, harness.Options{Regions: regions})
	stackFile := filepath.Join(env.Root, "stacks", "Pulumi.local.yaml")
	before, err := os.ReadFile(stackFile)
	if err != nil {
		t.Fatal(err)
	}
	harnesstest.Fails(t, env, 1, "is not deployed", "status")
	l, err := net.Listen("tcp", env.Edge)
	if err != nil {
		t.Fatal(err)
	}
	harnesstest.Fails(t, env, 1, "polygate:localClouds.edge", "up")
	l.Close()

	harnesstest.Must(t, env, "up")
	harnesstest.Settled(t, env, "up")
	deployed := harnesstest.Status(t, env)
	if !deployed.Well() || deployed.Serving != regions[0] || deployed.BoundSeconds <= 0 {
		t.Errorf("status after up: %+v", deployed)
	}

	t.Log("stopping and starting: nothing that was deployed is lost")
	harnesstest.Must(t, env, "local", "stop")
	nothingRuns(t, env)
	harnesstest.Must(t, env, "local", "start")
	if again := eventually(t, env, "everything healthy", healthy); again.Serving != deployed.Serving {
		t.Errorf("after a restart %s serves, before it was %s", again.Serving, deployed.Serving)
	}
	harnesstest.Settled(t, env, "a restart")

	t.Log("a change: seen by preview, refused while a control plane is down, carried out afterwards")
	text := strings.Replace(string(before), "polygate:memory: 512", "polygate:memory: 1024", 1)
	if text == string(before) {
		t.Fatalf("no memory dial in the stack file:\n%s", before)
	}
	text = strings.Replace(text, "polygate:memory: 1024", "polygate:memory: 2048", 1)
	// One more Azure region: the certificate that was brought for the others does not cover its name.
	text = regexp.MustCompile(`(?m)^(.*)- azure/eastus$`).ReplaceAllString(text, "$0\n$1- azure/westeurope")
	changed := []byte(text)
	if err := os.WriteFile(stackFile, changed, 0o644); err != nil {
		t.Fatal(err)
	}
	harnesstest.Fails(t, env, 1, "update", "preview", "--exit-code")
	harnesstest.Must(t, env, "local", "fail", "aws", "--kind", "control-plane")
	if s := harnesstest.Status(t, env); !s.Well() {
		t.Errorf("losing a control plane took the data plane along: %+v", s)
	}
	harnesstest.Fails(t, env, 1, "failed", "up")
	harnesstest.Must(t, env, "local", "heal", "aws")
	harnesstest.Must(t, env, "up")
	harnesstest.Must(t, env, "preview", "--exit-code")
	if s := harnesstest.Status(t, env); !s.Well() || len(s.Regions) != len(regions)+1 {
		t.Errorf("status after the change: %+v", s)
	}

	t.Log("a certificate that has ended: clients refuse the region, its health check does not")
	harnesstest.Must(t, env, "local", "fail", "azure/eastus", "--kind", "certificate-expired")
	harnesstest.Fails(t, env, 1, "certificate has expired", "status")
	harnesstest.Fails(t, env, 0, "another", "cert", "status") // which is not the one in the file
	harnesstest.Must(t, env, "local", "heal", "azure/eastus")
	if s := harnesstest.Status(t, env); !s.Well() {
		t.Errorf("status after the healing: %+v", s)
	}

	t.Log("bad orders")
	harnesstest.Fails(t, env, 2, "aws/us-east-1", "local", "fail", "aws/mars-1")
	harnesstest.Fails(t, env, 2, "unknown fault kind", "local", "fail", "aws", "--kind", "boredom")
	harnesstest.Fails(t, env, 2, "unknown", "status", "--colour")

	t.Log("a stack file that has become invalid: what stands can be stopped all the same")
	invalid := []byte(strings.Replace(text, "polygate:memory:", "polygate:memry:", 1))
	if err := os.WriteFile(stackFile, invalid, 0o644); err != nil {
		t.Fatal(err)
	}
	harnesstest.Fails(t, env, 2, "polygate:memry: is unknown", "up")
	harnesstest.Must(t, env, "local", "stop")
	nothingRuns(t, env)
	if err := os.WriteFile(stackFile, changed, 0o644); err != nil {
		t.Fatal(err)
	}
	harnesstest.Must(t, env, "local", "start")

	t.Log("destroying by that file: nothing is left")
	if err := os.WriteFile(stackFile, invalid, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := env.Destroy(t.Context()); err != nil {
		t.Error(err)
	}
	nothingLeft(t, env)
	after, err := os.ReadFile(stackFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(after) != string(invalid) {
		t.Errorf("the stack file was rewritten:\n%s", after)
	}
	if err := os.WriteFile(stackFile, changed, 0o644); err != nil {
		t.Fatal(err)
	}
	harnesstest.Must(t, env, "destroy") // again: nothing to do is no failure
}

// TestInterrupted sends SIGINT in the middle of `up`, twice at different depths, and then lets it complete. It does so with
// one loopback address for all fronts, where only names tell regions apart.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	env := harnesstest.New(t, harness.Options{Regions: regions, Single: true})
	harnesstest.Must(t, env, "local", "start")
	for _, depth := range []int{10, 40} {
		interrupt(t, env, depth)
	}
	harnesstest.Must(t, env, "up")
	harnesstest.Must(t, env, "preview", "--exit-code")
	if s := eventually(t, env, "everything healthy", healthy); s.Serving != regions[0] {
		t.Errorf("%s serves, want %s", s.Serving, regions[0])
	}
	harnesstest.Must(t, env, "local", "fail", "aws")
	eventually(t, env, regions[1]+" serving", func(s harness.Status) bool { return s.Serving == regions[1] && s.Status == "degraded" })
}

// TestKilled kills polygate and the Pulumi CLI outright in the middle of `up`, again and again, and then lets it complete:
// what the engine had no time to record is found and taken in.
func TestKilled(t *testing.T) {
	t.Parallel()
	env := harnesstest.New(t, harness.Options{Regions: regions})
	harnesstest.Must(t, env, "local", "start")
	for _, depth := range []int{12, 35, 60} {
		kill(t, env, "up", made(depth))
	}
	t.Log("a region is given up: what was made of it goes")
	harnesstest.Turn(t, env, map[string]any{"regions": regions[:len(regions)-1]})
	if r := harnesstest.Must(t, env, "up"); !strings.Contains(r.Stderr, "removed what a killed run had made") {
		t.Errorf("up says nothing of what it removed:\n%s", r.Stderr)
	}
	harnesstest.Must(t, env, "preview", "--exit-code")
	eventually(t, env, "everything healthy", healthy)

	t.Log("and in the middle of `destroy`: a preview says so, and what it removed is made anew, also when the first try at that is interrupted")
	kill(t, env, "destroy", removed(20))
	harnesstest.Fails(t, env, 1, "unrecorded", "preview", "--exit-code")
	wait, signal, err := env.Begin(t.Context(), "up")
	if err != nil {
		t.Fatal(err)
	}
	unlocked(t, env)
	if err := signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if _, err := wait(); err != nil {
		t.Fatal(err)
	}
	harnesstest.Must(t, env, "up")
	harnesstest.Must(t, env, "preview", "--exit-code")
	eventually(t, env, "everything healthy", healthy)

	t.Log("a state file that was cut off, and no copy of it: destroying still leaves nothing")
	states, err := filepath.Glob(filepath.Join(env.Root, ".polygate", "local", "state", ".pulumi", "*", "polygate", "local*"))
	if err != nil || len(states) == 0 {
		t.Fatalf("no state: %v", err)
	}
	for _, s := range states {
		if info, err := os.Stat(s); err == nil && info.IsDir() {
			err = os.RemoveAll(s)
			if err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(s, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	harnesstest.Fails(t, env, 1, "destroy --force", "up")

	t.Log("the environment's folder was removed under running clouds: destroying ends them all the same")
	if err := os.RemoveAll(filepath.Join(env.Root, ".polygate")); err != nil {
		t.Fatal(err)
	}
	harnesstest.Must(t, env, "destroy")
	nothingLeft(t, env)
}

// unlocked waits until the lock of the run that was killed is gone, and another has begun.
func unlocked(t *testing.T, env *harness.Environment) {
	t.Helper()
	pattern := filepath.Join(env.Root, ".polygate", "local", "state", ".pulumi", "locks", "organization", "*", "local", "*.json")
	before, err := filepath.Glob(pattern)
	if err != nil || len(before) == 0 {
		t.Fatalf("the killed run left no lock: %v", err)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		now, err := filepath.Glob(pattern)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("the lock of the killed run stays: %v", err)
		}
		if len(now) > 0 && now[0] != before[0] {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// kill starts a verb and kills it when what the local clouds keep says so.
func kill(t *testing.T, env *harness.Environment, verb string, reached func(kept []byte) bool) {
	t.Helper()
	wait, signal, err := env.Begin(t.Context(), verb)
	if err != nil {
		t.Fatal(err)
	}
	await(t, env, reached)
	for _, pid := range processes(t, func(cmdline string) bool {
		return strings.Contains(cmdline, "pulumi") && strings.Contains(cmdline, "--exec-kind") && !strings.Contains(cmdline, "polygate\x00-C")
	}, env.Root) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	if err := signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := wait(); err != nil {
		t.Fatal(err)
	}
}

// interrupt starts `up` and stops it when the local clouds hold so many resources.
func interrupt(t *testing.T, env *harness.Environment, depth int) {
	t.Helper()
	wait, signal, err := env.Begin(t.Context(), "up")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan harness.Result, 1)
	go func() {
		r, err := wait()
		if err != nil {
			t.Error(err)
		}
		done <- r
	}()
	await(t, env, made(depth))
	if err := signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if r := <-done; r.Code != 1 || !strings.Contains(r.Stderr, "interrupted") {
		t.Fatalf("the interrupted up ended with %d, want 1 and a word on it\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// serials tell resources apart in the files that local clouds keep.
var serials = regexp.MustCompile(`"serial":[0-9]+`)

// made is reached when there were so many resources. A change writes a resource once more.
func made(depth int) func([]byte) bool {
	return func(kept []byte) bool {
		all := map[string]bool{}
		for _, serial := range serials.FindAll(kept, -1) {
			all[string(serial)] = true
		}
		return len(all) >= depth
	}
}

// removed is reached when so many more changes have taken something away than at the first look.
func removed(more int) func([]byte) bool {
	before := -1
	return func(kept []byte) bool {
		n := bytes.Count(kept, []byte(`"removed":`))
		if before < 0 {
			before = n
		}
		return n >= before+more
	}
}

// await waits until what the local clouds keep says so.
func await(t *testing.T, env *harness.Environment, reached func(kept []byte) bool) {
	t.Helper()
	store := filepath.Join(env.Root, ".polygate", "local", "clouds", "store")
	for deadline := time.Now().Add(2 * time.Minute); ; {
		var all []byte
		for _, name := range []string{"records.json", "records.log"} {
			b, err := os.ReadFile(filepath.Join(store, name))
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
		if reached(all) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the local clouds do not come that far in two minutes")
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// processes finds those that work in a folder and whose command line is the one looked for.
func processes(t *testing.T, want func(cmdline string) bool, dir string) []int {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, p := range all {
		cwd, err := os.Readlink(filepath.Join(p, "cwd"))
		if err != nil || cwd != dir {
			continue
		}
		cmdline, err := os.ReadFile(filepath.Join(p, "cmdline"))
		if err != nil || !want(string(cmdline)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(p))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, pid)
	}
	return found
}

// eventually waits until the environment is as wanted: functions start cold, and health checks take their time.
func eventually(t *testing.T, env *harness.Environment, want string, ok func(harness.Status) bool) harness.Status {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		s := harnesstest.Status(t, env)
		if ok(s) {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("want %s, the environment is %+v", want, s)
		}
	}
}

func healthy(s harness.Status) bool { return s.Well() }

// nothingLeft looks for what a destroyed environment must not leave: processes, listeners and files.
func nothingLeft(t *testing.T, env *harness.Environment) {
	t.Helper()
	nothingRuns(t, env)
	for _, dir := range []string{".polygate", "dist"} {
		if left, err := filepath.Glob(filepath.Join(env.Root, dir, "*")); err != nil || len(left) > 0 {
			t.Errorf("destroy left %q, %v", left, err)
		}
	}
}

// nothingRuns looks for processes and listeners of the environment.
func nothingRuns(t *testing.T, env *harness.Environment) {
	t.Helper()
	for _, address := range []string{env.DNS, env.Edge, env.Origin} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Errorf("%s is still taken: %v", address, err)
			continue
		}
		l.Close()
	}
	dns, err := net.ListenPacket("udp", env.DNS)
	if err != nil {
		t.Errorf("%s is still taken over UDP: %v", env.DNS, err)
	} else {
		dns.Close()
	}
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range procs {
		for _, link := range []string{"exe", "cwd"} {
			target, err := os.Readlink(filepath.Join(p, link))
			if err == nil && strings.HasPrefix(target, env.Root+"/") {
				t.Errorf("process %s still runs: its %s is %s", filepath.Base(p), link, target)
			}
		}
		cmdline, err := os.ReadFile(filepath.Join(p, "cmdline"))
		if err == nil && strings.Contains(string(cmdline), env.Root) {
			t.Errorf("process %s still runs: %q", filepath.Base(p), cmdline)
		}
	}
}
