//go:build unix

// Package process asks the operating system about other processes.
package process

import (
	"errors"
	"syscall"
)

// Alive reports whether a process exists; one that belongs to somebody else exists too.
func Alive(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
