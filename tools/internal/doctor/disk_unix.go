//go:build unix

package doctor

import "syscall"

// Free is the room left on the file system that holds a folder, in bytes, for who is not root.
func Free(folder string) (uint64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(folder, &st); err != nil {
		return 0, err
	}
	return st.Bavail * uint64(st.Bsize), nil
}
