package wire_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	s3sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/wire"
	"polygate.example/tools/internal/store"
	"polygate.example/tools/internal/store/storetest"
)

var storing = []string{"aws", "gcp", "azure"}

// The drivers keep the contract of stores, each by its own SDK.
func TestStores(t *testing.T) {
	t.Parallel()
	for _, provider := range storing {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) storetest.Bed {
				b := newObjectBed(t)
				return storetest.Bed{Driver: b.driver(provider), Another: b.driver(provider), Gone: func() { b.lose(provider) }}
			})
		})
	}
}

// What a deployment put there is read, and written over, as anything else.
func TestStoresHoldDeployed(t *testing.T) {
	t.Parallel()
	b := newObjectBed(t)
	const text = `{"environment":"test"}`
	b.aws.Must(tS3Object, resource.Props{"bucket": bucket, "key": store.Topology, "content": text})
	b.google.Must(tGCSObject, resource.Props{"bucket": bucket, "name": store.Topology, "content": text})
	for _, provider := range []string{"aws", "gcp"} {
		s := store.New(provider, b.driver(provider))
		got, version, err := s.Read(t.Context(), store.Topology)
		if err != nil || string(got) != text {
			t.Fatalf("%s holds %q: %v", provider, got, err)
		}
		if _, err := s.Write(t.Context(), store.Topology, []byte("{}"), ""); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: written as if there were none: %v", provider, err)
		}
		if _, err := s.Write(t.Context(), store.Topology, []byte("{}"), version); err != nil {
			t.Errorf("%s: %v", provider, err)
		}
	}
}

// Buckets that are to be emptied go with what was put into them by hand, and nothing is left.
func TestStoresGo(t *testing.T) {
	t.Parallel()
	b := newObjectBed(t)
	for _, provider := range storing {
		if _, err := store.New(provider, b.driver(provider)).Write(t.Context(), store.Lock, []byte("{}"), ""); err != nil {
			t.Fatal(err)
		}
	}
	if left := len(b.store.View().Deployed()); left != 5 {
		t.Errorf("%d things were deployed, want 5: what is put by hand is not", left)
	}
	for _, err := range []error{b.aws.Delete(tS3Bucket, bucket, nil), b.google.Delete(tGCSBucket, bucket, nil)} {
		if err != nil {
			t.Error(err)
		}
	}
	for _, r := range b.store.View().List(tGroup) {
		if err := b.azure.Delete(tGroup, r.ID, nil); err != nil {
			t.Error(err)
		}
	}
	if left := b.store.View().All(); len(left) > 0 {
		t.Errorf("%d records are left: %s %s", len(left), left[0].Type, left[0].ID)
	}
}

