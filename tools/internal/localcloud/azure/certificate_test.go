package azure_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // what a thumbprint is
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"polygate.example/tools/internal/localcloud/azure"
	"polygate.example/tools/internal/localcloud/resource"
)

const (
	docAES     = "MicrosoftDocs/azure-docs PR #126773: AES-256 is taken"
	docDES     = docTLS + ", Private certificate requirements: triple DES"
	docNoSANs  = "RFC 9525, section 6.3; " + docTLS
	docReplace = docTLS + ", Renew an uploaded certificate: upload the new one, move the bindings, delete the old one"
)

// pair makes a certificate by hand, with a key of its own.
func (k *kit) pair(rsaKey bool, change func(*x509.Certificate)) (crypto.Signer, *x509.Certificate) {
	k.t.Helper()
	key, err := crypto.Signer(nil), error(nil)
	if rsaKey {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		k.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: ownName}, DNSNames: []string{ownName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0), // of the clouds' time, of which a day is over in a second
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		k.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		k.t.Fatal(err)
	}
	return key, cert
}

// upload brings a certificate to the app as a PFX of an encoding and returns what App Service tells of it.
func (k *kit) upload(encoder *pkcs12.Encoder, rsaKey bool, change func(*x509.Certificate)) string {
	k.t.Helper()
	key, cert := k.pair(rsaKey, change)
	der, err := encoder.Encode(key, cert, nil, "secret")
	if err != nil {
		k.t.Fatal(err)
	}
	if len(k.store.View().List(tApp)) == 0 {
		k.app(nil, "")
	}
	_, out, err := k.create(tCert, in(resource.Props{"name": "gw-app", "certificateName": "by-hand", "pfxBlob": base64.StdEncoding.EncodeToString(der), "password": "secret"}))
	if err != nil {
		return resource.Code(err) + ": " + err.Error()
	}
	sum := sha1.Sum(cert.Raw) //nolint:gosec // what a thumbprint is
	return fmt.Sprintf("names %v, thumbprint is its SHA-1: %t", out["hostNames"], out.Str("thumbprint") == strings.ToUpper(fmt.Sprintf("%x", sum)))
}

func asIs(*x509.Certificate) {}

const taken = "names [" + ownName + "], thumbprint is its SHA-1: true"

var certificateFacts = []struct {
	name, source string
	see          func(k *kit) string
	words        string
}{
	{"a PFX under triple DES", docDES, func(k *kit) string { return k.upload(pkcs12.LegacyDES, true, asIs) }, taken},
	{"a PFX under AES-256", docAES, func(k *kit) string { return k.upload(pkcs12.Modern2023, true, asIs) }, taken},
	{"a key of an elliptic curve", docAES, func(k *kit) string { return k.upload(pkcs12.Modern2023, false, asIs) }, taken},
	{"expired", docTLS, func(k *kit) string {
		return k.upload(pkcs12.Modern2023, false, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	}, azure.CodeBadRequest + ": "},
	{"without alternative names", docNoSANs, func(k *kit) string {
		return k.upload(pkcs12.Modern2023, false, func(c *x509.Certificate) { c.DNSNames = nil })
	}, "names no host"},
	{"another app's certificate cannot be bound", "Microsoft.Web/sites/certificates template reference: a certificate is of its site", func(k *kit) string {
		app := k.published()
		k.prove(app, ownName)
		k.must(tPlan, planInputs(resource.Props{"name": "second"}))
		identity := k.store.View().List(tIdentity)[0].ID
		k.must(tApp, appInputs(identity, func(top, _, _ resource.Props) {
			top["name"], top["serverFarmId"] = "second", strings.TrimSuffix(planID, "gw")+"second"
		}))
		_, out := k.must(tCert, in(resource.Props{"name": "second", "certificateName": "gw", "pfxBlob": k.pfx("secret", ownName), "password": "secret"}))
		_, _, err := k.create(tBinding, bindingInputs(resource.Props{"sslState": "SniEnabled", "thumbprint": out.Str("thumbprint")}))
		return fmt.Sprint(err)
	}, "was not found in app 'gw-app'"},
	{"the next comes first, then the bindings move, then the old one goes", docReplace, func(k *kit) string {
		k.bound()
		_, next := k.must(tCert, in(resource.Props{"name": "gw-app", "certificateName": "next", "pfxBlob": k.pfx("secret", ownName), "password": "secret", "serverFarmId": planID}))
		early := k.delete(tCert, appID+"/certificates/gw")
		binding := k.store.View().List(tBinding)[0]
		if _, err := k.update(tBinding, binding.ID, binding.Inputs.With(resource.Props{"thumbprint": next.Str("thumbprint")})); err != nil {
			return err.Error()
		}
		shown := k.world().Sites[0].Hosts
		for _, h := range shown {
			if h.Name == ownName && len(h.Cert) == 0 {
				return "no certificate is shown"
			}
		}
		return fmt.Sprint(resource.Code(early), " then ", k.delete(tCert, appID+"/certificates/gw"))
	}, azure.CodeConflict + " then <nil>"},
}

// TestCertificateFacts looks at one rule at a time.
func TestCertificateFacts(t *testing.T) {
	for _, f := range certificateFacts {
		t.Run(f.name, func(t *testing.T) {
			if got := f.see(newKit(t)); !strings.Contains(got, f.words) {
				t.Errorf("got %q, want %q (%s)", got, f.words, f.source)
			}
		})
	}
}
