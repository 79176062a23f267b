// Package runtimetest lets a test binary play the functions the runtimes run: packaged into a zip and started by a
// runtime, it is a Lambda bootstrap or an Azure custom handler instead of running tests. So tests of the runtimes and
// fronts run real processes without building any.
package runtimetest

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// EnvRole is the environment variable that makes a test binary a function. It must be in the function's environment.
const EnvRole = "POLYGATE_TEST_ROLE"

// Roles.
const (
	RoleLambda = "lambda"
	RoleAzure  = "azure"
)

// Main is the body of TestMain: it runs the tests, or the function when the process was started as one.
func Main(m *testing.M) {
	switch role := os.Getenv(EnvRole); role {
	case "":
		os.Exit(m.Run())
	case RoleLambda:
		os.Exit(lambda())
	case RoleAzure:
		os.Exit(azure())
	default:
		fmt.Fprintf(os.Stderr, "%s is %q: want %s or %s\n", EnvRole, role, RoleLambda, RoleAzure)
		os.Exit(2)
	}
}

// File is one entry of a package.
type File struct {
	Content []byte
	Mode    os.FileMode // 0: 0o644
}

// Zip writes a package into a folder of the test's and returns its path and SHA-256 in hex.
func Zip(tb testing.TB, files map[string]File) (path, digest string) {
	tb.Helper()
	path = filepath.Join(tb.TempDir(), "package.zip")
	out, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	sum := sha256.New()
	z := zip.NewWriter(io.MultiWriter(out, sum))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &zip.FileHeader{Name: name, Method: zip.Store}
		mode := files[name].Mode
		if mode == 0 {
			mode = 0o644
		}
		h.SetMode(mode)
		w, err := z.CreateHeader(h)
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write(files[name].Content); err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	if err := out.Close(); err != nil {
		tb.Fatal(err)
	}
	return path, hex.EncodeToString(sum.Sum(nil))
}

// self is the running test binary, read once.
var self = sync.OnceValues(func() ([]byte, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// Binary is the test binary as an executable entry.
func Binary(tb testing.TB) File {
	tb.Helper()
	b, err := self()
	if err != nil {
		tb.Fatal(err)
	}
	return File{Content: b, Mode: 0o755}
}

// LambdaZip is a package whose bootstrap is the test binary.
func LambdaZip(tb testing.TB) (path, digest string) {
	tb.Helper()
	return Zip(tb, map[string]File{"bootstrap": Binary(tb)})
}

// AzureZip is a function app whose handler is the test binary, with one function that takes every path and the
// methods given. Mode is the host.json key, enableForwardingHttpRequest or enableProxyingHttpRequest.
func AzureZip(tb testing.TB, mode string, methods ...string) (path, digest string) {
	tb.Helper()
	return Zip(tb, AzureFiles(tb, mode, methods...))
}

// AzureFiles are the files of AzureZip.
func AzureFiles(tb testing.TB, mode string, methods ...string) map[string]File {
	tb.Helper()
	list := ""
	for i, m := range methods {
		if i > 0 {
			list += ","
		}
		list += fmt.Sprintf("%q", m)
	}
	return map[string]File{
		"handler": Binary(tb),
		"host.json": {Content: []byte(`{"version":"2.0","extensions":{"http":{"routePrefix":""}},"customHandler":{
			"description":{"defaultExecutablePath":"handler"},"` + mode + `":true}}`)},
		"gateway/function.json": {Content: []byte(`{"bindings":[
			{"type":"httpTrigger","direction":"in","name":"req","authLevel":"anonymous","route":"{*path}","methods":[` + list + `]},
			{"type":"http","direction":"out","name":"res"}]}`)},
	}
}
