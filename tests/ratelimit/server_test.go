package ratelimit

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// server is a redis-server of a test's own, on a free port of the loopback address. It keeps nothing on disk.
type server struct {
	t    *testing.T
	port string
	dir  string
	cmd  *exec.Cmd

	policies int // how many there were: each has a name of its own, and so counts of its own
}

const install = "there is no redis-server on PATH: apt-get update && apt-get install -y --no-install-recommends redis-server, or bring one of another origin"

func startServer(t *testing.T) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, port: fmt.Sprint(l.Addr().(*net.TCPAddr).Port), dir: t.TempDir()}
	l.Close()
	t.Cleanup(s.kill)
	s.start()
	return s
}

// start runs the server and waits until it takes connections. It ends with this process, however that ends.
func (s *server) start() {
	s.t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		s.t.Fatal(install)
	}
	s.cmd = exec.Command(path, "--port", s.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.dir, "--requirepass", password)
	endWithParent(s.cmd)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	var said []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, lines.Text())
		if strings.Contains(lines.Text(), "Ready to accept connections") {
			go func() {
				for lines.Scan() { // a full pipe would stop the server
				}
			}()
			return
		}
	}
	s.t.Fatalf("redis-server did not start:\n%s", strings.Join(said, "\n"))
}

// kill ends the server, paused or not, and waits until it is gone.
func (s *server) kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may be gone already
	_ = s.cmd.Wait()         // says that it was killed
	s.cmd = nil
}

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) pause()   { s.signal(syscall.SIGSTOP) }
func (s *server) proceed() { s.signal(syscall.SIGCONT) }

// TestServerEnds holds the harness to its word: what it started is gone, paused or not.
func TestServerEnds(t *testing.T) {
	s := startServer(t)
	pid := s.cmd.Process.Pid
	s.pause()
	s.kill()
	for end := time.Now().Add(5 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("process %d is still there", pid)
		}
	}
}
