package imports

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"polygate.example/tests/harness"
)

// Modules that have documents, see documents/go.mod.
const (
	ogen       = "github.com/ogen-go/ogen"
	libopenapi = "github.com/pb33f/libopenapi"
)

// document is a file of a module.
type document struct{ module, file string }

var github = document{ogen, "_testdata/examples/api.github.com.json"}

var stripe = document{libopenapi, "test_specs/stripe.yaml"}

// name is that of the file alone.
func (d document) name() string { return filepath.Base(d.file) }

// kept is what all tests share: it is made once.
var kept struct {
	sync.Mutex
	folders map[string]string // of modules
	command string
}

// folderOf is where a module is. It is fetched if it is not there yet; what is not the one of documents/go.sum is no module.
func folderOf(t *testing.T, module string) string {
	t.Helper()
	kept.Lock()
	defer kept.Unlock()
	if kept.folders == nil {
		kept.folders = download(t)
	}
	folder := kept.folders[module]
	if folder == "" {
		t.Fatalf("documents/go.mod does not name %s", module)
	}
	return folder
}

func download(t *testing.T) map[string]string {
	t.Helper()
	sums, err := os.ReadFile("documents/go.sum")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json")
	cmd.Dir = "documents"
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var said strings.Builder
	cmd.Stderr = &said
	out, failed := cmd.Output() // of what failed it tells in its answer as well
	folders := map[string]string{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var m struct{ Path, Version, Dir, Sum, Error string }
		if err := dec.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go mod download: %v\n%s", err, out)
		}
		if m.Error != "" {
			t.Fatalf("the documents of %s %s cannot be had: %s", m.Path, m.Version, m.Error)
		}
		if !strings.Contains(string(sums), m.Path+" "+m.Version+" "+m.Sum+"\n") {
			t.Fatalf("documents/go.sum does not name %s %s %s", m.Path, m.Version, m.Sum)
		}
		folders[m.Path] = m.Dir
	}
	if failed != nil || len(folders) == 0 {
		t.Fatalf("the documents cannot be had: go mod download: %v\n%s", failed, said.String())
	}
	return folders
}

// polygate is the command.
func polygate(t *testing.T) string {
	t.Helper()
	kept.Lock()
	defer kept.Unlock()
	if kept.command == "" {
		checkout, err := harness.Checkout(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if kept.command, err = harness.Command(t.Context(), checkout); err != nil {
			t.Fatal(err)
		}
	}
	return kept.command
}

// run runs polygate in a folder and reads the JSON that it prints. It has to end with one of the codes.
func run(t *testing.T, folder string, into any, args []string, codes ...int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), polygate(t), args...)
	cmd.Dir = folder
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	ok := false
	for _, code := range codes {
		ok = ok || cmd.ProcessState.ExitCode() == code
	}
	if !ok {
		t.Fatalf("polygate %s: %v\n%s\n%.3000s", strings.Join(args, " "), err, said.String(), out)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("polygate %s: %v\n%s\n%.3000s", strings.Join(args, " "), err, said.String(), out)
	}
}

// report is what an import says of itself.
type report struct {
	Operations, Imported, Skipped, Validated int
	Notes                                    []struct{ Kind, Pointer, What string }
	Open                                     []finding
}

// finding is something that check objects to.
type finding struct {
	Line, Column          int
	Pointer, What, Remedy string
}

// imported copies a document into a folder and imports it there as gateway.yaml.
func imported(t *testing.T, d document, args ...string) (folder string, r report) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folderOf(t, d.module), filepath.FromSlash(d.file)))
	if err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, d.name()), text, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, folder, &r, append([]string{"import", "openapi", d.name(), "-o", "gateway.yaml", "--json"}, args...), 0)
	return folder, r
}
