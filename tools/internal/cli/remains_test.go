package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polygate.example/infra/settings"
)

// TestStackFileBecameInvalid: what stands can be stopped, mended and removed all the same.
func TestStackFileBecameInvalid(t *testing.T) {
	noBackend(t)
	misspelt := strings.Replace(dev, "manager: route53", "manger: route53", 1)
	clouds := misspelt + "  polygate:localClouds: {speed: 0, dns: here}\n"
	for _, c := range []struct {
		name        string
		environment string
		stack       string // "" takes the file away
		clouds      bool   // the environment has a folder of local clouds
		args        []string
		code        int
		want        []string
		not         string
	}{
		{"stop", "local", clouds, true, []string{"local", "stop"}, 0, []string{"not valid (", "Pulumi.local.yaml:4:3), which does not matter here", "`polygate check -s local`", "are not running"}, ""},
		{"stop without a stack file", "local", "", true, []string{"local", "stop"}, 0, []string{"Pulumi.local.yaml is gone", "are not running"}, ""},
		{"stop where there never was anything", "local", "", false, []string{"local", "stop"}, 2, []string{`there is no environment "local"`}, ""},
		{"stop on real clouds", "dev", misspelt, false, []string{"local", "stop"}, 2, []string{`"dev" runs on real clouds`}, ""},
		{"heal", "local", clouds, true, []string{"local", "heal"}, 1, []string{"run `polygate local start -s local`"}, ""},
		{"start", "local", clouds, true, []string{"local", "start"}, 2, []string{"polygate:manger: is unknown"}, "does not matter"},
		{"destroy", "local", clouds, true, []string{"destroy"}, 0, []string{"nothing of local is left"}, ""},
		{"destroy by force", "local", "config: [", true, []string{"destroy", "--force"}, 0, []string{"nothing of local is left"}, ""},
		{"destroy on real clouds", "dev", misspelt, false, []string{"destroy", "--yes"}, 2, []string{"going by what is deployed", "nobody says where Pulumi keeps the state"}, ""},
		{"destroy on real clouds without yes", "dev", misspelt, false, []string{"destroy"}, 2, []string{"say --yes"}, ""},
		{"destroy on real clouds by force", "dev", misspelt, false, []string{"destroy", "--yes", "--force"}, 2, []string{"it is for local clouds"}, ""},
		{"destroy by a file that Pulumi cannot read", "dev", "config: [", false, []string{"destroy", "--yes"}, 2, []string{"mend at least this:", "Pulumi.dev.yaml:1:"}, "going by"},
		{"destroy by a salt that Pulumi cannot read", "dev", "encryptionsalt: v1:x\n" + dev, false, []string{"destroy", "--yes"}, 2, []string{"mend at least this:", "Pulumi.dev.yaml:1:1: encryptionsalt"}, "going by"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := project(t, map[string]string{c.environment + ".gateway.yaml": gatewayDocument})
			if c.stack != "" {
				write(t, settings.Path(root, c.environment), c.stack)
			}
			kept := filepath.Join(root, ".polygate", c.environment, "clouds")
			if c.clouds {
				if err := os.MkdirAll(kept, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			code, stdout, stderr := run(t, append(c.args, "-C", root, "-s", c.environment)...)
			for _, want := range c.want {
				if !strings.Contains(stdout+stderr, want) {
					t.Errorf("%q is not said", want)
				}
			}
			if code != c.code || c.not != "" && strings.Contains(stdout+stderr, c.not) || t.Failed() {
				t.Errorf("exit code %d, want %d, without %q\n%s%s", code, c.code, c.not, stdout, stderr)
			}
			if _, err := os.Stat(kept); c.args[0] == "destroy" && c.code == 0 && err == nil {
				t.Errorf("%s is still there", kept)
			}
		})
	}
}
