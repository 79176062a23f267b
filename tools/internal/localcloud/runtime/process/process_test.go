package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary plays the children: EnvRole chooses which.
const envRole = "POLYGATE_PROCESS_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(envRole) {
	case "":
		os.Exit(m.Run())
	case "exit":
		fmt.Println("going")
		os.Exit(7)
	case "sleep":
		fmt.Println("ready")
		time.Sleep(time.Minute)
	case "family": // a child with a child of its own
		cmd := exec.Command(os.Args[0])
		cmd.Env = []string{envRole + "=sleep"}
		if err := cmd.Start(); err != nil {
			os.Exit(1)
		}
		fmt.Println("grandchild", cmd.Process.Pid)
		time.Sleep(time.Minute)
	case "leaver": // leaves its own child behind
		cmd := exec.Command(os.Args[0])
		cmd.Env = []string{envRole + "=sleep"}
		if err := cmd.Start(); err != nil {
			os.Exit(1)
		}
		fmt.Println("grandchild", cmd.Process.Pid)
	case "environment":
		fmt.Println(strings.Join(os.Environ(), " "))
	case "parent": // a supervisor that is killed and cannot clean up
		s := NewSupervisor()
		p, err := s.Start(Spec{Path: os.Args[0], Env: []string{envRole + "=sleep"}})
		if err != nil {
			os.Exit(1)
		}
		fmt.Println("child", p.PID())
		time.Sleep(time.Minute)
	}
}

func spec(role string, log *Log) Spec {
	return Spec{Path: os.Args[0], Env: []string{envRole + "=" + role}, Log: log}
}

// line waits for a log line with this prefix and returns the rest of it.
func line(t *testing.T, log *Log, prefix string) string {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for _, l := range log.Lines() {
			if rest, ok := strings.CutPrefix(l, prefix); ok {
				return strings.TrimSpace(rest)
			}
		}
	}
	t.Fatalf("no line %q in %q", prefix, log.Lines())
	return ""
}

// waitGone waits until no process has this id any more; a zombie that has not been reaped by init counts as gone.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return
		}
		if b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil {
			if _, after, ok := strings.Cut(string(b), ") "); ok && strings.HasPrefix(after, "Z") {
				return
			}
		}
	}
	t.Fatalf("process %d is still there", pid)
}

func TestExitStatusAndOutput(t *testing.T) {
	s := NewSupervisor()
	defer s.Close()
	var log Log
	p, err := s.Start(spec("exit", &log))
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if got := p.Status(); got != "exit status 7" {
		t.Errorf("status %q, want exit status 7", got)
	}
	if got := log.Lines(); !slices.Equal(got, []string{"going"}) {
		t.Errorf("log %q, want one line", got)
	}
	if s.Running() != 0 {
		t.Errorf("%d children counted after the end of the only one", s.Running())
	}
}

func TestEnvironmentIsNotInherited(t *testing.T) {
	t.Setenv("POLYGATE_PROCESS_SECRET", "hush")
	s := NewSupervisor()
	defer s.Close()
	var log Log
	p, err := s.Start(spec("environment", &log))
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if got := log.Lines(); !slices.Equal(got, []string{envRole + "=environment"}) {
		t.Errorf("child saw %q, want its own variable only", got)
	}
}

func TestCloseEndsChildrenAndTheirChildren(t *testing.T) {
	s := NewSupervisor()
	var log Log
	p, err := s.Start(spec("family", &log))
	if err != nil {
		t.Fatal(err)
	}
	grandchild, err := strconv.Atoi(line(t, &log, "grandchild"))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if !p.Exited() || p.Status() != "signal: killed" {
		t.Errorf("child after Close: exited %v, status %q", p.Exited(), p.Status())
	}
	waitGone(t, grandchild)
	if _, err := s.Start(spec("exit", nil)); !errors.Is(err, ErrClosed) {
		t.Errorf("Start after Close: %v, want ErrClosed", err)
	}
	s.Close() // a second time is allowed
}

func TestWhatAProcessLeavesBehindGoesWithIt(t *testing.T) {
	s := NewSupervisor()
	defer s.Close()
	var log Log
	p, err := s.Start(spec("leaver", &log))
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	grandchild, err := strconv.Atoi(line(t, &log, "grandchild"))
	if err != nil {
		t.Fatal(err)
	}
	waitGone(t, grandchild)
}

func TestNoEnvironmentIsAnEmptyOne(t *testing.T) {
	path, err := exec.LookPath("env")
	if err != nil {
		t.Fatal(err)
	}
	s := NewSupervisor()
	defer s.Close()
	var log Log
	p, err := s.Start(Spec{Path: path, Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if got := log.Lines(); len(got) != 0 {
		t.Errorf("child saw %q, want nothing", got)
	}
}

func TestStartReportsWhatTheSystemSaid(t *testing.T) {
	s := NewSupervisor()
	defer s.Close()
	if _, err := s.Start(Spec{Path: t.TempDir() + "/none"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want one that is os.ErrNotExist", err)
	}
}

func TestPortIsHandedOutOnce(t *testing.T) {
	s := NewSupervisor()
	defer s.Close()
	seen := map[int]bool{}
	for range 50 {
		port, err := s.Port()
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] {
			t.Fatalf("port %d handed out twice", port)
		}
		seen[port] = true
	}
}

func TestLogIsBounded(t *testing.T) {
	var log Log
	for i := range MaxLines + 5 {
		if _, err := fmt.Fprintf(&log, "line %d\r\n", i); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(&log, strings.Repeat("y", MaxLineBytes+100)+"\nunfinished"); err != nil {
		t.Fatal(err)
	}
	got := log.Lines()
	if len(got) != MaxLines+1 || got[0] != "line 6" || got[len(got)-1] != "unfinished" || len(got[len(got)-2]) != MaxLineBytes {
		t.Errorf("%d lines, first %q, last %q, long one %d bytes", len(got), got[0], got[len(got)-1], len(got[len(got)-2]))
	}
}
