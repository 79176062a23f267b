package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/certificate"
	"polygate.example/tools/internal/certificate/certificatetest"
	"polygate.example/tools/internal/localcloud/localcloudtest"
)

const localStack = `config:
  polygate:hostname: api.polygate.test
  polygate:zone: polygate.test
  polygate:manager: route53
  polygate:regions: [aws/us-east-1, azure/eastus]
  polygate:certificate:
    pfx: gateway.pfx
    passwordFile: password
%s
  polygate:localClouds: {speed: 10, dns: "127.0.0.1:15353", edge: "127.0.0.1:18443", origin: "127.0.0.1:18080", network: 127.96.0.0}
  azure-native:subscriptionId: 00000000-0000-4000-8000-000000000000
`

// withAuthority is a local project whose clouds run, and an authority that issues for it.
func withAuthority(t *testing.T, renewDays int) (root string, authority *certificatetest.Authority) {
	t.Helper()
	root = project(t, nil)
	dir := filepath.Join(root, ".polygate", "local", "clouds")
	st := localcloudtest.Start(t, dir, "127.96.0.0", "polygate.test")
	authority = certificatetest.New(t, st.DNS)
	for name, content := range map[string]string{
		"acme.pem":                     string(authority.PEM),
		"stacks/local.gateway.yaml":    gatewayDocument,
		"stacks/Pulumi.local.yaml":     fmt.Sprintf(localStack, fmt.Sprintf("    acme: {directory: %q, caFile: acme.pem, renewDays: %d}", authority.Directory, renewDays)),
		"stacks/Pulumi.dev.yaml":       withAzure,
		"stacks/Pulumi.elsewhere.yaml": dev,
	} {
		if err := os.MkdirAll(filepath.Join(root, "stacks"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root, authority
}

// From nothing to a certificate, and what each verb says on the way.
func TestCert(t *testing.T) {
	root, authority := withAuthority(t, 30)
	steps := []struct {
		args    []string
		code    int
		orders  int // all that there have been
		out     string
		says    string
		rewrite bool // the stack file wants renewal early from here on
	}{
		{args: []string{"cert", "status"}, code: 1, out: "gateway.pfx  there is none: run `polygate cert issue -s local`"},
		{args: []string{"cert", "renew"}, code: 1, says: "there is no certificate to renew at "},
		{args: []string{"cert", "issue"}, orders: 1, out: "gateway.pfx: api.polygate.test, eastus.azure.api.polygate.test, issued by Pebble Intermediate CA", says: "writing _acme-challenge."},
		{args: []string{"cert", "issue"}, orders: 1, out: "89 days\n", says: "there is a good one: --force replaces it"},
		{args: []string{"cert", "renew"}, orders: 1, out: "89 days\n", says: "not due"},
		{args: []string{"cert", "status"}, orders: 1, out: "89 days left\nfor api.polygate.test, eastus.azure.api.polygate.test\n"},
		{args: []string{"cert", "issue", "--force"}, orders: 2, out: "89 days\n"},
		{args: []string{"cert", "renew", "--force"}, orders: 3, out: "89 days\n", says: "renewing: --force"},
		{args: []string{"cert", "status"}, orders: 3, code: 1, out: "due for renewal: it has 89 days left", rewrite: true},
		{args: []string{"cert", "renew"}, orders: 3, code: 2, says: "renewDays is 90, and the certificate was issued for 90 days: each renew would order another, until the authority refuses more; set it to 30"},
	}
	for i, s := range steps {
		t.Run(fmt.Sprintf("%d %s", i+1, strings.Join(s.args, " ")), func(t *testing.T) {
			if s.rewrite {
				path := filepath.Join(root, "stacks", "Pulumi.local.yaml")
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(strings.Replace(string(b), "renewDays: 30", "renewDays: 90", 1)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			code, stdout, stderr := run(t, append([]string{"-C", root}, s.args...)...)
			if code != s.code || !strings.Contains(stdout, s.out) || !strings.Contains(stderr, s.says) {
				t.Errorf("ended with %d:\n%s%s\nwant %d, %q and %q", code, stdout, stderr, s.code, s.out, s.says)
			}
			if authority.Orders() != s.orders {
				t.Errorf("%d certificates were ordered, want %d", authority.Orders(), s.orders)
			}
			if b, err := os.ReadFile(filepath.Join(root, "password")); err == nil && strings.Contains(stdout+stderr, strings.TrimSpace(string(b))) {
				t.Error("the password is shown")
			}
		})
	}
	// What was issued is what up deploys.
	if _, err := (certificate.Files{PFX: filepath.Join(root, "gateway.pfx"), Password: filepath.Join(root, "password")}).Read(); err != nil {
		t.Error(err)
	}
	t.Run("json", func(t *testing.T) {
		code, stdout, _ := run(t, "-C", root, "cert", "status", "--json")
		var r certReport
		if err := json.Unmarshal([]byte(stdout), &r); err != nil {
			t.Fatal(err)
		}
		if code != 1 || r.DaysLeft == nil || *r.DaysLeft != 89 || r.RenewDays != 90 || r.Due == "" || !strings.HasPrefix(r.Issuer, "Pebble") || time.Until(r.Expires) > 90*24*time.Hour {
			t.Errorf("ended with %d: %s", code, stdout)
		}
		if len(r.Deployed) != 2 || r.Deployed[0].Detail == "" || r.Deployed[0].This {
			t.Errorf("deployed: %+v, want that none was seen", r.Deployed)
		}
	})
}

// What is the stack file's to mend ends with 2, before anything is asked for.
func TestCertWithoutItsDials(t *testing.T) {
	root, authority := withAuthority(t, 30)
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no ACME":             {[]string{"-s", "dev", "cert", "issue"}, "polygate:certificate.acme is not set for \"dev\""},
		"no certificate":      {[]string{"-s", "elsewhere", "cert", "issue"}, "no region of \"elsewhere\" needs a certificate of yours"},
		"no such environment": {[]string{"-s", "nowhere", "cert", "status"}, "there is no environment \"nowhere\""},
		"no such verb":        {[]string{"cert", "revoke"}, "unknown verb"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := run(t, append([]string{"-C", root}, c.args...)...)
			if code != 2 || !strings.Contains(stderr, c.says) {
				t.Errorf("ended with %d: %s; want 2: %s", code, stderr, c.says)
			}
		})
	}
	if err := os.WriteFile(filepath.Join(root, "acme.pem"), []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := run(t, "-C", root, "cert", "issue"); code != 2 || !strings.Contains(stderr, "caFile: acme.pem holds no certificate") {
		t.Errorf("ended with %d: %s", code, stderr)
	}
	if authority.Orders() != 0 {
		t.Errorf("%d certificates were ordered", authority.Orders())
	}
}
