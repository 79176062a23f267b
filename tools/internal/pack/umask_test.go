//go:build unix

package pack

import (
	"syscall"
	"testing"
)

// umask sets the modes that new files do not get, until the test ends.
func umask(t *testing.T, mask int) {
	t.Helper()
	before := syscall.Umask(mask)
	t.Cleanup(func() { syscall.Umask(before) })
}
