package process

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Linux only: other systems have no parent-death signal.
func TestChildDiesWithItsParent(t *testing.T) {
	parent, child := startParent(t)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // reports the kill
	waitGone(t, child)
}

func startParent(t *testing.T) (parent *exec.Cmd, child int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{envRole + "=parent"}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	text, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(text, "child %d", &child); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return cmd, child
}
