// Package unpack puts a deployment zip on disk, once per digest.
package unpack

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Limit is the most bytes a package may have unpacked: 250 MB, the Lambda quota, and more than any artefact of ours has.
// Source: AWS Lambda quotas, "Deployment package (.zip file archive) size",
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const Limit = 250 << 20

// Errors of To, for errors.Is.
var (
	ErrDigest = errors.New("package does not have the digest it was deployed with")
	ErrUnsafe = errors.New("package has an entry that leads out of it")
	ErrLimit  = errors.New("package is too large unpacked")
)

// To unpacks the zip at path into dir/<digest> and returns that folder. A folder that is there already is used as it
// is. The zip's own SHA-256 must be digest (hex), unless digest is "", in which case it names the folder.
func To(dir, path, digest string) (string, error) {
	sum, err := fileDigest(path)
	if err != nil {
		return "", err
	}
	if digest != "" && !strings.EqualFold(digest, sum) {
		return "", fmt.Errorf("%s: %w: it has %s, deployed was %s", path, ErrDigest, sum, digest)
	}
	target := filepath.Join(dir, sum)
	if _, err := os.Stat(target); err == nil {
		return target, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make room for unpacked packages: %w", err)
	}
	// Unpacked beside and renamed, so that an interrupted run leaves no half package behind under the real name.
	part, err := os.MkdirTemp(dir, "part-*")
	if err != nil {
		return "", fmt.Errorf("make room for unpacked packages: %w", err)
	}
	defer func() { _ = os.RemoveAll(part) }()
	if err := extract(path, part); err != nil {
		return "", err
	}
	if err := os.Chmod(part, 0o755); err != nil {
		return "", fmt.Errorf("open up unpacked package: %w", err)
	}
	if err := os.Rename(part, target); err != nil {
		if _, statErr := os.Stat(target); statErr == nil {
			return target, nil // someone else was faster
		}
		return "", fmt.Errorf("keep unpacked package: %w", err)
	}
	return target, nil
}

func fileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read package: %w", err)
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read package %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func extract(path, into string) error {
	z, err := zip.OpenReader(path)
	if err != nil {
		return fmt.Errorf("package %s is not a zip: %w", path, err)
	}
	defer func() { _ = z.Close() }()
	left := int64(Limit)
	for _, entry := range z.File {
		name := filepath.FromSlash(entry.Name)
		if !filepath.IsLocal(name) || entry.Mode()&fs.ModeSymlink != 0 {
			return fmt.Errorf("%s: %q: %w", path, entry.Name, ErrUnsafe)
		}
		target := filepath.Join(into, name)
		if entry.FileInfo().IsDir() {
			if err := os.MkdirAll(target, 0o755); err != nil {
				return fmt.Errorf("unpack %q: %w", entry.Name, err)
			}
			continue
		}
		n, err := extractFile(entry, target, left)
		if err != nil {
			return fmt.Errorf("unpack %s: %q: %w", path, entry.Name, err)
		}
		left -= n
	}
	return nil
}

func extractFile(entry *zip.File, target string, left int64) (n int64, err error) {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return 0, err
	}
	in, err := entry.Open()
	if err != nil {
		return 0, err
	}
	defer func() { _ = in.Close() }()
	// The zip's own permissions are kept: a bootstrap without its executable bit must fail here as it does in the cloud.
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, entry.Mode().Perm()|0o400)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	n, err = io.Copy(out, io.LimitReader(in, left+1))
	if err == nil && n > left {
		err = fmt.Errorf("%w: more than %d bytes", ErrLimit, Limit)
	}
	return n, err
}
