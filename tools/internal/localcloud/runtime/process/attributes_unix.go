//go:build unix && !linux

package process

import "syscall"

// attributes puts the child into a group of its own. These systems have no parent-death signal: after a SIGKILL of the
// local clouds a Lambda bootstrap ends by itself, because its Runtime API is gone, but an HTTP handler stays.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
