//go:build !unix

package pulumicli

import (
	"context"
	"os/exec"
)

func ownGroup(*exec.Cmd) {}

// lock does nothing where there are no advisory locks: two builds at once cost time, and the rename at their end is safe.
func lock(context.Context, string, func()) (unlock func(), err error) { return func() {}, nil }
