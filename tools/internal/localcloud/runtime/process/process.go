// Package process starts the functions' processes and makes sure that none of them outlives the local clouds.
//
// Each process leads a process group of its own, so that what it starts in turn ends with it. Where the kernel can
// (Linux), it also ends when the local clouds are killed and cannot clean up.
package process

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// ErrClosed is what Start returns once the supervisor is closed.
var ErrClosed = errors.New("process supervisor is closed")

// drainDelay is how long a dead process's output is still read for, in case a grandchild holds the pipe open.
const drainDelay = 500 * time.Millisecond

// Spec says how to start a process. The process sees Env and nothing else: the environment of the local clouds is not
// inherited, just as a function in a cloud does not see the host's.
type Spec struct {
	Path string   // executable, absolute
	Args []string // without the program's own name
	Dir  string   // working directory
	Env  []string // KEY=value
	Log  *Log     // takes standard output and standard error; nil drops them
}

// Supervisor owns child processes. All methods are safe for concurrent use.
type Supervisor struct {
	requests chan startRequest
	quit     chan struct{}
	stopped  chan struct{}

	mu       sync.Mutex
	closed   bool
	children map[*Process]struct{}
	ports    map[int]struct{}
}

type startRequest struct {
	cmd  *exec.Cmd
	done chan error
}

// NewSupervisor returns a supervisor without children. Close must be called to release its thread.
func NewSupervisor() *Supervisor {
	s := &Supervisor{
		requests: make(chan startRequest), quit: make(chan struct{}), stopped: make(chan struct{}),
		children: map[*Process]struct{}{}, ports: map[int]struct{}{},
	}
	go s.start()
	return s
}

// start runs on one thread for the supervisor's whole life: on Linux a child's parent-death signal is sent when the
// thread that started it ends, not the process (prctl(2), PR_SET_PDEATHSIG), so that thread must not end early.
func (s *Supervisor) start() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(s.stopped)
	for {
		select {
		case r := <-s.requests:
			r.done <- r.cmd.Start()
		case <-s.quit:
			return
		}
	}
}

// Process is a started process.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // set before done is closed
}

// Start starts a process. It fails when the file cannot be executed (the error wraps what the system said) and after
// Close.
func (s *Supervisor) Start(spec Spec) (*Process, error) {
	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Dir = spec.Dir
	cmd.Env = spec.Env
	if cmd.Env == nil {
		cmd.Env = []string{} // nil would mean: inherit
	}
	if spec.Log != nil {
		cmd.Stdout, cmd.Stderr = spec.Log, spec.Log
	}
	cmd.SysProcAttr = attributes()
	cmd.WaitDelay = drainDelay
	p := &Process{cmd: cmd, done: make(chan struct{})}

	// The lock is held over the start, so that Close either sees the child or prevents it.
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	r := startRequest{cmd: cmd, done: make(chan error, 1)}
	s.requests <- r
	if err := <-r.done; err != nil {
		return nil, err
	}
	s.children[p] = struct{}{}
	go s.wait(p)
	return p, nil
}

func (s *Supervisor) wait(p *Process) {
	p.err = p.cmd.Wait()
	// What the process started and left behind shares its group and goes with it. Kernels hand out process ids in
	// turn, so the group's id cannot have been given to a stranger in this instant.
	p.killGroup()
	s.mu.Lock()
	delete(s.children, p)
	s.mu.Unlock()
	close(p.done)
}

// Port reserves a TCP port that is free on 127.0.0.1 now. It is handed out once until Release: between the moment a
// port is found free and the child binding it, no other child is told the same one.
func (s *Supervisor) Port() (int, error) {
	for range 32 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, fmt.Errorf("find a free port on 127.0.0.1: %w", err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			return 0, fmt.Errorf("free port %d again: %w", port, err)
		}
		s.mu.Lock()
		_, taken := s.ports[port]
		if !taken {
			s.ports[port] = struct{}{}
		}
		s.mu.Unlock()
		if !taken {
			return port, nil
		}
	}
	return 0, errors.New("no free port found on 127.0.0.1 in 32 attempts: every port offered is reserved already")
}

// Release gives a port back.
func (s *Supervisor) Release(port int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ports, port)
}

// Running is how many children live.
func (s *Supervisor) Running() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.children)
}

// Close kills every child and returns when all of them are gone. Start fails from then on.
func (s *Supervisor) Close() {
	s.mu.Lock()
	already := s.closed
	s.closed = true
	children := make([]*Process, 0, len(s.children))
	for p := range s.children {
		children = append(children, p)
	}
	s.mu.Unlock()
	for _, p := range children {
		p.Kill()
	}
	for _, p := range children {
		<-p.Done()
	}
	if !already {
		close(s.quit)
	}
	<-s.stopped
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended and its output is read.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exited reports whether the process has ended.
func (p *Process) Exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Status describes how the process ended, as in "exit status 2" or "signal: killed"; "" while it runs and after
// exit status 0.
func (p *Process) Status() string {
	if !p.Exited() {
		return ""
	}
	state := p.cmd.ProcessState
	if state == nil || state.Success() {
		return ""
	}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return "signal: " + ws.Signal().String()
	}
	return "exit status " + strconv.Itoa(state.ExitCode())
}

// Kill ends the process and everything in its group at once. It does not wait.
func (p *Process) Kill() {
	if !p.Exited() {
		p.killGroup()
	}
}

func (p *Process) killGroup() {
	// ESRCH means that the group is gone, which is what is wanted.
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
}

// Interrupt asks the process to end, with SIGTERM, as the clouds do before they take an instance away.
func (p *Process) Interrupt() {
	if !p.Exited() {
		_ = p.cmd.Process.Signal(os.Signal(syscall.SIGTERM))
	}
}
