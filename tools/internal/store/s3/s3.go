// Package s3 keeps documents in a bucket of Amazon S3.
package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"polygate.example/tools/internal/store"
)

// Bucket is a place in S3. Whoever reads needs s3:GetObject and s3:ListBucket, without which S3 answers 403 for a key that is not there
// (GetObject, "Permissions", docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html); whoever writes, s3:PutObject too.
type Bucket struct {
	client *sdk.Client
	name   string
}

// New connects to a bucket, in the region that it is in.
func New(config aws.Config, region, name string) *Bucket {
	return &Bucket{name: name, client: sdk.NewFromConfig(config, func(o *sdk.Options) {
		o.Region = region
		// Documents are small and sent over TLS: a trailing checksum would only make the request a stream.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})}
}

// Where is the bucket.
func (b *Bucket) Where() string { return "s3://" + b.name }

// Read gives an object. Its version is its entity tag.
func (b *Bucket) Read(ctx context.Context, name string) (store.Object, error) {
	out, err := b.client.GetObject(ctx, &sdk.GetObjectInput{Bucket: &b.name, Key: &name})
	if errors.As(err, new(*types.NoSuchKey)) {
		return store.Object{}, store.ErrNotFound
	}
	if err != nil {
		return store.Object{}, err
	}
	defer out.Body.Close()
	data, err := io.ReadAll(io.LimitReader(out.Body, store.Most+1))
	if err == nil && len(data) > store.Most {
		err = fmt.Errorf("it has more than %d bytes", store.Most)
	}
	if err != nil {
		return store.Object{}, err
	}
	return store.Object{Data: data, Version: aws.ToString(out.ETag), Modified: aws.ToTime(out.LastModified)}, nil
}

// Write puts an object under a condition. S3 answers 412 when it is not met, 409 when somebody writes at the same moment, and 404 when there
// is no object to match. Source: "How to prevent object overwrites with conditional writes", docs.aws.amazon.com/AmazonS3/latest/userguide/
// conditional-writes.html.
func (b *Bucket) Write(ctx context.Context, name string, data []byte, ifVersion string) (string, error) {
	in := &sdk.PutObjectInput{Bucket: &b.name, Key: &name, Body: bytes.NewReader(data), ContentType: aws.String("application/json")}
	if ifVersion == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &ifVersion
	}
	out, err := b.client.PutObject(ctx, in)
	if conflict(err) {
		return "", store.ErrConflict
	}
	if err != nil {
		return "", err
	}
	return aws.ToString(out.ETag), nil
}

func conflict(err error) bool {
	if errors.As(err, new(*types.NoSuchBucket)) {
		return false
	}
	var answer *awshttp.ResponseError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.HTTPStatusCode() {
	case http.StatusPreconditionFailed, http.StatusConflict:
		return true
	case http.StatusNotFound:
		var coded interface{ ErrorCode() string } // PutObject models no NoSuchKey of its own
		return errors.As(err, &coded) && coded.ErrorCode() == "NoSuchKey"
	}
	return false
}

var _ store.Driver = (*Bucket)(nil)
