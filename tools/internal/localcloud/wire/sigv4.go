package wire

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/uuid"
)

// AccessKeyID is the one access key that the local AWS knows; its secret is Access.Token.
const AccessKeyID = "local"

const (
	signatureAlgorithm = "AWS4-HMAC-SHA256"
	unsignedPayload    = "UNSIGNED-PAYLOAD" // S3 takes it over TLS: "Signature Calculations for the Authorization Header", S3 API reference
	signatureTime      = "20060102T150405Z"
	// signatureAge is how old a signature may be: "In most cases, a request must reach AWS within five minutes of the time stamp in the
	// request" ("AWS Signature Version 4 for API requests", docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html).
	signatureAge = 5 * time.Minute
	maxAmazon    = 8 << 20 // our own bound on a request's body, bytes
)

// amazon is what AWS's APIs have in common. Their errors are called differently by protocol: "Common Errors" of the API references of
// Route 53 and Lambda.
type amazon struct {
	access  Access
	service string   // in credential scopes
	plain   bool     // the path is signed as it is sent, and the body by the header that has its digest: S3 ("Create a canonical request")
	faults  []string // what has the API answer nothing but that it is unavailable

	missing, unknownKey, mismatch string // codes for no signature, a key that nobody has, a signature that is another

	write func(http.ResponseWriter, awsFault) // writes the protocol's error document
}

// awsFault is an error as AWS answers it.
type awsFault struct {
	status        int
	code, message string
}

// awsCall is one request that was let in.
type awsCall struct {
	*http.Request
	region string // that its signature is for
	body   []byte
}

// handle lets requests in that are signed, and writes what is wrong with the others, or with what they ask for.
func (a amazon) handle(do func(http.ResponseWriter, awsCall) *awsFault) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amzn-Requestid", uuid.NewString())
		if f := a.serve(w, r, do); f != nil {
			a.write(w, *f)
		}
	}
}

func (a amazon) serve(w http.ResponseWriter, r *http.Request, do func(http.ResponseWriter, awsCall) *awsFault) *awsFault {
	if a.access.lost(a.faults...) {
		return &awsFault{http.StatusServiceUnavailable, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAmazon))
	if err != nil {
		return &awsFault{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", fmt.Sprintf("The request cannot be read: %v", err)}
	}
	region, f := a.verify(r, body)
	if f != nil {
		return f
	}
	return do(w, awsCall{r, region, body})
}

// signature is what an Authorization header says. Source: "Create a signed AWS API request", docs.aws.amazon.com/IAM/latest/UserGuide/
// reference_sigv-create-signed-request.html.
type signature struct {
	key, date, region, service string
	headers                    []string // signed ones, in lower case
	value                      string
}

func parseSignature(header string) (signature, bool) {
	rest, ok := strings.CutPrefix(header, signatureAlgorithm+" ")
	parts := map[string]string{}
	for _, p := range strings.Split(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		parts[name] = value
	}
	scope := strings.Split(parts["Credential"], "/")
	if !ok || len(scope) != 5 || scope[4] != "aws4_request" || parts["SignedHeaders"] == "" || parts["Signature"] == "" {
		return signature{}, false
	}
	return signature{scope[0], scope[1], scope[2], scope[3], strings.Split(parts["SignedHeaders"], ";"), parts["Signature"]}, true
}

// verify signs a request anew, as the SDK does, and sees that the signature is the same; it returns the region that it is for.
func (a amazon) verify(r *http.Request, body []byte) (region string, f *awsFault) {
	refuse := func(code, format string, args ...any) (string, *awsFault) {
		return "", &awsFault{http.StatusForbidden, code, fmt.Sprintf(format, args...)}
	}
	header := r.Header.Get("Authorization")
	if header == "" {
		return refuse(a.missing, "Missing Authentication Token")
	}
	s, ok := parseSignature(header)
	if !ok {
		return refuse("IncompleteSignature", "The request signature does not conform to AWS standards.")
	}
	if s.key != AccessKeyID || a.access.Token == "" || r.Header.Get("X-Amz-Security-Token") != "" {
		return refuse(a.unknownKey, "The security token included in the request is invalid.")
	}
	at, err := time.Parse(signatureTime, r.Header.Get("X-Amz-Date"))
	if err != nil || s.date != at.Format("20060102") || s.service != a.service {
		return refuse(a.mismatch, "Credential should be scoped to the service %s and to the date of the request.", a.service)
	}
	if age := time.Since(at).Abs(); age > signatureAge {
		return refuse(a.mismatch, "Signature expired: %s is not within %s of now.", r.Header.Get("X-Amz-Date"), signatureAge)
	}
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	if has := r.Header.Get("X-Amz-Content-Sha256"); a.plain && has == unsignedPayload {
		digest = has
	} else if a.plain && has != digest {
		return refuse("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	want, err := sign(r.Context(), r, digest, s, at, a)
	if err != nil || subtle.ConstantTimeCompare([]byte(want), []byte(s.value)) != 1 {
		return refuse(a.mismatch, "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.")
	}
	return s.region, nil
}

// sign is the signature that a request should have. The headers that count are those that were signed; Host and all of AWS's own must be
// among them (as signature, "Create a canonical request").
func sign(ctx context.Context, r *http.Request, digest string, s signature, at time.Time, a amazon) (string, error) {
	anew := &http.Request{Method: r.Method, Host: r.Host, Header: http.Header{}}
	anew.URL = &url.URL{Scheme: "https", Host: r.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	for name, values := range r.Header {
		lower := strings.ToLower(name)
		if slices.Contains(s.headers, lower) {
			anew.Header[name] = values
		} else if strings.HasPrefix(lower, "x-amz-") {
			return "", fmt.Errorf("the header %s is not signed", name)
		}
	}
	if !slices.Contains(s.headers, "host") {
		return "", fmt.Errorf("the header Host is not signed")
	}
	if slices.Contains(s.headers, "content-length") {
		anew.Header.Del("Content-Length")
		anew.ContentLength = r.ContentLength
	}
	if err := v4.NewSigner().SignHTTP(ctx, aws.Credentials{AccessKeyID: s.key, SecretAccessKey: a.access.Token}, anew, digest, s.service, s.region, at,
		func(o *v4.SignerOptions) { o.DisableURIPathEscaping = a.plain }); err != nil {
		return "", err
	}
	again, ok := parseSignature(anew.Header.Get("Authorization"))
	if !ok {
		return "", fmt.Errorf("the SDK's own signature is none: %s", anew.Header.Get("Authorization"))
	}
	return again.value, nil
}
