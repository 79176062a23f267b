package aws

import (
	"context"
	"crypto/md5" //nolint:gosec // S3's entity tags are MD5; nothing is trusted because of it
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenBucket       = "aws:s3/bucket:Bucket"
	tokenPublicAccess = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
	tokenVersioning   = "aws:s3/bucketVersioning:BucketVersioning"
	tokenLifecycle    = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
	tokenBucketPolicy = "aws:s3/bucketPolicy:BucketPolicy"
	tokenObject       = "aws:s3/bucketObjectv2:BucketObjectv2"

	labelBucket = "S3 Bucket"
	serviceS3   = "S3"
)

// bucketForm and what bucketName refuses are the rules for names of general purpose buckets. Source: "General purpose bucket naming rules",
// docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html.
var bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func bucketName(v any) string {
	name := v.(string)
	_, address := netip.ParseAddr(name)
	refused := func(affix string, has func(string, string) bool) bool { return has(name, affix) }
	switch {
	case !bucketForm.MatchString(name), strings.Contains(name, ".."), address == nil:
	case slices.ContainsFunc([]string{"xn--", "sthree-", "amzn-s3-demo-"}, func(p string) bool { return refused(p, strings.HasPrefix) }):
	case slices.ContainsFunc([]string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3", "-an"}, func(s string) bool { return refused(s, strings.HasSuffix) }):
	default:
		return ""
	}
	return fmt.Sprintf("validating S3 Bucket (%s) name: only alphanumeric lowercase characters, hyphens and periods allowed, 3 to 63, none of the reserved prefixes and suffixes", name)
}

// bucketType is aws:s3/bucket:Bucket, without what has a resource of its own. Everything put into it is encrypted (SSE-S3), whether asked for
// or not: "Setting default server-side encryption behavior for Amazon S3 buckets", S3 user guide.
func bucketType() *resource.Type {
	return &resource.Type{
		Token: tokenBucket, Label: labelBucket,
		Properties: []resource.Property{
			{Name: "bucket", Kind: resource.String, Immutable: true, Complain: bucketName},
			flag("forceDestroy", false), regionProperty(), tagsProperty(),
		},
		Unmodelled: []string{
			"accelerationStatus", "acl", "bucketNamespace", "bucketPrefix", "corsRules", "grants", "lifecycleRules", "logging", "objectLockConfiguration",
			"objectLockEnabled", "policy", "replicationConfiguration", "requestPayer", "serverSideEncryptionConfiguration", "versioning", "website",
		},
		Computed: []string{"arn", "bucketDomainName", "bucketRegion", "bucketRegionalDomainName", "tagsAll"},
		Volatile: []string{"tagsAll"},
		AutoName: &resource.AutoName{Property: "bucket", Max: 63, Lower: true},
		Unique:   []string{"bucket"}, // over all accounts of the partition
		Conflict: func(in resource.Props) error { // CreateBucket, "Errors": BucketAlreadyOwnedByYou, outside of us-east-1 and, by pulumi-aws, there too
			return bucketAction(resource.OpCreate, in.Str("bucket"), "CreateBucket").refuse(codeBucketOwned,
				"Your previous request to create the named bucket succeeded and you already own it.")
		},
		Create: func(_ context.Context, _ *resource.Env, in resource.Props) (string, resource.Props, error) {
			name, region := in.Str("bucket"), in.Str("region")
			return name, resource.Props{
				"arn": "arn:aws:s3:::" + name, "bucketDomainName": name + ".s3.amazonaws.com", "bucketRegion": region,
				"bucketRegionalDomainName": name + ".s3." + region + ".amazonaws.com", "tagsAll": tagsAll(in),
			}, nil
		},
		Update: func(_ context.Context, _ *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return resource.Props{"tagsAll": tagsAll(in)}, nil
		},
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			objects := env.View().Where(tokenObject, "bucket", old.ID)
			if len(objects) > 0 && !old.Inputs.Bool("forceDestroy") { // DeleteBucket: "All objects [...] in the bucket must be deleted"
				return bucketAction(resource.OpDelete, old.ID, "DeleteBucket").refuse(codeBucketNotEmpty, "The bucket you tried to delete is not empty")
			}
			for _, token := range []string{tokenPublicAccess, tokenVersioning, tokenLifecycle, tokenBucketPolicy} {
				objects = append(objects, env.View().Where(token, "bucket", old.ID)...)
			}
			return removeAll(env, objects)
		},
	}
}

func bucketAction(op resource.Op, bucket, call string) action {
	return action{op, labelBucket, bucket, serviceS3, call}
}

