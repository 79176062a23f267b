package wire_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"google.golang.org/api/option"

	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/azure"
	"polygate.example/tools/internal/localcloud/gcp"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/resource/resourcetest"
	"polygate.example/tools/internal/localcloud/wire"
	"polygate.example/tools/internal/store"
	"polygate.example/tools/internal/store/blob"
	"polygate.example/tools/internal/store/gcs"
	"polygate.example/tools/internal/store/s3"
)

const (
	tS3Bucket     = "aws:s3/bucket:Bucket"
	tS3Versioning = "aws:s3/bucketVersioning:BucketVersioning"
	tS3Object     = "aws:s3/bucketObjectv2:BucketObjectv2"
	tGCSBucket    = "gcp:storage/bucket:Bucket"
	tGCSObject    = "gcp:storage/bucketObject:BucketObject"
	tGroup        = "azure-native:resources:ResourceGroup"
	tAccount      = "azure-native:storage:StorageAccount"
	tContainer    = "azure-native:storage:BlobContainer"

	bucket = "polygate-test-state" // at AWS and Google; Azure's account has no dashes
)

// objectBed are three local clouds with a bucket each, behind their wires.
type objectBed struct {
	t                  *testing.T
	store              *resource.Store
	aws, google, azure resourcetest.Cloud
	lost               atomic.Pointer[string] // the provider whose APIs are broken
	server             *httptest.Server
}

func newObjectBed(t *testing.T) *objectBed {
	t.Helper()
	b := &objectBed{t: t}
	var err error
	if b.store, err = resource.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	cloud := func(c *resource.Cloud, config resource.Props) resourcetest.Cloud {
		made, err := resource.NewController(c, b.store, resource.Services{Addresses: &resourcetest.Addresses{Port: 443}, CA: googleCA{}})
		if err != nil {
			t.Fatal(err)
		}
		return resourcetest.Cloud{T: t, Controller: made, Config: config}
	}
	b.aws = cloud(aws.Cloud(), resource.Props{"region": "eu-west-1"})
	b.google = cloud(gcp.Cloud(), resource.Props{"project": "polygate-test"})
	b.azure = cloud(azure.Cloud(), nil)
	b.aws.Must(tS3Bucket, resource.Props{"bucket": bucket, "forceDestroy": true})
	b.google.Must(tGCSBucket, resource.Props{"name": bucket, "location": "EUROPE-WEST1", "forceDestroy": true})
	b.azure.Must(tGroup, resource.Props{"resourceGroupName": "state", "location": "westeurope"})
	b.azure.Must(tAccount, resource.Props{"resourceGroupName": "state", "accountName": "polygatestate", "kind": "StorageV2", "sku": resource.Props{"name": "Standard_LRS"}})
	b.azure.Must(tContainer, resource.Props{"resourceGroupName": "state", "accountName": "polygatestate", "containerName": "state"})
	access := wire.Access{Token: token, Lost: func(api string) bool { l := b.lost.Load(); return l != nil && *l == api }}
	s3API, sts, google, blobs := wire.S3(access, b.store), wire.STS(access), wire.CloudStorage(access, b.store), wire.Blobs(access, b.store)
	b.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.Host, ".s3."):
			s3API.ServeHTTP(w, r)
		case strings.HasPrefix(r.Host, "sts."):
			sts.ServeHTTP(w, r)
		case r.Host == "storage.googleapis.com":
			google.ServeHTTP(w, r)
		default:
			blobs.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(b.server.Close)
	return b
}

// client leads to the bed, whatever host it asks for.
func (b *objectBed) client() *http.Client {
	var d net.Dialer
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return d.DialContext(ctx, network, b.server.Listener.Addr().String())
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the bed's certificate is for no host it is asked for
	}}
}

// config is of AWS's SDK, with a key that its secret may be wrong for.
func (b *objectBed) config(secret string) awssdk.Config {
	return awssdk.Config{Region: "us-east-1", HTTPClient: b.client(), RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider(wire.AccessKeyID, secret, "")}
}

// withToken shows a bearer token.
type withToken struct {
	token string
	next  http.RoundTripper
}

func (w withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+w.token)
	return w.next.RoundTrip(r)
}

// GetToken gives it to Azure's SDK.
func (w withToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: w.token, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func (b *objectBed) s3(region, name, secret string) store.Driver {
	return s3.New(b.config(secret), region, name)
}

func (b *objectBed) gcs(name, shown string) store.Driver {
	b.t.Helper()
	d, err := gcs.New(b.t.Context(), name, option.WithHTTPClient(&http.Client{Transport: withToken{shown, b.client().Transport}}))
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

func (b *objectBed) blob(account, container, shown string) store.Driver {
	return blob.New(withToken{token: shown}, &policy.ClientOptions{Transport: b.client(), Retry: policy.RetryOptions{MaxRetries: -1}}, account, container)
}

// driver is of a provider's bucket.
func (b *objectBed) driver(provider string) store.Driver {
	switch provider {
	case "aws":
		return b.s3("eu-west-1", bucket, token)
	case "gcp":
		return b.gcs(bucket, token)
	default:
		return b.blob("polygatestate", "state", token)
	}
}

func (b *objectBed) lose(provider string) { b.lost.Store(&provider) }
