package cli

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polygate.example/shared/clientcert/clientcerttest"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/status"
)

// TestAsClient: this machine shows the certificate that it is told of, and has to be told of one where clients have to show one.
func TestAsClient(t *testing.T) {
	acme := clientcerttest.Alone(t, "acme")
	key, err := x509.MarshalPKCS8PrivateKey(acme.Key)
	if err != nil {
		t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "me.pem")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain, asking := topology.Topology{Regions: []topology.Region{{}}}, topology.Topology{Regions: []topology.Region{{}, {AsksClients: true}}}
	for _, c := range []struct {
		name, path string
		topology   topology.Topology
		shown      int
		failure    string
	}{
		{"nobody asks", "", plain, 0, ""},
		{"nobody asks, and there is one", file(acme.PEM() + private), plain, 1, ""},
		{"asked", file(private + acme.PEM()), asking, 1, ""},
		{"asked, and there is none", "", asking, 0, "clients of the shared name have to show a TLS certificate: name a PEM file with one and its private key in POLYGATE_CLIENT_CERTIFICATE"},
		{"without its key", file(acme.PEM()), plain, 0, "POLYGATE_CLIENT_CERTIFICATE: want a PEM file with a certificate and its private key: "},
		{"another's key", file(clientcerttest.Alone(t, "other").PEM() + private), asking, 0, "POLYGATE_CLIENT_CERTIFICATE: want"},
		{"no file", filepath.Join(t.TempDir(), "nobody.pem"), plain, 0, "nobody.pem"},
	} {
		a := &app{getenv: func(name string) string { return map[string]string{status.EnvCertificate: c.path}[name] }}
		got, err := a.asClient(c.topology)
		if len(got) != c.shown || (err == nil) != (c.failure == "") || err != nil && !strings.Contains(err.Error(), c.failure) {
			t.Errorf("%s: shows %d, %v; want %d, %q", c.name, len(got), err, c.shown, c.failure)
		}
		if errors.Is(err, errNoCertificate) != (c.path == "" && c.failure != "") {
			t.Errorf("%s: the error is %v", c.name, err)
		}
		if err != nil && strings.Contains(err.Error(), strings.Split(private, "\n")[1]) {
			t.Errorf("%s: the key is in the error", c.name)
		}
	}
}
