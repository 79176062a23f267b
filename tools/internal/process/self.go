package process

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
)

// headSize is how much of a binary is sure to hold its build ID. Source: cmd/internal/buildid of the Go toolchain, readSize.
const headSize = 32 << 10

// buildID is the ID that the go command gives a binary: what it was made of, and by its last part what is in it. It is there
// unless the linker was told to leave it out. Source: cmd/go/internal/work/buildid.go.
var buildID = regexp.MustCompile(`[A-Za-z0-9_-]{20}/[A-Za-z0-9_-]{20}/[A-Za-z0-9_-]{20}/[A-Za-z0-9_-]{20}`)

// Self tells this program from any other build of it: by its build ID, or by all its bytes where it has none.
func Self() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the program itself: %w", err)
	}
	id, err := identify(path)
	if err != nil {
		return "", fmt.Errorf("read the program itself: %w", err)
	}
	return id, nil
}

func identify(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	head := make([]byte, headSize)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	if id := buildID.Find(head[:n]); id != nil {
		return string(id), nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.MultiReader(bytes.NewReader(head[:n]), f)); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), nil
}
