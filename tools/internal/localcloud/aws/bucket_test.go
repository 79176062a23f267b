package aws_test

import (
	"testing"

	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/resource/resourcetest"
)

const (
	tBucket       = "aws:s3/bucket:Bucket"
	tPublicAccess = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
	tVersioning   = "aws:s3/bucketVersioning:BucketVersioning"
	tLifecycle    = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
	tBucketPolicy = "aws:s3/bucketPolicy:BucketPolicy"
	tObject       = "aws:s3/bucketObjectv2:BucketObjectv2"

	s3API    = "S3 API reference, "
	s3Naming = "S3 user guide, general purpose bucket naming rules"
	state    = "polygate-test-state"
	tlsOnly  = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":["s3:*"],"Resource":["arn:aws:s3:::polygate-test-state","arn:aws:s3:::polygate-test-state/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`
)

// named is a bucket of a name.
func named(name string) func(*bed, *region) resource.Props { return is(resource.Props{"bucket": name}) }

// of is something of a bucket that exists.
func of(more resource.Props) func(*bed, *region) resource.Props {
	return func(b *bed, _ *region) resource.Props {
		b.must(tBucket, resource.Props{"bucket": state})
		return resource.Props{"bucket": state}.With(more)
	}
}

// ofNone is something of a bucket that does not.
func ofNone(more resource.Props) func(*bed, *region) resource.Props {
	return is(resource.Props{"bucket": state}.With(more))
}

func rules(rules ...resource.Props) resource.Props {
	return resource.Props{"rules": resource.List(rules...)}
}

func policied(statement string) resource.Props {
	return resource.Props{"policy": `{"Version":"2012-10-17","Statement":[` + statement + `]}`}
}

var (
	enabled  = resource.Props{"versioningConfiguration": resource.Props{"status": "Enabled"}}
	expiring = resource.Props{"id": "old", "status": "Enabled", "noncurrentVersionExpiration": resource.Props{"noncurrentDays": 30.0}}
)

var storageFacts = []fact{
	{"bucket name too short", s3Naming, tBucket, named("ab"), "Check", "3 to 63"},
	{"bucket name in capitals", s3Naming, tBucket, named("State"), "Check", "lowercase"},
	{"bucket name that is an address", s3Naming, tBucket, named("192.168.5.4"), "Check", "3 to 63"},
	{"bucket name with two periods", s3Naming, tBucket, named("a..b"), "Check", "3 to 63"},
	{"bucket name with a reserved prefix", s3Naming, tBucket, named("xn--state"), "Check", "reserved prefixes"},
	{"bucket name with a reserved suffix", s3Naming, tBucket, named("state-s3alias"), "Check", "reserved prefixes and suffixes"},
	{"bucket exists", s3API + "CreateBucket, BucketAlreadyOwnedByYou", tBucket, func(b *bed, _ *region) resource.Props {
		b.must(tBucket, resource.Props{"bucket": state})
		return resource.Props{"bucket": state, "region": "eu-west-1"}
	}, "BucketAlreadyOwnedByYou", "StatusCode: 409"},
	{"public access block of no bucket", s3API + "PutPublicAccessBlock; List of error codes", tPublicAccess, ofNone(nil), "NoSuchBucket", "StatusCode: 404"},
	{"versioning in a word there is not", s3API + "PutBucketVersioning, Status", tVersioning, of(resource.Props{"versioningConfiguration": resource.Props{"status": "On"}}), "Check", `got "On"`},
	{"lifecycle rules of one id", s3API + "LifecycleRule, ID: unique", tLifecycle, of(rules(expiring, expiring)), "InvalidArgument", "Rule ID must be unique"},
	{"lifecycle rule that does nothing", s3API + "PutBucketLifecycleConfiguration", tLifecycle, of(rules(expiring.With(resource.Props{"noncurrentVersionExpiration": nil}))), "InvalidRequest", "At least one action"},
	{"lifecycle rule after no day", s3API + "NoncurrentVersionExpiration, NoncurrentDays: a positive integer", tLifecycle,
		of(rules(expiring.With(resource.Props{"noncurrentVersionExpiration": resource.Props{"noncurrentDays": 0.0}}))), "Check", "at least (1)"},
	{"bucket policy that is none", s3API + "List of error codes, MalformedPolicy", tBucketPolicy, of(policied(`{"Effect":"Deny"}`)), "MalformedPolicy", "actions"},
	{"bucket policy for another bucket", "repost.aws/knowledge-center/s3-invalid-principal-in-policy-error; S3 user guide, Bucket policy examples", tBucketPolicy,
		of(policied(`{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::another/*"}`)), "MalformedPolicy", "Policy has invalid resource"},
	{"bucket policy on another service", "S3 user guide, Actions for bucket policies", tBucketPolicy,
		of(policied(`{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"arn:aws:s3:::polygate-test-state/*"}`)), "MalformedPolicy", "Policy has invalid action"},
	{"object in no bucket", s3API + "PutObject; List of error codes", tObject, ofNone(resource.Props{"key": "x", "content": "x"}), "NoSuchBucket", "StatusCode: 404"},
	{"object key too long", "S3 user guide, Naming Amazon S3 objects", tObject, of(resource.Props{"key": string(make([]byte, 1025)), "content": "x"}), "Check", "1024"},
}

// bucket is a bucket with all that a store of the program has.
func (b *bed) bucket(force bool) (remove func() error) {
	b.must(tBucket, resource.Props{"bucket": state, "forceDestroy": force})
	b.must(tPublicAccess, resource.Props{"bucket": state, "blockPublicAcls": true, "blockPublicPolicy": true, "ignorePublicAcls": true, "restrictPublicBuckets": true})
	b.must(tVersioning, resource.Props{"bucket": state}.With(enabled))
	b.must(tLifecycle, resource.Props{"bucket": state}.With(rules(expiring)))
	b.must(tBucketPolicy, resource.Props{"bucket": state, "policy": tlsOnly})
	b.must(tObject, resource.Props{"bucket": state, "key": "topology.json", "content": "{}"})
	return func() error { return b.cloud().Delete(tBucket, state, nil) }
}

func TestBucketFacts(t *testing.T) {
	t.Parallel()
	t.Run("with something in it stays", func(t *testing.T) { // DeleteBucket
		resourcetest.Refused(t, newBed(t).bucket(false)(), "BucketNotEmpty", "is not empty", s3API+"DeleteBucket")
	})
	t.Run("that is to be emptied goes", func(t *testing.T) { // the provider's force_destroy
		b := newBed(t)
		before := len(b.store.View().All())
		if err := b.bucket(true)(); err != nil {
			t.Fatal(err)
		}
		if left := len(b.store.View().All()); left != before {
			t.Errorf("%d records are left of it", left-before)
		}
	})
	t.Run("versions of an object", func(t *testing.T) { // "Working with objects in a versioning-enabled bucket"
		b := newBed(t)
		b.bucket(true)
		in := resource.Props{"bucket": state, "key": "topology.json", "content": "{}"}
		r, _ := b.store.View().Get(tObject, state+"/topology.json")
		first := r.Computed.Str("versionId")
		out, err := b.cloud().Update(tObject, r.ID, in, r.Outputs(), in.With(resource.Props{"content": "[]"}))
		if err != nil {
			t.Fatal(err)
		}
		if first == "" || out.Str("versionId") == first || out.Str("etag") == r.Computed.Str("etag") {
			t.Errorf("overwritten from version %q to %q, tag %q to %q", first, out.Str("versionId"), r.Computed.Str("etag"), out.Str("etag"))
		}
	})
	t.Run("encrypted unasked", func(t *testing.T) { // "Setting default server-side encryption behavior for Amazon S3 buckets"
		b := newBed(t)
		b.bucket(true)
		if r, _ := b.store.View().Get(tObject, state+"/topology.json"); r.Computed.Str("serverSideEncryption") != "AES256" {
			t.Errorf("encrypted by %q", r.Computed.Str("serverSideEncryption"))
		}
	})
	t.Run("caller", func(t *testing.T) { // STS GetCallerIdentity
		b := newBed(t)
		out, _, err := b.c.Invoke(t.Context(), "aws:index/getCallerIdentity:getCallerIdentity", resource.Props{}, nil, false)
		if err != nil || out.Str("accountId") != aws.Account {
			t.Errorf("the caller's account is %q: %v", out.Str("accountId"), err)
		}
	})
}
