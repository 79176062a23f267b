//go:build unix

// Package process asks the operating system about other processes.
package process

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// Alive reports whether a process exists; one that belongs to somebody else exists too. One that has ended and only
// waits for its parent to notice, which in a container without an init may be never, does not.
func Alive(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := syscall.Kill(pid, 0)
	if err != nil {
		return errors.Is(err, syscall.EPERM)
	}
	// The state follows the command's name, which is in parentheses and may hold anything (proc_pid_stat(5)). Systems
	// without /proc go by the signal alone.
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, ok := strings.Cut(string(stat[max(0, strings.LastIndexByte(string(stat), ')')):]), ") ")
	return !ok || !strings.HasPrefix(rest, "Z")
}
