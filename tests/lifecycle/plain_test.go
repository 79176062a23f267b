package lifecycle

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"polygate.example/tests/harness"
	"polygate.example/tests/harness/harnesstest"
)

// TestPlainPulumi deploys as somebody does who has the Pulumi CLI, with the commands of the README. It is the same program
// that `polygate up` runs, so that polygate finds nothing to change afterwards, and the other way round.
func TestPlainPulumi(t *testing.T) {
	t.Parallel()
	env := harnesstest.New(t, harness.Options{Regions: regions})
	path := pulumiPath(t, env)
	harnesstest.Must(t, env, "build")
	harnesstest.Must(t, env, "local", "start")

	shell(t, env, path, `pulumi stack select --create local && pulumi up --yes --skip-preview --non-interactive`)
	if s := eventually(t, env, "everything healthy", healthy); s.Serving != regions[0] || len(s.Regions) != len(regions) {
		t.Errorf("status after pulumi up: %+v", s)
	}
	harnesstest.Settled(t, env, "pulumi up")
	harnesstest.Must(t, env, "up")
	shell(t, env, path, `pulumi preview --expect-no-changes --non-interactive`)

	shell(t, env, path, `pulumi destroy --yes --skip-preview --non-interactive && pulumi stack rm --yes --preserve-config local`)
	harnesstest.Fails(t, env, 1, "is not deployed", "status")
	harnesstest.Must(t, env, "destroy")
	nothingLeft(t, env)
}

// pulumiPath is a PATH that leads to a Pulumi CLI with its Go language host: the one installed here, or the CLI that
// polygate built with the stand-in for the host.
func pulumiPath(t *testing.T, env *harness.Environment) string {
	t.Helper()
	if _, err := exec.LookPath("pulumi-language-go"); err == nil {
		return os.Getenv("PATH")
	}
	harnesstest.Must(t, env, "preview") // which builds the CLI, unless there is one
	cli, err := exec.LookPath("pulumi")
	if err != nil {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		pinned := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Version}}", "github.com/pulumi/pulumi/pkg/v3")
		pinned.Dir = filepath.Join(env.Root, "tools", "pulumi")
		version, err := pinned.Output()
		if err != nil {
			t.Fatal(err)
		}
		cli = filepath.Join(cache, "polygate", "pulumi", strings.Trim(string(version), "v\n"), "pulumi")
	}
	bin := t.TempDir()
	if err := os.Symlink(cli, filepath.Join(bin, "pulumi")); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "pulumi-language-go"), "../languagehost")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the language host: %v\n%s", err, out)
	}
	return bin + string(os.PathListSeparator) + os.Getenv("PATH")
}

// shell runs a script in the project's folder with what `polygate local env` prints.
func shell(t *testing.T, env *harness.Environment, path, script string) {
	t.Helper()
	exports := harnesstest.Must(t, env, "local", "env").Stdout
	cmd := exec.CommandContext(t.Context(), "bash", "-euc", exports+script)
	cmd.Dir = env.Root
	cmd.Env = append(os.Environ(), "PATH="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}
