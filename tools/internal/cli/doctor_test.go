package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"polygate.example/tools/internal/doctor"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/report"
)

// examine runs the doctor on an environment of real clouds that nobody is logged in to, where names do not resolve.
func examine(t *testing.T, root string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	none := func(cloud string) error { return fmt.Errorf("%w for %s", doctor.ErrNoCredentials, cloud) }
	a := &app{output: newOutput(&out, &errs, os.Getenv), getenv: os.Getenv, begun: map[string]bool{}, fakes: &doctor.Clouds{
		AWS:    func(context.Context) (doctor.AWS, error) { return nil, none("AWS") },
		Google: func(context.Context) (doctor.Google, error) { return nil, none("Google Cloud") },
	}, resolve: func(context.Context, *dns.Msg, string) (*dns.Msg, error) { return nil, errors.New("no network") }, hours: []string{"http://127.0.0.1:1"}}
	cmd := a.command()
	cmd.SetArgs(append([]string{"doctor", "-C", root}, args...))
	err := cmd.ExecuteContext(t.Context())
	if err != nil && !errors.As(err, new(unhealthy)) {
		a.fail(err)
	}
	return exitCode(err), out.String(), errs.String()
}

// Without credentials, network and backend each check says so and what to do, and the verb ends with 1.
func TestDoctorWithoutAnything(t *testing.T) {
	noBackend(t)
	root := project(t, map[string]string{"Pulumi.dev.yaml": dev, "dev.gateway.yaml": gatewayDocument})
	write(t, filepath.Join(root, "go.mod"), "module x\n\ngo 1.20\n")
	code, stdout, stderr := examine(t, root, "-s", "dev")
	said := spaces.ReplaceAllString(stdout, " ")
	for _, want := range []string{
		"FAILED aws: credentials no credentials for AWS", "-> log in: `aws sso login`", "SKIPPED aws: Lambda concurrency in us-east-1 not looked at: aws: credentials first", "SKIPPED route53: zone example.com",
		"FAILED gcp: credentials no credentials for Google Cloud", "-> log in: `gcloud auth application-default login`", "SKIPPED gcp: APIs of my-project not looked at: gcp: credentials first",
		"FAILED CAA of api.example.com ask for api.example.com: no network", "SKIPPED names and certificates nothing is deployed", "WARNING stack file polygate:zone is the example's: put in a public DNS zone",
		"FAILED state nobody says where Pulumi keeps the state of \"dev\"", "-> export PULUMI_BACKEND_URL=s3://<bucket>", "SKIPPED certificate the stack brings none, and needs none",
		"FAILED clock no cloud answers", "FAILED Pulumi", "OK Go go1.", "dev: failed (",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said", want)
		}
	}
	if code != ExitFailed || t.Failed() {
		t.Errorf("exit code %d, want 1\n%s%s", code, stdout, stderr)
	}
	code, stdout, _ = examine(t, root, "-s", "dev", "--json")
	var r report.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != ExitFailed || r.Subject != "dev" || r.Result != report.Failed || len(r.Checks) < 12 {
		t.Errorf("as JSON: exit code %d, %v\n%s", code, err, stdout)
	}
}

// On local clouds that do not run yet nothing is wrong.
func TestDoctorBeforeLocalClouds(t *testing.T) {
	root := project(t, map[string]string{"local.gateway.yaml": gatewayDocument})
	write(t, filepath.Join(root, "go.mod"), "module x\n\ngo 1.20\n")
	write(t, filepath.Join(root, "tools", "pulumi", "go.mod"), "module x\n\nrequire github.com/pulumi/pulumi/pkg/v3 v3.253.0\n")
	stack := strings.Replace(dev, "  aws:region", "  polygate:localClouds: {speed: 10, dns: %s, edge: %s, origin: %s, network: 127.0.0.1}\n  aws:region", 1)
	var free []any
	for range 3 {
		free = append(free, freeAddress(t))
	}
	write(t, filepath.Join(root, "stacks", "Pulumi.local.yaml"), fmt.Sprintf(stack, free...))
	code, stdout, stderr := examine(t, root, "-s", "local")
	said := spaces.ReplaceAllString(stdout, " ")
	for _, want := range []string{"SKIPPED zone example.com the local clouds are not running", "WARNING local clouds not running; all their addresses are free", "-> polygate up -s local", "local: warning ("} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said", want)
		}
	}
	if code != ExitOK || t.Failed() {
		t.Errorf("exit code %d, want 0\n%s%s", code, stdout, stderr)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// The certificate that is brought along is opened, and what is to be done about it depends on who issues it.
func TestDoctorOnTheCertificate(t *testing.T) {
	const azure = `config:
  polygate:hostname: api.example.com
  polygate:zone: example.com
  polygate:manager: route53
  polygate:regions: [aws/us-east-1, azure/eastus]
  polygate:certificate: {pfx: c.pfx, passwordFile: c.password%s}
  azure-native:subscriptionId: 00000000-0000-0000-0000-000000000000
`
	ca, err := pki.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"api.example.com", "eastus.azure.api.example.com"}
	for _, c := range []struct {
		name, dial string
		names      []string
		result     report.Result
		detail     string
		remedy     string
	}{
		{"valid", "", names, report.OK, "days more", ""},
		{"another's", "", names[:1], report.Failed, "does not cover eastus.azure.api.example.com", "have it issued for api.example.com, eastus"},
		{"missing", "", nil, report.Failed, "c.pfx", "set polygate:certificate.acme"},
		{"missing, by ACME", ", acme: {}", nil, report.Failed, "c.pfx", "polygate cert issue -s dev"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := project(t, map[string]string{"Pulumi.dev.yaml": fmt.Sprintf(azure, c.dial)})
			if c.names != nil {
				pfx, err := ca.IssuePFX(c.names, "secret")
				if err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(root, "c.pfx"), string(pfx))
				write(t, filepath.Join(root, "c.password"), "secret\n")
			}
			a := &app{output: newOutput(&bytes.Buffer{}, &bytes.Buffer{}, os.Getenv), root: root, stack: "dev"}
			s, err := a.settings()
			if err != nil {
				t.Fatal(err)
			}
			got := a.broughtCertificate(s)
			if got.Result != c.result || !strings.Contains(got.Detail, c.detail) || !strings.Contains(got.Remedy, c.remedy) {
				t.Errorf("%+v, want %s, %q and %q", got, c.result, c.detail, c.remedy)
			}
		})
	}
}
