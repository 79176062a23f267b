package settings

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is left out of the certificate's dials has its default, and the authority follows from the directory.
func TestCertificate(t *testing.T) {
	production := &ACME{Directory: DefaultDirectory, RenewDays: DefaultRenewDays}
	for name, c := range map[string]struct {
		environment, dial string
		want              Certificate
	}{
		"brought":              {"dev", `{pfx: a, passwordFile: b}`, Certificate{PFX: "a", PasswordFile: "b"}},
		"brought, named":       {"dev", `{pfx: a, passwordFile: b, authority: digicert.com}`, Certificate{PFX: "a", PasswordFile: "b", Authority: "digicert.com"}},
		"by ACME":              {"dev", `{pfx: a, passwordFile: b, acme: {}}`, Certificate{PFX: "a", PasswordFile: "b", Authority: LetsEncrypt, ACME: production}},
		"by nothing":           {"dev", `{pfx: a, passwordFile: b, acme: }`, Certificate{PFX: "a", PasswordFile: "b"}},
		"staging, early":       {"dev", `{pfx: a, passwordFile: b, acme: {directory: "https://acme-staging-v02.api.letsencrypt.org/directory", renewDays: 60, email: ops@example.com}}`, Certificate{PFX: "a", PasswordFile: "b", Authority: LetsEncrypt, ACME: &ACME{Directory: "https://acme-staging-v02.api.letsencrypt.org/directory", RenewDays: 60, Email: "ops@example.com"}}},
		"Google's":             {"dev", `{pfx: a, passwordFile: b, acme: {directory: "https://dv.acme-v02.api.pki.goog/directory"}}`, Certificate{PFX: "a", PasswordFile: "b", Authority: "pki.goog", ACME: &ACME{Directory: "https://dv.acme-v02.api.pki.goog/directory", RenewDays: DefaultRenewDays}}},
		"another, without CAA": {"dev", `{pfx: a, passwordFile: b, acme: {directory: "https://ca.example/dir", caFile: ca.pem}}`, Certificate{PFX: "a", PasswordFile: "b", ACME: &ACME{Directory: "https://ca.example/dir", RenewDays: DefaultRenewDays, CAFile: "ca.pem"}}},
		"local":                {Local, `{pfx: a, passwordFile: b}`, Certificate{PFX: "a", PasswordFile: "b", Authority: LetsEncrypt}},
		"local, by ACME":       {Local, `{pfx: a, passwordFile: b, acme: {directory: "https://127.0.0.1:14000/dir"}}`, Certificate{PFX: "a", PasswordFile: "b", ACME: &ACME{Directory: "https://127.0.0.1:14000/dir", RenewDays: DefaultRenewDays}}},
	} {
		t.Run(name, func(t *testing.T) {
			text := least + "  polygate:certificate: " + c.dial + "\n"
			if c.environment == Local {
				text += `  polygate:localClouds: {speed: 10, dns: "127.0.0.1:15353", edge: "127.0.0.1:18443", origin: "127.0.0.1:18080", network: 127.77.0.0}` + "\n"
			}
			s, err := Load(stackFileOf(t, c.environment, text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&c.want, s.Certificate); diff != "" {
				t.Errorf("certificate (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValue(t *testing.T) {
	path := stackFile(t, least+"  azure-native:subscriptionId: s1\n")
	for key, want := range map[string]string{"azure-native:subscriptionId": "s1", "gcp:project": ""} {
		if got, err := Value(path, key); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", key, got, err, want)
		}
	}
	if _, err := Value(path+".away", "gcp:project"); err == nil {
		t.Error("a stack file that is not there has values")
	}
}