// ofBucket describes what a bucket has at most one of, under the bucket's name.
func ofBucket(token, label, call string, check func(a action, in resource.Props) error, properties ...resource.Property) *resource.Type {
	put := func(op resource.Op, env *resource.Env, in resource.Props) error {
		a := action{op, label, in.Str("bucket"), serviceS3, call}
		if _, ok := env.View().Get(tokenBucket, in.Str("bucket")); !ok {
			return a.refuse(codeNoSuchBucket, "The specified bucket does not exist")
		}
		if check == nil {
			return nil
		}
		return check(a, in)
	}
	return &resource.Type{
		Token: token, Label: label,
		Properties: append([]resource.Property{{Name: "bucket", Kind: resource.String, Required: true, Immutable: true}, regionProperty()}, properties...),
		Unique:     []string{"bucket"},
		Conflict:   func(resource.Props) error { return nil }, // a put overwrites
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			return in.Str("bucket"), nil, put(resource.OpCreate, env, in)
		},
		Update: func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return nil, put(resource.OpUpdate, env, in)
		},
	}
}

// publicAccessType is aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock. Source: PutPublicAccessBlock.
func publicAccessType() *resource.Type {
	t := ofBucket(tokenPublicAccess, "S3 Bucket Public Access Block", "PutPublicAccessBlock", nil,
		flag("blockPublicAcls", false), flag("blockPublicPolicy", false), flag("ignorePublicAcls", false), flag("restrictPublicBuckets", false))
	t.Unmodelled = []string{"skipDestroy"}
	return t
}

// versioningType is aws:s3/bucketVersioning:BucketVersioning. Source: PutBucketVersioning; "Disabled" is the provider's own word for never
// enabled.
func versioningType() *resource.Type {
	t := ofBucket(tokenVersioning, "S3 Bucket Versioning", "PutBucketVersioning", nil,
		resource.Property{Name: "versioningConfiguration", Kind: resource.Object, Required: true, Unmodelled: []string{"mfaDelete"}, Fields: []resource.Property{
			{Name: "status", Kind: resource.String, Required: true, OneOf: oneOf("Enabled", "Suspended", "Disabled")},
		}})
	t.Unmodelled = []string{"mfa", "expectedBucketOwner"}
	return t
}

// lifecycleType is aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration, as far as old versions are taken away. Nothing becomes
// that old here. Source: PutBucketLifecycleConfiguration, LifecycleRule: an id of at most 255 characters, unique; at least one action.
func lifecycleType() *resource.Type {
	days := resource.Property{Name: "noncurrentDays", Kind: resource.Int, Required: true, Min: resource.At(1)}
	t := ofBucket(tokenLifecycle, "S3 Bucket Lifecycle Configuration", "PutBucketLifecycleConfiguration", func(a action, in resource.Props) error {
		seen := map[string]bool{}
		for _, rule := range in.Objects("rules") {
			if seen[rule.Str("id")] {
				return a.refuse(codeInvalidArgument, "Rule ID must be unique. Found same ID for more than one rule")
			}
			seen[rule.Str("id")] = true
			if !rule.Has("noncurrentVersionExpiration") {
				return a.refuse(codeInvalidRequest, "At least one action needs to be specified in a rule")
			}
		}
		return nil
	}, resource.Property{Name: "transitionDefaultMinimumObjectSize", Kind: resource.String, Default: "all_storage_classes_128K",
		OneOf: oneOf("all_storage_classes_128K", "varies_by_storage_class")}, resource.Property{Name: "rules", Kind: resource.Array, Required: true, Min: resource.At(1), Max: resource.At(1000), Elem: &resource.Property{
		Kind: resource.Object, Unmodelled: []string{"abortIncompleteMultipartUpload", "expiration", "noncurrentVersionTransitions", "prefix", "transitions"},
		Fields: []resource.Property{
			{Name: "id", Kind: resource.String, Required: true, Min: resource.At(1), Max: resource.At(255)},
			{Name: "status", Kind: resource.String, Required: true, OneOf: oneOf("Enabled", "Disabled")},
			{Name: "filter", Kind: resource.Object, Fields: []resource.Property{text("prefix")}, Unmodelled: []string{"and", "objectSizeGreaterThan", "objectSizeLessThan", "tag"}},
			{Name: "noncurrentVersionExpiration", Kind: resource.Object, Fields: []resource.Property{days, {Name: "newerNoncurrentVersions", Kind: resource.Int, Min: resource.At(1), Max: resource.At(100)}}},
		},
	}})
	t.Unmodelled = []string{"expectedBucketOwner", "timeouts"}
	return t
}

