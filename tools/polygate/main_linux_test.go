package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// TestMain is polygate itself when a test asks for it.
func TestMain(m *testing.M) {
	if os.Getenv("POLYGATE_TEST_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

// command is a run of polygate.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), "POLYGATE_TEST_MAIN=1", "TERM=xterm-256color", "NO_COLOR=1", "CI=")
	return cmd
}

// TestQuietOnATerminal: what polygate writes to a terminal is what it has to say, and no question to the terminal.
func TestQuietOnATerminal(t *testing.T) {
	shown, err := onTerminal(t, command(t, "help", "local"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(shown, "polygate local") || strings.ContainsRune(shown, '\x1b') {
		t.Errorf("on the terminal stands %q", shown)
	}
}

// TestNoColor: an error is red on a terminal, unless NO_COLOR or a terminal that cannot says otherwise.
func TestNoColor(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want string
	}{
		{[]string{"NO_COLOR="}, "\x1b[31merror: \x1b[0munknown verb"}, // no-color.org: empty counts as unset
		{[]string{"NO_COLOR=1"}, "error: unknown verb"},
		{[]string{"NO_COLOR=", "TERM=dumb"}, "error: unknown verb"},
	} {
		cmd := command(t, "fly")
		cmd.Env = append(cmd.Env, c.env...)
		shown, err := onTerminal(t, cmd)
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 2 {
			t.Errorf("%q: %v, want exit code 2", c.env, err)
		}
		if !strings.HasPrefix(shown, c.want) || strings.Count(shown, "\x1b") != strings.Count(c.want, "\x1b") {
			t.Errorf("%q: on the terminal stands %q, want it to begin with %q", c.env, shown, c.want)
		}
	}
}

// onTerminal runs a command on a terminal of its own and gives what stands there afterwards.
func onTerminal(t *testing.T, cmd *exec.Cmd) (shown string, err error) {
	t.Helper()
	terminal, screen := openTerminal(t)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = screen, screen, screen
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = cmd.Start()
	screen.Close()
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	if _, err := io.Copy(&all, terminal); err != nil && !errors.Is(err, syscall.EIO) { // EIO: nobody has the screen any more
		t.Fatal(err)
	}
	return all.String(), cmd.Wait()
}

// openTerminal gives both ends of a pseudo-terminal; see ptmx(4).
func openTerminal(t *testing.T) (terminal, screen *os.File) {
	t.Helper()
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	var unlocked, number int32
	for request, arg := range map[uintptr]*int32{syscall.TIOCSPTLCK: &unlocked, syscall.TIOCGPTN: &number} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, terminal.Fd(), request, uintptr(unsafe.Pointer(arg))); errno != 0 {
			t.Fatal(errno)
		}
	}
	screen, err = os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return terminal, screen
}

// TestEndsInOrder: each of these asks the verb at work to end, and polygate says that it was interrupted. A terminal that is
// closed sends SIGHUP; under nohup it does not count.
func TestEndsInOrder(t *testing.T) {
	root, bin := t.TempDir(), t.TempDir()
	for name, content := range map[string]string{
		filepath.Join(root, "Pulumi.yaml"): "name: polygate\n",
		filepath.Join(root, "stacks", "Pulumi.dev.yaml"): "config:\n  polygate:hostname: api.example.com\n  polygate:zone: example.com\n" +
			"  polygate:manager: route53\n  polygate:regions: [aws/us-east-1]\n  aws:region: us-east-1\n",
		filepath.Join(root, "stacks", "dev.gateway.yaml"): "version: 1\nroutes: [{name: a, match: {path: /a}, respond: {status: 204}}]\n",
		// The go command, which never ends by itself.
		filepath.Join(bin, "go"): "#!/bin/sh\necho at work > " + filepath.Join(root, "began") + "\nexec sleep 600\n",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	// A signal that is ignored here, as SIGHUP is when the tests run under nohup, would be ignored by what is started; one
	// that is caught here is not.
	ends := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, ends...)
	defer signal.Stop(caught)
	for _, end := range ends {
		t.Run(end.String(), func(t *testing.T) {
			cmd := command(t, "-C", root, "build", "-s", "dev")
			cmd.Env = append(cmd.Env, "PATH="+bin+":/usr/bin:/bin")
			var said strings.Builder
			cmd.Stderr = &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			began := filepath.Join(root, "began")
			for deadline := time.Now().Add(30 * time.Second); os.Remove(began) != nil; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("it never began to build\n%s", said.String())
				}
			}
			if err := cmd.Process.Signal(end); err != nil {
				t.Fatal(err)
			}
			tooLong := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() }) // Wait says what came of it
			defer tooLong.Stop()
			err := cmd.Wait()
			if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(said.String(), "interrupted") {
				t.Errorf("%v\n%s", err, said.String())
			}
		})
	}
}
