package process

import "syscall"

// attributes puts the child into a group of its own and has the kernel kill it when the local clouds die.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
