package runtimetest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// functionSource is a Cloud Function with the behaviours the tests need; see its cases.
const functionSource = `// Package fn is a function under test.
package fn

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
)

func init() { functions.HTTP("Gateway", serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	verb, arg, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch verb {
	case "exit":
		os.Exit(3)
	case "panic":
		panic("on purpose")
	case "cookies":
		w.Header().Add("Set-Cookie", "a=1; Expires=Wed, 21 Oct 2065 07:28:00 GMT")
		w.Header().Add("Set-Cookie", "b=2")
		w.Write([]byte{0, 0xff, 0x80, '\n'})
		return
	case "status":
		code, _ := strconv.Atoi(arg)
		w.WriteHeader(code)
		return
	case "bytes":
		n, _ := strconv.ParseInt(arg, 10, 64)
		if r.URL.RawQuery != "stream" {
			w.Header().Set("Content-Length", arg)
		}
		io.CopyN(w, zeros{}, n)
		return
	case "sleep":
		fmt.Println("sleeping")
		n, _ := strconv.Atoi(arg)
		select {
		case <-time.After(time.Duration(n) * time.Millisecond):
		case <-r.Context().Done():
			fmt.Println("cancelled")
			return
		}
	case "stream":
		io.WriteString(w, "first ")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return
	case "env":
		json.NewEncoder(w).Encode(os.Environ())
		return
	}
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return
	}
	json.NewEncoder(w).Encode(map[string]any{
		"Method": r.Method, "Target": r.RequestURI, "Host": r.Host, "Header": r.Header, "Length": n, "PID": os.Getpid(),
	})
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }
`

// FunctionFiles are the files of a Cloud Functions source zip. Its go.mod and go.sum are this repository's with another
// module path, so that building it needs nothing but the module cache the repository needs itself.
func FunctionFiles(tb testing.TB) map[string]File {
	tb.Helper()
	root := repository(tb)
	goMod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		tb.Fatal(err)
	}
	goSum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		tb.Fatal(err)
	}
	lines := strings.Split(string(goMod), "\n")
	for i, l := range lines {
		switch {
		case strings.HasPrefix(l, "module "):
			lines[i] = "module fn.example/gateway"
		case strings.HasPrefix(l, "go "):
			lines[i] = "go 1.26.0"
		}
	}
	return map[string]File{
		"go.mod":      {Content: []byte(strings.Join(lines, "\n"))},
		"go.sum":      {Content: goSum},
		"function.go": {Content: []byte(functionSource)},
	}
}

// repository is the folder with this repository's go.mod.
func repository(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		} else if !errors.Is(err, os.ErrNotExist) || dir == filepath.Dir(dir) {
			tb.Fatalf("no go.mod above the test: %v", err)
		}
		dir = filepath.Dir(dir)
	}
}