func TestCallerIdentity(t *testing.T) {
	t.Parallel()
	b := newObjectBed(t)
	who, err := sts.NewFromConfig(b.config(token)).GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{aws.Account, aws.CallerARN, aws.CallerID}, []string{*who.Account, *who.Arn, *who.UserId}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// request sends one request as it is, signed by nobody.
func (b *objectBed) request(method, url string, body string, header ...string) (status int, code, text string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := b.client().Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("X-Ms-Error-Code"), string(all)
}

// objectFact is a rule of the clouds' object APIs, as a driver sees it.
type objectFact struct {
	name, source string
	do           func(b *objectBed) (said string)
	want         string // part of what is said
}

// said is what an error says.
func said(err error) string {
	if err == nil {
		return "nothing"
	}
	return err.Error()
}

// reads is what reading says.
func reads(d func(b *objectBed) store.Driver) func(*objectBed) string {
	return func(b *objectBed) string {
		_, err := d(b).Read(b.t.Context(), store.Lock)
		if err == nil {
			return "read"
		}
		return err.Error()
	}
}

// writes is what writing says, twice where the first one succeeds.
func writes(d func(b *objectBed) store.Driver, ifVersion string) func(*objectBed) string {
	return func(b *objectBed) string {
		_, err := d(b).Write(b.t.Context(), store.Lock, []byte("{}"), ifVersion)
		if err == nil {
			return "written"
		}
		return err.Error()
	}
}

const (
	azureErrors = "learn.microsoft.com/rest/api/storageservices/blob-service-error-codes"
	s3Errors    = "docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"
	blobURL     = "https://polygatestate.blob.core.windows.net/state/x.json"
	gcsURL      = "https://storage.googleapis.com/storage/v1/b/" + bucket + "/o/x.json"
)

var objectFacts = []objectFact{
	{"s3 signs for who it knows", s3Errors, reads(func(b *objectBed) store.Driver { return b.s3("eu-west-1", bucket, "other") }), "SignatureDoesNotMatch"},
	{"s3 wants a signature", s3Errors, func(b *objectBed) string {
		_, _, text := b.request(http.MethodGet, "https://"+bucket+".s3.eu-west-1.amazonaws.com/x", "")
		return text
	}, "AccessDenied"},
	{"s3 sees another body than was signed", s3Errors + ", XAmzContentSHA256Mismatch", func(b *objectBed) string {
		r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPut, "https://"+bucket+".s3.eu-west-1.amazonaws.com/x", strings.NewReader("changed"))
		if err != nil {
			return err.Error()
		}
		sum := sha256.Sum256([]byte("signed"))
		r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
		if err := v4.NewSigner().SignHTTP(b.t.Context(), awssdk.Credentials{AccessKeyID: wire.AccessKeyID, SecretAccessKey: token}, r, hex.EncodeToString(sum[:]), "s3", "eu-west-1", time.Now()); err != nil {
			return err.Error()
		}
		answer, err := b.client().Do(r)
		if err != nil {
			return err.Error()
		}
		defer answer.Body.Close()
		all, _ := io.ReadAll(answer.Body)
		return string(all)
	}, "XAmzContentSHA256Mismatch"},
	{"s3 knows a bucket by its name", s3Errors, reads(func(b *objectBed) store.Driver { return b.s3("eu-west-1", "another-bucket", token) }), "NoSuchBucket"},
	{"s3 writes to no bucket", s3Errors, writes(func(b *objectBed) store.Driver { return b.s3("eu-west-1", "another-bucket", token) }, ""), "NoSuchBucket"},
	{"s3 is asked in the bucket's region", s3Errors, reads(func(b *objectBed) store.Driver { return b.s3("us-east-1", bucket, token) }), "the region 'us-east-1' is wrong; expecting 'eu-west-1'"},
	{"s3 keeps versions", "docs.aws.amazon.com/AmazonS3/latest/userguide/manage-objects-versioned-bucket.html", func(b *objectBed) string {
		b.aws.Must(tS3Versioning, resource.Props{"bucket": bucket, "versioningConfiguration": resource.Props{"status": "Enabled"}})
		writes(func(b *objectBed) store.Driver { return b.driver("aws") }, "")(b)
		r, _ := b.store.View().Get(tS3Object, bucket+"/"+store.Lock)
		if r.Computed.Str("versionId") != "" {
			return "a version"
		}
		return "none"
	}, "a version"},
	{"gcs wants a token", "docs.cloud.google.com/storage/docs/json_api/v1/status-codes, 401", reads(func(b *objectBed) store.Driver { return b.gcs(bucket, "other") }), "401"},
	{"gcs shows data for alt=media", "docs.cloud.google.com/storage/docs/json_api/v1/objects/get", func(b *objectBed) string {
		_, _, text := b.request(http.MethodGet, gcsURL, "", "Authorization", "Bearer "+token)
		return text
	}, "alt=media"},
	{"gcs writes to no bucket", "docs.cloud.google.com/storage/docs/json_api/v1/status-codes, 404", writes(func(b *objectBed) store.Driver { return b.gcs("another-bucket", token) }, ""),
		"The specified bucket does not exist."},
	{"gcs takes digits for a generation", "docs.cloud.google.com/storage/docs/request-preconditions", func(b *objectBed) string {
		body := "--x\r\nContent-Type: application/json\r\n\r\n{\"name\":\"x.json\"}\r\n--x\r\nContent-Type: text/plain\r\n\r\ny\r\n--x--\r\n"
		_, _, text := b.request(http.MethodPost, "https://storage.googleapis.com/upload/storage/v1/b/"+bucket+"/o?uploadType=multipart&ifGenerationMatch=x", body,
			"Authorization", "Bearer "+token, "Content-Type", "multipart/related; boundary=x")
		return text
	}, "Invalid value for ifGenerationMatch"},
	{"blob wants a token", azureErrors + ", InvalidAuthenticationInfo", reads(func(b *objectBed) store.Driver { return b.blob("polygatestate", "state", "other") }), "InvalidAuthenticationInfo"},
	{"blob takes tokens by a late version", "learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory", func(b *objectBed) string {
		_, code, _ := b.request(http.MethodGet, blobURL, "", "Authorization", "Bearer "+token, "X-Ms-Version", "2015-02-21")
		return code
	}, "InvalidAuthenticationInfo"},
	{"blob knows a container by its name", azureErrors, reads(func(b *objectBed) store.Driver { return b.blob("polygatestate", "other", token) }), "ContainerNotFound"},
	{"blob knows an account by its name", azureErrors, reads(func(b *objectBed) store.Driver { return b.blob("another", "state", token) }), "ResourceNotFound"},
	{"blob has a kind", "learn.microsoft.com/rest/api/storageservices/put-blob, x-ms-blob-type", func(b *objectBed) string {
		_, code, _ := b.request(http.MethodPut, blobURL, "x", "Authorization", "Bearer "+token, "X-Ms-Version", "2023-11-03")
		return code
	}, "InvalidHeaderValue"},
	{"sts answers what it is asked", "docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html, InvalidAction", func(b *objectBed) string {
		_, err := sts.NewFromConfig(b.config(token)).GetSessionToken(b.t.Context(), nil)
		return said(err)
	}, "InvalidAction"},
	{"sts signs for who it knows", "docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html", func(b *objectBed) string {
		_, err := sts.NewFromConfig(b.config("other")).GetCallerIdentity(b.t.Context(), nil)
		return said(err)
	}, "SignatureDoesNotMatch"},
}

