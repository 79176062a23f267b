//go:build !unix

package doctor

import "errors"

// Free is not told on this system.
func Free(string) (uint64, error) {
	return 0, errors.New("the room left on disk is not told on this system")
}
