package ratelimit

import (
	"os/exec"
	"syscall"
)

// endWithParent has the kernel kill the process when the test's own ends, by a timeout or a panic as well.
func endWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
