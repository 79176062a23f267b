package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

const withAzure = `config:
  polygate:hostname: api.example.dev
  polygate:zone: example.dev
  polygate:manager: route53
  polygate:regions: [aws/us-east-1, azure/eastus]
  polygate:certificate: {pfx: gateway.pfx, passwordFile: password}
  aws:region: us-east-1
  azure-native:subscriptionId: 00000000-0000-4000-8000-000000000000
`

// bring writes a certificate as somebody would bring it.
func bring(t *testing.T, dir, password string, notAfter time.Time, names ...string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: notAfter.Add(-90 * 24 * time.Hour), NotAfter: notAfter, DNSNames: names}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pfx, err := pkcs12.Modern.Encode(key, leaf, nil, "s3cret")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"gateway.pfx": string(pfx), "password": password} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// What clients would refuse is found by check, before a failover finds it.
func TestCertificate(t *testing.T) {
	both := []string{"api.example.dev", "eastus.azure.api.example.dev"}
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		password string
		left     time.Duration
		names    []string
		code     int
		says     []string
	}{
		"good":             {"s3cret\n", 60 * day, both, 0, nil},
		"a wildcard":       {"s3cret", 60 * day, []string{"api.example.dev", "*.azure.api.example.dev"}, 0, nil},
		"soon over":        {"s3cret\r\nmore", 20*day + time.Hour, both, 0, []string{"gateway.pfx expires in 20 days"}},
		"wrong password":   {"wrong-one\n", 60 * day, both, 2, []string{"/gateway.pfx cannot be opened with the first line of ", "/password: "}},
		"over, half of it": {"s3cret\n", -day, both[:1], 2, []string{"gateway.pfx expired on ", "gateway.pfx does not cover eastus.azure.api.example.dev: have it issued for api.example.dev, eastus.azure.api.example.dev"}},
		"not yet valid":    {"s3cret\n", 100 * day, both, 2, []string{"is not valid before"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := project(t, map[string]string{"Pulumi.dev.yaml": withAzure, "dev.gateway.yaml": gatewayDocument})
			bring(t, root, c.password, time.Now().Add(c.left), c.names...)
			code, _, stderr := run(t, "-C", root, "-s", "dev", "check")
			if code != c.code {
				t.Errorf("ended with %d, want %d: %s", code, c.code, stderr)
			}
			for _, s := range c.says {
				if !strings.Contains(stderr, s) {
					t.Errorf("says %q, want %q in it", stderr, s)
				}
			}
			if len(c.says) == 0 && stderr != "" || strings.Contains(stderr, strings.TrimSpace(c.password)) {
				t.Errorf("says %q", stderr)
			}
		})
	}
}

// Whoever checks a change need not hold the certificate; whoever deploys must.
func TestMissingCertificate(t *testing.T) {
	root := project(t, map[string]string{"Pulumi.dev.yaml": withAzure, "dev.gateway.yaml": gatewayDocument})
	if code, _, stderr := run(t, "-C", root, "-s", "dev", "check"); code != 0 || !strings.Contains(stderr, "gateway.pfx") {
		t.Errorf("check ended with %d: %s", code, stderr)
	}
	if code, _, stderr := run(t, "-C", root, "-s", "dev", "preview"); code != 2 || !strings.Contains(stderr, "gateway.pfx") || !strings.Contains(stderr, "/password") {
		t.Errorf("preview ended with %d: %s", code, stderr)
	}
}
