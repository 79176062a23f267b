package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// backends are URLs with secrets, and how they are shown.
var backends = []struct {
	name, url, shown string
	secrets          []string
}{
	{"password", "postgres://u:S3CRETPW@127.0.0.1:1/db", "postgres://u:xxxxx@127.0.0.1:1/db", []string{"S3CRETPW"}},
	{"escaped password", "postgres://u:S3%2FCRET%20PW@127.0.0.1:1/db", "postgres://u:xxxxx@127.0.0.1:1/db", []string{"S3%2FCRET%20PW", "S3/CRET PW", "S3%2FCRET+PW"}},
	{"password with an @", "postgres://u:S3CRET@PW:x@127.0.0.1:1/db", "postgres://u:xxxxx@127.0.0.1:1/db", []string{"S3CRET@PW:x", "S3CRET%40PW:x", "S3CRET%40PW%3Ax", "S3CRET@PW%3Ax"}},
	{"short password", "postgres://u:pw@127.0.0.1:1/db", "postgres://u:xxxxx@127.0.0.1:1/db", []string{":pw@"}},
	{"parameters", "postgres://127.0.0.1:1/db?user=u&password=S3CRETPW&sslmode=disable", "postgres://127.0.0.1:1/db", []string{"S3CRETPW"}},
	{"escaped token", "azblob://states?sig=a%2Bb%2Fc%3D&storage_account=x", "azblob://states", []string{"a%2Bb%2Fc%3D", "a+b/c="}},
	{"not a URL", "postgres://u:S3%zzCRET@127.0.0.1:1/db?token=T0KENT0KEN", "postgres://xxxxx", []string{"S3%zzCRET", "T0KENT0KEN"}},
	{"not a URL, with a slash", "postgres://u:S3/CRET#PW@127.0.0.1:1/db", "postgres://xxxxx", []string{"S3/CRET#PW"}},
	{"other letters", "postgres://u:gr%C3%BC%22%C3%9Fe@127.0.0.1:1/db", "postgres://u:xxxxx@127.0.0.1:1/db", []string{`grü"ße`, `grü\"ße`, "gr%c3%bc%22%c3%9fe"}},
	{"none", "s3://states?region=eu-west-1", "s3://states", nil},
}

// TestConceal: whichever way Pulumi quotes the URL of its backend, in an error or in its account of the changes, no secret
// of it is written.
func TestConceal(t *testing.T) {
	for _, c := range backends {
		t.Run(c.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			o := newOutput(&out, &errs, os.Getenv)
			if got := o.conceal(c.url); got != c.shown {
				t.Errorf("it is shown as %s, want %s", got, c.shown)
			}
			forms := append([]string{c.url, fmt.Sprintf("%q", c.url)}, c.secrets...)
			diff := &wholeLines{output: o, to: o.out}
			for _, f := range forms {
				o.step("notice: %s", f)
				o.fail(fmt.Errorf("open %s: no route to host", f))
				for _, b := range []byte("  ~ resource: " + f + "\n  and " + f) { // a pipe cuts anywhere
					if _, err := diff.Write([]byte{b}); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := diff.end(); err != nil {
				t.Fatal(err)
			}
			for _, secret := range c.secrets {
				if strings.Contains(out.String()+errs.String(), secret) {
					t.Errorf("%q is written:\n%s%s", secret, out.String(), errs.String())
				}
			}
			if strings.Count(errs.String(), "no route to host") != len(forms) || strings.Count(out.String(), "  ~ resource: ") != len(forms) {
				t.Errorf("more than the secrets is gone:\n%s%s", out.String(), errs.String())
			}
		})
	}
}

// TestBackendIsConcealed: the same through the command, with a Pulumi that says what it was told.
func TestBackendIsConcealed(t *testing.T) {
	noBackend(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	bin := t.TempDir()
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	root := project(t, map[string]string{"Pulumi.dev.yaml": dev, "dev.gateway.yaml": gatewayDocument})
	write(t, filepath.Join(root, "tools", "pulumi", "go.mod"), "module x\n\nrequire github.com/pulumi/pulumi/pkg/v3 v3.253.0\n")
	script := filepath.Join(bin, "pulumi")
	write(t, script, "#!/bin/sh\ncase \"$*\" in\n*version) echo v3.253.0 ;;\n*) echo \"error: unable to open bucket $PULUMI_BACKEND_URL: $SAID\" >&2; exit 255 ;;\nesac\n")
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range backends {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("PULUMI_BACKEND_URL", c.url)
			t.Setenv("SAID", "no route to host "+strings.Join(c.secrets, " "))
			for _, verb := range [][]string{{"status"}, {"destroy", "--yes"}} {
				code, stdout, stderr := run(t, append(verb, "-C", root, "-s", "dev")...)
				want := fmt.Sprintf(`open stack "dev" in %s (PULUMI_BACKEND_URL): unable to open bucket %s: no route to host`, c.shown, c.shown)
				if code != ExitFailed || !strings.Contains(stderr, want) {
					t.Errorf("%s: exit code %d, want 1 and %q\n%s%s", verb[0], code, want, stdout, stderr)
				}
				for _, secret := range c.secrets {
					if strings.Contains(stdout+stderr, secret) {
						t.Errorf("%s writes %q:\n%s%s", verb[0], secret, stdout, stderr)
					}
				}
			}
		})
	}
}