// bucketPolicyType is aws:s3/bucketPolicy:BucketPolicy. Sources: PutBucketPolicy; "Bucket policy examples", whose resources are the bucket and
// what is in it.
func bucketPolicyType() *resource.Type {
	return ofBucket(tokenBucketPolicy, "S3 Bucket Policy", "PutBucketPolicy", func(a action, in resource.Props) error {
		written, err := policyText(in, "policy")
		var d document
		if err == nil {
			d, err = parsePolicy(written, resourcePolicy)
		}
		if err != nil {
			return a.refuse(codeBucketPolicy, "%v", err)
		}
		own := "arn:aws:s3:::" + in.Str("bucket")
		for _, s := range d.Statements {
			for _, r := range s.Resources {
				if r != own && !strings.HasPrefix(r, own+"/") {
					return a.refuse(codeBucketPolicy, "Policy has invalid resource")
				}
			}
			for _, act := range s.Actions {
				if act != "*" && !strings.HasPrefix(act, "s3:") {
					return a.refuse(codeBucketPolicy, "Policy has invalid action")
				}
			}
		}
		return nil
	}, policyProperty("policy"))
}

// objectType is aws:s3/bucketObjectv2:BucketObjectv2 with content that is text. Other content is an update: PutObject overwrites.
func objectType() *resource.Type {
	t := &resource.Type{
		Token: tokenObject, Label: "S3 Object",
		Properties: []resource.Property{
			{Name: "bucket", Kind: resource.String, Required: true, Immutable: true},
			{Name: "key", Kind: resource.String, Required: true, Immutable: true, Min: resource.At(1), Max: resource.At(1024)}, // "Naming Amazon S3 objects"
			text("content"), text("contentType"), text("cacheControl"), flag("forceDestroy", false), regionProperty(), tagsProperty(),
		},
		Unmodelled: []string{
			"acl", "bucketKeyEnabled", "checksumAlgorithm", "contentBase64", "contentDisposition", "contentEncoding", "contentLanguage", "etag", "kmsKeyId", "metadata",
			"objectLockLegalHoldStatus", "objectLockMode", "objectLockRetainUntilDate", "overrideProvider", "serverSideEncryption", "source", "sourceHash", "storageClass",
			"websiteRedirect",
		},
		Computed: []string{"arn", "etag", "serverSideEncryption", "versionId", "tagsAll"},
		Volatile: []string{"etag", "versionId", "tagsAll"},
		Unique:   []string{"bucket", "key"},
		Conflict: func(resource.Props) error { return nil },
	}
	put := func(op resource.Op, env *resource.Env, in resource.Props) (resource.Props, error) {
		bucket, key := in.Str("bucket"), in.Str("key")
		if _, ok := env.View().Get(tokenBucket, bucket); !ok {
			return nil, action{op, t.Label, bucket + "/" + key, serviceS3, "PutObject"}.refuse(codeNoSuchBucket, "The specified bucket does not exist")
		}
		sum := md5.Sum([]byte(in.Str("content"))) //nolint:gosec // see the import
		out := resource.Props{"arn": "arn:aws:s3:::" + bucket + "/" + key, "etag": hex.EncodeToString(sum[:]), "serverSideEncryption": "AES256", "tagsAll": tagsAll(in), "versionId": ""}
		if Versioned(env.View(), bucket) {
			out["versionId"] = derive(32, bucket, key, in.Str("content"), env.Now().String())
		}
		return out, nil
	}
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		out, err := put(resource.OpCreate, env, in)
		return in.Str("bucket") + "/" + in.Str("key"), out, err
	}
	t.Update = func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
		return put(resource.OpUpdate, env, in)
	}
	return t
}

// Versioned reports whether a bucket keeps what is overwritten.
func Versioned(v resource.View, bucket string) bool {
	r, ok := v.Find(tokenVersioning, "bucket", bucket)
	return ok && r.Inputs.Object("versioningConfiguration").Str("status") == "Enabled"
}

// callerInvoke is aws:index/getCallerIdentity:getCallerIdentity.
func callerInvoke() *resource.Invoke {
	return &resource.Invoke{
		Token: "aws:index/getCallerIdentity:getCallerIdentity",
		Call: func(context.Context, *resource.Env, resource.Props) (resource.Props, error) {
			return resource.Props{"accountId": Account, "id": Account, "arn": CallerARN, "userId": CallerID}, nil
		},
	}
}

// Who deploys to the local AWS, as STS names it.
const (
	CallerARN = "arn:aws:iam::" + Account + ":user/local"
	CallerID  = "AIDALOCALLOCALLOCAL00"
)
