package aws

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"regexp"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

// privateTrust is where a domain name has its trust store as it was read: PEM, "" without one.
const privateTrust = "trust"

// mutualTLS is the property of a domain name. Source: API Gateway V2 API reference, MutualTlsAuthenticationInput (UriWithLengthBetween1And2048,
// StringWithLengthBetween1And64).
func mutualTLS() resource.Property {
	return resource.Property{Name: "mutualTlsAuthentication", Kind: resource.Object, Fields: []resource.Property{
		{Name: "truststoreUri", Kind: resource.String, Required: true, Min: resource.At(1), Max: resource.At(2048)},
		{Name: "truststoreVersion", Kind: resource.String, Min: resource.At(1), Max: resource.At(64)},
	}}
}

// storeURI is where a trust store is: "An Amazon S3 URL that specifies the truststore for mutual TLS authentication, for example
// s3://bucket-name/key-name" (the same place).
var storeURI = regexp.MustCompile(`^s3://([^/]+)/(.+)$`)

// readTrust reads the trust store of a domain name, which API Gateway does when it is told of one and not again: who has overwritten the object has to
// "update your custom domain name to use the updated certificate" ("How to turn on mutual TLS authentication for your HTTP APIs", Updating your
// truststore, docs.aws.amazon.com/apigateway/latest/developerguide/http-api-mutual-tls.html). It is in any region: nothing says that it has to be in
// that of the domain name. The words of the errors are ours; AWS documents none. Of a version that has been overwritten the local S3 keeps nothing.
func readTrust(env *resource.Env, a action, in resource.Props) (string, error) {
	if !in.Has("mutualTlsAuthentication") {
		return "", nil
	}
	uri, version := in.Object("mutualTlsAuthentication").Str("truststoreUri"), in.Object("mutualTlsAuthentication").Str("truststoreVersion")
	at := storeURI.FindStringSubmatch(uri)
	if at == nil {
		return "", a.refuse(codeBadRequest, "Invalid truststore URI: %s. It must be of the form s3://bucket-name/key-name", uri)
	}
	object, ok := env.View().Get(tokenObject, at[1]+"/"+at[2])
	if !ok {
		return "", a.refuse(codeBadRequest, "The truststore %s does not exist", uri)
	}
	// "To specify a version, you must have versioning enabled for the S3 bucket" (MutualTlsAuthenticationInput).
	if version != "" && !Versioned(env.View(), at[1]) {
		return "", a.refuse(codeBadRequest, "The bucket of the truststore %s has no versions: versioning must be enabled for it", uri)
	}
	if version != "" && version != object.Computed.Str("versionId") {
		return "", a.refuse(codeBadRequest, "The truststore %s has no version %s", uri, version)
	}
	taken := takenOf(object.Inputs.Str("content"))
	if taken == "" {
		return "", a.refuse(codeBadRequest, "The truststore %s has no certificate that can be used: nobody could call", uri)
	}
	return taken, nil
}

// takenOf are those certificates of a trust store that clients may have been issued by. What cannot be used is a warning and no error, and "some
// clients might not be able to access your API" (Troubleshooting certificate warnings); Pulumi does not tell of it. What can be used: "SHA-256 or
// stronger", "RSA-2048 or stronger", "ECDSA-256 or stronger" (Configuring your truststore).
func takenOf(text string) string {
	var out strings.Builder
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); block.Type == "CERTIFICATE" && err == nil && strong(c) {
			out.Write(pem.EncodeToMemory(block))
		}
	}
	return out.String()
}

func strong(c *x509.Certificate) bool {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= 2048 && slices.Contains(digests, c.SignatureAlgorithm)
	case *ecdsa.PublicKey:
		return key.Params().BitSize >= 256 && slices.Contains(digests, c.SignatureAlgorithm)
	}
	return false
}

// digests are the signatures with SHA-256 or stronger.
var digests = []x509.SignatureAlgorithm{
	x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA, x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
	x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512,
}
