package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// backend says where Pulumi keeps the state of an environment on real clouds and who says so, or what nobody says. It looks
// where Pulumi looks, in Pulumi's order (pkg v3.253, workspace.GetCurrentCloudURL), so that the lack of it is told before
// anything is built. The URL is given as it can be shown.
func (a *app) backend() (string, error) {
	if url := a.getenv("PULUMI_BACKEND_URL"); url != "" {
		return a.conceal(url) + " (PULUMI_BACKEND_URL)", nil
	}
	project, err := workspace.LoadProject(filepath.Join(a.root, "Pulumi.yaml"))
	if err != nil {
		return "", usageError{fmt.Errorf("read the project file: %w", err)}
	}
	if project.Backend != nil && project.Backend.URL != "" {
		return a.conceal(project.Backend.URL) + " (backend.url of Pulumi.yaml)", nil
	}
	stored, err := workspace.GetStoredCredentials()
	if err != nil {
		return "", fmt.Errorf("read Pulumi's credentials: %w", err)
	}
	if stored.Current != "" {
		return a.conceal(stored.Current) + " (pulumi login)", nil
	}
	if a.getenv("PULUMI_ACCESS_TOKEN") != "" {
		return "Pulumi Cloud (PULUMI_ACCESS_TOKEN)", nil
	}
	home, err := workspace.GetPulumiHomeDir()
	if err != nil {
		home = "~/.pulumi"
	}
	return "", usageError{fmt.Errorf(`nobody says where Pulumi keeps the state of %[1]q: PULUMI_BACKEND_URL and PULUMI_ACCESS_TOKEN are not set, %[2]s has no backend.url, and %[3]s names no login. Say it with one of
  export PULUMI_BACKEND_URL=s3://<bucket>    # or gs://<bucket>, azblob://<container>, file://<folder>
  export PULUMI_ACCESS_TOKEN=<token>         # Pulumi Cloud
  pulumi login <backend>                     # the same, kept in your home folder
and, but for Pulumi Cloud, how secrets are encrypted, with one of
  export PULUMI_CONFIG_PASSPHRASE=<passphrase>
  pulumi stack init %[1]s --secrets-provider=awskms://<key>`, a.stack, filepath.Join(a.root, "Pulumi.yaml"), filepath.Join(home, "credentials.json"))}
}

// realClouds refuses to take an environment on real clouds to where `polygate local env` points this shell.
func (a *app) realClouds() error {
	if a.getenv("PULUMI_DEBUG_PROVIDERS") == "" {
		return nil
	}
	var unset []string
	for _, name := range localEnvNames {
		if a.getenv(name) != "" {
			unset = append(unset, name)
		}
	}
	return usageError{fmt.Errorf("%q is on real clouds, and PULUMI_DEBUG_PROVIDERS of this shell points Pulumi at others: it comes from `polygate local env`, take it back with `unset %s`",
		a.stack, strings.Join(unset, " "))}
}

// scratch gives the run a folder of its own for all that it and the programs it starts make on the way, cleared of what a
// killed run has left there, and a function that gives the old one back.
func (a *app) scratch() (end func(), err error) {
	dir := filepath.Join(a.workDir(), "tmp")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return nil, fmt.Errorf("make room for temporary files: %w", err)
	}
	return tempDir(dir)
}

// tempDir makes a folder the one for temporary files, of this process and of those it starts.
func tempDir(dir string) (end func(), err error) {
	before, was := os.LookupEnv("TMPDIR")
	if err := os.Setenv("TMPDIR", dir); err != nil {
		return nil, fmt.Errorf("set TMPDIR: %w", err)
	}
	return func() {
		_ = os.RemoveAll(dir) // the next run clears it otherwise
		if was {
			_ = os.Setenv("TMPDIR", before) // it was set before
			return
		}
		_ = os.Unsetenv("TMPDIR")
	}, nil
}
