package aws_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"

	"polygate.example/shared/clientcert/clientcerttest"
	"polygate.example/tools/internal/localcloud/resource"
)

const (
	mutual     = "API Gateway developer guide, How to turn on mutual TLS authentication for your HTTP APIs"
	trustAt    = "s3://" + state + "/clients.pem"
	trustInput = gatewayAPI + "MutualTlsAuthenticationInput, "
)

// trusting is a domain name with a trust store, the uri and version of which are told by what the object has.
func trusting(content string, versioned bool, tell func(version string) resource.Props) func(*bed, *region) resource.Props {
	return func(b *bed, r *region) resource.Props {
		b.must(tBucket, resource.Props{"bucket": state})
		if versioned {
			b.must(tVersioning, resource.Props{"bucket": state}.With(enabled))
		}
		_, out := b.must(tObject, resource.Props{"bucket": state, "key": "clients.pem", "content": content})
		for _, m := range []made{r.made["mapping-own"], r.made["domain-own"]} {
			if err := b.delete(m.token, m.id, m.out); err != nil {
				b.t.Fatal(err)
			}
		}
		return domainInputs(r.own, r.id("certificate")).With(resource.Props{"mutualTlsAuthentication": tell(out.Str("versionId"))})
	}
}

// at is a trust store by its uri.
func at(uri string) func(string) resource.Props {
	return func(string) resource.Props { return resource.Props{"truststoreUri": uri} }
}

var trustFacts = []fact{
	{"trust store that is no object of S3", trustInput + "TruststoreUri; words: ours", tDomain, trusting("x", true, at("https://example.com/clients.pem")), "BadRequestException", "Invalid truststore URI"},
	{"trust store in no bucket", trustInput + "TruststoreUri; words: ours", tDomain, trusting("x", true, at("s3://nobody/clients.pem")), "BadRequestException", "does not exist"},
	{"trust store under another key", trustInput + "TruststoreUri; words: ours", tDomain, trusting("x", true, at("s3://"+state+"/other.pem")), "BadRequestException", "does not exist"},
	{"trust store without its URI", trustInput + "TruststoreUri, and " + bridge, tDomain, trusting("x", true, func(v string) resource.Props { return resource.Props{"truststoreVersion": v} }), "Check", "truststoreUri"},
	{"version of a bucket without versions", trustInput + "TruststoreVersion: you must have versioning enabled for the S3 bucket; words: ours", tDomain,
		trusting("x", false, func(string) resource.Props { return resource.Props{"truststoreUri": trustAt, "truststoreVersion": "1"} }), "BadRequestException", "versioning must be enabled"},
	{"version that is not there", trustInput + "TruststoreVersion; words: ours", tDomain,
		trusting("x", true, func(string) resource.Props { return resource.Props{"truststoreUri": trustAt, "truststoreVersion": "1"} }), "BadRequestException", "has no version 1"},
	{"trust store without a certificate", forward + "API Gateway warns, and nobody can call; " + mutual + ", Troubleshooting certificate warnings", tDomain,
		trusting("certificates to come", true, at(trustAt)), "BadRequestException", "no certificate that can be used"},
}

// TestTrustFacts: what a trust store is taken for, and when it is read.
func TestTrustFacts(t *testing.T) {
	t.Parallel()
	root, other := clientcerttest.Root(t, "Root"), clientcerttest.Root(t, "Other")
	t.Run("certificates that are too weak are left out", func(t *testing.T) { // mutual, Configuring your truststore
		b := newBed(t)
		r := b.deploy("us-east-1", "use1")
		text := "partners\n" + root.PEM() + short(t, 1024) + curved(t, elliptic.P224()) + other.PEM() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
		b.must(tDomain, trusting(text, true, at(trustAt))(b, r))
		b.must(tMapping, resource.Props{"apiId": r.id("api"), "domainName": r.own, "stage": "$default"})
		if got := b.asked(r.own); got != root.PEM()+other.PEM() {
			t.Errorf("clients of\n%s", got)
		}
		if got := b.asked(shared); got != "" {
			t.Errorf("the name without a trust store asks for clients of\n%s", got)
		}
	})
	t.Run("is read when a version is told", func(t *testing.T) { // mutual, Updating your truststore
		b := newBed(t)
		r := b.deploy("us-east-1", "use1")
		in := trusting(root.PEM(), true, func(v string) resource.Props {
			return resource.Props{"truststoreUri": trustAt, "truststoreVersion": v}
		})(b, r)
		b.must(tDomain, in)
		b.must(tMapping, resource.Props{"apiId": r.id("api"), "domainName": r.own, "stage": "$default"})
		if got := b.asked(r.own); got != root.PEM() {
			t.Errorf("clients of\n%s", got)
		}
		object, _ := b.store.View().Get(tObject, state+"/clients.pem")
		out, err := b.cloud().Update(tObject, object.ID, object.Inputs, object.Outputs(), object.Inputs.With(resource.Props{"content": other.PEM()}))
		if err != nil {
			t.Fatal(err)
		}
		if got := b.asked(r.own); got != root.PEM() {
			t.Errorf("overwritten, without another version told: clients of\n%s", got)
		}
		next := in.With(resource.Props{"mutualTlsAuthentication": resource.Props{"truststoreUri": trustAt, "truststoreVersion": out.Str("versionId")}})
		if got := b.retrust(tDomain, r.own, in, next); got != other.PEM() {
			t.Errorf("with the other version: clients of\n%s", got)
		}
		if got := b.retrust(tDomain, r.own, next, domainInputs(r.own, r.id("certificate"))); got != "" { // mutual, Disable mutual TLS
			t.Errorf("without a trust store: clients of\n%s", got)
		}
	})
}

// retrust updates a domain name in place, and tells whose clients it asks for then.
func (b *bed) retrust(token, id string, old, in resource.Props) string {
	b.t.Helper()
	d, err := b.c.Diff(token, old, in)
	if err != nil || len(d.Replaces()) > 0 {
		b.t.Fatalf("replaced: %v, %v", d, err)
	}
	rec, ok := b.store.View().Get(token, id)
	if !ok {
		b.t.Fatalf("no %s", id)
	}
	if _, err := b.cloud().Update(token, id, old, rec.Outputs(), in); err != nil {
		b.t.Fatal(err)
	}
	return b.asked(id)
}

// asked are the authorities whose clients a name answers, "" for everybody.
func (b *bed) asked(host string) string {
	b.t.Helper()
	for _, s := range b.project().Sites {
		for _, h := range s.Hosts {
			if h.Name == host {
				return string(h.Clients)
			}
		}
	}
	b.t.Fatalf("nobody answers for %s", host)
	return ""
}

func short(t *testing.T, bits int) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return selfSigned(t, key, key.Public())
}

func curved(t *testing.T, curve elliptic.Curve) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return selfSigned(t, key, key.Public())
}

func selfSigned(t *testing.T, key, public any) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Weak"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
