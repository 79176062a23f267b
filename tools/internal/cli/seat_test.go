package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/status"
)

// envSilent says that this process has no other way out than a proxy that says nothing.
const envSilent = "POLYGATE_TEST_SILENT"

// deafened is a stack on all clouds, as one of its managers steers it.
func deafened(manager string) topology.Topology {
	group := "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/g/providers/"
	return topology.Topology{
		Environment: "staging", Hostname: "api.example.test", Manager: manager, Pattern: "active-passive",
		Details: map[string]string{"profile": group + "Microsoft.Network/trafficManagerProfiles/p", "account": "a", "zone": "z", "loadBalancer": "l"},
		Regions: []topology.Region{
			{Name: "aws/us-east-1", Provider: "aws", HealthCheck: "c1", Function: "arn:aws:lambda:us-east-1:123456789012:function:gw"},
			{Name: "gcp/us-central1", Provider: "gcp", HealthCheck: "c2", Function: "projects/p/locations/us-central1/functions/gw"},
			{Name: "azure/westeurope", Provider: "azure", HealthCheck: "c3", Function: group + "Microsoft.Web/sites/gw"},
		},
	}
}

// TestSeatSilence: APIs that take a request and say nothing keep the control seat no longer than its patience, and what they would have said is told as
// not known, with the reason. Nothing stands in for the clouds' own clients: all that they send ends at a proxy that never answers, which a process
// has from its beginning.
func TestSeatSilence(t *testing.T) {
	if os.Getenv(envSilent) != "" {
		silence(t)
		return
	}
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = deaf.Close() }) // and with it whoever waits for it
	go func() {
		for {
			c, err := deaf.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, c) }() // it listens, and says nothing
		}
	}()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSeatSilence$", "-test.v", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), envSilent+"=1", "HTTPS_PROXY=http://"+deaf.Addr().String(), "NO_PROXY=",
		"AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_CONFIG_FILE="+filepath.Join(dir, "none"), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(dir, "none"), "AWS_PROFILE=",
		"ARM_TENANT_ID=11111111-1111-1111-1111-111111111111", "ARM_CLIENT_ID=c", "ARM_CLIENT_SECRET=s", "CLOUDFLARE_API_TOKEN=t",
		"GOOGLE_APPLICATION_CREDENTIALS="+googleKey(t, dir))
	out, err := cmd.CombinedOutput()
	if err != nil || bytes.Count(out, []byte("--- PASS: TestSeatSilence/")) != 3 {
		t.Errorf("%v\n%s", err, out)
	}
}

// silence looks from the control seat.
func silence(t *testing.T) {
	const patience = 300 * time.Millisecond
	for _, manager := range []string{"route53", "trafficmanager", "cloudflare"} {
		t.Run(manager, func(t *testing.T) {
			t.Parallel()
			at := &seat{topology: deafened(manager), getenv: os.Getenv, patience: patience}
			begun := time.Now()
			seen := at.look(t.Context())
			took := time.Since(begun)
			if len(seen.Managed)+len(seen.Functions) > 0 {
				t.Errorf("known all the same: %v, %v", seen.Managed, seen.Functions)
			}
			reasons := map[string]string{}
			for _, who := range seen.Unasked {
				name, why, _ := strings.Cut(who, ": ")
				reasons[name] = why
			}
			if got, want := slices.Sorted(maps.Keys(reasons)), slices.Sorted(slices.Values([]string{"aws", "azure", "gcp", manager})); !slices.Equal(got, want) {
				t.Errorf("not asked: %v, want %v", got, want)
			}
			for name, why := range reasons {
				if !strings.Contains(why, "deadline exceeded") && !strings.Contains(why, "Timeout") {
					t.Errorf("%s: it is not said that it did not answer: %s", name, why)
				}
			}
			if took > 60*patience { // each is asked more than once, with pauses between that are the SDKs'
				t.Errorf("it took %s", took)
			}
			t.Logf("after %s: %q", took, seen.Unasked)
		})
	}
}

// googleKey is a key of nobody, as Google's clients want one.
func googleKey(t *testing.T, dir string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "p", "private_key_id": "1", "client_email": "a@p.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	path := filepath.Join(dir, "key.json")
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSeatUnknown: what the control seat could not be told is a warning with the reason, and each region's datum is absent, not bad.
func TestSeatUnknown(t *testing.T) {
	top := deafened("route53")
	r, err := status.Collect(t.Context(), status.Options{Topology: top, DNS: "127.0.0.1:1", Timeout: time.Second, Control: func(context.Context) status.Control {
		return status.Control{Unasked: []string{"route53: context deadline exceeded (Client.Timeout exceeded while awaiting headers)"}, At: time.Now()}
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, reg := range r.Regions {
		if reg.Manager != nil || reg.Function != nil {
			t.Errorf("%s: known all the same: %+v, %+v", reg.Name, reg.Manager, reg.Function)
		}
	}
	for _, c := range r.Checks {
		if c.Name == "control seat" && c.Result == "warning" && strings.Contains(c.Detail, "not asked: route53: context deadline exceeded") {
			return
		}
	}
	t.Errorf("nothing is said of it: %+v", r.Checks)
}