func TestObjectFacts(t *testing.T) {
	t.Parallel()
	for _, f := range objectFacts {
		t.Run(f.name, func(t *testing.T) {
			if got := f.do(newObjectBed(t)); !strings.Contains(got, f.want) {
				t.Errorf("said %q\nwant %q in it (%s)", got, f.want, f.source)
			}
		})
	}
}

// Each condition that is not met is refused by its own answer. The drivers' suite sees that it is refused; here is how.
func TestConditionFacts(t *testing.T) {
	t.Parallel()
	for _, f := range []objectFact{
		{"blob there already", "learn.microsoft.com/rest/api/storageservices/put-blob, remarks", func(b *objectBed) string {
			writes(func(b *objectBed) store.Driver { return b.driver("azure") }, "")(b)
			_, code, _ := b.request(http.MethodPut, "https://polygatestate.blob.core.windows.net/state/"+store.Lock, "x", "Authorization", "Bearer "+token, "X-Ms-Version", "2023-11-03",
				"X-Ms-Blob-Type", "BlockBlob", "If-None-Match", "*")
			return code
		}, "BlobAlreadyExists"},
		{"blob of another tag", azureErrors + ", ConditionNotMet", func(b *objectBed) string {
			_, code, _ := b.request(http.MethodPut, blobURL, "x", "Authorization", "Bearer "+token, "X-Ms-Version", "2023-11-03", "X-Ms-Blob-Type", "BlockBlob", "If-Match", `"0x1"`)
			return code
		}, "ConditionNotMet"},
		{"s3 matches nothing", "docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html, If-Match", func(b *objectBed) string {
			client := s3sdk.NewFromConfig(b.config(token), func(o *s3sdk.Options) { o.Region = "eu-west-1" })
			_, err := client.PutObject(b.t.Context(), &s3sdk.PutObjectInput{Bucket: awssdk.String(bucket), Key: awssdk.String("x"), IfMatch: awssdk.String("x"), Body: strings.NewReader("x")},
				func(o *s3sdk.Options) { o.RequestChecksumCalculation = awssdk.RequestChecksumCalculationWhenRequired })
			return said(err)
		}, "NoSuchKey"},
		{"gcs of another generation", "docs.cloud.google.com/storage/docs/request-preconditions", writes(func(b *objectBed) store.Driver { return b.driver("gcp") }, "7"), store.ErrConflict.Error()},
	} {
		t.Run(f.name, func(t *testing.T) {
			if got := f.do(newObjectBed(t)); !strings.Contains(got, f.want) {
				t.Errorf("said %q\nwant %q in it (%s)", got, f.want, f.source)
			}
		})
	}
}
