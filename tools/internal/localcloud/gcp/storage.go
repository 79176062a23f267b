package gcp

import (
	"context"
	"crypto/md5" //nolint:gosec // Cloud Storage reports MD5; nothing is trusted because of it
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/url"
	"os"
	"regexp"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

// Tokens of the storage types.
const (
	tokenBucket = "gcp:storage/bucket:Bucket"
	tokenObject = "gcp:storage/bucketObject:BucketObject"
)

// storageClasses: Source: "Storage classes", cloud.google.com/storage/docs/storage-classes.
var storageClasses = []string{"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "MULTI_REGIONAL", "REGIONAL", "DURABLE_REDUCED_AVAILABILITY"}

func bucket() *resource.Type {
	return &resource.Type{
		Token: tokenBucket, Label: "bucket",
		Properties: []resource.Property{
			{
				Name: "name", Kind: resource.String, Immutable: true, Pattern: regexp.MustCompile(bucketName),
				Complain: func(v any) string {
					if err := checkBucketName(v.(string)); err != nil {
						return err.Error()
					}
					return ""
				},
			},
			{
				Name: "location", Kind: resource.String, Required: true, Immutable: true, Fold: true,
				Complain: func(v any) string {
					if !knownBucketLocation(v.(string)) {
						return apiError(400, ReasonInvalid, "The specified location constraint is not valid: %s", v).Error()
					}
					return ""
				},
			},
			project, labels,
			{Name: "forceDestroy", Kind: resource.Bool},
			choice("publicAccessPrevention", "inherited", "enforced"),
			{Name: "uniformBucketLevelAccess", Kind: resource.Bool},
			oneOf("storageClass", "STANDARD", storageClasses[1:]...),
			{Name: "versioning", Kind: resource.Object, Fields: []resource.Property{{Name: "enabled", Kind: resource.Bool, Required: true}}},
			{Name: "lifecycleRules", Kind: resource.Array, Max: resource.At(100), Elem: &resource.Property{Kind: resource.Object, Fields: []resource.Property{
				{Name: "action", Kind: resource.Object, Required: true, Unmodelled: []string{"storageClass"}, Fields: []resource.Property{
					// Source: "Object Lifecycle Management", lifecycle actions, docs.cloud.google.com/storage/docs/lifecycle. Nothing becomes that old here.
					{Name: "type", Kind: resource.String, Required: true, OneOf: resource.List[any]("Delete", "SetStorageClass", "AbortIncompleteMultipartUpload")},
				}},
				{Name: "condition", Kind: resource.Object, Required: true, Fields: []resource.Property{
					{Name: "age", Kind: resource.Int, Min: resource.At(0)}, {Name: "daysSinceNoncurrentTime", Kind: resource.Int, Min: resource.At(0)},
					{Name: "numNewerVersions", Kind: resource.Int, Min: resource.At(0)},
				}, Unmodelled: []string{
					"createdBefore", "customTimeBefore", "daysSinceCustomTime", "matchesPrefixes", "matchesStorageClasses", "matchesSuffixes", "noncurrentTimeBefore", "sendAgeIfZero",
					"sendDaysSinceCustomTimeIfZero", "sendDaysSinceNoncurrentTimeIfZero", "sendNumNewerVersionsIfZero", "sizeAboveBytes", "sizeBelowBytes", "withState",
				}},
			}}},
			{Name: "softDeletePolicy", Kind: resource.Object, Fields: []resource.Property{{
				Name: "retentionDurationSeconds", Kind: resource.Int,
				Complain: func(v any) string { // Source: "Soft delete", cloud.google.com/storage/docs/soft-delete: 0, or 7 to 90 days
					if n := v.(float64); n != 0 && (n < 604800 || n > 7776000) {
						return "Soft delete policy retention duration must be 0 or between 604800 (7 days) and 7776000 (90 days) seconds"
					}
					return ""
				},
			}}},
		},
		Unmodelled: []string{
			"autoclass", "cors", "customPlacementConfig", "defaultEventBasedHold", "deletionPolicy", "enableObjectRetention", "encryption",
			"hierarchicalNamespace", "ipFilter", "logging", "requesterPays", "retentionPolicy", "rpo", "website",
		},
		Computed: append([]string{"url", "selfLink", "projectNumber", "timeCreated", "updated"}, labelOutputs...),
		Volatile: labelOutputs,
		Unique:   []string{"name"}, // over all projects of the world
		AutoName: autoName(63),
		Conflict: func(resource.Props) error {
			return apiError(409, ReasonConflict, "Your previous request to create the named bucket succeeded and you already own it.")
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			name, now := in.Str("name"), env.Now().Format("2006-01-02T15:04:05.000Z")
			return name, computedLabels(in).With(resource.Props{
				"url": "gs://" + name, "selfLink": "https://www.googleapis.com/storage/v1/b/" + name,
				"projectNumber": number(Account), "timeCreated": now, "updated": now,
			}), nil
		},
		Update: updateLabels,
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			objects := env.View().Where(tokenObject, "bucket", old.ID)
			if len(objects) > 0 && !old.Inputs.Bool("forceDestroy") {
				// Source: the provider's own check in resource_storage_bucket.go
				return &resource.Error{Code: ReasonInUse, Message: fmt.Sprintf(
					"Error trying to delete bucket %s containing objects without `force_destroy` set to true", old.ID)}
			}
			for _, o := range objects {
				if err := env.Remove(o); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// number turns decimal digits into the number a property map holds.
func number(digits string) float64 {
	var n float64
	for _, d := range digits {
		n = n*10 + float64(d-'0')
	}
	return n
}

func bucketObject() *resource.Type {
	return &resource.Type{
		Token: tokenObject, Label: "object",
		Properties: []resource.Property{
			{Name: "bucket", Kind: resource.String, Required: true, Immutable: true},
			{
				Name: "name", Kind: resource.String, Immutable: true, Min: resource.At(1), Max: resource.At(1024),
				Complain: func(v any) string { // Source: "About Cloud Storage objects", naming requirements
					if s := v.(string); strings.ContainsAny(s, "\r\n") || s == "." || s == ".." || strings.HasPrefix(s, ".well-known/acme-challenge/") {
						return fmt.Sprintf("%q is no object name", s)
					}
					return ""
				},
			},
			{Name: "source", Kind: resource.Asset, Immutable: true},
			{Name: "content", Kind: resource.String, Immutable: true, Secret: true},
			{Name: "contentType", Kind: resource.String},
			{Name: "cacheControl", Kind: resource.String},
			{Name: "metadata", Kind: resource.Map, Elem: &resource.Property{Kind: resource.String}},
		},
		Unmodelled: []string{
			"contentDisposition", "contentEncoding", "contentLanguage", "contexts", "customerEncryption", "deletionPolicy", "detectMd5hash",
			"eventBasedHold", "forceEmptyContentType", "kmsKeyName", "retention", "sourceMd5hash", "storageClass", "temporaryHold",
		},
		Computed: []string{"crc32c", "md5hash", "md5hexhash", "generation", "mediaLink", "selfLink", "outputName"},
		Unique:   []string{"bucket", "name"},
		AutoName: autoName(1024),
		Conflict: func(resource.Props) error { return nil }, // an upload overwrites what is there ("Objects: insert")
		Check: func(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
			_, source := in["source"]
			_, content := in["content"]
			if source == content {
				return []resource.Failure{{Property: "source", Reason: "\"source\": one of `content,source` must be specified"}}
			}
			return nil
		},
		Create: createObject,
	}
}

func createObject(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
	owner, name := in.Str("bucket"), in.Str("name")
	if _, ok := env.View().Get(tokenBucket, owner); !ok {
		return "", nil, apiError(404, ReasonNotFound, "The specified bucket does not exist.")
	}
	var r io.Reader = strings.NewReader(in.Str("content"))
	if b, ok := in.Blob("source"); ok {
		f, err := os.Open(env.BlobFile(b))
		if err != nil {
			return "", nil, fmt.Errorf("read the source of %s: %w", name, err)
		}
		defer f.Close()
		r = f
	}
	sum, crc := md5.New(), crc32.New(crc32.MakeTable(crc32.Castagnoli)) //nolint:gosec // see the import
	if _, err := io.Copy(io.MultiWriter(sum, crc), r); err != nil {
		return "", nil, fmt.Errorf("read the source of %s: %w", name, err)
	}
	var crcBytes [4]byte
	binary.BigEndian.PutUint32(crcBytes[:], crc.Sum32())
	hash := hex.EncodeToString(sum.Sum(nil))
	generation := digits(15, "generation", owner, name, hash)
	path := owner + "/o/" + url.PathEscape(name)
	return owner + "-" + name, resource.Props{
		"crc32c": base64.StdEncoding.EncodeToString(crcBytes[:]), "md5hash": base64.StdEncoding.EncodeToString(sum.Sum(nil)), "md5hexhash": hash,
		"generation": number(generation), "outputName": name, "selfLink": "https://www.googleapis.com/storage/v1/b/" + path,
		"mediaLink": "https://storage.googleapis.com/download/storage/v1/b/" + path + "?generation=" + generation + "&alt=media",
	}, nil
}

var errNoObject = errors.New("no such object")

// sourceObject finds the object a function is built from.
func sourceObject(v resource.View, bucket, object string) (resource.Record, error) {
	for _, r := range v.Where(tokenObject, "bucket", bucket) {
		if r.Inputs.Str("name") == object {
			return r, nil
		}
	}
	return resource.Record{}, errNoObject
}
