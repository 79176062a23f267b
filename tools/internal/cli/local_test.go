package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDestroyLeavesNothing: neither what local clouds kept nor what was built for them stays on this machine; another
// environment's does.
func TestDestroyLeavesNothing(t *testing.T) {
	local := strings.Replace(dev, "gcp:project: my-project\n", "gcp:project: my-project\n"+
		"  polygate:localClouds: {speed: 10, dns: \"127.0.0.1:15353\", edge: \"127.0.0.1:18443\", origin: \"127.0.0.1:18080\", network: 127.77.0.0}\n", 1)
	root := project(t, map[string]string{"Pulumi.local.yaml": local, "local.gateway.yaml": gatewayDocument})
	for _, name := range []string{"dist/local/aws.zip", ".polygate/local/state/x", "dist/dev/aws.zip"} {
		write(t, filepath.Join(root, name), "x")
	}
	code, stdout, stderr := run(t, "-C", root, "destroy", "-s", "local", "--force")
	if code != ExitOK || !strings.Contains(stderr, "nothing of local is left") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	for name, stays := range map[string]bool{"dist/local": false, ".polygate/local": false, "dist/dev/aws.zip": true} {
		if _, err := os.Stat(filepath.Join(root, name)); (err == nil) != stays {
			t.Errorf("%s: %v, want that it stays: %v", name, err, stays)
		}
	}
}
