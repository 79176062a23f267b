//go:build unix

package cli

import (
	"os/exec"
	"syscall"
)

// detach gives the child a session of its own, so that it outlives the terminal it was started from.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
